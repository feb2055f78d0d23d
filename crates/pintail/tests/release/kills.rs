//! A kill after every line of the journal: what was released goes on to the same end as if nothing had been, or back to
//! where it came from.

use super::*;

/// Releases `version`, killed after `line` lines of the journal; whether there were as many.
fn killed(world: &World, version: &str, line: usize) -> bool {
    let ran = world.release(&[version, "--yes", "--die-at", &line.to_string()]);
    match ran.code {
        -1 => true,
        0 => false,
        _ => panic!("line {line}: {}", ran.all()),
    }
}

#[test]
fn whatever_line_it_dies_at_it_can_be_undone_or_finished() {
    // What the whole of it makes.
    let straight = World::new(PROJECT);
    let before = straight.state();
    straight.release(&["0.2", "--yes"]).expect(0);
    let done = straight.state();
    let lines = fs::read_to_string(straight.path(".git/pintail/release/events")).unwrap().lines().count();
    let pushed = lines - 3;
    assert_eq!(lines, 17, "8 steps, looked and acted, and the end");

    // One world is undone again and again.
    let world = World::new(PROJECT);
    assert_eq!(world.state(), before, "two worlds are alike");
    for line in 1..pushed {
        assert!(killed(&world, "0.2", line));
        let refused = world.release(&["0.2", "--yes"]);
        assert!(refused.expect(1).err.contains("was interrupted at step"), "line {line}: {}", refused.all());
        let aborted = world.release(&["--abort"]);
        if line == pushed - 1 {
            // It died between asking and pushing, so that nothing was pushed.
            assert!(aborted.err.contains("undone push"), "{}", aborted.all());
        }
        aborted.expect(0);
        assert_eq!(world.state(), before, "line {line}: {}", aborted.all());
    }

    assert!(!killed(&World::new(PROJECT), "0.2", lines + 1), "that were all");

    // Others are finished, each to the same.
    for line in 1..=lines {
        let world = World::new(PROJECT);
        assert!(killed(&world, "0.2", line));
        if (pushed..lines).contains(&line) {
            let aborted = world.release(&["--abort"]);
            assert!(
                aborted.expect(1).err.contains("is pushed to `origin`"),
                "line {line}: {}",
                aborted.all()
            );
        }
        let resumed = world.release(&["--resume"]);
        resumed.expect(0);
        if line < lines {
            assert_eq!(world.state(), done, "line {line}: {}", resumed.all());
        }
        // Whatever it left, the next one is released as ever.
        world.write("app", "next\n");
        world.commit("next");
        world.release(&["0.3", "--yes"]).expect(0);
        assert!(!world.path(".git/pintail/release/bench").exists(), "line {line}");
    }
}

#[test]
fn a_kill_on_the_way_back_is_gone_on_from() {
    let config = PROJECT.replace("test -s made/version", "exit 1");
    let world = World::new(&config);
    let before = world.state();
    let whole = world.release(&["0.2", "--yes"]);
    whole.expect(3);
    let lines = fs::read_to_string(world.path(".git/pintail/release/events")).unwrap().lines().count();
    assert!(lines > 12, "{}", whole.all());
    for line in 9..lines {
        assert_eq!(world.release(&["0.2", "--yes", "--die-at", &line.to_string()]).code, -1);
        // There is no way but back, whatever is asked for.
        let asked = if line % 2 == 0 { "--abort" } else { "--resume" };
        let resumed = world.release(&[asked]);
        resumed.expect(if asked == "--abort" { 0 } else { 3 });
        assert_eq!(world.state(), before, "line {line}: {}", resumed.all());
    }
}

#[test]
fn a_journal_that_is_torn_or_of_a_newer_pintail() {
    let world = World::new(PROJECT);
    let before = world.state();
    assert!(killed(&world, "0.2", 6));
    let events = world.path(".git/pintail/release/events");
    let mut text = fs::read_to_string(&events).unwrap();
    text.push_str("0123456789abcdef {\"at_ms\":17955785");
    fs::write(&events, &text).unwrap();
    world.release(&["--abort"]).expect(0);
    assert_eq!(world.state(), before);

    assert!(killed(&world, "0.2", 6));
    let plan = world.path(".git/pintail/release/plan.json");
    let mut newer: Value = serde_json::from_str(&fs::read_to_string(&plan).unwrap()).unwrap();
    newer["format"] = 99.into();
    fs::write(&plan, newer.to_string()).unwrap();
    let refused = world.release(&["--abort"]);
    assert!(refused.expect(1).err.contains("it has format 99"), "{}", refused.all());
}

/// What a killed release had started outlives it: who comes after waits for its end, and only then says what became of it.
#[test]
fn what_a_killed_release_had_started_is_waited_for() {
    for (hook, arrives) in [("pre-commit", false), ("pre-push", true)] {
        let world = World::new(PROJECT);
        let (at_work, ended) = (world.room().join("at-work"), world.room().join("ended"));
        world.hook(hook, &format!("touch {}; sleep 3; touch {}", at_work.display(), ended.display()));
        let before = world.state();
        let mut release = world.command(&["0.2", "--yes"]);
        let mut release = release.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_until_there(&at_work);
        release.kill().unwrap();
        release.wait().unwrap();
        assert!(!ended.exists(), "{hook}: it is killed in its middle");
        let aborted = world.release(&["--abort"]);
        assert!(aborted.err.contains("still runs; waiting for its end"), "{hook}: {}", aborted.all());
        assert!(ended.exists(), "{hook}: it was waited for");
        if arrives {
            assert!(aborted.expect(1).err.contains("others may have it"), "{hook}: {}", aborted.all());
            world.release(&["--resume"]).expect(0);
            let tags = world.git_in(&world.remote, &["tag", "--list"]).out;
            assert_eq!(tags, "0.1\n0.2\n", "{hook}");
        } else {
            aborted.expect(0);
            assert_eq!(world.state(), before, "{hook}");
        }
    }
}
