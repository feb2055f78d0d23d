//! Stops an actor between two parts of an act. It doesn't know why it is asked to.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Failure;

/// Stops an actor between two parts of an act, as a failure or a power cut would.
///
/// An actor asks `cut.point()?` wherever it could be interrupted, before each change but the first. Outside
/// the trials, `Cut::default()` never stops anyone.
#[derive(Debug, Clone, Default)]
pub struct Cut(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Points passed since the last `begin`.
    passed: usize,
    armed: Option<(usize, Blow)>,
    dark: bool,
}

/// What happens at a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blow {
    /// The call fails; the process goes on.
    Fail,
    /// The power goes: nothing reaches the world or the journal any more.
    Dark,
}

impl Cut {
    /// A point at which the actor may be stopped. Where it says so, the actor leaves at once, and clears
    /// nothing away: after a power cut it couldn't.
    ///
    /// # Errors
    /// Says that the actor is stopped here.
    pub fn point(&self) -> Result<(), Failure> {
        let mut state = self.state();
        let here = state.passed;
        state.passed += 1;
        match state.armed {
            Some((at, blow)) if at == here => {
                state.armed = None;
                state.dark |= blow == Blow::Dark;
                Err(stopped())
            }
            _ if state.dark => Err(stopped()),
            _ => Ok(()),
        }
    }

    /// Begins counting points anew; at the one with the number `armed`, strikes.
    pub(super) fn begin(&self, armed: Option<(usize, Blow)>) {
        let mut state = self.state();
        (state.passed, state.armed) = (0, armed);
    }

    /// How many points were passed since `begin`.
    pub(super) fn passed(&self) -> usize {
        self.state().passed
    }

    /// The power goes.
    pub(super) fn go_dark(&self) {
        self.state().dark = true;
    }

    pub(super) fn is_dark(&self) -> bool {
        self.state().dark
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The failure that a trial plants.
pub(super) fn stopped() -> Failure {
    Failure::new("stopped by a trial", "a planted fault")
}
