//! The manifest: the list of what a release contains, file by file, and by its digest the release's identity.
//! Knows what a tree may contain and how the list is written (`docs/formats/artifact.md`); does not know where the
//! bytes of the files are, nor how they are packed.

mod bounds;
mod check;
mod entry;
mod tree_path;

pub use bounds::{ABOUT_PATH, ENTRIES_MAX, MANIFEST_BYTES_MAX, RESERVED_FOLDER, TREE_BYTES_MAX};
pub use check::Fault;
pub use entry::{Entry, EntryKind};
pub use tree_path::{PART_BYTES_MAX, PATH_BYTES_MAX, TreePath, TreePathError, shown};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::name::{AppName, ReleaseName};
use crate::version::Version;

/// The manifest format of a release that doesn't say what it asks.
pub const MANIFEST_FORMAT: u32 = 1;

/// The manifest format of a release with a `release.json`, which format 1 has no place for.
pub const MANIFEST_FORMAT_ABOUT: u32 = 2;

/// Where the manifest itself lies, in an artifact below its top folder and in an unpacked release.
pub const MANIFEST_PATH: &str = ".pintail/manifest.json";

/// Where an unpacked release notes which of its files are still what the manifest says. No part of the release.
pub const HELD_PATH: &str = ".pintail/held.json";

/// Faults told in full; the rest is counted. More than this nobody reads.
const FAULTS_TOLD_MAX: usize = 20;

/// What a release contains. A value of this type holds what `docs/formats/artifact.md` promises: entries are
/// sorted by path and unique, each lies in a listed directory, no link leaves the tree, all bounds are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Manifest {
    name: AppName,
    version: Version,
    commit: Option<String>,
    entries: Vec<Entry>,
    digest: Digest,
    tree_bytes: u64,
}

impl Manifest {
    /// A manifest of `entries`, in any order. `commit` is a commit's id in full or shortened, 4 to 64 lower-case
    /// hex digits. Everything that is wrong is reported at once.
    pub fn new(
        name: AppName,
        version: Version,
        commit: Option<String>,
        mut entries: Vec<Entry>,
    ) -> Result<Manifest, ManifestError> {
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        let mut faults = check::commit(commit.as_deref());
        faults.extend(check::entries(&entries));
        if !faults.is_empty() {
            return Err(ManifestError::Faults(faults));
        }
        let tree_bytes = entries.iter().map(Entry::size_bytes).sum();
        let written = Written { format: format(&entries), name, version, commit, entries };
        let json = canonical(&written);
        if json.len() as u64 > MANIFEST_BYTES_MAX {
            return Err(ManifestError::TooLarge { bytes: json.len() as u64 });
        }
        let Written { name, version, commit, entries, .. } = written;
        Ok(Manifest { name, version, commit, entries, digest: Digest::of(&json), tree_bytes })
    }

    /// Reads what [`Manifest::to_json`] wrote. Anything else, were it only a space more, is refused: the digest of
    /// these very bytes is the release's identity. A newer format is refused by its number, both named.
    pub fn from_json(json: &[u8]) -> Result<Manifest, ManifestError> {
        if json.len() as u64 > MANIFEST_BYTES_MAX {
            return Err(ManifestError::TooLarge { bytes: json.len() as u64 });
        }
        let FormatOnly { format } = serde_json::from_slice(json).map_err(unreadable)?;
        if !matches!(format, MANIFEST_FORMAT | MANIFEST_FORMAT_ABOUT) {
            return Err(ManifestError::Format { found: format });
        }
        let written: Written = serde_json::from_slice(json).map_err(unreadable)?;
        let manifest = Manifest::try_from(written)?;
        if manifest.digest != Digest::of(json) {
            return Err(ManifestError::NotCanonical);
        }
        Ok(manifest)
    }

    /// The manifest's one spelling: JSON without spaces, keys in the documented order, entries sorted by path.
    pub fn to_json(&self) -> Vec<u8> {
        canonical(&Written::from(self.clone()))
    }

    /// The BLAKE3 digest of [`Manifest::to_json`]: the identity of the release and of its artifact, however that
    /// is compressed.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The application.
    pub fn name(&self) -> &AppName {
        &self.name
    }

    /// The version of the application.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The commit the tree was made from, if that is known: 4 to 64 lower-case hex digits.
    pub fn commit(&self) -> Option<&str> {
        self.commit.as_deref()
    }

    /// Everything in the tree, sorted by path; a directory stands before what it contains.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry at `path`, if there is one.
    pub fn entry(&self, path: &TreePath) -> Option<&Entry> {
        check::find(&self.entries, path.as_str())
    }

    /// The name of the release's folder on a host.
    pub fn release_name(&self) -> ReleaseName {
        ReleaseName::new(self.version.clone(), &self.digest)
    }

    /// Bytes of all files together.
    pub fn tree_bytes(&self) -> u64 {
        self.tree_bytes
    }

    /// How many files there are, links and directories not counted.
    pub fn file_count(&self) -> u64 {
        self.entries.iter().filter(|entry| matches!(entry.kind, EntryKind::File { .. })).count() as u64
    }
}

/// Why something is no manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Written by another Pintail.
    #[error(
        "the manifest has format {found}, this pintail reads formats {MANIFEST_FORMAT} and {MANIFEST_FORMAT_ABOUT}; use the pintail that made it \
         or a newer one"
    )]
    Format {
        /// The format that the manifest says.
        found: u32,
    },
    /// No JSON, or not of the documented shape.
    #[error("the manifest can't be read: {reason}")]
    Unreadable {
        /// What the reader said, with line and column.
        reason: String,
    },
    /// More than [`MANIFEST_BYTES_MAX`].
    #[error("the manifest has {bytes} bytes, at most {MANIFEST_BYTES_MAX} are allowed")]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// Says the right thing in another spelling than [`Manifest::to_json`].
    #[error("the manifest is not in canonical form; it was changed after it was made")]
    NotCanonical,
    /// Everything that is wrong with the entries, never empty.
    #[error("{}", told(.0))]
    Faults(Vec<Fault>),
}

fn told(faults: &[Fault]) -> String {
    let mut lines: Vec<String> = faults.iter().take(FAULTS_TOLD_MAX).map(Fault::to_string).collect();
    if faults.len() > FAULTS_TOLD_MAX {
        lines.push(format!("and {} more", faults.len() - FAULTS_TOLD_MAX));
    }
    lines.join("\n")
}

fn unreadable(error: serde_json::Error) -> ManifestError {
    ManifestError::Unreadable { reason: error.to_string() }
}

/// The format alone, so that a newer manifest is told apart from a broken one.
#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

/// The manifest as its JSON has it. The order of the fields is the order of the keys: part of the format.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u32,
    name: AppName,
    version: Version,
    commit: Option<String>,
    entries: Vec<Entry>,
}

fn canonical(written: &Written) -> Vec<u8> {
    serde_json::to_vec(written).expect("strings, numbers and lists always become JSON")
}

impl TryFrom<Written> for Manifest {
    type Error = ManifestError;

    fn try_from(written: Written) -> Result<Self, ManifestError> {
        if !matches!(written.format, MANIFEST_FORMAT | MANIFEST_FORMAT_ABOUT) {
            return Err(ManifestError::Format { found: written.format });
        }
        Manifest::new(written.name, written.version, written.commit, written.entries)
    }
}

impl From<Manifest> for Written {
    fn from(manifest: Manifest) -> Written {
        let Manifest { name, version, commit, entries, .. } = manifest;
        Written { format: format(&entries), name, version, commit, entries }
    }
}

/// The format that these entries, which are sorted, are written in.
fn format(entries: &[Entry]) -> u32 {
    if check::is_about(entries) { MANIFEST_FORMAT_ABOUT } else { MANIFEST_FORMAT }
}

#[cfg(test)]
mod tests;
