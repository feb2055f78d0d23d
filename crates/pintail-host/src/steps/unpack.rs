//! *unpack*: the release's folder appears whole, checked against the manifest and synced, or not at all: of the
//! artifact, or of a patch and a release that is there. Undone, it goes.

use super::deliver;
use crate::hands::Hands;
use crate::memo::Memo;
use crate::trouble::{Trying, fail, io_hint};
use pintail_core::digest::Digest;
use pintail_core::manifest::TreePath;
use pintail_core::name::ReleaseName;
use pintail_core::plan::{Patch, Step};
use pintail_depot::patch::{Ground, apply};
use pintail_depot::{Limits, PatchError, UnpackError};
use pintail_os::files;
use pintail_saga::Failure;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

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
    let limits = Limits { tree_bytes: unpacked_bytes, ..Limits::default() };
    let patch = deliver::patch(hands).filter(|_| !deliver::place(hands, digest).exists());
    let (place, made) = match patch {
        Some(patch) => {
            (deliver::patch_place(hands, patch), from_patch(hands, patch, &making, digest, &limits))
        }
        None => (deliver::place(hands, digest), from_artifact(hands, &making, digest, &limits)),
    };
    if let Err(Stopped { why, on_disk }) = made {
        if let Some(source) = on_disk {
            return Err(Failure { hint: io_hint(&source), ..Failure::new(what(), why) });
        }
        // Kept, it would fail the next attempt too.
        files::remove_file(&place).trying(what)?;
        return fail(what(), why);
    }
    hands.cut.point()?;
    fs::rename(&making, &folder).and_then(|()| files::sync_parent(&folder)).trying(what)
}

/// Why a release was not made.
struct Stopped {
    why: String,
    /// What the system said, if it could not be written.
    on_disk: Option<io::Error>,
}

fn from_artifact(hands: &Hands<'_>, making: &Path, digest: &Digest, limits: &Limits) -> Result<(), Stopped> {
    let artifact = open(&deliver::place(hands, digest))?;
    pintail_depot::unpack(artifact, making, digest, limits).map(drop).map_err(|error| {
        let why = error.to_string();
        let on_disk = if let UnpackError::Write { source, .. } = error { Some(source) } else { None };
        Stopped { why, on_disk }
    })
}

fn from_patch(
    hands: &Hands<'_>,
    patch: &Patch,
    making: &Path,
    digest: &Digest,
    limits: &Limits,
) -> Result<(), Stopped> {
    let bytes = open(&deliver::patch_place(hands, patch))?;
    let base = hands.layout.release(&patch.base);
    let may_link = may_link(&hands.plan.steps, pintail_os::process::is_root());
    let ground = Ground::of(&base, &patch.base_digest, &Limits::default(), &may_link);
    ground.and_then(|ground| apply(bytes, &ground, making, digest, limits)).map(drop).map_err(|error| {
        let why = error.to_string();
        let on_disk = if let PatchError::Write { source, .. } = error { Some(source) } else { None };
        Stopped { why, on_disk }
    })
}

fn open(path: &Path) -> Result<fs::File, Stopped> {
    fs::File::open(path).map_err(|error| Stopped {
        why: format!("can't open `{}`: {error}", path.display()),
        on_disk: Some(error),
    })
}

/// Whether a file of the new release may be the very file of an old one, by a hard link. Then both have it as long as
/// either is there, so nothing may write into it:
///
/// * Only files without write permission are linked, and nobody gives it back: `prepare` commands could, so with
///   one everything is copied; what runs of the release later finds it sealed.
/// * Root writes without permission, so nothing of root's is linked.
/// * What `shared` takes from the release becomes the application's to write, so that is a copy.
///
/// An owner who takes the permission back and writes changes the old release too. That is no accident; its time of
/// change tells, and no release is made of it any more.
fn may_link(steps: &[Step], is_root: bool) -> impl Fn(&TreePath) -> bool + Sync + use<> {
    let safe = !is_root && !steps.iter().any(|step| matches!(step, Step::Prepare { .. }));
    let shared: Vec<TreePath> = steps
        .iter()
        .filter_map(|step| if let Step::LinkShared { paths, .. } = step { Some(paths.clone()) } else { None })
        .flatten()
        .collect();
    move |path| safe && !shared.iter().any(|shared| path == shared || path.is_within(shared.as_str()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_is_linked_that_something_may_write() {
        let release: ReleaseName = "1.0-00000000".parse().unwrap();
        let shared = Step::LinkShared { release: release.clone(), paths: vec!["log".parse().unwrap()] };
        let prepare =
            Step::Prepare { release: release.clone(), line: "make".into(), within_ms: 1, once: false };
        let seal = Step::Seal { release };
        let linked = |steps: &[Step], is_root| {
            let may_link = may_link(steps, is_root);
            ["bin/app", "log", "log/.keep", "logs/a"].map(|path| may_link(&path.parse().unwrap()))
        };
        assert_eq!(linked(&[shared.clone(), seal.clone()], false), [true, false, false, true]);
        assert_eq!(linked(&[shared.clone(), seal.clone()], true), [false; 4]);
        assert_eq!(linked(&[shared, prepare, seal], false), [false; 4]);
    }
}
