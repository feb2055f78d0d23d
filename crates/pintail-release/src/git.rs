//! git, by its own program: the one place that runs it.

use pintail_os::program::{Piped, Program};
use std::io;
use std::path::Path;

/// Bytes of git's answers that are read.
const ANSWER_MAX: usize = 1 << 20;
/// Bytes of one file that is read out of a commit: those that say something of a release are far smaller.
const FILE_MAX: usize = 4 << 20;

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

/// The whole history of `commit`: hash, parents, time in seconds since 1970 and message of each, each with a NUL behind
/// it, in no order that could be relied upon. Neither settings nor replaced objects of this clone change it.
///
/// # Errors
/// git can't be started; what it says later comes with [`Piped::finish`].
pub fn log(folder: &Path, commit: &str) -> io::Result<Piped> {
    let program = git(folder).args([
        "--no-replace-objects",
        "-c",
        "log.showSignature=false",
        "log",
        "-z",
        "--no-color",
        "--no-notes",
        "--no-show-signature",
        "--encoding=UTF-8",
        "--format=%H%x00%P%x00%ct%x00%B",
        "--end-of-options",
        commit,
        "--",
    ]);
    program.pipe()
}

/// Whether this clone has only the end of its history.
///
/// # Errors
/// git's.
pub fn is_shallow(folder: &Path) -> io::Result<bool> {
    Ok(line(&git(folder).args(["rev-parse", "--is-shallow-repository"]))? == "true")
}

/// A file in a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its path below the folder that was asked for.
    pub path: String,
    /// The name that git gave its content.
    id: String,
}

/// The files that `folder` itself has in `commit`, without those in its folders.
///
/// # Errors
/// git's.
pub fn top(folder: &Path, commit: &str) -> io::Result<Vec<Blob>> {
    Ok(blobs(&git(folder).args(["ls-tree", "-z", commit]).output(ANSWER_MAX)?))
}

/// The files below `folder` that are in `commit` at one of `paths`, which are files or folders.
///
/// # Errors
/// git's.
pub fn listed(folder: &Path, commit: &str, paths: &[&str]) -> io::Result<Vec<Blob>> {
    let program = git(folder).args(["--literal-pathspecs", "ls-tree", "-r", "-z", commit, "--"]).args(paths);
    Ok(blobs(&program.output(ANSWER_MAX)?))
}

/// `mode type id<TAB>path`, each with a NUL behind it. Links, submodules and paths that are no UTF-8 are left out: none
/// can be meant.
fn blobs(answer: &[u8]) -> Vec<Blob> {
    let blob = |line: &[u8]| {
        let (kind, path) = std::str::from_utf8(line).ok()?.split_once('\t')?;
        let mut words = kind.split(' ');
        let is_file = words.next()?.starts_with("100") && words.next()? == "blob";
        is_file.then_some(Blob { path: path.to_owned(), id: words.next()?.to_owned() })
    };
    answer.split(|byte| *byte == 0).filter_map(blob).collect()
}

/// The bytes of a file in a commit.
///
/// # Errors
/// git's, or it is too long.
pub fn content(folder: &Path, blob: &Blob) -> io::Result<Vec<u8>> {
    let bytes = git(folder).args(["cat-file", "blob", &blob.id]).output(FILE_MAX + 1)?;
    if bytes.len() > FILE_MAX {
        return Err(io::Error::other(format!("`{}` has more than {FILE_MAX} bytes", blob.path)));
    }
    Ok(bytes)
}

/// When `commit` was committed, in seconds since 1970.
///
/// # Errors
/// git's.
pub fn committed_s(folder: &Path, commit: &str) -> io::Result<i64> {
    let program =
        git(folder).args(["-c", "log.showSignature=false", "--no-replace-objects", "show", "--no-patch"]);
    let said = line(&program.args(["--format=%ct", "--end-of-options", commit, "--"]))?;
    said.parse().map_err(|_| io::Error::other(format!("git says the time `{said}`")))
}
