//! Only what was live and well on the required target.

use super::*;

#[test]
fn only_what_was_well_there_comes_here() {
    let project = Project::new("");
    project.build("1.0", "one");
    let early = project.run(&["deploy", "prod", "1.0", "--yes"]);
    insta::assert_snapshot!(plain(early.expect(1).err.trim()), @r#"
    error: will not deploy `1.0` to `prod`, which requires `view`
      it was never live there; nothing is live
    hint: `pintail deploy view 1.0` comes first
    "#);
    assert!(project.run(&["plan", "prod", "1.0"]).expect(1).err.contains("which requires `view`"));
    project.deploy("view", "1.0");
    project.deploy("prod", "1.0");
    assert_eq!(project.live("prod"), "1.0");
    project.build("1.1", "two");
    let unseen = project.run(&["deploy", "prod", "1.1", "--yes"]);
    assert!(unseen.expect(1).err.contains("it was never live there; `1.0` is live"), "{}", unseen.all());
    // It was live there once: what is live now does not matter.
    project.deploy("view", "1.1");
    project.run(&["rollback", "view", "--yes"]).expect(0);
    project.deploy("prod", "1.1");
    // Back is always open, whatever was where.
    project.run(&["rollback", "prod", "--yes"]).expect(0);
    assert_eq!(project.live("prod"), "1.0");
}

#[test]
fn another_build_of_the_same_version_is_another_release() {
    let project = Project::new("");
    project.build("1.0", "one");
    project.deploy("view", "1.0");
    fs::remove_dir_all(project.folder.join(".pintail/depot")).unwrap();
    fs::write(project.folder.join("more"), "more").unwrap();
    project.build("1.0", "one, once more");
    let other = project.run(&["deploy", "prod", "1.0", "--yes"]);
    insta::assert_snapshot!(plain(other.expect(1).err.trim()), @r#"
    error: will not deploy `1.0` to `prod`, which requires `view`
      it has another build of it (HASH, not HASH); `1.0` is live
    hint: `pintail deploy view 1.0` comes first
    "#);
}

#[test]
fn a_required_target_that_failed_with_it_is_no_proof() {
    let project = Project::new("[host]\nprepare = [\"test ! -e broken\"]\n");
    fs::write(project.folder.join("broken"), "").unwrap();
    project.build("1.0", "one");
    project.run(&["deploy", "view", "1.0", "--yes"]).expect(3);
    let failed = project.run(&["deploy", "prod", "1.0", "--yes"]);
    assert!(failed.expect(1).err.contains("it failed there, and was never live"), "{}", failed.all());
}

#[test]
fn a_required_target_out_of_reach_is_told() {
    let project = Project::new("");
    project.build("1.0", "one");
    project.deploy("view", "1.0");
    let root = project.of("view");
    fs::rename(&root, root.with_extension("away")).unwrap();
    fs::write(&root, "no folder").unwrap();
    let refused = project.run(&["deploy", "prod", "1.0", "--yes"]);
    assert!(refused.expect(1).err.starts_with("error: "), "{}", refused.all());
    assert_eq!(project.live("prod"), "nothing");
}
