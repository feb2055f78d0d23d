//! Services that start, serve, crash, give up and stop.

use std::fs;
use std::time::{Duration, Instant};

use pintail_host::supervise::protocol::{HeldSocket, InstanceState, Pass, ServiceSpec};

use crate::rig::{self, Load, Rig, ask, id, is_alive, service, until, until_running, until_stopped};

#[test]
fn it_serves_on_descriptor_0_and_ends() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    let address = rig.unix("web");
    supervisor.bind("web", &address).unwrap();
    supervisor.bind("web", &address).unwrap();
    let spec = ServiceSpec { instances: 2, ..rig.app(1) };
    supervisor.start(&spec).unwrap();
    supervisor.start(&spec).unwrap();
    let pids = until_running(&supervisor, 1);
    assert_eq!(pids.len(), 2);
    let answer = ask(&address, "ping").unwrap();
    let (pid, instance) = answer.split_once(' ').unwrap();
    assert_eq!(pids[instance.parse::<usize>().unwrap() - 1].to_string(), pid);
    assert!(ask(&address, "argv").unwrap().ends_with(['1', '2']), "{{instance}} is replaced");

    let other = ServiceSpec { instances: 3, ..spec.clone() };
    insta::assert_snapshot!(supervisor.start(&other).unwrap_err(), @"cannot start `web@1`: it is here with another specification");
    insta::assert_snapshot!(supervisor.forget(&id(1)).unwrap_err(), @"cannot forget `web@1`: it is not stopped");
    insta::assert_snapshot!(supervisor.close("web").unwrap_err(), @"cannot close socket `web`: `web@1` uses it");

    supervisor.stop(&id(1)).unwrap();
    supervisor.stop(&id(1)).unwrap();
    until_stopped(&supervisor, 1);
    assert_eq!(service(&supervisor, 1).instances[0].last_exit.as_deref(), Some("exit status 0"));
    assert!(pids.into_iter().all(|pid| !is_alive(pid)));
    supervisor.forget(&id(1)).unwrap();
    supervisor.forget(&id(1)).unwrap();
    supervisor.stop(&id(1)).unwrap();
    assert_eq!(supervisor.status().unwrap().services, []);
    supervisor.close("web").unwrap();
    supervisor.close("web").unwrap();
    assert!(!address.path().unwrap().exists());
}

#[test]
fn it_serves_with_listen_fds_over_tcp() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    let address = rig_tcp(&supervisor);
    let socket = Some(HeldSocket { held: "web".into(), pass: Pass::ListenFds });
    supervisor.start(&ServiceSpec { socket, ..rig.app(1) }).unwrap();
    until_running(&supervisor, 1);
    ask(&address, "ping").unwrap();
}

/// Binds `web` to a port that is free.
fn rig_tcp(
    supervisor: &pintail_host::supervise::client::Supervisor,
) -> pintail_host::supervise::protocol::Address {
    until("a free port", || {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let address = format!("tcp:{free}").parse().unwrap();
        supervisor.bind("web", &address).ok().map(|()| address)
    })
}

#[test]
fn its_environment_is_what_was_said_and_nothing_else() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    let address = rig.unix("web");
    supervisor.bind("web", &address).unwrap();
    fs::write(rig.root.join("env"), "# ours\nSECRET='hunter two'\nBOTH=file\n").unwrap();
    let env =
        [("BOTH".to_owned(), "spec".to_owned()), ("PINTAIL_RELEASE".to_owned(), "r1".to_owned())].into();
    supervisor.start(&ServiceSpec { env_file: Some(rig.root.join("env")), env, ..rig.app(1) }).unwrap();
    let env = ask(&address, "env").unwrap();
    let ours: Vec<&str> = env
        .split(' ')
        .filter(|one| !["PATH=", "HOME=", "USER=", "LANG=", "TZ="].iter().any(|name| one.starts_with(name)))
        .collect();
    assert_eq!(ours.join(" "), "BOTH=spec PINTAIL_INSTANCE=1 PINTAIL_RELEASE=r1 SECRET=hunter two");

    // Nobody can read the secret but in the environment itself and the file.
    for (pid, words) in rig.processes() {
        assert!(!words.contains("hunter"), "{pid}: {words}");
    }
    assert!(!fs::read_to_string(rig.record()).unwrap().contains("hunter"));
    assert!(!rig.own_log().contains("hunter"));
    assert!(!format!("{:?}", supervisor.status().unwrap()).contains("hunter"));
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(rig.record()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_crashed_one_is_started_again() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    let address = rig.unix("web");
    supervisor.bind("web", &address).unwrap();
    supervisor.start(&rig.app(1)).unwrap();
    let before = until_running(&supervisor, 1);
    ask(&address, "crash").unwrap();
    // The next request waits in the backlog meanwhile.
    ask(&address, "ping").unwrap();
    let after = until_running(&supervisor, 1);
    assert_ne!(before, after);
    let instance = service(&supervisor, 1).instances[0].clone();
    assert_eq!((instance.restarts, instance.last_exit.as_deref()), (1, Some("killed by SIGSEGV")));
    ask(&address, "exit 7").unwrap();
    until("the second end is told", || {
        (service(&supervisor, 1).instances[0].last_exit.as_deref() == Some("exit status 7")).then_some(())
    });
}

#[test]
fn it_gives_up_with_a_reason_and_begins_anew_when_asked() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    supervisor.start(&rig.shell(1, "echo no database; exit 3")).unwrap();
    let reason = until("it gives up", || match &service(&supervisor, 1).instances[0].state {
        InstanceState::GaveUp { reason } => Some(reason.clone()),
        _ => None,
    });
    insta::assert_snapshot!(reason);
    // A new supervisor knows it too, and does not try again.
    rig.kill_supervisor(&supervisor);
    assert!(matches!(service(&supervisor, 1).instances[0].state, InstanceState::GaveUp { .. }));
    assert_eq!(rig.log().lines().count(), 4);
    supervisor.stop(&id(1)).unwrap();
    until_stopped(&supervisor, 1);
    supervisor.start(&rig.shell(1, "echo no database; exit 3")).unwrap();
    until("it tries again", || (rig.log().lines().count() > 4).then_some(()));
}

#[test]
fn a_wait_is_told_as_one() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    supervisor.start(&rig.shell(1, "exit 3")).unwrap();
    until("a back-off", || {
        matches!(service(&supervisor, 1).instances[0].state, InstanceState::Backoff { until_ms } if until_ms > 0).then_some(())
    });
}

#[test]
fn what_cannot_run_says_why() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    supervisor.start(&rig.command(1, &["no-such-program"])).unwrap();
    let exit = until("it fails", || service(&supervisor, 1).instances[0].last_exit.clone());
    let root = rig.root.to_str().unwrap();
    insta::assert_snapshot!(exit.replace(root, "ROOT"), @"cannot run `no-such-program` in `ROOT`: No such file or directory (os error 2)");
    assert!(rig.log().contains("cannot run `no-such-program`"));

    let wrong = ServiceSpec {
        argv: vec![],
        cwd: "relative".into(),
        env_file: Some(rig.root.join("missing")),
        instances: 0,
        ..rig.command(2, &[])
    };
    insta::assert_snapshot!(supervisor.start(&wrong).unwrap_err().to_string().replace(root, "ROOT"));
    insta::assert_snapshot!(supervisor.start(&rig.app(3)).unwrap_err(), @"no socket `web` is held");
}

#[test]
fn a_stop_lets_a_slow_request_end() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    let address = rig.unix("web");
    supervisor.bind("web", &address).unwrap();
    let mut spec = rig.app(1);
    spec.argv.push("--workers=2".into());
    supervisor.start(&spec).unwrap();
    until_running(&supervisor, 1);
    ask(&address, "ping").unwrap();
    let slow = std::thread::spawn({
        let address = address.clone();
        move || ask(&address, "slow 600")
    });
    std::thread::sleep(Duration::from_millis(150));
    supervisor.stop(&id(1)).unwrap();
    until_stopped(&supervisor, 1);
    slow.join().unwrap().unwrap();

    // Who comes now waits until somebody serves again.
    assert!(!supervisor.pending("web").unwrap());
    let waiting = std::thread::spawn(move || ask(&address, "ping"));
    until("a connection waits", || supervisor.pending("web").unwrap().then_some(()));
    supervisor.start(&rig.app(2)).unwrap();
    waiting.join().unwrap().unwrap();
}

#[test]
fn who_does_not_listen_is_killed_with_the_whole_group() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    let deaf = "trap '' TERM; sleep 1000 & echo $!; while :; do sleep 0.1; done";
    supervisor.start(&ServiceSpec { stop_timeout_ms: 300, ..rig.shell(1, deaf) }).unwrap();
    let grandchild: u32 = until("a grandchild", || rig.log().trim().parse().ok());
    let began = Instant::now();
    supervisor.stop(&id(1)).unwrap();
    until_stopped(&supervisor, 1);
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert!(!is_alive(grandchild));
    assert_eq!(service(&supervisor, 1).instances[0].last_exit.as_deref(), Some("killed by SIGKILL"));
}

#[test]
fn those_who_outlive_their_leader_are_ended() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    // The grandchild is deaf to TERM; the leader ends at once when it is told.
    supervisor.start(&rig.shell(1, "(trap '' TERM; exec sleep 1000) & echo $!; wait")).unwrap();
    let grandchild: u32 = until("a grandchild", || rig.log().trim().parse().ok());
    let leader = until_running(&supervisor, 1)[0];
    rig::kill(leader);
    let again =
        until("it runs again", || service(&supervisor, 1).instances[0].pid.filter(|pid| *pid != leader));
    supervisor.stop(&id(1)).unwrap();
    until("not stopped while a grandchild lives", || (!service(&supervisor, 1).is_stopped()).then_some(()));
    until_stopped(&supervisor, 1);
    assert!(!is_alive(grandchild) && !is_alive(again));
    let second: u32 = rig.log().lines().last().unwrap().parse().unwrap();
    assert!(!is_alive(second));
}

#[test]
fn changes_lose_no_request() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    let address = rig.unix("web");
    supervisor.bind("web", &address).unwrap();
    supervisor.start(&ServiceSpec { instances: 2, ..rig.app(1) }).unwrap();
    until_running(&supervisor, 1);
    let load = Load::on(&address, 4);
    load.go_on(20);
    for generation in 2..5 {
        // Overlapping: the new beside the old.
        supervisor.start(&rig.app(generation)).unwrap();
        until_running(&supervisor, generation);
        supervisor.stop(&id(generation - 1)).unwrap();
        until_stopped(&supervisor, generation - 1);
        load.go_on(20);
    }
    for generation in 5..8 {
        // One after the other: requests wait.
        supervisor.stop(&id(generation - 1)).unwrap();
        until_stopped(&supervisor, generation - 1);
        supervisor.start(&rig.app(generation)).unwrap();
        load.go_on(20);
    }
    load.end_without_failure();
}

#[test]
fn one_that_still_stops_can_be_started_again() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    let address = rig.unix("web");
    supervisor.bind("web", &address).unwrap();
    supervisor.start(&rig.app(1)).unwrap();
    let before = until_running(&supervisor, 1);
    let slow = std::thread::spawn({
        let address = address.clone();
        move || ask(&address, "slow 500")
    });
    std::thread::sleep(Duration::from_millis(100));
    supervisor.stop(&id(1)).unwrap();
    supervisor.start(&rig.app(1)).unwrap();
    ask(&address, "ping").unwrap();
    slow.join().unwrap().unwrap();
    let after = until_running(&supervisor, 1);
    assert_ne!(before, after);
    assert_eq!(after.len(), 1);
}

#[test]
fn a_log_is_rotated_and_loses_no_line() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    let lines = 150_000;
    let script = format!(
        "$| = 1; for (1..{lines}) {{ printf \"%07d %s\\n\", $_, 'x' x 192 }} print \"end\\n\"; sleep 1000"
    );
    supervisor.start(&rig.command(1, &["perl", "-e", &script])).unwrap();
    let whole = until("all is written and rotated", || {
        let pieces = (1..=5)
            .rev()
            .map(|n| fs::read_to_string(rig.root.join(format!("log/web.log.{n}"))).unwrap_or_default());
        let size = fs::metadata(rig.root.join("log/web.log")).unwrap().len();
        let whole = pieces.collect::<String>() + &rig.log();
        (whole.ends_with("end\n") && size <= 10 << 20).then_some(whole)
    });
    let numbers: Vec<&str> = whole.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(numbers.len(), lines + 1);
    assert!(numbers[..lines].iter().enumerate().all(|(n, number)| number.parse() == Ok(n + 1)));
    assert!(rig.root.join("log/web.log.1").exists());
}
