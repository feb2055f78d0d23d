//! One saga on one stage, through one or more processes, in given weather. It watches the rules that hold
//! always (a look changes nothing, nothing acts unrecorded), and doesn't know what journal is expected.

use std::cell::RefCell;
use std::fmt::Debug;

use super::cut::{Blow, Cut, stopped};
use super::weather::{Call, Ink, Weather, When};
use super::{Course, Engine, Stage};
use crate::{Actor, Broken, Direction, Ending, Event, Failure, Journal};

type Memo<S> = <<S as Stage>::Actor as Actor>::Memo;
type Step<S> = <<S as Stage>::Actor as Actor>::Step;

/// One saga on one stage.
pub(super) struct Bout<S: Stage> {
    pub(super) stage: S,
    pub(super) steps: Vec<Step<S>>,
    pub(super) pivot: usize,
    pub(super) old: S::World,
    pub(super) disk: RefCell<Disk<Memo<S>>>,
}

/// What outlives a power cut, and what the trial saw.
pub(super) struct Disk<M> {
    pub(super) events: Vec<Event<M>>,
    /// The calls made, each with the number of points at which it could have been stopped.
    pub(super) calls: Vec<(Call, usize, usize)>,
    /// What each look said last.
    looks: Vec<Option<M>>,
    /// Broken rules.
    pub(super) complaints: Vec<String>,
}

impl<S> Bout<S>
where
    S: Stage,
    Memo<S>: PartialEq + Debug,
{
    pub(super) fn new(stage: S) -> Self {
        let (steps, pivot, old) = (stage.steps(), stage.pivot(), stage.world());
        let looks = steps.iter().map(|_| None).collect();
        let disk = Disk { events: Vec::new(), calls: Vec::new(), looks, complaints: Vec::new() };
        Self { stage, steps, pivot, old, disk: RefCell::new(disk) }
    }

    /// One process: `None` where the power went.
    pub(super) fn go<E: Engine>(
        &self,
        engine: &E,
        weather: &Weather,
        direction: Direction,
    ) -> Option<Result<Ending, Broken>> {
        let events = self.disk.borrow().events.clone();
        let steps: Vec<usize> = (0..self.steps.len()).collect();
        let mut actor = self.actor(weather);
        let cut = actor.cut.clone();
        let mut tape = Tape { disk: &self.disk, cut: &cut, append: weather.append };
        let mut asked = 0..;
        let mut interrupt = || {
            let now = asked.next();
            (now.is_some() && now == weather.interrupt_before).then(|| "a trial's interrupt".to_owned())
        };
        let course = Course { steps: &steps, pivot: self.pivot, events: &events, direction };
        let end = engine.go(&mut actor, &mut tape, &course, &mut interrupt);
        (!cut.is_dark()).then_some(end)
    }

    /// Does the steps without any engine or journal: what the new world should be.
    pub(super) fn act_plainly(&self, weather: &Weather) -> S::World {
        let mut actor = self.actor(weather);
        for step in 0..self.steps.len() {
            if let Ok(memo) = actor.look(&step) {
                self.disk.borrow_mut().events.push(Event::Looked { step, memo: memo.clone() });
                // A step that fails here is one that should be left.
                let _ = actor.act(&step, &memo);
            }
        }
        self.stage.world()
    }

    fn actor(&self, weather: &Weather) -> Faulty<'_, S> {
        let cut = Cut::default();
        Faulty { actor: self.stage.actor(cut.clone()), bout: self, cut, weather: weather.clone() }
    }
}

/// The stage's actor, in weather. Its steps are the numbers of the stage's.
struct Faulty<'a, S: Stage> {
    actor: S::Actor,
    bout: &'a Bout<S>,
    cut: Cut,
    weather: Weather,
}

impl<S: Stage> Faulty<'_, S> {
    /// Makes one call to the stage's actor, in the weather that is.
    fn call<T>(
        &mut self,
        call: Call,
        step: usize,
        make: impl Fn(&mut S::Actor, &Step<S>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if self.cut.is_dark() {
            return Err(stopped());
        }
        let strike = self.weather.strike(call, step);
        if let Some((When::Before, blow)) = strike {
            return self.struck(blow);
        }
        self.cut.begin(match strike {
            Some((When::Midway(point), blow)) => Some((point, blow)),
            _ => None,
        });
        let mut made = make(&mut self.actor, &self.bout.steps[step]);
        self.bout.disk.borrow_mut().calls.push((call, step, self.cut.passed()));
        if made.is_ok() && self.weather.twice == Some((call, step)) {
            made = make(&mut self.actor, &self.bout.steps[step]);
        }
        match strike {
            Some((When::After, blow)) => self.struck(blow),
            _ => made,
        }
    }

    fn struck<T>(&self, blow: Blow) -> Result<T, Failure> {
        if blow == Blow::Dark {
            self.cut.go_dark();
        }
        Err(stopped())
    }

    fn complain(&self, complaint: String) {
        self.bout.disk.borrow_mut().complaints.push(complaint);
    }
}

impl<S> Actor for Faulty<'_, S>
where
    S: Stage,
    Memo<S>: PartialEq + Debug,
{
    type Step = usize;
    type Memo = Memo<S>;

    fn look(&mut self, step: &usize) -> Result<Memo<S>, Failure> {
        let before = self.bout.stage.world();
        let memo = self.call(Call::Look, *step, S::Actor::look)?;
        let after = self.bout.stage.world();
        if before != after {
            self.complain(format!("the look of step {step} changed the world\n  {before:?}\n  {after:?}"));
        }
        self.bout.disk.borrow_mut().looks[*step] = Some(memo.clone());
        Ok(memo)
    }

    fn act(&mut self, step: &usize, memo: &Memo<S>) -> Result<(), Failure> {
        if !self.cut.is_dark() && !self.bout.disk.borrow().recorded(*step, memo) {
            self.complain(format!("step {step} acted before its memo was in the journal"));
        }
        self.call(Call::Act, *step, |actor, step| actor.act(step, memo))
    }

    fn undo(&mut self, step: &usize, memo: &Memo<S>) -> Result<(), Failure> {
        self.call(Call::Undo, *step, |actor, step| actor.undo(step, memo))
    }
}

/// The journal, in weather.
struct Tape<'a, M> {
    disk: &'a RefCell<Disk<M>>,
    cut: &'a Cut,
    append: Option<(usize, Ink)>,
}

impl<M: PartialEq + Debug> Journal<M> for Tape<'_, M> {
    fn append(&mut self, event: Event<M>) -> Result<(), Failure> {
        if self.cut.is_dark() {
            return Err(stopped());
        }
        let mut disk = self.disk.borrow_mut();
        let now = disk.events.len();
        let ink = self.append.filter(|(at, _)| *at == now).map(|(_, ink)| ink);
        match ink {
            Some(Ink::Dry) => return Err(stopped()),
            Some(Ink::FailsOnce) => {
                self.append = None;
                return Err(stopped());
            }
            Some(Ink::DarkBefore) => {
                self.cut.go_dark();
                return Err(stopped());
            }
            Some(Ink::DarkAfter) => self.cut.go_dark(),
            None => {}
        }
        disk.take(event);
        Ok(())
    }
}

impl<M: PartialEq + Debug> Disk<M> {
    fn take(&mut self, event: Event<M>) {
        if let Event::Looked { step, memo } = &event
            && self.looks.get(*step).and_then(Option::as_ref) != Some(memo)
        {
            self.complaints
                .push(format!("step {step}: the journal's memo {memo:?} isn't what its look said"));
        }
        self.events.push(event);
    }

    fn recorded(&self, of: usize, what: &M) -> bool {
        self.events
            .iter()
            .any(|event| matches!(event, Event::Looked { step, memo } if *step == of && memo == what))
    }
}
