//! `Deploy-Run`: tasks of `pintail.toml`, once for a target.

use super::*;

const TASKS: &str = "[tasks.reindex]\nrun = \"echo reindexed >> ../../shared/ran; echo\"\n[tasks.migrate]\nrun = \"echo migrated \
                     >> ../../shared/ran\"\n[tasks.broken]\nrun = \"false\"\n[host]\nshared = [\"log\"]\n";

fn ran_there(project: &Project, target: &str) -> String {
    fs::read_to_string(project.of(target).join("shared/ran")).unwrap_or_default()
}

#[test]
fn a_task_is_run_once_for_each_target_and_stays_done() {
    let project = Project::new(TASKS);
    project.build("1.0", "one");
    project.deploy("view", "1.0");
    project.build("1.1", "two\n\nDeploy-Run: reindex all\nDeploy-Run-Before: migrate\n");
    let plan = project.run(&["plan", "view", "1.1"]);
    assert!(plan.expect(0).out.contains("migrate: `echo migrated"), "{}", plan.all());
    project.deploy("view", "1.1");
    assert_eq!(ran_there(&project, "view"), "migrated\nreindexed\n");
    project.run(&["rollback", "view", "--yes"]).expect(0);
    project.deploy("view", "1.1");
    project.build("1.2", "three");
    project.deploy("view", "1.2");
    assert_eq!(ran_there(&project, "view"), "migrated\nreindexed\n", "once");
    project.build("1.3", "four\n\nDeploy-Run: reindex all\n");
    project.deploy("view", "1.3");
    assert_eq!(ran_there(&project, "view"), "migrated\nreindexed\nreindexed\n", "another commit asks again");
    // The other target has its own count, and nothing was live there: its history is not asked.
    project.deploy("prod", "1.1");
    assert_eq!(ran_there(&project, "prod"), "");
    project.deploy("prod", "1.3");
    assert_eq!(ran_there(&project, "prod"), "reindexed\n");
}

#[test]
fn a_task_that_fails_undoes_the_deployment_and_those_that_ran_are_not_run_again() {
    let project = Project::new(TASKS);
    project.build("1.0", "one");
    project.deploy("view", "1.0");
    project.build("1.1", "two\n\nDeploy-Run-Before: migrate\nDeploy-Run: broken\n");
    let failed = project.run(&["deploy", "view", "1.1", "--yes"]);
    assert!(failed.expect(3).err.contains("at step `task`"), "{}", failed.all());
    assert_eq!(project.live("view"), "1.0");
    assert_eq!(ran_there(&project, "view"), "migrated\n");
    let mended =
        fs::read_to_string(project.folder.join("pintail.toml")).unwrap().replace("\"false\"", "\"true\"");
    fs::write(project.folder.join("pintail.toml"), mended).unwrap();
    project.build("1.2", "mended");
    project.deploy("view", "1.2");
    assert_eq!(ran_there(&project, "view"), "migrated\n", "it had run to its end");
}

#[test]
fn what_a_message_says_is_never_run() {
    let project = Project::new(TASKS);
    project.build("1.0", "one");
    project.deploy("view", "1.0");
    let sneaky = "two\n\nDeployment:\n- run: touch ../../shared/sneaked\n\nDeploy-Run: touch ../../shared/sneaked\n\
                  Deploy-Run: reindex ; touch ../../shared/sneaked\nDeploy-Run: $(touch ../../shared/sneaked)\n";
    project.build("1.1", sneaky);
    let plan = project.run(&["plan", "view", "1.1"]);
    insta::assert_snapshot!(
        "sneaky",
        plain(plan.expect(0).out.split("commits that go live").nth(1).unwrap())
    );
    project.deploy("view", "1.1");
    assert!(!project.of("view").join("shared/sneaked").exists());
    assert_eq!(ran_there(&project, "view"), "");
}
