//! Where a saga stands, computed from its journal. Pure, and the only place that knows the journal's grammar.

use crate::{Ending, Event, Left};

/// Where a journal stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// On its way to done.
    Forward {
        /// The step that is next or half done; the number of steps where only the ending is missing.
        step: usize,
        /// Whether its memo is recorded, so that it may have acted.
        looked: bool,
    },
    /// On its way to undone.
    Backward {
        /// The step to be undone next; `None` where only the ending is missing.
        step: Option<usize>,
        /// The step at which the saga turned round.
        turned_at: usize,
        /// Why it turned round.
        why: String,
    },
    /// Ended. A stuck saga can be resumed.
    Ended(Ending),
}

/// A journal that no saga can have written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the journal makes no sense at its event {number}\n  `{event}` can't follow here: {expected}")]
pub struct Nonsense {
    /// Which event doesn't fit; the journal's first is 1.
    pub number: usize,
    /// The event, in a few words.
    pub event: String,
    /// Where the journal stood before it.
    pub expected: String,
}

/// Where the journal `events` of a saga of `steps` steps stands.
///
/// `pivot` is the step whose `Acted` is the point of no return; with no such step (`pivot >= steps`) only
/// `Done` is.
///
/// # Errors
/// The first event that can't follow on those before it: out of order, or of a step that isn't there.
pub fn position<M: Clone>(events: &[Event<M>], steps: usize, pivot: usize) -> Result<Position, Nonsense> {
    Standing::read(events, steps, pivot).map(|standing| standing.position())
}

/// The journal so far, understood: which way the saga goes, and what undoing will need.
pub(crate) struct Standing<M> {
    steps: usize,
    pivot: usize,
    way: Way,
    /// By step; `None` for a step after the pivot that was left before it was looked at.
    memos: Vec<Option<M>>,
    remarks: Vec<Left>,
}

/// Which way the saga goes.
enum Way {
    Forward { step: usize },
    Backward(Back),
    Done,
}

/// The way back.
struct Back {
    turned_at: usize,
    why: String,
    /// How many steps are still to be undone: the next is `left - 1`.
    left: usize,
    undo_why: Option<String>,
    end: Option<BackEnd>,
}

#[derive(PartialEq)]
enum BackEnd {
    Reversed,
    Stuck,
}

impl<M: Clone> Standing<M> {
    pub(crate) fn read(events: &[Event<M>], steps: usize, pivot: usize) -> Result<Self, Nonsense> {
        let mut standing =
            Self { steps, pivot, way: Way::Forward { step: 0 }, memos: Vec::new(), remarks: Vec::new() };
        for (index, event) in events.iter().enumerate() {
            if !standing.follow(event) {
                return Err(Nonsense {
                    number: index + 1,
                    event: name(event),
                    expected: standing.expected(),
                });
            }
        }
        Ok(standing)
    }

    pub(crate) fn position(&self) -> Position {
        match &self.way {
            Way::Forward { step } => Position::Forward { step: *step, looked: self.memo(*step).is_some() },
            Way::Done => Position::Ended(Ending::Done { remarks: self.remarks.clone() }),
            Way::Backward(back) => back.position(),
        }
    }

    /// What undoing `step` needs, where that is recorded.
    pub(crate) fn memo(&self, step: usize) -> Option<M> {
        self.memos.get(step).cloned().flatten()
    }

    /// Whether nothing is undone any more.
    pub(crate) fn past_pivot(&self) -> bool {
        match self.way {
            Way::Forward { step } => step > self.pivot,
            Way::Backward(_) => false,
            Way::Done => true,
        }
    }

    /// Takes one more event, if it can follow here; else changes nothing and says `false`.
    pub(crate) fn follow(&mut self, event: &Event<M>) -> bool {
        match self.way {
            Way::Forward { step } => self.follow_forward(step, event),
            Way::Backward(ref mut back) => back.follow(event),
            Way::Done => false,
        }
    }

    fn follow_forward(&mut self, at: usize, event: &Event<M>) -> bool {
        let looked = self.memos.len() > at;
        let past = self.past_pivot();
        let known = at < self.steps;
        match event {
            Event::Looked { step, memo } if known && *step == at && !looked => {
                self.memos.push(Some(memo.clone()));
            }
            Event::Acted { step } if *step == at && looked => self.way = Way::Forward { step: at + 1 },
            // A resumed saga repeats earlier acts, so an earlier step may be the one that fails.
            Event::Failed { step, why } if !past && *step <= at && *step < self.steps => {
                self.turn(*step, why);
            }
            Event::Undoing { why } if !past => self.turn(at, why),
            Event::Remark { step, why } if past && known && *step == at => self.leave(*step, why),
            Event::Done if at == self.steps => self.way = Way::Done,
            _ => return false,
        }
        true
    }

    fn turn(&mut self, turned_at: usize, why: &str) {
        let left = self.memos.len();
        self.way = Way::Backward(Back { turned_at, why: why.to_owned(), left, undo_why: None, end: None });
    }

    fn leave(&mut self, step: usize, why: &str) {
        self.memos.resize(step + 1, None);
        self.remarks.push(Left { step, why: why.to_owned() });
        self.way = Way::Forward { step: step + 1 };
    }

    /// Where the journal stands, for a message.
    fn expected(&self) -> String {
        match self.position() {
            Position::Forward { step, .. } if step == self.steps => {
                format!("all {step} steps are through")
            }
            Position::Forward { step, looked: false } => {
                format!("step {step} of {} would be looked at", self.steps)
            }
            Position::Forward { step, looked: true } => format!("step {step} of {} would act", self.steps),
            Position::Backward { step: Some(step), .. } => format!("step {step} would be undone"),
            Position::Backward { step: None, .. } => "everything is undone".to_owned(),
            Position::Ended(Ending::Stuck { step, .. }) => format!("step {step} is stuck"),
            Position::Ended(_) => "the operation has ended".to_owned(),
        }
    }
}

impl Back {
    fn position(&self) -> Position {
        let (why, turned_at) = (self.why.clone(), self.turned_at);
        let next = self.left.checked_sub(1);
        match (&self.end, next) {
            (None, step) => Position::Backward { step, turned_at, why },
            (Some(BackEnd::Stuck), Some(step)) => {
                let undo_why = self.undo_why.clone().unwrap_or_default();
                Position::Ended(Ending::Stuck { step, why, undo_why })
            }
            (Some(_), _) => Position::Ended(Ending::Undone { step: turned_at, why }),
        }
    }

    fn follow<M>(&mut self, event: &Event<M>) -> bool {
        if self.end == Some(BackEnd::Reversed) {
            return false;
        }
        match event {
            Event::Undone { step } if step + 1 == self.left => {
                (self.left, self.undo_why, self.end) = (*step, None, None);
            }
            Event::UndoFailed { step, why } if step + 1 == self.left => {
                (self.undo_why, self.end) = (Some(why.clone()), None);
            }
            Event::Stuck { step, .. }
                if step + 1 == self.left && self.undo_why.is_some() && self.end.is_none() =>
            {
                self.end = Some(BackEnd::Stuck);
            }
            Event::Reversed if self.left == 0 => self.end = Some(BackEnd::Reversed),
            _ => return false,
        }
        true
    }
}

/// An event in a few words: its name, and its step where it has one.
pub(crate) fn name<M>(event: &Event<M>) -> String {
    match event {
        Event::Looked { step, .. } => format!("looked {step}"),
        Event::Acted { step } => format!("acted {step}"),
        Event::Failed { step, .. } => format!("failed {step}"),
        Event::Undoing { .. } => "undoing".to_owned(),
        Event::Undone { step } => format!("undone {step}"),
        Event::UndoFailed { step, .. } => format!("undo_failed {step}"),
        Event::Remark { step, .. } => format!("remark {step}"),
        Event::Done => "done".to_owned(),
        Event::Reversed => "reversed".to_owned(),
        Event::Stuck { step, .. } => format!("stuck {step}"),
    }
}
