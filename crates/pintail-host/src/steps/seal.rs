//! *seal*: what the release is, is written down, and it loses its write permissions. Undone, what was written goes;
//! the permissions need no undo, since `unpack`'s takes the whole release away. Links in it lead to `shared` and
//! `cache`, which stay writable.
//!
//! What the release still has of its manifest, now that nothing changes it any more, is noted in it: the next one can
//! then be made of it.

use crate::hands::Hands;
use crate::seal::{Known, WRITE_BITS};
use crate::trouble::Trying;
use pintail_core::manifest::{MANIFEST_PATH, Manifest};
use pintail_core::name::ReleaseName;
use pintail_depot::Held;
use pintail_os::files;
use pintail_saga::Failure;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

pub(super) fn act(hands: &Hands<'_>, release: &ReleaseName) -> Result<(), Failure> {
    let folder = hands.layout.release(release);
    // First, since it is a file of the release too.
    let known = note_what_is_held(&folder);
    crate::seal::write(&hands.layout, release, &known)
        .trying(|| format!("cannot write down what is in `{}`", folder.display()))?;
    hands.cut.point()?;
    seal(&folder).trying(|| format!("cannot make `{}` read-only", folder.display()))
}

pub(super) fn undo(hands: &Hands<'_>, release: &ReleaseName) -> Result<(), Failure> {
    let seal = hands.layout.seal(release);
    files::remove_file(&seal).trying(|| format!("cannot remove `{}`", seal.display()))
}

/// Without the note, as when the disk is full, nothing is made of this release, and the next one travels whole. Returns
/// what need not be read again: files that nothing changed since they were unpacked, and so compared with the manifest.
fn note_what_is_held(folder: &Path) -> Known {
    let manifest = fs::read(folder.join(MANIFEST_PATH)).ok().and_then(|json| Manifest::from_json(&json).ok());
    let (Some(manifest), Some(held)) = (manifest, Held::read(folder)) else { return Known::new() };
    if held.is_sealed() {
        return Known::new();
    }
    let held = held.sealed(folder, &manifest);
    let _ = held.write(folder);
    held.contents(&manifest).map(|(path, digest, changed_ns)| (path.into(), (digest, changed_ns))).collect()
}

fn seal(path: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    if found.is_symlink() {
        return Ok(());
    }
    if found.is_dir() {
        for entry in fs::read_dir(path)? {
            seal(&entry?.path())?;
        }
    }
    let mode = found.permissions().mode();
    if mode & WRITE_BITS == 0 {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode & !WRITE_BITS))
}
