//! Commands in the live release, logs, maintenance.

use super::*;

#[test]
fn a_command_runs_in_the_live_release_with_its_environment_and_its_exit_code_is_ours() {
    let stage = Stage::with(|root| config(root, "", ""));
    let nothing = stage.run(&["run", "local", "--", "true"]);
    assert!(nothing.expect(1).err.contains("no release is live"), "{}", nothing.all());
    stage.release("1.0", "healthy");
    stage.run(&["env", "set", "local", "SETTING=two words"]).expect(0);
    stage.deploy("1.0").expect(0);
    let run = |line: &[&str]| {
        let mut command = stage.command(&[&["run", "local", "--"], line].concat());
        command.env("OPERATORS_OWN", "poison");
        common::ran(command)
    };
    let told = run(&[
        "sh",
        "-c",
        "pwd -P; echo \"$SETTING|$PINTAIL_VERSION|$PINTAIL_TARGET|$OPERATORS_OWN|$HOME\"; echo aside >&2",
    ]);
    let home = std::env::var("HOME").unwrap_or_default();
    let folder = fs::canonicalize(release_folder(&stage, "1.0")).unwrap();
    assert_eq!(told.expect(0).out, format!("{}\ntwo words|1.0|local||{home}\n", folder.display()));
    assert_eq!(told.err, "aside\n");
    // Each argument arrives as it was typed.
    assert_eq!(run(&["printf", "%s|", "a b", "", "$HOME", "*"]).expect(0).out, "a b||$HOME|*|");
    for (line, code) in
        [("exit 0", 0), ("exit 1", 1), ("exit 42", 42), ("kill -TERM $$", 143), ("kill -KILL $$", 137)]
    {
        assert_eq!(run(&["sh", "-c", line]).code, code, "{line}");
    }
    let missing = run(&["no-such-program"]);
    assert!(missing.expect(1).err.contains("cannot run `no-such-program`"), "{}", missing.all());
    // Without a line end, and more than a pipe holds.
    assert_eq!(run(&["printf", "no end"]).out, "no end");
    assert_eq!(run(&["sh", "-c", "yes | head -c 3000000"]).out.len(), 3_000_000);
}

#[test]
fn logs_are_shown_from_their_end_and_followed() {
    let stage = Stage::new(common::HANDOVER);
    stage.release("1.0", "healthy");
    stage.deploy("1.0").expect(0);
    let log = stage.root.join("log/web.log");
    let lines: String = (1..=100).map(|n| format!("line {n}\n")).collect();
    append(&log, &lines);
    let last = stage.run(&["logs", "local", "web", "-n", "3"]);
    assert_eq!(last.expect(0).out, "web | line 98\nweb | line 99\nweb | line 100\n");
    assert_eq!(stage.run(&["logs", "local", "web"]).out.lines().count(), 50);
    assert_eq!(stage.run(&["logs", "local", "web", "-n", "0"]).expect(0).out, "");
    assert!(stage.run(&["logs", "local"]).out.contains("web | line 100"));
    let unknown = stage.run(&["logs", "local", "nobody"]);
    assert!(unknown.expect(1).err.contains("cannot show the log of `nobody`"), "{}", unknown.all());

    let mut following = stage
        .command(&["logs", "local", "web", "-n", "1", "-f"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (sender, heard) = channel();
    let out = following.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        BufReader::new(out).lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)))
    });
    let next = || heard.recv_timeout(SOON).unwrap();
    assert_eq!(next(), "web | line 100");
    append(&log, "line 101\nhalf a ");
    assert_eq!(next(), "web | line 101");
    std::thread::sleep(Duration::from_millis(400));
    append(&log, "line, and ü\n");
    assert_eq!(next(), "web | half a line, and ü", "a line is told when it is whole");
    common::signal(following.id(), "INT");
    assert!(following.wait().unwrap().success(), "leaving is how one ends following");
    reader.join().unwrap();
}

fn append(path: &Path, text: &str) {
    use std::io::Write;
    fs::OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn maintenance_is_raised_and_lowered_and_a_deploy_leaves_one_that_was_raised_by_hand() {
    let stage = Stage::new(common::RESTART);
    for version in ["1.0", "2.0"] {
        stage.release(version, "healthy");
    }
    stage.deploy("1.0").expect(0);
    let flags = || {
        let flags: Vec<String> =
            stage.names("run").into_iter().filter(|name| name.starts_with("maintenance")).collect();
        flags.join(" ")
    };
    assert_eq!(flags(), "");
    stage.run(&["maintenance", "on", "local"]).expect(0);
    assert_eq!(flags(), "maintenance");
    assert_eq!(mode(&stage.root.join("run/maintenance")), 0o644, "the front is another user");
    assert!(stage.status()["maintenance"]["by"].as_str().unwrap().starts_with("tester@"));
    let deployed = stage.deploy("2.0");
    assert!(!deployed.expect(0).err.contains("maintenance off"), "{}", deployed.all());
    assert_eq!(flags(), "maintenance", "who raised it lowers it");
    stage.run(&["maintenance", "on", "local", "--long"]).expect(0);
    assert_eq!(flags(), "maintenance_long");
    assert_eq!(stage.status()["maintenance"]["long"], true);
    stage.run(&["rollback", "local", "--yes"]).expect(0);
    assert_eq!(flags(), "maintenance_long");
    stage.run(&["maintenance", "off", "local", "--long"]).expect(2);
    stage.run(&["maintenance", "off", "local"]).expect(0);
    stage.run(&["maintenance", "off", "local"]).expect(0);
    assert_eq!(flags(), "");
    // By itself it is raised for the time of the change, and lowered again.
    let deployed = stage.deploy("2.0");
    assert!(deployed.expect(0).err.contains("maintenance off"), "{}", deployed.all());
    assert_eq!(flags(), "");
}
