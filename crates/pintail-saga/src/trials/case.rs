//! What may befall a saga, and the journal that should come of it. It runs nothing.

use super::cut::Blow;
use super::script::{Line, Script};
use super::weather::{Call, Fault, Weather, When};
use crate::UNDO_ATTEMPTS;

/// Something that befalls the saga, and the journal that should come of it.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) weather: Weather,
    pub(super) lines: Vec<Line>,
}

/// All cases of one saga.
pub(super) struct Cases {
    pub(super) script: Script,
    /// By step: at how many points its act can be stopped.
    pub(super) act_points: Vec<usize>,
    /// By step: at how many points its undo can be stopped.
    pub(super) undo_points: Vec<usize>,
}

impl Cases {
    pub(super) fn undisturbed(&self) -> Case {
        let lines = self.script.undisturbed();
        Case { name: "nothing fails".to_owned(), weather: Weather::default(), lines }
    }

    /// Back from each step up to the pivot, when its act had changed everything and failed nevertheless.
    pub(super) fn ways_back(&self) -> Vec<Case> {
        let turns = (0..self.script.steps).filter(|step| *step <= self.script.pivot);
        turns.map(|step| self.act_failure(step, When::After)).collect()
    }

    /// Every look and act fails, before, midway and after; every step is interrupted.
    pub(super) fn failures(&self) -> Vec<Case> {
        (0..self.script.steps).flat_map(|step| self.failures_of(step)).collect()
    }

    fn failures_of(&self, step: usize) -> Vec<Case> {
        let acts = whens(self.act_points[step]).map(|when| self.act_failure(step, when));
        let look = Case {
            name: format!("the look of step {step} fails"),
            weather: Weather::failing(Call::Look, step, When::Before),
            lines: self.script.look_fails(step),
        };
        let interrupt = Case {
            name: format!("an interrupt before step {step}"),
            weather: Weather { interrupt_before: Some(step), ..Weather::default() },
            lines: self.script.interrupted(step),
        };
        acts.chain([look, interrupt]).collect()
    }

    fn act_failure(&self, step: usize, when: When) -> Case {
        Case {
            name: format!("the act of step {step} fails ({when:?})"),
            weather: Weather::failing(Call::Act, step, when),
            lines: self.script.act_fails(step),
        }
    }

    /// On the way back from every step, every undo fails, once or until the saga is stuck.
    pub(super) fn undo_failures(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for turn in (0..self.script.steps).filter(|step| *step <= self.script.pivot) {
            for step in 0..=turn {
                for when in whens(self.undo_points[step]) {
                    cases.push(self.undo_failure(turn, step, when, 1));
                    cases.push(self.undo_failure(turn, step, when, UNDO_ATTEMPTS));
                }
            }
        }
        cases
    }

    fn undo_failure(&self, turn: usize, step: usize, when: When, times: usize) -> Case {
        let Case { name, weather, lines } = self.act_failure(turn, When::After);
        let stuck = times >= UNDO_ATTEMPTS;
        Case {
            name: format!("{name}, then {times} times the undo of step {step} ({when:?})"),
            weather: weather.and(Fault { call: Call::Undo, step, when, blow: Blow::Fail, times }),
            lines: self.script.undo_fails(lines, step, times, stuck),
        }
    }
}

/// Before, at every point, and after.
fn whens(points: usize) -> impl Iterator<Item = When> {
    std::iter::once(When::Before).chain((0..points).map(When::Midway)).chain([When::After])
}
