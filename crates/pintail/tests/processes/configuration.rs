//! The configuration alone changes: the same release, its processes started anew.

use super::*;

#[test]
fn a_changed_configuration_is_a_restart_of_the_same_release() {
    let stage = Stage::with(|root| config(root, "", &hello("")));
    release_with_worker(&stage, "1.0", "3600");
    stage.deploy("1.0").expect(0);
    let releases = stage.names("releases");
    let traffic = Traffic::start(&stage.public_socket(), false);
    let change = |what: &str, rest: &str| {
        stage.set_config(&config(&stage.root, "", rest));
        let plan = stage.plan("1.0");
        assert_eq!(plan["plan"]["kind"], "restart", "{what}: {plan:#}");
        let steps = plan["plan"]["steps"].to_string();
        assert!(
            !steps.contains("\"deliver\"") && !steps.contains("\"switch\"") && !steps.contains("\"unpack\""),
            "{what}: {steps}"
        );
        stage.deploy("1.0").expect(0);
        assert_eq!(stage.names("releases"), releases, "{what}");
        assert_eq!(stage.drift(), Vec::<String>::new(), "{what}");
        let again = stage.deploy("1.0");
        assert!(again.expect(0).err.contains("nothing to do"), "{what}: {}", again.all());
    };
    change("instances", &hello("instances = 3"));
    let three = instances(&stage, "web");
    assert_eq!(three.len(), 3);
    for (number, pid) in (1..).zip(&three) {
        assert_eq!(environment(*pid)["PINTAIL_INSTANCE"], number.to_string());
    }
    change("a run line", &hello("instances = 2").replace("--workers 4", "--workers 2"));
    assert_eq!(instances(&stage, "web").len(), 2);
    assert!(three.iter().all(|pid| !is_alive(*pid)));
    change("a process more", &(hello("") + &worker("")));
    let workers = instances(&stage, "worker");
    assert!(is_alive(workers[0]));
    change("a process less", &hello(""));
    assert_eq!(processes(&stage), ["web"]);
    assert!(!is_alive(workers[0]));
    assert_eq!(events(&stage).last().map(String::as_str), Some("ends 1.0"));
    change("restart with the same socket", &hello("change = \"restart\"\ninstances = 3"));
    change("other settings of health", &hello("instances = 3").replace("within = \"5s\"", "within = \"6s\""));
    traffic.none_failed(100);
    let history = stage.run(&["history", "local", "--json"]).json();
    let kinds: Vec<&str> = history["hosts"][0]["deployments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["deploy", "restart", "restart", "restart", "restart", "restart", "restart"]);
    // Restarts are no releases: there is nothing to go back to.
    stage.run(&["rollback", "local", "--yes"]).expect(1);
}

#[test]
fn a_process_with_a_socket_that_the_configuration_drops_leaves_no_name_behind() {
    let other = hello("").replace("processes.web", "processes.other");
    let stage = Stage::with(|root| config(root, "", &(hello("") + &other)));
    stage.release("1.0", "healthy");
    stage.deploy("1.0").expect(0);
    let pid = instances(&stage, "other")[0];
    assert_eq!(apps::get_unix(&stage.root.join("run/other.sock"), "/version").as_deref(), Ok("1.0"));
    stage.set_config(&config(&stage.root, "", &hello("")));
    stage.deploy("1.0").expect(0);
    assert!(!is_alive(pid));
    let left: Vec<String> = stage.names("run").into_iter().filter(|name| name.starts_with("other")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_public_name_that_somebody_removed_is_drift_and_the_next_deploy_mends_it() {
    for change in [common::HANDOVER, common::RESTART] {
        let stage = Stage::with(|root| config(root, "", &hello(change)));
        stage.release("1.0", "healthy");
        stage.deploy("1.0").expect(0);
        fs::remove_file(stage.public_socket()).unwrap();
        let drift = stage.drift();
        assert!(
            drift.iter().any(|line| line.contains("the public socket of `web` does not lead to")),
            "{drift:?}"
        );
        stage.deploy("1.0").expect(0);
        assert_eq!(stage.served().as_deref(), Ok("1.0"), "{change}");
        assert_eq!(stage.drift(), Vec::<String>::new(), "{change}");
    }
}
