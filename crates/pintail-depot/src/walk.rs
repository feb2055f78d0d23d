//! A folder to the entries of a manifest. Knows file systems; does not know what the entries are for.

use std::fs::{self, File, FileType};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use pintail_core::manifest::{
    ENTRIES_MAX, Entry, EntryKind, HELD_PATH, MANIFEST_PATH, RESERVED_FOLDER, TreePath,
};
use pintail_core::notes::ABOUT_NAME;

use crate::shown;

/// What was found in a folder.
pub(crate) struct Found {
    pub(crate) entries: Vec<Entry>,
    /// What can't be part of a release, a sentence each.
    pub(crate) faults: Vec<String>,
}

/// Lists and hashes everything below `tree`; the path in an error is the one that could not be read.
pub(crate) fn walk(tree: &Path) -> Result<Found, (PathBuf, io::Error)> {
    let mut found = Found { entries: Vec::new(), faults: Vec::new() };
    let mut folders: Vec<Option<TreePath>> = vec![None];
    while let Some(folder) = folders.pop() {
        let at = folder.as_ref().map_or_else(|| tree.to_owned(), |path| tree.join(path.as_str()));
        for item in fs::read_dir(&at).map_err(|error| (at.clone(), error))? {
            let item = item.map_err(|error| (at.clone(), error))?;
            let name = item.file_name();
            match tree_path(folder.as_ref(), name.to_str()) {
                Err(fault) => found.faults.push(format!(
                    "`{}` {fault}",
                    shown::name(below(tree, &item.path()).as_os_str().as_encoded_bytes())
                )),
                Ok(path) => {
                    found.take(path, &item.path(), &mut folders).map_err(|error| (item.path(), error))?
                }
            }
            if found.entries.len() > ENTRIES_MAX {
                found.faults.push(format!("it has more than {ENTRIES_MAX} entries"));
                return Ok(found);
            }
        }
    }
    Ok(found)
}

fn tree_path(folder: Option<&TreePath>, name: Option<&str>) -> Result<TreePath, String> {
    let name = name.ok_or("has a name that is no UTF-8; rename it")?;
    let path = folder.map_or_else(|| name.parse(), |folder| folder.join(name));
    path.map_err(|error| format!("can't be packed: {error}"))
}

impl Found {
    fn take(&mut self, path: TreePath, at: &Path, folders: &mut Vec<Option<TreePath>>) -> io::Result<()> {
        let about = fs::symlink_metadata(at)?;
        let kind = about.file_type();
        // A release that is packed again brings what it was unpacked with; the new ones take their place.
        if matches!(path.as_str(), MANIFEST_PATH | HELD_PATH) && kind.is_file() {
            return Ok(());
        }
        if kind.is_dir() {
            folders.push(Some(path.clone()));
            if path.as_str() != RESERVED_FOLDER || at.join(ABOUT_NAME).is_file() {
                self.entries.push(Entry { path, kind: EntryKind::Directory });
            }
        } else if kind.is_file() {
            let executable = about.permissions().mode() & 0o100 != 0;
            let (size_bytes, digest) = hash(at)?;
            self.entries.push(Entry { path, kind: EntryKind::File { executable, size_bytes, digest } });
        } else if kind.is_symlink() {
            self.take_link(path, at)?;
        } else {
            self.faults.push(format!(
                "`{}` is {}; a release has files, folders and links only",
                shown::name(path.as_str().as_bytes()),
                word(kind)
            ));
        }
        Ok(())
    }

    fn take_link(&mut self, path: TreePath, at: &Path) -> io::Result<()> {
        let target = fs::read_link(at)?;
        match target.to_str() {
            Some(target) => {
                self.entries.push(Entry { path, kind: EntryKind::Symlink { target: target.to_owned() } })
            }
            None => self.faults.push(format!(
                "`{}` leads to a name that is no UTF-8",
                shown::name(path.as_str().as_bytes())
            )),
        }
        Ok(())
    }
}

/// The path as seen from the top of the tree.
fn below<'a>(tree: &Path, at: &'a Path) -> &'a Path {
    at.strip_prefix(tree).unwrap_or(at)
}

fn hash(at: &Path) -> io::Result<(u64, pintail_core::digest::Digest)> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(at)?)?;
    Ok((hasher.count(), hasher.finalize().into()))
}

fn word(kind: FileType) -> &'static str {
    if kind.is_socket() {
        "a socket"
    } else if kind.is_fifo() {
        "a fifo"
    } else {
        "a device"
    }
}
