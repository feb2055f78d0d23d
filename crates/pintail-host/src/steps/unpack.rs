//! *unpack*: the release's folder appears whole, every file checked against the manifest and synced, or not at
//! all. Undone, it goes.

use super::deliver;
use crate::hands::Hands;
use crate::memo::Memo;
use crate::trouble::{Trying, io_hint};
use pintail_core::digest::Digest;
use pintail_core::name::ReleaseName;
use pintail_depot::{Limits, UnpackError};
use pintail_os::files;
use pintail_saga::Failure;
use std::fs;
use std::path::PathBuf;

pub(super) fn look(hands: &Hands<'_>, release: &ReleaseName) -> Result<Memo, Failure> {
    Ok(Memo::There { there: hands.layout.release(release).exists() })
}

pub(super) fn act(
    hands: &Hands<'_>,
    release: &ReleaseName,
    digest: &Digest,
    unpacked_bytes: u64,
) -> Result<(), Failure> {
    let folder = hands.layout.release(release);
    if folder.exists() {
        // Made by this very step before a crash, or left by something that never went live.
        if is_complete(hands, digest) {
            return Ok(());
        }
        files::remove_tree(&folder).trying(|| format!("cannot replace `{}`", folder.display()))?;
    }
    let what = || format!("cannot unpack release `{}` into `{}`", release.version(), folder.display());
    let making = making(hands, release);
    files::make_folder(&hands.layout.releases(), 0o755).trying(what)?;
    files::remove_tree(&making).trying(what)?;
    let place = deliver::place(hands, digest);
    let artifact = fs::File::open(&place).trying(what)?;
    let limits = Limits { tree_bytes: unpacked_bytes, ..Limits::default() };
    if let Err(error) = pintail_depot::unpack(artifact, &making, digest, &limits) {
        let failure = Failure::new(what(), error.to_string());
        if let UnpackError::Write { source, .. } = &error {
            return Err(Failure { hint: io_hint(source), ..failure });
        }
        // Kept, it would fail the next attempt too.
        files::remove_file(&place).trying(what)?;
        return Err(failure);
    }
    hands.cut.point()?;
    fs::rename(&making, &folder).and_then(|()| files::sync_parent(&folder)).trying(what)
}

/// A name that no release has, beside it, for the time in which it is not whole.
fn making(hands: &Hands<'_>, release: &ReleaseName) -> PathBuf {
    hands.layout.releases().join(format!(".unpacking-{release}"))
}

/// Whether the folder was made of the artifact `digest`: it is renamed into place only when whole, so its
/// manifest tells.
fn is_complete(hands: &Hands<'_>, digest: &Digest) -> bool {
    let path = hands.layout.release(&hands.plan.release.name).join(pintail_core::manifest::MANIFEST_PATH);
    fs::read(path).is_ok_and(|bytes| Digest::of(&bytes) == *digest)
}

pub(super) fn undo(hands: &Hands<'_>, release: &ReleaseName, _memo: &Memo) -> Result<(), Failure> {
    // What was there before was never live (else this step would not be in the plan), so nobody misses it.
    for path in [making(hands, release), hands.layout.release(release)] {
        hands.cut.point()?;
        files::remove_tree(&path).trying(|| format!("cannot remove `{}`", path.display()))?;
    }
    Ok(())
}
