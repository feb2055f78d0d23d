//! Releases: a project in a repository with a bare remote, both in a folder of their own, released by this program; and
//! everything that can be in the way, go wrong, or die.

#![allow(clippy::disallowed_methods, reason = "tests start programs and write files by hand")]

#[path = "../common/mod.rs"]
mod common;

mod bumped;
mod hooks;
mod kills;
mod pushed;
mod refused;
mod shapes;
mod staged;
mod undone;

use common::{Ran, Stage, ran, wait_for};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

/// What most projects here have: a file with the version, a build step, a test.
const PROJECT: &str = r#"name = "hello"
[version]
files = [{ path = "VERSION", pattern = "{version}" }]
[build]
steps = ["mkdir made && cp VERSION made/version"]
test = "test -s made/version"
"#;

/// A project in a repository, and the repository that it is pushed to. Times and names are always the same, so that the
/// same commits have the same hashes in every world.
struct World {
    stage: Stage,
    remote: PathBuf,
}

impl World {
    /// One with this configuration, and `0.1` released by hand.
    fn new(config: &str) -> Self {
        Self::with(|_| config.to_owned(), |_| ())
    }

    /// The same, with files of its own.
    fn with(config: impl FnOnce(&Path) -> String, files: impl FnOnce(&World)) -> Self {
        let stage = Stage::with(config);
        let remote = stage.room().join("remote.git");
        let world = Self { stage, remote };
        let identity = "[user]\nname = Ada\nemail = ada@example.org\n[init]\ndefaultBranch = main\n[advice]\ndetachedHead = false\n";
        fs::write(world.room().join("gitconfig"), identity).unwrap();
        let remote = world.remote.to_str().unwrap().to_owned();
        world.git(&["init", "--quiet", "--bare", &remote]);
        world.git(&["init", "--quiet", "."]);
        world.write(".gitignore", ".pintail/\n");
        world.write("VERSION", "0.1\n");
        world.write("CHANGELOG.md", "# Changelog\n\n## [0.1] - 2026-01-01\n\n- begun\n");
        files(&world);
        world.commit("begin");
        world.git(&["tag", "--annotate", "-m", "hello 0.1", "0.1"]);
        world.git(&["remote", "add", "origin", &world.url()]);
        world.git(&["push", "--quiet", "--set-upstream", "origin", "main", "0.1"]);
        world.write("app", "better\n");
        world.commit("app: better");
        world
    }

    fn room(&self) -> &Path {
        self.stage.room()
    }

    fn url(&self) -> String {
        format!("file://{}", self.remote.display())
    }

    fn path(&self, path: &str) -> PathBuf {
        self.stage.project.join(path)
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    /// A hook of the project's repository.
    fn hook(&self, name: &str, script: &str) {
        let path = self.path(".git/hooks").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn fixed(&self, command: &mut Command) {
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "EMAIL"] {
            command.env_remove(name);
        }
        command
            .env("GIT_CONFIG_GLOBAL", self.room().join("gitconfig"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_DATE", "1795000000 +0000")
            .env("GIT_COMMITTER_DATE", "1795000000 +0000")
            .env("HOME", self.room());
    }

    fn git_in(&self, folder: &Path, arguments: &[&str]) -> Ran {
        let mut command = Command::new("git");
        command.arg("-C").arg(folder).args(arguments).stdin(Stdio::null());
        self.fixed(&mut command);
        ran(command)
    }

    #[track_caller]
    fn git(&self, arguments: &[&str]) -> String {
        self.git_in(&self.stage.project, arguments).expect(0).out.trim_end().to_owned()
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    /// A clone of somebody else's, with a commit that is not pushed yet.
    fn other(&self) -> PathBuf {
        let other = self.room().join("other");
        self.git(&["clone", "--quiet", &self.url(), other.to_str().unwrap()]);
        fs::write(other.join("theirs"), "x").unwrap();
        self.git_in(&other, &["add", "--all"]).expect(0);
        self.git_in(&other, &["commit", "--quiet", "--message", "theirs"]).expect(0);
        other
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.stage.command(&[&["release"], arguments].concat());
        self.fixed(&mut command);
        command
    }

    fn release(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments))
    }

    /// Every reference of both repositories, what is checked out, what is changed, what the depot has.
    fn state(&self) -> String {
        let form = "--format=%(objectname) %(refname)";
        let here = self.git(&["for-each-ref", form]);
        let there = self.git_in(&self.remote, &["for-each-ref", form]).expect(0).out.clone();
        let head = self.git_in(&self.stage.project, &["symbolic-ref", "HEAD"]).out;
        let commit = self.git(&["rev-parse", "HEAD"]);
        let status = self.git(&["status", "--porcelain", "--untracked-files=all"]);
        let depot = self.stage.names_in(&self.path(".pintail/depot"));
        let bench = self.path(".git/pintail/release/bench").exists();
        format!(
            "here\n{here}\nthere\n{there}head {head}{commit}\nstatus\n{status}\ndepot {depot:?}\nbench {bench}\n"
        )
    }

    /// What is told, without what differs from run to run.
    fn plain(&self, text: &str) -> String {
        let text = text.replace(&self.room().display().to_string(), "ROOM");
        let day = self.git(&["log", "-1", "--date=format:%Y", "--format=%ad"]);
        assert_eq!(day.len(), 4);
        let mut plain = String::new();
        for word in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '-') {
            let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            let is_hex = bare.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
            let is_day =
                bare.len() == 10 && bare.split('-').map(str::len).eq([4, 2, 2]) && bare.starts_with("20");
            plain.push_str(&match bare {
                _ if is_day && bare != "2026-01-01" => word.replacen(bare, "DAY", 1),
                _ if is_hex && bare.len() >= 7 && bare.contains(|c: char| c.is_ascii_digit()) => {
                    word.replacen(bare, "HASH", 1)
                }
                _ => word.to_owned(),
            });
        }
        plain
    }
}

/// Waits until the file is there: whoever makes it has come that far.
#[track_caller]
fn wait_until_there(path: &Path) {
    wait_for(&format!("`{}`", path.display()), SOON, || path.exists());
}
