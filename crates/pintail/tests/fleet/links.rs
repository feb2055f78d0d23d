//! Operators that die and links that break, after every line that a deployment tells.

use super::common::{Ran, finish, signal, wait_for};
use super::hosts::{Fleet, QUICK};
use std::io::{BufRead, BufReader};
use std::process::Child;
use std::time::Duration;

fn two(policy: &str) -> Fleet {
    let fleet = Fleet::alone(&["web1", "web3"], &format!("{QUICK}{policy}"));
    fleet.stage.release("1.0", "healthy");
    fleet.stage.release("2.0", "healthy");
    fleet.deploy("1.0").expect(0);
    fleet
}

/// Deploys to the other release, and lets `fault` happen after line number `line` of those that tell of a step.
/// Afterwards `mend` is done, the fleet must be on one release, and the next deployment must work. Whether it had so
/// many lines.
fn trial(fleet: &Fleet, line: usize, fault: &dyn Fn(&Child), mend: &dyn Fn()) -> bool {
    let (from, to) = if fleet.live()[0] == "1.0" { ("1.0", "2.0") } else { ("2.0", "1.0") };
    let mut operator = fleet.start(&["deploy", "prod", to, "--yes"]);
    let mut told = BufReader::new(operator.stderr.take().unwrap());
    let mut heard = String::new();
    let mut steps = 0;
    while steps < line && told.read_line(&mut heard).unwrap() > 0 {
        let last = heard.lines().last().unwrap_or_default();
        steps += usize::from(last.starts_with("web") && last.contains('/') && last.ends_with(" s"));
    }
    if steps < line {
        assert_eq!(finish(operator).code, 0, "{heard}");
        return false;
    }
    fault(&operator);
    let mut rest = String::new();
    while told.read_line(&mut rest).unwrap_or(0) > 0 {}
    let ended: Ran = finish(operator);
    mend();
    let at = format!("line {line}: {heard}\n--- then {}\n{rest}", ended.code);
    let status = fleet.wait_until_quiet(&at);
    let live: Vec<&str> = status.iter().map(|host| host["live"]["version"].as_str().unwrap()).collect();
    assert!(live.iter().all(|live| *live == from || *live == to), "{at}\n{live:?}");
    assert_eq!(live[0], live[1], "the fleet is on one release: {at}");
    assert!(status.iter().all(|host| host["unfinished"].is_null()), "{at}\n{status:#?}");
    fleet.check(&at, &[from, to], to);
    true
}

/// A trial after every so many-th line; how many there were.
fn after_every_line(fleet: &Fleet, every: usize, fault: impl Fn(&Child)) -> usize {
    (0..).map(|number| 1 + number * every).take_while(|line| trial(fleet, *line, &fault, &|| ())).count()
}

#[test]
fn the_operator_killed_after_every_line() {
    for (policy, name, every) in [
        ("", "KILL", 2),
        ("lost_operator = \"revert\"\n", "KILL", 3),
        ("", "INT", 5),
        ("lost_operator = \"revert\"\n", "HUP", 5),
    ] {
        let fleet = two(policy);
        let tried = after_every_line(&fleet, every, |operator| signal(operator.id(), name));
        assert!(tried > 4);
        println!("{name} of the operator, {policy:?}: {tried} places");
    }
}

#[test]
fn a_connection_torn_down_after_every_line() {
    let fleet = two("");
    let tried = after_every_line(&fleet, 4, |_| fleet.lab.reset("web3"));
    assert!(tried > 4);
    println!("a connection torn down: {tried} places");
}

/// Packets vanish and neither side is told: the operator notices that ssh hears nothing, the host that nobody speaks to it.
#[test]
fn a_cable_pulled_before_and_behind_the_first_turn() {
    let fleet = two("");
    for line in [2, 9] {
        let mend = || {
            fleet.lab.join("web3");
            wait_for("web3 by ssh", Duration::from_secs(60), || {
                fleet.run(&["status", "prod", "--json"]).code == 0
            });
        };
        assert!(trial(&fleet, line, &|_| fleet.lab.cut("web3"), &mend));
    }
}
