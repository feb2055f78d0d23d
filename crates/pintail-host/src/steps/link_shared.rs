//! *link shared*: paths of the release become links into `shared`, so that what is kept there survives. What
//! the release brings at such a path is the first content of `shared`. Undone, what was brought there goes again
//! unless somebody changed it since; the links go with the release.

use crate::hands::Hands;
use crate::memo::Memo;
use crate::trouble::Trying;
use pintail_core::digest::Digest;
use pintail_core::manifest::{Entry, EntryKind, MANIFEST_PATH, Manifest, TreePath};
use pintail_core::name::ReleaseName;
use pintail_os::files;
use pintail_saga::Failure;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub(super) fn look(hands: &Hands<'_>, paths: &[TreePath]) -> Result<Memo, Failure> {
    let missing = |path: &&TreePath| fs::symlink_metadata(hands.layout.shared().join(path.as_str())).is_err();
    Ok(Memo::Paths { made: paths.iter().filter(missing).cloned().collect(), replaced: Vec::new() })
}

pub(super) fn act(hands: &Hands<'_>, release: &ReleaseName, paths: &[TreePath]) -> Result<(), Failure> {
    for path in paths {
        hands.cut.point()?;
        let shared = hands.layout.shared().join(path.as_str());
        let inside = hands.layout.release(release).join(path.as_str());
        link(&shared, &inside, hands.layout.root()).trying(|| {
            format!("cannot link `{path}` of release `{}` to `{}`", release.version(), shared.display())
        })?;
    }
    Ok(())
}

fn link(shared: &Path, inside: &Path, root: &Path) -> io::Result<()> {
    let target = upward(inside, root).join(shared.strip_prefix(root).unwrap_or(shared));
    let there = fs::symlink_metadata(inside).ok();
    if there.as_ref().is_some_and(fs::Metadata::is_symlink) {
        return if fs::read_link(inside)? == target {
            Ok(())
        } else {
            files::replace_symlink(inside, &target)
        };
    }
    if fs::symlink_metadata(shared).is_err() {
        match &there {
            Some(_) => copy_whole_tree(inside, shared)?,
            None => files::make_folder(shared, 0o755)?,
        }
    }
    if there.is_some() {
        files::remove_tree(inside)?;
    }
    if let Some(parent) = inside.parent() {
        files::make_folder(parent, 0o755)?;
    }
    files::replace_symlink(inside, &target)
}

/// `../` for each folder between `path` and `root`: links stay right when the root is moved.
pub(super) fn upward(path: &Path, root: &Path) -> PathBuf {
    let depth = path.strip_prefix(root).map_or(0, |inner| inner.components().count().saturating_sub(1));
    std::iter::repeat_n("..", depth).collect()
}

/// Copies a file or folder so that it appears whole.
fn copy_whole_tree(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(parent) = to.parent() {
        files::make_folder(parent, 0o755)?;
    }
    if !from.is_dir() {
        return files::copy_whole(from, to);
    }
    let name = to.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let making = to.with_file_name(format!(".{name}.making"));
    files::remove_tree(&making)?;
    copy_folder(from, &making)?;
    fs::rename(&making, to)?;
    files::sync_parent(to)
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    files::make_folder(to, 0o755)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else if kind.is_symlink() {
            files::replace_symlink(&target, &fs::read_link(entry.path())?)?;
        } else {
            files::copy_whole(&entry.path(), &target)?;
        }
    }
    files::sync_dir(to)
}

pub(super) fn undo(hands: &Hands<'_>, release: &ReleaseName, memo: &Memo) -> Result<(), Failure> {
    let Memo::Paths { made, .. } = memo else { return Ok(()) };
    let brought = brought(hands, release);
    for path in made.iter().rev() {
        hands.cut.point()?;
        let mut shared = hands.layout.shared().join(path.as_str());
        let what = format!("cannot take back `{}`", shared.display());
        for (inner, digest) in
            brought.iter().filter(|(inner, _)| inner == path || inner.is_within(path.as_str()))
        {
            let file = hands.layout.shared().join(inner.as_str());
            if fs::read(&file).is_ok_and(|content| Digest::of(&content) == *digest) {
                files::remove_file(&file).trying(|| what.clone())?;
            }
        }
        // Only what is empty: something may have been written there meanwhile, and it is not ours.
        remove_empty(&shared);
        while shared.pop() && shared != hands.layout.shared() && fs::remove_dir(&shared).is_ok() {}
    }
    Ok(())
}

/// The files that the release brings, with their digests. None when it is gone: then this undo was through.
fn brought(hands: &Hands<'_>, release: &ReleaseName) -> Vec<(TreePath, Digest)> {
    let path = hands.layout.release(release).join(MANIFEST_PATH);
    let manifest = fs::read(path).ok().and_then(|json| Manifest::from_json(&json).ok());
    let entries = manifest.as_ref().map(Manifest::entries).unwrap_or_default();
    let file = |entry: &Entry| match entry.kind {
        EntryKind::File { digest, .. } => Some((entry.path.clone(), digest)),
        _ => None,
    };
    entries.iter().filter_map(file).collect()
}

fn remove_empty(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_empty(&entry.path());
        }
    }
    let _ = fs::remove_dir(folder);
}
