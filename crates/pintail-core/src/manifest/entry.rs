//! One thing in a tree: a file, a symbolic link, a directory. Knows how it is written in a manifest; does not know
//! whether it fits beside the others.

use serde::{Deserialize, Serialize};

use super::tree_path::TreePath;
use crate::digest::Digest;

/// One thing in a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Entry {
    /// Where it lies.
    pub path: TreePath,
    /// What it is.
    pub kind: EntryKind,
}

/// What an entry is. Owners, times, and all mode bits but "may be run" are no part of a release: they differ from
/// machine to machine and would give one tree many identities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A folder, mode 0755.
    Directory,
    /// A regular file, mode 0755 if it may be run, else 0644.
    File {
        /// Whether it may be run.
        executable: bool,
        /// Its length in bytes.
        size_bytes: u64,
        /// The digest of its content.
        digest: Digest,
    },
    /// A symbolic link.
    Symlink {
        /// What it says, untouched; inside a [`super::Manifest`] it is relative and stays in the tree.
        target: String,
    },
}

impl Entry {
    /// Permission bits: 0755 or 0644; 0777 for a link, as Linux has it.
    pub fn mode(&self) -> u32 {
        match self.kind {
            EntryKind::Directory | EntryKind::File { executable: true, .. } => 0o755,
            EntryKind::File { executable: false, .. } => 0o644,
            EntryKind::Symlink { .. } => 0o777,
        }
    }

    /// Bytes of content; 0 for everything but files.
    pub fn size_bytes(&self) -> u64 {
        match self.kind {
            EntryKind::File { size_bytes, .. } => size_bytes,
            EntryKind::Directory | EntryKind::Symlink { .. } => 0,
        }
    }
}

/// An entry as the JSON has it; the order of the fields is part of the format.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum Written {
    Directory { path: TreePath },
    File { path: TreePath, mode: Mode, size: u64, digest: Digest },
    Symlink { path: TreePath, target: String },
}

#[derive(Serialize, Deserialize)]
enum Mode {
    #[serde(rename = "0644")]
    Plain,
    #[serde(rename = "0755")]
    Executable,
}

impl From<Written> for Entry {
    fn from(written: Written) -> Entry {
        match written {
            Written::Directory { path } => Entry { path, kind: EntryKind::Directory },
            Written::File { path, mode, size, digest } => {
                let executable = matches!(mode, Mode::Executable);
                Entry { path, kind: EntryKind::File { executable, size_bytes: size, digest } }
            }
            Written::Symlink { path, target } => Entry { path, kind: EntryKind::Symlink { target } },
        }
    }
}

impl From<Entry> for Written {
    fn from(Entry { path, kind }: Entry) -> Written {
        match kind {
            EntryKind::Directory => Written::Directory { path },
            EntryKind::File { executable, size_bytes, digest } => {
                let mode = if executable { Mode::Executable } else { Mode::Plain };
                Written::File { path, mode, size: size_bytes, digest }
            }
            EntryKind::Symlink { target } => Written::Symlink { path, target },
        }
    }
}
