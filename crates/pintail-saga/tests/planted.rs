//! Faults planted in actors and engines: the trials catch each of them, for the right reason.

mod toy;

use std::cell::RefCell;

use pintail_saga::trials::{Course, Engine, Pintail, try_engine};
use pintail_saga::{Actor, Broken, Direction, Ending, Event, Failure, Journal, resume};
use toy::{Flaw, Toy};

/// What an engine does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plant {
    /// `Acted` isn't recorded.
    MissingActed,
    /// `Undone` isn't recorded.
    MissingUndone,
    /// `Looked` is recorded after acting.
    LateLooked,
    /// Undoes first to last.
    FirstToLast,
    /// Undoes beyond the pivot.
    BeyondPivot,
    /// Takes no notice of a journal that can't be written.
    DeafToJournal,
    /// Finishes a turned saga's world, whatever was asked.
    NeverUndoes,
    /// Doesn't repeat, on resuming, the acts that the journal has.
    TrustsJournal,
}

struct Planted(Plant);

impl Engine for Planted {
    fn go<A: Actor, J: Journal<A::Memo>>(
        &self,
        actor: &mut A,
        journal: &mut J,
        course: &Course<'_, A::Step, A::Memo>,
        interrupt: &mut dyn FnMut() -> Option<String>,
    ) -> Result<Ending, Broken> {
        let Course { steps, mut pivot, events, mut direction } = *course;
        match self.0 {
            Plant::BeyondPivot => pivot = usize::MAX,
            Plant::NeverUndoes => direction = Direction::Finish,
            _ => {}
        }
        let memos = events.iter().filter_map(|event| match event {
            Event::Looked { memo, .. } => Some(memo.clone()),
            _ => None,
        });
        let state = RefCell::new(State { memos: memos.collect(), back: Vec::new(), held: None });
        let known = events.iter().filter(|event| matches!(event, Event::Acted { .. })).count();
        let numbers: Vec<usize> = (0..steps.len()).collect();
        let mut actor = BadActor { plant: self.0, actor, steps, state: &state, known };
        let mut journal = BadJournal { plant: self.0, journal, state: &state };
        resume(&mut actor, &mut journal, &numbers, pivot, events, direction, interrupt)
    }
}

struct State<M> {
    memos: Vec<M>,
    /// For `FirstToLast`: the steps still to be undone.
    back: Vec<usize>,
    /// For `LateLooked`: what is still to be written.
    held: Option<Event<M>>,
}

struct BadActor<'a, A: Actor> {
    plant: Plant,
    actor: &'a mut A,
    steps: &'a [A::Step],
    state: &'a RefCell<State<A::Memo>>,
    known: usize,
}

impl<A: Actor> Actor for BadActor<'_, A> {
    type Step = usize;
    type Memo = A::Memo;

    fn look(&mut self, step: &usize) -> Result<A::Memo, Failure> {
        let memo = self.actor.look(&self.steps[*step])?;
        self.state.borrow_mut().memos.push(memo.clone());
        Ok(memo)
    }

    fn act(&mut self, step: &usize, memo: &A::Memo) -> Result<(), Failure> {
        if self.plant == Plant::TrustsJournal && *step < self.known {
            return Ok(());
        }
        self.actor.act(&self.steps[*step], memo)
    }

    fn undo(&mut self, step: &usize, memo: &A::Memo) -> Result<(), Failure> {
        if self.plant != Plant::FirstToLast {
            return self.actor.undo(&self.steps[*step], memo);
        }
        let mut state = self.state.borrow_mut();
        if state.back.is_empty() {
            state.back = (0..=*step).rev().collect();
        }
        let other = state.back.pop().unwrap_or(*step);
        let memo = state.memos[other].clone();
        self.actor.undo(&self.steps[other], &memo)
    }
}

struct BadJournal<'a, J, M> {
    plant: Plant,
    journal: &'a mut J,
    state: &'a RefCell<State<M>>,
}

impl<M: Clone, J: Journal<M>> Journal<M> for BadJournal<'_, J, M> {
    fn append(&mut self, event: Event<M>) -> Result<(), Failure> {
        match (self.plant, &event) {
            (Plant::MissingActed, Event::Acted { step: 1 }) => Ok(()),
            (Plant::MissingUndone, Event::Undone { step: 1 }) => Ok(()),
            (Plant::LateLooked, Event::Looked { .. }) => {
                self.state.borrow_mut().held = Some(event);
                Ok(())
            }
            (Plant::LateLooked, _) => {
                let held = self.state.borrow_mut().held.take();
                held.map_or(Ok(()), |held| self.journal.append(held))?;
                self.journal.append(event)
            }
            (Plant::DeafToJournal, _) => {
                let _ = self.journal.append(event);
                Ok(())
            }
            _ => self.journal.append(event),
        }
    }
}

/// What the trials say of a flawed actor or engine.
fn caught(engine: Option<Plant>, flaw: Flaw) -> String {
    let fresh = || Toy::new("abacb", 3, flaw);
    let outcome = match engine {
        Some(plant) => try_engine(Planted(plant), fresh),
        None => try_engine(Pintail, fresh),
    };
    match outcome {
        Err(caught) => caught.to_string(),
        Ok(counts) => panic!("{engine:?} {flaw:?} wasn't caught: {counts}"),
    }
}

macro_rules! caught {
    ($($test:ident: $engine:expr, $flaw:ident;)*) => {$(
        #[test]
        fn $test() {
            insta::assert_snapshot!(stringify!($test), caught($engine, Flaw::$flaw));
        }
    )*};
}

caught! {
    act_makes_the_memo: None, ActRemembers;
    undo_makes_the_memo: None, UndoLooks;
    act_cannot_be_repeated: None, ActAdds;
    undo_cannot_be_repeated: None, UndoTwiceTakes;
    undo_leaves_half_an_act: None, UndoTrustsHalves;
    look_changes_the_world: None, LookTouches;
    acted_is_not_recorded: Some(Plant::MissingActed), None;
    undone_is_not_recorded: Some(Plant::MissingUndone), None;
    looked_is_recorded_late: Some(Plant::LateLooked), None;
    undone_first_to_last: Some(Plant::FirstToLast), None;
    undone_beyond_the_pivot: Some(Plant::BeyondPivot), None;
    full_journal_goes_unnoticed: Some(Plant::DeafToJournal), None;
    resumed_the_wrong_way: Some(Plant::NeverUndoes), None;
    earlier_acts_are_not_repeated: Some(Plant::TrustsJournal), None;
}
