//! git, by its own program: the one place that runs it.

use pintail_os::program::{Piped, Program};
use std::io;
use std::path::Path;

/// Bytes of git's answers that are read.
const ANSWER_MAX: usize = 1 << 20;

/// Bytes of a list of files that are read: a million names.
const FILES_MAX: usize = 64 << 20;

fn git(folder: &Path) -> Program {
    Program::new("git").args(["-C"]).args([folder])
}

fn line(program: &Program) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&program.output(ANSWER_MAX)?).trim().to_owned())
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

/// Every tracked file below `folder`, relative to it. What is no text is left out.
///
/// # Errors
/// `folder` is in no repository.
pub fn files(folder: &Path) -> io::Result<Vec<String>> {
    let answer = git(folder).args(["ls-files", "-z", "--cached"]).output(FILES_MAX)?;
    let paths = answer.split(|byte| *byte == 0).filter(|path| !path.is_empty());
    Ok(paths.filter_map(|path| Some(std::str::from_utf8(path).ok()?.to_owned())).collect())
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
