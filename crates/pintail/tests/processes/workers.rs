//! Workers that answer nothing.

use super::*;

#[test]
fn a_worker_ends_before_the_next_begins_and_comes_back_when_the_next_dies() {
    apps::needs("perl", &["-MTime::HiRes", "-e", "1"], "perl");
    let stage = Stage::with(|root| config(root, "", &(hello("") + &worker(""))));
    release_with_worker(&stage, "1.0", "3600");
    release_with_worker(&stage, "2.0", "3600");
    release_with_worker(&stage, "3.0", "0.1");
    stage.deploy("1.0").expect(0);
    let traffic = Traffic::start(&stage.public_socket(), false);
    stage.deploy("2.0").expect(0);
    assert_eq!(processes(&stage), ["web", "worker"]);
    wait_for("the new worker began", SOON, || events(&stage).len() >= 3);
    assert_eq!(events(&stage), ["begins 1.0", "ends 1.0", "begins 2.0"]);

    let failed = stage.deploy("3.0");
    let err = &failed.expect(3).err;
    assert!(err.contains("`worker` of release `3.0` died soon after it was well"), "{err}");
    assert!(err.contains("exit status 5"), "{err}");
    assert!(err.contains("serves 2.0 as before"), "{err}");
    assert_eq!(stage.live().as_deref(), Some("2.0"));
    assert_eq!(processes(&stage), ["web", "worker"]);
    assert_eq!(stage.drift(), Vec::<String>::new());
    wait_for("the old worker is back", SOON, || {
        events(&stage).last().is_some_and(|last| last == "begins 2.0")
    });
    let told = events(&stage);
    assert_eq!(told[..6], ["begins 1.0", "ends 1.0", "begins 2.0", "ends 2.0", "begins 3.0", "dies 3.0"]);
    // A worker that answers nothing is no reason for a maintenance page.
    assert!(!err.contains("maintenance"), "{err}");
    traffic.none_failed(20);
    let standing = stage.status()["releases"].clone();
    assert!(!standing.to_string().contains("3.0"), "its folder is gone: {standing}");
}
