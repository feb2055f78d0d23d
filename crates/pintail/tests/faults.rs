//! Bad input: what is typed wrongly, configured wrongly, made by hand on the host, or damaged there. Each is told
//! exactly, nothing changes, and the next deploy works once it is mended.

#![allow(clippy::disallowed_methods, reason = "tests damage files by hand")]

mod common;

use common::{HANDOVER, RESTART, Stage, config, error};
use std::fs;
use std::os::unix::fs::symlink;

#[track_caller]
fn told(stage: &Stage, arguments: &[&str], code: i32, expected: &str) {
    let ran = stage.run(arguments);
    assert_eq!(
        (ran.code, stage.plain(error(&ran)), ran.out.as_str()),
        (code, expected.to_owned(), ""),
        "{arguments:?}"
    );
}

#[test]
fn what_is_typed_wrongly_is_told() {
    let stage = Stage::new(HANDOVER);
    let empty = "error: there is no `hello` to deploy
  the depot `ROOM/project/.pintail/depot` is empty
hint: `pintail build --version V` makes one, or name a file: `pintail deploy TARGET NAME-1.0.tar.gz`";
    told(&stage, &["deploy", "local", "--yes"], 1, empty);
    stage.release("1.0", "healthy");
    stage.release("1.1", "healthy");
    let unknown = "error: there is no `hello` 9.9 to deploy
  `hello` `9.9` is not in the depot `ROOM/project/.pintail/depot`; it has `1.1`, `1.0`
hint: `pintail build --version V` makes one";
    for (arguments, code, expected) in [
        (
            &["deploy", "locla", "1.0", "--yes"][..],
            2,
            "error: there is no target `locla`
  the configuration does not name it
hint: it has `local`",
        ),
        (&["deploy", "local", "9.9", "--yes"], 1, unknown),
        (&["plan", "local", "9.9"], 1, unknown),
        (
            &["deploy", "local", "not a version", "--yes"],
            2,
            "error: `not a version` is no version
  version `not a version` contains ' '; allowed are letters, digits and `. _ + - ~`",
        ),
        (
            &["deploy", "local", "./hello-9.tar.gz", "--yes"],
            1,
            "error: cannot add `./hello-9.tar.gz` to the depot
  can't open `ROOM/project/./hello-9.tar.gz`: No such file or directory (os error 2)",
        ),
        (
            &["depot", "show", "9.9"],
            1,
            "error: cannot show `hello` 9.9
  `hello` `9.9` is not in the depot `ROOM/project/.pintail/depot`; it has `1.1`, `1.0`",
        ),
        (
            &["deploy", "local", "1.0"],
            1,
            "error: will not change `local` unasked
  standard input is no terminal, so nobody can agree to the plan
hint: say `--yes`; `pintail plan` shows what would be done",
        ),
        (
            &["rollback", "local", "--yes"],
            1,
            "error: cannot roll back `local` on `MACHINE`
  no release was ever live and healthy there
hint: `pintail history local` shows what was",
        ),
    ] {
        told(&stage, arguments, code, expected);
    }
    // A file is looked for where `-C` says, as by git.
    fs::write(stage.project.join("hello-9.tar.gz"), "none").unwrap();
    let ran = stage.run(&["deploy", "local", "hello-9.tar.gz", "--yes"]);
    assert!(ran.err.contains("neither gzip nor zstd"), "{}", ran.all());
    assert!(!stage.root.exists(), "nothing of that made anything on the host");
    let wrong = stage.run(&["deploi", "local"]);
    assert_eq!((wrong.code, wrong.err.contains("'deploy'")), (2, true), "{}", wrong.all());
    stage.deploy("1.0").expect(0);
    told(
        &stage,
        &["rollback", "local", "9.9", "--yes"],
        1,
        "error: cannot roll back `local` on `MACHINE`
  no release `9.9` that was live and healthy is there
hint: there is none to go back to",
    );
    stage.check_well("1.0", "after all that");
}

#[test]
fn what_is_configured_wrongly_is_told_all_at_once() {
    let stage = Stage::new(HANDOVER);
    stage.release("1.0", "healthy");
    let good = config(&stage.root, HANDOVER);
    stage.set_config(
        &good.replace("stop_timeout", "stop_timeuot").replace("shared =", "sharde =").replace("3s", "3"),
    );
    let problems = "error: ROOM/project/pintail.toml:8:1: unknown key `sharde` in `[host]`
  did you mean `shared`?
error: ROOM/project/pintail.toml:15:1: unknown key `stop_timeuot` in `[processes.web]`
  did you mean `stop_timeout`?
error: ROOM/project/pintail.toml:16:53: `processes.web.health.within` is `3`, which has no unit
  did you mean `3s`?";
    told(&stage, &["deploy", "local", "1.0", "--yes"], 2, problems);
    stage.set_config("name = \"hello\"\n[targets.local\nhosts = [\"local\"]\n");
    told(
        &stage,
        &["status"],
        2,
        "error: ROOM/project/pintail.toml:2:15: this is no TOML: unclosed table, expected `]`",
    );
    fs::remove_file(stage.project.join("pintail.toml")).unwrap();
    let missing = |name: &str| {
        format!(
            "error: cannot read the configuration `ROOM/project/{name}`
  No such file or directory (os error 2)
hint: run this in the project's folder, or name one with -C; `pintail init` writes a new one"
        )
    };
    told(&stage, &["deploy", "local", "1.0", "--yes"], 2, &missing("pintail.toml"));
    told(&stage, &["--config", "other.toml", "status"], 2, &missing("other.toml"));
    assert!(!stage.root.exists());
    stage.set_config(&good);
    stage.deploy("1.0").expect(0);
    stage.check_well("1.0", "configured well");
}

#[test]
fn a_current_made_by_hand_is_left_alone() {
    let stage = Stage::new(HANDOVER);
    stage.release("1.0", "healthy");
    stage.release("2.0", "healthy");
    let current = stage.root.join("current");
    fs::create_dir_all(current.join("by-hand")).unwrap();
    let refusal = "error: cannot make a release live in `ROOT` on `MACHINE`
  `ROOT/current` is WHAT, which Pintail did not make
hint: move it away if nothing needs it: `mv ROOT/current ROOT/current.before`";
    told(&stage, &["deploy", "local", "1.0", "--yes"], 1, &refusal.replace("WHAT", "a folder"));
    assert_eq!(stage.names("current"), ["by-hand"]);
    fs::remove_dir_all(&current).unwrap();
    fs::write(&current, "by hand").unwrap();
    told(&stage, &["deploy", "local", "1.0", "--yes"], 1, &refusal.replace("WHAT", "a file"));
    assert_eq!(fs::read(&current).unwrap(), b"by hand");
    fs::remove_file(&current).unwrap();

    stage.deploy("1.0").expect(0);
    let ours = fs::read_link(&current).unwrap();
    for (elsewhere, what) in
        [(stage.room(), "a link to `ROOM`"), (&stage.root.join("releases"), "a link to `ROOT/releases`")]
    {
        fs::remove_file(&current).unwrap();
        symlink(elsewhere, &current).unwrap();
        told(&stage, &["deploy", "local", "2.0", "--yes"], 1, &refusal.replace("WHAT", what));
        told(&stage, &["rollback", "local", "1.0", "--yes"], 1, &refusal.replace("WHAT", what));
        let status = stage.status();
        assert_eq!(status["current"]["is"], "foreign", "{status:#}");
        assert_eq!(
            stage.plain(status["drift"][0].as_str().unwrap()),
            format!("`current` is {what}, which Pintail did not make")
        );
        assert_eq!(fs::read_link(&current).unwrap(), elsewhere);
        assert_eq!(stage.served().as_deref(), Ok("1.0"));
    }
    // The same release by an absolute path is ours.
    fs::remove_file(&current).unwrap();
    symlink(stage.root.join(&ours), &current).unwrap();
    stage.check_well("1.0", "by an absolute path");
    stage.deploy("2.0").expect(0);
    stage.check_well("2.0", "from an absolute path");
}

#[test]
fn a_dangling_current_is_told_and_set_anew() {
    let stage = Stage::new(HANDOVER);
    stage.release("1.0", "healthy");
    stage.release("2.0", "unhealthy");
    stage.release("3.0", "healthy");
    stage.deploy("1.0").expect(0);
    let current = stage.root.join("current");
    fs::remove_file(&current).unwrap();
    symlink("releases/0.9-00000000", &current).unwrap();
    let status = stage.status();
    assert!(status["live"].is_null(), "{status:#}");
    assert_eq!(status["drift"][0], "`current` leads to `releases/0.9-00000000`, which is not there");
    // A deployment that fails leaves it as it was; what serves goes on serving.
    stage.deploy("2.0").expect(3);
    assert_eq!(fs::read_link(&current).unwrap().to_str(), Some("releases/0.9-00000000"));
    assert_eq!(stage.served().as_deref(), Ok("1.0"));
    stage.deploy("3.0").expect(0);
    stage.check_well("3.0", "set anew");
}

#[test]
fn a_public_name_that_is_no_link_is_left_alone() {
    let stage = Stage::new(HANDOVER);
    stage.release("1.0", "healthy");
    fs::create_dir_all(stage.root.join("run")).unwrap();
    fs::write(stage.public_socket(), "by hand").unwrap();
    let ran = stage.deploy("1.0");
    ran.expect(3);
    assert_eq!(
        stage.plain(error(&ran)),
        "error: deploy 1 of 1.0 to `local` failed on `local` at step `route`
  cannot use the name `ROOT/run/web.sock`
  something is there that is no link
undone: `local` serves nothing, as before
hint: move it away: `mv ROOT/run/web.sock ROOT/run/web.sock.before`"
    );
    assert_eq!(fs::read(stage.public_socket()).unwrap(), b"by hand");
    fs::remove_file(stage.public_socket()).unwrap();
    stage.deploy("1.0").expect(0);
    stage.check_well("1.0", "moved away");
}

/// Whatever became of the public name, saying `deploy` again puts it right.
#[test]
fn a_public_name_that_was_moved_is_put_back() {
    for process in [HANDOVER, RESTART] {
        let stage = Stage::new(process);
        stage.release("1.0", "healthy");
        stage.deploy("1.0").expect(0);
        fs::remove_file(stage.public_socket()).unwrap();
        let status = stage.status();
        assert_eq!(
            status["drift"],
            serde_json::json!(["the public socket of `web` does not lead to `web@1`"])
        );
        stage.deploy("1.0").expect(0);
        stage.check_well("1.0", process);
    }
}

#[test]
fn a_journal_of_a_newer_pintail_is_left_alone() {
    let stage = Stage::new(HANDOVER);
    stage.release("1.0", "healthy");
    stage.release("2.0", "healthy");
    stage.deploy("1.0").expect(0);
    let path = stage.operation(1).join("plan.json");
    let plan = fs::read_to_string(&path).unwrap();
    fs::write(
        &path,
        plan.replacen("\"format\": 1", "\"format\": 99", 1).replacen(
            "\"pintail\": \"",
            "\"pintail\": \"9.",
            1,
        ),
    )
    .unwrap();
    let before = stage.picture();
    let refusal = "error: cannot read `ROOT/journal/N/plan.json`
  it has format 99 of Pintail 9.0.1.0; this one reads up to 1
hint: use that Pintail or a newer one; nothing was changed";
    for command in [
        &["status"][..],
        &["deploy", "local", "2.0", "--yes"],
        &["rollback", "local", "--yes"],
        &["abort", "local"],
        &["history", "local"],
    ] {
        told(&stage, command, 1, refusal);
    }
    assert_eq!(stage.picture(), before);
    assert_eq!(stage.served().as_deref(), Ok("1.0"));
    fs::write(&path, plan).unwrap();
    stage.deploy("2.0").expect(0);
    stage.check_well("2.0", "back in its own format");
}

#[test]
fn a_card_of_a_newer_pintail_is_no_missing_release() {
    let stage = Stage::new(HANDOVER);
    stage.release("1.0", "healthy");
    let card = stage.project.join(".pintail/depot/artifacts/hello-1.0.json");
    let text = fs::read_to_string(&card).unwrap();
    fs::write(&card, text.replace("\"format\": 1", "\"format\": 7")).unwrap();
    let ran = stage.deploy("1.0");
    let err = &ran.expect(1).err;
    assert!(err.starts_with("error: cannot take `hello` 1.0 from the depot\n  card `"), "{err}");
    assert!(err.ends_with("has format 7, this pintail reads format 1; use a newer pintail\n"), "{err}");
    let missing = stage.deploy("9.9");
    assert!(
        missing.expect(1).err.ends_with("hint: `pintail build --version V` makes one\n"),
        "{}",
        missing.all()
    );
}

/// An event that only a newer Pintail writes, whole and with its checksum: no torn line, and nothing to guess about.
#[test]
fn an_event_of_a_newer_pintail_is_refused() {
    let stage = Stage::new(HANDOVER);
    stage.release("1.0", "healthy");
    stage.release("2.0", "healthy");
    stage.deploy("1.0").expect(0);
    let path = stage.operation(1).join("events");
    let whole = fs::read_to_string(&path).unwrap();
    let json = r#"{"at_ms":1795479841928,"event":"paused","step":3}"#;
    let check = &pintail_core::digest::Digest::of(json.as_bytes()).to_string()[..16];
    let lines = whole.lines().count();
    let last = format!("{whole}{check} {json}\n");
    let middle = whole.replacen('\n', &format!("\n{check} {json}\n"), 1);
    let before = stage.picture();
    for (text, line) in [(last, lines + 1), (middle, 2)] {
        fs::write(&path, &text).unwrap();
        let refusal = format!(
            "error: cannot read the journal `ROOT/journal/N/events`
  line {line} is whole, and this Pintail does not know what it says: `paused`
hint: use the Pintail that wrote it or a newer one; nothing was changed"
        );
        for command in [
            &["status"][..],
            &["deploy", "local", "2.0", "--yes"],
            &["rollback", "local", "--yes"],
            &["resume", "local"],
            &["history", "local"],
        ] {
            told(&stage, command, 1, &refusal);
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    assert_eq!(stage.picture(), before);
    assert_eq!(stage.served().as_deref(), Ok("1.0"));
    fs::write(&path, &whole).unwrap();
    stage.deploy("2.0").expect(0);
}

#[test]
fn a_torn_tail_is_told_and_a_damaged_middle_refused() {
    let stage = Stage::new(HANDOVER);
    stage.release("1.0", "healthy");
    stage.release("2.0", "healthy");
    stage.deploy("1.0").expect(0);
    let path = stage.operation(1).join("events");
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.lines().collect();

    fs::write(&path, format!("{whole}{}", &lines[0][..40])).unwrap();
    let status = stage.status();
    assert_eq!(status["remarks"][0], "the journal of deployment 1 ends in a torn line; nothing rested on it");
    stage.check_well("1.0", "torn after its end");

    // Its last line itself torn: the operation has not ended, and the next command clears it up, which after
    // the point of no return means finishing it.
    let without_end = &whole[..whole.trim_end().rfind('\n').unwrap() + 1];
    fs::write(&path, format!("{without_end}{}", &lines[0][..40])).unwrap();
    let status = stage.status();
    assert_eq!(status["unfinished"]["id"], 1, "{status:#}");
    assert_eq!(status["live"]["version"], "1.0", "{status:#}");
    let next = stage.run(&["resume", "local"]);
    next.expect(0);
    stage.check_well("1.0", "torn before its end");
    assert_eq!(stage.status()["remarks"], serde_json::json!([]), "the torn line is cut off");

    for damage in [
        lines[4].replacen(|c: char| c.is_ascii_digit(), "x", 1),
        lines[4].replace("at_ms", "at_mz"),
        String::new(),
    ] {
        fs::write(&path, whole.replace(lines[4], &damage)).unwrap();
        let before = stage.picture();
        let refusal = "error: cannot read the journal `ROOT/journal/N/events`
  line 5 is damaged and others follow it
hint: its disk is failing or somebody edited it; restore `journal/` from a backup";
        told(&stage, &["status"], 1, refusal);
        told(&stage, &["deploy", "local", "2.0", "--yes"], 1, refusal);
        assert_eq!(stage.picture(), before);
        assert_eq!(stage.served().as_deref(), Ok("1.0"));
    }
    // Whole lines that make no sense together: one is missing.
    fs::write(&path, whole.replace(&format!("{}\n", lines[4]), "")).unwrap();
    let refusal = "error: cannot understand the journal of deployment 1
  the journal makes no sense at its event 5
  `acted 2` can't follow here: step 2 of 14 would be looked at
hint: its disk is failing or somebody edited it; restore `journal/` from a backup";
    told(&stage, &["status"], 1, refusal);

    fs::remove_file(&path).unwrap();
    let refusal = "error: cannot read `ROOT/journal/N/events`
  it is gone, while its plan is there
hint: its disk is failing or somebody edited it; restore `journal/` from a backup";
    told(&stage, &["deploy", "local", "2.0", "--yes"], 1, refusal);

    fs::write(&path, &whole).unwrap();
    stage.deploy("2.0").expect(0);
    stage.check_well("2.0", "restored from a backup");
}

/// The configuration with one prepare command.
fn prepare(stage: &Stage, line: &str, within: &str) {
    let host = format!("prepare = [{{ run = \"{line}\", within = \"{within}\" }}]\nshared =");
    stage.set_config(&config(&stage.root, HANDOVER).replace("shared =", &host));
}

#[test]
fn a_prepare_command_that_fails_changes_nothing() {
    let stage = Stage::new(HANDOVER);
    for version in ["1.0", "2.0"] {
        stage.release(version, "healthy");
    }
    stage.deploy("1.0").expect(0);
    let before = stage.picture();
    for (line, within, expected) in [
        ("echo begun; echo trouble >&2; exit 7", "5s", "exited with 7"),
        ("echo begun; kill -KILL $$", "5s", "was killed by signal 9 (KILL; out of memory?)"),
        ("echo begun; sleep 60; echo end", "300ms", "ran longer than 0.3 s and was stopped"),
        // It ignores TERM, and so do its children.
        ("trap '' TERM; echo begun; sleep 60; echo end", "300ms", "ran longer than 0.3 s and was stopped"),
        ("no-such-command", "5s", "exited with 127"),
    ] {
        prepare(&stage, line, within);
        let ran = stage.deploy("2.0");
        ran.expect(3);
        let expected = format!(
            "error: deploy N of 2.0 to `local` failed on `local` at step `prepare`
  `{line}` failed in release `2.0`
  it {expected}
undone: `local` serves 1.0 as before
hint: `pintail history local` keeps this"
        );
        let id = stage.names("journal").iter().filter_map(|name| name.parse::<u64>().ok()).max().unwrap();
        assert_eq!(error(&ran).replacen(&format!("deploy {id} "), "deploy N ", 1), expected);
        let said = stage.kept_output();
        if line.contains("begun") {
            assert!(ran.err.contains("local  prepare | begun\n"), "{}", ran.all());
            // Its two outputs are two pipes: which is read first is chance.
            assert!(said.contains("begun\n"), "{said}");
        } else {
            assert!(said.contains("no-such-command"), "{said}");
        }
        assert!(!said.contains("end"), "{said}");
        assert_eq!(stage.picture(), before, "{line}");
        stage.check_well("1.0", line);
    }
    prepare(&stage, "echo done > prepared.txt", "5s");
    stage.deploy("2.0").expect(0);
    assert_eq!(fs::read(stage.root.join("current/prepared.txt")).unwrap(), b"done\n");
    stage.check_well("2.0", "prepared");
}

#[test]
fn a_rollback_goes_only_where_it_was_good() {
    let stage = Stage::with(|root| {
        config(root, HANDOVER).replace("shared =", "keep = 2\nshared =").replace("3s", "1s")
    });
    for (version, behaviour) in [
        ("1.0", "healthy"),
        ("2.0", "healthy"),
        ("3.0", "dies-at-start"),
        ("4.0", "unhealthy"),
        ("5.0", "dies-at-start"),
        ("6.0", "healthy"),
        ("7.0", "healthy"),
    ] {
        stage.release(version, behaviour);
    }
    stage.deploy("1.0").expect(0);
    let before = (stage.picture(), stage.names("journal"));
    let refusal = "error: cannot roll back `local` on `MACHINE`
  no release before `1.0` was live and healthy there
hint: `pintail history local` shows what was";
    told(&stage, &["rollback", "local", "--yes"], 1, refusal);
    // Never live: no goal either.
    let refusal = "error: cannot roll back `local` on `MACHINE`
  no release `2.0` that was live and healthy is there
hint: there is none to go back to";
    told(&stage, &["rollback", "local", "2.0", "--yes"], 1, refusal);
    assert_eq!((stage.picture(), stage.names("journal")), before);

    stage.deploy("2.0").expect(0);
    for version in ["3.0", "4.0", "5.0"] {
        stage.deploy(version).expect(3);
    }
    stage.check_well("2.0", "three failed");
    let refusal = "error: cannot roll back `local` on `MACHINE`
  no release `4.0` that was live and healthy is there
hint: it can go back to `1.0`";
    told(&stage, &["rollback", "local", "4.0", "--yes"], 1, refusal);
    // No depot, no git, nothing but the host and the configuration.
    fs::rename(stage.project.join(".pintail"), stage.room().join("away")).unwrap();
    let mut rollback = stage.command(&["rollback", "local", "--yes"]);
    common::ran({
        rollback.env("PATH", "/nowhere");
        rollback
    })
    .expect(0);
    stage.check_well("1.0", "rolled back");
    fs::rename(stage.room().join("away"), stage.project.join(".pintail")).unwrap();

    for version in ["6.0", "4.0", "7.0"] {
        stage.deploy(version);
    }
    stage.check_well("7.0", "pruned");
    let versions: Vec<String> =
        stage.names("releases").iter().map(|name| name.split('-').next().unwrap().to_owned()).collect();
    assert_eq!(
        versions,
        ["1.0", "6.0", "7.0"],
        "the live one and the last two good ones stay, whatever `keep` says"
    );
    stage.run(&["rollback", "local", "--yes"]).expect(0);
    stage.run(&["rollback", "local", "--yes"]).expect(0);
    stage.check_well("1.0", "two back");
}
