//! A toy world for the saga's own trials: a shelf of named values, each kept in two halves so that a write can
//! stop in between. It doesn't know who is at the helm.
#![allow(dead_code, unreachable_pub)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use pintail_saga::trials::{Cut, Stage};
use pintail_saga::{Actor, Failure};

/// Two halves by name.
pub type Shelf = BTreeMap<String, (u32, u32)>;

/// Puts `value` at `name`.
#[derive(Debug, Clone)]
pub struct Put {
    pub name: String,
    pub value: u32,
}

/// What a toy actor does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    None,
    /// What undoing needs is found out by `act` and kept in memory.
    ActRemembers,
    /// What undoing needs is looked up when undoing.
    UndoLooks,
    /// Acting adds rather than puts.
    ActAdds,
    /// Undoing a second time takes away what the first time put back.
    UndoTwiceTakes,
    /// Undoing doesn't clear away half an act.
    UndoTrustsHalves,
    /// Looking leaves a mark.
    LookTouches,
}

/// A shelf, what is to be put there, and by whom.
pub struct Toy {
    pub shelf: Rc<RefCell<Shelf>>,
    pub steps: Vec<Put>,
    pub pivot: usize,
    pub flaw: Flaw,
}

impl Toy {
    /// Values for `names`, 1 and up; two equal names are written one over the other.
    pub fn new(names: &str, pivot: usize, flaw: Flaw) -> Self {
        let steps =
            names.chars().zip(1..).map(|(name, value)| Put { name: name.to_string(), value }).collect();
        let shelf = Shelf::from([("a".to_owned(), (90, 90)), ("z".to_owned(), (99, 99))]);
        Self { shelf: Rc::new(RefCell::new(shelf)), steps, pivot, flaw }
    }
}

impl Stage for Toy {
    type Actor = Hand;
    type World = Shelf;

    fn steps(&self) -> Vec<Put> {
        self.steps.clone()
    }

    fn pivot(&self) -> usize {
        self.pivot
    }

    fn actor(&self, cut: Cut) -> Hand {
        Hand {
            shelf: Rc::clone(&self.shelf),
            cut,
            flaw: self.flaw,
            remembered: BTreeMap::new(),
            undone: BTreeSet::new(),
        }
    }

    fn world(&self) -> Shelf {
        self.shelf.borrow().clone()
    }
}

/// Puts and takes back.
pub struct Hand {
    shelf: Rc<RefCell<Shelf>>,
    cut: Cut,
    flaw: Flaw,
    remembered: BTreeMap<u32, Option<(u32, u32)>>,
    undone: BTreeSet<u32>,
}

impl Hand {
    fn seen(&self, name: &str) -> Option<(u32, u32)> {
        self.shelf.borrow().get(name).copied()
    }

    /// Writes one half, then the other.
    fn put(&self, name: &str, (left, right): (u32, u32)) -> Result<(), Failure> {
        let half = self.seen(name).map_or(0, |halves| halves.1);
        self.shelf.borrow_mut().insert(name.to_owned(), (left, half));
        self.cut.point()?;
        self.shelf.borrow_mut().insert(name.to_owned(), (left, right));
        Ok(())
    }
}

impl Actor for Hand {
    type Step = Put;
    type Memo = Option<(u32, u32)>;

    fn look(&mut self, step: &Put) -> Result<Self::Memo, Failure> {
        match self.flaw {
            Flaw::ActRemembers => return Ok(None),
            Flaw::LookTouches => drop(self.shelf.borrow_mut().insert("looked".to_owned(), (1, 1))),
            _ => {}
        }
        Ok(self.seen(&step.name))
    }

    fn act(&mut self, step: &Put, _: &Self::Memo) -> Result<(), Failure> {
        let now = self.seen(&step.name);
        self.remembered.entry(step.value).or_insert(now);
        let added = if self.flaw == Flaw::ActAdds { now.map_or(0, |halves| halves.0) } else { 0 };
        self.put(&step.name, (step.value + added, step.value + added))
    }

    fn undo(&mut self, step: &Put, memo: &Self::Memo) -> Result<(), Failure> {
        let now = self.seen(&step.name);
        let first = self.undone.insert(step.value);
        let memo = match self.flaw {
            Flaw::ActRemembers => match self.remembered.get(&step.value) {
                Some(old) => *old,
                None => return Ok(()),
            },
            Flaw::UndoLooks => now.filter(|halves| halves.0 != step.value),
            Flaw::UndoTwiceTakes => memo.filter(|_| first),
            Flaw::UndoTrustsHalves if now.is_some_and(|halves| halves.0 != halves.1) => return Ok(()),
            _ => *memo,
        };
        match memo {
            Some(halves) => self.put(&step.name, halves),
            None => {
                self.shelf.borrow_mut().remove(&step.name);
                Ok(())
            }
        }
    }
}
