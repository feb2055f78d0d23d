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
