//! Drives a saga: look, record, act; and back. It touches nothing but the actor and the journal, and decides
//! by the journal's standing alone, so that a resumed saga is no other than a fresh one.

use crate::position::Standing;
use crate::{Actor, Broken, Ending, Event, Failure, Journal, Position};

/// How often one step's undo is tried before the saga is stuck, in one run.
///
/// The second try is for what was still busy (a process on its way out, a file held open), the third for bad
/// luck. More would only hide a fault that the operator must see; waiting between tries is the actor's affair,
/// who has a clock.
pub const UNDO_ATTEMPTS: usize = 3;

/// Where a resumed saga should go, while it may still choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// On to the end. A saga that has turned round already goes on backward.
    Finish,
    /// Back to the beginning. A saga past its pivot goes on forward.
    Undo,
}

/// Runs a fresh saga.
///
/// `pivot` is the step whose recorded `Acted` is the point of no return; with `pivot >= steps.len()` only the
/// ending is. `interrupt` is asked before each step up to the pivot; if it says why, everything is undone.
///
/// # Errors
/// [`Broken::Unrecorded`], with the ending, where the journal couldn't be written. Before the pivot the saga
/// has then been undone; after it, the steps that couldn't be recorded have not acted.
pub fn run<A, J>(
    actor: &mut A,
    journal: &mut J,
    steps: &[A::Step],
    pivot: usize,
    interrupt: &mut dyn FnMut() -> Option<String>,
) -> Result<Ending, Broken>
where
    A: Actor + ?Sized,
    J: Journal<A::Memo> + ?Sized,
{
    resume(actor, journal, steps, pivot, &[], Direction::Finish, interrupt)
}

/// Goes on with a saga whose journal holds `events` so far.
///
/// * Before the pivot, [`Direction`] chooses. Finishing first repeats the acts that the journal has: a saga
///   whose journal couldn't be written may have been undone without a trace there.
/// * After the pivot it always finishes; once turned round, it always goes on backward.
/// * A stuck saga tries again to undo the step at which it was stuck.
/// * A saga that is done or undone says so, and nothing happens.
///
/// # Errors
/// [`Broken::Nonsense`] where `events` aren't a journal of these steps; nothing was touched then. Else as [`run`].
pub fn resume<A, J>(
    actor: &mut A,
    journal: &mut J,
    steps: &[A::Step],
    pivot: usize,
    events: &[Event<A::Memo>],
    direction: Direction,
    interrupt: &mut dyn FnMut() -> Option<String>,
) -> Result<Ending, Broken>
where
    A: Actor + ?Sized,
    J: Journal<A::Memo> + ?Sized,
{
    let standing = Standing::read(events, steps.len(), pivot)?;
    let record = Record { journal, standing, backlog: Vec::new() };
    Drive { actor, steps, interrupt, record }.go(direction)
}

/// One saga on its way.
struct Drive<'a, A: Actor + ?Sized, J: ?Sized> {
    actor: &'a mut A,
    steps: &'a [A::Step],
    interrupt: &'a mut dyn FnMut() -> Option<String>,
    record: Record<'a, A::Memo, J>,
}

impl<A, J> Drive<'_, A, J>
where
    A: Actor + ?Sized,
    J: Journal<A::Memo> + ?Sized,
{
    fn go(mut self, direction: Direction) -> Result<Ending, Broken> {
        self.set_out(direction);
        loop {
            match self.record.standing.position() {
                Position::Forward { step, .. } => self.forward(step),
                Position::Backward { step, .. } => self.backward(step),
                Position::Ended(ending) => return self.record.close(ending),
            }
        }
    }

    /// What only a resumed saga does before it goes on: turn round, repeat, or try the stuck step again.
    fn set_out(&mut self, direction: Direction) {
        match self.record.standing.position() {
            Position::Ended(Ending::Stuck { step, .. }) => self.backward(Some(step)),
            Position::Forward { step, .. } if !self.record.standing.past_pivot() => match direction {
                Direction::Undo => self.turn("undoing was asked for".to_owned()),
                Direction::Finish => self.repeat(step),
            },
            _ => {}
        }
    }

    /// Repeats the acts of the steps before `end`.
    ///
    /// They are recorded, but if the journal then couldn't be written the saga may have undone them without a
    /// record. Nobody knows, so the acts, which may be repeated, are.
    fn repeat(&mut self, end: usize) {
        for step in 0..end {
            if let Some(why) = (self.interrupt)() {
                return self.turn(why);
            }
            if let Err(failure) = self.act(step) {
                return self.record.note(Event::Failed { step, why: failure.to_string() });
            }
        }
    }

    fn forward(&mut self, step: usize) {
        if step == self.steps.len() {
            return self.record.note(Event::Done);
        }
        let past = self.record.standing.past_pivot();
        if let Some(why) = (!past).then(|| (self.interrupt)()).flatten() {
            return self.turn(why);
        }
        if let Err(failure) = self.attempt(step) {
            let why = failure.to_string();
            self.record.note(if past { Event::Remark { step, why } } else { Event::Failed { step, why } });
        }
    }

    /// Looks, records, acts, records.
    fn attempt(&mut self, step: usize) -> Result<(), Failure> {
        if self.record.standing.memo(step).is_none() {
            let memo = self.actor.look(&self.steps[step])?;
            // On either side of the pivot: what isn't recorded doesn't happen.
            self.record.commit(Event::Looked { step, memo })?;
        }
        self.act(step)?;
        if self.record.standing.past_pivot() {
            // It has happened and stays; if the journal can't say so yet, it may say so later.
            self.record.note(Event::Acted { step });
            return Ok(());
        }
        self.record.commit(Event::Acted { step })
    }

    /// Acts by the recorded memo.
    fn act(&mut self, step: usize) -> Result<(), Failure> {
        match self.record.standing.memo(step) {
            Some(memo) => self.actor.act(&self.steps[step], &memo),
            None => Ok(()),
        }
    }

    fn turn(&mut self, why: String) {
        self.record.note(Event::Undoing { why });
    }

    fn backward(&mut self, step: Option<usize>) {
        let Some(step) = step else {
            return self.record.note(Event::Reversed);
        };
        match self.undo(step) {
            Ok(()) => self.record.note(Event::Undone { step }),
            Err(failure) => self.record.note(Event::Stuck { step, why: failure.to_string() }),
        }
    }

    /// Undoes one step, if need be in several attempts; the last one's failure counts.
    fn undo(&mut self, step: usize) -> Result<(), Failure> {
        let Some(memo) = self.record.standing.memo(step) else {
            return Ok(());
        };
        let mut outcome = Ok(());
        for _ in 0..UNDO_ATTEMPTS {
            outcome = self.actor.undo(&self.steps[step], &memo);
            match &outcome {
                Ok(()) => break,
                Err(failure) => self.record.note(Event::UndoFailed { step, why: failure.to_string() }),
            }
        }
        outcome
    }
}

/// The journal with its standing, and what it couldn't take yet.
///
/// The journal on disk is always a beginning of what happened, without gaps: an event that couldn't be written
/// waits in the backlog, in front of all later ones.
struct Record<'a, M, J: ?Sized> {
    journal: &'a mut J,
    standing: Standing<M>,
    /// At most a few events for each step, since every step is begun and undone once.
    backlog: Vec<Event<M>>,
}

impl<M: Clone, J: Journal<M> + ?Sized> Record<'_, M, J> {
    /// Records what must be on disk before the saga goes on; if it can't be, it counts as not having been.
    fn commit(&mut self, event: Event<M>) -> Result<(), Failure> {
        self.flush()?;
        self.journal.append(event.clone())?;
        self.follow(&event);
        Ok(())
    }

    /// Records what has happened or been decided, whether or not the journal can take it now.
    fn note(&mut self, event: Event<M>) {
        self.follow(&event);
        self.backlog.push(event);
        // No harm if the journal can't take it now: `close` offers it a last time and tells.
        let _ = self.flush();
    }

    /// Writes the backlog, as far as the journal takes it.
    fn flush(&mut self) -> Result<(), Failure> {
        while let Some(event) = self.backlog.first() {
            self.journal.append(event.clone())?;
            self.backlog.remove(0);
        }
        Ok(())
    }

    fn follow(&mut self, event: &Event<M>) {
        let follows = self.standing.follow(event);
        debug_assert!(follows, "the engine wrote what the journal's grammar refuses");
    }

    /// Offers the backlog a last time, then says how the saga ended and whether the journal knows.
    fn close(mut self, ending: Ending) -> Result<Ending, Broken> {
        match self.flush() {
            Ok(()) => Ok(ending),
            Err(why) => Err(Broken::Unrecorded { ending, why: Box::new(why) }),
        }
    }
}
