//! The journal: what was begun, done and undone, in the order in which it happened.
//! It doesn't know where it is kept; a journal's keeper implements [`Journal`].

use serde::{Deserialize, Serialize};

use crate::Failure;

/// Keeps the events of one saga, in order, through a power cut.
pub trait Journal<M> {
    /// Adds `event` at the end, and returns only once it is synced.
    ///
    /// The answer must be true, since the saga decides by it whether a step may act:
    ///
    /// * `Ok`: the event is in the journal and survives a power cut.
    /// * `Err`: the event is *not* in the journal and won't turn up there later (cut the file back to its
    ///   former length). The saga may offer the same event again: undoing a step often makes room on a disk.
    /// * Who can't tell (the cutting back failed too) must end the process rather than answer. That is a
    ///   power cut to the saga, which [`resume`](crate::resume) survives with either journal.
    ///
    /// # Errors
    /// Says what could not be written, and where.
    fn append(&mut self, event: Event<M>) -> Result<(), Failure>;
}

/// One line of the journal. It is written to disk, so its names are a promise.
///
/// `step` counts from 0; `why` is a [`Failure`] as shown, or what the interrupt said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event<M> {
    /// The step is about to act; `memo` is what undoing it needs.
    Looked {
        /// Which step.
        step: usize,
        /// What undoing it needs.
        memo: M,
    },
    /// The step has acted. For the pivot this is the point of no return.
    Acted {
        /// Which step.
        step: usize,
    },
    /// The step couldn't look, act or be recorded: everything is being undone from here on.
    Failed {
        /// Which step.
        step: usize,
        /// Why.
        why: String,
    },
    /// An interrupt, or the operator's wish on resuming: everything is being undone from here on.
    Undoing {
        /// Who or what wished so.
        why: String,
    },
    /// The step is as it was before.
    Undone {
        /// Which step.
        step: usize,
    },
    /// The step couldn't be undone, this time.
    UndoFailed {
        /// Which step.
        step: usize,
        /// Why.
        why: String,
    },
    /// A step after the pivot failed and was left.
    Remark {
        /// Which step.
        step: usize,
        /// Why.
        why: String,
    },
    /// Ending: every step has acted, or was left with a remark after the pivot.
    Done,
    /// Ending: everything is undone.
    Reversed,
    /// Ending until someone resumes: the step couldn't be undone, nor so those before it.
    Stuck {
        /// Which step.
        step: usize,
        /// Why it couldn't be undone.
        why: String,
    },
}
