//! The commands, a file each.

mod asks;
mod promotion;

mod distance;

mod modules;
mod notes_screen;
mod plan_screen;

mod watcher;

mod signed;

pub(crate) mod operation;

mod dist;

pub(crate) mod build;
pub(crate) mod demo;
pub(crate) mod deploy;
pub(crate) mod depot;
pub(crate) mod doctor;
pub(crate) mod drill;
pub(crate) mod env;
pub(crate) mod faces;
pub(crate) mod generate;
pub(crate) mod history;
pub(crate) mod init;
pub(crate) mod logs;
pub(crate) mod maintenance;
pub(crate) mod notes;
pub(crate) mod plan;
pub(crate) mod release;
pub(crate) mod rollback;
pub(crate) mod run;
pub(crate) mod status;
pub(crate) mod watch;
