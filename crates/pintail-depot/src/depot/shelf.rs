//! The files of a depot: what they are called, and the card that belongs to each artifact. Knows how a card is read,
//! written and made again; does not know when something may be published.

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use pintail_core::digest::Digest;
use pintail_core::manifest::Manifest;
use pintail_core::name::AppName;
use pintail_core::version::Version;
use pintail_os::files;
use pintail_os::lock::Lock;

use super::error::DepotError;
use super::heard::Heard;
use crate::archive::{ArtifactReader, Form};
use crate::card::{CARD_BYTES_MAX, CARD_FORMAT, Card, Read};
use crate::limits::Limits;
use crate::partial::Partial;
use crate::unpack::UnpackError;

/// The subfolder of a depot that artifacts lie in.
const ARTIFACTS: &str = "artifacts";

/// How an artifact's file name ends.
const ARTIFACT_ENDING: &str = ".tar.zst";

/// How a card's file name ends.
const CARD_ENDING: &str = ".json";

/// How a proof's file name ends.
const PROOF_ENDING: &str = ".proof.json";

/// How a signature's file name ends, behind that of what is signed: where `minisign -V` looks.
const SIGNATURE_ENDING: &str = ".minisig";

/// The file in the depot's folder that is locked by who links an artifact, takes one away or puts something beside one.
const LOCK: &str = ".linking";

/// How long another one is waited for: what is done under the lock are some links and syncs.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// The folder that artifacts and cards lie in.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    folder: PathBuf,
    lock: PathBuf,
    limits: Limits,
}

impl Shelf {
    pub(super) fn new(depot: &Path, limits: Limits) -> Shelf {
        Shelf { folder: depot.join(ARTIFACTS), lock: depot.join(LOCK), limits }
    }

    /// Waits until nobody else links, takes away or writes beside; nobody does as long as the lock is held. Who reads
    /// needs none.
    pub(super) fn alone(&self) -> Result<Lock, DepotError> {
        let failed = |source| DepotError::Write { path: self.lock.clone(), source };
        let taken = Lock::take_common_within(&self.lock, WAIT_MAX).map_err(failed)?;
        taken.ok_or_else(|| failed(io::Error::other("somebody else has been writing there for a minute")))
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn file(&self, stem: &str) -> PathBuf {
        self.folder.join(format!("{stem}{ARTIFACT_ENDING}"))
    }

    pub(super) fn card_path(&self, stem: &str) -> PathBuf {
        self.folder.join(format!("{stem}{CARD_ENDING}"))
    }

    pub(super) fn proof_path(&self, stem: &str) -> PathBuf {
        self.folder.join(format!("{stem}{PROOF_ENDING}"))
    }

    pub(super) fn signature_path(&self, stem: &str) -> PathBuf {
        self.folder.join(format!("{stem}{ARTIFACT_ENDING}{SIGNATURE_ENDING}"))
    }

    /// Removes what lies beside the artifact at `stem`: what is missing is fine.
    pub(super) fn remove_beside(&self, stem: &str) -> io::Result<()> {
        for path in [self.card_path(stem), self.proof_path(stem), self.signature_path(stem)] {
            files::remove_file(&path)?;
        }
        Ok(())
    }

    /// `NAME-VERSION` of every artifact, sorted. Temporary files start with a dot and don't count.
    pub(super) fn stems(&self) -> Result<Vec<String>, DepotError> {
        let path = self.folder.clone();
        let names = match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            read => {
                read.and_then(|items| items.map(|item| Ok(item?.file_name())).collect::<io::Result<Vec<_>>>())
            }
        };
        let names = names.map_err(|source| DepotError::Read { path, source })?;
        let visible = names.iter().filter_map(|name| name.to_str()).filter(|name| !name.starts_with('.'));
        let mut stems: Vec<String> =
            visible.filter_map(|name| name.strip_suffix(ARTIFACT_ENDING)).map(str::to_owned).collect();
        stems.sort();
        Ok(stems)
    }

    /// The card of the artifact at `stem`; made from the artifact if it is missing or broken.
    pub(super) fn card_at(&self, stem: &str) -> Result<Card, DepotError> {
        let path = self.card_path(stem);
        match self.card_there(stem)? {
            Some((Read::Good(card), _)) if self::stem(&card.name, &card.version) == stem => Ok(card),
            Some((Read::Format(found), _)) => Err(DepotError::CardFormat { path, found, known: CARD_FORMAT }),
            _ => self.make_missing_card(stem),
        }
    }

    /// The card that lies there, with its bytes; none if nothing lies there that could be one.
    fn card_there(&self, stem: &str) -> Result<Option<(Read, Vec<u8>)>, DepotError> {
        let path = self.card_path(stem);
        match files::read_regular(&path, CARD_BYTES_MAX) {
            Ok(json) => Ok(Some((Card::read(&json), json))),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::Other) => Ok(None),
            Err(source) => Err(DepotError::Read { path, source }),
        }
    }

    fn make_missing_card(&self, stem: &str) -> Result<Card, DepotError> {
        let (card, of) = self.make_card(stem)?;
        // Somebody who is linking or taking away at this moment sees to the card, or the next reader does.
        let written = match Lock::try_take_common(&self.lock) {
            Ok(Some(_alone)) => self.write_card_of(&card, &of),
            // Who can't lock can't write either: a file system over a network says so in many ways.
            Ok(None) | Err(_) => return Ok(card),
        };
        match written {
            // A depot that may only be read, or is full, is still a depot.
            Err(DepotError::Write { source, .. }) if cannot_grow(&source) => Ok(card),
            written => written.map(|()| card),
        }
    }

    /// Makes the card of the artifact at `stem` anew, if it isn't what it should be; says how.
    pub(super) fn remake_card(&self, stem: &str) -> Result<Remade, DepotError> {
        let there = match self.card_there(stem)? {
            Some((Read::Format(found), _)) => {
                return Err(DepotError::CardFormat { path: self.card_path(stem), found, known: CARD_FORMAT });
            }
            there => there,
        };
        let (card, of) = self.make_card(stem)?;
        let was = match there {
            Some((_, json)) if json == card.to_json() => return Ok(Remade::AsItWas),
            Some((Read::Good(was), _)) => Some(was),
            _ => None,
        };
        let _alone = self.alone()?;
        self.write_card_of(&card, &of)?;
        let is_same = |was: &Card| (was.digest, was.packed_digest) == (card.digest, card.packed_digest);
        Ok(match was {
            Some(was) if !is_same(&was) => Remade::OfAnother { was: Box::new(was), card: Box::new(card) },
            _ => Remade::Anew,
        })
    }

    /// The card of the artifact at `stem`, made of nothing but that, and the file that was read.
    fn make_card(&self, stem: &str) -> Result<(Card, Metadata), DepotError> {
        let path = self.file(stem);
        let failed = |source| DepotError::Read { path: path.clone(), source };
        let file = files::open_regular(&path).map_err(failed)?;
        let of = file.metadata().map_err(failed)?;
        let mut hasher = blake3::Hasher::new();
        let (manifest, bytes) = self.read_through(stem, file, |piece| {
            hasher.update(piece);
            Ok(())
        })?;
        let found = self::stem(manifest.name(), manifest.version());
        if found != stem {
            return Err(DepotError::Misnamed { path, found });
        }
        Ok((Card::new(&manifest, (bytes, hasher.finalize().into()), added_ms(&of)), of))
    }

    /// Writes `card`, which was made of the file `of`, unless its artifact is another one by now. The lock is held.
    fn write_card_of(&self, card: &Card, of: &Metadata) -> Result<(), DepotError> {
        let is_it = |found: &Metadata| {
            (found.dev(), found.ino(), found.ctime(), found.ctime_nsec())
                == (of.dev(), of.ino(), of.ctime(), of.ctime_nsec())
        };
        match fs::metadata(self.file(&stem(&card.name, &card.version))) {
            Ok(found) if is_it(&found) => self.write_card(card),
            _ => Ok(()),
        }
    }

    /// Reads `file`, that of the artifact at `stem`, once to its end: its manifest, of the very bytes that `hear` hears,
    /// and how many there are.
    pub(super) fn read_through(
        &self,
        stem: &str,
        file: impl io::Read,
        hear: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(Manifest, u64), DepotError> {
        let mut heard = Heard::new(file, hear);
        let manifest = self.manifest(stem, &mut heard)?;
        let bytes = heard.finish().map_err(|source| DepotError::Read { path: self.file(stem), source })?;
        Ok((manifest, bytes))
    }

    pub(super) fn manifest(&self, stem: &str, file: impl io::Read) -> Result<Manifest, DepotError> {
        let failed = |source| DepotError::Artifact { path: self.file(stem), source };
        let reader = ArtifactReader::open(file, &self.limits).map_err(|error| failed(error.into()))?;
        match reader.form {
            Form::Own(manifest) => Ok(*manifest),
            Form::Foreign => Err(failed(UnpackError::Foreign)),
        }
    }

    pub(super) fn write_card(&self, card: &Card) -> Result<(), DepotError> {
        self.write_beside(self.card_path(&stem(&card.name, &card.version)), &card.to_json())
    }

    /// Writes what lies beside an artifact, in place of what is there.
    pub(super) fn write_beside(&self, path: PathBuf, bytes: &[u8]) -> Result<(), DepotError> {
        let written = Partial::create(&self.folder).and_then(|mut partial| {
            partial.write_all(bytes)?;
            partial.replace(&path)
        });
        written.map_err(|source| DepotError::Write { path, source })
    }
}

/// The file name without its ending. Two pairs can have one (`a-1` `2` and `a` `1-2`): the card tells which it is.
pub(super) fn stem(name: &AppName, version: &Version) -> String {
    format!("{name}-{version}")
}

/// What became of a card that was made anew.
pub(super) enum Remade {
    /// Nothing: it was right.
    AsItWas,
    /// It was missing, broken, or said something wrong.
    Anew,
    /// It was that of another file.
    OfAnother {
        /// What it said.
        was: Box<Card>,
        /// What it says now.
        card: Box<Card>,
    },
}

/// When an artifact was added, in milliseconds since 1970: publishing makes it the time of the file, so that a card can be
/// made again from that alone.
pub(super) fn added_ms(of: &Metadata) -> u64 {
    let since = of.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn digest_of(path: &Path) -> Result<(u64, Digest), DepotError> {
    let mut hasher = blake3::Hasher::new();
    let read = File::open(path).and_then(|file| hasher.update_reader(file).map(drop));
    read.map_err(|source| DepotError::Read { path: path.to_owned(), source })?;
    Ok((hasher.count(), hasher.finalize().into()))
}

fn cannot_grow(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
    )
}
