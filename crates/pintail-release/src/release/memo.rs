//! What undoing a step needs to know of the world before it. It is journaled before the step acts, so its form is a
//! promise: `docs/formats/release-journal.md`.

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
    /// What was live on the target.
    Live {
        /// The release, the same on every host; `None` where none was.
        release: Option<ReleaseName>,
    },
}
