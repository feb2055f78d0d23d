//! *seal*: the release loses its write permissions. There is nothing to undo: `unpack`'s undo takes the whole
//! release away. Links in it lead to `shared` and `cache`, which stay writable.

use crate::hands::Hands;
use crate::trouble::Trying;
use pintail_core::name::ReleaseName;
use pintail_saga::Failure;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const WRITE_BITS: u32 = 0o222;

pub(super) fn act(hands: &Hands<'_>, release: &ReleaseName) -> Result<(), Failure> {
    let folder = hands.layout.release(release);
    seal(&folder).trying(|| format!("cannot make `{}` read-only", folder.display()))
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
