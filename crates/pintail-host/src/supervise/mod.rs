//! The embedded supervisor: keeps an application's processes running and its listening sockets open.
//!
//! Knows processes, sockets and logs of one root; nothing of releases, deployments or health.
//! Three faces of the one binary: [`server`] watches, [`holder`] keeps sockets, [`gate`] becomes the program.
//! Declared in the order in which they may use each other.

pub mod protocol;

mod door;
mod face;
mod place;
mod tell;

pub mod env_file;
mod group;
mod logs;
mod patience;
mod record;
pub mod unwatched;

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

mod service;

pub mod server;
