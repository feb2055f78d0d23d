//! What is in the way of a release is found before anything changes, all of it at once.

use super::*;

/// A name, and what makes a world unfit.
type Spoiled = (&'static str, fn(&World));

/// What a release of 0.2 is told in a world that `spoil` has made unfit, which it leaves as it is.
#[track_caller]
fn refused(config: &str, spoil: impl FnOnce(&World)) -> String {
    let world = World::new(config);
    spoil(&world);
    told(&world, &world.state())
}

#[track_caller]
fn told(world: &World, before: &str) -> String {
    let ran = world.release(&["0.2", "--yes"]);
    ran.expect(1);
    assert_eq!(world.state(), before, "{}", ran.all());
    world.plain(&ran.err)
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let config = r#"name = "hello"
[version]
files = [{ path = "VERSION", pattern = "{version}" }, { path = "twice", pattern = "v={version}" }]
[build]
steps = ["true", "echo 'made by 2.0' > generated.txt; rm app", "mkdir made", "exit 3", "touch never"]
[release]
stage = "view"
[targets.view]
hosts = ["view.invalid"]
requires = "prod"
[targets.prod]
hosts = ["local"]
[host]
root = "/nowhere"
"#;
    let world = World::with(
        |_| config.to_owned(),
        |world| {
            world.write("twice", "v=1\nv=1\n");
            world.write("generated.txt", "made by 1.0\n");
            world.write("app", "here\n");
        },
    );
    // A shallow clone, of which the remote is ahead, with the tag there, the version in the depot, and nobody's name.
    world.git(&["push", "--quiet", "origin", "main"]);
    let other = world.other();
    world.git_in(&other, &["push", "--quiet", "origin", "main"]).expect(0);
    world.git_in(&world.remote, &["tag", "0.2", "main"]).expect(0);
    world.git(&["tag", "0.1.9"]);
    world.git(&["fetch", "--quiet", "--depth", "1", "origin", "0.1"]);
    world.git(&["switch", "--quiet", "--detach"]);
    world.write("VERSION", "0.1\nchanged\n");
    for name in 0..12 {
        world.write(&format!("new-{name:02}"), "x");
    }
    world.stage.release("0.2", "");
    fs::write(world.room().join("gitconfig"), "[user]\nsigningKey = /nowhere/key\n[gpg]\nformat = ssh\n")
        .unwrap();
    let mut permissions = fs::metadata(world.path("CHANGELOG.md")).unwrap().permissions();
    permissions.set_mode(0o444);
    fs::set_permissions(world.path("CHANGELOG.md"), permissions).unwrap();
    let before = world.state();
    let mut command = world.command(&["0.2", "--yes"]);
    command.env("PINTAIL_SSH", "false");
    let ran = ran(command);
    ran.expect(1);
    assert_eq!(world.state(), before);
    insta::assert_snapshot!(world.plain(&ran.err));
}

#[test]
fn each_is_told_with_its_way_out() {
    let named: [Spoiled; 13] = [
        ("a changed file", |world| world.write("app", "changed\n")),
        ("an untracked file", |world| world.write("new", "x")),
        ("a detached HEAD", |world| drop(world.git(&["switch", "--quiet", "--detach"]))),
        ("another branch", |world| drop(world.git(&["switch", "--quiet", "--create", "topic"]))),
        ("no remote", |world| drop(world.git(&["remote", "remove", "origin"]))),
        ("a remote that is gone", |world| fs::rename(&world.remote, world.room().join("away")).unwrap()),
        ("a tag at the remote alone", |world| {
            world.git_in(&world.remote, &["tag", "0.2", "main"]).expect(0);
        }),
        ("a tag here alone", |world| drop(world.git(&["tag", "0.2", "HEAD^"]))),
        ("a later version", |world| drop(world.git(&["tag", "0.10", "HEAD^"]))),
        ("a commit that is released", |world| drop(world.git(&["tag", "0.1.5"]))),
        ("a remote that is ahead", |world| {
            let other = world.other();
            world.git_in(&other, &["push", "--quiet", "origin", "main"]).expect(0);
        }),
        ("a depot that is committed", |world| {
            world.write(".pintail/depot/artifacts/hello-0.1.tar.zst", "x");
            world.git(&["add", "--force", ".pintail"]);
            world.git(&["commit", "--quiet", "--message", "everything"]);
        }),
        ("a merge under way", |world| {
            world.git(&["switch", "--quiet", "--create", "topic", "HEAD^"]);
            world.write("app", "other\n");
            world.commit("other");
            world.git(&["switch", "--quiet", "main"]);
            world.git_in(&world.stage.project, &["merge", "--quiet", "topic"]).expect(1);
        }),
    ];
    let mut text = String::new();
    for (name, spoil) in named {
        if name == "a remote that is gone" {
            // Its state can't be looked at either.
            let world = World::new(PROJECT);
            spoil(&world);
            let ran = world.release(&["0.2", "--yes"]);
            let told = world.plain(ran.expect(1).err.lines().next().unwrap());
            text.push_str(&format!("== {name}\n{told}\n\n"));
            continue;
        }
        text.push_str(&format!("== {name}\n{}\n", refused(PROJECT, spoil)));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_diverged_branch_and_a_clone_without_history() {
    let world = World::new(PROJECT);
    let other = world.other();
    world.git_in(&other, &["push", "--quiet", "origin", "main"]).expect(0);
    world.git(&["fetch", "--quiet"]);
    let diverged = told(&world, &world.state());
    assert!(diverged.contains("each has commits that the other lacks"), "{diverged}");

    world.git(&["reset", "--quiet", "--hard", "HEAD^"]);
    let behind = told(&world, &world.state());
    assert!(behind.contains("it has commits that are not in"), "{behind}");

    // What is here and not there is pushed with the release.
    world.git(&["pull", "--quiet", "--ff-only"]);
    world.write("app", "mine");
    world.commit("app: mine");
    world.release(&["0.2", "--yes"]).expect(0);

    let shallow = World::new(PROJECT);
    let clone = shallow.room().join("clone");
    shallow.git(&["clone", "--quiet", "--depth", "1", &shallow.url(), clone.to_str().unwrap()]);
    let mut command = Command::new(common::PINTAIL);
    command.arg("-C").arg(&clone).args(["release", "0.2", "--yes"]).stdin(Stdio::null());
    shallow.fixed(&mut command);
    let ran = ran(command);
    assert!(ran.expect(1).err.contains("a shallow clone"), "{}", ran.all());
}

#[test]
fn no_repository_and_no_commit() {
    let world = World::new(PROJECT);
    fs::remove_dir_all(world.path(".git")).unwrap();
    let mut command = world.command(&["0.2", "--yes"]);
    command.env("GIT_CEILING_DIRECTORIES", world.room());
    let none = ran(command);
    assert!(none.expect(1).err.contains("hint: a release is made from a git repository"), "{}", none.all());
    world.git(&["init", "--quiet", "."]);
    let empty = world.release(&["0.2", "--yes"]);
    assert!(empty.expect(1).err.contains("nothing was committed yet"), "{}", empty.all());
}

#[test]
fn what_can_not_be_meant_is_wrong_usage() {
    let world = World::new(PROJECT);
    for (arguments, said) in [
        (&["big"][..], "`big` is no version to release"),
        (&[], "required arguments were not provided"),
        (&["--resume", "patch"], "cannot be used with"),
        (&["--resume", "--abort"], "cannot be used with"),
        (&["1..0"], "`1..0` is no version"),
    ] {
        let ran = world.release(arguments);
        assert!(ran.expect(2).err.contains(said), "{}", ran.all());
    }
}
