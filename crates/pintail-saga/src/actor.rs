//! Who does the steps. The saga doesn't know what they are about.

use crate::Failure;

/// Looks, acts and undoes, one step at a time, as the saga says.
///
/// An actor keeps nothing in memory between these calls that a step or its memo should have said: after a
/// crash a new actor goes on with the old journal. A panic is a crash to the saga: nothing is undone until
/// someone resumes.
pub trait Actor {
    /// What is to be done; read from the plan, never changed.
    type Step;
    /// What undoing a step needs to know of the world before it.
    type Memo: Clone;

    /// Finds out what undoing `step` will need. Changes nothing, and may be repeated.
    ///
    /// # Errors
    /// Says why the step can't be begun.
    fn look(&mut self, step: &Self::Step) -> Result<Self::Memo, Failure>;

    /// Does the step.
    ///
    /// May be repeated with the same memo: after a part of it has happened, after all of it has (and after
    /// later steps have), and after it was undone. Repeating changes nothing that holds already.
    ///
    /// # Errors
    /// Says why; whatever had happened by then is `undo`'s to clear away.
    fn act(&mut self, step: &Self::Step, memo: &Self::Memo) -> Result<(), Failure>;

    /// Makes the step as if it had never been, by what `memo` says.
    ///
    /// May be repeated: where the step hasn't acted at all, has half acted, or is (half) undone already.
    ///
    /// # Errors
    /// Says why the step can't be undone.
    fn undo(&mut self, step: &Self::Step, memo: &Self::Memo) -> Result<(), Failure>;
}
