//! How far targets are apart.

use super::*;

fn told(project: &Project) -> String {
    let status = project.run(&["status"]);
    status
        .expect(0)
        .out
        .lines()
        .filter(|line| line.contains("is behind") || line.contains("is ahead"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn status_tells_how_far_targets_are_apart() {
    let project = Project::new("");
    project.build("1.0", "one");
    project.deploy("view", "1.0");
    assert!(
        told(&project).starts_with("`prod` (nothing) is behind `view` (1.0): 0 deployment notes"),
        "{}",
        told(&project)
    );
    project.deploy("prod", "1.0");
    assert_eq!(told(&project), "");
    project.build("1.1", "two\n\nDeployment:\n- do one thing\n- do another\n");
    project.build("1.2", "three");
    project.deploy("view", "1.2");
    let apart = told(&project);
    let since = apart.split("since").nth(1).unwrap().split(';').next().unwrap().to_owned();
    insta::assert_snapshot!(apart.replace(&since, " A WHILE"), @"`prod` (1.0) is behind `view` (1.2): 2 commits, 2 deployment notes, live there since A WHILE; `pintail plan prod 1.2` tells");
    let document = project.run(&["status", "--json"]).expect(0).json();
    let distance = &document["distances"][0];
    assert_eq!(
        (distance["commits"].as_u64(), distance["notes"].as_u64()),
        (Some(2), Some(2)),
        "{distance:#}"
    );
    assert_eq!(distance["acknowledge"].as_str(), project.digest("prod", "1.2").as_deref());
    // The other way round: the one that comes behind has what the other no longer has.
    project.deploy("prod", "1.2");
    project.run(&["rollback", "view", "--yes"]).expect(0);
    let back = told(&project);
    assert_eq!(back, "`prod` (1.2) is ahead of `view` (1.0), which it comes after: 2 commits");
    // Who has neither repository nor depot is told what hosts know.
    let other = project.room.path().join("elsewhere");
    fs::create_dir(&other).unwrap();
    fs::copy(project.folder.join("pintail.toml"), other.join("pintail.toml")).unwrap();
    let mut status = Command::new(PINTAIL);
    status.arg("-C").arg(&other).args(["status", "--json"]).stdin(Stdio::null());
    let document = ran(status).expect(0).json();
    let distance = &document["distances"][0];
    assert_eq!((distance["commits"].as_u64(), distance["notes"].as_u64()), (None, Some(2)), "{distance:#}");
}
