//! What is changed in a repository: a commit, a tag, and both taken back. Knows nothing of releases.

use super::{ANSWER_MAX, answer, git, speaking, tail};
use pintail_os::lock::Shared;
use pintail_os::program::{Ended, Program, Stream};
use std::io;
use std::path::Path;
use std::time::Duration;

/// How long a commit may take with its hooks: some run tests.
const HOOKS_WITHIN: Duration = Duration::from_secs(30 * 60);
/// How long making a signature may take: somebody may have to find a key's password, or touch it.
const SIGNING_WITHIN: Duration = Duration::from_secs(2 * 60);

/// Says to git that these files, relative to the top of the work tree, are to be committed as they are.
///
/// # Errors
/// git's.
pub fn add(folder: &Path, files: &[String]) -> io::Result<()> {
    let program =
        git(folder).args(["add", "--"]).args(files.iter().map(|file| format!(":(top,literal){file}")));
    answer(&program, ANSWER_MAX).map(drop)
}

/// Commits what was added, with the operator's hooks, which hold `held` as long as they run. `heard` gets what they say.
///
/// # Errors
/// A hook refused, or git.
pub fn commit(
    folder: &Path,
    message: &str,
    held: &Shared,
    heard: &mut dyn FnMut(Stream, &[u8]),
    wanted: &dyn Fn() -> bool,
) -> io::Result<()> {
    let program = speaking(folder)
        .holding(held)
        // What it would start in the background would hold it too.
        .args(["-c", "gc.auto=0", "-c", "maintenance.auto=false"])
        .args(["commit", "--quiet", "--cleanup=verbatim", "-m", message])
        .within(HOOKS_WITHIN);
    told(&program, "git commit", heard, wanted)
}

/// Takes the branch that is checked out back to `commit`; files that somebody changed since are never lost: git refuses.
///
/// # Errors
/// Such a file, or git's.
pub fn go_back(folder: &Path, commit: &str) -> io::Result<()> {
    answer(&git(folder).args(["reset", "--quiet", "--keep", commit]), ANSWER_MAX).map(drop)
}

/// Makes the annotated tag `name` on `commit`.
///
/// # Errors
/// There is one, no signature could be made, or git's.
pub fn tag(folder: &Path, name: &str, commit: &str, message: &str, signed: bool) -> io::Result<()> {
    let kind = if signed { "--sign" } else { "--no-sign" };
    let program = git(folder)
        .args(["tag", "--annotate", kind, "--cleanup=verbatim", "-m", message, "--", name, commit])
        .within(SIGNING_WITHIN);
    answer(&program, ANSWER_MAX).map(drop)
}

/// Removes the tag `name` if it still is `object`.
///
/// # Errors
/// It is another one, or git's.
pub fn remove_tag(folder: &Path, name: &str, object: &str) -> io::Result<()> {
    answer(&git(folder).args(["update-ref", "-d", &format!("refs/tags/{name}"), object]), ANSWER_MAX)
        .map(drop)
}

/// Makes a signature that nothing refers to, to see that it can be done.
///
/// # Errors
/// It can't, and why.
pub fn try_signing(folder: &Path, commit: &str) -> io::Result<()> {
    let tree = format!("{commit}^{{tree}}");
    let program = git(folder)
        .args(["commit-tree", "-S", "-m", "to see whether a signature can be made", &tree])
        .within(SIGNING_WITHIN);
    answer(&program, ANSWER_MAX).map(drop)
}

/// Runs it; an error holds how it ended and the end of what it said.
fn told(
    program: &Program,
    name: &str,
    heard: &mut dyn FnMut(Stream, &[u8]),
    wanted: &dyn Fn() -> bool,
) -> io::Result<()> {
    let mut said = Vec::new();
    let ended = program.run(
        &mut |stream, bytes| {
            said.extend_from_slice(&bytes[..bytes.len().min(ANSWER_MAX.saturating_sub(said.len()))]);
            heard(stream, bytes);
        },
        wanted,
    )?;
    match ended {
        Ended::Code(0) => Ok(()),
        ended => Err(io::Error::other(format!("`{name}` {ended}\n{}", tail(&said)))),
    }
}
