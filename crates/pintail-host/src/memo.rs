//! What undoing a step needs to know of the host before it. It is journaled before the step acts, so its
//! form is a promise: `docs/formats/journal.md`.

use pintail_core::manifest::TreePath;
use serde::{Deserialize, Serialize};

/// What undoing a step needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "was", rename_all = "kebab-case")]
pub enum Memo {
    /// Nothing.
    Nothing,
    /// Whether what the step makes was there before.
    There {
        /// It was.
        there: bool,
    },
    /// What a link said, or a flag file held.
    Text {
        /// It; `None` where nothing was there.
        text: Option<String>,
    },
    /// Which paths the step makes or replaces.
    Paths {
        /// Those that were not there before.
        made: Vec<TreePath>,
        /// Those that were there and are kept aside.
        replaced: Vec<TreePath>,
    },
}
