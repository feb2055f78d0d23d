//! What Pintail knows and decides, as plain values: configuration in, plans out.
//! It has no hands: no files, programs, clock, environment or network. Modules are declared in the order in which
//! they may use each other.

pub mod digest;

pub mod version;

pub mod name;

pub mod setting;

pub mod manifest;

pub mod config;

pub mod notes;

pub mod history;

pub mod layout;

pub mod observed;

pub mod plan;

pub mod supervision;

pub mod wire;

pub mod wants;
