//! `release.json`: what a release says of itself, so that a deployment needs no git: its commit, tasks, settings and
//! dependencies, and everything that its whole history asks. A function of the commit alone, and so the same wherever it
//! is made. Knows how it is written (`docs/formats/notes.md`); does not know how a history is read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::noted::Noted;
use crate::name::AppName;
use crate::version::Version;

/// The format that this Pintail writes and reads.
pub const ABOUT_FORMAT: u32 = 1;

/// Its file name.
pub const ABOUT_NAME: &str = "release.json";

/// Bytes of the whole document. The oldest notes go when it would be more, so only the notes of decades reach it.
pub const ABOUT_BYTES_MAX: usize = 2 << 20;

/// What a release says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// [`ABOUT_FORMAT`].
    pub format: u32,
    /// The application.
    pub name: AppName,
    /// The release's version.
    pub version: Version,
    /// The commit it is made of: the full hash.
    pub commit: String,
    /// When that was committed, in seconds since 1970.
    pub committed_s: i64,
    /// The tasks that `pintail.toml` declares there.
    pub tasks: BTreeMap<String, Task>,
    /// The names of the targets that it declares, in order.
    pub targets: Vec<String>,
    /// The settings that it wants of a host: `host.env_required`.
    pub settings: Vec<String>,
    /// The dependencies that are declared there, sorted by file and name.
    pub dependencies: Vec<Declared>,
    /// The files that say what the database's schema is, by path, with the name that git gave their content.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub schema: BTreeMap<String, String>,
    /// Every commit of the whole history that asks something, oldest first, then the fragments by path.
    pub notes: Vec<Noted>,
    /// How many of the oldest were left out to keep [`ABOUT_BYTES_MAX`].
    #[serde(default)]
    pub left_out: u32,
}

/// A task of `pintail.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The command, as the shell reads it.
    pub run: String,
    /// How long it may take, in milliseconds.
    pub within_ms: u64,
}

/// A dependency, as a file of the project declares it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Declared {
    /// The file, such as `cpanfile`.
    pub file: String,
    /// Its name there.
    pub name: String,
    /// Which versions will do, as written; empty: any.
    pub range: String,
}

/// Why something is no `release.json`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AboutError {
    /// Written by another Pintail.
    #[error(
        "`release.json` has format {found}, this pintail reads format {ABOUT_FORMAT}; use the pintail that made it or a \
         newer one"
    )]
    Format {
        /// The format that it says.
        found: u32,
    },
    /// No JSON, or not of the documented shape.
    #[error("`release.json` can't be read: {reason}")]
    Unreadable {
        /// What the reader said, with line and column.
        reason: String,
    },
    /// More than [`ABOUT_BYTES_MAX`].
    #[error("`release.json` has {bytes} bytes, at most {ABOUT_BYTES_MAX} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
}

/// The format alone, so that a newer document is told apart from a broken one.
#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

impl About {
    /// Reads what [`About::to_json`] wrote. Keys that are not known are left unread: whatever a later Pintail adds that
    /// asks something gets another format.
    ///
    /// # Errors
    /// It is none, or of another format.
    pub fn from_json(json: &[u8]) -> Result<About, AboutError> {
        if json.len() > ABOUT_BYTES_MAX {
            return Err(AboutError::TooLarge { bytes: json.len() });
        }
        let unreadable = |error: serde_json::Error| AboutError::Unreadable { reason: error.to_string() };
        let FormatOnly { format } = serde_json::from_slice(json).map_err(unreadable)?;
        if format != ABOUT_FORMAT {
            return Err(AboutError::Format { found: format });
        }
        serde_json::from_slice(json).map_err(unreadable)
    }

    /// Its one spelling: JSON without spaces, keys in the documented order.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings, numbers and lists always become JSON")
    }

    /// Leaves out as many of the oldest notes as it takes to keep [`ABOUT_BYTES_MAX`].
    #[must_use]
    pub fn bounded(mut self) -> About {
        let mut bytes = self.to_json().len();
        let mut out = 0;
        // The digits of `left_out` may become more.
        while bytes + 10 > ABOUT_BYTES_MAX && out < self.notes.len() {
            let one = serde_json::to_vec(&self.notes[out]).map_or(0, |json| json.len() + 1);
            bytes = bytes.saturating_sub(one);
            out += 1;
        }
        self.notes.drain(..out);
        self.left_out = self.left_out.saturating_add(u32::try_from(out).unwrap_or(u32::MAX));
        self
    }
}
