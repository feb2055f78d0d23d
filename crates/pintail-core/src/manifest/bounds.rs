//! How large a tree and its manifest may be. Knows numbers only.

/// Most entries in one manifest. A large application with all its dependencies has some 100,000 files; ten times
/// that still fits a small host's memory.
pub const ENTRIES_MAX: usize = 1_000_000;

/// Most bytes of all files together, 64 GiB: far above any web application, and a limit at all.
pub const TREE_BYTES_MAX: u64 = 64 << 30;

/// Most bytes of a manifest's JSON, 256 MiB: what [`ENTRIES_MAX`] entries with ordinary paths need. It is read into
/// memory whole, so this bounds what an artifact from elsewhere can make a host allocate.
pub const MANIFEST_BYTES_MAX: u64 = 256 << 20;

/// The folder at the top of a release that belongs to Pintail. Only [`ABOUT_PATH`] may be an entry in it.
pub const RESERVED_FOLDER: &str = ".pintail";

/// Where a release says what it is and asks: its `release.json`.
pub const ABOUT_PATH: &str = ".pintail/release.json";
