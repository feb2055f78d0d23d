//! With a target to live on first: what is live there goes back with everything else.

use super::*;

/// A project with the sample application in its repository, staged on a root of this machine, where 0.1 is live.
fn world(behaviour: &str) -> World {
    let world = World::with(
        |root| {
            let release = "[version]\nfiles = [{ path = \"VERSION\", pattern = \"{version}\" }]\n[build]\ntest = \"test -x bin/hello\"\n[release]\nstage = \"local\"\n";
            format!("{}\n{release}", common::config(root, common::HANDOVER))
        },
        |world| {
            world.write("content/message.txt", "hello\n");
            world.write("content/behaviour.txt", "");
            world.write("static/hello.css", "/* */\n");
            fs::create_dir(world.path("bin")).unwrap();
            fs::write(world.path("bin/hello"), common::HELLO).unwrap();
            fs::set_permissions(world.path("bin/hello"), fs::Permissions::from_mode(0o755)).unwrap();
        },
    );
    world.stage.run(&["build", "--version", "0.1", "--commit", "0.1"]).expect(0);
    world.stage.deploy("0.1").expect(0);
    if !behaviour.is_empty() {
        world.write("content/behaviour.txt", behaviour);
        world.commit("behave");
    }
    world
}

/// The state, with what is live.
fn state(world: &World) -> String {
    format!("{}live {:?}\nserved {:?}\n", world.state(), world.stage.live(), world.stage.served())
}

#[test]
fn it_lives_on_the_target_before_it_is_pushed() {
    let world = world("");
    // When the push begins, it is there already.
    world.hook("pre-push", &format!("readlink {}/current > ../live-at-push", world.stage.root.display()));
    let ran = world.release(&["0.2", "--yes"]);
    ran.expect(0);
    let live = fs::read_to_string(world.room().join("live-at-push")).unwrap();
    assert!(live.contains("releases/0.2-"), "{live}");
    assert_eq!(world.stage.live().as_deref(), Some("0.2"));
    assert_eq!(world.stage.served().as_deref(), Ok("0.2"));
    // What was staged is what is published: a deployment of it has nothing to do.
    assert!(world.stage.deploy("0.2").expect(0).err.contains("nothing to do"));

    // And with a wish, without.
    world.write("app", "more\n");
    world.commit("more");
    let skipped = world.release(&["0.3", "--yes", "--skip-stage"]);
    assert!(skipped.expect(0).err.contains("since `--skip-stage` says so"), "{}", skipped.all());
    assert_eq!(world.stage.live().as_deref(), Some("0.2"));
}

#[test]
fn a_release_that_will_not_live_is_undone_and_so_is_one_that_will_not_be_pushed() {
    let ill = world("health=fail");
    let before = state(&ill);
    let ran = ill.release(&["0.2", "--yes"]);
    ran.expect(3);
    assert!(ran.err.contains("failed at step `stage`"), "{}", ran.all());
    assert_eq!(state(&ill), before, "{}", ran.all());

    let refused = world("");
    refused.hook("pre-push", "exit 1");
    let before = state(&refused);
    let ran = refused.release(&["0.2", "--yes"]);
    ran.expect(3);
    assert!(ran.err.contains("undone stage"), "{}", ran.all());
    assert_eq!(state(&refused), before, "{}", ran.all());
}

#[test]
fn where_nothing_was_live_the_new_one_is_left_and_that_is_said() {
    let world = world("");
    let fresh = world.room().join("fresh");
    let config =
        world.read("pintail.toml").replace(world.stage.root.to_str().unwrap(), fresh.to_str().unwrap());
    world.write("pintail.toml", &config);
    world.commit("elsewhere");
    world.hook("pre-push", "exit 1");
    let before = world.state();
    let ran = world.release(&["0.2", "--yes"]);
    let status = world.stage.status();
    let supervisor = pintail_host::supervise::client::Supervisor::connect(&fresh).unwrap().unwrap();
    supervisor.shutdown().unwrap();
    ran.expect(3);
    assert!(
        ran.err.contains("nothing was live there before, so there is nothing to go back to"),
        "{}",
        ran.all()
    );
    assert_eq!(status["live"]["version"], "0.2");
    assert_eq!(world.state(), before);
}

#[test]
fn a_kill_around_the_staging_is_undone_or_finished() {
    let world = world("");
    let before = state(&world);
    // bump, changelog, commit, build, prove: two lines each; then staging, the tag, and the push that is begun.
    for line in 10..=15 {
        let killed = world.release(&["0.2", "--yes", "--die-at", &line.to_string()]);
        assert_eq!(killed.code, -1, "{}", killed.all());
        let aborted = world.release(&["--abort"]);
        aborted.expect(0);
        assert_eq!(state(&world), before, "line {line}: {}", aborted.all());
    }
    for line in 10..=19 {
        let version = format!("0.{line}");
        let killed = world.release(&[&version, "--yes", "--die-at", &line.to_string()]);
        assert_eq!(killed.code, -1, "{}", killed.all());
        let resumed = world.release(&["--resume"]);
        resumed.expect(0);
        assert_eq!(world.stage.served().as_deref(), Ok(&*version), "line {line}: {}", resumed.all());
        assert_eq!(world.git_in(&world.remote, &["tag", "--points-at", "main"]).out, format!("{version}\n"));
        world.write("app", &version);
        world.commit("next");
    }
}

/// Releases 0.2, and kills that so long after it has begun to stage: the agent on the host has lost its operator.
fn killed_while_staging(world: &World, version: &str, after: Duration) {
    let events = world.path(".git/pintail/release/events");
    let earlier = fs::read_to_string(&events).unwrap_or_default();
    let mut command = world.command(&[version, "--yes"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for("the staging", SOON, || {
        let lines = fs::read_to_string(&events).unwrap_or_default();
        lines != earlier && lines.contains("\"event\":\"looked\",\"step\":5")
    });
    // Not to wait for anything: wherever the host is then, it must come out right.
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_kill_amid_the_staging_is_undone_or_finished() {
    let world = world("");
    let before = state(&world);
    for after in [0, 100, 200, 400] {
        killed_while_staging(&world, "0.2", Duration::from_millis(after));
        let aborted = world.release(&["--abort"]);
        aborted.expect(0);
        assert_eq!(state(&world), before, "{after} ms: {}", aborted.all());
    }
    for (version, after) in [("0.3", 50), ("0.4", 150), ("0.5", 300)] {
        killed_while_staging(&world, version, Duration::from_millis(after));
        let resumed = world.release(&["--resume"]);
        resumed.expect(0);
        assert_eq!(world.stage.served().as_deref(), Ok(version), "{after} ms: {}", resumed.all());
        world.write("app", version);
        world.commit("next");
    }
}

/// The very same release may have been staged by somebody else meanwhile: that is not this one's to take back.
#[test]
fn what_another_staged_is_left_alone() {
    let world = world("");
    // Between this release's commit and its staging another hand builds that commit, and deploys it.
    let other =
        format!("env -u GIT_DIR -u GIT_INDEX_FILE {} -C {}", common::PINTAIL, world.stage.project.display());
    let other =
        format!("{{ {other} build --version 0.2 && {other} deploy local 0.2 --yes; }} > ../other.log 2>&1");
    world.hook("post-commit", &other);
    world.hook("pre-push", "exit 1");
    let failed = world.release(&["0.2", "--yes"]);
    failed.expect(3);
    let log = fs::read_to_string(world.room().join("other.log")).unwrap_or_default();
    assert_eq!(world.stage.live().as_deref(), Some("0.2"), "{log}{}", failed.all());
    assert!(failed.err.contains("`hello` 0.2 is live on `local` already"), "{}", failed.all());
    // Its own is taken back.
    let own = super::staged::world("");
    own.hook("pre-push", "exit 1");
    assert!(own.release(&["0.2", "--yes"]).expect(3).err.contains("undone: everything is as it was before"));
    assert_eq!(own.stage.live().as_deref(), Some("0.1"));
}

/// What was acknowledged when it began is so when it goes on.
#[test]
fn what_was_acknowledged_holds_after_a_kill() {
    let world = world("");
    world.write("app", "asks\n");
    world.commit("app: asks\n\nDeployment:\n- tell the ducks\n");
    let unasked = world.release(&["0.2", "--yes"]);
    let digest: String = unasked
        .expect(1)
        .err
        .split("--ack ")
        .nth(1)
        .unwrap()
        .chars()
        .take_while(char::is_ascii_hexdigit)
        .collect();
    for line in [3, 7, 9] {
        let version = format!("0.{line}");
        let killed = world.release(&[&version, "--yes", "--ack", &digest, "--die-at", &line.to_string()]);
        assert_eq!(killed.code, -1, "{}", killed.all());
        if line < 9 {
            world.release(&["--abort", "--yes"]).expect(0);
        } else {
            world.release(&["--resume", "--yes"]).expect(0);
            assert_eq!(world.stage.live().as_deref(), Some("0.9"));
        }
    }
}

/// A target that lacks what commits require refuses before anything begins, and in a plan too.
#[test]
fn what_hosts_lack_is_told_before_anything_begins() {
    let world = world("");
    world.write("app", "wants\n");
    world.commit("app: wants\n\nDeploy-Requires: cmd no-such-command\n");
    let before = state(&world);
    let refused = world.release(&["0.2", "--yes"]);
    insta::assert_snapshot!(world.plain(common::error(refused.expect(1))), @r"
    error: cannot stage on `local`: its hosts lack what commits require (`Deploy-Requires`)
      local: the program `no-such-command` is in no folder of PATH
    hint: bring it there, and release again; nothing was changed
    ");
    assert!(!refused.err.contains("1/"), "{}", refused.all());
    assert_eq!(state(&world), before);
    world.release(&["0.2", "--dry-run"]).expect(1);
}
