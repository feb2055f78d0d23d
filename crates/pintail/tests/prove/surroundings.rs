//! What a test finds around it, and how it ends.

use super::*;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// What a test printed between two marks, as the operator saw it.
#[track_caller]
fn printed(ran: &Ran) -> Vec<&str> {
    ran.expect(0);
    let (_, behind) = ran.err.split_once("<<\n").unwrap_or_else(|| panic!("{}", ran.all()));
    behind.split_once(">>").unwrap().0.lines().collect()
}

#[test]
fn nothing_of_the_operators_environment_is_handed_on_unless_it_is_declared() {
    let stage = project("test = \"echo '<<'; env; echo '>>'\"\nenv = [\"WANTED\", \"NOT_SET\"]", &[]);
    let built = build_with(
        &stage,
        "1.0",
        &[
            ("SECRET", "hunter2"),
            ("WANTED", "yes"),
            ("PERL5LIB", "/lib"),
            ("NODE_PATH", "/lib"),
            ("LANG", "de_DE.UTF-8"),
        ],
    );
    let names: BTreeSet<&str> = printed(&built).iter().map(|line| line.split_once('=').unwrap().0).collect();
    // The shell itself sets `PWD`; the rest are the seals of languages, whatever is in the project.
    let seals = ["GEM_HOME", "GEM_PATH", "NODE_OPTIONS", "NO_UPDATE_NOTIFIER", "PERL5OPT", "PYTHONPATH"];
    let seals = seals.into_iter().chain(["PYTHONUSERBASE", "RUBYOPT"]);
    let others: Vec<&str> = names.into_iter().filter(|name| !seals.clone().any(|one| one == *name)).collect();
    assert_eq!(others, ["HOME", "LC_ALL", "PATH", "PWD", "TZ", "WANTED"]);
    assert!(built.err.contains("WANTED=yes\n") && !built.all().contains("hunter2"), "{}", built.all());
    let told = sealed(&stage, "1.0");
    assert_eq!(told[0], "environment: of the operator's only WANTED");
    assert_eq!(told.last().unwrap(), "not sealed: the network, and files that are named by an absolute path");
}

#[test]
fn a_name_that_is_declared_and_not_set_is_told_when_the_test_fails() {
    let stage = project("test = \"test -n \\\"$NOT_SET\\\"\"\nenv = [\"NOT_SET\"]", &[]);
    let failed = build(&stage, "1.0");
    let error = refused(&stage, "1.0", &failed);
    assert!(error.ends_with("hint: not set here, though `build.env` hands it on: NOT_SET"), "{error}");
    build_with(&stage, "1.0", &[("NOT_SET", "now it is")]).expect(0);
}

#[test]
fn it_runs_in_the_unpacked_artifact_with_an_empty_home_and_nothing_open() {
    let test = "echo '<<'; umask; ls -A; ls -A $HOME; cat; ls /proc/self/fd | grep -v ..; echo '>>'";
    let stage = project(&format!("test = \"{test}\""), &[("a.txt", "a"), ("bin/b", "b")]);
    write(&stage.project.join("untracked"), "not in the commit");
    // A script that holds a lock while it builds, as those of cron do.
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "umask 077; exec 9>lock 5<&0; exec \"$0\" build --version 1.0", common::PINTAIL]);
    command.current_dir(&stage.project);
    // `ls` itself opens the folder that it lists, as 3.
    assert_eq!(
        printed(&common::ran(command)),
        ["0022", ".gitignore", ".pintail", "a.txt", "bin", "pintail.toml", "0", "1", "2", "3"]
    );
}

#[test]
fn a_test_that_hangs_is_ended_with_all_that_it_started() {
    let stage = project(
        "test = \"echo one; (sleep 1000; echo never) & echo child $!; wait\"\ntest_within = \"3s\"",
        &[],
    );
    let began = Instant::now();
    let failed = build(&stage, "1.0");
    assert!(began.elapsed() < Duration::from_secs(30));
    let error = refused(&stage, "1.0", &failed);
    assert!(error.contains("ran longer than 3 s and was stopped\n  test: one\n  test: child "), "{error}");
    assert!(
        error.contains("hint: it was ended with all that it had started; `build.test_within` says"),
        "{error}"
    );
    let child = error.lines().find_map(|line| line.trim().strip_prefix("test: child ")).unwrap();
    assert!(!apps::is_alive(child.parse().unwrap()), "{child}");
}

/// A build whose test waits for ever, and the process that the test has started.
fn building() -> (Stage, std::process::Child, u32) {
    let stage = Stage::with(|root| apps::config(root, "", ""));
    let mark = stage.room().join("mark");
    let test = format!("sleep 1000 & echo $! > {0}.new; mv {0}.new {0}; wait", mark.display());
    stage.set_config(&apps::config(&stage.root, "", &format!("[build]\ntest = \"{test}\"\n")));
    git(&stage.project, &["init", "--quiet"]);
    commit(&stage);
    let building = stage.start(&["build", "--version", "1.0"]);
    common::wait_for("the test runs", Duration::from_secs(20), || mark.exists());
    let child = std::fs::read_to_string(&mark).unwrap().trim().parse().unwrap();
    (stage, building, child)
}

#[test]
fn a_build_that_is_ended_ends_its_test() {
    let (stage, building, child) = building();
    common::signal(building.id(), "TERM");
    let ended = common::finish(building);
    let error = refused(&stage, "1.0", &ended);
    assert!(error.contains("wait` was stopped") && error.contains("the same again builds it"), "{error}");
    assert!(!apps::is_alive(child), "{child}");
}

#[test]
fn what_a_test_leaves_running_ends_with_it() {
    let stage = project("test = \"sleep 1000 & echo '<<'; echo $!; echo '>>'\"", &[]);
    let built = build(&stage, "1.0");
    assert!(!apps::is_alive(printed(&built)[0].parse().unwrap()), "{}", built.all());
}

/// What has left its group and its session, as daemons do, and what that has started in turn.
#[test]
fn a_daemon_that_a_test_starts_ends_with_it() {
    let daemon = "setsid sh -c 'sleep 1000 & echo $! >$0; sleep 1000' $HOME/pid >/dev/null 2>&1 </dev/null &";
    let test =
        format!("{daemon} until test -s $HOME/pid; do sleep 0.01; done; echo '<<'; cat $HOME/pid; echo '>>'");
    let stage = project(&format!("test = \"{test}\""), &[]);
    let built = build(&stage, "1.0");
    assert!(!apps::is_alive(printed(&built)[0].parse().unwrap()), "{}", built.all());
    // The same when it takes too long, and it is told as it was.
    let stage = project(&format!("test = \"{test}; sleep 1000\"\ntest_within = \"2s\""), &[]);
    let failed = build(&stage, "1.0");
    let error = refused(&stage, "1.0", &failed);
    assert!(error.contains("ran longer than 2 s and was stopped"), "{error}");
    let (_, behind) = failed.err.split_once("<<\n").unwrap();
    assert!(!apps::is_alive(behind.lines().next().unwrap().parse().unwrap()), "{}", failed.all());
    // By a signal, as it was.
    let stage = project("test = \"kill -SEGV $$\"", &[]);
    let failed = build(&stage, "1.0");
    assert!(refused(&stage, "1.0", &failed).contains("$$` was killed by signal 11"), "{}", failed.all());
}

#[test]
fn what_is_told_behind_a_test_begins_a_line() {
    let stage = project("test = \"printf done\"", &[]);
    assert_eq!(build(&stage, "1.0").expect(0).err, "done\n");
    let failing = project("test = \"printf done; exit 1\"", &[]);
    let failed = build(&failing, "1.0");
    assert!(failed.expect(1).err.starts_with("done\nerror: cannot prove"), "{}", failed.all());
}

#[test]
fn a_test_that_writes_into_the_projects_work_tree_proves_nothing() {
    let stage = Stage::with(|root| apps::config(root, "", ""));
    let test = format!("echo x > {}/made", stage.project.display());
    stage.set_config(&apps::config(&stage.root, "", &format!("[build]\ntest = \"{test}\"\n")));
    git(&stage.project, &["init", "--quiet"]);
    commit(&stage);
    let failed = build(&stage, "1.0");
    let error = refused(&stage, "1.0", &failed);
    assert!(error.contains("made` wrote outside its artifact, into `"), "{error}");
    assert!(error.contains("`?? made`; a test may change only the folder that it is run in"), "{error}");
}

#[test]
fn the_proof_is_shown_and_its_form_is_kept() {
    let stage = project("test = \"test -s a.txt\"", &[("a.txt", "a")]);
    build(&stage, "1.0").expect(0);
    let path = stage.project.join(".pintail/depot/artifacts/hello-1.0.proof.json");
    let json = std::fs::read_to_string(path).unwrap();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    let digest = value["digest"].as_str().unwrap();
    let plain = |text: &str| stage.plain(&text.replace(digest, "DIGEST").replace(&digest[..8], "SHORT"));
    let mut proof = plain(&json);
    for key in ["began_ms", "took_ms"] {
        let number = value[key].to_string();
        proof = proof.replace(&format!("\"{key}\": {number}"), &format!("\"{key}\": MS"));
    }
    insta::assert_snapshot!("proof", proof);
    let shown = stage.run(&["depot", "show", "1.0"]);
    let line = |line: &str| {
        line.starts_with("proven by") || line.starts_with("  environment") || line.starts_with("  not sealed")
    };
    let told: Vec<&str> = shown.expect(0).out.lines().filter(|l| line(l)).collect();
    assert!(told[0].starts_with("proven by `test -s a.txt`  ") && told[0].contains("by tester@"), "{told:?}");
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(stage.run(&["depot", "show", "1.0", "--json"]).expect(0).json()["proof"], value);
    // Without a test there is nothing to prove, and that is said too.
    let stage = project("", &[]);
    build(&stage, "1.0").expect(0);
    assert!(stage.run(&["depot", "show", "1.0"]).expect(0).out.contains("\nnot proven\n"));
    assert!(stage.run(&["depot", "show", "1.0", "--json"]).expect(0).json()["proof"].is_null());
}

/// Who kept its bound is gone, so it ends.
#[test]
fn a_build_that_is_killed_ends_its_test_too() {
    let (_stage, building, child) = building();
    common::signal(building.id(), "KILL");
    common::wait_for("what it started has ended", Duration::from_secs(20), || !apps::is_alive(child));
    drop(common::finish(building));
}
