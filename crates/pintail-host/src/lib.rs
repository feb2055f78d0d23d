//! What happens on a host: its journal, the steps that change it, the agent that is spoken to, and the
//! supervisors. Knows no other host, no ssh and no terminal.

pub mod supervise;

pub mod ask;
pub mod memo;
pub mod trouble;

mod supervisors;

pub mod journal;

pub mod settings;

pub mod seal;

pub mod hands;

pub mod steps;

pub mod observe;

pub mod operation;

pub mod require;

pub mod examine;

pub mod agent;

pub mod seat;
