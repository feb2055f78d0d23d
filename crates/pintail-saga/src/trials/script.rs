//! The journal that a saga should write, worked out apart from the engine. It knows no memos and no reasons.

use crate::{Direction, Event};

/// An event without memo and reason.
pub(super) type Line = Event<()>;

/// What a saga of so many steps should write.
#[derive(Debug, Clone, Copy)]
pub(super) struct Script {
    pub(super) steps: usize,
    pub(super) pivot: usize,
}

impl Script {
    /// Nothing befalls it.
    pub(super) fn undisturbed(self) -> Vec<Line> {
        self.with_rest(Vec::new(), Direction::Finish)
    }

    /// The look of `step` fails.
    pub(super) fn look_fails(self, step: usize) -> Vec<Line> {
        self.stumbles(through(step), step)
    }

    /// The act of `step` fails.
    pub(super) fn act_fails(self, step: usize) -> Vec<Line> {
        let mut lines = through(step);
        lines.push(looked(step));
        self.stumbles(lines, step)
    }

    /// An interrupt comes before `step`.
    pub(super) fn interrupted(self, step: usize) -> Vec<Line> {
        if step > self.pivot { self.undisturbed() } else { self.with_rest(through(step), Direction::Undo) }
    }

    /// As `lines`, but undoing `step` fails `times` times; stuck there if that is too often.
    pub(super) fn undo_fails(self, lines: Vec<Line>, step: usize, times: usize, stuck: bool) -> Vec<Line> {
        let Some(at) = lines.iter().position(|line| *line == Event::Undone { step }) else {
            return lines;
        };
        let failed = std::iter::repeat_n(Event::UndoFailed { step, why: String::new() }, times);
        let rest = if stuck { vec![Event::Stuck { step, why: String::new() }] } else { lines[at..].to_vec() };
        lines[..at].iter().cloned().chain(failed).chain(rest).collect()
    }

    /// After `lines`, `step` has failed.
    pub(super) fn stumbles(self, mut lines: Vec<Line>, step: usize) -> Vec<Line> {
        let why = String::new();
        let past = step > self.pivot;
        lines.push(if past { Event::Remark { step, why } } else { Event::Failed { step, why } });
        self.with_rest(lines, Direction::Finish)
    }

    /// `lines` and what follows on them when nothing more goes wrong.
    pub(super) fn with_rest(self, mut lines: Vec<Line>, direction: Direction) -> Vec<Line> {
        let turned = lines.iter().any(|line| matches!(line, Event::Failed { .. } | Event::Undoing { .. }));
        if turned {
            back(&mut lines);
        } else if direction == Direction::Undo && !self.past_pivot(&lines) {
            lines.push(Event::Undoing { why: String::new() });
            back(&mut lines);
        } else {
            self.forth(&mut lines);
        }
        lines
    }

    /// Whether `lines` are beyond the point of no return.
    pub(super) fn past_pivot(self, lines: &[Line]) -> bool {
        lines.contains(&Event::Done) || lines.contains(&Event::Acted { step: self.pivot })
    }

    fn forth(self, lines: &mut Vec<Line>) {
        if lines.contains(&Event::Done) {
            return;
        }
        let through =
            lines.iter().filter(|line| matches!(line, Event::Acted { .. } | Event::Remark { .. })).count();
        for step in through..self.steps {
            if lines.last() != Some(&looked(step)) {
                lines.push(looked(step));
            }
            lines.push(Event::Acted { step });
        }
        lines.push(Event::Done);
    }
}

/// The lines of a saga in which the steps before `end` have acted.
fn through(end: usize) -> Vec<Line> {
    (0..end).flat_map(|step| [looked(step), Event::Acted { step }]).collect()
}

fn looked(step: usize) -> Line {
    Event::Looked { step, memo: () }
}

fn back(lines: &mut Vec<Line>) {
    if lines.contains(&Event::Reversed) {
        return;
    }
    let looked = lines.iter().filter(|line| matches!(line, Event::Looked { .. })).count();
    let undone = lines.iter().filter(|line| matches!(line, Event::Undone { .. })).count();
    lines.extend((0..looked - undone).rev().map(|step| Event::Undone { step }));
    lines.push(Event::Reversed);
}

/// The event without memo and reason.
pub(super) fn line<M>(event: &Event<M>) -> Line {
    let why = String::new();
    match *event {
        Event::Looked { step, .. } => looked(step),
        Event::Acted { step } => Event::Acted { step },
        Event::Failed { step, .. } => Event::Failed { step, why },
        Event::Undoing { .. } => Event::Undoing { why },
        Event::Undone { step } => Event::Undone { step },
        Event::UndoFailed { step, .. } => Event::UndoFailed { step, why },
        Event::Remark { step, .. } => Event::Remark { step, why },
        Event::Done => Event::Done,
        Event::Reversed => Event::Reversed,
        Event::Stuck { step, .. } => Event::Stuck { step, why },
    }
}
