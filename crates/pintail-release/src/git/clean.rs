//! A repository that has the project's objects and nothing else of it: no attributes that only its owner knows, no
//! replaced objects, no refs, no settings. What git makes of a commit there is the same on every machine. Knows how git
//! is told so; does not know what it is for.

use super::{git, line, repository};
use pintail_os::program::{Piped, Program};
use std::io;
use std::path::Path;
use std::process::ChildStdout;

/// Digits of a commit's name where git hashes by SHA-256.
const SHA256_DIGITS: usize = 64;

/// A tar stream, and the repository that it comes from as long as it is read.
#[derive(Debug)]
pub struct Archive {
    piped: Piped,
    _clean: Option<tempfile::TempDir>,
}

impl Archive {
    /// The stream.
    pub fn output(&mut self) -> &mut ChildStdout {
        &mut self.piped.output
    }

    /// Waits for git's end.
    ///
    /// # Errors
    /// What git said.
    pub fn finish(self) -> io::Result<()> {
        self.piped.finish()
    }
}

/// Settings of the operator's that decide about bytes.
const SAME: [&str; 4] =
    ["core.autocrlf=false", "core.eol=lf", "core.attributesFile=/dev/null", "tar.umask=0022"];

/// The tree of `commit` below `folder`, as a tar stream: the same on every machine, whatever its owner told git of line ends,
/// modes, attributes and replaced objects. `top` goes before each path.
///
/// Where files may be kept by Git LFS (`filtered`), or not all objects are here (a partial clone), the repository itself is
/// needed: then its `info/attributes` count.
///
/// # Errors
/// git can't be started; what it says later comes with [`Archive::finish`].
pub fn archive(folder: &Path, commit: &str, top: &str, filtered: bool) -> io::Result<Archive> {
    let own = filtered || repository::setting(folder, "extensions.partialClone").is_some();
    let (program, clean) = match own {
        true => (git(folder), None),
        false => {
            let (program, clean) = clean(folder, commit)?;
            (program, Some(clean))
        }
    };
    let same = SAME.iter().flat_map(|setting| ["-c", setting]);
    let top = format!("--prefix={top}");
    // Asked inside the folder, git archives what is below it: the project may be a folder of its repository.
    let piped = program.args(same).args(["archive", "--format=tar", &top, commit]).pipe()?;
    Ok(Archive { piped, _clean: clean })
}

fn clean(folder: &Path, commit: &str) -> io::Result<(Program, tempfile::TempDir)> {
    let told =
        git(folder).args(["rev-parse", "--path-format=absolute", "--show-toplevel", "--git-path", "objects"]);
    let told = line(&told)?;
    let (tree, objects) =
        told.split_once('\n').ok_or_else(|| io::Error::other(format!("git tells `{told}` as its places")))?;
    let room = tempfile::Builder::new().prefix("pintail-objects-").tempdir()?;
    let format = if commit.len() == SHA256_DIGITS { "sha256" } else { "sha1" };
    let init = ["init", "--quiet", "--bare", "--template=", &format!("--object-format={format}")];
    let made = Program::new("git").args(init).args([room.path()]).set("GIT_CONFIG_NOSYSTEM", "1");
    line(&made)?;
    let program = git(folder)
        .set("GIT_DIR", room.path())
        .set("GIT_WORK_TREE", tree)
        .set("GIT_OBJECT_DIRECTORY", objects)
        .set("GIT_ATTR_NOSYSTEM", "1");
    Ok((program, room))
}
