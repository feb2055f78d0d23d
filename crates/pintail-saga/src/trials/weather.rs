//! What befalls a saga in one trial. It doesn't know what should come of it.

use super::cut::Blow;

/// What befalls one process of a saga.
#[derive(Debug, Clone, Default)]
pub(super) struct Weather {
    pub(super) faults: Vec<Fault>,
    /// The question before this step is answered with an interrupt.
    pub(super) interrupt_before: Option<usize>,
    /// This call is made twice.
    pub(super) twice: Option<(Call, usize)>,
    /// What happens when the journal's event of this number (from 0) is written.
    pub(super) append: Option<(usize, Ink)>,
}

/// A call to the actor that goes wrong.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    pub(super) call: Call,
    pub(super) step: usize,
    pub(super) when: When,
    pub(super) blow: Blow,
    /// How often; later calls go well.
    pub(super) times: usize,
}

/// One of the actor's three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Call {
    Look,
    Act,
    Undo,
}

/// When in a call it goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// Before it has changed anything.
    Before,
    /// At this point, counted from 0.
    Midway(usize),
    /// After it has changed everything.
    After,
}

/// What happens to an event on its way to the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// The power goes before it is written.
    DarkBefore,
    /// The power goes after it is written.
    DarkAfter,
    /// It can't be written, the first time.
    FailsOnce,
    /// From it on nothing can be written.
    Dry,
}

impl Weather {
    /// The weather in which this one call fails.
    pub(super) fn failing(call: Call, step: usize, when: When) -> Self {
        Self::default().and(Fault { call, step, when, blow: Blow::Fail, times: 1 })
    }

    pub(super) fn and(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// The fault of this call, if it has one left; uses it up.
    pub(super) fn strike(&mut self, call: Call, step: usize) -> Option<(When, Blow)> {
        let fault = self.faults.iter_mut().find(|f| f.call == call && f.step == step && f.times > 0)?;
        fault.times -= 1;
        Some((fault.when, fault.blow))
    }
}
