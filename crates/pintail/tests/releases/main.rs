//! What a release is on a host and what the commands around it do: shared paths, caches, prepare commands, seals,
//! published files, pruning, going back, building, the depot, running, logs, maintenance, and what they print.

#![allow(clippy::disallowed_methods, reason = "tests start programs and write files by hand")]

#[path = "../common/mod.rs"]
mod common;

mod going_back;
mod origin;
mod printed;
mod published;
mod running;
mod tree;

use common::apps::{self, config, hello, release_folder, release_name, write};
use common::{Ran, Stage, Traffic, wait_for};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(15);

/// A stage without processes: what lies on the disk is all there is.
fn still(host: &str) -> Stage {
    Stage::with(|root| config(root, host, ""))
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}
