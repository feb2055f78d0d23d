//! An operator, or an agent, that may not do what it should. Each is told with what to do, and nothing changes.
//! Needs root, to become somebody else; without it the tests say so and check nothing.

#![allow(clippy::disallowed_methods, reason = "tests change permissions by hand")]
#![allow(clippy::print_stdout, reason = "what was not checked is said")]

mod common;

use common::{HANDOVER, PINTAIL, Ran, Stage, error, ran};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};

const NOBODY: u32 = 65534;

/// A stage in a place that everybody may enter, with two releases; `None` when not root.
fn stage() -> Option<Stage> {
    if !Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n") {
        println!("not checked: only root can become somebody else");
        return None;
    }
    let stage = Stage::new(HANDOVER);
    allow(stage.room(), 0o755);
    // The program under test may lie where nobody else may look.
    fs::copy(PINTAIL, stage.room().join("pintail")).unwrap();
    stage.release("1.0", "healthy");
    stage.release("2.0", "healthy");
    Some(stage)
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Runs a command as nobody.
fn as_nobody(stage: &Stage, arguments: &[&str]) -> Ran {
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(stage.room().join("pintail"));
    command.arg("-C").arg(&stage.project).args(arguments).stdin(Stdio::null());
    command.env("USER", "nobody").env("TZ", "UTC");
    ran(command)
}

fn give_to_nobody(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
}

#[track_caller]
fn refused(stage: &Stage, arguments: &[&str], expected: &str) {
    let ran = as_nobody(stage, arguments);
    assert_eq!(
        (ran.code, stage.plain(error(&ran))),
        (1, expected.to_owned()),
        "{arguments:?}\n{}",
        ran.all()
    );
}

#[test]
fn a_root_that_cannot_be_made() {
    let Some(stage) = stage() else { return };
    let expected = "error: cannot make the folder `ROOT`
  Permission denied (os error 13)
hint: the agent runs as `nobody`; it must own the root";
    refused(&stage, &["deploy", "local", "1.0", "--yes"], expected);
    assert!(!stage.root.exists());
    // Once it may, it works, as nobody.
    fs::create_dir(&stage.root).unwrap();
    give_to_nobody(&stage.root);
    as_nobody(&stage, &["deploy", "local", "1.0", "--yes"]).expect(0);
    stage.check_well("1.0", "as nobody");
}

#[test]
fn a_root_that_is_another_s() {
    let Some(stage) = stage() else { return };
    stage.deploy("1.0").expect(0);
    let before = (stage.picture(), stage.names("journal"));
    for command in [
        &["deploy", "local", "2.0", "--yes"][..],
        &["rollback", "local", "--yes"],
        &["status"],
        &["maintenance", "on", "local"],
        &["abort", "local"],
    ] {
        let asked = if command[0] == "maintenance" { "take" } else { "look at" };
        let expected = format!(
            "error: cannot {asked} the lock `ROOT/journal/lock`
  Permission denied (os error 13)
hint: the agent runs as `nobody`; it must own the root"
        );
        refused(&stage, command, &expected);
    }
    let doctor = as_nobody(&stage, &["doctor", "local"]);
    assert_eq!(doctor.code, 1, "{}", doctor.all());
    let told = stage.plain(&doctor.out);
    assert!(told.contains("BAD root        `nobody` may not write to `ROOT`: Permission denied"), "{told}");
    assert!(told.contains("hint: as root: `install -d -o nobody ROOT`"), "{told}");
    assert_eq!((stage.picture(), stage.names("journal")), before);
    stage.check_well("1.0", "another's");
    stage.deploy("2.0").expect(0);
    stage.check_well("2.0", "its owner");
}

/// The root is the agent's, but a folder in it was made by somebody else.
#[test]
fn a_folder_that_is_another_s() {
    let Some(stage) = stage() else { return };
    fs::create_dir(&stage.root).unwrap();
    give_to_nobody(&stage.root);
    as_nobody(&stage, &["deploy", "local", "1.0", "--yes"]).expect(0);
    for folder in ["releases", "docroot", "run", "shared/log"] {
        let path = stage.root.join(folder);
        chown(&path, Some(0), Some(0)).unwrap();
        let before = stage.picture();
        let ran = as_nobody(&stage, &["deploy", "local", "2.0", "--yes"]);
        if folder == "shared/log" {
            // The application's own affair.
            ran.expect(0);
            as_nobody(&stage, &["rollback", "local", "--yes"]).expect(0);
        } else {
            assert!(matches!(ran.code, 1 | 3), "{folder}: {}", ran.all());
            assert!(error(&ran).contains("Permission denied"), "{folder}: {}", ran.all());
            assert!(
                error(&ran).contains("hint: the agent runs as `nobody`; it must own"),
                "{folder}: {}",
                ran.all()
            );
            assert_eq!(stage.picture(), before, "{folder}");
        }
        give_to_nobody(&path);
        stage.check_well("1.0", folder);
    }
    as_nobody(&stage, &["deploy", "local", "2.0", "--yes"]).expect(0);
    stage.check_well("2.0", "all its own again");
}

#[test]
fn a_release_that_cannot_be_read() {
    let Some(stage) = stage() else { return };
    fs::create_dir(&stage.root).unwrap();
    give_to_nobody(&stage.root);
    for version in ["1.0", "2.0"] {
        as_nobody(&stage, &["deploy", "local", version, "--yes"]).expect(0);
    }
    let name = stage.names("releases").into_iter().find(|name| name.starts_with("1.0-")).unwrap();
    let release = stage.root.join("releases").join(name);
    chown(&release, Some(0), Some(0)).unwrap();
    allow(&release, 0o700);
    let ran = as_nobody(&stage, &["rollback", "local", "--yes"]);
    assert_eq!(ran.code, 3, "{}", ran.all());
    assert!(error(&ran).contains("ermission denied"), "{}", ran.all());
    stage.check_well("2.0", "went back");
    give_to_nobody(&release);
    allow(&release, 0o555);
    as_nobody(&stage, &["rollback", "local", "--yes"]).expect(0);
    stage.check_well("1.0", "readable again");
}

#[test]
fn settings_that_others_may_read_are_refused() {
    let stage = Stage::new(HANDOVER);
    stage.release("1.0", "healthy");
    stage.release("2.0", "healthy");
    stage.deploy("1.0").expect(0);
    let env = stage.root.join("env");
    fs::write(&env, "SECRET=hush\n").unwrap();
    for mode in [0o644, 0o640, 0o604, 0o602] {
        allow(&env, mode);
        let ran = stage.deploy("2.0");
        ran.expect(1);
        let expected = format!(
            "error: will not use the settings in `ROOT/env`\n  others may read or write it (mode {mode:o})
hint: `chmod 600 ROOT/env`"
        );
        assert_eq!(stage.plain(error(&ran)), expected);
        assert!(!ran.all().contains("hush"), "{}", ran.all());
        let status = stage.status();
        assert_eq!(status["live"]["version"], "1.0");
        let remark = stage.plain(status["remarks"][0].as_str().unwrap());
        assert_eq!(
            remark,
            format!("will not use the settings in `ROOT/env`: others may read or write it (mode {mode:o})")
        );
        assert_eq!(stage.served().as_deref(), Ok("1.0"));
    }
    allow(&env, 0o600);
    stage.deploy("2.0").expect(0);
    stage.check_well("2.0", "readable by its owner alone");
}

/// Somebody who is not root shares unchanged files between releases; then neither the application nor anybody else
/// writes into them by accident, and each release goes by itself.
#[test]
fn unchanged_files_are_one_where_nobody_may_write() {
    let Some(stage) = stage() else { return };
    fs::create_dir_all(&stage.root).unwrap();
    // Patches are kept in the depot.
    for place in [stage.root.as_path(), stage.depot().folder()] {
        give_to_nobody(place);
    }
    let config = fs::read_to_string(stage.project.join("pintail.toml")).unwrap();
    for (version, prepare, names) in [("1.0", "", 1), ("2.0", "", 2), ("3.0", "prepare = [\"true\"]\n", 1)] {
        stage.release(version, "healthy");
        stage.set_config(&config.replace("[host]\n", &format!("[host]\n{prepare}")));
        as_nobody(&stage, &["deploy", "local", version, "--yes"]).expect(0);
        let program = fs::metadata(stage.root.join("current/bin/hello")).unwrap();
        assert_eq!((program.nlink(), program.mode() & 0o777), (names, 0o555), "{version}");
        let version_file = fs::metadata(stage.root.join("current/VERSION")).unwrap();
        assert_eq!(version_file.nlink(), 1, "what differs is nobody else's");
    }
    let before = fs::read(stage.root.join("current/bin/hello")).unwrap();
    let write = format!("echo broken >> {}", stage.root.join("current/bin/hello").display());
    let wrote = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", &write])
        .stderr(Stdio::null())
        .status();
    assert!(!wrote.unwrap().success());
    assert_eq!(fs::read(stage.root.join("current/bin/hello")).unwrap(), before);
    as_nobody(&stage, &["rollback", "local", "--yes"]).expect(0);
    assert_eq!(stage.served().as_deref(), Ok("2.0"));
    let _ = as_nobody(&stage, &["status"]).expect(0);
}
