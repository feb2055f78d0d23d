//! What a release changes in a project's files, and what it tells of those that it leaves as they are.

use super::*;

/// Whether Cargo takes the workspace as it is.
#[track_caller]
fn cargo(world: &World, arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).arg("--offline").current_dir(&world.stage.project).stdin(Stdio::null());
    ran(command).expect(0);
}

#[test]
fn a_workspace_that_asks_for_its_own_members_builds_after_a_breaking_release() {
    let config = "name = \"hello\"\n[release]\ntag = \"v{version}\"\n";
    let manifest = "[workspace]\nmembers = [\"crates/*\"]\n[workspace.package]\nversion = \"0.1.0\"\n\n[workspace.dependencies]\na = { path = \"crates/a\", version = \"0.1.0\" } # publishing asks for it\n";
    let world = World::with(
        |_| config.to_owned(),
        |world| {
            world.write("Cargo.toml", manifest);
            let member = |name: &str, rest: &str| {
                let text = format!(
                    "[package]\nname = \"{name}\"\nversion.workspace = true\nedition = \"2021\"\n{rest}"
                );
                world.write(&format!("crates/{name}/Cargo.toml"), &text);
                world.write(&format!("crates/{name}/src/lib.rs"), "");
            };
            member("a", "");
            member("b", "[dependencies]\na.workspace = true\n");
            member("c", "[dependencies]\nb = { version = \"=0.1.0\", path = \"../b\" }\n");
            cargo(world, &["generate-lockfile"]);
        },
    );
    world.release(&["minor", "--yes"]).expect(0);
    assert_eq!(world.git(&["tag", "--points-at", "HEAD"]), "v0.2.0");
    assert_eq!(world.read("Cargo.toml"), manifest.replace("0.1.0", "0.2.0"));
    assert!(world.read("crates/c/Cargo.toml").contains("version = \"=0.2.0\", path"));
    cargo(&world, &["metadata", "--locked", "--format-version", "1"]);
}

#[test]
fn a_prerelease_of_python_s_leads_to_its_release() {
    let world = World::new(PROJECT);
    world.write("VERSION", "1.0rc1\n");
    world.commit("a candidate");
    world.git(&["tag", "1.0rc1"]);
    world.write("app", "best\n");
    world.commit("app: best");
    let planned = world.release(&["patch", "--dry-run", "--json"]).expect(0).json();
    assert_eq!(planned["version"], "1.0");
    world.release(&["1.0", "--yes"]).expect(0);
}

/// What is told of a release of `wanted` where `tags` are there before it.
#[track_caller]
fn with_tags(world: &World, tags: &[&str], wanted: &str, code: i32) -> String {
    for tag in tags {
        world.git(&["tag", tag, "HEAD^"]);
    }
    let ran = world.release(&[wanted, "--dry-run"]);
    ran.expect(code);
    world.plain(&format!("== {} {wanted}\n{}\n", tags.join(" "), if code == 0 { &ran.out } else { &ran.err }))
}

#[test]
fn tags_that_are_not_what_they_seem_are_told() {
    let bare = |config: &str| {
        let world = World::new(&format!("name = \"hello\"\n{config}"));
        world.git(&["tag", "--delete", "0.1"]);
        world.git(&["push", "--quiet", "--delete", "origin", "0.1"]);
        world
    };
    let told = [
        with_tags(&World::new(PROJECT), &["1.0c1"], "1.0", 1),
        with_tags(&World::new(PROJECT), &["1.0fix"], "patch", 1),
        with_tags(&World::new(PROJECT), &["2024"], "0.2", 1),
        with_tags(&World::new(PROJECT), &["2024"], "patch", 0),
        with_tags(&bare(""), &["v0.9", "v0.10", "vim"], "patch", 1),
        with_tags(&bare("[release]\ntag = \"rel/{version}\"\n"), &["rel", "v0.9"], "0.2", 1),
        with_tags(&World::new(PROJECT), &["0.2/one"], "0.2", 1),
    ];
    insta::assert_snapshot!(told.concat());
    let world = bare("[release]\ntag = \"rel/{version}\"\n");
    world.git_in(&world.remote, &["tag", "rel", "main"]).expect(0);
    let there = with_tags(&world, &[], "0.2", 1);
    assert!(there.contains("there is a tag `rel` at `origin`"), "{there}");
}

#[test]
fn a_branch_that_goes_with_one_of_the_same_repository_needs_a_remote() {
    let world = World::new(PROJECT);
    world.git(&["config", "branch.main.remote", "."]);
    let told = world.release(&["0.2", "--dry-run"]);
    assert!(told.expect(1).err.contains("hint: name `origin` as `release.remote`"), "{}", told.all());
    world.git(&["remote", "remove", "origin"]);
    world.git(&["config", "branch.main.remote", "."]);
    let told = world.release(&["0.2", "--dry-run"]);
    assert!(told.expect(1).err.contains("hint: `git remote add origin URL`, and name it"), "{}", told.all());
}

#[test]
fn a_log_that_is_none_or_elsewhere_is_told() {
    let world = World::new(PROJECT);
    world.write("CHANGELOG.md", "# What is new\n\nIn January:\n\n- all of it\n");
    world.commit("log: prose");
    let planned = world.release(&["0.2", "--dry-run"]);
    let note = "note: no section of a version was found in `CHANGELOG.md`, so the new one is put at its end";
    assert!(planned.expect(0).out.contains(note), "{}", planned.all());

    fs::create_dir(world.path("log")).unwrap();
    fs::rename(world.path("CHANGELOG.md"), world.path("log/new.md")).unwrap();
    std::os::unix::fs::symlink("log/new.md", world.path("CHANGELOG.md")).unwrap();
    world.commit("log: elsewhere");
    let refused = world.release(&["0.2", "--dry-run"]);
    let told = "error: cannot read `CHANGELOG.md`\n  it is a symbolic link\nhint: put the file itself there";
    assert!(refused.expect(1).err.contains(told), "{}", refused.all());
}

/// What Python says in more than one place, and what no release changes.
#[test]
fn a_python_project_changes_its_lock_and_is_told_of_its_module() {
    let world = World::with(
        |_| "name = \"hello\"\n".to_owned(),
        |world| {
            fs::remove_file(world.path("VERSION")).unwrap();
            world.write("pyproject.toml", "[project]\nname = \"hello\"\nversion = \"0.1\"\n");
            world.write(
                "uv.lock",
                "version = 1\n\n[[package]]\nname = \"hello\"\nversion = \"0.1\"\nsource = { virtual = \".\" }\n",
            );
            world.write("hello/__init__.py", "__version__ = \"0.1\"\n");
        },
    );
    let ran = world.release(&["0.2", "--yes"]);
    let note = "note: `hello/__init__.py` says a version, which stays as it is";
    assert!(ran.expect(0).err.contains(note), "{}", ran.all());
    assert!(world.read("uv.lock").contains("version = \"0.2\"\nsource"), "{}", world.read("uv.lock"));
}
