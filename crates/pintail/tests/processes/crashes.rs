//! What dies by itself: applications, releases that can't start, the supervisor.

use super::*;

#[test]
fn what_crashes_is_started_again_and_status_tells() {
    let stage = Stage::with(|root| config(root, "", &hello("")));
    stage.release("1.0", "healthy");
    stage.deploy("1.0").expect(0);
    let before = instances(&stage, "web")[0];
    signal(before, "KILL");
    wait_for("another is in its place", SOON, || stage.served().as_deref() == Ok("1.0"));
    let restarts = |count: u64| {
        let status = stage.status();
        let instance = &status["processes"][0]["instances"][0];
        assert_eq!(instance["restarts"], count, "{status:#}");
        assert_eq!(instance["running"], true, "{status:#}");
        assert_eq!(status["drift"], json!([]), "{status:#}");
        instance["pid"].as_u64().unwrap() as u32
    };
    let after = restarts(1);
    assert_ne!(before, after);
    // Asked to: the request itself is lost, those behind it wait in the held socket.
    let _ = apps::get_unix(&stage.public_socket(), "/crash");
    assert_eq!(stage.served().as_deref(), Ok("1.0"));
    wait_for("it is told", SOON, || stage.status()["processes"][0]["instances"][0]["running"] == true);
    let _ = restarts(2);
    assert!(stage.run(&["status"]).out.contains("restarted 2 times"));
}

#[test]
fn what_dies_too_often_is_given_up_with_a_reason_and_the_next_release_works() {
    let stage = Stage::with(|root| config(root, "", &hello("")));
    stage.release("1.0", "healthy");
    stage.release("2.0", "healthy");
    stage.deploy("1.0").expect(0);
    // Sixteen deaths take four minutes; so the record says that there were fifteen.
    signal(stage.supervisor_pid().unwrap(), "TERM");
    wait_for("the supervisor is gone", SOON, || stage.supervisor_pid().is_none());
    let path = stage.root.join("run/supervisor.json");
    let record = fs::read_to_string(&path).unwrap();
    let worn = record
        .replace("\"quick_deaths\":0", "\"quick_deaths\":15")
        .replace("\"quick_deaths\": 0", "\"quick_deaths\": 15");
    assert_ne!(record, worn, "{record}");
    fs::write(&path, worn).unwrap();
    let mut supervisor = Command::new(common::PINTAIL)
        .args(["supervise", "--root"])
        .arg(&stage.root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("there is a supervisor", SOON, || stage.supervisor_pid().is_some());
    signal(instances(&stage, "web")[0], "KILL");
    wait_for("it is given up", SOON, || stage.status()["processes"][0]["instances"][0]["state"] == "gave up");
    let status = stage.status();
    let told = status["processes"][0]["instances"][0].to_string();
    assert!(told.contains("it ended 16 times in a row too soon; its log ends"), "the reason: {status:#}");
    let shown = stage.run(&["status"]).out;
    assert!(shown.contains("gave up") && shown.contains("16 times in a row"), "{shown}");
    assert!(stage.drift().iter().any(|line| line.contains("is not up")), "{:?}", stage.drift());

    stage.deploy("2.0").expect(0);
    assert_eq!(stage.served().as_deref(), Ok("2.0"));
    assert_eq!(stage.drift(), Vec::<String>::new());
    drop(stage);
    let _ = supervisor.wait();
}

#[test]
fn a_release_that_dies_at_once_is_not_waited_for_longer_than_its_health_allows() {
    for change in [common::HANDOVER, common::RESTART] {
        let stage = Stage::with(|root| {
            config(root, "", &hello(change).replace("within = \"5s\"", "within = \"1s\""))
        });
        stage.release("1.0", "healthy");
        stage.release("2.0", "dies-at-start");
        stage.deploy("1.0").expect(0);
        let (failed, took) = apps::timed(|| stage.deploy("2.0"));
        assert!(failed.expect(3).err.contains("exit status 7"), "{}", failed.all());
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert_eq!(stage.served().as_deref(), Ok("1.0"));
        assert_eq!(processes(&stage), ["web"]);
        assert_eq!(stage.drift(), Vec::<String>::new());
    }
}

#[test]
fn applications_outlive_their_supervisor_and_the_next_deploy_takes_them_over() {
    for change in [common::HANDOVER, common::RESTART] {
        let stage = Stage::with(|root| config(root, "", &(hello(change) + &worker(""))));
        release_with_worker(&stage, "1.0", "3600");
        release_with_worker(&stage, "2.0", "3600");
        stage.deploy("1.0").expect(0);
        let (web, one) = (instances(&stage, "web")[0], instances(&stage, "worker")[0]);
        let traffic = Traffic::start(&stage.public_socket(), false);
        signal(stage.supervisor_pid().unwrap(), "TERM");
        wait_for("the supervisor is gone", SOON, || stage.supervisor_pid().is_none());
        assert!(is_alive(web) && is_alive(one));
        let status = stage.status();
        assert_eq!(status["processes"].as_array().unwrap().len(), 2, "{status:#}");
        assert!(status["drift"].to_string().contains("no supervisor runs"), "{status:#}");
        stage.deploy("2.0").expect(0);
        assert_eq!(stage.served().as_deref(), Ok("2.0"));
        assert!(!is_alive(web) && !is_alive(one), "what was adopted is stopped as any other");
        assert_eq!(stage.drift(), Vec::<String>::new());
        traffic.none_failed(20);
    }
}
