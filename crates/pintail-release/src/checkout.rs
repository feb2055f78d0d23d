//! A commit's tree in an empty folder, the same on every machine; and what a commit names but does not contain, told
//! plainly. Knows git's own kinds of files; does not know what is made of them.

use crate::exclude::Exclude;
use crate::git;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

/// How a file begins that Git LFS put in another one's place.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";
/// A pointer is shorter than this, by its specification.
const LFS_POINTER_MAX: u64 = 1024;
/// Files told by name; the rest is counted.
const TOLD_MAX: usize = 10;

/// Puts the tree of `commit` below the project's `folder` into the new folder `tree`: what is in the commit, never
/// what is in the work tree.
///
/// # Errors
/// git's, or the file system's; and where the commit only names what belongs to it: a submodule, or a file that is
/// kept by Git LFS and could not be had, unless it is excluded.
pub fn check_out(folder: &Path, commit: &str, tree: &Path, exclude: &Exclude) -> io::Result<()> {
    refuse_submodules(folder, commit, exclude)?;
    pintail_os::files::make_folder(tree, 0o755)?;
    let filtered = git::uses_lfs(folder, commit)?;
    let mut piped = git::archive(folder, commit, "", filtered)?;
    let unpacked = {
        let mut archive = tar::Archive::new(piped.output());
        archive.set_preserve_mtime(false);
        // As they are in the commit, whatever this process's umask is.
        archive.set_preserve_permissions(true);
        archive.unpack(tree)
    };
    // git pads its stream; unread, that would end it by a signal.
    let _ = io::copy(piped.output(), &mut io::sink());
    // What git says is the better reason when both fail.
    piped.finish()?;
    unpacked?;
    let pointers = match filtered {
        true => pointers(tree, exclude)?,
        false => Vec::new(),
    };
    match pointers.is_empty() {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "these are pointers of Git LFS, not the files: {}; install git-lfs and `git lfs fetch`, or leave them out \
             with `build.exclude`",
            names(&pointers)
        ))),
    }
}

/// Refuses submodules that are not left out: a commit names them and does not contain them.
///
/// # Errors
/// There are some, or git's.
pub fn refuse_submodules(folder: &Path, commit: &str, exclude: &Exclude) -> io::Result<()> {
    let submodules: Vec<String> =
        git::submodules(folder, commit)?.into_iter().filter(|path| !exclude.takes(path)).collect();
    match submodules.is_empty() {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "the commit names submodules and does not contain them: {}; vendor what the release needs of them, or leave \
             them out with `build.exclude`",
            names(&submodules)
        ))),
    }
}

/// The files in `tree` that only point to their content.
fn pointers(tree: &Path, exclude: &Exclude) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(tree.join(&folder))? {
            let item = item?;
            let name = item.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            let about = item.metadata()?;
            if exclude.takes(&path) {
                continue;
            }
            if about.is_dir() {
                folders.push(path);
            } else if about.is_file() && about.len() < LFS_POINTER_MAX && is_pointer(&item.path())? {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_pointer(file: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    fs::File::open(file)?.take(LFS_POINTER.len() as u64).read_to_end(&mut start)?;
    Ok(start == LFS_POINTER)
}

/// The first of `paths`, and how many more there are.
pub(crate) fn names(paths: &[String]) -> String {
    let mut told: Vec<String> = paths.iter().take(TOLD_MAX).map(|path| format!("`{path}`")).collect();
    if paths.len() > TOLD_MAX {
        told.push(format!("and {} more", paths.len() - TOLD_MAX));
    }
    told.join(", ")
}
