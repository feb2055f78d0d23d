//! How much an artifact from elsewhere may cost the machine that reads it. Knows numbers only.

use pintail_core::manifest::{ENTRIES_MAX, MANIFEST_BYTES_MAX, TREE_BYTES_MAX};

/// Bytes of headers, long names and padding in one archive, 4 GiB: a million entries need some 2 GiB with
/// everything that the common archivers add, and what is more is padding made to keep a machine busy.
pub(crate) const OVERHEAD_BYTES_MAX: u64 = 4 << 30;

/// Bytes of one extension member (a long name, pax records), 64 KiB: a path has at most 4 KiB, and pax records
/// with times, owners and attributes stay far below this.
pub(crate) const EXTENSION_BYTES_MAX: u64 = 64 << 10;

/// Zero bytes behind an archive's end, 1 MiB. GNU tar fills up to 10 KiB, a tape's blocking factor may be larger.
pub(crate) const PADDING_BYTES_MAX: u64 = 1 << 20;

/// The bounds within which an artifact is read. What is above one is refused before it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Most entries.
    pub entries: usize,
    /// Most bytes of all files together.
    pub tree_bytes: u64,
    /// Most bytes of the manifest, which is read into memory.
    pub manifest_bytes: u64,
    /// Largest window of zstd as a power of two: the memory in bytes that decompressing may take.
    pub zstd_window_log: u32,
}

impl Default for Limits {
    /// What a manifest may have at most, and 128 MiB for zstd: its own default, which `zstd --long` uses up.
    fn default() -> Limits {
        let (entries, tree_bytes, manifest_bytes) = (ENTRIES_MAX, TREE_BYTES_MAX, MANIFEST_BYTES_MAX);
        Limits { entries, tree_bytes, manifest_bytes, zstd_window_log: 27 }
    }
}
