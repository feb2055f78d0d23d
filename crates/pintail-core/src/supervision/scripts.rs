//! The scripts in a service's folder.

use super::mark::marked;
use crate::plan::quoted;
use std::path::Path;

/// A `run` script of runit's or daemontools'.
#[derive(Debug, Clone, Copy)]
pub struct Script<'a> {
    /// The application's root.
    pub root: &'a Path,
    /// The program that becomes another user, with that user, where it isn't run as whom it shall be:
    /// `["chpst", "-u", "blog"]`.
    pub user: &'a [&'a str],
    /// What it writes to.
    pub log: &'a Path,
}

fn head(root: &Path) -> String {
    let root = root.display().to_string().replace('\n', " ");
    format!("#!/bin/sh\n# Written by Pintail for {root}. Every deployment makes its own; don't change it.\n")
}

fn word(path: &Path) -> String {
    quoted(&path.display().to_string())
}

impl Script<'_> {
    fn begin(&self) -> String {
        let user: String = self.user.iter().map(|word| format!("{} ", quoted(word))).collect();
        // The log first: what goes wrong from there on is told in it.
        format!("{}exec >> {} 2>&1 < /dev/null\nexec {user}", head(self.root), word(self.log))
    }
}

/// The `run` of instance `n` of the service in `folder`.
pub fn run_script(script: &Script<'_>, folder: &Path, n: u32) -> String {
    let program = word(&folder.join("pintail"));
    marked(&format!("{}{program} enter --service {} --instance {n}\n", script.begin(), word(folder)))
}

/// The `run` of the holder of the root's sockets, whose folder is `folder`.
pub fn holder_script(script: &Script<'_>, folder: &Path) -> String {
    marked(&format!(
        "{}{} keep --root {}\n",
        script.begin(),
        word(&folder.join("pintail")),
        word(script.root)
    ))
}

/// What is run when an instance of the service in `folder` has ended, to keep how: for `pintail status`. systemd
/// says it in the environment and gives the instance; runit's `finish` gives exit code and signal, in the
/// instance's folder.
pub fn ended_script(root: &Path, folder: &Path) -> String {
    marked(&format!(
        "{}if [ -n \"${{SERVICE_RESULT:-}}\" ]; then\n    cd {}/\"$1\" && set -- \"$EXIT_CODE\" \"$EXIT_STATUS\"\nfi\n\
         printf '%s %s\\n' \"$1\" \"$2\" > .ended && mv .ended ended\n",
        head(root),
        word(folder),
    ))
}
