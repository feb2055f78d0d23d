//! Several operators, and operators that go: at once, watching, undoing, finishing, disappearing. An operation
//! belongs to its host, and one runs at a time.

#![allow(clippy::disallowed_methods, reason = "tests start programs by hand")]

mod common;

use common::{HANDOVER, PINTAIL, RESTART, Ran, Stage, config, error, finish, signal, state, wait_for};
use pintail_core::digest::Digest;
use pintail_core::history::Outcome;
use pintail_core::plan::HostPlan;
use pintail_core::wire::frame::{self, Frame};
use pintail_core::wire::{Ask, FORMAT, FRAME_MAX, Hello, Progress, Say};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(20);

/// A stage where 1.0 is live and 2.0 is in the depot.
fn stage(process: &str) -> Stage {
    let stage = Stage::new(process);
    stage.release("1.0", "healthy");
    stage.release("2.0", "healthy");
    stage.deploy("1.0").expect(0);
    stage
}

fn outcomes(stage: &Stage) -> Vec<(u64, String)> {
    let history = stage.run(&["history", "local", "--json"]);
    let history = history.expect(0).json();
    let deployments = history["hosts"][0]["deployments"].as_array().unwrap();
    deployments
        .iter()
        .map(|there| (there["id"].as_u64().unwrap(), there["outcome"]["is"].as_str().unwrap().to_owned()))
        .collect()
}

/// Several deploy at the very same time: each succeeds, finds nothing to do, or is told who was faster.
#[track_caller]
fn at_once(versions: &[&str]) {
    let stage = Stage::new(HANDOVER);
    for version in versions {
        if !stage.depot().artifact_path(&"hello".parse().unwrap(), &version.parse().unwrap()).exists() {
            stage.release(version, "healthy");
        }
    }
    let operators: Vec<Child> =
        versions.iter().map(|version| stage.start(&["deploy", "local", version, "--yes"])).collect();
    let ended: Vec<Ran> = operators.into_iter().map(finish).collect();
    let all = ended.iter().map(Ran::all).collect::<String>();
    let mut done = 0;
    for ran in &ended {
        assert!(!ran.err.contains("was interrupted"), "what runs is not taken for dead: {all}");
        match ran.code {
            0 if ran.err.contains("nothing to do") => {}
            0 => done += 1,
            1 => {
                let told = error(ran);
                let locked = told.contains(" of tester@")
                    && told.contains(" is running there, since ")
                    && told.contains(" s");
                let overtaken = told.contains("the host changed since the plan was made");
                assert!(locked || overtaken, "{all}");
                assert!(told.contains("\nhint: "), "{all}");
            }
            _ => panic!("{all}"),
        }
    }
    assert!(done >= 1, "{all}");
    let outcomes = outcomes(&stage);
    let ids: BTreeSet<u64> = outcomes.iter().map(|(id, _)| *id).collect();
    assert_eq!((ids.len(), outcomes.len()), (done, done), "{outcomes:?}\n{all}");
    assert!(outcomes.iter().all(|(_, outcome)| outcome == "done"), "{outcomes:?}");
    let live = stage.live().unwrap();
    stage.check_well(&live, &all);
    let next = if live == "9.0" { "1.0" } else { "9.0" };
    stage.release("9.0", "healthy");
    stage.deploy(next).expect(0);
    stage.check_well(next, "the next one");
}

#[test]
fn two_at_once() {
    at_once(&["1.0", "1.0"]);
    at_once(&["1.0", "2.0"]);
}

#[test]
fn five_at_once() {
    at_once(&["1.0", "2.0", "3.0", "1.0", "2.0"]);
}

/// The second is told who, which, since when, and at which step; and so by every command that changes something.
#[test]
fn who_holds_the_lock_is_told() {
    let stage = stage(HANDOVER);
    let paused = stage.paused_before("2.0", "route");
    for command in [
        &["deploy", "local", "2.0", "--yes"][..],
        &["rollback", "local", "1.0", "--yes"],
        &["resume", "local"],
        &["maintenance", "on", "local"],
        &["env", "set", "local", "A=1"],
    ] {
        let ran = stage.run(command);
        assert_eq!(ran.code, 1, "{command:?} {}", ran.all());
        let told = stage.plain(error(&ran));
        let since = told.find("since ").unwrap_or_else(|| panic!("{command:?} {}", ran.all())) + 6;
        let seconds = told[since..].split(' ').next().unwrap().to_owned();
        assert_eq!(
            told.replacen(&format!("since {seconds} s"), "since N s", 1),
            "error: cannot change `ROOT` on `MACHINE`
  deployment 2 of tester@MACHINE is running there, since N s, at step `route`
hint: `pintail attach TARGET` watches it, `pintail abort TARGET` undoes it",
            "{command:?}"
        );
    }
    let status = stage.status();
    assert_eq!(status["running"]["id"], 2, "{status:#}");
    assert_eq!(status["running"]["step"], "route", "{status:#}");
    assert!(status["unfinished"].is_null(), "{status:#}");
    paused.go_on().expect(0);
    stage.check_well("2.0", "not disturbed");
}

#[test]
fn attach_sees_the_end_and_abort_makes_it() {
    let stage = stage(HANDOVER);
    // Attach, then let it go on: it sees what is left and how it ended.
    let paused = stage.paused_before("2.0", "route");
    let watching = stage.start(&["attach", "local"]);
    let events = stage.start(&["attach", "local", "--json"]);
    std::thread::sleep(Duration::from_millis(300));
    paused.go_on().expect(0);
    let watched = finish(watching);
    watched.expect(0);
    for part in ["deliver", "route", "prune", "2.0 is live on `local` (deploy 2, "] {
        assert!(watched.err.contains(part), "{part}: {}", watched.all());
    }
    let events = finish(events);
    let last: Value = serde_json::from_str(events.expect(0).out.lines().last().unwrap()).unwrap();
    assert_eq!(last["ended"]["outcome"]["is"], "done", "{last:#}");
    // Nothing runs: the last one is told.
    let after = stage.run(&["attach", "local"]);
    assert!(after.expect(0).err.contains("2.0 is live on `local`"), "{}", after.all());
    assert!(stage.run(&["abort", "local"]).expect(0).err.contains("nothing to do"));

    // Abort from a second terminal: it undoes, and both are told so.
    stage.release("3.0", "healthy");
    for step in ["deliver", "unpack", "start", "route", "switch", "settle"] {
        let paused = stage.paused_before("3.0", step);
        let mut aborting = stage.start(&["abort", "local"]);
        let wish = stage.operation(outcomes(&stage).len() as u64).join("abort");
        wait_for("the wish", SOON, || wish.exists() || aborting.try_wait().unwrap().is_some());
        let operator = paused.go_on();
        assert_eq!(operator.code, 3, "{step}: {}", operator.all());
        assert!(
            error(&operator).contains("tester@") && error(&operator).contains("wished it undone"),
            "{}",
            operator.all()
        );
        let aborted = finish(aborting);
        assert_eq!(aborted.code, 0, "{step}: {}", aborted.all());
        assert!(aborted.err.contains("undone: `local` serves 2.0 as before"), "{}", aborted.all());
        stage.check_well("2.0", step);
    }

    // Past the point of no return there is nothing to abort, and whoever wanted it is told.
    let paused = stage.paused_after("3.0", "record");
    let aborting = stage.start(&["abort", "local"]);
    std::thread::sleep(Duration::from_millis(300));
    paused.go_on().expect(0);
    let aborted = finish(aborting);
    assert_eq!(aborted.code, 1, "{}", aborted.all());
    assert!(
        aborted.err.contains("past its point of no return; `pintail rollback` goes back"),
        "{}",
        aborted.all()
    );
    stage.check_well("3.0", "past the point");
}

#[test]
fn resume_finishes_what_a_killed_agent_began_and_abort_undoes_it() {
    for process in [HANDOVER, RESTART] {
        let stage = stage(process);
        let mut live = "1.0";
        for (step, command, then) in [
            ("unpack", "resume", "2.0"),
            ("route", "abort", "2.0"),
            ("start", "resume", "3.0"),
            ("switch", "abort", "3.0"),
            ("settle", "resume", "4.0"),
            ("record", "abort", "4.0"),
            ("prune", "abort", "5.0"),
        ] {
            if process == RESTART && step == "route" {
                continue;
            }
            let to = if then == live { "9.0" } else { then };
            stage.release(to, "healthy");
            let at = format!("{command} after {step}, {live} -> {to}");
            stage.paused_before(to, step).kill_agent().expect(4);
            let status = stage.status();
            assert_eq!(status["unfinished"]["stuck"], Value::Null, "{at}\n{status:#}");
            assert!(status["unfinished"]["id"].is_u64(), "{at}\n{status:#}");
            let ran = stage.run(&[command, "local"]);
            // After `record` it can only go on.
            assert_eq!(ran.code, i32::from(step == "prune"), "{at}\n{}", ran.all());
            stage.check_well(then, &at);
            let again = stage.run(&[command, "local"]);
            assert!(again.expect(0).err.contains("nothing to do"), "{at}\n{}", again.all());
            live = then;
        }
    }
}

fn with_policy(policy: &str) -> Stage {
    let stage = Stage::with(|root| {
        config(root, HANDOVER)
            .replace("hosts = [\"local\"]", &format!("hosts = [\"local\"]\nlost_operator = \"{policy}\""))
    });
    stage.release("1.0", "healthy");
    stage.release("2.0", "healthy");
    stage.deploy("1.0").expect(0);
    stage
}

/// The operator is killed at a step; the agent goes on alone.
fn lose_operator(stage: &Stage, step: &str) {
    let mut paused = stage.paused_before("2.0", step);
    paused.kill_operator();
    signal(paused.agent, "CONT");
    wait_for("the agent's end", SOON, || matches!(state(paused.agent), None | Some('Z')));
}

#[test]
fn an_operator_lost_midway_ends_as_the_target_says() {
    let stage = with_policy("revert");
    for step in ["unpack", "start", "health", "route", "switch", "settle", "drain", "stop"] {
        lose_operator(&stage, step);
        stage.check_well("1.0", step);
        let last = outcomes(&stage).pop().unwrap();
        assert_eq!(last.1, "undone", "{step}");
    }
    lose_operator(&stage, "prune");
    stage.check_well("2.0", "past the point of no return");

    let stage = with_policy("finish");
    lose_operator(&stage, "unpack");
    stage.check_well("2.0", "finish");
    // Before the artifact is there nobody can finish.
    // (More than goes ahead with the plan.)
    let long: String = (0_u16..20_000).map(|n| Digest::of(&n.to_le_bytes()).to_string()).collect();
    stage.release_with("2.0.1", "healthy", |tree| fs::write(tree.join("long"), long).unwrap());
    stage.set_config(&fs::read_to_string(stage.project.join("pintail.toml")).unwrap());
    let mut paused = stage.paused("2.0.1", 1).map_err(|ran| ran.all()).unwrap();
    paused.kill_operator();
    signal(paused.agent, "CONT");
    wait_for("the agent's end", SOON, || matches!(state(paused.agent), None | Some('Z')));
    stage.check_well("2.0", "nobody brought it");
    assert_eq!(outcomes(&stage).pop().unwrap().1, "undone");
}

/// An operator of ours, that says what it likes.
struct Fake {
    agent: Child,
    says: Option<ChildStdin>,
    hears: BufReader<ChildStdout>,
}

impl Fake {
    fn new(stage: &Stage) -> Self {
        let mut agent = Command::new(PINTAIL);
        agent
            .args(["agent", "--root"])
            .arg(&stage.root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut agent = agent.spawn().unwrap();
        let (says, hears) = (agent.stdin.take(), BufReader::new(agent.stdout.take().unwrap()));
        let mut fake = Self { agent, says, hears };
        let hello = frame::receive(&mut fake.hears).unwrap().unwrap().value::<Hello>().unwrap();
        assert_eq!(hello.format, FORMAT);
        fake
    }

    fn greeted(stage: &Stage) -> Self {
        let mut fake = Self::new(stage);
        fake.say(&Hello { format: FORMAT, pintail: "fake".into() });
        fake
    }

    fn say(&mut self, what: &impl serde::Serialize) {
        frame::send(self.says.as_mut().unwrap(), what).unwrap();
    }

    fn raw(&mut self, bytes: &[u8]) {
        let _ =
            self.says.as_mut().unwrap().write_all(bytes).and_then(|()| self.says.as_mut().unwrap().flush());
    }

    fn hear(&mut self) -> Option<Say> {
        frame::receive(&mut self.hears).ok().flatten().map(|frame: Frame| frame.value().unwrap())
    }

    /// Hears until `wanted` comes.
    #[track_caller]
    fn hear_until(&mut self, wanted: impl Fn(&Say) -> bool) -> Say {
        let mut heard = Vec::new();
        loop {
            let said = self.hear().unwrap_or_else(|| panic!("it ended after {heard:#?}"));
            if wanted(&said) {
                return said;
            }
            heard.push(said);
        }
    }

    /// Hangs up, and waits for the agent's end.
    #[track_caller]
    fn leave(mut self) -> String {
        drop(self.says.take());
        let until = Instant::now() + SOON;
        while self.agent.try_wait().unwrap().is_none() {
            assert!(Instant::now() < until, "the agent does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut errors = String::new();
        self.agent.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        errors
    }
}

fn plan(stage: &Stage, version: &str) -> HostPlan {
    let plan = stage.run(&["plan", "local", version, "--json"]);
    serde_json::from_value(plan.expect(0).json()["hosts"][0]["plan"].clone()).unwrap()
}

fn execute(stage: &Stage, version: &str) -> Ask {
    Ask::Execute { plan: Box::new(plan(stage, version)), by: "fake@test".into(), trial: None, ahead: None }
}

#[test]
fn garbage_for_the_agent_is_refused_and_changes_nothing() {
    let stage = stage(HANDOVER);
    let before = (stage.picture(), stage.names("journal"));
    let too_long = [&(FRAME_MAX as u32 + 1).to_be_bytes()[..], b"J"].concat();
    let json = |text: &str| [&(text.len() as u32 + 1).to_be_bytes()[..], b"J", text.as_bytes()].concat();
    for (what, bytes, why) in [
        ("no frame", b"GET / HTTP/1.1\r\n\r\n".to_vec(), "what came is no frame"),
        ("too long", too_long, "what came is no frame"),
        ("length 0", vec![0; 5], "what came is no frame"),
        ("kind", [&2_u32.to_be_bytes()[..], b"Xx"].concat(), "no frame of a kind that is known"),
        ("no JSON", json("{"), "EOF while parsing"),
        ("other JSON", json("{\"ask\":\"dance\"}"), "unknown variant `dance`"),
        ("other format", json("{\"format\":99,\"pintail\":\"9.9\"}"), "it speaks format 99 and this agent"),
        ("half a frame", [&100_u32.to_be_bytes()[..], b"J{"].concat(), ""),
        ("nothing", Vec::new(), ""),
    ] {
        let mut fake = Fake::new(&stage);
        fake.raw(&bytes);
        if !why.is_empty() {
            match fake.hear() {
                Some(Say::Refused { trouble }) => {
                    assert!(trouble.to_string().contains(why), "{what}: {trouble}")
                }
                other => panic!("{what}: {other:?}"),
            }
        }
        let errors = fake.leave();
        assert_eq!(errors, "", "{what}");
        assert_eq!((stage.picture(), stage.names("journal")), before, "{what}");
    }
    // A plan of a newer Pintail, one for another host, and one that was run already.
    let asked = execute(&stage, "2.0");
    let Ask::Execute { plan, by, .. } = asked.clone() else { unreachable!() };
    for (change, why) in [
        (Box::new(|plan: &mut HostPlan| plan.format = 99) as Box<dyn Fn(&mut HostPlan)>, "it has format 99"),
        (Box::new(|plan| plan.id = 1), "the host changed since the plan was made"),
        (Box::new(|plan| plan.id = 7), "the host changed since the plan was made"),
        (
            Box::new(|plan| plan.basis = pintail_core::digest::Digest::of(b"another host")),
            "the host changed since the plan was made",
        ),
    ] {
        let mut changed = plan.clone();
        change(&mut changed);
        let mut fake = Fake::greeted(&stage);
        fake.say(&Ask::Execute { plan: changed, by: by.clone(), trial: None, ahead: None });
        match fake.hear_until(|said| !matches!(said, Say::Progress { .. })) {
            Say::Refused { trouble } => assert!(trouble.to_string().contains(why), "{trouble}"),
            other => panic!("{other:?}"),
        }
        fake.leave();
        assert_eq!(
            (stage.picture(), stage.names("journal").len()),
            (before.0.clone(), before.1.len()),
            "{why}"
        );
    }
    stage.check_well("1.0", "nothing came of it");
    stage.deploy("2.0").expect(0);
    stage.check_well("2.0", "the next one");
}

/// During delivery the operator disappears, babbles, sends too little, or falls silent while another aborts.
#[test]
fn an_operator_that_disappears_during_delivery() {
    let stage = stage(HANDOVER);
    let before = stage.picture();
    let bytes =
        fs::read(stage.depot().artifact_path(&"hello".parse().unwrap(), &"2.0".parse().unwrap())).unwrap();
    let wanting = |stage: &Stage| {
        let mut fake = Fake::greeted(stage);
        fake.say(&execute(stage, "2.0"));
        fake.hear_until(|said| matches!(said, Say::Want { from: 0, .. }));
        fake
    };
    let undone = |said: &Say, why: &str| match said {
        Say::Ended { deployment } => match &deployment.outcome {
            Outcome::Undone { step, why: told, .. } => {
                assert_eq!(step, "deliver");
                assert!(told.contains(why), "{told}");
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let ended = |said: &Say| matches!(said, Say::Ended { .. });

    wanting(&stage).leave();
    stage.check_well("1.0", "left at once");

    let mut fake = wanting(&stage);
    frame::send_data(fake.says.as_mut().unwrap(), &bytes[..1000]).unwrap();
    fake.leave();
    stage.check_well("1.0", "left in the middle");

    let mut fake = wanting(&stage);
    frame::send_data(fake.says.as_mut().unwrap(), &bytes[..1000]).unwrap();
    fake.raw(&[0xff; 100]);
    fake.leave();
    stage.check_well("1.0", "babbled");

    let mut fake = wanting(&stage);
    fake.say(&Ask::DataEnd);
    undone(&fake.hear_until(ended), "are missing");
    fake.leave();

    let mut fake = wanting(&stage);
    frame::send_data(fake.says.as_mut().unwrap(), &bytes).unwrap();
    frame::send_data(fake.says.as_mut().unwrap(), b"and more").unwrap();
    fake.say(&Ask::DataEnd);
    // It was complete before; what else came belongs to nothing.
    fake.hear_until(|said| matches!(said, Say::Ended { .. }));
    fake.leave();
    assert_ne!(outcomes(&stage).pop().unwrap().1, "running");
    if stage.live().as_deref() == Some("2.0") {
        stage.run(&["rollback", "local", "--yes"]).expect(0);
    }

    stage.release("3.0", "healthy");
    let mut fake = Fake::greeted(&stage);
    fake.say(&execute(&stage, "3.0"));
    fake.hear_until(|said| matches!(said, Say::Want { .. }));
    let began = Instant::now();
    let aborted = stage.run(&["abort", "local"]);
    assert_eq!(aborted.code, 0, "{}", aborted.all());
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "it waited for the silent operator: {:?}",
        began.elapsed()
    );
    undone(&fake.hear_until(ended), "wished it undone");
    fake.leave();
    stage.check_well("1.0", "silent");
    let _ = before;
    stage.deploy("3.0").expect(0);
    stage.check_well("3.0", "the next one");
}

/// An operator that takes nothing from the pipe any more (suspended, or its line hangs) does not hold the host up,
/// however much there is to say.
#[test]
fn an_operator_that_is_suspended_holds_nothing_up() {
    let stage = stage(HANDOVER);
    let host = "prepare = [\"i=0; while [ $i -lt 20000 ]; do echo line $i of what a chatty installer says; i=$((i+1)); done\"]\nshared =";
    stage.set_config(&config(&stage.root, HANDOVER).replace("shared =", host));
    let operator = stage.paused_before("2.0", "prepare");
    signal(operator.operator(), "STOP");
    signal(operator.agent, "CONT");
    wait_for("the deployment's end without its operator", Duration::from_secs(30), || {
        stage.live().as_deref() == Some("2.0") && stage.status()["running"].is_null()
    });
    stage.check_well("2.0", "suspended");
    assert!(stage.kept_output().contains("line 19999 of"));
    signal(operator.operator(), "CONT");
    let told = operator.go_on();
    assert!(matches!(told.code, 0 | 1), "{}", told.all());
}

#[test]
fn progress_comes_in_order() {
    let stage = stage(HANDOVER);
    stage.forget_bases();
    let mut fake = Fake::greeted(&stage);
    let plan = plan(&stage, "2.0");
    fake.say(&execute(&stage, "2.0"));
    fake.hear_until(|said| matches!(said, Say::Want { .. }));
    let bytes =
        fs::read(stage.depot().artifact_path(&"hello".parse().unwrap(), &"2.0".parse().unwrap())).unwrap();
    frame::send_data(fake.says.as_mut().unwrap(), &bytes).unwrap();
    fake.say(&Ask::DataEnd);
    let mut acted = Vec::new();
    loop {
        match fake.hear().unwrap() {
            Say::Progress { progress: Progress::Acted { index, .. } } => acted.push(index),
            Say::Ended { deployment } => break assert!(matches!(deployment.outcome, Outcome::Done { .. })),
            _ => {}
        }
    }
    assert_eq!(acted, (0..plan.steps.len()).collect::<Vec<_>>());
    fake.leave();
    stage.check_well("2.0", "by a fake operator");
}

/// What an operator delivers is compared with what was announced, whatever it says about itself.
#[test]
fn what_a_lying_operator_delivers_is_undone() {
    let stage = stage(HANDOVER);
    stage.forget_bases();
    let before = stage.picture();
    let good =
        fs::read(stage.depot().artifact_path(&"hello".parse().unwrap(), &"2.0".parse().unwrap())).unwrap();
    let tar = zstd::decode_all(&good[..]).unwrap();
    let manifest = 512 + 512 * tar_size(&tar).div_ceil(512);
    let escaping = |path: &str, kind: u8| {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(tar::EntryType::new(kind));
        header.as_old_mut().linkname[..4].copy_from_slice(b"/etc");
        header.set_mode(0o755);
        header.set_size(0);
        header.set_cksum();
        zstd::encode_all(&[&tar[..manifest], header.as_bytes(), &tar[manifest..]].concat()[..], 1).unwrap()
    };
    let huge = {
        let mut tar = tar.clone();
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes().copy_from_slice(&tar[manifest..manifest + 512]);
        header.set_size(1 << 40);
        header.set_cksum();
        tar[manifest..manifest + 512].copy_from_slice(header.as_bytes());
        zstd::encode_all(&tar[..], 1).unwrap()
    };
    let zeros = zstd::encode_all(&vec![0; 16 << 20][..], 1).unwrap().repeat(64);
    for (what, bytes) in [
        ("an absolute path", escaping("/etc/cron.d/evil", b'0')),
        ("a path upward", escaping("hello-2.0/../../../evil", b'0')),
        ("a link out", escaping("hello-2.0/VERSION", b'2')),
        ("a device", escaping("hello-2.0/VERSION", b'3')),
        ("a file of a tebibyte", huge),
        ("a gibibyte of zeros", zeros.clone()),
        ("a gibibyte of zeros behind it", [&good[..], &zeros].concat()),
        ("nothing", b"x".to_vec()),
    ] {
        let mut plan = plan(&stage, "2.0");
        for step in &mut plan.steps {
            if let pintail_core::plan::Step::Deliver { packed_bytes, .. } = step {
                *packed_bytes = bytes.len() as u64;
            }
        }
        let began = Instant::now();
        let mut fake = Fake::greeted(&stage);
        fake.say(&Ask::Execute { plan: Box::new(plan), by: "liar@test".into(), trial: None, ahead: None });
        fake.hear_until(|said| matches!(said, Say::Want { .. }));
        frame::send_data(fake.says.as_mut().unwrap(), &bytes).unwrap();
        fake.say(&Ask::DataEnd);
        match fake.hear_until(|said| matches!(said, Say::Ended { .. })) {
            Say::Ended { deployment } => match deployment.outcome {
                Outcome::Undone { step, .. } => assert_eq!(step, "unpack", "{what}"),
                other => panic!("{what}: {other:?}"),
            },
            _ => unreachable!(),
        }
        fake.leave();
        assert!(began.elapsed() < Duration::from_secs(10), "{what}: {:?}", began.elapsed());
        assert_eq!(stage.picture(), before, "{what}");
        stage.check_well("1.0", what);
    }
    stage.deploy("2.0").expect(0);
    stage.check_well("2.0", "the good one");
}

/// The size in the first header of an archive: our own begin with the manifest.
fn tar_size(tar: &[u8]) -> usize {
    let mut header = tar::Header::new_gnu();
    header.as_mut_bytes().copy_from_slice(&tar[..512]);
    header.size().unwrap() as usize
}
