//! The ordinary course, and hosts that fail in it.

use super::common::{error, finish};
use super::hosts::{Fleet, QUICK};
use pintail_core::plan::{Patch, Plan, Step};
use std::fs;

fn two() -> Fleet {
    let fleet = Fleet::new(&["web1", "web2"], &format!("{QUICK}wave = \"1, 100%\"\n"));
    for (version, behaviour) in [("1.0", "healthy"), ("2.0", "healthy"), ("3.0", "unhealthy")] {
        fleet.stage.release(version, behaviour);
    }
    fleet
}

#[test]
fn deployed_again_a_bad_release_and_back_without_depot() {
    let fleet = two();
    fleet.deploy("1.0").expect(0);
    fleet.all_serve("1.0", "first");
    fleet.calls();
    let again = fleet.deploy("1.0");
    assert!(
        again.expect(0).err.contains("`hello` 1.0 is live on `web2` already; nothing to do"),
        "{}",
        again.all()
    );
    assert_eq!(fleet.calls(), 2, "a connection a host");

    let clients = [fleet.traffic("web1"), fleet.traffic("web2")];
    fleet.deploy("2.0").expect(0);
    assert_eq!(fleet.calls(), 4, "and one for each client");
    fleet.all_serve("2.0", "second");
    let bad = fleet.deploy("3.0");
    assert!(bad.expect(3).err.contains("/health answered 500"), "{}", bad.all());
    assert!(bad.err.contains("`prod`: all 2 hosts serve 2.0"), "{}", bad.all());
    fleet.all_serve("2.0", "after a bad one");

    fs::remove_dir_all(fleet.stage.project.join(".pintail")).unwrap();
    let back = fleet.run(&["rollback", "prod", "--yes"]);
    assert!(back.expect(0).err.contains("`prod`: all 2 hosts serve 1.0"), "{}", back.all());
    fleet.all_serve("1.0", "back");
    for client in clients {
        let tally = client.none_failed();
        println!("{} requests, none failed, slowest {} ms", tally["requests"], tally["slowest_ms"]);
    }
}

/// A fresh CI runner: its depot never had what the hosts have.
#[test]
fn one_host_tells_a_depot_without_the_base_what_both_have() {
    let fleet = two();
    fleet.deploy("1.0").expect(0);
    fs::remove_dir_all(fleet.stage.project.join(".pintail")).unwrap();
    fleet.stage.release("2.0", "healthy");
    fleet.calls();
    let plan = fleet.run(&["plan", "prod", "--json"]);
    assert_eq!(fleet.calls(), 2, "a connection a host");
    let plan: Plan = serde_json::from_str(&plan.expect(0).out).unwrap();
    let patches: Vec<Patch> = plan
        .hosts
        .iter()
        .flat_map(|part| &part.plan.as_ref().unwrap().steps)
        .filter_map(|step| if let Step::Deliver { patch, .. } = step { patch.clone() } else { None })
        .collect();
    let artifact = plan.hosts[0].plan.as_ref().unwrap().release.packed_bytes;
    assert!(patches.len() == 2 && patches[0] == patches[1], "{patches:?}");
    assert!(patches[0].bytes * 20 < artifact, "{patches:?}");
    let ran = fleet.deploy("2.0");
    assert!(ran.expect(0).err.contains("what 1.0-"), "{}", ran.all());
    fleet.all_serve("2.0", "by a fresh operator");
}

#[test]
fn one_of_two_that_can_not_be_prepared_changes_nothing_anywhere() {
    let fleet = two();
    fleet.deploy("1.0").expect(0);
    fleet.exec("web2", &format!("touch {}/unfit", fleet.root));
    let ran = fleet.deploy("2.0");
    assert!(ran.expect(3).err.contains("failed on `web2` at step `prepare`"), "{}", ran.all());
    assert!(ran.err.contains("undone: `web1` serves 1.0 as before (another host failed)"), "{}", ran.all());
    assert!(!ran.err.contains("/18 publish"), "nothing was visible: {}", ran.all());
    fleet.all_serve("1.0", "unfit");
    fleet.exec("web2", &format!("rm {}/unfit", fleet.root));
    fleet.check("fit again", &["1.0"], "2.0");
}

#[test]
fn what_is_to_be_done_once_is_done_on_one_host_before_anything_is_visible() {
    let fleet = two();
    let task = format!("echo $PINTAIL_VERSION >> {0}/tasks; ! test -e {0}/task-fails", fleet.root);
    let config = fs::read_to_string(fleet.stage.project.join("pintail.toml")).unwrap();
    fleet.stage.set_config(
        &config.replace("prepare = [", &format!("prepare = [{{ run = {task:?}, once = true }}, ")),
    );
    fleet.deploy("1.0").expect(0);
    let done = |host: &str| fleet.exec(host, &format!("cat {}/tasks 2> /dev/null || true", fleet.root));
    assert_eq!((done("web1").as_str(), done("web2").as_str()), ("1.0\n", ""));
    // It fails: nothing is visible anywhere.
    fleet.exec("web1", &format!("touch {}/task-fails", fleet.root));
    let ran = fleet.deploy("2.0");
    assert!(ran.expect(3).err.contains("failed on `web1` at step `prepare`"), "{}", ran.all());
    fleet.all_serve("1.0", "the task failed");
    fleet.exec("web1", &format!("rm {}/task-fails", fleet.root));
    fleet.deploy("2.0").expect(0);
    fleet.run(&["rollback", "prod", "--yes"]).expect(0);
    fleet.deploy("2.0").expect(0);
    assert_eq!((done("web1").as_str(), done("web2").as_str()), ("1.0\n2.0\n2.0\n", ""));
}

#[test]
fn one_of_two_that_is_ill_takes_the_switched_one_back() {
    let fleet = two();
    fleet.deploy("1.0").expect(0);
    fleet.exec("web2", &format!("touch {}/ill", fleet.root));
    let client = fleet.traffic("web1");
    let ran = fleet.deploy("2.0");
    let told = error(ran.expect(3));
    assert!(
        ran.err.contains("web1  undone switch") || ran.err.contains("web1   undone switch"),
        "{}",
        ran.all()
    );
    assert!(told.contains("failed on `web2` at step `health`"), "{}", ran.all());
    assert!(ran.err.contains("`prod`: all 2 hosts serve 1.0"), "{}", ran.all());
    client.none_failed();
    fleet.all_serve("1.0", "ill");
    // One may fail: the other stays, and who is behind is told and caught up.
    fleet.set_hosts(&["web1", "web2"], &format!("{QUICK}max_failed = 1\n"));
    let ran = fleet.deploy("2.0");
    assert!(
        ran.expect(3).err.contains("`prod` is NOT on one release: 1.0 on web2; 2.0 on web1"),
        "{}",
        ran.all()
    );
    assert_eq!(fleet.live(), ["2.0", "1.0"]);
    fleet.exec("web2", &format!("rm {}/ill", fleet.root));
    let ran = fleet.deploy("2.0");
    assert!(ran.expect(0).err.contains("web1: 2.0 is live already; nothing to do"), "{}", ran.all());
    fleet.all_serve("2.0", "caught up");
}

#[test]
fn a_dead_host_is_told_before_anything_changes_or_left_behind_and_caught_up() {
    let fleet = two();
    fleet.deploy("1.0").expect(0);
    fleet.set_hosts(&["web1", "deploy@10.77.0.250", "web2"], QUICK);
    let ran = fleet.deploy("2.0");
    assert!(error(ran.expect(1)).contains("cannot reach `deploy@10.77.0.250`"), "{}", ran.all());
    assert_eq!(error(&ran).matches("hint: ").count(), 1, "{}", ran.all());
    fleet.set_hosts(&["web1", "web2"], QUICK);
    fleet.all_serve("1.0", "nothing changed");
    fleet.set_hosts(&["web1", "deploy@10.77.0.250", "web2"], QUICK);
    let ran = fleet.run(&["deploy", "prod", "2.0", "--yes", "--skip-unreachable"]);
    assert!(
        ran.expect(0).err.contains("behind, since they were out of reach: deploy@10.77.0.250"),
        "{}",
        ran.all()
    );
    fleet.set_hosts(&["web1", "web2"], QUICK);
    fleet.all_serve("2.0", "without it");
}

#[test]
fn two_operators_at_once_and_one_has_all_hosts() {
    let fleet = two();
    fleet.deploy("1.0").expect(0);
    for round in 0..4 {
        let (a, b) = if round % 2 == 0 { ("2.0", "1.0") } else { ("1.0", "2.0") };
        let operators =
            [fleet.start(&["deploy", "prod", a, "--yes"]), fleet.start(&["rollback", "prod", "--yes"])];
        let ended: Vec<_> = operators.into_iter().map(finish).collect();
        let all: String = ended.iter().map(|ran| ran.all()).collect();
        assert!(ended.iter().any(|ran| ran.code == 0), "{all}");
        assert!(ended.iter().all(|ran| [0, 1].contains(&ran.code)), "{all}");
        let live = fleet.live();
        assert_eq!(live[0], live[1], "{all}");
        fleet.check("two at once", &["1.0", "2.0"], b);
    }
}
