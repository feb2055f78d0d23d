//! The crash matrix: the agent is stopped at every line of its journal, and there something dies. After each:
//! the status tells the truth, a whole release serves, and the next deploy works without unlocking anything.

#![allow(clippy::print_stdout, reason = "it says how much was tried")]

mod common;

use common::apps::hello;
use common::supervisors::{Kind, Under};
use common::{HANDOVER, RESTART, Stage, finish, signal};
use std::time::Duration;

/// runsvdir and svscan look every five seconds.
const SOON: Duration = Duration::from_secs(40);

/// What dies, or is told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    KillAgent,
    KillSupervisor,
    KillOperator,
    KillBoth,
    KillAll,
    SignalAgent(&'static str),
    SignalSupervisor(&'static str),
    SignalOperator(&'static str),
}

/// Deploys back and forth between two releases, and at each line of the journal lets `fault` happen. Returns
/// how many lines there were.
fn matrix(process: &str, fault: Fault) -> u64 {
    every_line(&Stage::new(process), fault)
}

/// The same under another supervisor.
fn matrix_under(kind: Kind, process: &str, fault: Fault) -> u64 {
    every_line(&Under::new(kind, &hello(process)), fault)
}

fn every_line(stage: &Stage, fault: Fault) -> u64 {
    stage.release("1.0", "healthy");
    stage.release("2.0", "healthy");
    stage.deploy("1.0").expect(0);
    let mut line = 1;
    loop {
        let from = stage.live().unwrap();
        let to = if from == "1.0" { "2.0" } else { "1.0" };
        if !trial(stage, &from, to, line, fault) {
            return line - 1;
        }
        line += 1;
    }
}

/// Whether the journal had that many lines.
fn trial(stage: &Stage, from: &str, to: &str, line: u64, fault: Fault) -> bool {
    let at = format!("{fault:?} at line {line}, {from} -> {to}");
    let mut operator = stage.start(&["deploy", "local", to, "--yes", "--pause-at", &line.to_string()]);
    let mut agent = None;
    common::wait_for(&at, SOON, || {
        agent = stage.stopped_agent(Duration::from_millis(20));
        agent.is_some() || operator.try_wait().unwrap().is_some()
    });
    let Some(agent) = agent else {
        let ended = finish(operator);
        assert_eq!(ended.code, 0, "{at}: {}", ended.all());
        return false;
    };
    let supervisor = || stage.supervisor_pid().unwrap_or_else(|| panic!("{at}: no supervisor"));
    match fault {
        Fault::KillAgent => signal(agent, "KILL"),
        Fault::KillSupervisor => signal(supervisor(), "KILL"),
        Fault::KillOperator => signal(operator.id(), "KILL"),
        Fault::KillBoth => {
            signal(agent, "KILL");
            signal(operator.id(), "KILL");
        }
        Fault::KillAll => {
            // The agent first: when its parent dies, the kernel wakes a stopped one.
            signal(agent, "KILL");
            signal(supervisor(), "KILL");
            signal(operator.id(), "KILL");
        }
        Fault::SignalAgent(name) => signal(agent, name),
        Fault::SignalSupervisor(name) => signal(supervisor(), name),
        Fault::SignalOperator(name) => signal(operator.id(), name),
    }
    if matches!(fault, Fault::SignalOperator("INT")) {
        // The wish must be on its way before the agent goes on.
        std::thread::sleep(Duration::from_millis(100));
    }
    signal(agent, "CONT");
    let ended = finish(operator);
    wait_for_agent(stage, agent, &at);
    let after = format!("{at}\noperator: {}", ended.all());
    check_codes(fault, ended.code, &after);

    // Whatever happened: the status can be asked and is true.
    let status = stage.status();
    let live = status["live"]["version"]
        .as_str()
        .unwrap_or_else(|| panic!("{after}\nnothing live: {status:#}"))
        .to_owned();
    assert!(live == from || live == to, "{after}: live is {live}");
    let unfinished = !status["unfinished"].is_null();
    if matches!(fault, Fault::KillAgent | Fault::KillBoth | Fault::KillAll) {
        assert!(unfinished || line_is_last(&status, to), "{after}\n{status:#}");
    } else {
        assert!(!unfinished, "{after}\n{status:#}");
    }
    // A whole release answers, unless the restart's pause was cut off by a dead agent: then requests wait in the
    // held socket, and the next command ends that.
    if !(unfinished && status["maintenance"]["is"] == "on") {
        let served = stage.served().unwrap_or_else(|why| panic!("{after}\nnot served: {why}\n{status:#}"));
        assert!(served == from || served == to, "{after}: {served}");
        if !unfinished {
            assert_eq!(served, live, "{after}\n{status:#}");
        }
    }

    stage.check_next_deploy(to, &after);
    true
}

/// The operation had ended when its agent died.
fn line_is_last(status: &serde_json::Value, to: &str) -> bool {
    status["live"]["version"] == to
}

fn wait_for_agent(stage: &Stage, agent: u32, at: &str) {
    common::wait_for(&format!("{at}: the agent ends"), SOON, || {
        matches!(common::state(agent), None | Some('Z'))
    });
    let _ = stage;
}

fn check_codes(fault: Fault, code: i32, after: &str) {
    let allowed: &[i32] = match fault {
        // It lost its connection, and asked the host again: interrupted, or done where that was the last line.
        Fault::KillAgent => &[0, 4],
        Fault::KillSupervisor | Fault::SignalSupervisor(_) => &[0, 3],
        Fault::KillOperator => &[-1],
        // It may see its agent go before it goes itself.
        Fault::KillAll | Fault::KillBoth => &[-1, 0, 4],
        // Told to end, the agent goes back; past the point of no return it goes on.
        Fault::SignalAgent("INT" | "TERM") => &[0, 3],
        // A hang-up is for its terminal, which it has not.
        Fault::SignalAgent("HUP") => &[0],
        Fault::SignalOperator("INT") => &[0, 3],
        Fault::SignalAgent(_) | Fault::SignalOperator(_) => &[0, 4],
    };
    assert!(allowed.contains(&code), "{after}");
}

fn told(name: &str, lines: u64) {
    println!("crash matrix: {name}: {lines} journal lines x 1 fault");
    assert!(lines > 20, "{name}: only {lines} lines were tried");
}

macro_rules! matrices {
    ($($name:ident: $process:expr, $fault:expr;)*) => {$(
        #[test]
        fn $name() {
            told(stringify!($name), matrix($process, $fault));
        }
    )*};
}

macro_rules! matrices_under {
    ($($(#[$attribute:meta])* $name:ident: $kind:expr, $process:expr, $fault:expr;)*) => {$(
        #[test]
        $(#[$attribute])*
        fn $name() {
            told(stringify!($name), matrix_under($kind, $process, $fault));
        }
    )*};
}

matrices_under! {
    runit_handover_both_killed: Kind::Runit, HANDOVER, Fault::KillBoth;
    runit_restart_both_killed: Kind::Runit, RESTART, Fault::KillBoth;
    runit_handover_agent_term: Kind::Runit, HANDOVER, Fault::SignalAgent("TERM");
    daemontools_handover_both_killed: Kind::Daemontools, HANDOVER, Fault::KillBoth;
    daemontools_restart_both_killed: Kind::Daemontools, RESTART, Fault::KillBoth;
    #[ignore = "`PINTAIL_EVERY_MATRIX=1` and `on_hosts` run it, where systemd is"]
    systemd_handover_both_killed: Kind::Systemd, HANDOVER, Fault::KillBoth;
    #[ignore = "`on_hosts` runs it, where systemd is"]
    systemd_restart_both_killed: Kind::Systemd, RESTART, Fault::KillBoth;
    #[ignore = "`PINTAIL_EVERY_MATRIX=1` and `on_hosts` run it, where systemd is"]
    systemd_handover_agent_term: Kind::Systemd, HANDOVER, Fault::SignalAgent("TERM");
    #[ignore = "`on_hosts` runs it, where systemd is"]
    systemd_user_handover_both_killed: Kind::SystemdUser, HANDOVER, Fault::KillBoth;
}

matrices! {
    handover_agent_killed: HANDOVER, Fault::KillAgent;
    handover_supervisor_killed: HANDOVER, Fault::KillSupervisor;
    handover_operator_killed: HANDOVER, Fault::KillOperator;
    handover_all_killed: HANDOVER, Fault::KillAll;
    handover_agent_term: HANDOVER, Fault::SignalAgent("TERM");
    handover_agent_int: HANDOVER, Fault::SignalAgent("INT");
    handover_agent_hup: HANDOVER, Fault::SignalAgent("HUP");
    handover_operator_int: HANDOVER, Fault::SignalOperator("INT");
    handover_operator_term: HANDOVER, Fault::SignalOperator("TERM");
    handover_operator_hup: HANDOVER, Fault::SignalOperator("HUP");
    restart_agent_killed: RESTART, Fault::KillAgent;
    restart_supervisor_killed: RESTART, Fault::KillSupervisor;
    restart_operator_killed: RESTART, Fault::KillOperator;
    restart_agent_int: RESTART, Fault::SignalAgent("INT");
    restart_agent_hup: RESTART, Fault::SignalAgent("HUP");
    restart_operator_term: RESTART, Fault::SignalOperator("TERM");
    restart_operator_hup: RESTART, Fault::SignalOperator("HUP");
    handover_supervisor_term: HANDOVER, Fault::SignalSupervisor("TERM");
    handover_supervisor_hup: HANDOVER, Fault::SignalSupervisor("HUP");
    handover_supervisor_int: HANDOVER, Fault::SignalSupervisor("INT");
    restart_supervisor_term: RESTART, Fault::SignalSupervisor("TERM");
    restart_all_killed: RESTART, Fault::KillAll;
    restart_agent_term: RESTART, Fault::SignalAgent("TERM");
    restart_operator_int: RESTART, Fault::SignalOperator("INT");
}

/// Those that want systemd, by this very binary on a host that has it.
mod on_hosts {
    use crate::common::lab::Lab;

    /// One of each, which take two minutes; with `PINTAIL_EVERY_MATRIX` all four.
    #[test]
    fn web2_has_both_systemds() {
        let lab = Lab::alone(&["web2"]);
        let _manager = lab.lingering("web2", "root");
        let (tests, count): (&[&str], usize) = match std::env::var_os("PINTAIL_EVERY_MATRIX") {
            Some(_) => (&["systemd_"], 4),
            None => (&["systemd_restart_both_killed", "systemd_user_handover_both_killed"], 2),
        };
        println!("{}", lab.tests("web2", tests, &[], count));
    }
}
