//! What a repository is: its branch, its state, its tags, its commits. Changes nothing.

use super::{ANSWER_MAX, answer, git, line, perhaps};
use pintail_os::program::Program;
use std::io;
use std::path::{Path, PathBuf};

/// Bytes of a list of references that are read: a hundred thousand tags.
pub(super) const REFERENCES_MAX: usize = 64 << 20;

/// A tag, and the commit that it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    /// The tag's name, without `refs/tags/`.
    pub name: String,
    /// The object that the tag is: the tag object of an annotated one, else the commit.
    pub object: String,
    /// The commit.
    pub commit: String,
}

/// The path that git keeps `name` at, within its own folder.
///
/// # Errors
/// `folder` is in no repository.
pub fn own_path(folder: &Path, name: &str) -> io::Result<PathBuf> {
    let path = line(&git(folder).args(["rev-parse", "--path-format=absolute", "--git-path", name]))?;
    Ok(PathBuf::from(path))
}

/// The branch that is checked out; `None` where none is (a detached HEAD).
///
/// # Errors
/// git's.
pub fn branch(folder: &Path) -> io::Result<Option<String>> {
    perhaps(&git(folder).args(["symbolic-ref", "--quiet", "--short", "HEAD"]))
}

/// What a setting of git's says, as git reads it; `None` where it says nothing.
pub fn setting(folder: &Path, name: &str) -> Option<String> {
    optional(line(&git(folder).args(["config", "--get", name])))
}

/// A setting that is yes or no.
pub fn is_set(folder: &Path, name: &str) -> Option<bool> {
    let said = optional(line(&git(folder).args(["config", "--type=bool", "--get", name])))?;
    Some(said == "true")
}

/// What git exits without is nothing, not a failure, for commands that say so.
fn optional(answer: io::Result<String>) -> Option<String> {
    answer.ok().filter(|text| !text.is_empty())
}

/// The names of the remotes.
///
/// # Errors
/// git's.
pub fn remotes(folder: &Path) -> io::Result<Vec<String>> {
    Ok(line(&git(folder).args(["remote"]))?.lines().map(str::to_owned).collect())
}

/// Whether its history was cut off when it was cloned.
///
/// # Errors
/// git's.
pub fn is_shallow(folder: &Path) -> io::Result<bool> {
    Ok(line(&git(folder).args(["rev-parse", "--is-shallow-repository"]))? == "true")
}

/// What is half done in the work tree, such as `a merge`.
///
/// # Errors
/// git's.
pub fn under_way(folder: &Path) -> io::Result<Option<&'static str>> {
    for (name, what) in [
        ("MERGE_HEAD", "a merge"),
        ("rebase-merge", "a rebase"),
        ("rebase-apply", "a rebase"),
        ("CHERRY_PICK_HEAD", "a cherry-pick"),
        ("REVERT_HEAD", "a revert"),
        ("BISECT_LOG", "a bisect"),
    ] {
        if own_path(folder, name)?.exists() {
            return Ok(Some(what));
        }
    }
    Ok(None)
}

/// What differs from the commit that is checked out, untracked files included, ignored ones not: as git's short status
/// says it. `but`, a folder below `folder`, is left out.
///
/// # Errors
/// git's.
pub fn changes(folder: &Path, but: Option<&Path>) -> io::Result<Vec<String>> {
    let mut program =
        git(folder).args(["status", "--porcelain", "-z", "--untracked-files=all", "--", ":(top)"]);
    if let Some(but) = but {
        program = program.args([format!(":(exclude){}", but.display())]);
    }
    let answer = answer(&program, REFERENCES_MAX)?;
    let mut changes = Vec::new();
    let mut entries = answer.split(|byte| *byte == 0).filter(|entry| !entry.is_empty());
    while let Some(entry) = entries.next() {
        // What a file was renamed from comes as an entry of its own.
        if entry.starts_with(b"R") || entry.starts_with(b"C") {
            entries.next();
        }
        changes.push(String::from_utf8_lossy(entry).into_owned());
    }
    Ok(changes)
}

/// The files that git knows below `folder`, relative to it.
///
/// # Errors
/// git's.
pub fn tracked(folder: &Path) -> io::Result<Vec<String>> {
    let answer = answer(&git(folder).args(["ls-files", "-z"]), REFERENCES_MAX)?;
    let names = answer.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}

/// The files that a commit changed against its first parent, relative to the top of the work tree.
///
/// # Errors
/// git's.
pub fn changed_by(folder: &Path, commit: &str) -> io::Result<Vec<String>> {
    let range = format!("{commit}^");
    names(&git(folder).args(["diff-tree", "-r", "-z", "--name-only", "--no-renames", &range, commit]))
}

/// The files that are added to be committed, relative to the top of the work tree.
///
/// # Errors
/// git's.
pub fn added(folder: &Path) -> io::Result<Vec<String>> {
    names(&git(folder).args(["diff-index", "--cached", "-z", "--name-only", "--no-renames", "HEAD"]))
}

/// Whether the file at `path`, relative to `folder`, is as `HEAD` has it, in the index and in the work tree.
///
/// # Errors
/// git's.
pub fn is_unchanged(folder: &Path, path: &str) -> io::Result<bool> {
    let program = git(folder).args(["status", "--porcelain", "-z", "--untracked-files=no", "--"]);
    Ok(answer(&program.args([format!(":(literal){path}")]), REFERENCES_MAX)?.is_empty())
}

fn names(program: &Program) -> io::Result<Vec<String>> {
    let answer = answer(program, REFERENCES_MAX)?;
    let names = answer.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}

/// Where `folder` is below the top of its work tree: empty, or with a `/` at its end.
///
/// # Errors
/// `folder` is in no work tree.
pub fn prefix(folder: &Path) -> io::Result<String> {
    line(&git(folder).args(["rev-parse", "--show-prefix"]))
}

/// The tags.
///
/// # Errors
/// git's.
pub fn tags(folder: &Path) -> io::Result<Vec<Tagged>> {
    let form = "--format=%(refname:strip=2) %(objectname) %(*objectname)";
    let answer = answer(&git(folder).args(["for-each-ref", form, "refs/tags"]), REFERENCES_MAX)?;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let tagged = |line: &str| {
        let mut words = line.split(' ');
        let (name, object) = (words.next()?.to_owned(), words.next()?.to_owned());
        let commit = words.next().filter(|peeled| !peeled.is_empty()).unwrap_or(&object).to_owned();
        Some(Tagged { name, object, commit })
    };
    Ok(text.lines().filter_map(tagged).collect())
}

/// The object that a reference is; `None` where it isn't there.
///
/// # Errors
/// git's.
pub fn reference(folder: &Path, name: &str) -> io::Result<Option<String>> {
    perhaps(&git(folder).args(["rev-parse", "--verify", "--quiet", "--end-of-options", name]))
}

/// Whether the object is in this repository.
pub fn has(folder: &Path, object: &str) -> bool {
    answer(&git(folder).args(["cat-file", "-e", object]), ANSWER_MAX).is_ok()
}

/// Whether `old` is `new` or one of its ancestors; both are here.
pub fn is_ancestor(folder: &Path, old: &str, new: &str) -> bool {
    answer(&git(folder).args(["--no-replace-objects", "merge-base", "--is-ancestor", old, new]), ANSWER_MAX)
        .is_ok()
}

/// The first parent of `commit`; `None` of a root.
///
/// # Errors
/// git's.
pub fn parent(folder: &Path, commit: &str) -> io::Result<Option<String>> {
    reference(folder, &format!("{commit}^1"))
}

/// The commits after `from` up to `to` along the first parents, oldest first.
///
/// # Errors
/// git's.
pub fn line_of_commits(folder: &Path, from: &str, to: &str) -> io::Result<Vec<String>> {
    let range = format!("{from}..{to}");
    let program = git(folder).args(["rev-list", "--first-parent", "--reverse", &range]);
    let answer = answer(&program, REFERENCES_MAX)?;
    Ok(String::from_utf8_lossy(&answer).lines().map(str::to_owned).collect())
}

/// The message of a commit, or of an annotated tag: what stands behind the first empty line of the object.
///
/// # Errors
/// git's.
pub fn message(folder: &Path, object: &str) -> io::Result<String> {
    let answer = answer(&git(folder).args(["cat-file", "-p", object]), ANSWER_MAX)?;
    let text = readable(&answer);
    Ok(text.split_once("\n\n").map_or(String::new(), |(_, message)| message.to_owned()))
}

/// The subjects of the commits between `from` (not included; all when there is none) and `to` that touch something below
/// `folder`, merges left out, newest first, at most `count`.
///
/// # Errors
/// git's.
pub fn subjects(folder: &Path, from: Option<&str>, to: &str, count: usize) -> io::Result<Vec<String>> {
    let range = from.map_or(to.to_owned(), |from| format!("{from}..{to}"));
    let program = git(folder).args(["log", "--no-merges", "--encoding=UTF-8", "--format=%s"]).args([
        &format!("--max-count={count}"),
        "--end-of-options",
        &range,
        "--",
        ".",
    ]);
    let answer = answer(&program, ANSWER_MAX)?;
    let lines = answer.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    Ok(lines.map(readable).collect())
}

/// A text of git's whose encoding nobody said: UTF-8, or else each byte the letter that it is in latin-1.
fn readable(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// How many commits `old` has that `new` lacks; both are here.
///
/// # Errors
/// git's.
pub fn lacking(folder: &Path, old: &str, new: &str) -> io::Result<u64> {
    let range = format!("{new}..{old}");
    let count = line(&git(folder).args(["rev-list", "--count", &range]))?;
    Ok(count.parse().unwrap_or(0))
}

/// That git has no name and address to write into a commit or a tag, if so.
///
/// # Errors
/// That is the error.
pub fn identity(folder: &Path) -> io::Result<()> {
    // What git would make up from the machine's name is nobody's.
    for who in ["GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"] {
        answer(&git(folder).args(["-c", "user.useConfigOnly=true", "var", who]), ANSWER_MAX)?;
    }
    Ok(())
}
