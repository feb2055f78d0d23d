//! Requests under way, and how long one waits for a rollback.

use super::*;

#[test]
fn requests_under_way_are_answered_whole_over_a_handover_a_restart_and_a_rollback() {
    let stage = Stage::with(|root| config(root, "", &hello(common::HANDOVER)));
    stage.release("1.0", "healthy");
    stage.release("2.0", "healthy");
    stage.deploy("1.0").expect(0);
    let socket = stage.public_socket();
    let over = |what: &str, arguments: &[&str], version: &str| {
        let under_way: Vec<_> = (0..3).map(|_| apps::slow(&socket, 3000)).collect();
        stage.run(arguments).expect(0);
        assert_eq!(stage.served().as_deref(), Ok(version), "{what}");
        for request in under_way {
            assert_eq!(request.join().unwrap().as_deref(), Ok("slept 3000 ms"), "{what}");
        }
    };
    over("handover", &["deploy", "local", "2.0", "--yes"], "2.0");
    over("rollback", &["rollback", "local", "--yes"], "1.0");
    stage.set_config(&config(&stage.root, "", &hello(common::RESTART)));
    over("restart", &["deploy", "local", "2.0", "--yes"], "2.0");
    over("rollback by a restart", &["rollback", "local", "--yes"], "1.0");
}

#[test]
fn a_rollback_to_a_healthy_old_release_is_quick() {
    for change in [common::HANDOVER, common::RESTART] {
        let stage = Stage::with(|root| config(root, "", &hello(change)));
        stage.release("1.0", "healthy");
        stage.release("2.0", "healthy");
        stage.deploy("1.0").expect(0);
        let mut took: Vec<Duration> = (0..5)
            .map(|_| {
                stage.deploy("2.0").expect(0);
                let (ran, took) = apps::timed(|| stage.run(&["rollback", "local", "--yes"]));
                ran.expect(0);
                assert_eq!(stage.served().as_deref(), Ok("1.0"));
                took
            })
            .collect();
        took.sort();
        println!("rollback by {}: median {:?} of {took:?}", change.trim(), took[2]);
        assert!(took[2] < Duration::from_secs(5), "{took:?}");
    }
}
