//! Hosts whose clocks are an hour off, one each way, and then turned back: what came first is known by its number, and
//! no deployment, rollback or pruning rests on a time of day.

use super::hosts::{Fleet, QUICK};
use serde_json::Value;
use std::fs;

const HOUR_S: i64 = 3600;

/// The history of each host, oldest first: number, release, outcome.
fn history(fleet: &Fleet) -> Vec<Vec<(u64, String, String)>> {
    let history = fleet.run(&["history", "prod", "--json"]);
    let of_one = |host: &Value| {
        let all = host["deployments"].as_array().unwrap().iter();
        all.map(|one| {
            let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
            (
                one["id"].as_u64().unwrap(),
                text("release"),
                one["outcome"]["is"].as_str().unwrap_or("?").to_owned(),
            )
        })
        .collect()
    };
    history.expect(0).json()["hosts"].as_array().unwrap().iter().map(of_one).collect()
}

/// What `doctor` finds of each host's clock.
fn clocks(fleet: &Fleet) -> Vec<String> {
    let doctor = fleet.run(&["doctor", "prod"]).out;
    let clocks = doctor.lines().filter(|line| line.contains(" clock "));
    clocks.map(|line| line.trim().to_owned()).collect()
}

#[test]
fn clocks_an_hour_off_each_way_and_turned_back_between_two_deployments() {
    let fleet = Fleet::alone(&["web1", "web3"], QUICK);
    let config = fs::read_to_string(fleet.stage.project.join("pintail.toml")).unwrap();
    fleet.stage.set_config(&config.replace("shared = [\"log\"]", "shared = [\"log\"]\nkeep = 2"));
    for version in 1..=6 {
        fleet.stage.release(&format!("{version}.0"), "healthy");
    }
    fleet.deploy("1.0").expect(0);
    assert_eq!(clocks(&fleet), ["ok  clock       agrees with this machine's"; 2]);

    fleet.lab.clock("web1", HOUR_S);
    fleet.lab.clock("web3", -HOUR_S);
    let told = clocks(&fleet);
    for (told, way) in told.iter().zip(["ahead of", "behind"]) {
        let off =
            ["3599", "3600", "3601"].map(|off| format!("BAD clock       is {off} s {way} this machine's"));
        assert!(off.contains(told), "{told}");
    }
    let clients = [fleet.traffic("web1"), fleet.traffic("web3")];
    fleet.deploy("2.0").expect(0);
    fleet.all_serve("2.0", "an hour off");
    // How long ago is told by the clock that wrote it.
    let shown = fleet.run(&["status", "prod"]).out;
    for live in shown.lines().filter(|line| line.trim_start().starts_with("live ")) {
        assert!(live.contains(" s ago)"), "{shown}");
    }
    let back = fleet.run(&["rollback", "prod", "--yes"]);
    assert!(back.expect(0).err.contains("`prod`: all 2 hosts serve 1.0"), "{}", back.all());

    // Two hours back on one, two forward on the other: later deployments are older by the clock than earlier ones.
    fleet.lab.clock("web1", -HOUR_S);
    fleet.lab.clock("web3", HOUR_S);
    for version in ["3.0", "4.0", "5.0"] {
        fleet.deploy(version).expect(0);
        fleet.all_serve(version, "turned back");
    }
    for host in history(&fleet) {
        let numbers: Vec<u64> = host.iter().map(|one| one.0).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6], "{host:?}");
        assert!(host.iter().all(|one| one.2 == "done"), "{host:?}");
    }
    for host in fleet.status() {
        let there: Vec<&str> =
            host["releases"].as_array().unwrap().iter().map(|one| one["release"].as_str().unwrap()).collect();
        assert!(there[0].starts_with("5.0-") && there[1].starts_with("4.0-"), "{there:?}");
        assert!(
            there.iter().all(|release| !release.starts_with("1.0-") && !release.starts_with("2.0-")),
            "{there:?}"
        );
    }
    let back = fleet.run(&["rollback", "prod", "--yes"]);
    assert!(back.expect(0).err.contains("`prod`: all 2 hosts serve 4.0"), "{}", back.all());
    fleet.lab.clock("web1", 0);
    fleet.lab.clock("web3", 0);
    fleet.check("right again", &["4.0"], "6.0");
    for client in clients {
        client.none_failed();
    }
}
