//! Supervisors and holders that die, and what their successors find.

use std::fs;
use std::path::Path;
use std::time::Duration;

use pintail_host::supervise::client::Supervisor;
use pintail_host::supervise::protocol::{HeldSocket, Pass, ServiceSpec, Wanted};
use pintail_os::process;
use rustix::process::Signal;

use crate::rig::{
    self, FACES, Load, Rig, ask, id, is_alive, kill, service, until, until_running, until_stopped,
};

#[test]
fn killed_again_and_again_it_finds_the_same_processes_and_no_request_fails() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    let address = rig.unix("web");
    supervisor.bind("web", &address).unwrap();
    supervisor.start(&ServiceSpec { instances: 2, ..rig.app(1) }).unwrap();
    let pids = until_running(&supervisor, 1);
    let load = Load::on(&address, 4);
    for round in 0..10 {
        rig.kill_supervisor(&supervisor);
        std::thread::sleep(Duration::from_millis(round * 7));
        assert!(Supervisor::connect(&rig.root).unwrap().is_none());
        // The handle starts a new one by itself.
        assert_eq!(until_running(&supervisor, 1), pids);
        load.go_on(10);
    }
    load.end_without_failure();
    assert_eq!(service(&supervisor, 1).instances[0].restarts, 0);
}

#[test]
fn killed_at_any_moment_of_a_start_no_process_is_unknown() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    supervisor.bind("web", &rig.unix("web")).unwrap();
    for round in 0..12u64 {
        let generation = round + 1;
        let pid = supervisor.status().unwrap().pid;
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_micros(round * 700));
            kill(pid);
        });
        supervisor.start(&ServiceSpec { instances: 3, ..rig.app(generation) }).unwrap();
        killer.join().unwrap();
        let known = until_running(&supervisor, generation);
        let running =
            || rig.processes().into_iter().filter(|(_, words)| words.contains("app.pl")).map(|(pid, _)| pid);
        until("exactly the known ones run", || {
            let known = &known;
            let mut running: Vec<u32> = running().collect();
            let mut known = known.clone();
            running.sort_unstable();
            known.sort_unstable();
            (running == known).then_some(())
        });
        supervisor.stop(&id(generation)).unwrap();
        until_stopped(&supervisor, generation);
        supervisor.forget(&id(generation)).unwrap();
    }
}

#[test]
fn one_that_crashed_while_nobody_watched_is_started_again() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    supervisor.bind("web", &rig.unix("web")).unwrap();
    supervisor.start(&rig.app(1)).unwrap();
    let pids = until_running(&supervisor, 1);
    rig.kill_supervisor(&supervisor);
    kill(pids[0]);
    ask(&rig_socket(&rig, &supervisor), "ping").unwrap();
    let instance = service(&supervisor, 1).instances[0].clone();
    assert_eq!((instance.restarts, instance.last_exit.as_deref()), (1, Some("ended while nobody watched")));

    // One that was adopted and then crashes, too.
    rig.kill_supervisor(&supervisor);
    let pids = until_running(&supervisor, 1);
    kill(pids[0]);
    until("another leader", || service(&supervisor, 1).instances[0].pid.filter(|pid| *pid != pids[0]));
}

fn rig_socket(rig: &Rig, supervisor: &Supervisor) -> pintail_host::supervise::protocol::Address {
    supervisor.status().unwrap();
    rig.unix("web")
}

#[test]
fn an_upgrade_leaves_the_services_alone() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    let address = rig.unix("web");
    supervisor.bind("web", &address).unwrap();
    supervisor.start(&rig.app(1)).unwrap();
    let pids = until_running(&supervisor, 1);
    let load = Load::on(&address, 4);
    let (old, holder) = (supervisor.status().unwrap().pid, rig.holder_pid());
    fs::write(rig.root.join("faces-version"), "2").unwrap();
    let upgraded = Supervisor::ensure_program(Path::new(FACES), &rig.root, "2").unwrap();
    let status = upgraded.status().unwrap();
    assert_eq!(status.version, "2");
    assert_ne!(status.pid, old);
    assert!(!is_alive(old));
    assert_eq!(until_running(&upgraded, 1), pids);
    assert_eq!(rig.holder_pid(), holder);
    load.go_on(20);
    load.end_without_failure();
    upgraded.stop(&id(1)).unwrap();
    until_stopped(&upgraded, 1);
}

#[test]
fn term_lets_it_leave_and_hup_is_nothing() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    supervisor.start(&rig.shell(1, "sleep 1000")).unwrap();
    let pids = until_running(&supervisor, 1);
    let pid = supervisor.status().unwrap().pid;
    process::signal(pid, Signal::HUP).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(supervisor.status().unwrap().pid, pid);
    process::signal(pid, Signal::TERM).unwrap();
    until("it leaves", || (!is_alive(pid)).then_some(()));
    assert!(is_alive(pids[0]));
    assert_eq!(until_running(&supervisor, 1), pids);
}

#[test]
fn a_killed_holder_is_replaced_and_refilled() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    let address = rig.unix("web");
    supervisor.bind("web", &address).unwrap();
    supervisor.start(&rig.app(1)).unwrap();
    let pids = until_running(&supervisor, 1);
    let load = Load::on(&address, 4);
    let holder = rig.holder_pid();
    kill(holder);
    until("another holder", || Some(rig.holder_pid()).filter(|pid| *pid != holder));
    supervisor.status().unwrap();
    // The new one has the socket: supervisor and application may die.
    rig.kill_supervisor(&supervisor);
    load.go_on(20);
    assert_eq!(until_running(&supervisor, 1), pids);
    load.end_without_failure();
    assert!(
        !rig.own_log().contains("bound anew") && !rig.own_log().contains("recovered"),
        "{}",
        rig.own_log()
    );
}

#[test]
fn with_both_killed_the_socket_comes_out_of_the_application() {
    if !may_trace() {
        return;
    }
    for tcp in [false, true] {
        let rig = Rig::new();
        let supervisor = rig.ensure();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let address = if tcp { format!("tcp:{free}").parse().unwrap() } else { rig.unix("web") };
        supervisor.bind("web", &address).unwrap();
        supervisor.start(&rig.app(1)).unwrap();
        let pids = until_running(&supervisor, 1);
        let load = Load::on(&address, 4);
        let holder = rig.holder_pid();
        let supervisor_pid = supervisor.status().unwrap().pid;
        process::signal(supervisor_pid, Signal::KILL).unwrap();
        kill(holder);
        kill(supervisor_pid);
        assert_eq!(until_running(&supervisor, 1), pids);
        assert!(rig.own_log().contains("socket `web` was recovered out of a process"));
        load.go_on(20);
        // And it is held again.
        supervisor.start(&rig.app(2)).unwrap();
        until_running(&supervisor, 2);
        supervisor.stop(&id(1)).unwrap();
        until_stopped(&supervisor, 1);
        load.go_on(20);
        load.end_without_failure();
    }
}

#[test]
fn with_both_killed_and_the_socket_lost_it_is_bound_anew_and_the_service_replaced() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    let address = rig.unix("web");
    supervisor.bind("web", &address).unwrap();
    supervisor.start(&rig.app(1)).unwrap();
    let pids = until_running(&supervisor, 1);
    ask(&address, "deaf").unwrap();
    let holder = rig.holder_pid();
    rig.kill_supervisor(&supervisor);
    kill(holder);
    until("nobody listens", || ask(&address, "ping").is_err().then_some(()));
    supervisor.status().unwrap();
    let answer = ask(&address, "ping").unwrap();
    assert!(!answer.starts_with(&pids[0].to_string()));
    until("the old one is gone", || (!is_alive(pids[0])).then_some(()));
    assert_eq!(until_running(&supervisor, 1).len(), 1);
    assert_eq!(service(&supervisor, 1).instances[0].restarts, 0);
}

/// Whether this user may take descriptors out of another process of theirs.
fn may_trace() -> bool {
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_else(|_| "0".into());
    scope.trim() == "0" || rustix::process::geteuid().is_root()
}

#[test]
fn a_port_that_somebody_took_meanwhile_is_had_again_once_it_is_free() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = format!("tcp:{free}").parse().unwrap();
    supervisor.bind("web", &address).unwrap();
    supervisor.start(&rig.app(1)).unwrap();
    let pids = until_running(&supervisor, 1);
    let holder = rig.holder_pid();
    rig.kill_supervisor(&supervisor);
    kill(holder);
    kill(pids[0]);
    let foreign = std::net::TcpListener::bind(free).unwrap();
    until("it is told", || {
        let exit = service(&supervisor, 1).instances[0].last_exit.clone();
        exit.filter(|exit| exit == "not started: socket `web` can't be bound")
    });
    assert!(supervisor.bind("web", &address).is_err());
    drop(foreign);
    until_running(&supervisor, 1);
    ask(&address, "ping").unwrap();
    supervisor.bind("web", &address).unwrap();
}

#[test]
fn a_stop_goes_on_under_the_next_supervisor() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    let deaf = "trap 'echo told' TERM; while :; do sleep 0.05; done";
    supervisor.start(&ServiceSpec { stop_timeout_ms: 1500, ..rig.shell(1, deaf) }).unwrap();
    let pids = until_running(&supervisor, 1);
    std::thread::sleep(Duration::from_millis(100));
    supervisor.stop(&id(1)).unwrap();
    until("it was told", || rig.log().contains("told").then_some(()));
    rig.kill_supervisor(&supervisor);
    assert_eq!(service(&supervisor, 1).wanted, Wanted::Down);
    until_stopped(&supervisor, 1);
    assert!(!is_alive(pids[0]));
    assert_eq!(rig.log().matches("told").count(), 1, "TERM is sent once");
}

#[test]
fn leftovers_are_ended_by_the_next_supervisor() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    supervisor.start(&rig.shell(1, "(trap '' TERM; exec sleep 1000) & echo $!; wait")).unwrap();
    let grandchild: u32 = until("a grandchild", || rig.log().trim().parse().ok());
    let leader = until_running(&supervisor, 1)[0];
    rig.kill_supervisor(&supervisor);
    kill(leader);
    supervisor.stop(&id(1)).unwrap();
    until_stopped(&supervisor, 1);
    assert!(!is_alive(grandchild));
}

/// A record as it is after a reboot, or after the numbers went round: every process in it is another one now.
fn falsify(rig: &Rig, change: impl Fn(&mut serde_json::Value)) {
    let mut record = serde_json::from_slice(&fs::read(rig.record()).unwrap()).unwrap();
    change(&mut record);
    fs::write(rig.record(), record.to_string()).unwrap();
}

#[test]
fn after_a_reboot_sockets_are_bound_and_services_started() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    let address = rig.unix("web");
    supervisor.bind("web", &address).unwrap();
    let socket = Some(HeldSocket { held: "web".into(), pass: Pass::ListenFds });
    supervisor.start(&ServiceSpec { socket, ..rig.app(1) }).unwrap();
    supervisor.start(&rig.shell(2, "sleep 1000")).unwrap();
    let pids = [until_running(&supervisor, 1), until_running(&supervisor, 2)].concat();
    supervisor.stop(&id(2)).unwrap();
    until_stopped(&supervisor, 2);
    let holder = rig.holder_pid();
    rig.kill_supervisor(&supervisor);
    kill(holder);
    kill(pids[0]);
    let mut innocent = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
    let theirs = process::identity(innocent.id()).unwrap();
    falsify(&rig, |record| {
        record["boot"] = "another".into();
        let process = serde_json::json!({"pid": theirs.pid, "started": theirs.started});
        record["services"][0]["instances"][0]["leader"]["process"] = process;
    });
    supervisor.status().unwrap();
    let answer = ask(&address, "ping").unwrap();
    assert_ne!(until_running(&supervisor, 1)[0], theirs.pid, "{answer}");
    assert!(service(&supervisor, 2).is_stopped());
    supervisor.shutdown().unwrap();
    assert!(innocent.try_wait().unwrap().is_none(), "a foreign process is left alone");
    innocent.kill().unwrap();
    innocent.wait().unwrap();
}

#[test]
fn a_number_that_became_another_process_is_left_alone() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    supervisor.start(&rig.shell(1, "sleep 1000")).unwrap();
    let pids = until_running(&supervisor, 1);
    rig.kill_supervisor(&supervisor);
    kill(pids[0]);
    use std::os::unix::process::CommandExt;
    let mut innocent = std::process::Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
    falsify(&rig, |record| {
        record["services"][0]["instances"][0]["leader"]["process"]["pid"] = innocent.id().into();
    });
    assert_ne!(until_running(&supervisor, 1)[0], innocent.id());
    supervisor.stop(&id(1)).unwrap();
    until_stopped(&supervisor, 1);
    assert!(innocent.try_wait().unwrap().is_none());
    innocent.kill().unwrap();
    innocent.wait().unwrap();
}

#[test]
fn a_record_of_a_later_pintail_is_refused() {
    let rig = Rig::new();
    fs::write(rig.record(), r#"{"v": 99, "everything": "else"}"#).unwrap();
    let error = Supervisor::ensure_program(Path::new(FACES), &rig.root, "1").unwrap_err().to_string();
    assert!(error.contains("it is of form 99, this Pintail knows up to 1"), "{error}");
    assert!(fs::read_to_string(rig.record()).unwrap().contains("99"), "it is left as it is");
    rig::until("nothing stays", || {
        rig.processes().iter().all(|(_, words)| !words.contains("supervise")).then_some(())
    });
}
