//! What should have come of a trial: the whole journal, the ending, and the world.

use std::fmt::Debug;

use super::bout::Bout;
use super::case::Case;
use super::plan::Trials;
use super::script::{Line, line};
use super::{Caught, Engine, Stage};
use crate::position::name;
use crate::{Actor, Broken, Ending, Event, Position, position};

impl<E, S, F> Trials<E, S, F>
where
    E: Engine,
    S: Stage,
    F: FnMut() -> S,
    <S::Actor as Actor>::Memo: PartialEq + Debug,
{
    pub(super) fn ended(
        &self,
        trial: &str,
        bout: &Bout<S>,
        end: Option<Result<Ending, Broken>>,
        lines: &[Line],
    ) -> Result<(), Caught> {
        self.journal_is(trial, bout, lines)?;
        let stands = position(&bout.disk.borrow().events, self.cases.script.steps, self.cases.script.pivot);
        match (end, stands) {
            (Some(Ok(end)), Ok(Position::Ended(stands))) if end == stands => Ok(()),
            (end, stands) => caught(trial, format!("it ended as {end:?}, but its journal says {stands:?}")),
        }
    }

    pub(super) fn journal_is(&self, trial: &str, bout: &Bout<S>, lines: &[Line]) -> Result<(), Caught> {
        let disk = bout.disk.borrow();
        if let Some(complaint) = disk.complaints.first() {
            return caught(trial, complaint.clone());
        }
        let written: Vec<Line> = disk.events.iter().map(line).collect();
        if written == lines {
            return Ok(());
        }
        caught(
            trial,
            format!("expected the journal: {}\n  it says:             {}", told(lines), told(&written)),
        )
    }

    /// The world is wholly old or wholly new, as the journal says; but for a step that was left.
    pub(super) fn world_is(&mut self, trial: &str, bout: &Bout<S>, case: &Case) -> Result<(), Caught> {
        let world = bout.stage.world();
        let left = case.lines.iter().any(|line| matches!(line, Event::Remark { .. }));
        match case.lines.last() {
            Some(Event::Reversed) => same(trial, "the old world", &bout.old, &world),
            Some(Event::Done) if left => {
                let expected = Bout::new((self.fresh)()).act_plainly(&case.weather);
                same(trial, "the new world but for the step that was left", &expected, &world)
            }
            Some(Event::Done) => same(trial, "the new world", &self.new, &world),
            _ => Ok(()),
        }
    }
}

fn told(lines: &[Line]) -> String {
    lines.iter().map(name).collect::<Vec<_>>().join(" · ")
}

pub(super) fn same<W: PartialEq + Debug>(
    trial: &str,
    which: &str,
    expected: &W,
    found: &W,
) -> Result<(), Caught> {
    if expected == found {
        return Ok(());
    }
    caught(trial, format!("expected {which}: {expected:?}\n  it is: {found:?}"))
}

pub(super) fn caught<T>(trial: &str, found: String) -> Result<T, Caught> {
    Err(Caught { trial: trial.to_owned(), found })
}
