//! git, by its own program: the one place that runs it. Below are what a repository is (`repository`), what is changed
//! in one (`record`), and the other one (`remote`).

pub mod repository;

pub mod record;

pub mod remote;

use pintail_os::program::{Ended, Piped, Program, Stream};
use std::io;
use std::path::Path;
use std::time::Duration;

/// Bytes of git's answers that are read.
const ANSWER_MAX: usize = 1 << 20;

/// How long git may take for what it has on this disk.
const WITHIN: Duration = Duration::from_secs(10 * 60);

/// git, to be asked something: in its own language, by nobody's pager, asking nobody.
fn git(folder: &Path) -> Program {
    speaking(folder).set("LC_ALL", "C").within(WITHIN)
}

/// git, to run hooks: these are the operator's, and speak their language.
fn speaking(folder: &Path) -> Program {
    Program::new("git")
        .args(["--no-pager", "-C"])
        .args([folder])
        .set("GIT_TERMINAL_PROMPT", "0")
        .set("GIT_OPTIONAL_LOCKS", "0")
        .set("GIT_EDITOR", "false")
}

/// At most `bound` bytes of what it answers; a failure is told in git's words.
fn answer(program: &Program, bound: usize) -> io::Result<Vec<u8>> {
    match asked(program, bound)? {
        (Ended::Code(0), out, _) => Ok(out),
        (Ended::Code(_), _, err) => Err(io::Error::other(reason(&err))),
        (ended, ..) => Err(io::Error::other(format!("git {ended}"))),
    }
}

/// The same of one line, where git says by its exit code 1 that there is none.
fn perhaps(program: &Program) -> io::Result<Option<String>> {
    match asked(program, ANSWER_MAX)? {
        (Ended::Code(0), out, _) => Ok(Some(String::from_utf8_lossy(&out).trim().to_owned())),
        (Ended::Code(1), ..) => Ok(None),
        (Ended::Code(_), _, err) => Err(io::Error::other(reason(&err))),
        (ended, ..) => Err(io::Error::other(format!("git {ended}"))),
    }
}

/// How it ended, and at most `bound` bytes each of what it said to both sides.
fn asked(program: &Program, bound: usize) -> io::Result<(Ended, Vec<u8>, String)> {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let ended = program.run(
        &mut |stream, bytes| {
            let kept = if stream == Stream::Out { &mut out } else { &mut err };
            let room = bound.saturating_sub(kept.len());
            kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        },
        &|| true,
    )?;
    Ok((ended, out, String::from_utf8_lossy(&err).into_owned()))
}

/// Of what git says about a failure, what is the reason: its errors, else all of it. Its advice is for who typed it.
fn reason(said: &str) -> String {
    let is_error = |line: &&str| line.starts_with("fatal: ") || line.starts_with("error: ");
    let errors: Vec<&str> = said.lines().filter(is_error).collect();
    match errors[..] {
        [] if said.trim().is_empty() => "git says no, and not why".to_owned(),
        [] => said.trim().to_owned(),
        _ => errors.join("\n"),
    }
}

/// The last lines of what was said.
fn tail(said: &[u8]) -> String {
    /// Lines that are told: what went wrong stands at the end.
    const LINES: usize = 10;
    let text = String::from_utf8_lossy(said);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

fn line(program: &Program) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&answer(program, ANSWER_MAX)?).trim().to_owned())
}

/// The full hash of the commit that `name` names.
///
/// # Errors
/// `folder` is in no repository, or it has no such commit.
pub fn commit(folder: &Path, name: &str) -> io::Result<String> {
    line(&git(folder).args([
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        &format!("{name}^{{commit}}"),
    ]))
}

/// Whether tracked files differ from the commit that is checked out.
///
/// # Errors
/// git's.
pub fn is_dirty(folder: &Path) -> io::Result<bool> {
    Ok(!line(&git(folder).args(["status", "--porcelain", "--untracked-files=no"]))?.is_empty())
}

/// The tree of `commit` below `folder`, as a tar stream.
///
/// # Errors
/// git can't be started; what it says later comes with [`Piped::finish`].
pub fn archive(folder: &Path, commit: &str) -> io::Result<Piped> {
    // Asked inside the folder, git archives what is below it: the project may be a folder of its repository.
    git(folder).args(["archive", "--format=tar", commit]).pipe()
}

/// A commit's summary lines between `from` (not included) and `to`, newest first, at most `count`.
///
/// # Errors
/// One of them is no commit here.
pub fn summaries(folder: &Path, from: &str, to: &str, count: usize) -> io::Result<Vec<String>> {
    let range = format!("{from}..{to}");
    let program = git(folder).args([
        "log",
        "--format=%h %s",
        &format!("--max-count={count}"),
        "--end-of-options",
        &range,
        "--",
    ]);
    Ok(line(&program)?.lines().map(str::to_owned).collect())
}
