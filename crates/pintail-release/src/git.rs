//! git, by its own program: the one place that runs it. Below are what a repository is (`repository`), what is changed
//! in one (`record`), and the other one (`remote`).

pub mod repository;

pub mod record;

pub mod remote;

mod clean;

pub use clean::{Archive, archive};

use pintail_os::program::{Ended, Piped, Program, Stream};
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

/// Bytes of git's answers that are read.
const ANSWER_MAX: usize = 1 << 20;
/// Bytes of a tree's list that are read: a million entries of 256 bytes.
const TREE_MAX: u64 = 256 << 20;
/// How git lists a submodule.
const SUBMODULE_MODE: &[u8] = b"160000 ";
/// Bytes of one file that is read out of a commit: those that say something of a release are far smaller.
const FILE_MAX: usize = 4 << 20;

/// Bytes of a list of files that are read: a million names.
const FILES_MAX: usize = 64 << 20;

/// How long git may take for what it has on this disk.
const WITHIN: Duration = Duration::from_secs(10 * 60);

/// git, to be asked something: in its own language, by nobody's pager, asking nobody.
fn git(folder: &Path) -> Program {
    speaking(folder).set("LC_ALL", "C").set("GIT_NO_REPLACE_OBJECTS", "1").within(WITHIN)
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
        // It breaks off where another program's reason follows: `error: gpg failed to sign the data:`.
        _ if errors.iter().any(|line| line.ends_with(':')) => said.trim().to_owned(),
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

/// The submodules of `commit` below `folder`, by path.
///
/// # Errors
/// git's.
pub fn submodules(folder: &Path, commit: &str) -> io::Result<Vec<String>> {
    let mut listed = Vec::new();
    let mut piped = git(folder).args(["ls-tree", "-r", "-z", "--end-of-options", commit]).pipe()?;
    piped.output.by_ref().take(TREE_MAX).read_to_end(&mut listed)?;
    piped.finish()?;
    let entries = listed.split(|byte| *byte == 0).filter(|entry| entry.starts_with(SUBMODULE_MODE));
    let path = |entry: &[u8]| entry.splitn(2, |byte| *byte == b'\t').nth(1).map(<[u8]>::to_vec);
    Ok(entries.filter_map(path).map(|path| String::from_utf8_lossy(&path).into_owned()).collect())
}

/// Whether files of `commit` may be kept by Git LFS: an attribute says so.
///
/// # Errors
/// git can't be run.
pub fn uses_lfs(folder: &Path, commit: &str) -> io::Result<bool> {
    let attributes = [":(top,glob)**/.gitattributes"];
    let grep = git(folder).args(["grep", "--quiet", "-F", "filter=lfs", commit, "--"]).args(attributes);
    Ok(grep.run(&mut |_, _| {}, &|| true)?.is_success())
}

/// The content of the file `name` below `folder` in `commit`; `None` where it has none.
///
/// # Errors
/// git's; it is longer than `bound` bytes.
pub fn file_if_any(folder: &Path, commit: &str, name: &str, bound: u64) -> io::Result<Option<Vec<u8>>> {
    let listed = line(&git(folder).args(["ls-tree", "--name-only", "--end-of-options", commit, "--", name]))?;
    if listed.is_empty() {
        return Ok(None);
    }
    let mut content = Vec::new();
    let mut piped = git(folder).args(["cat-file", "blob", &format!("{commit}:./{name}")]).pipe()?;
    let length = piped.output.by_ref().take(bound + 1).read_to_end(&mut content)?;
    if length as u64 > bound {
        return Err(io::Error::other(format!("`{name}` of the commit has more than {bound} bytes")));
    }
    piped.finish()?;
    Ok(Some(content))
}

/// The tags of `commit`.
///
/// # Errors
/// git's.
pub fn tags_at(folder: &Path, commit: &str) -> io::Result<Vec<String>> {
    let told = line(&git(folder).args(["tag", "--points-at", commit]))?;
    Ok(told.lines().map(str::to_owned).collect())
}

/// The nearest tag before `commit` that fits `glob`, and how many commits there are since; `None` without one.
///
/// # Errors
/// git can't be run.
pub fn described(folder: &Path, commit: &str, glob: &str) -> io::Result<Option<(String, u64)>> {
    let ask = ["describe", "--tags", "--long", "--abbrev=40", "--match", glob, commit];
    let Ok(told) = line(&git(folder).args(ask)) else { return Ok(None) };
    let mut parts = told.rsplitn(3, '-').skip(1);
    Ok(parts
        .next()
        .and_then(|count| count.parse().ok())
        .zip(parts.next())
        .map(|(n, tag)| (tag.to_owned(), n)))
}

/// How many commits the history of `commit` has.
///
/// # Errors
/// git's.
pub fn count(folder: &Path, commit: &str) -> io::Result<u64> {
    let told = line(&git(folder).args(["rev-list", "--count", "--end-of-options", commit]))?;
    told.parse().map_err(|_| io::Error::other(format!("git counts `{told}` commits")))
}

/// How many commits `to` has in its history beyond that of `from`.
///
/// # Errors
/// One of them is no commit here.
pub fn count_between(folder: &Path, from: &str, to: &str) -> io::Result<u64> {
    let range = format!("{from}..{to}");
    let told = line(&git(folder).args(["rev-list", "--count", "--end-of-options", &range, "--"]))?;
    told.parse().map_err(|_| io::Error::other(format!("git counts `{told}` commits")))
}

/// What differs in the work tree below `folder` from its commit, and what is new there, as `git status` tells it.
///
/// # Errors
/// git's.
pub fn status(folder: &Path) -> io::Result<Vec<String>> {
    let told =
        git(folder).args(["status", "--porcelain", "--untracked-files=all", "--", "."]).output(ANSWER_MAX)?;
    Ok(String::from_utf8_lossy(&told).lines().map(str::to_owned).collect())
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
    // Whoever reads them may be at a terminal.
    let plain = |line: &str| line.chars().filter(|c| !c.is_control()).collect();
    Ok(line(&program)?.lines().map(plain).collect())
}

/// The whole history of `commit`, without that of `known`: hash, parents, time in seconds since 1970 and message of each, each
/// with a NUL behind it, in no order that could be relied upon. Neither settings nor replaced objects of this clone change it.
///
/// # Errors
/// git can't be started; what it says later comes with [`Piped::finish`].
pub fn log(folder: &Path, commit: &str, known: Option<&str>) -> io::Result<Piped> {
    let without: Vec<String> = known.iter().map(|known| format!("^{known}")).collect();
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
    ]);
    program.args(without).args(["--"]).pipe()
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
    pub id: String,
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
