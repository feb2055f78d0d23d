//! Where artifacts are kept: a folder here, or one on another machine, of which a folder here is the cache. Knows how
//! one is published whole or not at all, found, listed and checked; does not know hosts, git or what time it is.
//!
//! An artifact is published by the one act of linking it under its name; the card is written after that. A crash
//! before the link leaves an invisible temporary file, which the next publishing removes; a crash after it leaves
//! an artifact without a card, which the next reader makes from it. Nothing is half visible in between.

mod error;
mod heard;

mod shelf;

mod patches;

mod away;
mod beside;
mod cards;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

pub use cards::MadeAnew;
pub use error::DepotError;
pub use patches::patch_beside;

use pintail_core::digest::Digest;
use pintail_core::manifest::{ABOUT_PATH, Manifest};
use pintail_core::name::AppName;
use pintail_core::notes::{ABOUT_BYTES_MAX, About};
use pintail_core::version::Version;

use crate::card::Card;
use crate::import::{Naming, Tree, import, import_tree};
use crate::limits::Limits;
use crate::pack::pack;
use crate::partial::{Partial, sweep};
use crate::remote::Remote;
use crate::unpack::{content, verify};
use heard::Heard;
use pintail_os::files;
use shelf::{Shelf, added_ms, digest_of, stem};

/// A folder of artifacts. Making the value touches nothing; a folder that isn't there is an empty depot, and is
/// made when the first artifact is published.
#[derive(Debug, Clone)]
pub struct Depot {
    folder: PathBuf,
    shelf: Shelf,
    /// Where the artifacts really are, if not in `folder`: that is the cache then.
    away: Option<Arc<Remote>>,
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
        Depot { shelf: Shelf::new(&folder, Limits::default()), folder, away: None }
    }

    /// The depot on another machine; what is brought from there or made here is kept in the folder `cache`, and is
    /// nothing but a copy of what is there.
    pub fn away(remote: Remote, cache: impl Into<PathBuf>) -> Depot {
        Depot { away: Some(Arc::new(remote)), ..Depot::new(cache) }
    }

    /// The same depot, reading artifacts within other limits.
    pub fn with_limits(self, limits: Limits) -> Depot {
        Depot { shelf: Shelf::new(&self.folder, limits), ..self }
    }

    /// Its folder on this machine: of a depot on another one, the cache.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes a folder in it. A depot may be served; a cache is nobody else's, and the umask has its say.
    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        if self.is_away() {
            return files::make_folder(folder, 0o755);
        }
        // What is above it is not the depot's to open to others.
        if let Some(above) = self.folder.parent().filter(|above| !above.as_os_str().is_empty()) {
            files::make_folder(above, 0o755)?;
        }
        files::make_served_folder(folder)
    }

    /// What it is called: its folder, or how the other machine is reached.
    pub fn place(&self) -> String {
        self.away
            .as_ref()
            .map_or_else(|| self.folder.display().to_string(), |remote| remote.place().to_owned())
    }

    /// Whether it is on another machine: then its folder here is only the cache, and nothing but artifacts is in it.
    pub fn is_away(&self) -> bool {
        self.away.is_some()
    }

    /// Forgets what a depot on another machine said that it has: it is asked anew. One here is read anew each time.
    pub fn forget_asked(&self) {
        if let Some(remote) = &self.away {
            remote.forget();
        }
    }

    /// Whether the artifact's bytes are on this machine, so that reading them takes no link.
    pub fn is_here(&self, name: &AppName, version: &Version) -> bool {
        self.artifact_path(name, version).exists()
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

    /// Publishes what `write` writes. The same release again is fine; another release under the same name and
    /// version is refused, because a published version never changes. `write` is also given a folder for scratch.
    fn publish(
        &self,
        added_ms: u64,
        write: impl FnOnce(&mut dyn Write, &Path) -> Result<Manifest, DepotError>,
    ) -> Result<Published, DepotError> {
        self.publish_if(added_ms, write, |_| Ok(()))
    }

    /// As [`Depot::publish`], if `is_it` takes the card of what was written.
    fn publish_if(
        &self,
        added_ms: u64,
        write: impl FnOnce(&mut dyn Write, &Path) -> Result<Manifest, DepotError>,
        is_it: impl FnOnce(&Card) -> Result<(), DepotError>,
    ) -> Result<Published, DepotError> {
        let folder = self.shelf.folder().to_owned();
        let failed = |source| DepotError::Write { path: folder.clone(), source };
        self.make_folder(&folder).map_err(failed)?;
        sweep(&folder).map_err(failed)?;
        let mut partial = Partial::create(&folder).map_err(failed)?;
        let manifest = write(&mut partial, &folder)?;
        let card = Card::new(&manifest, partial.written(), added_ms);
        is_it(&card)?;
        match &self.away {
            Some(remote) => self.send(remote, card, partial),
            None => self.link(card, partial),
        }
    }

    /// Makes what was written visible, whole, unless that version is there.
    pub(crate) fn link(&self, card: Card, mut partial: Partial) -> Result<Published, DepotError> {
        let path = self.artifact_path(&card.name, &card.version);
        let failed = |source| DepotError::Write { path: path.clone(), source };
        let card = date(card, &mut partial).map_err(failed)?;
        // The disk is waited for before others wait for us.
        partial.sync().map_err(failed)?;
        let alone = self.shelf.alone()?;
        self.remove_orphans(&card, &path).map_err(failed)?;
        if partial.publish_new(&path).map_err(failed)? {
            // It is published, whatever becomes of the card: the next reader makes one that is missing.
            let _ = self.shelf.write_card(&card);
            return Ok(Published::Added(card));
        }
        drop(alone);
        self.compare_with_there(card)
    }

    /// What was begun of `card`'s artifact, to be gone on with.
    pub(crate) fn begin(&self, card: &Card) -> Result<Partial, DepotError> {
        let folder = self.shelf.folder().to_owned();
        let begun = self
            .make_folder(&folder)
            .and_then(|()| sweep(&folder))
            .and_then(|()| Partial::resume(&folder, &card.packed_digest));
        let mut begun = begun.map_err(|source| DepotError::Write { path: folder.clone(), source })?;
        if begun.written().0 > card.packed_bytes {
            begun.restart().map_err(|source| DepotError::Write { path: folder, source })?;
        }
        Ok(begun)
    }

    /// Publishes what was begun, if it is whole and what `card` says. Nobody goes on with what isn't.
    pub(crate) fn finish(&self, card: &Card, begun: Partial) -> Result<Published, DepotError> {
        match self.read_begun(card, &begun) {
            Ok(()) => self.link(card.clone(), begun),
            Err(error) => {
                begun.abandon();
                Err(error)
            }
        }
    }

    fn read_begun(&self, card: &Card, begun: &Partial) -> Result<(), DepotError> {
        let path = self.artifact_path(&card.name, &card.version);
        let differs = |what| DepotError::NotWhole { path: path.clone(), what };
        if begun.written() != (card.packed_bytes, card.packed_digest) {
            return Err(differs("the digest of the file"));
        }
        let file =
            File::open(begun.path()).map_err(|source| DepotError::Read { path: path.clone(), source })?;
        let manifest = verify(file, Some(&card.digest), self.shelf.limits())
            .map_err(|source| DepotError::Artifact { path: path.clone(), source })?;
        let remade = Card::new(&manifest, begun.written(), card.added_ms);
        if remade == *card { Ok(()) } else { Err(differs("the release it contains")) }
    }

    pub(crate) fn cannot_write(&self, card: &Card, source: io::Error) -> DepotError {
        DepotError::Write { path: self.artifact_path(&card.name, &card.version), source }
    }

    /// A card, proof or signature whose artifact somebody removed must not speak for the new one, not even for the
    /// moment between its link and its card.
    fn remove_orphans(&self, card: &Card, artifact: &Path) -> io::Result<()> {
        match std::fs::symlink_metadata(artifact) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.shelf.remove_beside(&stem(&card.name, &card.version))
            }
            // A link to a disk that is not mounted is an artifact too: what is beside it is its own.
            there => there.map(drop),
        }
    }

    pub(crate) fn compare_with_there(&self, new: Card) -> Result<Published, DepotError> {
        let there = self.shelf.card_at(&stem(&new.name, &new.version))?;
        let Card { name, version, .. } = new.clone();
        if (&there.name, &there.version) != (&name, &version) {
            let (other, other_version) = (there.name, there.version);
            return Err(DepotError::SameFileName { name, version, other, other_version });
        }
        refuse_another(&there, &new.digest)?;
        // The same release may be another file, compressed by another zstd.
        let Card { packed_bytes, packed_digest, added_ms, .. } = there;
        self.compare_card(&there, &Card { packed_bytes, packed_digest, added_ms, ..new })?;
        Ok(Published::AlreadyThere(there))
    }

    /// Everything in the depot.
    pub fn list(&self) -> Result<Listing, DepotError> {
        if let Some(remote) = &self.away {
            return self.list_away(remote);
        }
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
        if self.away.is_some() {
            let cards = self.list()?.cards;
            let found = cards.into_iter().find(|card| (&card.name, &card.version) == (name, version));
            return found.ok_or_else(|| self.not_found(name, version));
        }
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
        let card = self.find(name, version)?;
        let manifest = self.brought_again(&card, || {
            let manifest = self.shelf.manifest(&stem(name, version), self.open_of(&card)?)?;
            let is_it = manifest.digest() == card.digest;
            if is_it { Ok(manifest) } else { Err(self.altered(&card, "the release it contains")) }
        })?;
        Ok((card, manifest))
    }

    /// What the release `digest` of one version says of itself; `None` where it says nothing, or nothing that is
    /// understood.
    ///
    /// # Errors
    /// Another release has that version by now, or it can't be read.
    pub fn about(
        &self,
        name: &AppName,
        version: &Version,
        digest: &Digest,
    ) -> Result<Option<About>, DepotError> {
        let (card, file) = self.open(name, version)?;
        refuse_another(&card, digest)?;
        let limits = self.shelf.limits();
        let json = content(file, ABOUT_PATH, digest, ABOUT_BYTES_MAX as u64, limits);
        let json =
            json.map_err(|source| DepotError::Artifact { path: self.artifact_path(name, version), source })?;
        Ok(json.and_then(|json| About::from_json(&json).ok()))
    }

    /// The artifact's bytes, and its card. Whoever unpacks them compares with the card's digest.
    pub fn open(&self, name: &AppName, version: &Version) -> Result<(Card, File), DepotError> {
        let card = self.find(name, version)?;
        let file = self.open_of(&card)?;
        Ok((card, file))
    }

    /// The bytes of `card`'s artifact, as many as it says. Whether they are those that it says, only reading them tells.
    fn open_of(&self, card: &Card) -> Result<File, DepotError> {
        if let Some(remote) = &self.away {
            self.bring_here(remote, card)?;
        }
        let path = self.artifact_path(&card.name, &card.version);
        let opened = files::open_regular(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (packed_bytes, file) = opened.map_err(|source| DepotError::Read { path, source })?;
        if packed_bytes == card.packed_bytes { Ok(file) } else { Err(self.altered(card, "its size")) }
    }

    /// Reads the whole artifact, on the machine where it is, once: its file against the card, its manifest against the
    /// card, its contents against the manifest; and the card against all of them, but for when it was added: a copy of a
    /// depot can have other times.
    pub fn verify(&self, name: &AppName, version: &Version) -> Result<Card, DepotError> {
        if let Some(remote) = &self.away {
            return remote.verify(name, version).map_err(DepotError::Away);
        }
        let (card, file) = self.open(name, version)?;
        let path = self.artifact_path(name, version);
        let unread = |source| DepotError::Read { path: path.clone(), source };
        let mut hasher = blake3::Hasher::new();
        let mut heard = Heard::new(file, |piece: &[u8]| {
            hasher.update(piece);
            Ok(())
        });
        let manifest = verify(&mut heard, Some(&card.digest), self.shelf.limits())
            .map_err(|source| DepotError::Artifact { path: path.clone(), source })?;
        let packed_bytes = heard.finish().map_err(unread)?;
        let (is, found) = (stem(name, version), stem(manifest.name(), manifest.version()));
        if is != found {
            return Err(DepotError::Misnamed { path, found });
        }
        let packed = (packed_bytes, hasher.finalize().into());
        if packed != (card.packed_bytes, card.packed_digest) {
            return Err(self.altered(&card, "the digest of the file"));
        }
        self.compare_card(&card, &Card::new(&manifest, packed, card.added_ms))?;
        Ok(card)
    }

    /// Where the artifact of one version lies on this machine, or would lie: of a depot on another one, once it was
    /// opened.
    pub fn artifact_path(&self, name: &AppName, version: &Version) -> PathBuf {
        self.shelf.file(&stem(name, version))
    }

    fn not_found(&self, name: &AppName, version: &Version) -> DepotError {
        let cards = self.list().map(|listing| listing.cards).unwrap_or_default();
        let there = cards.into_iter().filter(|card| card.name == *name).map(|card| card.version).collect();
        DepotError::NotFound { place: self.place(), name: name.clone(), version: version.clone(), there }
    }

    fn altered(&self, card: &Card, what: &'static str) -> DepotError {
        DepotError::Altered { path: self.artifact_path(&card.name, &card.version), what }
    }
}

/// What is for the release `digest` is not for another one that is `there` under its name.
fn refuse_another(there: &Card, digest: &Digest) -> Result<(), DepotError> {
    if there.digest == *digest {
        return Ok(());
    }
    let (name, version) = (there.name.clone(), there.version.clone());
    Err(DepotError::Taken { name, version, there: there.digest, new: *digest })
}

/// Gives the file the time of `card`, and the card the time that the file has then: some file systems know no milliseconds.
fn date(card: Card, partial: &mut Partial) -> io::Result<Card> {
    let added = UNIX_EPOCH.checked_add(Duration::from_millis(card.added_ms));
    let unknown = || io::Error::new(io::ErrorKind::InvalidInput, "there is no such time as its card says");
    partial.set_modified(added.ok_or_else(unknown)?)?;
    Ok(Card { added_ms: added_ms(&partial.metadata()?), ..card })
}
