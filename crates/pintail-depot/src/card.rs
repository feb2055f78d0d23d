//! The index card of an artifact: what a list of the depot says without opening it. Knows its JSON
//! (`docs/formats/artifact.md`); does not know where cards lie. A card is only a note: all of it but the time of
//! adding can be made again from the artifact.

use pintail_core::digest::Digest;
use pintail_core::manifest::Manifest;
use pintail_core::name::AppName;
use pintail_core::version::Version;
use serde::{Deserialize, Serialize};

/// The card format that this Pintail writes and reads.
pub const CARD_FORMAT: u32 = 1;

/// Most bytes of a card, 64 KiB; it has some 500.
pub(crate) const CARD_BYTES_MAX: u64 = 64 << 10;

/// What is known about an artifact in a depot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// [`CARD_FORMAT`].
    pub format: u32,
    /// The application.
    pub name: AppName,
    /// The version.
    pub version: Version,
    /// The digest of the manifest: the release's identity.
    pub digest: Digest,
    /// The commit it was made from, if known.
    pub commit: Option<String>,
    /// Size of the artifact file in bytes.
    pub packed_bytes: u64,
    /// Digest of the artifact file as it lies there; compression included, so not the release's identity.
    pub packed_digest: Digest,
    /// Bytes of all files when unpacked.
    pub tree_bytes: u64,
    /// How many files.
    pub files: u64,
    /// When it was added, in milliseconds since 1970 (UTC).
    pub added_ms: u64,
}

/// What a card's bytes are.
pub(crate) enum Read {
    Good(Card),
    /// Of another format, which may be better than ours: not to be written over.
    Format(u32),
    Broken,
}

impl Card {
    pub(crate) fn new(
        manifest: &Manifest,
        (packed_bytes, packed_digest): (u64, Digest),
        added_ms: u64,
    ) -> Card {
        Card {
            format: CARD_FORMAT,
            name: manifest.name().clone(),
            version: manifest.version().clone(),
            digest: manifest.digest(),
            commit: manifest.commit().map(str::to_owned),
            packed_bytes,
            packed_digest,
            tree_bytes: manifest.tree_bytes(),
            files: manifest.file_count(),
            added_ms,
        }
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("strings and numbers always become JSON");
        json.push(b'\n');
        json
    }

    pub(crate) fn read(json: &[u8]) -> Read {
        #[derive(Deserialize)]
        struct FormatOnly {
            format: u32,
        }
        match serde_json::from_slice::<FormatOnly>(json) {
            Ok(FormatOnly { format }) if format != CARD_FORMAT => Read::Format(format),
            _ => serde_json::from_slice(json).map_or(Read::Broken, Read::Good),
        }
    }
}
