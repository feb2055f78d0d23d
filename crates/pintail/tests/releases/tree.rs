//! What lies in a release's folder: what is shared, cached, prepared, sealed.

use super::*;

#[test]
fn what_is_shared_begins_as_the_first_release_brings_it_and_survives_the_others() {
    let stage = still("shared = [\"log\", \"var/data/uploads\", \"etc/local.yml\"]");
    for version in ["1.0", "2.0"] {
        stage.release_with(version, "healthy", |tree| {
            write(&tree.join("var/data/uploads/deep/first.txt"), version);
            write(&tree.join("var/data/other.txt"), version);
            write(&tree.join("etc/local.yml"), version);
        });
    }
    stage.deploy("1.0").expect(0);
    let shared = stage.root.join("shared");
    assert_eq!(read(shared.join("var/data/uploads/deep/first.txt")), "1.0");
    assert_eq!(read(shared.join("etc/local.yml")), "1.0");
    assert!(shared.join("log").is_dir());
    write(&stage.root.join("current/log/app.log"), "a line");
    write(&stage.root.join("current/var/data/uploads/new.txt"), "uploaded");
    fs::write(stage.root.join("current/etc/local.yml"), "edited").unwrap();

    stage.deploy("2.0").expect(0);
    let current = stage.root.join("current");
    assert_eq!(read(current.join("log/app.log")), "a line");
    assert_eq!(read(current.join("var/data/uploads/new.txt")), "uploaded");
    assert_eq!(
        read(current.join("var/data/uploads/deep/first.txt")),
        "1.0",
        "the first content is not replaced"
    );
    assert_eq!(read(current.join("etc/local.yml")), "edited");
    assert_eq!(
        read(current.join("var/data/other.txt")),
        "2.0",
        "beside a shared path everything is the release's"
    );
    for (path, target) in [
        ("log", "../../shared/log"),
        ("var/data/uploads", "../../../../shared/var/data/uploads"),
        ("etc/local.yml", "../../../shared/etc/local.yml"),
    ] {
        assert_eq!(
            fs::read_link(release_folder(&stage, "2.0").join(path)).unwrap(),
            Path::new(target),
            "{path}"
        );
    }

    // The links are relative: the root may be moved.
    let moved = stage.room().join("moved");
    fs::rename(&stage.root, &moved).unwrap();
    assert_eq!(read(moved.join("current/var/data/uploads/new.txt")), "uploaded");
    fs::rename(&moved, &stage.root).unwrap();
}

#[test]
fn what_a_failed_first_release_brought_is_not_shared_by_the_next() {
    let stage = still("shared = [\"uploads\"]\nprepare = [\"test -e good\"]");
    stage.release_with("1.0", "healthy", |tree| write(&tree.join("uploads/seed.txt"), "of the failed one"));
    stage.release_with("2.0", "healthy", |tree| {
        write(&tree.join("uploads/seed.txt"), "of the good one");
        write(&tree.join("good"), "");
    });
    stage.deploy("1.0").expect(3);
    assert!(!stage.root.join("shared/uploads").exists());
    stage.deploy("2.0").expect(0);
    assert_eq!(read(stage.root.join("shared/uploads/seed.txt")), "of the good one");
}

#[test]
fn each_release_has_an_empty_cache_of_its_own() {
    let stage = still("cache = [\"cache\", \"var/templates\"]");
    for version in ["1.0", "2.0"] {
        stage.release_with(version, "healthy", |tree| {
            write(&tree.join("cache/stale.txt"), "built on another machine")
        });
    }
    stage.deploy("1.0").expect(0);
    let current = stage.root.join("current");
    for path in ["cache", "var/templates"] {
        assert_eq!(fs::read_dir(current.join(path)).unwrap().count(), 0, "{path}");
        write(&current.join(path).join("compiled"), "1.0");
    }
    stage.deploy("2.0").expect(0);
    assert_eq!(fs::read_dir(current.join("cache")).unwrap().count(), 0);
    let old = release_folder(&stage, "1.0").join("cache/compiled");
    assert_eq!(read(old), "1.0", "the old one keeps its own while it may be gone back to");
    let target = fs::read_link(release_folder(&stage, "2.0").join("var/templates")).unwrap();
    assert!(target.is_relative(), "{}", target.display());
    stage.run(&["rollback", "local", "--yes"]).expect(0);
    assert_eq!(fs::read_dir(current.join("cache")).unwrap().count(), 0, "fresh for each time it goes live");
}

#[test]
fn prepare_commands_run_in_order_in_the_new_release_with_its_environment_and_are_heard() {
    let stage = still(
        "shared = [\"log\"]\nprepare = [\"echo one >> order; pwd\", \"echo two-$SETTING >> order\", \
         { run = \"echo $PINTAIL_VERSION $PINTAIL_TARGET $PINTAIL_RELEASE; echo to-stderr >&2; id -un > /dev/null\", within = \"1m\" }]",
    );
    stage.release("1.0", "healthy");
    stage.run(&["env", "set", "local", "SETTING=x"]).expect(0);
    let mut deploy = stage.command(&["deploy", "local", "1.0", "--yes"]);
    deploy.env("OPERATORS_OWN", "poison");
    let ran = common::ran(deploy);
    let err = &ran.expect(0).err;
    let folder = release_folder(&stage, "1.0");
    assert_eq!(read(folder.join("order")), "one\ntwo-x\n");
    for line in [
        format!("prepare | {}", folder.display()),
        format!("prepare | 1.0 local {}", release_name(&stage, "1.0")),
        "prepare | to-stderr".to_owned(),
    ] {
        assert!(err.contains(&line), "no `{line}` in\n{err}");
    }
    let kept = read(stage.root.join("journal/000001/output"));
    assert!(kept.contains("to-stderr") && kept.contains("1.0 local"), "{kept}");
}

#[test]
fn a_prepare_command_that_fails_is_killed_or_takes_too_long_leaves_nothing() {
    for (command, why) in [
        ("\"echo before >&2; exit 7\"", "it exited with 7"),
        ("\"kill -KILL $$\"", "it was killed by signal 9"),
        ("{ run = \"sleep 30 & sleep 31\", within = \"300ms\" }", "it ran longer than 0.3 s and was stopped"),
    ] {
        let stage = still(&format!("prepare = [{command}]"));
        stage.release("1.0", "healthy");
        let (failed, took) = apps::timed(|| stage.deploy("1.0"));
        let err = &failed.expect(3).err;
        assert!(err.contains("failed in release `1.0`"), "{err}");
        assert!(took < Duration::from_secs(10), "{took:?}");
        assert!(err.contains(why), "{err}");
        assert!(stage.names("releases").is_empty());
        assert!(!stage.root.join("current").exists());
    }
}

#[test]
fn a_release_is_read_only_once_complete_and_a_good_one_is_not_made_again() {
    let stage = still(
        "shared = [\"log\"]\ncache = [\"cache\"]\nprepare = [\"echo prepared >> prepared; mkdir made; touch made/file\"]",
    );
    for version in ["1.0", "2.0"] {
        stage.release(version, "healthy");
    }
    stage.deploy("1.0").expect(0);
    stage.deploy("2.0").expect(0);
    let folder = release_folder(&stage, "1.0");
    let mut seen = 0;
    let mut look = vec![folder.clone()];
    while let Some(path) = look.pop() {
        let found = fs::symlink_metadata(&path).unwrap();
        if found.is_symlink() {
            continue;
        }
        seen += 1;
        assert_eq!(mode(&path) & 0o222, 0, "{} is {:o}", path.display(), mode(&path));
        if found.is_dir() {
            look.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    assert!(seen > 8, "{seen}");
    assert_eq!(mode(&folder.join("bin/hello")), 0o555);
    let inode = fs::metadata(&folder).unwrap().ino();

    let again = stage.deploy("1.0");
    assert!(!again.expect(0).err.contains("prepare"), "{}", again.all());
    assert_eq!(stage.live().as_deref(), Some("1.0"));
    assert_eq!(read(folder.join("prepared")), "prepared\n");
    assert_eq!(fs::metadata(&folder).unwrap().ino(), inode);
    assert_eq!(
        stage.run(&["history", "local", "--json"]).json()["hosts"][0]["deployments"][2]["kind"],
        "deploy"
    );
    // What was live before is what one goes back to now.
    stage.run(&["rollback", "local", "--yes"]).expect(0);
    assert_eq!(stage.live().as_deref(), Some("2.0"));
}
