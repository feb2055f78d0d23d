//! What people and programs read: whole screens and documents, golden.

mod common;

use common::{HANDOVER, Ran, Stage};
use insta::assert_snapshot;

/// A screen without what differs from run to run.
fn plain(stage: &Stage, ran: &Ran) -> String {
    let text = format!("exit {}\n--- stdout\n{}--- stderr\n{}", ran.code, ran.out, ran.err);
    sizes(&times(&stage.plain(&text)))
}

/// Seconds, moments and ages become letters.
fn times(text: &str) -> String {
    let mut plain = String::new();
    for line in text.lines() {
        let mut words = Vec::new();
        for word in line.split(' ') {
            let digits = word.trim_start_matches('(').trim_end_matches([')', ',', ';']);
            let is_seconds = digits.split_once('.').is_some_and(|(a, b)| {
                b.len() == 2 && !a.is_empty() && a.chars().chain(b.chars()).all(|c| c.is_ascii_digit())
            });
            let is_day = digits.len() == 7 && digits.starts_with("N-");
            let is_clock = digits.len() == 8 && digits.bytes().filter(|b| *b == b':').count() == 2;
            match () {
                () if is_seconds => words.push(word.replace(digits, "S.SS")),
                () if is_day => words.push(word.replace(digits, "DAY")),
                () if is_clock => words.push(word.replace(digits, "CLOCK")),
                () => words.push(word.to_owned()),
            }
        }
        plain.push_str(&words.join(" "));
        plain.push('\n');
    }
    ages(&plain)
}

/// Sizes hang on the compiler that made the sample application.
fn sizes(text: &str) -> String {
    let mut plain = text.to_owned();
    for size in 100..600 {
        plain = plain.replace(&format!("{size} KB"), "NNN KB").replace(&format!("({size} B)"), "(NNN B)");
    }
    plain
}

/// `(3 s ago)`, `since 0 s ago`.
fn ages(text: &str) -> String {
    let mut plain = text.to_owned();
    for seconds in (0..120).rev() {
        plain = plain.replace(&format!("{seconds} s ago"), "S s ago");
    }
    plain
}

#[test]
fn a_life() {
    let stage = Stage::new(HANDOVER);
    assert_snapshot!("status-of-nothing", plain(&stage, &stage.run(&["status"])));
    assert_snapshot!("deploy-from-an-empty-depot", plain(&stage, &stage.run(&["deploy", "local", "--yes"])));
    stage.release("1.0", "healthy");
    stage.release("1.1", "healthy");
    stage.release("1.2", "unhealthy");
    assert_snapshot!("depot-list", plain(&stage, &stage.run(&["depot", "list"])));
    assert_snapshot!("plan", plain(&stage, &stage.run(&["plan", "local", "1.0"])));
    assert_snapshot!("deploy-unasked", plain(&stage, &stage.run(&["deploy", "local", "1.0"])));
    assert_snapshot!("deploy-first", plain(&stage, &stage.deploy("1.0")));
    assert_snapshot!("deploy-again", plain(&stage, &stage.deploy("1.0")));
    assert_snapshot!("rollback-to-nothing", plain(&stage, &stage.run(&["rollback", "local", "--yes"])));
    assert_snapshot!("deploy-second", plain(&stage, &stage.deploy("1.1")));
    stage.set_config(&common::config(&stage.root, HANDOVER).replace("within = \"3s\"", "within = \"300ms\""));
    // What the application wrote to its log comes when it comes.
    let unhealthy = plain(&stage, &stage.deploy("1.2"));
    let told: Vec<&str> = unhealthy.lines().filter(|line| !line.starts_with("  log: ")).collect();
    assert!(told.len() < unhealthy.lines().count(), "the log's last lines are told: {unhealthy}");
    assert_snapshot!("deploy-unhealthy", told.join("\n"));
    stage.set_config(&common::config(&stage.root, HANDOVER));
    assert_snapshot!("rollback", plain(&stage, &stage.run(&["rollback", "local", "--yes"])));
    assert_snapshot!("maintenance-on", plain(&stage, &stage.run(&["maintenance", "on", "local", "--long"])));
    assert_snapshot!("env-set", plain(&stage, &stage.run(&["env", "set", "local", "TOKEN=secret"])));
    assert_snapshot!("env-list", plain(&stage, &stage.run(&["env", "list", "local"])));
    assert_snapshot!("status", plain(&stage, &stage.run(&["status"])));
    assert_snapshot!("history", plain(&stage, &stage.run(&["history", "local"])));
    assert_snapshot!("doctor", free_room(&plain(&stage, &stage.run(&["doctor", "local"]))));
    // The documents that programs read.
    assert_snapshot!("status-json", plain(&stage, &stage.run(&["status", "--json"])));
    let history = plain(&stage, &stage.run(&["history", "local", "--json"]));
    assert_snapshot!("history-json", without_log(&history));
    assert_snapshot!("plan-json", plain(&stage, &stage.run(&["plan", "local", "1.1", "--json"])));
    assert_snapshot!("env-list-json", plain(&stage, &stage.run(&["env", "list", "local", "--json"])));
    assert_snapshot!("attach-to-the-last", plain(&stage, &stage.run(&["attach", "local"])));
    assert_snapshot!("resume-nothing", plain(&stage, &stage.run(&["resume", "local"])));
}

/// A document without what an application wrote to its log meanwhile.
fn without_log(text: &str) -> String {
    let line = |line: &str| {
        line.split_once("\\n    log: ").map_or(line.to_owned(), |(before, _)| format!("{before}\","))
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn free_room(text: &str) -> String {
    let line = |line: &str| match (line.find("disk"), line.find("MB are free")) {
        (Some(_), Some(at)) => format!("  ok  disk        ROOM {}", &line[at..]),
        _ => line.to_owned(),
    };
    let git = |text: String| {
        if text.contains("git version") { "  ok  git         git version V".to_owned() } else { text }
    };
    text.lines().map(line).map(git).collect::<Vec<_>>().join("\n")
}

#[test]
fn wrong_use() {
    let stage = Stage::new("helth = { path = \"/\" }\n");
    assert_snapshot!("config-with-a-mistake", plain(&stage, &stage.run(&["status"])));
    let stage = Stage::new(HANDOVER);
    assert_snapshot!("unknown-target", plain(&stage, &stage.run(&["status", "prod"])));
    assert_snapshot!("unknown-version", plain(&stage, &stage.run(&["deploy", "local", "9.9", "--yes"])));
    assert_snapshot!("no-version", plain(&stage, &stage.run(&["deploy", "local", "a b", "--yes"])));
    assert_snapshot!("no-process", plain(&stage, &stage.run(&["logs", "local", "web"])));
    assert_snapshot!("nothing-live", plain(&stage, &stage.run(&["run", "local", "--", "true"])));
    std::fs::remove_file(stage.project.join("pintail.toml")).unwrap();
    assert_snapshot!("no-config", plain(&stage, &stage.run(&["status"])));
}

#[test]
fn help() {
    let stage = Stage::new(HANDOVER);
    assert_snapshot!("help", plain(&stage, &stage.run(&["--help"])));
    assert_snapshot!("help-deploy", plain(&stage, &stage.run(&["deploy", "--help"])));
}

/// Output that can't be written is a failure that is told, and one that breaks nothing off; a reader that has enough
/// is none.
#[test]
fn a_full_output_is_told_and_a_closed_one_is_not() {
    let stage = Stage::new(HANDOVER);
    stage.release("1.0", "healthy");
    let full = |arguments: &[&str]| {
        let mut command = stage.command(arguments);
        command.stdout(std::fs::File::options().write(true).open("/dev/full").unwrap());
        common::ran(command)
    };
    let told = "error: cannot write to standard output\n  No space left on device (os error 28)\n";
    for arguments in [
        &["deploy", "local", "1.0", "--yes", "--json"][..],
        &["status"],
        &["status", "--json"],
        &["history", "local"],
        &["completions", "bash"],
    ] {
        let ran = full(arguments);
        assert!(ran.expect(1).err.contains(told), "{}", ran.all());
    }
    // The deployment whose events nobody could read is whole.
    stage.check_well("1.0", "events into nothing");
    assert!(stage.run(&["history", "local"]).out.contains("done"));
    stage.release("2.0", "unhealthy");
    let undone = full(&["deploy", "local", "2.0", "--yes", "--json"]);
    assert!(undone.expect(3).err.contains(told), "{}", undone.all());

    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = stage.command(&["status", "--json"]);
    command.stdout(writer);
    let ran = common::ran(command);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
}

/// What only programs type is offered to nobody; all else is.
#[test]
fn completions_offer_what_help_shows() {
    let stage = Stage::new(HANDOVER);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stage.run(&["completions", shell]).expect(0).out.clone();
        for hidden in ["supervise", "seat", "gate", "pause-at", "post-every"] {
            assert!(!script.contains(hidden), "{shell}: {hidden}");
        }
        for shown in ["deploy", "rollback", "skip-unreachable", "follow", "depot", "verify", "completions"] {
            assert!(script.contains(shown), "{shell}: {shown}");
        }
    }
}
