//! The folder where artifacts are kept. Knows how one is published whole or not at all, found, listed and checked;
//! does not know hosts, git or what time it is.
//!
//! An artifact is published by the one act of linking it under its name; the card is written after that. A crash
//! before the link leaves an invisible temporary file, which the next publishing removes; a crash after it leaves
//! an artifact without a card, which the next reader makes from it. Nothing is half visible in between.

mod error;
mod patches;
mod shelf;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub use error::DepotError;
pub use patches::patch_beside;

use pintail_core::manifest::{ABOUT_PATH, Manifest};
use pintail_core::name::AppName;
use pintail_core::notes::{ABOUT_BYTES_MAX, About};
use pintail_core::version::Version;

use crate::card::Card;
use crate::import::{Naming, Tree, import, import_tree};
use crate::limits::Limits;
use crate::pack::pack;
use crate::partial::{Partial, sweep};
use crate::proof::{PROOF_BYTES_MAX, Proof};
use crate::unpack::{content, verify};
use shelf::{Shelf, digest_of, stem};

/// A folder of artifacts. Making the value touches nothing; a folder that isn't there is an empty depot, and is
/// made when the first artifact is published.
#[derive(Debug, Clone)]
pub struct Depot {
    folder: PathBuf,
    shelf: Shelf,
}

/// How publishing ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// It is new.
    Added(Card),
    /// The very same release was there before; nothing changed.
    AlreadyThere(Card),
}

impl Published {
    /// The card of the artifact that is now in the depot.
    pub fn card(&self) -> &Card {
        match self {
            Published::Added(card) | Published::AlreadyThere(card) => card,
        }
    }
}

/// What lies in a depot.
#[derive(Debug, Default)]
pub struct Listing {
    /// By name, then by version, the earliest first.
    pub cards: Vec<Card>,
    /// Artifacts that could not be listed, with reasons; they don't hide the others.
    pub faults: Vec<DepotError>,
}

impl Depot {
    /// The depot in `folder`, with the default [`Limits`].
    pub fn new(folder: impl Into<PathBuf>) -> Depot {
        let folder = folder.into();
        Depot { shelf: Shelf::new(&folder, Limits::default()), folder }
    }

    /// The same depot, reading artifacts within other limits.
    pub fn with_limits(self, limits: Limits) -> Depot {
        Depot { shelf: Shelf::new(&self.folder, limits), ..self }
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Packs the folder `tree` (see [`pack`]) and publishes it. `added_ms` is the present, in milliseconds since 1970.
    pub fn publish_tree(
        &self,
        tree: &Path,
        name: &AppName,
        version: &Version,
        commit: Option<&str>,
        added_ms: u64,
    ) -> Result<Published, DepotError> {
        self.publish(added_ms, |out, _| Ok(pack(tree, name, version, commit, out)?))
    }

    /// Imports the archive `file` (see [`import()`]) and publishes it. `added_ms` is the present, in milliseconds since
    /// 1970.
    pub fn publish_file(&self, file: &Path, naming: &Naming, added_ms: u64) -> Result<Published, DepotError> {
        self.publish(added_ms, |out, scratch| Ok(import(file, naming, scratch, out, self.shelf.limits())?))
    }

    /// Publishes a tree that comes as a plain tar stream. `added_ms` is the present, in milliseconds since 1970.
    pub fn publish_stream(
        &self,
        source: &mut dyn io::Read,
        tree: Tree<'_>,
        added_ms: u64,
    ) -> Result<Published, DepotError> {
        self.publish(added_ms, |out, scratch| {
            Ok(import_tree(source, tree, scratch, out, self.shelf.limits())?)
        })
    }

    /// Publishes the artifact of another depot, byte for byte, with its proof. `added_ms` is the present, in
    /// milliseconds since 1970.
    pub fn take_over(
        &self,
        from: &Depot,
        name: &AppName,
        version: &Version,
        added_ms: u64,
    ) -> Result<Published, DepotError> {
        let (_, manifest) = from.show(name, version)?;
        let (card, mut file) = from.open(name, version)?;
        let published = self.publish(added_ms, |out, _| {
            let path = from.artifact_path(name, version);
            io::copy(&mut file, out).map_err(|source| DepotError::Read { path, source })?;
            Ok(manifest)
        })?;
        if let Some(proof) = from.proof(&card)? {
            self.write_proof(&proof)?;
        }
        Ok(published)
    }

    /// The proof of `card`'s artifact, if there is one of that very release.
    pub fn proof(&self, card: &Card) -> Result<Option<Proof>, DepotError> {
        let path = self.shelf.proof_path(&stem(&card.name, &card.version));
        match pintail_os::files::read_bounded(&path, PROOF_BYTES_MAX) {
            Ok(json) => Ok(Proof::read(&json).filter(|proof| proof.digest == card.digest)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(DepotError::Read { path, source }),
        }
    }

    /// Puts `proof` beside its artifact, in place of an earlier one.
    pub fn write_proof(&self, proof: &Proof) -> Result<(), DepotError> {
        self.shelf.write_beside(self.shelf.proof_path(&stem(&proof.name, &proof.version)), &proof.to_json())
    }

    /// Publishes what `write` writes. The same release again is fine; another release under the same name and
    /// version is refused, because a published version never changes. `write` is also given a folder for scratch.
    fn publish(
        &self,
        added_ms: u64,
        write: impl FnOnce(&mut dyn Write, &Path) -> Result<Manifest, DepotError>,
    ) -> Result<Published, DepotError> {
        let folder = self.shelf.folder().to_owned();
        let failed = |source| DepotError::Write { path: folder.clone(), source };
        pintail_os::files::make_folder(&folder, 0o755).map_err(failed)?;
        sweep(&folder).map_err(failed)?;
        let mut partial = Partial::create(&folder).map_err(failed)?;
        let manifest = write(&mut partial, &folder)?;
        let path = self.artifact_path(manifest.name(), manifest.version());
        let card = Card::new(&manifest, partial.written(), added_ms);
        self.remove_orphaned_card(&card, &path).map_err(failed)?;
        let is_new = partial.publish_new(&path).map_err(|source| DepotError::Write { path, source })?;
        if !is_new {
            return self.compare_with_there(card);
        }
        // It is published, whatever becomes of the card: the next reader makes one that is missing.
        let _ = self.shelf.write_card(&card);
        Ok(Published::Added(card))
    }

    /// A card whose artifact somebody removed must not speak for the new one, not even for the moment between its
    /// link and its card.
    fn remove_orphaned_card(&self, card: &Card, artifact: &Path) -> io::Result<()> {
        if artifact.exists() {
            Ok(())
        } else {
            pintail_os::files::remove_file(&self.shelf.card_path(&stem(&card.name, &card.version)))
        }
    }

    fn compare_with_there(&self, new: Card) -> Result<Published, DepotError> {
        let there = self.shelf.card_at(&stem(&new.name, &new.version))?;
        let Card { name, version, .. } = new;
        if (&there.name, &there.version) != (&name, &version) {
            let (other, other_version) = (there.name, there.version);
            return Err(DepotError::SameFileName { name, version, other, other_version });
        }
        if there.digest != new.digest {
            return Err(DepotError::Taken { name, version, there: there.digest, new: new.digest });
        }
        Ok(Published::AlreadyThere(there))
    }

    /// Everything in the depot.
    pub fn list(&self) -> Result<Listing, DepotError> {
        let mut listing = Listing::default();
        for stem in self.shelf.stems()? {
            match self.shelf.card_at(&stem) {
                Ok(card) => listing.cards.push(card),
                Err(error) => listing.faults.push(error),
            }
        }
        listing.cards.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
        Ok(listing)
    }

    /// The card of one version.
    pub fn find(&self, name: &AppName, version: &Version) -> Result<Card, DepotError> {
        let stem = stem(name, version);
        let card = if self.shelf.file(&stem).exists() { Some(self.shelf.card_at(&stem)?) } else { None };
        match card.filter(|card| (&card.name, &card.version) == (name, version)) {
            Some(card) => Ok(card),
            None => Err(self.not_found(name, version)),
        }
    }

    /// The card of the latest version by [`Version`]'s order, if there is any of the application.
    pub fn latest(&self, name: &AppName) -> Result<Option<Card>, DepotError> {
        Ok(self.list()?.cards.into_iter().rfind(|card| card.name == *name))
    }

    /// Card and manifest of one version. The contents are not read.
    pub fn show(&self, name: &AppName, version: &Version) -> Result<(Card, Manifest), DepotError> {
        let (card, file) = self.open(name, version)?;
        let manifest = self.shelf.manifest(&stem(name, version), &file)?;
        if manifest.digest() != card.digest {
            return Err(self.altered(&card, "the release it contains"));
        }
        Ok((card, manifest))
    }

    /// What the release of one version says of itself; `None` where it says nothing, or nothing that is understood.
    pub fn about(&self, name: &AppName, version: &Version) -> Result<Option<About>, DepotError> {
        let (card, file) = self.open(name, version)?;
        let limits = self.shelf.limits();
        let json = content(file, ABOUT_PATH, &card.digest, ABOUT_BYTES_MAX as u64, limits);
        let json =
            json.map_err(|source| DepotError::Artifact { path: self.artifact_path(name, version), source })?;
        Ok(json.and_then(|json| About::from_json(&json).ok()))
    }

    /// The artifact's bytes, and its card. Whoever unpacks them compares with the card's digest.
    pub fn open(&self, name: &AppName, version: &Version) -> Result<(Card, File), DepotError> {
        let card = self.find(name, version)?;
        let path = self.artifact_path(name, version);
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (packed_bytes, file) = opened.map_err(|source| DepotError::Read { path, source })?;
        if packed_bytes != card.packed_bytes {
            return Err(self.altered(&card, "its size"));
        }
        Ok((card, file))
    }

    /// Reads the whole artifact: its file against the card, its manifest against the card, its contents against the
    /// manifest.
    pub fn verify(&self, name: &AppName, version: &Version) -> Result<Card, DepotError> {
        let (card, file) = self.open(name, version)?;
        let path = self.artifact_path(name, version);
        let (_, packed_digest) = digest_of(&path)?;
        let verified = verify(file, Some(&card.digest), self.shelf.limits());
        verified.map_err(|source| DepotError::Artifact { path, source })?;
        if packed_digest != card.packed_digest {
            return Err(self.altered(&card, "the digest of the file"));
        }
        Ok(card)
    }

    /// Where the artifact of one version lies, or would lie.
    pub fn artifact_path(&self, name: &AppName, version: &Version) -> PathBuf {
        self.shelf.file(&stem(name, version))
    }

    fn not_found(&self, name: &AppName, version: &Version) -> DepotError {
        let cards = self.list().map(|listing| listing.cards).unwrap_or_default();
        let there = cards.into_iter().filter(|card| card.name == *name).map(|card| card.version).collect();
        DepotError::NotFound {
            folder: self.folder.clone(),
            name: name.clone(),
            version: version.clone(),
            there,
        }
    }

    fn altered(&self, card: &Card, what: &'static str) -> DepotError {
        DepotError::Altered { path: self.artifact_path(&card.name, &card.version), what }
    }
}
