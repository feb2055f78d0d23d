//! Where releases come from: plain archives, builds, the depot.

use super::*;

/// An archive as `git archive` or `make dist` would leave it.
fn plain_tar(stage: &Stage, name: &str, version: &str) -> PathBuf {
    let top = stage.room().join(format!("{name}-{version}"));
    write(&top.join("VERSION"), version);
    write(&top.join("bin/run"), "#!/bin/sh\n");
    fs::set_permissions(top.join("bin/run"), fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("run", top.join("bin/alias")).unwrap();
    let archive = stage.room().join(format!("{name}-{version}.tar.gz"));
    let ended = Command::new("tar")
        .arg("-C")
        .arg(stage.room())
        .arg("-czf")
        .arg(&archive)
        .arg(top.file_name().unwrap())
        .status()
        .unwrap();
    assert!(ended.success());
    archive
}

#[test]
fn an_archive_made_by_plain_tar_is_deployed_as_it_is() {
    let stage = still("");
    let archive = plain_tar(&stage, "hello", "1.4.2");
    let archive = archive.to_str().unwrap();
    stage.run(&["plan", "local", archive]).expect(0);
    stage.run(&["deploy", "local", archive, "--yes"]).expect(0);
    assert_eq!(stage.live().as_deref(), Some("1.4.2"));
    let current = stage.root.join("current");
    assert_eq!(read(current.join("VERSION")), "1.4.2");
    assert_eq!(mode(&fs::canonicalize(current.join("bin/run")).unwrap()), 0o555);
    assert_eq!(fs::read_link(current.join("bin/alias")).unwrap(), Path::new("run"));
    assert!(stage.run(&["deploy", "local", archive, "--yes"]).expect(0).err.contains("nothing to do"));

    let other = plain_tar(&stage, "other", "1.0");
    let refused = stage.run(&["deploy", "local", other.to_str().unwrap(), "--yes"]);
    assert!(refused.expect(1).err.contains("by its name it is `other`"), "{}", refused.all());
    assert_eq!(stage.live().as_deref(), Some("1.4.2"));
    // Who says the version says that it is meant.
    stage.run(&["depot", "add", other.to_str().unwrap(), "--version", "1.0"]).expect(0);
    // Perl's distributions are written with capitals.
    let capital = plain_tar(&stage, "Hello", "1.5");
    stage.run(&["plan", "local", capital.to_str().unwrap()]).expect(0);
    let missing = stage.run(&["deploy", "local", "./hello-9.tar.gz", "--yes"]);
    assert!(missing.expect(1).err.contains("hello-9.tar.gz"), "{}", missing.all());
}

#[test]
fn a_build_is_the_commit_and_what_its_steps_make() {
    let stage = still("");
    // The project is a folder of its repository.
    let repository = stage.project.clone();
    let project = repository.join("services/hello");
    fs::create_dir_all(&project).unwrap();
    let text = read(repository.join("pintail.toml"))
        + "\n[build]\nsteps = [\"mkdir -p made && cat source > made/from-source\", \"echo second >> made/from-source\"]\n";
    fs::remove_file(repository.join("pintail.toml")).unwrap();
    write(&project.join("pintail.toml"), &text);
    write(&project.join("source"), "committed\n");
    write(&repository.join("elsewhere.txt"), "of another project");
    apps::git(&repository, &["init", "--quiet"]);
    apps::git(&repository, &["add", "."]);
    apps::git(&repository, &["commit", "--quiet", "-m", "first"]);
    let commit = apps::git(&repository, &["rev-parse", "HEAD"]);
    write(&project.join("source"), "not committed\n");
    write(&project.join("untracked"), "neither");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(common::PINTAIL);
        command.arg("-C").arg(&project).args(arguments).stdin(Stdio::null()).env("OPERATORS_OWN", "1");
        common::ran(command)
    };
    let built = run(&["build", "--version", "1.0"]);
    assert!(built.expect(0).err.contains("files are changed and not committed"), "{}", built.all());
    assert!(
        run(&["build", "--version", "1.0"]).expect(0).out.contains("was in the depot already"),
        "built again"
    );
    run(&["deploy", "local", "1.0", "--yes"]).expect(0);
    let shown = run(&["depot", "show", "1.0", "--json"]).json();
    assert_eq!(shown["artifact"]["commit"], commit.as_str(), "{shown:#}");
    let current = stage.root.join("current");
    assert_eq!(read(current.join("source")), "committed\n");
    assert_eq!(read(current.join("made/from-source")), "committed\nsecond\n");
    assert!(!current.join("untracked").exists());
    assert!(!current.join("elsewhere.txt").exists());
    assert_eq!(stage_status(&project)["live"]["commit"], commit.as_str());
    // The next one brings its patch along, which the deployment then only sends.
    let patches = || fs::read_dir(project.join(".pintail/depot/patches")).into_iter().flatten().count();
    assert_eq!(patches(), 0);
    run(&["build", "--version", "1.1"]).expect(0);
    assert_eq!(patches(), 1);
    run(&["deploy", "local", "1.1", "--yes"]).expect(0);
    assert_eq!(patches(), 1);
}

fn stage_status(project: &Path) -> Value {
    let mut command = Command::new(common::PINTAIL);
    command.arg("-C").arg(project).args(["status", "--json"]);
    common::ran(command).json()["targets"][0]["hosts"][0].clone()
}

#[test]
fn a_build_that_can_t_be_puts_nothing_into_the_depot() {
    let stage = still("");
    let outside = stage.run(&["build", "--version", "1.0"]);
    assert!(outside.expect(1).err.contains("not a git repository"), "{}", outside.all());
    stage.set_config(
        &(read(stage.project.join("pintail.toml")) + "[build]\nsteps = [\"echo heard; exit 3\"]\n"),
    );
    apps::git(&stage.project, &["init", "--quiet"]);
    apps::git(&stage.project, &["add", "pintail.toml"]);
    apps::git(&stage.project, &["commit", "--quiet", "-m", "first"]);
    let failed = stage.run(&["build", "--version", "1.0"]);
    assert!(failed.expect(1).err.contains("heard"), "{}", failed.all());
    assert!(failed.err.contains("`echo heard; exit 3`"), "{}", failed.all());
    let unknown = stage.run(&["build", "--version", "1.0", "--commit", "nowhere"]);
    assert!(unknown.expect(1).err.contains("`nowhere` is no commit"), "{}", unknown.all());
    stage.run(&["build", "--version", "not a version"]).expect(2);
    assert_eq!(stage.run(&["depot", "list", "--json"]).expect(0).json()["artifacts"], serde_json::json!([]));
}

#[test]
fn the_depot_adds_lists_shows_and_verifies() {
    let stage = still("");
    let archive = plain_tar(&stage, "hello", "1.0");
    let plain = stage.room().join("release.tar.gz");
    fs::copy(&archive, &plain).unwrap();
    assert!(
        stage
            .run(&["depot", "add", archive.to_str().unwrap()])
            .expect(0)
            .out
            .contains("hello 1.0 is in the depot")
    );
    assert!(
        stage
            .run(&["depot", "add", archive.to_str().unwrap()])
            .expect(0)
            .out
            .contains("was in the depot already")
    );
    let nameless = stage.run(&["depot", "add", plain.to_str().unwrap()]);
    assert!(nameless.expect(1).err.contains("version"), "{}", nameless.all());
    stage.run(&["depot", "add", plain.to_str().unwrap(), "--version", "1.1"]).expect(0);
    stage.release("2.0", "healthy");

    let listed = stage.run(&["depot", "list", "--json"]).json();
    let versions: Vec<&str> = listed["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|card| card["version"].as_str().unwrap())
        .collect();
    assert_eq!(versions, ["1.0", "1.1", "2.0"], "{listed:#}");
    let shown = stage.run(&["depot", "show", "1.0"]).expect(0).out.clone();
    assert!(shown.contains("bin/run") && shown.contains("-> run"), "{shown}");
    assert!(stage.run(&["depot", "show", "9.9"]).expect(1).err.contains("cannot show `hello` 9.9"));
    assert_eq!(stage.run(&["depot", "verify"]).expect(0).out.lines().count(), 3);
    assert!(stage.run(&["depot", "verify", "1.1"]).expect(0).out.contains("1.1 is whole"));

    // One byte else.
    let artifact = stage.depot().artifact_path(&"hello".parse().unwrap(), &"2.0".parse().unwrap());
    let mut bytes = fs::read(&artifact).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::set_permissions(&artifact, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&artifact, bytes).unwrap();
    let spoilt = stage.run(&["depot", "verify"]);
    assert!(spoilt.expect(1).err.contains("2.0 is not whole"), "{}", spoilt.all());
    assert!(spoilt.out.contains("1.0 is whole") && spoilt.out.contains("1.1 is whole"), "{}", spoilt.all());
    stage.deploy("2.0").expect(3);
    assert_eq!(stage.live(), None);
}
