//! How a saga ends. It doesn't know exit codes, nor what the steps are called.

/// One of the three endings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Every step up to the pivot has acted; those after it too, but for the ones that were left.
    Done {
        /// Steps after the pivot that failed, in order.
        remarks: Vec<Left>,
    },
    /// Everything is as it was before the saga.
    Undone {
        /// The step at which the saga turned round: it failed, or would have been next.
        step: usize,
        /// Why it turned round.
        why: String,
    },
    /// A step couldn't be undone: it and the steps before it are not as they were.
    Stuck {
        /// The step that couldn't be undone.
        step: usize,
        /// Why the saga had turned round.
        why: String,
        /// Why the step couldn't be undone.
        undo_why: String,
    },
}

/// A step after the pivot that failed and was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Which step.
    pub step: usize,
    /// Why it failed.
    pub why: String,
}
