//! The supervisor with real processes and real sockets, killed where it hurts.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests stage what the product refuses")]

mod rig;
mod supervise_adopts;
mod supervise_control;
mod supervise_life;
