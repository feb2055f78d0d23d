//! A depot on a real host, by a real ssh: built into from here, taken out of by another operator, pruned.

use super::hosts::{Fleet, QUICK};
use crate::common::apps::{git, write};
use crate::common::{PINTAIL, ran};
use std::fs;
use std::process::Command;

#[test]
fn a_depot_on_another_host_is_as_one_here() {
    let fleet = Fleet::new(&["db1", "web1"], QUICK);
    fleet.set_hosts(&["web1"], QUICK);
    let project = &fleet.stage.project;
    let text = fs::read_to_string(project.join("pintail.toml")).unwrap();
    let depot = format!("{}/depot", fleet.root);
    fleet.stage.set_config(&format!("{text}\n[depot]\npath = \"ssh://db1{depot}\"\n"));
    write(&project.join(".gitignore"), ".pintail\n");
    git(project, &["init", "-q"]);
    let mut built = 0;
    for version in ["1.0", "2.0"] {
        for (path, content) in [
            ("VERSION", version),
            ("content/message.txt", "hello"),
            ("content/behaviour.txt", ""),
            ("static/hello.css", version),
        ] {
            write(&project.join(path), content);
        }
        fs::create_dir_all(project.join("bin")).unwrap();
        fs::write(project.join("bin/hello"), crate::common::HELLO).unwrap();
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(project.join("bin/hello"), fs::Permissions::from_mode(0o755)).unwrap();
        git(project, &["add", "."]);
        git(project, &["commit", "-q", "-m", version]);
        fleet.calls();
        fleet.run(&["build", "--version", version]).expect(0);
        built += fleet.calls();
    }
    assert_eq!(built, 2, "one connection for each build");
    let there = fleet.exec("db1", &format!("ls {depot}/artifacts"));
    assert_eq!(there.lines().filter(|name| name.ends_with(".tar.zst")).count(), 2, "{there}");
    // Another operator, who has nothing but the configuration.
    let ben = fleet.stage.room().join("ben");
    fs::create_dir(&ben).unwrap();
    fs::copy(project.join("pintail.toml"), ben.join("pintail.toml")).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(PINTAIL);
        command.arg("-C").arg(&ben).args(arguments).env("PINTAIL_SSH", fleet.stage.room().join("ssh"));
        ran(command)
    };
    run(&["deploy", "prod", "1.0", "--yes"]).expect(0);
    run(&["deploy", "prod", "--yes"]).expect(0);
    assert_eq!(fleet.served("web1"), "2.0");
    assert_eq!(run(&["depot", "verify"]).expect(0).out.lines().count(), 2);
    // Both are on the host, so neither goes.
    assert_eq!(run(&["depot", "prune", "--keep", "1", "--yes"]).expect(0).out, "nothing to prune\n");
    assert_eq!(fleet.exec("db1", &format!("ls {depot}/artifacts")), there);
}
