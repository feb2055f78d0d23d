//! What `build` makes: a commit, the same everywhere, whole or not at all.

#![allow(clippy::disallowed_methods, reason = "tests start programs and write files by hand")]

#[path = "../common/mod.rs"]
mod common;

use common::{PINTAIL, Ran, apps::git, apps::is_alive, ran};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

mod includes;
mod missing;
mod same;
mod versions;

/// A project in a repository of its own.
struct Project {
    room: tempfile::TempDir,
    folder: PathBuf,
}

const CONFIG: &str = "name = \"pond\"\n[targets.local]\nhosts = [\"local\"]\nroot = \"/nowhere/pond\"\n";

impl Project {
    /// One with these lines in its configuration, not committed yet.
    fn new(config: &str) -> Self {
        let room = tempfile::Builder::new().prefix("pintail-test-").tempdir().unwrap();
        let folder = room.path().join("project");
        fs::create_dir(&folder).unwrap();
        git(&folder, &["init", "--quiet", "--initial-branch=main"]);
        let project = Self { room, folder };
        project.write("pintail.toml", &format!("{CONFIG}{config}"));
        project.write(".gitignore", ".pintail/\n");
        project
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn commit(&self, message: &str) -> String {
        git(&self.folder, &["add", "--all"]);
        git(&self.folder, &["commit", "--quiet", "--allow-empty", "-m", message]);
        git(&self.folder, &["rev-parse", "HEAD"])
    }

    fn command(&self, arguments: &[&str]) -> Command {
        command(&self.folder, arguments)
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments))
    }

    /// The card of what `build` with these arguments made.
    #[track_caller]
    fn built(&self, arguments: &[&str]) -> Value {
        let arguments = [&["build", "--json"], arguments].concat();
        self.run(&arguments).expect(0).json()
    }

    /// Path and mode of everything in the artifact of `version`.
    #[track_caller]
    fn shown(&self, version: &str) -> Vec<String> {
        let shown = self.run(&["depot", "show", version, "--json"]).expect(0).json();
        let entries = shown["manifest"]["entries"].as_array().unwrap().clone();
        let told = |entry: &Value| match entry["kind"].as_str().unwrap() {
            "file" => format!("{} {}", entry["mode"].as_str().unwrap(), entry["path"].as_str().unwrap()),
            "symlink" => {
                format!("{} -> {}", entry["path"].as_str().unwrap(), entry["target"].as_str().unwrap())
            }
            _ => format!("{}/", entry["path"].as_str().unwrap()),
        };
        entries.iter().map(told).collect()
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PINTAIL);
    command.arg("-C").arg(folder).args(arguments).stdin(Stdio::null()).env("USER", "tester").env("TZ", "UTC");
    command
}
