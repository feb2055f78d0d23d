//! The files of a depot: what they are called, and the card that belongs to each artifact. Knows how a card is read,
//! written and made again; does not know when something may be published.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use pintail_core::digest::Digest;
use pintail_core::manifest::Manifest;
use pintail_core::name::AppName;
use pintail_core::version::Version;

use super::error::DepotError;
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

/// The folder that artifacts and cards lie in.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    folder: PathBuf,
    limits: Limits,
}

impl Shelf {
    pub(super) fn new(depot: &Path, limits: Limits) -> Shelf {
        Shelf { folder: depot.join(ARTIFACTS), limits }
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
            pintail_os::files::remove_file(&path)?;
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
        match pintail_os::files::read_bounded(&path, CARD_BYTES_MAX) {
            Ok(json) => match Card::read(&json) {
                Read::Good(card) if self::stem(&card.name, &card.version) == stem => Ok(card),
                Read::Good(_) | Read::Broken => self.make_card(stem),
                Read::Format(found) => Err(DepotError::CardFormat { path, found, known: CARD_FORMAT }),
            },
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::Other) => {
                self.make_card(stem)
            }
            Err(source) => Err(DepotError::Read { path, source }),
        }
    }

    /// Makes a card from the artifact. When it was added is not known any more; the time that its file was last
    /// written comes nearest.
    fn make_card(&self, stem: &str) -> Result<Card, DepotError> {
        let path = self.file(stem);
        let failed = |source| DepotError::Read { path: path.clone(), source };
        let file = File::open(&path).map_err(failed)?;
        let written = file.metadata().and_then(|about| about.modified()).map_err(failed)?;
        let added = written.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let manifest = self.manifest(stem, &file)?;
        let found = self::stem(manifest.name(), manifest.version());
        if found != stem {
            return Err(DepotError::Misnamed { path, found });
        }
        let card =
            Card::new(&manifest, digest_of(&path)?, u64::try_from(added.as_millis()).unwrap_or(u64::MAX));
        match self.write_card(&card) {
            // A depot that may only be read, or is full, is still a depot.
            Err(DepotError::Write { source, .. }) if cannot_grow(&source) => Ok(card),
            written => written.map(|()| card),
        }
    }

    pub(super) fn manifest(&self, stem: &str, file: &File) -> Result<Manifest, DepotError> {
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
