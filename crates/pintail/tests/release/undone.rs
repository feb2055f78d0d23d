//! What fails on the way leaves everything as it was: references of both repositories, the branch, the work tree, the
//! depot.

use super::*;
use common::{finish, signal};

/// Releases 0.2 in `world`, which fails at `step` and is undone. What is told.
#[track_caller]
fn undone(world: &World, step: &str) -> String {
    let before = world.state();
    let ran = world.release(&["0.2", "--yes"]);
    ran.expect(3);
    assert_eq!(world.state(), before, "{}", ran.all());
    assert!(ran.err.contains(&format!("error: the release of 0.2 failed at step `{step}`")), "{}", ran.all());
    let again = world.release(&["--abort"]);
    assert!(again.expect(0).err.contains("was undone"), "{}", again.all());
    world.plain(ran.err[ran.err.rfind("error: the release of").unwrap()..].trim_end())
}

fn with(old: &str, new: &str) -> World {
    World::new(&PROJECT.replace(old, new))
}

#[test]
fn hooks_that_refuse() {
    let mut text = String::new();
    for (hook, step) in [("pre-commit", "commit"), ("commit-msg", "commit"), ("pre-push", "push")] {
        let world = World::new(PROJECT);
        world.hook(hook, &format!("echo the {hook} hook says no >&2; exit 1"));
        text.push_str(&format!("== {hook}\n{}\n\n", undone(&world, step)));
    }
    let world = World::new(PROJECT);
    world.hook("pre-commit", "echo x > by-the-hook; git add by-the-hook");
    text.push_str(&format!("== a hook that commits more\n{}\n", undone(&world, "commit")));
    insta::assert_snapshot!(text);
}

#[test]
fn builds_and_tests_that_fail() {
    let mut text = String::new();
    for (name, test) in [
        ("a broken test", "echo 1..1; echo not ok 1; exit 1"),
        ("a missing dependency", "perl -MNo::Such::Module -e 1"),
        ("a variable of the operator's", "test -n \"$GIT_CONFIG_GLOBAL\""),
    ] {
        let world = with("test -s made/version", &test.replace('"', "\\\""));
        // Where perl looked is another folder each time.
        let told = undone(&world, "prove");
        let short: Vec<&str> =
            told.lines().map(|line| line.split(" (you may").next().unwrap_or(line)).collect();
        text.push_str(&format!("== {name}\n{}\n\n", short.join("\n")));
    }
    // One that fails only once the version is another.
    let world = with("mkdir made && cp", "grep -q 0.1 VERSION && mkdir made && cp");
    text.push_str(&format!("== a build\n{}\n", undone(&world, "build")));
    insta::assert_snapshot!(text);
}

#[test]
fn a_remote_that_moves_between_check_and_push() {
    let world = World::new(PROJECT);
    let other = world.other();
    world.hook("pre-push", &format!("git -C {} push --quiet origin main", other.display()));
    let (here, head) = (world.git(&["for-each-ref"]), world.git(&["rev-parse", "HEAD"]));
    let ran = world.release(&["0.2", "--yes"]);
    ran.expect(3);
    assert!(ran.err.contains("failed at step `push`"), "{}", ran.all());
    assert!(ran.err.contains("hint: if others have pushed meanwhile: `git pull`"), "{}", ran.all());
    assert_eq!((world.git(&["for-each-ref"]), world.git(&["rev-parse", "HEAD"])), (here, head));
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    let theirs = world.git_in(&other, &["rev-parse", "HEAD"]).out;
    assert_eq!(world.git_in(&world.remote, &["rev-parse", "main"]).out, theirs, "theirs is there");
    assert_eq!(world.git_in(&world.remote, &["tag"]).out, "0.1\n", "and nothing of ours");
}

#[test]
fn a_tag_that_somebody_else_pushes_meanwhile() {
    let world = World::new(PROJECT);
    let remote = world.remote.display().to_string();
    world.hook("pre-push", &format!("unset GIT_DIR; git -C {remote} tag 0.2 main"));
    let here = world.git(&["for-each-ref"]);
    let ran = world.release(&["0.2", "--yes"]);
    ran.expect(3);
    assert_eq!(world.git(&["for-each-ref"]), here, "{}", ran.all());
    let there = world.git_in(&world.remote, &["rev-parse", "0.2", "main"]).out;
    assert_eq!(there.lines().next(), there.lines().nth(1), "theirs, on the commit that was there: {there}");
}

#[test]
fn a_test_that_hangs_is_interrupted() {
    let world = with("test -s made/version", "touch /ROOM/started; sleep 600");
    let config = world.read("pintail.toml").replace("/ROOM", world.room().to_str().unwrap());
    world.write("pintail.toml", &config);
    world.commit("config: here");
    let before = world.state();
    let started = world.room().join("started");
    let mut command = world.command(&["0.2", "--yes"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until_there(&started);

    // Meanwhile nobody else releases from here.
    let second = world.release(&["0.3", "--yes"]);
    assert!(
        second.expect(1).err.contains("another release of this repository is running, of 0.2"),
        "{}",
        second.all()
    );
    world.release(&["--abort"]).expect(1);

    signal(child.id(), "INT");
    let ran = finish(child);
    ran.expect(3);
    assert!(ran.err.contains("was interrupted at step `prove`"), "{}", ran.all());
    assert!(ran.err.contains("was stopped") && ran.err.contains("the same again"), "{}", ran.all());
    assert_eq!(world.state(), before, "{}", ran.all());
}

#[test]
fn work_that_came_on_top_is_never_thrown_away() {
    let world = with(
        "test -s made/version",
        "cd /PROJECT && echo mine > mine && git add mine && git commit -qm mine; exit 1",
    );
    let config = world.read("pintail.toml").replace("/PROJECT", world.path("").to_str().unwrap());
    world.write("pintail.toml", &config);
    // The test has an environment of its own: the repository must say who it is.
    world.git(&["config", "user.name", "Ada"]);
    world.git(&["config", "user.email", "ada@example.org"]);
    world.commit("config: here");
    let before = world.state();
    let stuck = world.release(&["0.2", "--yes"]);
    stuck.expect(4);
    assert_eq!(world.git(&["log", "-2", "--format=%s"]), "mine\nrelease 0.2");
    insta::assert_snapshot!(world.plain(common::error(&stuck)));
    let refused = world.release(&["0.3", "--yes"]);
    assert!(
        refused.expect(1).err.contains("is stuck: step `commit` could not be undone"),
        "{}",
        refused.all()
    );
    world.release(&["--abort"]).expect(4);

    // As it advises.
    world.git(&["branch", "keep"]);
    world.git(&["reset", "--quiet", "--keep", "HEAD~2"]);
    let aborted = world.release(&["--abort"]);
    assert!(aborted.expect(0).err.contains("is undone: everything is as it was before"), "{}", aborted.all());
    world.git(&["branch", "--quiet", "-D", "keep"]);
    assert_eq!(world.state(), before);
}

#[test]
fn a_file_that_was_changed_meanwhile_is_never_thrown_away() {
    let world = with("test -s made/version", "echo mine >> /PROJECT/VERSION; exit 1");
    let config = world.read("pintail.toml").replace("/PROJECT", world.path("").to_str().unwrap());
    world.write("pintail.toml", &config);
    world.commit("config: here");
    let before = world.state();
    let stuck = world.release(&["0.2", "--yes"]);
    assert!(stuck.expect(4).err.contains("hint: put away what you changed (`git stash`)"), "{}", stuck.all());
    assert_eq!(world.read("VERSION"), "0.2\nmine\n");
    world.git(&["stash", "--quiet"]);
    world.release(&["--abort"]).expect(0);
    world.git(&["stash", "drop", "--quiet"]);
    assert_eq!(world.state(), before);
}
