//! The operator's side: how a host's agent is reached and talked to, and how a target's hosts are asked,
//! planned for and led through an operation. Knows no step, no terminal.

pub mod transport;

pub mod session;

pub mod patches;

pub mod target;
