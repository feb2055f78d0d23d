//! The trials in which the journal can't be written, once or from some event on.

use std::fmt::Debug;

use super::bout::Bout;
use super::case::Case;
use super::cut::Blow;
use super::plan::{BOTH, Trials};
use super::script::Line;
use super::verdict::{caught, same};
use super::weather::{Call, Fault, Ink, Weather, When};
use super::{Caught, Engine, Stage};
use crate::position::name;
use crate::{Actor, Broken, Direction, Ending, Event, UNDO_ATTEMPTS};

impl<E, S, F> Trials<E, S, F>
where
    E: Engine,
    S: Stage,
    F: FnMut() -> S,
    <S::Actor as Actor>::Memo: PartialEq + Debug,
{
    /// At every event, the journal can't be written: once, or from there on.
    pub(super) fn fills_journal(&mut self, case: &Case) -> Result<(), Caught> {
        if case.lines.iter().any(|line| matches!(line, Event::Remark { .. })) {
            return Ok(()); // A remark of its own: what is left then is tried in the undisturbed case.
        }
        for at in 0..case.lines.len() {
            self.fails_once(case, at)?;
            self.runs_dry(case, at)?;
            self.counts.full_journals += 2;
        }
        Ok(())
    }

    fn fails_once(&mut self, case: &Case, at: usize) -> Result<(), Caught> {
        let (before, missing) = (&case.lines[..at], &case.lines[at]);
        let past = self.cases.script.past_pivot(before);
        let (lines, left) = match *missing {
            Event::Looked { step, .. } if past => (
                self.cases.script.stumbles(before.to_vec(), step),
                Weather::failing(Call::Look, step, When::Before),
            ),
            Event::Looked { step, .. } | Event::Acted { step } if !past => {
                let lines = self.cases.script.stumbles(before.to_vec(), step);
                (self.again_undo_fails(case, lines), case.weather.clone())
            }
            _ => (case.lines.clone(), case.weather.clone()),
        };
        let name = format!("{}; `{}` can't be written once", case.name, name(missing));
        let bout = Bout::new((self.fresh)());
        let weather = Weather { append: Some((at, Ink::FailsOnce)), ..case.weather.clone() };
        let end = bout.go(&self.engine, &weather, Direction::Finish);
        self.ended(&name, &bout, end, &lines)?;
        self.world_is(&name, &bout, &Case { name: name.clone(), weather: left, lines })
    }

    /// Turned round earlier than the case would have, the same undo fails, if it is come to.
    fn again_undo_fails(&self, case: &Case, lines: Vec<Line>) -> Vec<Line> {
        match case.weather.faults.iter().find(|fault| fault.call == Call::Undo) {
            Some(fault) => {
                self.cases.script.undo_fails(lines, fault.step, fault.times, fault.times >= UNDO_ATTEMPTS)
            }
            None => lines,
        }
    }

    fn runs_dry(&mut self, case: &Case, at: usize) -> Result<(), Caught> {
        let lines = case.lines[..at].to_vec();
        let trial = format!("{}; from `{}` on nothing can be written", case.name, name(&case.lines[at]));
        for direction in BOTH {
            let bout = Bout::new((self.fresh)());
            let weather = Weather { append: Some((at, Ink::Dry)), ..case.weather.clone() };
            let end = bout.go(&self.engine, &weather, Direction::Finish);
            self.journal_is(&trial, &bout, &lines)?;
            let Some(Err(Broken::Unrecorded { ending, .. })) = end else {
                return caught(&trial, format!("nobody was told: {end:?}"));
            };
            self.unrecorded(&trial, &bout, &ending, (case, at))?;
            self.resumes(&trial, &bout, &Case { lines: lines.clone(), ..case.clone() }, direction)?;
        }
        Ok(())
    }

    /// The saga ended as it should, though its journal stopped at the event `at`.
    fn unrecorded(
        &mut self,
        trial: &str,
        bout: &Bout<S>,
        ending: &Ending,
        (case, at): (&Case, usize),
    ) -> Result<(), Caught> {
        let past = self.cases.script.past_pivot(&case.lines[..at]) || case.lines[at] == Event::Done;
        match ending {
            Ending::Stuck { .. } => Ok(()),
            Ending::Undone { .. } if !past => same(trial, "the old world", &bout.old, &bout.stage.world()),
            Ending::Done { .. } if past => {
                let expected = self.stopping_at(&case.lines[at]);
                same(trial, "the new world so far", &expected, &bout.stage.world())
            }
            _ => caught(trial, format!("it ended as {ending:?}")),
        }
    }

    /// The world in which no step is begun from the one on whose event can't be written.
    fn stopping_at(&mut self, missing: &Line) -> S::World {
        let first = match *missing {
            Event::Looked { step, .. } => step,
            Event::Acted { step } => step + 1,
            _ => self.cases.script.steps,
        };
        let weather = (first..self.cases.script.steps).fold(Weather::default(), |weather, step| {
            weather.and(Fault { call: Call::Look, step, when: When::Before, blow: Blow::Fail, times: 1 })
        });
        Bout::new((self.fresh)()).act_plainly(&weather)
    }
}
