//! From one target to the next: what a release asks, who knows of it, and that only what was well there comes here.

#![allow(clippy::disallowed_methods, reason = "tests start programs and write files by hand")]

#[path = "../common/mod.rs"]
mod common;

use common::{PINTAIL, Ran, apps::git, ran};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

mod asked;
mod distance;
mod required;
mod tasks;

/// A project in a repository of its own with two targets on this machine, of which one requires the other.
struct Project {
    room: tempfile::TempDir,
    folder: PathBuf,
}

impl Project {
    /// One with these lines in its configuration, and a first commit.
    fn new(config: &str) -> Self {
        let room = tempfile::Builder::new().prefix("pintail-test-").tempdir().unwrap();
        let folder = room.path().join("project");
        fs::create_dir(&folder).unwrap();
        git(&folder, &["init", "--quiet", "--initial-branch=main"]);
        let root = |target: &str| room.path().join(target).display().to_string();
        let targets = format!(
            "name = \"pond\"\n[targets.view]\nhosts = [\"local\"]\nroot = \"{}\"\n[targets.prod]\nhosts = [\"local\"]\nroot = \
             \"{}\"\nrequires = \"view\"\n",
            root("view"),
            root("prod")
        );
        fs::write(folder.join("pintail.toml"), targets + config).unwrap();
        fs::write(folder.join(".gitignore"), ".pintail/\n").unwrap();
        let project = Self { room, folder };
        project.commit("pond: the first one");
        project
    }

    fn commit(&self, message: &str) -> String {
        git(&self.folder, &["add", "--all"]);
        git(&self.folder, &["commit", "--quiet", "--allow-empty", "--cleanup=verbatim", "-m", message]);
        git(&self.folder, &["rev-parse", "HEAD"])
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PINTAIL);
        command.arg("-C").arg(&self.folder).args(arguments).stdin(Stdio::null());
        command.env("USER", "ada").env("TZ", "UTC");
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments))
    }

    /// A commit with this message, built as `version`.
    #[track_caller]
    fn build(&self, version: &str, message: &str) {
        fs::write(self.folder.join("VERSION"), version).unwrap();
        self.commit(message);
        self.run(&["build", "--version", version]).expect(0);
    }

    /// Deploys, acknowledging whatever is asked.
    #[track_caller]
    fn deploy(&self, target: &str, version: &str) -> Ran {
        let digest = self.digest(target, version);
        let mut arguments = vec!["deploy", target, version, "--yes"];
        if let Some(digest) = &digest {
            arguments.extend(["--ack", digest]);
        }
        let ran = self.run(&arguments);
        ran.expect(0);
        ran
    }

    /// What acknowledges the notes of that deployment.
    #[track_caller]
    fn digest(&self, target: &str, version: &str) -> Option<String> {
        let plan = self.run(&["plan", target, version]);
        let told = plan.expect(0).out.split("--ack ").nth(1)?;
        told.split_whitespace().next().map(str::to_owned)
    }

    #[track_caller]
    fn live(&self, target: &str) -> String {
        let status = self.run(&["status", target, "--json"]).expect(0).json();
        status["targets"][0]["hosts"][0]["live"]["version"].as_str().unwrap_or("nothing").to_owned()
    }

    #[track_caller]
    fn history(&self, target: &str) -> Value {
        self.run(&["history", target, "--json"]).expect(0).json()
    }

    fn of(&self, target: &str) -> PathBuf {
        self.room.path().join(target)
    }
}

/// What people read, without what differs from run to run.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_hexdigit()) {
        let (before, found) = rest.split_at(at);
        plain.push_str(before);
        let end = found.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(found.len());
        let is_alone = !plain.ends_with(|c: char| c.is_alphanumeric())
            && !found[end..].starts_with(|c: char| c.is_alphanumeric());
        match end {
            7.. if is_alone && found[..end].contains(|c: char| c.is_ascii_digit()) => plain.push_str("HASH"),
            _ => plain.push_str(&found[..end]),
        }
        rest = &found[end..];
    }
    plain.push_str(rest);
    plain
}
