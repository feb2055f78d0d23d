//! Other artifacts that become part of one.

use super::*;

const INCLUDES: &str =
    "[[build.include]]\nname = \"DDGC-Static\"\nversion = \"^0.4\"\ninto = \"share/static\"\n";

/// An artifact for the depot, made by anything.
fn archive(project: &Project, name: &str, version: &str, content: &str) -> PathBuf {
    let top = format!("{name}-{version}");
    let folder = project.room.path().join(&top);
    fs::create_dir_all(folder.join("css")).unwrap();
    fs::write(folder.join("css/all.css"), content).unwrap();
    let archive = project.room.path().join(format!("{top}.tar.gz"));
    let tar =
        Command::new("tar").arg("-C").arg(project.room.path()).arg("-czf").arg(&archive).arg(&top).status();
    assert!(tar.unwrap().success());
    archive
}

fn add(project: &Project, name: &str, version: &str, content: &str) {
    let file = archive(project, name, version, content);
    project.run(&["depot", "add", file.to_str().unwrap(), "--name", name]).expect(0);
}

#[test]
fn what_is_included_is_chosen_once_and_locked() {
    let project = Project::new(INCLUDES);
    project.write("index.html", "hello\n");
    project.commit("first");
    let nothing = project.run(&["build", "--lock"]);
    insta::assert_snapshot!(nothing.expect(1).err.trim(), @r#"
    error: cannot choose what to include
      no `DDGC-Static` of the depot is `^0.4`; there is none
    hint: `pintail depot add FILE --name NAME` brings one into the depot
    "#);
    for version in ["0.4.0", "0.4.9", "0.4.10", "0.5.0"] {
        add(&project, "DDGC-Static", version, version);
    }
    let unlocked = project.run(&["build", "--version", "1"]);
    insta::assert_snapshot!(unlocked.expect(1).err.trim(), @r#"
    error: cannot include other artifacts
      the commit has no `pintail.lock`
    hint: `pintail build --lock` chooses the latest that fit and writes it; commit it
    "#);
    let locked = project.run(&["build", "--lock"]);
    assert!(locked.expect(0).out.starts_with("DDGC-Static 0.4.10, digest "), "{}", locked.all());
    // What counts is what is committed.
    assert!(
        project.run(&["build", "--version", "1"]).expect(1).err.contains("the commit has no `pintail.lock`")
    );
    project.commit("locked");
    // A later one that would fit changes nothing.
    add(&project, "DDGC-Static", "0.4.11", "later");
    let built = project.built(&["--version", "1"]);
    insta::assert_snapshot!(project.shown("1").join("\n"), @r#"
    0644 .gitignore
    .pintail/
    0644 .pintail/release.json
    0644 index.html
    0644 pintail.lock
    0644 pintail.toml
    share/
    share/static/
    share/static/css/
    0644 share/static/css/all.css
    "#);
    assert_eq!(project.built(&["--version", "1"])["digest"], built["digest"], "the same again");
    // Another range, the old lock.
    project.write("pintail.toml", &format!("{CONFIG}{}", INCLUDES.replace("^0.4", "^0.5")));
    project.commit("another range");
    let unfit = project.run(&["build", "--version", "2"]);
    assert!(unfit.expect(1).err.contains("has 0.4.10, which is not `^0.5`"), "{}", unfit.all());
}

#[test]
fn another_build_under_the_locked_version_is_refused() {
    let project = Project::new(INCLUDES);
    add(&project, "DDGC-Static", "0.4.0", "one");
    project.run(&["build", "--lock"]).expect(0);
    project.write("share/static/own.css", "in the way\n");
    project.commit("locked");
    let in_the_way = project.run(&["build", "--version", "1"]);
    assert!(
        in_the_way.expect(1).err.contains("`share/static` is in the commit already"),
        "{}",
        in_the_way.all()
    );
    git(&project.folder, &["rm", "--quiet", "-r", "share"]);
    project.commit("out of the way");
    fs::remove_dir_all(project.folder.join(".pintail/depot/artifacts")).unwrap();
    let gone = project.run(&["build", "--version", "1"]);
    assert!(gone.expect(1).err.contains("`DDGC-Static` `0.4.0` is not in the depot"), "{}", gone.all());
    fs::remove_dir_all(project.room.path().join("DDGC-Static-0.4.0")).unwrap();
    add(&project, "DDGC-Static", "0.4.0", "two");
    let another = project.run(&["build", "--version", "1"]);
    assert!(another.expect(1).err.contains("it is another build"), "{}", another.all());
}

#[test]
fn nothing_is_included_through_a_link_of_the_commit() {
    let project = Project::new(INCLUDES);
    add(&project, "DDGC-Static", "0.4.0", "one");
    project.run(&["build", "--lock"]).expect(0);
    let victim = project.room.path().join("victim");
    fs::create_dir(&victim).unwrap();
    symlink(&victim, project.folder.join("share")).unwrap();
    project.commit("a link");
    let refused = project.run(&["build", "--version", "1"]);
    assert!(refused.expect(1).err.contains("`share` is in the way"), "{}", refused.all());
    assert_eq!(fs::read_dir(&victim).unwrap().count(), 0, "nothing came there");
}
