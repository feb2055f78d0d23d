//! What others put into a repository: hooks that change what is committed or leave something running, line ends that git
//! writes in its own way, and a second project.

use super::*;
use common::{finish, signal};

#[test]
fn a_ticket_before_the_subject_does_no_harm() {
    let world = World::new(PROJECT);
    world.hook("commit-msg", "sed -i '1s/^/[PROJ-7] /' \"$1\"");
    world.hook("pre-push", "exit 1");
    let before = world.state();
    let refused = world.release(&["0.2", "--yes"]);
    refused.expect(3);
    assert_eq!(world.state(), before, "{}", refused.all());
    world.hook("pre-push", "exit 0");
    world.release(&["0.2", "--yes"]).expect(0);
    assert_eq!(world.git(&["log", "-1", "--format=%s", "0.2"]), "[PROJ-7] release 0.2");
}

#[test]
fn a_hook_that_says_something_else_is_told_and_taken_back() {
    let world = World::new(PROJECT);
    // `0.20` is not `0.2`.
    world.hook("commit-msg", "echo 'release 0.20' > \"$1\"");
    let before = world.state();
    let refused = world.release(&["0.2", "--yes"]);
    insta::assert_snapshot!(world.plain(common::error(refused.expect(3))), @r"
    error: the release of 0.2 failed at step `commit`
      cannot commit `release 0.2`
      a hook made its message into `release 0.20`
    undone: everything is as it was before
    hint: have the hooks `prepare-commit-msg` and `commit-msg` add to that line, and leave what is there
    ");
    assert_eq!(world.state(), before, "{}", refused.all());
}

/// What it formats is in the commit, and stays so when the release is killed and goes on.
#[test]
fn a_hook_that_formats_what_is_committed() {
    for line in [5, 6, 7, 9] {
        let world = World::new(PROJECT);
        world.hook("pre-commit", "sed -i 's/^- /* /' CHANGELOG.md && git add CHANGELOG.md");
        let killed = world.release(&["0.2", "--yes", "--die-at", &line.to_string()]);
        assert_eq!(killed.code, -1, "{}", killed.all());
        let resumed = world.release(&["--resume"]);
        resumed.expect(0);
        assert!(world.git(&["show", "0.2:CHANGELOG.md"]).contains("* app: better"), "{}", resumed.all());
    }
}

/// Git takes a file for unchanged that has other line ends, and writes them its own way when it takes a commit back.
#[test]
fn line_ends_that_git_changes_are_nobodys_work() {
    for (name, attributes, autocrlf) in [("autocrlf", "", "true"), ("eol", "*.md text eol=crlf\n", "false")] {
        let world = World::with(
            |_| PROJECT.to_owned(),
            |world| {
                if !attributes.is_empty() {
                    world.write(".gitattributes", attributes);
                }
            },
        );
        world.git(&["config", "core.autocrlf", autocrlf]);
        world.hook("pre-push", "exit 1");
        let before = world.state();
        let refused = world.release(&["0.2", "--yes"]);
        refused.expect(3);
        assert_eq!(world.state(), before, "{name}: {}", refused.all());
        assert!(world.read("CHANGELOG.md").contains("\r\n"), "{name}: or this tries nothing");
        fs::remove_file(world.path(".git/hooks/pre-push")).unwrap();
        world.release(&["0.2", "--yes"]).expect(0);
    }
}

/// A daemon that a hook started is nobody's release.
#[test]
fn what_a_hook_leaves_running_is_not_waited_for() {
    let world = World::new(PROJECT);
    let daemon = world.room().join("daemon");
    world.hook(
        "pre-push",
        &format!("setsid sleep 600 >/dev/null 2>&1 </dev/null & echo $! > {}", daemon.display()),
    );
    world.release(&["0.2", "--yes"]).expect(0);
    let ended = |pid: &str| {
        let _ = Command::new("kill").arg(pid.trim()).status();
    };
    let first = fs::read_to_string(&daemon).unwrap();
    world.write("app", "best\n");
    world.commit("app: best");
    let next = world.release(&["0.3", "--yes"]);
    ended(&first);
    ended(&fs::read_to_string(&daemon).unwrap());
    assert!(!next.expect(0).err.contains("waiting"), "{}", next.all());
}

/// One that it left running when it was killed is named.
#[test]
fn what_is_waited_for_is_named() {
    let world = World::new(PROJECT);
    let daemon = world.room().join("daemon");
    let path = daemon.display();
    world.hook(
        "pre-push",
        &format!("setsid sleep 600 >/dev/null 2>&1 </dev/null & echo $! > {path}.new; mv {path}.new {path}; sleep 1"),
    );
    let mut release =
        world.command(&["0.2", "--yes"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until_there(&daemon);
    release.kill().unwrap();
    release.wait().unwrap();
    let pid = fs::read_to_string(&daemon).unwrap().trim().to_owned();
    let resumed = world.command(&["--resume"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(3));
    signal(resumed.id(), "INT");
    let given_up = finish(resumed);
    let named = format!("process {pid}, `sleep 600`");
    assert!(given_up.err.contains("waiting for its end\n  process"), "{}", given_up.all());
    assert!(common::error(given_up.expect(1)).contains(&named), "{}", given_up.all());
    Command::new("kill").arg(&pid).status().unwrap();
    world.release(&["--resume"]).expect(0);
}

#[test]
fn an_interrupt_while_it_is_pushed_is_answered() {
    let world = World::new(PROJECT);
    let at_work = world.room().join("at-work");
    world.hook("pre-push", &format!("touch {}; sleep 2", at_work.display()));
    let mut command = world.command(&["0.2", "--yes"]);
    let release = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until_there(&at_work);
    signal(release.id(), "INT");
    signal(release.id(), "INT");
    let ran = finish(release);
    let told = ran.expect(0).err.matches("whether it was is for `origin` to say").count();
    assert_eq!(told, 1, "{}", ran.all());
}

/// Each project of a repository is released from its own folder, by its own configuration.
#[test]
fn another_project_of_the_repository_is_left_alone() {
    let world = World::with(
        |_| PROJECT.replace("hello", "top"),
        |world| {
            for name in ["a", "b"] {
                world.write(
                    &format!("{name}/pintail.toml"),
                    &(PROJECT.replace("hello", name) + &format!("[release]\ntag = \"{name}-{{version}}\"\n")),
                );
                world.write(&format!("{name}/VERSION"), "0.1\n");
            }
        },
    );
    let from = |folder: &str, arguments: &[&str]| {
        let mut command = Command::new(common::PINTAIL);
        command.arg("-C").arg(world.path(folder)).arg("release").args(arguments).stdin(Stdio::null());
        world.fixed(&mut command);
        ran(command)
    };
    world.git(&["push", "--quiet"]);
    let before = world.state();
    let killed = from("a", &["0.2", "--yes", "--die-at", "3"]);
    assert_eq!(killed.code, -1, "{}", killed.all());
    let amid = world.state();
    for arguments in [&["--resume"][..], &["--abort"], &["0.2", "--yes"]] {
        let refused = from("b", arguments);
        assert!(refused.expect(1).err.contains("in `a"), "{}", refused.all());
        assert_eq!(world.state(), amid, "{}", refused.all());
    }
    from("a", &["--abort"]).expect(0);
    assert_eq!(world.state(), before);
    from("b", &["0.2", "--yes"]).expect(0);
}

/// A commit of somebody's that only speaks of the release is neither released nor taken back.
#[test]
fn a_commit_that_only_speaks_of_the_release_is_somebodys_work() {
    for file in ["CHANGELOG.md", "app"] {
        let world = World::new(PROJECT);
        // Bump and change log are written, and the commit is looked at.
        let killed = world.release(&["0.2", "--yes", "--die-at", "5"]);
        assert_eq!(killed.code, -1, "{}", killed.all());
        world.write("app", "mended\n");
        world.git(&["commit", "--quiet", "--message", "mend what release 0.2 stumbled over", "--", file]);
        let mine = world.git(&["rev-parse", "HEAD"]);
        for arguments in [["--resume"], ["--abort"]] {
            let ran = world.release(&arguments);
            assert!(ran.code == 3 || ran.code == 4, "{file}: {}", ran.all());
            assert_eq!(world.git(&["rev-parse", "HEAD"]), mine, "{file}: {}", ran.all());
            assert_eq!(world.git(&["tag", "--list"]), "0.1", "{file}: {}", ran.all());
        }
    }
}

/// What was agreed to is what goes on.
#[test]
fn another_configuration_does_not_go_on() {
    let world = World::new(PROJECT);
    let killed = world.release(&["0.2", "--yes", "--die-at", "3"]);
    assert_eq!(killed.code, -1, "{}", killed.all());
    let amid = world.state();
    let by_another = |text: &str, wish: &str| {
        let mut command = Command::new(common::PINTAIL);
        world.write("other.toml", text);
        command.arg("-C").arg(world.path("")).arg("--config").arg(world.path("other.toml"));
        command.args(["release", wish]).stdin(Stdio::null());
        world.fixed(&mut command);
        let ran = ran(command);
        fs::remove_file(world.path("other.toml")).unwrap();
        ran
    };
    let other_steps = PROJECT.replace("mkdir made", "mkdir -p made");
    for (text, why) in [
        (&PROJECT.replace("hello", "other"), "is that of `other`"),
        (&other_steps, "no longer what they were"),
    ] {
        let refused = by_another(text, "--resume");
        assert!(refused.expect(1).err.contains(why), "{}", refused.all());
        assert_eq!(world.state(), amid);
    }
    world.release(&["--resume"]).expect(0);

    // To take it back, no build step is needed.
    world.write("app", "more\n");
    world.commit("app: more");
    let before = world.state();
    assert_eq!(world.release(&["0.3", "--yes", "--die-at", "3"]).code, -1);
    by_another(&other_steps, "--abort").expect(0);
    assert_eq!(world.state(), before);
}
