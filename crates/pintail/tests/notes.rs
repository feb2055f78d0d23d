//! `pintail notes`, as an operator meets it: whole screens and documents of a small history, golden.

#![allow(clippy::disallowed_methods, reason = "tests start git and write files by hand")]

mod common;

use common::{HANDOVER, Ran, Stage};
use insta::assert_snapshot;
use std::io::Write;
use std::process::{Command, Stdio};

/// The project's history, as `git fast-import` takes it: every hash is the same wherever it is made. `v1.0` is live,
/// `v1.1` came from a branch that `main` doesn't have.
fn history(config: &str) -> String {
    let mut stream = String::new();
    let mut commit = |mark: u32, branch: &str, from: Option<&str>, message: &str, files: &[(&str, &str)]| {
        let when = 1_393_263_882 + u64::from(mark) * 3600;
        stream.push_str(&format!(
            "commit refs/heads/{branch}\nmark :{mark}\ncommitter John <john@example.org> {when} +0000\ndata {}\n{message}\n",
            message.len()
        ));
        stream.extend(from.map(|from| format!("from {from}\n")));
        for (path, content) in files {
            stream.push_str(&format!("M 644 inline {path}\ndata {}\n{content}\n", content.len()));
        }
    };
    let files = [("pintail.toml", config), ("cpanfile", "requires 'Moo';\nrequires 'Old';\n")];
    commit(1, "main", None, "First.\n\nDeployment:\n- [config] set DB\n", &files);
    commit(2, "main", Some(":1"), "Mail.\n\nDeployment: start the mailer by hand\n", &[]);
    let seed = "New foobar magic.\n\nDeployment:\n\n- This version has schema changes - run ddgc_db_autoupgrade.pl\n\
        - New dependency - Foo::Bar::Magic\n";
    let magic = [("cpanfile", "requires 'Moo', '2';\nrequires 'Foo::Bar::Magic';\n")];
    commit(3, "main", Some(":2"), seed, &magic);
    let trailers = "Search by words.\n\nDeployment:\n- ! [backup] keep a copy of the index\n- [info] the first search is slow\n\n\
        Deploy-Run: reindex --all\nDeploy-Requires: cmd jq\nDeploy-Requires: cpan Foo::Bar >= 1.2\nDeploy-Maintenance: required\n\
        Deploy-Backup: database\n";
    commit(4, "main", Some(":3"), trailers, &[]);
    commit(5, "main", Some(":4"), "Try caching.\n\nDeployment:\n- empty the cache\n", &[]);
    commit(6, "main", Some(":5"), "Revert \"Try caching.\"\n\nIt was slower.\n", &[]);
    commit(7, "main", Some(":6"), "Revert \"Mail.\"\n\nNobody reads it.\n", &[]);
    let only = "Show the version.\n\nDeployment:\n- tell the admins:\n  - the footer has it\n  - so has /version\n\nDeploy-Env: local\n";
    commit(
        8,
        "main",
        Some(":7"),
        only,
        &[("deploy/notes/logs.md", "---\nid: logs\n---\n- [manual] rotate the logs\n")],
    );
    let fix = "A fix for now.\n\nDeployment:\n- raise the limit of open files\n\nDeploy-Run: reindex\n";
    commit(9, "fix", Some(":2"), fix, &[]);
    let unread = "Drop what is old.\n\nDeploy-Run: drop; rm -rf /\nDeploy-Requires: pip x\n";
    commit(10, "unread", Some(":8"), unread, &[]);
    stream.push_str(
        "reset refs/tags/v1.0\nfrom :2\n\nreset refs/tags/v1.1\nfrom :9\n\nreset refs/tags/v2.0\nfrom :8\n\n",
    );
    stream
}

fn git(stage: &Stage, arguments: &[&str], input: &str) {
    let mut git = Command::new("git")
        .arg("-C")
        .arg(&stage.project)
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    git.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    assert!(git.wait().unwrap().success());
}

/// The stage's own configuration names a folder of this run; that of the commits is the same everywhere.
fn stage() -> Stage {
    let config = "name = \"hello\"\n[release]\ntag = \"v{version}\"\n[targets.local]\nhosts = [\"local\"]\n[host]\nroot = \"root\"\n\
        [processes.web]\nrun = \"bin/hello\"\n[tasks.reindex]\nrun = \"script/reindex\"\n";
    let stage = Stage::new(HANDOVER);
    stage.set_config(config);
    git(&stage, &["init", "--quiet", "--initial-branch=main"], "");
    git(&stage, &["fast-import", "--quiet"], &history(config));
    stage
}

/// Hashes and digests stay: they are the same everywhere, and the one that acknowledges is a promise.
fn plain(stage: &Stage, ran: &Ran) -> String {
    let room = stage.room().canonicalize().unwrap();
    let text = format!("exit {}\n--- stdout\n{}--- stderr\n{}", ran.code, ran.out, ran.err);
    text.replace(&room.display().to_string(), "ROOM").replace(&stage.room().display().to_string(), "ROOM")
}

#[test]
fn what_is_asked_between_two_versions() {
    let stage = stage();
    let told = |arguments: &[&str]| plain(&stage, &stage.run(&[&["notes"], arguments].concat()));
    assert_snapshot!("notes-forth", told(&["1.0..2.0"]));
    assert_snapshot!("notes-forth-json", told(&["1.0..2.0", "--json", "--target", "local"]));
    assert_snapshot!("notes-back", told(&["2.0..1.0"]));
    assert_snapshot!("notes-aside", told(&["1.1..2.0"]));
    assert_snapshot!("notes-nothing", told(&["1.0..v1.0"]));
    assert_snapshot!("notes-unread", told(&["2.0..unread"]));
    assert_eq!(told(&["v2.0"]), told(&["..v2.0"]));
    assert_snapshot!("notes-all", told(&["1.0"]));
}

#[test]
fn what_is_no_range_is_told() {
    let stage = stage();
    let told = |arguments: &[&str]| plain(&stage, &stage.run(&[&["notes"], arguments].concat()));
    let all = [told(&["3.0.."]), told(&["1.0...2.0"]), told(&["1.0..2.0", "--target", "prod"])];
    assert_snapshot!("notes-no-range", all.join("\n"));
    let clone = stage.room().join("clone");
    let url = format!("file://{}", stage.project.display());
    git(&stage, &["clone", "--quiet", "--depth=1", "--branch=main", &url, &clone.display().to_string()], "");
    let mut command = Command::new(common::PINTAIL);
    command.arg("-C").arg(&clone).args(["notes", "HEAD"]);
    assert_snapshot!("notes-shallow", plain(&stage, &common::ran(command)));
}
