//! Hosts that reboot, and hosts that lose power, in the middle of a deployment.

use super::common::{finish, wait_for};
use super::hosts::{Fleet, QUICK};
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
