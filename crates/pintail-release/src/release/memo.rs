//! What undoing a step needs to know of the world before it. It is journaled before the step acts, so its form is a
//! promise: `docs/formats/release-journal.md`.

use pintail_core::digest::Digest;
use pintail_core::name::ReleaseName;
use serde::{Deserialize, Serialize};

/// What undoing a step needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "was", rename_all = "kebab-case")]
pub(super) enum Memo {
    /// Nothing that the plan does not say.
    Nothing,
    /// Which commit the step is about.
    Commit {
        /// Its hash.
        commit: String,
    },
    /// What was live on the target, and what shall be: the bench that could tell may be gone when it is undone.
    Live {
        /// The release before, the same on every host; `None` where none was.
        release: Option<ReleaseName>,
        /// The one that this release makes.
        new: ReleaseName,
    },
    /// What the tag says.
    Tag {
        /// The hash of its commit.
        commit: String,
        /// The digest of the artifact.
        digest: Digest,
    },
}
