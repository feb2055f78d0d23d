//! Patches that were made, kept in the depot: the next host that builds on the same release needs the same one, and
//! what was cut off goes on with the very bytes it began with. They can be made again at any time.

use std::collections::HashSet;
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use pintail_core::digest::Digest;
use pintail_core::name::{AppName, ReleaseName};
use pintail_core::plan::Patch;
use pintail_core::version::Version;

use super::{Depot, digest_of};
use crate::partial::{Partial, sweep};
use crate::patch::{PatchError, make};

/// The subfolder of a depot that patches lie in.
const PATCHES: &str = "patches";
const ENDING: &str = ".patch";
/// How many are kept: those of some targets with some releases each. The oldest go first.
const KEPT_MAX: usize = 32;
/// Hex digits of each release's digest in a name. Only for finding one: what a patch makes is in it.
const DIGITS: usize = 16;

impl Depot {
    /// What makes version `version` of the release `base`, which lacks the contents `lacking`; made if it isn't there.
    /// Nothing if the depot lacks the base's artifact.
    pub fn patch(
        &self,
        name: &AppName,
        version: &Version,
        base: &ReleaseName,
        lacking: &HashSet<Digest>,
    ) -> Result<Option<Patch>, PatchError> {
        let card = |version: &Version| self.find(name, version).ok();
        let (Some(new), Some(old)) = (card(version), card(base.version())) else { return Ok(None) };
        if ReleaseName::new(old.version.clone(), &old.digest) != *base {
            return Ok(None);
        }
        let folder = self.folder().join(PATCHES);
        let start =
            format!("{}-{}-{}.", &hex(&new.digest)[..DIGITS], &hex(&old.digest)[..DIGITS], key(lacking));
        let patch = |digest, bytes| Patch { base: base.clone(), base_digest: old.digest, digest, bytes };
        if let Some((digest, bytes)) = there(&folder, &start) {
            return Ok(Some(patch(digest, bytes)));
        }
        pintail_os::files::make_folder(&folder, 0o755).map_err(|error| failed(&folder, error))?;
        sweep(&folder).map_err(|error| failed(&folder, error))?;
        let mut partial = Partial::create(&folder).map_err(|error| failed(&folder, error))?;
        let path = |version: &Version| self.artifact_path(name, version);
        make(&path(base.version()), &path(version), lacking, self.shelf.limits(), &mut partial)?;
        let (bytes, digest) = partial.written();
        let place = folder.join(format!("{start}{digest}{ENDING}"));
        partial.replace(&place).map_err(|error| failed(&place, error))?;
        forget_old(&folder);
        Ok(Some(patch(digest, bytes)))
    }
}

fn failed(path: &Path, source: io::Error) -> PatchError {
    PatchError::Write { path: path.to_owned(), source }
}

fn hex(digest: &Digest) -> String {
    digest.to_string()
}

/// What tells patches apart that differ only in what the base lacks.
fn key(lacking: &HashSet<Digest>) -> String {
    let mut sorted: Vec<&Digest> = lacking.iter().collect();
    sorted.sort();
    let bytes: Vec<u8> = sorted.iter().flat_map(|digest| *digest.as_bytes()).collect();
    Digest::of(&bytes).short()
}

fn patches(folder: &Path) -> impl Iterator<Item = DirEntry> + use<> {
    let named = |entry: &DirEntry| entry.file_name().to_str().is_some_and(|name| name.ends_with(ENDING));
    fs::read_dir(folder).into_iter().flatten().flatten().filter(move |entry| named(entry))
}

/// The patch whose name starts so, if it is what its name says.
fn there(folder: &Path, start: &str) -> Option<(Digest, u64)> {
    patches(folder).find_map(|entry| {
        let name = entry.file_name();
        let digest: Digest = name.to_str()?.strip_prefix(start)?.strip_suffix(ENDING)?.parse().ok()?;
        let (bytes, found) = digest_of(&entry.path()).ok()?;
        (found == digest).then_some((digest, bytes))
    })
}

/// Those that can't be removed stay, and harm nothing.
fn forget_old(folder: &Path) {
    let made = |entry: DirEntry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()));
    let mut all: Vec<_> = patches(folder).filter_map(made).collect();
    all.sort();
    for (_, path) in all.iter().rev().skip(KEPT_MAX) {
        let _ = fs::remove_file(path);
    }
}

/// The patch with the digest `digest` in the depot that the artifact file `artifact` lies in.
pub fn patch_beside(artifact: &Path, digest: &Digest) -> Option<PathBuf> {
    let folder = artifact.parent()?.parent()?.join(PATCHES);
    let ending = format!(".{digest}{ENDING}");
    patches(&folder).map(|entry| entry.path()).find(|path| path.to_string_lossy().ends_with(&ending))
}
