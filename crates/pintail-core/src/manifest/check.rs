//! What the entries of one tree have to keep among themselves. Knows the rules of `docs/formats/artifact.md`; does
//! not know any file system. Entries come here sorted by path.

use super::bounds::{ABOUT_PATH, ENTRIES_MAX, RESERVED_FOLDER, TREE_BYTES_MAX};
use super::entry::{Entry, EntryKind};
use super::tree_path::{PATH_BYTES_MAX, TreePath, shown};

/// One thing that is wrong with a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Two entries have one path.
    #[error("`{}` is there twice", .0.shown())]
    Duplicate(TreePath),
    /// The folder that it should lie in is no listed directory.
    #[error("`{}` lies in `{}`, which is {found}", .path.shown(), .folder.shown())]
    NotInDirectory {
        /// The entry.
        path: TreePath,
        /// What should be a directory.
        folder: TreePath,
        /// What that is instead.
        found: &'static str,
    },
    /// An entry in `.pintail` at the top that isn't its `release.json`.
    #[error("`{}` lies in `{RESERVED_FOLDER}`, which is pintail's own", .0.shown())]
    Reserved(TreePath),
    /// A symbolic link whose target can't be followed inside the tree.
    #[error("link `{}` to `{}` {reason}", .path.shown(), shown(.target))]
    Link {
        /// The link.
        path: TreePath,
        /// What it says.
        target: String,
        /// What is wrong with that.
        reason: &'static str,
    },
    /// More than [`ENTRIES_MAX`] entries.
    #[error("the tree has {0} entries, at most {ENTRIES_MAX} are allowed")]
    TooMany(usize),
    /// More than [`TREE_BYTES_MAX`] bytes in all files.
    #[error("the files of the tree have more than {TREE_BYTES_MAX} bytes together")]
    TooLarge,
    /// Something that isn't a commit's id.
    #[error("`{0}` is no commit: 4 to 64 lower-case hex digits")]
    Commit(String),
}

pub(super) fn commit(commit: Option<&str>) -> Vec<Fault> {
    let id = |text: &&str| (4..=64).contains(&text.len()) && text.chars().all(crate::digest::is_hex);
    let wrong = commit.filter(|text| !id(text));
    wrong.map(|text| Fault::Commit(text.chars().take(64).collect())).into_iter().collect()
}

pub(super) fn entries(entries: &[Entry]) -> Vec<Fault> {
    if entries.len() > ENTRIES_MAX {
        return vec![Fault::TooMany(entries.len())];
    }
    let mut faults = Vec::new();
    for pair in entries.windows(2).filter(|pair| pair[0].path == pair[1].path) {
        faults.push(Fault::Duplicate(pair[1].path.clone()));
    }
    for entry in entries {
        faults.extend(
            reserved(entries, entry)
                .or_else(|| outside_directory(entries, entry))
                .or_else(|| bad_link(entries, entry)),
        );
    }
    let total = entries.iter().try_fold(0_u64, |total, entry| total.checked_add(entry.size_bytes()));
    if total.is_none_or(|total| total > TREE_BYTES_MAX) {
        faults.push(Fault::TooLarge);
    }
    faults
}

/// The entry at `path` among sorted entries.
pub(super) fn find<'a>(entries: &'a [Entry], path: &str) -> Option<&'a Entry> {
    entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok().map(|index| &entries[index])
}

fn reserved(entries: &[Entry], entry: &Entry) -> Option<Fault> {
    let allowed = match (entry.path.as_str(), &entry.kind) {
        (RESERVED_FOLDER, EntryKind::Directory) => is_about(entries),
        (ABOUT_PATH, EntryKind::File { executable, .. }) => !executable,
        _ => !entry.path.is_within(RESERVED_FOLDER),
    };
    (!allowed).then(|| Fault::Reserved(entry.path.clone()))
}

/// Whether the release says what it is.
pub(super) fn is_about(entries: &[Entry]) -> bool {
    find(entries, ABOUT_PATH).is_some()
}

/// Every parent has to be listed, and as a directory. This is what makes it impossible to write through a link: a
/// path whose parents are all directories of this list has no link on its way.
fn outside_directory(entries: &[Entry], entry: &Entry) -> Option<Fault> {
    let folder = entry.path.parent()?;
    let found = match find(entries, folder.as_str()).map(|parent| &parent.kind) {
        Some(EntryKind::Directory) => return None,
        Some(EntryKind::File { .. }) => "a file",
        Some(EntryKind::Symlink { .. }) => "a link",
        None => "not listed",
    };
    Some(Fault::NotInDirectory { path: entry.path.clone(), folder, found })
}

fn bad_link(entries: &[Entry], entry: &Entry) -> Option<Fault> {
    let EntryKind::Symlink { target } = &entry.kind else {
        return None;
    };
    let reason = leaves_tree(entries, &entry.path, target)?;
    let target = target.chars().take(100).flat_map(char::escape_debug).collect();
    Some(Fault::Link { path: entry.path.clone(), target, reason })
}

/// Why following `target` from the folder of `link` could leave the tree. A `..` behind a name is allowed only if
/// that name is a real directory: behind another link it would climb from wherever that leads, not from where it
/// lies (`a/b/up -> ../..` and then `a/b/up/..`).
fn leaves_tree(entries: &[Entry], link: &TreePath, target: &str) -> Option<&'static str> {
    if target.is_empty() {
        return Some("leads nowhere");
    }
    if target.len() >= PATH_BYTES_MAX {
        return Some("is too long");
    }
    if target.contains('\0') {
        return Some("contains a NUL byte");
    }
    if target.starts_with('/') {
        return Some("is absolute");
    }
    let mut here: Vec<&str> = link.parts().collect();
    here.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                let folder = here.join("/");
                if !here.is_empty() && find(entries, &folder).is_none_or(|e| e.kind != EntryKind::Directory) {
                    return Some("climbs out of something that is no directory of the tree");
                }
                if here.pop().is_none() {
                    return Some("leaves the tree");
                }
            }
            name => here.push(name),
        }
    }
    None
}
