//! Random steps in random weather, life after life: in the end the world is wholly old or wholly new, and
//! whoever was told so was told the truth. It shares nothing with the trials' own weather.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use pintail_saga::{Actor, Broken, Direction, Ending, Event, Failure, Journal, Position, position, resume};
use proptest::prelude::*;

type Shelf = BTreeMap<char, (u32, u32)>;
type Memo = Option<(u32, u32)>;

#[derive(Debug, Clone, Copy)]
enum Luck {
    Fine,
    Fails,
    Dark,
}

/// One process: its luck at each place where something can go wrong, and what it was asked to do.
#[derive(Debug, Clone)]
struct Life {
    luck: Vec<Luck>,
    direction: Direction,
    interrupt_at: usize,
}

/// What outlives a process.
struct Ship {
    steps: Vec<(char, u32)>,
    pivot: usize,
    shelf: RefCell<Shelf>,
    log: RefCell<Vec<Event<Memo>>>,
}

/// One process's luck.
struct Sky {
    luck: RefCell<std::vec::IntoIter<Luck>>,
    dark: Cell<bool>,
}

impl Sky {
    fn ask(&self) -> Result<(), Failure> {
        let luck = self.luck.borrow_mut().next().unwrap_or(Luck::Fine);
        self.dark.set(self.dark.get() || matches!(luck, Luck::Dark));
        match luck {
            Luck::Fine if !self.dark.get() => Ok(()),
            _ => Err(Failure::new("bad luck", "the dice")),
        }
    }
}

struct Crew<'a>(&'a Ship, &'a Sky);

impl Crew<'_> {
    fn put(&self, name: char, halves: Memo) -> Result<(), Failure> {
        self.1.ask()?;
        let half = self.0.shelf.borrow().get(&name).map_or(0, |old| old.1);
        if let Some((left, _)) = halves {
            self.0.shelf.borrow_mut().insert(name, (left, half));
        }
        self.1.ask()?;
        match halves {
            Some(halves) => self.0.shelf.borrow_mut().insert(name, halves),
            None => self.0.shelf.borrow_mut().remove(&name),
        };
        self.1.ask()
    }
}

impl Actor for Crew<'_> {
    type Step = (char, u32);
    type Memo = Memo;

    fn look(&mut self, step: &(char, u32)) -> Result<Memo, Failure> {
        self.1.ask()?;
        Ok(self.0.shelf.borrow().get(&step.0).copied())
    }

    fn act(&mut self, step: &(char, u32), _: &Memo) -> Result<(), Failure> {
        self.put(step.0, Some((step.1, step.1)))
    }

    fn undo(&mut self, step: &(char, u32), memo: &Memo) -> Result<(), Failure> {
        self.put(step.0, *memo)
    }
}

/// The log, kept truthfully: a failed append leaves nothing, a power cut may leave the event or not.
struct Log<'a>(&'a Ship, &'a Sky);

impl Journal<Memo> for Log<'_> {
    fn append(&mut self, event: Event<Memo>) -> Result<(), Failure> {
        self.1.ask()?;
        self.0.log.borrow_mut().push(event);
        match self.1.ask() {
            Err(failure) if !self.1.dark.get() => {
                self.0.log.borrow_mut().pop();
                Err(failure)
            }
            _ => Ok(()),
        }
    }
}

impl Ship {
    fn sail(&self, life: &Life) -> Option<Result<Ending, Broken>> {
        let sky = Sky { luck: RefCell::new(life.luck.clone().into_iter()), dark: Cell::new(false) };
        let events = self.log.borrow().clone();
        let mut left = life.interrupt_at;
        let mut interrupt = || {
            left = left.wrapping_sub(1);
            (left == usize::MAX).then(|| "man overboard".to_owned())
        };
        let (mut crew, mut log) = (Crew(self, &sky), Log(self, &sky));
        let direction = life.direction;
        let end = resume(&mut crew, &mut log, &self.steps, self.pivot, &events, direction, &mut interrupt);
        (!sky.dark.get()).then_some(end)
    }

    fn position(&self) -> Position {
        position(&self.log.borrow(), self.steps.len(), self.pivot).expect("the engine writes sense")
    }

    /// The world is as `ending` says; `left` are the steps that may be half done.
    fn is_as_told(&self, ending: &Ending) {
        match ending {
            Ending::Undone { .. } => assert_eq!(*self.shelf.borrow(), old()),
            Ending::Done { remarks } => {
                let left: BTreeSet<char> = remarks.iter().map(|left| self.steps[left.step].0).collect();
                let mut new = old();
                new.extend(self.steps.iter().map(|(name, value)| (*name, (*value, *value))));
                let known = |shelf: &Shelf| -> Vec<_> {
                    shelf.iter().map(|(n, h)| (*n, *h)).filter(|(name, _)| !left.contains(name)).collect()
                };
                assert_eq!(known(&self.shelf.borrow()), known(&new));
            }
            Ending::Stuck { step, .. } => assert!(*step < self.steps.len() && *step <= self.pivot),
        }
    }

    fn past_pivot(&self) -> bool {
        self.log.borrow().contains(&Event::Acted { step: self.pivot })
    }
}

fn is_done(ending: &Ending) -> bool {
    matches!(ending, Ending::Done { .. })
}

fn is_stuck(ending: &Ending) -> bool {
    matches!(ending, Ending::Stuck { .. })
}

fn old() -> Shelf {
    Shelf::from([('a', (90, 90)), ('z', (99, 99))])
}

fn luck() -> impl Strategy<Value = Luck> {
    prop_oneof![12 => Just(Luck::Fine), 2 => Just(Luck::Fails), 1 => Just(Luck::Dark)]
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(Direction::Finish), Just(Direction::Undo)]
}

fn life() -> impl Strategy<Value = Life> {
    (prop::collection::vec(luck(), 0..60), direction(), 0..12usize)
        .prop_map(|(luck, direction, interrupt_at)| Life { luck, direction, interrupt_at })
}

fn any_event() -> impl Strategy<Value = Event<u8>> {
    let step = 0..5usize;
    let why = String::new();
    (0..10u8, step).prop_map(move |(kind, step)| {
        let why = why.clone();
        match kind {
            0 => Event::Looked { step, memo: 7 },
            1 => Event::Acted { step },
            2 => Event::Failed { step, why },
            3 => Event::Undoing { why },
            4 => Event::Undone { step },
            5 => Event::UndoFailed { step, why },
            6 => Event::Remark { step, why },
            7 => Event::Done,
            8 => Event::Reversed,
            _ => Event::Stuck { step, why },
        }
    })
}

/// Does nothing, well.
struct Idle;

impl Actor for Idle {
    type Step = ();
    type Memo = u8;

    fn look(&mut self, (): &()) -> Result<u8, Failure> {
        Ok(7)
    }

    fn act(&mut self, (): &(), _: &u8) -> Result<(), Failure> {
        Ok(())
    }

    fn undo(&mut self, (): &(), _: &u8) -> Result<(), Failure> {
        Ok(())
    }
}

struct Paper(Vec<Event<u8>>);

impl Journal<u8> for Paper {
    fn append(&mut self, event: Event<u8>) -> Result<(), Failure> {
        self.0.push(event);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_befalls_it_the_world_is_old_or_new_in_the_end(
        names in "[abc]{0,6}",
        pivot in 0..8usize,
        lives in prop::collection::vec(life(), 1..6),
        last in direction(),
    ) {
        let steps = names.chars().zip(1..).collect();
        let ship = Ship { steps, pivot, shelf: RefCell::new(old()), log: RefCell::default() };
        for life in &lives {
            let past = ship.past_pivot();
            match ship.sail(life) {
                Some(Ok(ending)) => {
                    ship.is_as_told(&ending);
                    prop_assert_eq!(ship.position(), Position::Ended(ending));
                }
                // Past the pivot the steps that couldn't be recorded are left, and finished by a later life.
                Some(Err(Broken::Unrecorded { ending, .. })) => {
                    prop_assert!(!past || is_done(&ending));
                    ship.is_as_told(&ending);
                }
                Some(Err(Broken::Nonsense(nonsense))) => panic!("{nonsense}"),
                None => {}
            }
            prop_assert!(!past || ship.past_pivot());
        }
        let past = ship.past_pivot();
        let end = ship.sail(&Life { luck: Vec::new(), direction: last, interrupt_at: usize::MAX });
        let Some(Ok(ending)) = end else { panic!("{end:?}") };
        prop_assert!(!is_stuck(&ending));
        prop_assert!(!past || is_done(&ending));
        ship.is_as_told(&ending);
        prop_assert_eq!(ship.position(), Position::Ended(ending));
    }

    #[test]
    fn position_takes_any_events(
        events in prop::collection::vec(any_event(), 0..20),
        steps in 0..6usize,
        pivot in prop_oneof![0..7usize, Just(usize::MAX)],
    ) {
        if let Err(nonsense) = position(&events, steps, pivot) {
            prop_assert!((1..=events.len()).contains(&nonsense.number));
            prop_assert!(position(&events[..nonsense.number - 1], steps, pivot).is_ok());
        }
    }

    #[test]
    fn every_journal_that_makes_sense_can_be_resumed(
        events in prop::collection::vec(any_event(), 0..300),
        steps in 0..6usize,
        pivot in prop_oneof![0..7usize, Just(usize::MAX)],
        direction in direction(),
    ) {
        let mut paper = Paper(Vec::new());
        for event in events {
            paper.0.push(event);
            if position(&paper.0, steps, pivot).is_err() {
                paper.0.pop();
            }
        }
        let so_far = paper.0.clone();
        let end = resume(&mut Idle, &mut paper, &vec![(); steps], pivot, &so_far, direction, &mut || None);
        let ending = end.expect("a sensible journal can be resumed");
        prop_assert_eq!(position(&paper.0, steps, pivot), Ok(Position::Ended(ending)));
    }
}
