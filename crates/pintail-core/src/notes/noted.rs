//! A commit, or a fragment, that asks something. Knows where it comes from; does not know what is live.

use serde::{Deserialize, Serialize};

use super::note::Asked;
use crate::digest::Digest;

/// One commit or fragment that asks something, or a commit that reverts one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// Where it comes from.
    pub origin: Origin,
    /// The message's first line, or the fragment's file name.
    pub subject: String,
    /// When it was committed, in seconds since 1970; a fragment has the time of the commit that it was read at.
    pub committed_s: i64,
    /// What it asks; with [`Noted::amended`], what the fragment says that it asks.
    #[serde(flatten)]
    pub asked: Asked,
    /// The fragment that corrects it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amended: Option<Amendment>,
    /// The commits that it reverts, in full; only those that are noted themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reverts: Vec<String>,
}

/// Where something noted comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Origin {
    /// The message of a commit.
    Commit {
        /// Its full hash.
        commit: String,
    },
    /// A file of the project.
    Fragment {
        /// Its path.
        path: String,
        /// Of its content.
        digest: Digest,
    },
}

impl Origin {
    /// The commit, if it is one.
    pub fn commit(&self) -> Option<&str> {
        match self {
            Origin::Commit { commit } => Some(commit),
            Origin::Fragment { .. } => None,
        }
    }

    /// As it is shown: the first twelve digits of the commit, or the path.
    pub fn short(&self) -> &str {
        match self {
            Origin::Commit { commit } => commit.get(..12).unwrap_or(commit),
            Origin::Fragment { path, .. } => path,
        }
    }
}

/// A fragment that corrects a commit's notes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amendment {
    /// Its path.
    pub path: String,
    /// Of its content.
    pub digest: Digest,
}
