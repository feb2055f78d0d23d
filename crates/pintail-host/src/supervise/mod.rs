//! The embedded supervisor: keeps an application's processes running and its listening sockets open. And what
//! other supervisors run in its place.
//!
//! Knows processes, sockets and logs of one root; nothing of releases, deployments or health.
//! Three faces of the one binary: [`server`] watches, [`holder`] keeps sockets, [`gate`] becomes the program. Two
//! more where another supervisor watches: [`held`] keeps sockets and finds them again, [`enter`] becomes
//! the program. Declared in the order in which they may use each other.

pub mod protocol;

mod door;
mod face;
mod place;
mod tell;

pub mod env_file;
pub(crate) mod group;
mod logs;
mod patience;
mod record;
pub mod unwatched;

pub(crate) mod folder;
pub(crate) mod scanned;

pub mod client;
pub mod gate;
pub mod holder;

mod control;
mod holder_link;
mod launch;
mod leader;

mod check;
mod instance;
mod sockets;

pub mod enter;
pub mod held;

mod service;

pub mod server;
