//! What an unpacked release still has of what its manifest says, so that the next one can be made of it without
//! reading it all. Knows times and sizes; does not know what changed a file.
//!
//! A content is believed to be unchanged while its file has the size that the manifest says and the time of change,
//! to the nanosecond, that it had when it was unpacked. Whoever writes a file changes that time, or means to deceive;
//! and who can do that to a release can do anything to it. Contents that are made of believed ones and new bytes are
//! compared with their digests all the same.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use pintail_core::digest::Digest;
use pintail_core::manifest::{Entry, EntryKind, HELD_PATH, Manifest};
use serde::{Deserialize, Serialize};

const FORMAT: u32 = 1;

/// Most bytes of it: 21 for each of a million files.
const HELD_BYTES_MAX: u64 = 32 << 20;

/// Most contents that a release may lack and still be built upon. One that lost more was made anew by its `prepare`.
pub const LACKING_MAX: usize = 1000;

/// What a release has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    format: u32,
    /// Nothing changes the release from here on.
    sealed: bool,
    /// Contents of the manifest that it has in no file.
    lacking: Vec<Digest>,
    /// For each file of the manifest in its order: when it was changed last, in nanoseconds since 1970; nothing if
    /// it is not what the manifest says.
    changed_ns: Vec<Option<u64>>,
}

impl Held {
    /// What a release that was just unpacked to `folder` has.
    pub fn of(folder: &Path, manifest: &Manifest) -> Held {
        let changed_ns = files(manifest).map(|entry| seen(folder, entry)).collect();
        Held { format: FORMAT, sealed: false, lacking: Vec::new(), changed_ns }
    }

    /// What of it is left, now that nothing will change it any more.
    #[must_use]
    pub fn sealed(&self, folder: &Path, manifest: &Manifest) -> Held {
        let changed_ns: Vec<Option<u64>> = files(manifest)
            .zip(&self.changed_ns)
            .map(|(entry, then)| then.filter(|then| seen(folder, entry) == Some(*then)))
            .collect();
        let mut had = HashSet::new();
        let mut lacking = Vec::new();
        for (entry, seen) in files(manifest).zip(&changed_ns) {
            if let (EntryKind::File { digest, .. }, Some(_)) = (&entry.kind, seen) {
                had.insert(*digest);
            }
        }
        for entry in files(manifest) {
            if let EntryKind::File { digest, .. } = &entry.kind
                && had.insert(*digest)
            {
                lacking.push(*digest);
            }
        }
        Held { format: FORMAT, sealed: true, lacking, changed_ns }
    }

    /// That of the release in `folder`; nothing if it has none, or one that can't be understood.
    pub fn read(folder: &Path) -> Option<Held> {
        let json = pintail_os::files::read_bounded(&folder.join(HELD_PATH), HELD_BYTES_MAX).ok()?;
        serde_json::from_slice(&json).ok().filter(|held: &Held| held.format == FORMAT)
    }

    /// Writes it into the release in `folder`.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        pintail_os::files::write_whole(&folder.join(HELD_PATH), &self.to_json(), 0o644)
    }

    /// As it is written: numbers and digests only, so that always goes.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Whether nothing changes the release any more.
    pub fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// Contents of the manifest that the release has in no file. Nothing if the release can't be built upon.
    pub fn lacking(&self) -> Option<&[Digest]> {
        (self.sealed && self.lacking.len() <= LACKING_MAX).then_some(self.lacking.as_slice())
    }

    /// Whether the release in `folder` still has all that it had when it was sealed.
    pub fn is_still_so(&self, folder: &Path, manifest: &Manifest) -> bool {
        let same =
            |(entry, then): (&Entry, &Option<u64>)| then.is_none_or(|then| seen(folder, entry) == Some(then));
        self.changed_ns.len() == files(manifest).count() && files(manifest).zip(&self.changed_ns).all(same)
    }

    /// The files of `manifest` that are what it says: where, which content, and when they were changed last.
    pub fn contents<'a>(&'a self, manifest: &'a Manifest) -> impl Iterator<Item = (&'a str, Digest, u64)> {
        files(manifest).zip(&self.changed_ns).filter_map(|(entry, seen)| match entry.kind {
            EntryKind::File { digest, .. } => Some((entry.path.as_str(), digest, (*seen)?)),
            _ => None,
        })
    }

    /// For each entry of `manifest`: when its file was changed last, if it is what the manifest says.
    pub(crate) fn by_entry(&self, manifest: &Manifest) -> Vec<Option<u64>> {
        let mut times = self.changed_ns.iter();
        let one = |entry: &Entry| match entry.kind {
            EntryKind::File { .. } => times.next().copied().flatten(),
            _ => None,
        };
        manifest.entries().iter().map(one).collect()
    }
}

fn files(manifest: &Manifest) -> impl Iterator<Item = &Entry> {
    manifest.entries().iter().filter(|entry| matches!(entry.kind, EntryKind::File { .. }))
}

/// When the file of `entry` was changed last, if it can be what the manifest says.
fn seen(folder: &Path, entry: &Entry) -> Option<u64> {
    changed_ns(&fs::symlink_metadata(folder.join(entry.path.as_str())).ok()?, entry)
}

/// As [`seen`], of a file that was looked at.
pub(crate) fn changed_ns(found: &Metadata, entry: &Entry) -> Option<u64> {
    if !found.is_file() || found.len() != entry.size_bytes() {
        return None;
    }
    let seconds = u64::try_from(found.mtime()).ok()?;
    seconds.checked_mul(1_000_000_000)?.checked_add(u64::try_from(found.mtime_nsec()).ok()?)
}
