//! That an artifact is proven with nothing but what its project declares: what a test gets, what it doesn't, how it is
//! ended, and the proof of it. With the real Perl, Python, Node and Ruby of this machine.

#![allow(clippy::disallowed_methods, reason = "tests start programs and write files by hand")]

#[path = "../common/mod.rs"]
mod common;

mod declared;
mod languages;
mod perl;
mod surroundings;

use common::apps::{self, git, write};
use common::{Ran, Stage};
use std::path::Path;

/// A project with `build`, what stands in its `[build]`, and these files, committed.
fn project(build: &str, files: &[(&str, &str)]) -> Stage {
    let stage = Stage::with(|root| apps::config(root, "", &format!("[build]\n{build}\n")));
    git(&stage.project, &["init", "--quiet"]);
    for (path, content) in files {
        write(&stage.project.join(path), content);
    }
    commit(&stage);
    stage
}

fn commit(stage: &Stage) {
    write(&stage.project.join(".gitignore"), ".pintail/\n");
    git(&stage.project, &["add", "--all"]);
    git(&stage.project, &["commit", "--quiet", "--allow-empty", "-m", "work"]);
}

/// Builds what is committed with these in the operator's environment.
fn build_with(stage: &Stage, version: &str, environment: &[(&str, &str)]) -> Ran {
    let mut command = stage.command(&["build", "--version", version]);
    command.envs(environment.iter().copied());
    common::ran(command)
}

fn build(stage: &Stage, version: &str) -> Ran {
    build_with(stage, version, &[])
}

/// Changes a file of the project and commits it.
fn change(stage: &Stage, path: &str, content: &str) {
    write(&stage.project.join(path), content);
    commit(stage);
}

fn is_in_depot(stage: &Stage, version: &str) -> bool {
    stage.project.join(format!(".pintail/depot/artifacts/hello-{version}.tar.zst")).exists()
}

/// The build failed for its test, and nothing is in the depot.
#[track_caller]
fn refused<'a>(stage: &Stage, version: &str, ran: &'a Ran) -> &'a str {
    ran.expect(1);
    assert!(!is_in_depot(stage, version), "{}", ran.all());
    common::error(ran)
}

#[track_caller]
fn sealed(stage: &Stage, version: &str) -> Vec<String> {
    let shown = stage.run(&["depot", "show", version, "--json"]).expect(0).json();
    let told = shown["proof"]["sealed"].as_array().expect("a proof").iter();
    told.map(|one| one.as_str().unwrap().to_owned()).collect()
}

fn copy(from: &str, to: &Path) {
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::fs::copy(from, to).unwrap();
}
