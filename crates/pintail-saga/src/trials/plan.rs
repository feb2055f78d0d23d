//! Which trials there are. It doesn't know how the weather is made.

use std::fmt::Debug;

use super::bout::Bout;
use super::case::{Case, Cases};
use super::cut::Blow;
use super::script::{Line, Script};
use super::weather::{Call, Fault, Ink, Weather, When};
use super::{Caught, Counts, Engine, Stage};
use crate::position::name;
use crate::{Actor, Direction, Event};

pub(super) const BOTH: [Direction; 2] = [Direction::Finish, Direction::Undo];

/// All trials of one saga.
pub(super) struct Trials<E, S: Stage, F> {
    pub(super) engine: E,
    pub(super) fresh: F,
    pub(super) cases: Cases,
    pub(super) new: S::World,
    pub(super) counts: Counts,
}

/// On which ways power cuts, repeats and full journals are tried.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ways {
    /// On each way that some failure makes a saga take.
    Every,
    /// On the way forward, and on the way back after each step's act.
    Main,
}

impl<E, S, F> Trials<E, S, F>
where
    E: Engine,
    S: Stage,
    F: FnMut() -> S,
    <S::Actor as Actor>::Memo: PartialEq + Debug,
{
    pub(super) fn new(engine: E, mut fresh: F) -> Result<Self, Caught> {
        let bout = Bout::new(fresh());
        let script = Script { steps: bout.steps.len(), pivot: bout.pivot };
        let new = bout.act_plainly(&Weather::default());
        if let Some(found) = bout.disk.borrow().complaints.first() {
            return Err(Caught { trial: "the steps by themselves".to_owned(), found: found.clone() });
        }
        let act_points = points(&bout, Call::Act, script.steps);
        let counts = Counts { steps: script.steps, ..Counts::default() };
        let undo_points = vec![0; script.steps];
        Ok(Self { engine, fresh, cases: Cases { script, act_points, undo_points }, new, counts })
    }

    pub(super) fn all(mut self, ways: Ways) -> Result<Counts, Caught> {
        self.count_undo_points();
        let mut cases = self.cases.failures();
        for case in &cases {
            self.passes(case)?;
            self.counts.failures += 1;
        }
        for case in self.cases.undo_failures() {
            self.passes(&case)?;
            self.counts.failures += 1;
            if matches!(case.lines.last(), Some(Event::Stuck { .. })) {
                self.comes_loose(&case)?;
                self.counts.stuck += 1;
            }
            cases.push(case);
        }
        if ways == Ways::Main {
            cases = self.cases.ways_back();
        }
        cases.push(self.cases.undisturbed());
        for case in &cases {
            self.repeats(case)?;
            self.loses_power(case)?;
            self.fills_journal(case)?;
        }
        Ok(self.counts)
    }

    /// Undoes everything once, to see at which points an undo can be stopped.
    fn count_undo_points(&mut self) {
        let Some(last) = self.cases.script.steps.checked_sub(1) else {
            return;
        };
        let step = last.min(self.cases.script.pivot);
        let bout = Bout::new((self.fresh)());
        bout.go(&self.engine, &Weather::failing(Call::Act, step, When::After), Direction::Finish);
        self.cases.undo_points = points(&bout, Call::Undo, self.cases.script.steps);
    }

    fn passes(&mut self, case: &Case) -> Result<(), Caught> {
        let bout = Bout::new((self.fresh)());
        let end = bout.go(&self.engine, &case.weather, Direction::Finish);
        self.ended(&case.name, &bout, end, &case.lines)?;
        self.world_is(&case.name, &bout, case)
    }

    /// A stuck saga comes loose when the undo works again, whatever direction is asked for.
    fn comes_loose(&mut self, case: &Case) -> Result<(), Caught> {
        for direction in BOTH {
            let bout = Bout::new((self.fresh)());
            bout.go(&self.engine, &case.weather, Direction::Finish);
            self.resumes(&case.name, &bout, case, direction)?;
        }
        Ok(())
    }

    // ---- repeats there ----

    /// Every act and every undo of the case is done twice.
    fn repeats(&mut self, case: &Case) -> Result<(), Caught> {
        for (call, step, _) in self.calls(case) {
            let weather = Weather { twice: Some((call, step)), ..case.weather.clone() };
            let name = format!("{}, and the {call:?} of step {step} is done twice", case.name);
            self.passes(&Case { name, weather, lines: case.lines.clone() })?;
            self.counts.repeats += 1;
        }
        Ok(())
    }

    /// The acts and undoes that are made in this case, with their points.
    fn calls(&mut self, case: &Case) -> Vec<(Call, usize, usize)> {
        let bout = Bout::new((self.fresh)());
        bout.go(&self.engine, &case.weather, Direction::Finish);
        let calls = bout.disk.borrow().calls.clone();
        calls.into_iter().filter(|(call, ..)| *call != Call::Look).collect()
    }

    // ---- loses power there ----

    /// The power goes before and after every event, and in the middle of every act and undo.
    fn loses_power(&mut self, case: &Case) -> Result<(), Caught> {
        for at in 0..case.lines.len() {
            for (ink, kept) in [(Ink::DarkBefore, at), (Ink::DarkAfter, at + 1)] {
                let weather = Weather { append: Some((at, ink)), ..case.weather.clone() };
                let name = format!("{}; power lost ({ink:?}) at `{}`", case.name, name(&case.lines[at]));
                self.survives(&Case { name, weather, lines: case.lines[..kept].to_vec() }, case)?;
            }
        }
        for (call, step, points) in self.calls(case) {
            for point in 0..points {
                let mut weather = case.weather.clone();
                // In front: the cut comes before whatever else befalls this call.
                weather
                    .faults
                    .insert(0, Fault { call, step, when: When::Midway(point), blow: Blow::Dark, times: 1 });
                let name =
                    format!("{}; power lost at point {point} of the {call:?} of step {step}", case.name);
                let lines = case.lines[..before(&case.lines, call, step)].to_vec();
                self.survives(&Case { name, weather, lines }, case)?;
            }
        }
        Ok(())
    }

    /// After the power cut, the journal is as `cut` says; then the saga is resumed in either direction.
    fn survives(&mut self, cut: &Case, base: &Case) -> Result<(), Caught> {
        for direction in BOTH {
            let bout = Bout::new((self.fresh)());
            bout.go(&self.engine, &cut.weather, Direction::Finish);
            self.journal_is(&cut.name, &bout, &cut.lines)?;
            let resumed = Case { lines: cut.lines.clone(), ..base.clone() };
            self.resumes(&cut.name, &bout, &resumed, direction)?;
        }
        self.counts.power_cuts += 1;
        Ok(())
    }

    /// Resumes in good weather from the journal `case.lines`.
    pub(super) fn resumes(
        &mut self,
        name: &str,
        bout: &Bout<S>,
        case: &Case,
        direction: Direction,
    ) -> Result<(), Caught> {
        let name = format!("{name}; resumed to {direction:?}");
        let lines = self.cases.script.with_rest(case.lines.clone(), direction);
        let end = bout.go(&self.engine, &Weather::default(), direction);
        self.ended(&name, bout, end, &lines)?;
        self.world_is(&name, bout, &Case { lines, ..case.clone() })
    }
}

/// By step, at how many points this call could be stopped.
fn points<S: Stage>(bout: &Bout<S>, call: Call, steps: usize) -> Vec<usize> {
    let calls = &bout.disk.borrow().calls;
    let of = |step| calls.iter().filter(|c| c.0 == call && c.1 == step).map(|c| c.2).max().unwrap_or(0);
    (0..steps).map(of).collect()
}

/// How many events there are when this call is first made.
fn before(lines: &[Line], call: Call, step: usize) -> usize {
    let found = lines.iter().position(|line| match (call, line) {
        (Call::Look, Event::Looked { step: s, .. }) | (Call::Undo, Event::Undone { step: s }) => *s == step,
        (Call::Undo, Event::UndoFailed { step: s, .. }) => *s == step,
        (Call::Act, Event::Acted { step: s } | Event::Failed { step: s, .. }) => *s == step,
        (Call::Act, Event::Remark { step: s, .. }) => *s == step,
        _ => false,
    });
    found.unwrap_or(lines.len())
}
