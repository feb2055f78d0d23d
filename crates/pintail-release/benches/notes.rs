//! What it costs to read a whole history for what it asks: 10,000 commits of which every hundredth asks something, made
//! here, beside the bare `git log` of the same; or the history of another repository's HEAD, named behind `--`.
//! `cargo bench -p pintail-release --bench notes -- FOLDER`; asserts no time.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark starts git and tells what it measured"
)]

use pintail_core::config;
use pintail_release::about::about;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const COMMITS: usize = 10_000;
const ROUNDS: usize = 5;
const CONFIG: &str = "name = \"blog\"\n[targets.prod]\nhosts = [\"local\"]\n[host]\nroot = \"root\"\n[processes.web]\nrun = \"app\"\n";

fn main() {
    let named = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).map(PathBuf::from);
    let room = tempfile::tempdir().expect("a room");
    let folder = named.unwrap_or_else(|| made(room.path()));
    let config = config::read(CONFIG, "pintail.toml").expect("a configuration");
    let version = "1.0".parse().expect("a version");
    let mut best = [f64::MAX; 2];
    let mut told = String::new();
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let about = about(&folder, "HEAD", &version, &config).expect("its history");
        best[0] = best[0].min(started.elapsed().as_secs_f64());
        told = format!("{} noted, {} bytes", about.notes.len(), about.to_json().len());
        let started = Instant::now();
        git(&folder, &["log", "-z", "--format=%H%x00%P%x00%ct%x00%B", "HEAD"], b"");
        best[1] = best[1].min(started.elapsed().as_secs_f64());
    }
    let commits = git(&folder, &["rev-list", "--count", "HEAD"], b"");
    println!("{} commits: {told}", String::from_utf8_lossy(&commits).trim());
    println!("  release.json  {:>8.3} s\n  git log alone {:>8.3} s", best[0], best[1]);
}

fn made(room: &Path) -> PathBuf {
    git(room, &["init", "--quiet", "--initial-branch=main"], b"");
    let mut stream = String::new();
    for number in 1..=COMMITS {
        let body = if number % 100 == 0 {
            "Deployment:\n- [schema] run the migration\n- look at the log\n\nDeploy-Requires: cmd jq\n"
        } else {
            "Why this was done, in some words that a reviewer would want to read, and a line\nor two more of them.\n"
        };
        let message = format!("Change number {number}\n\n{body}");
        let when = 1_700_000_000 + number;
        stream.push_str(&format!(
            "commit refs/heads/main\nmark :{number}\ncommitter A <a@b> {when} +0000\ndata {}\n{message}\n",
            message.len()
        ));
    }
    git(room, &["fast-import", "--quiet"], stream.as_bytes());
    room.to_path_buf()
}

fn git(folder: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut git = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git");
    git.stdin.take().expect("its input").write_all(input).expect("git listens");
    let ran = git.wait_with_output().expect("git ends");
    assert!(ran.status.success(), "git {arguments:?}");
    ran.stdout
}
