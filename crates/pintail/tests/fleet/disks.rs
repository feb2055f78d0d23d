//! A disk that fills on one of two hosts: refused where that is seen in time, else gone back from together; and once
//! there is room, the next deployment works.

use super::common::{Ran, error, finish};
use super::hosts::{Fleet, QUICK};
use serde_json::Value;
use std::io::{BufRead, BufReader};

/// Two hosts. All that is below the root of `web3` is on a disk that has room for a few releases.
fn one_small() -> Fleet {
    let fleet = Fleet::new(&["web1", "web3"], QUICK);
    fleet.exec(
        "web3",
        &format!("mount -t tmpfs -o size=12m,mode=755,uid=deploy,gid=deploy none {}", fleet.root),
    );
    fleet.stage.release("1.0", "healthy");
    fleet.deploy("1.0").expect(0);
    fleet
}

fn fill(fleet: &Fleet) {
    fleet.exec("web3", &format!("dd if=/dev/zero of={}/noise bs=4096 2> /dev/null; true", fleet.root));
}

fn make_room(fleet: &Fleet) {
    fleet.exec("web3", &format!("rm {}/noise", fleet.root));
}

#[test]
fn a_host_without_room_is_told_before_anything_changes() {
    let fleet = one_small();
    fleet.stage.release("2.0", "healthy");
    fill(&fleet);
    let ran = fleet.deploy("2.0");
    let told = error(ran.expect(1)).to_owned();
    assert!(told.contains("to `web3`") && told.contains("has 0 B free"), "{}", ran.all());
    assert!(told.contains("hint: make room there; nothing was changed"), "{}", ran.all());
    fleet.all_serve("1.0", "full from the start");
    let doctor = fleet.run(&["doctor", "prod"]);
    assert!(doctor.expect(1).out.contains("BAD disk        0 MB are free"), "{}", doctor.all());
    make_room(&fleet);
    fleet.check("there is room", &["1.0"], "2.0");
}

/// Deploys a release that the hosts have not seen, and fills the disk after line `line` of those that tell of a step.
fn fills_after(fleet: &Fleet, line: usize, to: &str) -> Option<(Ran, String)> {
    fleet.stage.release(to, "healthy");
    let mut operator = fleet.start(&["deploy", "prod", to, "--yes"]);
    let mut told = BufReader::new(operator.stderr.take().unwrap());
    let (mut heard, mut steps) = (String::new(), 0);
    while steps < line && told.read_line(&mut heard).unwrap() > 0 {
        let last = heard.lines().last().unwrap_or_default();
        steps += usize::from(last.starts_with("web") && last.contains('/') && last.ends_with(" s"));
    }
    if steps == line {
        fill(fleet);
    }
    while told.read_line(&mut heard).unwrap_or(0) > 0 {}
    let ended = finish(operator);
    (steps == line).then_some((ended, heard))
}

#[test]
fn a_disk_that_fills_while_two_hosts_are_deployed_to() {
    let fleet = one_small();
    let (mut line, mut from, mut endings) = (2, "1.0".to_owned(), [0; 5]);
    loop {
        let to = format!("{}.0", line + 10);
        let Some((ended, heard)) = fills_after(&fleet, line, &to) else { break };
        let at = format!("full after line {line}, {from} -> {to}: exit {}\n{heard}", ended.code);
        endings[ended.code as usize] += 1;
        let live = |host: &Value| host["live"]["version"].as_str().unwrap().to_owned();
        let status = fleet.status();
        for host in &status {
            assert_eq!(fleet.served(host["host"].as_str().unwrap()), live(host), "{at}\n{host:#}");
        }
        let (one, other) = (live(&status[0]), live(&status[1]));
        match ended.code {
            0 => assert_eq!((&one, &other), (&to, &to), "{at}"),
            3 if one == other => {
                assert_eq!(one, from, "{at}");
                assert!(heard.contains(&format!("`prod`: all 2 hosts serve {from}")), "{at}");
            }
            // Where they parted, it is said who is on what.
            3 | 4 => assert!(heard.contains("`prod` is NOT on one release: "), "{at}"),
            _ => panic!("{at}"),
        }
        make_room(&fleet);
        fleet.check(&at, &[&from, &to], &to);
        (line, from) = (line + 7, to);
    }
    println!(
        "a disk that fills on one of two hosts: {} done, {} undone, {} stuck",
        endings[0], endings[3], endings[4]
    );
    assert!(endings[3] > 0, "{endings:?}");
}
