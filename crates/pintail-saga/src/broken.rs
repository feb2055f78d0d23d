//! What is said when a journal can't be relied upon. It doesn't know where journals are kept.

use crate::{Ending, Failure, Nonsense};

/// The journal could not be relied upon.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The journal to resume from makes no sense; nothing was touched.
    #[error(transparent)]
    Nonsense(#[from] Nonsense),
    /// The saga came to `ending`, but the journal couldn't be written and still stands earlier.
    ///
    /// The world is as `ending` says. Resuming later is right in either direction: undoing undoes again what
    /// is undone already, and finishing repeats the acts that the journal has.
    #[error("the operation has ended, but its journal doesn't say so\n{why}")]
    Unrecorded {
        /// How the saga really ended.
        ending: Ending,
        /// Why the journal couldn't be written.
        why: Box<Failure>,
    },
}
