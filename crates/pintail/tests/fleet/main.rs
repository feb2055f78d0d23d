//! Real hosts by ssh: a fleet goes to the new release together, or back together, whatever happens to whom.

#![allow(
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests start programs by hand, and say how much was tried"
)]

#[path = "../common/mod.rs"]
mod common;

mod hosts;

mod clocks;
mod course;
mod depot;
mod disks;
mod elsewhere;
mod links;
mod logins;
mod neighbours;
mod pond;
mod power;
mod released;
mod units;
mod versions;
