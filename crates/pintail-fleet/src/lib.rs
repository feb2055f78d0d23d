//! The operator's side: how a host's agent is reached and talked to, and how a target's hosts are asked,
//! planned for and led through an operation. Knows no step, no terminal.

pub mod image;

mod ssh;

pub mod transport;

pub mod depot;

pub mod session;

pub mod patches;

mod each;

pub mod target;

mod march;

pub mod fleet;
