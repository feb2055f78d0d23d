//! Patches that were made, kept in the depot: the next host that builds on the same release needs the same one, and
//! what was cut off goes on with the very bytes it began with. They can be made again at any time.

use std::collections::HashSet;
use std::fs::{self, DirEntry, File};
use std::io;
use std::path::{Path, PathBuf};

use pintail_core::digest::Digest;
use pintail_core::name::{AppName, ReleaseName};
use pintail_core::plan::Patch;
use pintail_core::version::Version;

use super::{Depot, digest_of};
use crate::partial::{Partial, sweep};
use crate::patch::{PatchError, Signature, builds_on, make, make_by_signature, sketch};

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
        // Of a depot on another machine nothing is brought for a patch: a host's signature is less.
        let is_it = ReleaseName::new(old.version.clone(), &old.digest) == *base;
        if !is_it || !self.holds(&old) || !self.holds(&new) {
            return Ok(None);
        }
        let key = key(lacking, Of::Artifact);
        let kept = self.kept(&new.digest, base, &key);
        if let Some(there) = kept.filter(|there| there.base_digest == old.digest) {
            return Ok(Some(there));
        }
        let path = |version: &Version| self.artifact_path(name, version);
        let limits = self.shelf.limits();
        let write = |out: &mut Partial| make(&path(base.version()), &path(version), lacking, limits, out);
        self.keep(&new.digest, base, old.digest, &key, write).map(Some)
    }

    /// The patch on the version before `version`, made before anybody asks: most hosts that it will be deployed to have
    /// that one, and whoever deploys need not wait for it. Nothing where there is none before, or it can't be made.
    pub fn patch_ahead(&self, name: &AppName, version: &Version) -> Option<Patch> {
        let cards = self.list().ok()?.cards;
        let before = cards.iter().filter(|card| card.name == *name && card.version < *version);
        let old = before.max_by(|one, other| one.version.cmp(&other.version))?;
        let base = ReleaseName::new(old.version.clone(), &old.digest);
        self.patch(name, version, &base, &HashSet::new()).ok().flatten()
    }

    /// As [`Depot::patch`], where the depot lacks the base's artifact, of what a host says of the base: `sign` answers a sketch with
    /// a signature, and is asked only if the patch isn't there. Nothing if it doesn't answer.
    pub fn patch_by_signature(
        &self,
        name: &AppName,
        version: &Version,
        base: &ReleaseName,
        lacking: &HashSet<Digest>,
        sign: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>,
    ) -> Result<Option<Patch>, PatchError> {
        let Ok((new, manifest)) = self.show(name, version) else { return Ok(None) };
        let key = key(lacking, Of::Signature);
        if let Some(there) = self.kept(&new.digest, base, &key) {
            return Ok(Some(there));
        }
        let Some(signature) = sign(&sketch(&manifest)) else { return Ok(None) };
        let limits = self.shelf.limits();
        let signature = Signature::read(&signature, &manifest, limits)?;
        let old = signature.manifest();
        if old.name() != name || old.release_name() != *base {
            return Ok(None);
        }
        let artifact = self.artifact_path(name, version);
        let write = |out: &mut Partial| make_by_signature(&signature, &artifact, lacking, limits, out);
        self.keep(&new.digest, base, old.digest(), &key, write).map(Some)
    }

    /// The patch that was made before, if it is what its name says.
    fn kept(&self, new: &Digest, base: &ReleaseName, key: &str) -> Option<Patch> {
        let start = format!("{}-{}", &hex(new)[..DIGITS], base.digest8());
        let end = format!("-{key}");
        patches(&self.folder().join(PATCHES)).find_map(|entry| {
            let name = entry.file_name();
            let (what, digest) = name.to_str()?.strip_suffix(ENDING)?.rsplit_once('.')?;
            let digest: Digest = digest.parse().ok()?;
            if !what.starts_with(&start) || !what.ends_with(&end) {
                return None;
            }
            let (bytes, found) = digest_of(&entry.path()).ok()?;
            let base_digest = builds_on(File::open(entry.path()).ok()?)?;
            let is_it = found == digest && base.fits(&base_digest);
            is_it.then(|| Patch { base: base.clone(), base_digest, digest, bytes })
        })
    }

    /// Keeps what `write` writes.
    fn keep(
        &self,
        new: &Digest,
        base: &ReleaseName,
        base_digest: Digest,
        key: &str,
        write: impl FnOnce(&mut Partial) -> Result<(), PatchError>,
    ) -> Result<Patch, PatchError> {
        let folder = self.folder().join(PATCHES);
        self.make_folder(&folder).map_err(|error| failed(&folder, error))?;
        sweep(&folder).map_err(|error| failed(&folder, error))?;
        let mut partial = Partial::create(&folder).map_err(|error| failed(&folder, error))?;
        write(&mut partial)?;
        let (bytes, digest) = partial.written();
        let [new, old] = [new, &base_digest].map(|digest| hex(digest)[..DIGITS].to_owned());
        let place = folder.join(format!("{new}-{old}-{key}.{digest}{ENDING}"));
        partial.replace(&place).map_err(|error| failed(&place, error))?;
        forget_old(&folder);
        Ok(Patch { base: base.clone(), base_digest, digest, bytes })
    }
}

/// What a patch was made of: with the base's artifact it is smaller.
#[derive(Clone, Copy)]
enum Of {
    Artifact,
    Signature,
}

fn failed(path: &Path, source: io::Error) -> PatchError {
    PatchError::Write { path: path.to_owned(), source }
}

fn hex(digest: &Digest) -> String {
    digest.to_string()
}

/// What tells patches apart that differ only in what the base lacks, or in what they were made of.
fn key(lacking: &HashSet<Digest>, of: Of) -> String {
    let mut sorted: Vec<&Digest> = lacking.iter().collect();
    sorted.sort();
    let mut bytes: Vec<u8> = sorted.iter().flat_map(|digest| *digest.as_bytes()).collect();
    if matches!(of, Of::Signature) {
        bytes.extend_from_slice(b"signature");
    }
    Digest::of(&bytes).short()
}

fn patches(folder: &Path) -> impl Iterator<Item = DirEntry> + use<> {
    let named = |entry: &DirEntry| entry.file_name().to_str().is_some_and(|name| name.ends_with(ENDING));
    fs::read_dir(folder).into_iter().flatten().flatten().filter(move |entry| named(entry))
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
