//! Two operators, each on a machine of their own: this one, and a host of the lab with a copy of the project, the
//! program and a key. Neither sees the other but by what the hosts say.

use super::common::lab::folder;
use super::common::{PINTAIL, Ran, error, finish, ran};
use super::hosts::{Fleet, QUICK};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The operator on another machine.
struct Elsewhere<'a> {
    fleet: &'a Fleet,
    machine: &'a str,
    desk: String,
}

impl<'a> Elsewhere<'a> {
    /// Gives the user `deploy` of `machine` all that an operator needs: the project as it is now among it.
    fn on(fleet: &'a Fleet, machine: &'a str) -> Self {
        let elsewhere = Self { fleet, machine, desk: format!("{}/desk", fleet.root) };
        let room = fleet.stage.room().join("desk");
        let desk = &elsewhere.desk;
        fs::create_dir(&room).unwrap();
        fs::copy(PINTAIL, room.join("pintail")).unwrap();
        fs::copy(folder().join("keys/operator"), room.join("key")).unwrap();
        fs::copy(folder().join("known_hosts"), room.join("known_hosts")).unwrap();
        let config = fs::read_to_string(folder().join("ssh_config")).unwrap();
        let config = config
            .replace(&folder().join("keys/operator").display().to_string(), &format!("{desk}/key"))
            .replace(&folder().join("known_hosts").display().to_string(), &format!("{desk}/known_hosts"));
        fs::write(room.join("ssh_config"), config).unwrap();
        fs::write(room.join("ssh"), format!("#!/bin/sh\nexec ssh -F {desk}/ssh_config \"$@\"\n")).unwrap();
        let copy = format!(
            "tar -C {} -cf - desk project | {} {machine} 'tar -C {} -xf - && chmod 700 {desk}/key {desk}/ssh'",
            fleet.stage.room().display(),
            fleet.stage.room().join("ssh").display(),
            fleet.root,
        );
        let mut shell = Command::new("sh");
        shell.args(["-ec", &copy]).stdin(Stdio::null());
        ran(shell).expect(0);
        elsewhere
    }

    fn start(&self, version: &str) -> Child {
        let Self { fleet, machine, desk } = self;
        let line = format!(
            "PINTAIL_SSH={desk}/ssh exec {desk}/pintail -C {}/project deploy prod {version} --yes",
            fleet.root
        );
        let mut ssh = Command::new(fleet.stage.room().join("ssh"));
        ssh.args([machine, &line.as_str()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        ssh.spawn().unwrap()
    }

    fn deploy(&self, version: &str) -> Ran {
        finish(self.start(version))
    }
}

/// Two hosts, and a machine of the lab that is no host of the target. Each release is prepared for two seconds, so that
/// two that begin at the same instant meet.
fn two_hosts_and_a_desk(fleet: Fleet, releases: u32) -> Fleet {
    let config = fs::read_to_string(fleet.stage.project.join("pintail.toml")).unwrap();
    let config = config
        .replace("[\"web1\", \"web2\", \"web3\"]", "[\"web1\", \"web3\"]")
        .replace("prepare = [", "prepare = [\"sleep 2\", ");
    fleet.stage.set_config(&config);
    for version in 1..=releases {
        fleet.stage.release(&format!("{version}.0"), "healthy");
    }
    fleet
}

/// How many operations each host's journal has.
fn operations(fleet: &Fleet) -> Vec<u64> {
    let history = fleet.run(&["history", "prod", "--json"]);
    let hosts = history.expect(0).json()["hosts"].as_array().unwrap().clone();
    hosts.iter().map(|host| host["deployments"].as_array().unwrap().len() as u64).collect()
}

#[test]
fn two_operators_on_two_machines_deploy_at_the_same_instant() {
    let fleet = two_hosts_and_a_desk(Fleet::new(&["web1", "web2", "web3"], QUICK), 7);
    fleet.deploy("1.0").expect(0);
    let other = Elsewhere::on(&fleet, "web2");
    let (mut here_first, mut version) = (0, 1);
    // Reaching the hosts takes them differently long: each is given a lead of some.
    for (round, lead_ms) in [0, 500, 1_000].into_iter().enumerate() {
        let (here, there) = (format!("{}.0", version + 1), format!("{}.0", version + 2));
        version += 2;
        let before = operations(&fleet);
        let theirs = other.start(&there);
        std::thread::sleep(Duration::from_millis(lead_ms));
        let ours = fleet.start(&["deploy", "prod", &here, "--yes"]);
        let (ours, theirs) = (finish(ours), finish(theirs));
        let all = format!("round {round}\n{}{}", ours.all(), theirs.all());
        let is_ours = ours.code == 0;
        let (won, lost) = if is_ours { (&ours, &theirs) } else { (&theirs, &ours) };
        let (version, other_version) = if is_ours { (&here, &there) } else { (&there, &here) };
        assert_eq!((won.code, lost.code), (0, 1), "{all}");
        let by = if is_ours { "tester@" } else { "deploy@web2" };
        let told = error(lost);
        assert!(told.starts_with(&format!("error: cannot change `{}` on `web1`\n", fleet.root)), "{all}");
        assert!(told.contains(&format!(" of {by}")), "{all}");
        let since = told.contains(" is running there, since ") && told.contains(" s, at step `");
        assert!(since, "who, since when, at which step: {all}");
        assert!(told.contains("hint: `pintail attach TARGET` watches it"), "{all}");
        fleet.all_serve(version, &all);
        let after = operations(&fleet);
        assert!(before.iter().zip(&after).all(|(before, after)| before + 1 == *after), "{after:?}: {all}");
        // Whoever came second says it again.
        let again = if is_ours { other.deploy(other_version) } else { fleet.deploy(other_version) };
        assert_eq!(again.code, 0, "{all}{}", again.all());
        fleet.all_serve(other_version, &all);
        here_first += u32::from(is_ours);
    }
    println!("two operators at once: 3 rounds, {here_first} of them won here");
}

/// The other machine loses power while its operator deploys, and nobody hears a word of it.
#[test]
fn a_machine_that_loses_power_takes_its_operator_along() {
    let fleet = two_hosts_and_a_desk(Fleet::alone(&["web1", "web2", "web3"], QUICK), 3);
    fleet.deploy("1.0").expect(0);
    for (step, version) in [("prepare", "2.0"), ("health", "3.0")] {
        let other = Elsewhere::on(&fleet, "web2");
        let from = fleet.live()[0].clone();
        let mut operator = other.start(version);
        let mut told = BufReader::new(operator.stderr.take().unwrap());
        let mut heard = String::new();
        while !heard.lines().any(|line| line.starts_with("web3") && line.contains(step)) {
            assert!(told.read_line(&mut heard).unwrap() > 0, "no `{step}`: {heard}");
        }
        fleet.lab.kill("web2");
        let _ = operator.kill();
        let _ = finish(operator);
        let at = format!("{step} of {version}: {heard}");
        let status = fleet.wait_until_quiet(&at);
        let live: Vec<&str> = status.iter().map(|host| host["live"]["version"].as_str().unwrap()).collect();
        assert_eq!(live[0], live[1], "{at}");
        println!("its operator's machine died at `{step}`: from {from} to {}", live[0]);
        fleet.check(&at, &[&from, version], version);
        fleet.lab.start_again("web2");
        fs::remove_dir_all(fleet.stage.room().join("desk")).unwrap();
    }
}
