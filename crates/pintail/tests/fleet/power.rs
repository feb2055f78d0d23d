//! Hosts that reboot, and hosts that lose power: in the middle of a deployment, and long after it.

use super::common::{finish, wait_for};
use super::hosts::{Fleet, QUICK};
use std::fs;
use std::io::{BufRead, BufReader};
use std::time::Duration;

/// Powers `web3` off (or reboots it) when it is at `step`, and looks what became of the fleet.
fn trial(fleet: &Fleet, step: &str, fault: &dyn Fn()) {
    let (from, to) = if fleet.live()[0] == "1.0" { ("1.0", "2.0") } else { ("2.0", "1.0") };
    let mut operator = fleet.start(&["deploy", "prod", to, "--yes"]);
    let mut told = BufReader::new(operator.stderr.take().unwrap());
    let mut heard = String::new();
    loop {
        let mut line = String::new();
        assert!(told.read_line(&mut line).unwrap() > 0, "no `{step}`: {heard}");
        heard.push_str(&line);
        if line.starts_with("web3") && line.contains(step) {
            break;
        }
    }
    fault();
    let mut rest = String::new();
    while told.read_line(&mut rest).unwrap_or(0) > 0 {}
    let ended = finish(operator);
    let at = format!("{step}: {heard}\n--- then {}\n{rest}", ended.code);
    // It comes back by itself, or is switched on again.
    fleet.lab.start_again("web3");
    wait_for("web3 by ssh", Duration::from_secs(60), || fleet.run(&["status", "prod", "--json"]).code == 0);
    for host in fleet.status() {
        let live = host["live"]["version"].as_str().unwrap();
        assert!([from, to].contains(&live), "{at}\n{host:#}");
    }
    // Nothing is unlocked by hand, and the next command knows what to do.
    let next = fleet.deploy(to);
    assert_eq!(next.code, 0, "{at}\n{}", next.all());
    fleet.all_serve(to, &at);
}

#[test]
fn a_host_without_power_and_a_host_that_reboots() {
    let fleet = Fleet::alone(&["web1", "web3"], QUICK);
    fleet.stage.release("1.0", "healthy");
    fleet.stage.release("2.0", "healthy");
    fleet.deploy("1.0").expect(0);
    for step in ["env", "switch"] {
        trial(&fleet, step, &|| fleet.lab.kill("web3"));
    }
    trial(&fleet, "health", &|| fleet.lab.reboot("web3"));
}

/// How long a host may take from its boot until it serves: runsvdir and svscan look every five seconds.
const SOON: Duration = Duration::from_secs(60);

/// Deploys twice to `host`, whose `[host]` has `supervisor`, and takes its power away, in order and without: each time it
/// serves what was live again, by itself or when that is deployed, and all is well.
fn it_serves_again(user: &str, host: &'static str, supervisor: &str, by_itself: bool) {
    let fleet = Fleet::alone(&[host], QUICK);
    let config = fleet.stage.project.join("pintail.toml");
    let text = fs::read_to_string(config).unwrap();
    fleet.stage.set_config(
        &text
            .replace(&format!("[\"{host}\"]"), &format!("[\"{user}@{host}\"]"))
            .replace("[host]\n", &format!("[host]\nsupervisor = {supervisor}\n")),
    );
    let _manager = supervisor.contains("user").then(|| fleet.lab.lingering(host, user));
    fleet.stage.release("1.0", "healthy");
    fleet.stage.release("2.0", "healthy");
    fleet.deploy("1.0").expect(0);
    fleet.deploy("2.0").expect(0);
    let boot = || fleet.exec(host, "stat -c %i%Y /proc/1/ns/pid; ps -o lstart= -p 1");
    for (live, next, orderly) in [("2.0", "1.0", true), ("1.0", "2.0", false)] {
        let before = boot();
        if orderly {
            fleet.lab.reboot(host);
        } else {
            fleet.lab.kill(host);
            fleet.lab.start_again(host);
        }
        assert_ne!(boot(), before, "it was another boot");
        let at = format!("{supervisor}, orderly: {orderly}");
        if !by_itself {
            // It doesn't pass for well.
            assert_ne!(fleet.status()[0]["drift"], serde_json::json!([]));
            fleet.deploy(live).expect(0);
        }
        wait_for(&format!("{at}: `{host}` serves again"), SOON, || {
            fleet.answer(host).is_ok_and(|version| version == live)
        });
        wait_for(&format!("{at}: all is well"), SOON, || fleet.status()[0]["drift"] == serde_json::json!([]));
        fleet.deploy(next).expect(0);
        assert_eq!(fleet.status()[0]["live"]["version"], next);
        assert_eq!(fleet.served(host), next, "{at}");
    }
}

#[test]
fn after_a_reboot_systemd_serves_again() {
    it_serves_again("root", "web2", "\"systemd\"", true);
}

#[test]
fn after_a_reboot_a_users_systemd_serves_again() {
    it_serves_again("deploy", "web2", "\"systemd-user\"", true);
}

#[test]
fn after_a_reboot_runit_serves_again() {
    it_serves_again("root", "runit1", "\"runit\"\nservices = \"/etc/service\"", true);
}

#[test]
fn after_a_reboot_daemontools_serves_again() {
    it_serves_again("root", "daemontools1", "\"daemontools\"\nservices = \"/etc/service\"", true);
}

/// Nobody starts Pintail's own.
#[test]
fn after_a_reboot_the_embedded_supervisor_serves_with_the_next_deployment() {
    it_serves_again("deploy", "web2", "\"embedded\"", false);
}
