//! A host that is not as its journal says, by whatever happened to it: `status` and `doctor` tell, and the next deploy
//! mends what it can.

#![allow(clippy::disallowed_methods, reason = "tests change files and start processes by hand")]

mod common;

use common::{HANDOVER, PINTAIL, Stage};
use pintail_host::supervise::client::Supervisor;
use pintail_host::supervise::protocol::ServiceSpec;
use std::fs;
use std::path::Path;

fn live(version: &str) -> Stage {
    let stage = Stage::new(HANDOVER);
    stage.release(version, "healthy");
    stage.deploy(version).expect(0);
    stage
}

#[track_caller]
fn drift(stage: &Stage) -> Vec<String> {
    let status = stage.status();
    let told = status["drift"].as_array().unwrap_or_else(|| panic!("{status:#}"));
    told.iter().map(|line| line.as_str().unwrap().to_owned()).collect()
}

fn supervisor(stage: &Stage) -> Supervisor {
    Supervisor::ensure_program(Path::new(PINTAIL), &stage.root, env!("CARGO_PKG_VERSION")).unwrap()
}

#[test]
fn a_service_that_no_journal_explains_is_told_and_stopped() {
    let stage = live("1.0");
    let spec = ServiceSpec {
        process: "stray".into(),
        generation: 77,
        release: "0.1-00000000".into(),
        argv: vec!["/bin/sleep".into(), "1000".into()],
        cwd: "/".into(),
        env_file: None,
        env: Default::default(),
        socket: None,
        instances: 1,
        stop_timeout_ms: 1000,
        log: stage.root.join("log/stray.log"),
    };
    supervisor(&stage).start(&spec).unwrap();
    // Settings of an operation that was never undone.
    fs::write(stage.root.join("run/env.55"), "A=1\n").unwrap();
    assert_eq!(drift(&stage), ["`stray@77` runs, and no journal says why; `pintail deploy` stops it"]);
    stage.deploy("1.0").expect(0);
    stage.check_well("1.0", "after the stray one");
    let status = supervisor(&stage).status().unwrap();
    assert!(status.services.iter().all(|there| there.process == "web"), "{status:?}");
    let frozen: Vec<String> =
        stage.names("run").into_iter().filter(|name| name.starts_with("env.")).collect();
    assert_eq!(frozen, ["env.2"]);
}

/// By hand, by a script, by a disk: what is no more what was deployed is told, and what only looks so is not.
#[test]
fn files_that_differ_from_what_was_deployed_are_told() {
    let stage = Stage::with(|root| {
        common::config(root, HANDOVER).replace("shared =", "prepare = [\"echo made > made.txt\"]\nshared =")
    });
    stage.release("1.0", "healthy");
    stage.deploy("1.0").expect(0);
    let live = stage.root.join("current");
    let edit = |name: &str, text: &str| fs::write(live.join(name), text).unwrap();
    let time = |name: &str| fs::metadata(live.join(name)).unwrap().modified().unwrap();
    let set_time = |name: &str, time| {
        fs::File::options().write(true).open(live.join(name)).unwrap().set_modified(time).unwrap();
    };
    // What a prepare command made is part of it; what stands behind links is not, nor is a time alone.
    assert_eq!(drift(&stage), [""; 0]);
    fs::write(stage.root.join("shared/log/x"), "x").unwrap();
    set_time("static/hello.css", std::time::SystemTime::now() + std::time::Duration::from_secs(9));
    assert_eq!(drift(&stage), [""; 0]);
    stage.run(&["doctor", "local"]).expect(0);

    // The same size at the same time: only its content tells.
    let (before, message) = (time("content/message.txt"), "content/message.txt");
    edit(message, "THIS IS 1.0");
    set_time(message, before);
    assert_eq!(drift(&stage), [""; 0]);
    let doctor = stage.run(&["doctor", "local"]);
    let told = format!("BAD release     1 file differs from what was deployed: {message}\n");
    assert!(doctor.expect(1).out.contains(&told), "{}", doctor.all());

    set_time(message, before + std::time::Duration::from_millis(1));
    fs::remove_file(live.join("made.txt")).unwrap();
    fs::remove_file(live.join("log")).unwrap();
    std::os::unix::fs::symlink("/nowhere", live.join("log")).unwrap();
    let told = "3 files differ from what was deployed: content/message.txt, log, made.txt (missing)";
    assert_eq!(drift(&stage), [told]);
    let shown = stage.run(&["status", "local"]).out;
    assert!(shown.contains(&format!("DRIFT        {told}\n")), "{shown}");

    // The next release is another; its predecessor's edits are nobody's drift.
    stage.release("2.0", "healthy");
    stage.deploy("2.0").expect(0);
    stage.check_well("2.0", "after the edits");
    assert_eq!(
        stage.names("journal/seals"),
        stage.names("releases").iter().map(|name| format!("{name}.json")).collect::<Vec<_>>()
    );
    // A seal that can't be read is a remark, and stands in the way of nothing.
    let seal = stage.root.join("journal/seals").join(&stage.names("journal/seals")[1]);
    fs::write(seal, r#"{"format":9,"entries":[]}"#).unwrap();
    let remarks = stage.status()["remarks"].to_string();
    assert!(remarks.contains("it has format 9, and this Pintail reads 1"), "{remarks}");
    stage.release("3.0", "healthy");
    stage.deploy("3.0").expect(0);
}

/// Three ways to lose every process, with nobody left who would start them again.
#[test]
fn a_live_release_whose_processes_nobody_keeps_up_is_told() {
    let ways: [fn(&Stage); 3] = [
        |stage| supervisor(stage).shutdown().unwrap(),
        |stage| {
            supervisor(stage).shutdown().unwrap();
            fs::remove_dir_all(stage.root.join("run")).unwrap();
        },
        // As after a reboot with `run` on a disk of its own that is made anew.
        |stage| {
            supervisor(stage).shutdown().unwrap();
            fs::remove_dir_all(stage.root.join("run")).unwrap();
            fs::create_dir(stage.root.join("run")).unwrap();
        },
    ];
    for lose in ways {
        let stage = live("1.0");
        lose(&stage);
        let told = "`web@1` does not run, and nobody starts it; `pintail deploy` does";
        assert_eq!(drift(&stage), [told]);
        let shown = stage.run(&["status", "local"]).out;
        assert!(shown.contains(&format!("DRIFT        {told}")), "{shown}");
        let doctor = stage.run(&["doctor", "local"]);
        let doctor = &doctor.expect(1).out;
        assert!(doctor.contains(&format!("BAD processes   {told}")), "{doctor}");
        stage.deploy("1.0").expect(0);
        stage.check_well("1.0", "mended");
        stage.run(&["doctor", "local"]).expect(0);
    }
}

#[test]
fn another_application_is_not_deployed_over() {
    let stage = live("1.0");
    let before = (stage.picture(), stage.names("journal"));
    let (name, version) = ("shop".parse().unwrap(), "9.0".parse().unwrap());
    let tree = stage.room().join("shop");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("index.html"), "shop").unwrap();
    stage.depot().publish_tree(&tree, &name, &version, None, 0).unwrap();
    let own = fs::read_to_string(stage.project.join("pintail.toml")).unwrap();
    stage.set_config(&own.replace("name = \"hello\"", "name = \"shop\""));
    for command in
        [&["deploy", "local", "9.0", "--yes"][..], &["plan", "local", "9.0"], &["rollback", "local", "--yes"]]
    {
        let refused = stage.run(command);
        let err = stage.plain(&refused.expect(1).err);
        assert!(err.contains("error: will not change `ROOT` on `MACHINE` for `shop`\n"), "{err}");
        assert!(err.contains("  it is the root of `hello`: its journal says so\n"), "{err}");
        assert!(err.contains("hint: give `shop` a `root` of its own;"), "{err}");
    }
    assert_eq!((stage.picture(), stage.names("journal")), before);
    assert!(drift(&stage).contains(&"this is the root of `hello`, not of `shop`".to_owned()));
    stage.set_config(&own);
    stage.check_well("1.0", "untouched");
}

#[test]
fn a_broken_settings_file_is_told_by_all_who_need_it() {
    let stage = live("1.0");
    stage.run(&["env", "set", "local", "A=1", "B=2"]).expect(0);
    let mut text = fs::read_to_string(stage.root.join("env")).unwrap();
    text.push_str("A=\"POISON\n");
    fs::write(stage.root.join("env"), text).unwrap();
    let told = "`ROOT/env` line 3: `A`: the quote of its value is not closed, or text follows it";
    for command in [
        &["env", "list", "local"][..],
        &["env", "list", "local", "--json"],
        &["deploy", "local", "1.0", "--yes"],
        &["plan", "local", "1.0"],
    ] {
        let ran = stage.run(command);
        let err = stage.plain(&ran.expect(1).err);
        assert!(err.starts_with("error: cannot use the settings in `ROOT/env`"), "{err}");
        assert!(err.contains(&format!("\n  {told}\nhint: mend that line;")), "{err}");
        assert_eq!(ran.out, "");
    }
    let doctor = stage.run(&["doctor", "local"]);
    assert!(
        stage.plain(&doctor.expect(1).out).contains(&format!("BAD env         {told}")),
        "{}",
        doctor.all()
    );
    let status = stage.run(&["status", "local"]);
    assert!(stage.plain(&status.expect(0).out).contains(told), "{}", status.all());
    for ran in [doctor, status] {
        assert!(!ran.all().contains("POISON"), "{}", ran.all());
    }
}
