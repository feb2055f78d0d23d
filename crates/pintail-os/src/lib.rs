//! One module for each outside thing: files, locks, programs, processes, sockets, the clock.
//! Knows nothing of Pintail: no release, no host, no journal. Modules are declared in the order in
//! which they may use each other.

pub mod clock;

pub mod process;

pub mod files;

pub mod lock;

pub mod signals;

pub mod reap;

pub mod program;

pub mod socket;

pub mod terminal;
