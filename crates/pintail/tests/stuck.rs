//! An undo that fails: the operation is stuck, says so with what to do, keeps saying so, and is undone once that is
//! mended. What serves goes on serving meanwhile.

#![allow(clippy::disallowed_methods, reason = "tests change files by hand")]

mod common;

use common::{HANDOVER, RESTART, Stage, error, finish, wait_for};
use std::fs;
use std::time::Duration;

/// Spoils something while 2.0 is on its way, then has it undone, which can't be.
struct Trap {
    process: &'static str,
    /// It is paused after this step has acted.
    after: &'static str,
    /// The step whose undo fails.
    stuck_at: &'static str,
    spoil: fn(&Stage),
    mend: fn(&Stage),
    why: &'static str,
}

#[track_caller]
fn stuck(trap: &Trap) {
    let stage = Stage::new(trap.process);
    for version in ["1.0", "2.0", "3.0"] {
        stage.release(version, "healthy");
    }
    stage.deploy("1.0").expect(0);
    let before = stage.picture();
    let paused = stage.paused_after("2.0", trap.after);
    (trap.spoil)(&stage);
    let aborting = stage.start(&["abort", "local"]);
    let wish = stage.operation(2).join("abort");
    wait_for("the wish", Duration::from_secs(20), || wish.exists());
    let ran = paused.go_on();
    assert_eq!(ran.code, 4, "{}", ran.all());
    let told = stage.plain(error(&ran));
    let head = format!(
        "error: deploy 2 of 2.0 to `local` is stuck on `local`: step `{}` could not be undone\n",
        trap.stuck_at
    );
    assert!(told.starts_with(&head), "{told}");
    assert!(told.contains(trap.why), "{told}");
    assert!(told.contains("\nthe steps before it are not undone either\nhint: "), "{told}");
    let aborted = finish(aborting);
    assert_eq!(aborted.code, 4, "{}", aborted.all());

    // It keeps being told, and nothing else is begun.
    let status = stage.status();
    assert_eq!(status["unfinished"]["id"], 2, "{status:#}");
    assert!(status["unfinished"]["stuck"].is_string(), "{status:#}");
    let shown = stage.run(&["status", "local"]).out;
    assert!(shown.contains("STUCK: "), "{shown}");
    assert!(shown.contains("mend that, then `pintail abort local` tries again"), "{shown}");
    for command in [
        &["deploy", "local", "3.0", "--yes"][..],
        &["abort", "local"],
        &["resume", "local"],
        &["rollback", "local", "--yes"],
    ] {
        let ran = stage.run(command);
        assert_eq!(ran.code, 4, "{command:?} {}", ran.all());
        assert!(error(&ran).contains(trap.why), "{command:?} {}", ran.all());
    }
    assert!(stage.run(&["doctor", "local"]).out.contains("deployment 2"), "doctor tells of it");
    assert!(stage.run(&["history", "local"]).out.contains("stuck"), "history tells of it");

    (trap.mend)(&stage);
    let aborted = stage.run(&["abort", "local"]);
    assert_eq!(aborted.code, 0, "{}", aborted.all());
    assert!(aborted.err.contains("undone: `local` serves 1.0 as before"), "{}", aborted.all());
    assert_eq!(stage.picture(), before);
    stage.check_well("1.0", "mended");
    stage.deploy("3.0").expect(0);
    stage.check_well("3.0", "the next one");
}

fn folder_for_link(path: &std::path::Path) {
    fs::remove_file(path).unwrap();
    fs::create_dir_all(path.join("in the way")).unwrap();
}

#[test]
fn the_public_name_became_a_folder() {
    stuck(&Trap {
        process: HANDOVER,
        after: "route",
        stuck_at: "route",
        spoil: |stage| folder_for_link(&stage.public_socket()),
        mend: |stage| fs::remove_dir_all(stage.public_socket()).unwrap(),
        why: "is there and is no symbolic link",
    });
}

#[test]
fn current_became_a_folder() {
    stuck(&Trap {
        process: HANDOVER,
        after: "switch",
        stuck_at: "switch",
        spoil: |stage| folder_for_link(&stage.root.join("current")),
        mend: |stage| fs::remove_dir_all(stage.root.join("current")).unwrap(),
        why: "is there and is no symbolic link",
    });
}

/// In a restart the old one is down by then; the flag stays up, which is the truth.
#[test]
fn current_became_a_folder_in_a_restart() {
    stuck(&Trap {
        process: RESTART,
        after: "switch",
        stuck_at: "switch",
        spoil: |stage| folder_for_link(&stage.root.join("current")),
        mend: |stage| fs::remove_dir_all(stage.root.join("current")).unwrap(),
        why: "is there and is no symbolic link",
    });
}

#[test]
fn the_maintenance_flag_became_a_folder() {
    stuck(&Trap {
        process: RESTART,
        after: "maintenance-on",
        stuck_at: "maintenance on",
        spoil: |stage| folder_for_link(&stage.root.join("run/maintenance")),
        mend: |stage| fs::remove_dir_all(stage.root.join("run/maintenance")).unwrap(),
        why: "cannot lower",
    });
}

/// The old release's program is gone when it is to be started again: it can't be had back but by whoever took it.
#[test]
fn the_old_release_is_gone() {
    stuck(&Trap {
        process: RESTART,
        after: "stop",
        stuck_at: "stop",
        spoil: |stage| {
            let current = fs::canonicalize(stage.root.join("current")).unwrap();
            fs::rename(current, stage.room().join("taken")).unwrap();
        },
        mend: |stage| {
            let name = fs::read_link(stage.root.join("current")).unwrap();
            fs::rename(stage.room().join("taken"), stage.root.join(name)).unwrap();
        },
        why: "cannot",
    });
}
