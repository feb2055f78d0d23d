//! Releases that do not get well. Each is undone, the old one serves whole, and nobody who asked all the while,
//! with kept connections and without, was failed: over a restart, requests wait in the held socket.

#![allow(clippy::disallowed_methods, reason = "tests write files by hand")]

mod common;

use common::{HANDOVER, RESTART, Stage, Traffic, config, error};

/// Clients of one traffic at once, each with one request under way.
const CLIENTS: u64 = 4;

/// The configuration with little patience.
fn impatient(stage: &Stage, process: &str) -> String {
    config(&stage.root, process)
        .replace("within = \"3s\"", "within = \"700ms\"")
        .replace("settle = \"150ms\"", "settle = \"600ms\"")
}

/// A stage where 1.0 is live.
fn stage(process: &str) -> Stage {
    let stage = Stage::new(process);
    stage.set_config(&impatient(&stage, process));
    stage.release("1.0", "healthy");
    stage.deploy("1.0").expect(0);
    stage
}

/// Deploys 2.0, which must fail at `step` for a reason that has all of `why`. At most `lost` requests of a client may
/// fail meanwhile.
#[track_caller]
fn fails(stage: &Stage, step: &str, why: &[&str], lost: u64) {
    let before = stage.picture();
    let traffic =
        [Traffic::start(&stage.public_socket(), false), Traffic::start(&stage.public_socket(), true)];
    let ran = stage.deploy("2.0");
    let tallies = traffic.map(Traffic::tally);
    assert_eq!(ran.code, 3, "{}", ran.all());
    let told = error(&ran);
    assert!(told.contains(&format!("failed on `local` at step `{step}`\n")), "{told}");
    assert!(told.contains("\nundone: `local` serves 1.0 as before\n"), "{told}");
    for part in why {
        assert!(told.contains(part), "`{part}` is not in: {told}");
    }
    for tally in tallies {
        assert!(tally["failed"].as_u64().unwrap() <= lost * CLIENTS, "{tally:#}\n{told}");
        assert!(tally["ok"].as_u64().unwrap() > 20, "{tally:#}");
    }
    assert_eq!(stage.picture(), before, "{told}");
    stage.check_well("1.0", told);
}

/// After the failure, the next one works.
#[track_caller]
fn next_works(stage: &Stage, process: &str) {
    stage.set_config(&impatient(stage, process));
    stage.release("3.0", "healthy");
    stage.deploy("3.0").expect(0);
    stage.check_well("3.0", "the next one");
    let bad = stage.status()["releases"].to_string();
    assert!(!bad.contains("\"2.0"), "what failed is not kept: {bad}");
}

fn behaves(process: &str, behaviour: &str, step: &str, why: &[&str]) {
    let stage = stage(process);
    stage.release("2.0", behaviour);
    fails(&stage, step, why, 0);
    next_works(&stage, process);
}

macro_rules! unwell {
    ($($name:ident: $process:expr, $behaviour:expr, $step:expr, $why:expr;)*) => {$(
        #[test]
        fn $name() {
            behaves($process, $behaviour, $step, &$why);
        }
    )*};
}

unwell! {
    handover_health_hangs: HANDOVER, "hang", "health", ["`web` of release `2.0` is not well", "not within 0.7 s: "];
    handover_health_says_500: HANDOVER, "unhealthy", "health", ["not within 0.7 s: ", "500"];
    handover_other_version: HANDOVER, "wrong-version", "health", ["not within 0.7 s: ", "0.0.0", "2.0"];
    handover_dies_at_start: HANDOVER, "dies-at-start", "health", ["`web` of release `2.0` is not well", "log: hello 2.0", "dies at start"];
    handover_never_up: HANDOVER, "slow-start 5000", "health", ["not within 0.7 s: "];
    restart_health_hangs: RESTART, "hang", "health", ["not within 0.7 s: "];
    restart_health_says_500: RESTART, "unhealthy", "health", ["500"];
    restart_other_version: RESTART, "wrong-version", "health", ["0.0.0"];
    restart_dies_at_start: RESTART, "dies-at-start", "health", ["log: hello 2.0"];
    restart_never_up: RESTART, "slow-start 5000", "health", ["not within 0.7 s: "];
}

/// The new release answers with the old one's version: somebody forgot to bump it, or the old one answers.
#[test]
fn handover_answers_the_old_version() {
    let stage = stage(HANDOVER);
    stage.release_with("2.0", "healthy", |tree| {
        std::fs::copy(tree.join("VERSION"), tree.join("was")).map(drop).unwrap()
    });
    stage.release_with("2.1", "healthy", |tree| std::fs::write(tree.join("VERSION"), "1.0").unwrap());
    let ran = stage.deploy("2.1");
    ran.expect(3);
    assert!(error(&ran).contains("1.0") && error(&ran).contains("2.1"), "{}", ran.all());
    stage.check_well("1.0", "told the old version");
    stage.deploy("2.0").expect(0);
    stage.check_well("2.0", "the next one");
}

fn bad_line(process: &str, line: &str, why: &[&str]) {
    let stage = stage(process);
    stage.release("2.0", "healthy");
    stage.set_config(&impatient(&stage, process).replace("bin/hello --workers 4", line));
    fails(&stage, "health", why, 0);
    next_works(&stage, process);
}

#[test]
fn handover_with_a_missing_program() {
    bad_line(HANDOVER, "bin/helo", &["bin/helo", "not found"]);
}

#[test]
fn handover_with_a_bad_argument() {
    bad_line(HANDOVER, "bin/hello --wrokers 4", &["unknown argument `--wrokers`"]);
}

#[test]
fn handover_with_a_program_that_may_not_be_run() {
    bad_line(HANDOVER, "./VERSION", &["Permission denied"]);
}

#[test]
fn restart_with_a_missing_program() {
    bad_line(RESTART, "bin/helo", &["bin/helo", "not found"]);
}

/// It goes through its health check, is given the public name, and dies: what it was answering is lost with it,
/// one request for each client, and no more.
#[test]
fn handover_dies_after_health() {
    let stage = stage(HANDOVER);
    stage.release("2.0", "dies-after 350");
    fails(&stage, "settle", &["`web` of release `2.0` died soon after it was well", "dies now"], 1);
    next_works(&stage, HANDOVER);
}

#[test]
fn restart_dies_after_health() {
    let stage = stage(RESTART);
    stage.release("2.0", "dies-after 350");
    fails(&stage, "settle", &["`web` of release `2.0` died soon after it was well", "dies now"], 1);
    next_works(&stage, RESTART);
}

/// Undoing gives back what was there: an old release that was not well is not waited for, and blocks nothing.
#[test]
fn an_old_release_that_is_not_well_does_not_make_an_undo_stuck() {
    let stage = Stage::new(RESTART);
    stage.set_config(&impatient(&stage, RESTART));
    stage.release("1.0", "healthy");
    stage.release("2.0", "unhealthy");
    stage.release("3.0", "healthy");
    stage.deploy("1.0").expect(0);
    let status = stage.status();
    let behaviour = stage.root.join("current/content/behaviour.txt");
    std::fs::remove_file(&behaviour).unwrap();
    std::fs::write(&behaviour, "unhealthy").unwrap();
    common::signal(status["processes"][0]["instances"][0]["pid"].as_u64().unwrap() as u32, "KILL");
    common::wait_for("another process", std::time::Duration::from_secs(10), || {
        stage.status()["processes"][0]["instances"][0]["restarts"] == 1
    });
    stage.deploy("2.0").expect(3);
    assert_eq!(stage.live().as_deref(), Some("1.0"));
    stage.check_next_deploy("3.0", "after an undo to what was not well");
}

/// Whoever comes while another operation is under way is told of it, and not that all is done.
#[test]
fn what_is_still_on_trial_is_not_called_live() {
    let stage = Stage::new(HANDOVER);
    stage.set_config(&config(&stage.root, HANDOVER).replace("settle = \"150ms\"", "settle = \"3s\""));
    stage.release("1.0", "healthy");
    let first = stage.start(&["deploy", "local", "1.0", "--yes"]);
    common::wait_for("current", std::time::Duration::from_secs(10), || stage.root.join("current").exists());
    let second = stage.deploy("1.0");
    assert!(second.expect(1).err.contains("at step `settle`"), "{}", second.all());
    common::finish(first).expect(0);
}
