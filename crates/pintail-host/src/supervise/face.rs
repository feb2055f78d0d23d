//! Starts this very binary as another of its faces. The one place of the supervisor that spawns.
//!
//! `pintail_os::program` runs programs to their end, with pipes; a face outlives its starter, with files.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::place::Place;

/// This binary, even after its file was replaced by an upgrade: a supervisor's gates speak its own version.
pub(super) const THIS_PROGRAM: &str = "/proc/self/exe";

/// What a process of ours inherits of the environment, and an application of its supervisor's. Whoever
/// starts the first supervisor may have secrets in its own.
pub(super) const INHERITED: [&str; 5] = ["PATH", "HOME", "USER", "LANG", "TZ"];

/// What this process has of [`INHERITED`].
pub(super) fn inherited() -> BTreeMap<String, String> {
    INHERITED.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect()
}

/// Starts `program FACE --root ROOT` in the root, its output appended to the supervisor's log. The face
/// leaves our session by itself.
pub(super) fn start(program: &Path, face: &str, place: &Place) -> io::Result<Child> {
    let log = append_to(&place.own_log())?;
    let mut command = face_of(program, face);
    command.arg("--root").arg(place.root()).current_dir(place.root());
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()
}

/// Starts `pintail gate` with `stdin` as its descriptor 0, its output appended to `log`.
pub(super) fn start_gate(stdin: OwnedFd, log: File) -> io::Result<Child> {
    let mut command = face_of(Path::new(THIS_PROGRAM), "gate");
    command.stdin(stdin).stdout(log.try_clone()?).stderr(log).spawn()
}

/// Opens a log for appending, so that many writers and a rotation get along.
pub(super) fn append_to(log: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(log)
}

#[allow(clippy::disallowed_methods, reason = "a face outlives its starter: no bound, no pipes, own session")]
fn face_of(program: &Path, face: &str) -> Command {
    let mut command = Command::new(program);
    command.arg0("pintail").arg(face).env_clear();
    command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command
}
