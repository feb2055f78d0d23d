//! The engine under trial. It doesn't know which trial it is in.

use crate::{Actor, Broken, Direction, Ending, Event, Journal};

/// What a saga is asked to do.
#[derive(Debug)]
pub struct Course<'a, S, M> {
    /// The saga's steps.
    pub steps: &'a [S],
    /// The step whose recorded `Acted` is the point of no return.
    pub pivot: usize,
    /// The journal so far.
    pub events: &'a [Event<M>],
    /// Where to go.
    pub direction: Direction,
}

/// Drives a saga. The real one is [`Pintail`]; others exist to prove that the trials catch them.
pub trait Engine {
    /// As [`resume`](crate::resume).
    ///
    /// # Errors
    /// As [`resume`](crate::resume).
    fn go<A: Actor, J: Journal<A::Memo>>(
        &self,
        actor: &mut A,
        journal: &mut J,
        course: &Course<'_, A::Step, A::Memo>,
        interrupt: &mut dyn FnMut() -> Option<String>,
    ) -> Result<Ending, Broken>;
}

/// The engine of this crate.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pintail;

impl Engine for Pintail {
    fn go<A: Actor, J: Journal<A::Memo>>(
        &self,
        actor: &mut A,
        journal: &mut J,
        course: &Course<'_, A::Step, A::Memo>,
        interrupt: &mut dyn FnMut() -> Option<String>,
    ) -> Result<Ending, Broken> {
        let Course { steps, pivot, events, direction } = *course;
        crate::resume(actor, journal, steps, pivot, events, direction, interrupt)
    }
}
