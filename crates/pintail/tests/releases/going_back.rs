//! Going back, what stays for it, and a deploy where there is nothing to do.

use super::*;

#[test]
fn pruning_keeps_what_it_says_never_the_live_one_and_never_the_last_two_good_ones() {
    let stage = still("keep = 3\ncache = [\"cache\"]\nprepare = [\"test ! -e broken\"]");
    for version in ["1.0", "2.0", "3.0", "4.0", "5.0"] {
        stage.release(version, "healthy");
    }
    for version in ["6.0", "7.0", "8.0"] {
        stage.release_with(version, "healthy", |tree| write(&tree.join("broken"), ""));
    }
    let there = || {
        let versions: Vec<String> =
            stage.names("releases").iter().map(|name| name.split_once('-').unwrap().0.to_owned()).collect();
        assert_eq!(stage.names("cache"), stage.names("releases"), "a cache goes with its release");
        versions
    };
    for (version, left) in [
        ("1.0", &["1.0"][..]),
        ("2.0", &["1.0", "2.0"]),
        ("3.0", &["1.0", "2.0", "3.0"]),
        ("4.0", &["2.0", "3.0", "4.0"]),
    ] {
        stage.deploy(version).expect(0);
        assert_eq!(there(), left);
    }
    // Failed ones never count.
    for version in ["6.0", "7.0", "8.0"] {
        stage.deploy(version).expect(3);
    }
    assert_eq!(there(), ["2.0", "3.0", "4.0"]);
    // The live one is kept however old it is.
    stage.run(&["rollback", "local", "2.0", "--yes"]).expect(0);
    stage.deploy("5.0").expect(0);
    let left = there();
    assert!(left.contains(&"5.0".to_owned()) && left.contains(&"2.0".to_owned()), "{left:?}");
    assert_eq!(left.len(), 3, "{left:?}");
    stage.run(&["rollback", "local", "--yes"]).expect(0);
    assert_eq!(stage.live().as_deref(), Some("2.0"));
    assert!(stage.names("store").is_empty(), "{:?}", stage.names("store"));
}

#[test]
fn a_deploy_of_what_is_live_touches_nothing() {
    let stage = Stage::new(common::HANDOVER);
    stage.release("1.0", "healthy");
    stage.run(&["env", "set", "local", "A=1"]).expect(0);
    stage.deploy("1.0").expect(0);
    let before = apps::listing(&stage.root);
    let depot = apps::listing(&stage.project);
    assert!(before.len() > 30, "{}", before.len());
    for arguments in [
        &["deploy", "local", "1.0", "--yes"][..],
        &["deploy", "local", "--yes"],
        &["deploy", "local", "1.0"],
        &["rollback", "local", "1.0", "--yes"],
        &["plan", "local", "1.0"],
        &["status"],
        &["history", "local"],
        &["doctor", "local"],
        &["env", "list", "local"],
        &["logs", "local"],
    ] {
        let ran = stage.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.all());
        let after = apps::listing(&stage.root);
        let changed: Vec<_> = after
            .iter()
            .filter(|line| !before.contains(line))
            .map(|line| &line[..line.len().min(200)])
            .collect();
        assert_eq!(after.len(), before.len(), "{arguments:?}");
        assert!(changed.is_empty(), "{arguments:?} changed {changed:#?}");
    }
    assert!(stage.deploy("1.0").err.contains("`hello` 1.0 is live on `local` already; nothing to do"));
    assert_eq!(apps::listing(&stage.project), depot);
}

#[test]
fn a_rollback_goes_to_the_last_good_one_or_the_one_that_is_named() {
    let stage = still("");
    for version in ["1.0", "2.0", "3.0"] {
        stage.release(version, "healthy");
    }
    let nothing = stage.run(&["rollback", "local", "--yes"]);
    assert!(nothing.expect(1).err.contains("no release was ever live"), "{}", nothing.all());
    stage.deploy("1.0").expect(0);
    let nothing = stage.run(&["rollback", "local", "--yes"]);
    assert!(
        nothing.expect(1).err.contains("no release before `1.0` was live and healthy there"),
        "{}",
        nothing.all()
    );
    stage.deploy("2.0").expect(0);
    stage.deploy("3.0").expect(0);
    let to = |arguments: &[&str], live: &str| {
        let ran = stage.run(&[&["rollback", "local", "--yes"], arguments].concat());
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.all());
        assert_eq!(stage.live().as_deref(), Some(live), "{arguments:?}");
        ran
    };
    to(&["1.0"], "1.0");
    to(&[&release_name(&stage, "3.0")], "3.0");
    to(&[], "1.0");
    assert!(to(&["1.0"], "1.0").err.contains("nothing to do"));
    assert!(to(&[&release_name(&stage, "1.0")], "1.0").err.contains("nothing to do"));
    let unknown = stage.run(&["rollback", "local", "9.9", "--yes"]);
    assert!(
        unknown.expect(1).err.contains("no release `9.9` that was live and healthy is there"),
        "{}",
        unknown.all()
    );
    // Unasked, and with nobody there to ask: refused.
    let unasked = stage.run(&["rollback", "local", "2.0"]);
    assert!(unasked.expect(1).err.contains("will not change `local` unasked"), "{}", unasked.all());
    assert_eq!(stage.live().as_deref(), Some("1.0"));
}

#[test]
fn a_release_with_everything_is_served_while_it_changes() {
    let host = "shared = [\"log\", \"uploads\"]\ncache = [\"cache\"]\nprepare = [\"cp content/message.txt made.txt\"]\n\
                publish = [{ from = \"static\", to = \"docroot\" }]\nkeep = 2";
    let stage = Stage::with(|root| config(root, host, &hello("instances = 2")));
    for version in ["1.0", "2.0", "3.0", "4.0"] {
        stage.release(version, "healthy");
    }
    stage.deploy("1.0").expect(0);
    let traffic = Traffic::start(&stage.public_socket(), true);
    for version in ["2.0", "3.0", "4.0"] {
        stage.deploy(version).expect(0);
        assert_eq!(read(stage.root.join("docroot/hello.css")), format!("/* {version} */"));
        assert_eq!(read(stage.root.join("current/made.txt")), format!("this is {version}"));
    }
    stage.run(&["rollback", "local", "--yes"]).expect(0);
    wait_for("3.0 serves", SOON, || stage.served().as_deref() == Ok("3.0"));
    traffic.none_failed(20);
    let revisions = read(stage.root.join("revisions.log"));
    let words: Vec<&str> = revisions.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
    assert_eq!(words, ["deploy", "deploy", "deploy", "deploy", "rollback"], "{revisions}");
}
