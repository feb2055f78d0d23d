//! Deployment notes between what is live and what comes.

use super::*;

const MAGIC: &str = "New foobar magic.\n\nDeployment:\n\n- This version has schema changes - run ddgc_db_autoupgrade.pl\n- New \
                     dependency - Foo::Bar::Magic\n";

#[test]
fn notes_are_shown_acknowledged_and_known_at_the_next_target() {
    let project = Project::new("");
    project.build("1.0", "one");
    project.deploy("view", "1.0");
    project.deploy("prod", "1.0");
    project.build("1.1", MAGIC);
    project.build("1.2", "A setting.\n\nDeployment:\n- [info] the cache is warm after a minute\n");
    // The version between is skipped, its notes are not.
    let plan = project.run(&["plan", "view", "1.2"]);
    insta::assert_snapshot!("plan", plain(plan.expect(0).out.split("commits that go live").nth(1).unwrap()));
    let unasked = project.run(&["deploy", "view", "1.2", "--yes"]);
    let told = unasked.expect(1).err.split("error: ").nth(1).unwrap().to_owned();
    insta::assert_snapshot!(plain(told.trim()), @r#"
    will not change `view` before its notes are acknowledged
      standard input is no terminal, so nobody can acknowledge them
    hint: `--ack HASH` says that you know of all of them; `--yes` does not
    "#);
    assert_eq!(project.live("view"), "1.0");
    let other = project.run(&["deploy", "view", "1.2", "--yes", "--ack", "0123456789ab"]);
    assert!(other.expect(1).err.contains("`0123456789ab` is not the digest of this list"), "{}", other.all());
    project.deploy("view", "1.2");
    let known = project.history("view");
    let last = &known["hosts"][0]["deployments"];
    let last = last.as_array().unwrap().iter().max_by_key(|one| one["id"].as_u64()).unwrap();
    assert!(last["acknowledged"]["by"].as_str().unwrap().starts_with("ada@"), "{last:#}");
    assert_eq!(last["acknowledged"]["of"].as_array().unwrap().len(), 1, "{last:#}");
    let next = project.run(&["plan", "prod", "1.2"]);
    assert!(next.expect(0).out.contains("known on `view`: ada@"), "{}", next.all());
    let document = project.run(&["plan", "prod", "1.2", "--json"]).expect(0).json();
    assert_eq!(document["asks"][0]["notes"]["asks"].as_array().unwrap().len(), 3, "{document:#}");
    project.deploy("prod", "1.2");
    // The way back tells what it takes back, and waits for nobody.
    let back = project.run(&["rollback", "prod", "--yes"]);
    assert!(back.expect(0).err.contains("ddgc_db_autoupgrade.pl"), "{}", back.all());
}

#[test]
fn an_operator_who_has_only_the_new_artifact_is_asked_the_same() {
    let project = Project::new("");
    project.build("1.0", "one");
    project.deploy("view", "1.0");
    project.build("1.1", MAGIC);
    let here = project.digest("view", "1.1").unwrap();
    // Neither a repository nor the old artifact.
    let other = project.room.path().join("elsewhere");
    fs::create_dir_all(other.join(".pintail/depot/artifacts")).unwrap();
    fs::copy(project.folder.join("pintail.toml"), other.join("pintail.toml")).unwrap();
    let artifact = ".pintail/depot/artifacts/pond-1.1.tar.zst";
    fs::copy(project.folder.join(artifact), other.join(artifact)).unwrap();
    let mut plan = project.command(&[]);
    plan.args(["-C", other.to_str().unwrap(), "plan", "view", "1.1"]);
    let mut plain = Command::new(PINTAIL);
    plain.arg("-C").arg(&other).args(["plan", "view", "1.1"]).stdin(Stdio::null());
    let there = ran(plain);
    assert!(there.expect(0).out.contains(&format!("--ack {here}")), "{}", there.all());
}

#[test]
fn nothing_is_asked_where_nothing_was_live() {
    let project = Project::new("");
    project.build("1.0", MAGIC);
    assert_eq!(project.digest("view", "1.0"), None);
    project.run(&["deploy", "view", "1.0", "--yes"]).expect(0);
}

#[test]
fn what_hosts_must_have_is_looked_for_before_anything_changes() {
    let project = Project::new("");
    project.build("1.0", "one");
    project.deploy("view", "1.0");
    project.build(
        "1.1",
        "two\n\nDeploy-Requires: cmd no-such-program\nDeploy-Requires: env MAGIC\nDeploy-Requires: cpan No::Such::Module\n\
         Deploy-Requires: cpan strict >= 1.0\nDeploy-Requires: cpan strict >= 999\nDeploy-Requires: apt no-such-package\n\
         Deploy-Requires: cmd sh\n",
    );
    let refused = project.run(&["deploy", "view", "1.1", "--yes"]);
    let told = refused.expect(1).err.split("error: ").nth(1).unwrap().to_owned();
    insta::assert_snapshot!(told.trim().replace(common::machine().as_str(), "HERE"), @r#"
    cannot deploy to `view`: its hosts lack what commits require (`Deploy-Requires`)
      local: `cpan No::Such::Module`: Can't locate No/Such/Module.pm
      local: `cpan strict >= 999`: strict version 999 required--this is only version 1.12
      local: the package `no-such-package` is not installed
      local: the setting `MAGIC` is not set; `pintail env set` sets it
      local: the program `no-such-program` is in no folder of PATH
    hint: bring it there, and deploy again; nothing was changed
    "#);
    assert!(project.run(&["plan", "view", "1.1"]).expect(1).err.contains("no-such-program"));
    assert_eq!(project.live("view"), "1.0");
    assert_eq!(project.history("view")["hosts"][0]["deployments"].as_array().unwrap().len(), 1);
    project.build("1.2", "three\n\nDeploy-Requires: env MAGIC\n");
    project.run(&["env", "set", "view", "MAGIC=1"]).expect(0);
    let still = project.run(&["deploy", "view", "1.2", "--yes"]);
    let told = still.expect(1).err.split("error: ").nth(1).unwrap();
    assert!(!told.contains("MAGIC") && told.contains("no-such-program"), "{}", still.all());
}
