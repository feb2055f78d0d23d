//! How a deployment goes through the hosts of a target: who starts, who may go on, who goes back. Values only: what
//! was heard comes in, orders go out, so that every course can be tried as a table.
//!
//! Everything is prepared everywhere before anything is visible anywhere; then wave by wave; and nothing counts as
//! good before every wave has got there. More failures than allowed, and all go back.
//!
//! A host that loses its operator decides alone, and must decide as the others do. So before the first word that can't
//! be taken back everywhere (the first turn, where lost hosts go on; the first confirmation, where they go back) all
//! hosts are asked to precommit, and that word is not given before all have answered: three-phase commit.

use pintail_core::wire::Wait;

/// What was heard of one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Its lock is taken.
    Begun,
    /// It waits for a word.
    At(Wait),
    /// It goes on by itself where it loses us.
    Precommitted,
    /// It is on its way back.
    GoingBack,
    /// It has ended; whether with the new release.
    Ended(bool),
    /// It went on behind this wait.
    Behind(Wait),
    /// The connection to it is gone; what it does is up to itself. It is looked for.
    Lost,
    /// And was not found again.
    Gone,
}

/// What one host is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Begin.
    Start,
    /// Agree to go on where the operator is lost.
    Precommit,
    /// Go on behind this wait.
    Pass(Wait),
    /// Go back.
    Abort,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    /// Not told to start.
    Idle,
    /// On its way.
    Going,
    At(Wait),
    GoingBack,
    Ended(bool),
    Lost,
    Gone,
}

/// Whether a host goes on where it loses us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Precommit {
    Unasked,
    Asked,
    Given,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Prepare,
    /// All are prepared, and agree to go on.
    PrecommitTurn,
    /// This wave, by its number.
    Wave(usize),
    /// All serve the release, and agree to stay with it.
    PrecommitConfirm,
    Confirm,
    Back,
}

/// A deployment on its way through hosts.
#[derive(Debug)]
pub(crate) struct March {
    stands: Vec<Stand>,
    precommits: Vec<Precommit>,
    /// The wave of each host.
    waves: Vec<usize>,
    /// The host whose lock is taken first: the same for whoever deploys to these hosts, so that of two who come at
    /// once one gets all of them and the other none.
    first: usize,
    max_failed: usize,
    /// Whether a host whose operator is lost goes on by itself.
    finishes: bool,
    phase: Phase,
}

impl March {
    /// Through `names`, which `waves` parts in their order. At most `max_failed` may fail behind the first switch.
    pub(crate) fn new(names: &[&str], waves: &[usize], max_failed: u32, finishes: bool) -> Self {
        let waves = waves
            .iter()
            .enumerate()
            .flat_map(|(number, size)| std::iter::repeat_n(number, *size))
            .take(names.len());
        let first = (0..names.len()).min_by_key(|host| names[*host]).unwrap_or(0);
        Self {
            stands: vec![Stand::Idle; names.len()],
            precommits: vec![Precommit::Unasked; names.len()],
            waves: waves.collect(),
            first,
            max_failed: max_failed as usize,
            finishes,
            phase: Phase::Prepare,
        }
    }

    /// The first orders.
    pub(crate) fn begin(&mut self) -> Vec<(usize, Order)> {
        if self.stands.is_empty() {
            return Vec::new();
        }
        self.stands[self.first] = Stand::Going;
        vec![(self.first, Order::Start)]
    }

    /// Whether every host has ended, or is out of reach.
    pub(crate) fn is_over(&self) -> bool {
        let over = |stand: &Stand| match stand {
            Stand::Ended(_) | Stand::Lost | Stand::Gone => true,
            Stand::Idle => self.phase == Phase::Back,
            _ => false,
        };
        self.stands.iter().all(over)
    }

    /// What follows from what was heard of `host`.
    pub(crate) fn heard(&mut self, host: usize, heard: Heard) -> Vec<(usize, Order)> {
        let mut orders = Vec::new();
        self.stands[host] = match (heard, self.stands[host]) {
            // What is told of it later is what it did without us; it hears nothing. That it goes back is no guess then.
            (Heard::Begun | Heard::At(_) | Heard::Lost, Stand::Lost) => Stand::Lost,
            (Heard::Precommitted, stand) => {
                self.precommits[host] = Precommit::Given;
                stand
            }
            // It was asked and went on without us, so it has agreed: only the answer was lost.
            (Heard::Behind(_), Stand::Lost) if self.precommits[host] == Precommit::Asked => {
                self.precommits[host] = Precommit::Given;
                Stand::Lost
            }
            (Heard::Behind(_), stand) => stand,
            (Heard::Begun, _) => {
                if host == self.first && self.phase == Phase::Prepare {
                    orders.extend(self.start_others());
                }
                Stand::Going
            }
            (Heard::At(wait), _) => Stand::At(wait),
            (Heard::GoingBack, _) => Stand::GoingBack,
            (Heard::Ended(good), _) => Stand::Ended(good),
            (Heard::Lost, _) => Stand::Lost,
            (Heard::Gone, _) => Stand::Gone,
        };
        orders.extend(self.go_on());
        orders
    }

    /// The operator wants all to go back.
    pub(crate) fn abort(&mut self) -> Vec<(usize, Order)> {
        if matches!(self.phase, Phase::Back | Phase::Confirm) {
            return Vec::new();
        }
        self.phase = Phase::Back;
        let told = |stand: &Stand| matches!(stand, Stand::Going | Stand::At(_));
        self.all(told).map(|host| (host, Order::Abort)).collect()
    }

    fn start_others(&mut self) -> Vec<(usize, Order)> {
        let idle: Vec<usize> = self.all(|stand| *stand == Stand::Idle).collect();
        for host in &idle {
            self.stands[*host] = Stand::Going;
        }
        idle.into_iter().map(|host| (host, Order::Start)).collect()
    }

    fn go_on(&mut self) -> Vec<(usize, Order)> {
        let mut orders = Vec::new();
        loop {
            if self.failures() > self.allowed() {
                orders.extend(self.abort());
                return orders;
            }
            match self.phase {
                Phase::Prepare if self.every(|_| true) => {
                    self.phase = Phase::PrecommitTurn;
                    if self.finishes {
                        orders.extend(self.precommit(Wait::Turn));
                    }
                }
                Phase::PrecommitTurn if self.agreed() => orders.extend(self.enter(0)),
                Phase::Wave(wave) if self.every(|of| of == wave) => match self.waves.iter().max() {
                    Some(last) if wave < *last => orders.extend(self.enter(wave + 1)),
                    _ => {
                        self.phase = Phase::PrecommitConfirm;
                        if !self.finishes {
                            orders.extend(self.precommit(Wait::Confirm));
                        }
                    }
                },
                Phase::PrecommitConfirm if self.agreed() => {
                    self.phase = Phase::Confirm;
                    orders.extend(self.pass(Wait::Confirm, |_| true));
                    return orders;
                }
                _ => return orders,
            }
        }
    }

    fn enter(&mut self, wave: usize) -> Vec<(usize, Order)> {
        self.phase = Phase::Wave(wave);
        self.pass(Wait::Turn, |of| of == wave)
    }

    /// Asks those who wait there. One host alone has nobody to agree with.
    fn precommit(&mut self, wait: Wait) -> Vec<(usize, Order)> {
        if self.stands.len() < 2 {
            return Vec::new();
        }
        let asked: Vec<usize> = self.all(|stand| *stand == Stand::At(wait)).collect();
        for host in &asked {
            self.precommits[*host] = Precommit::Asked;
        }
        asked.into_iter().map(|host| (host, Order::Precommit)).collect()
    }

    /// Whether nobody who was asked still owes an answer. One that was lost may have agreed: that is known once it is
    /// found again.
    fn agreed(&self) -> bool {
        let owes = |(stand, precommit): (&Stand, &Precommit)| {
            *precommit == Precommit::Asked && matches!(stand, Stand::At(_) | Stand::Lost)
        };
        !self.stands.iter().zip(&self.precommits).any(owes)
    }

    fn pass(&mut self, wait: Wait, of: impl Fn(usize) -> bool) -> Vec<(usize, Order)> {
        let waiting: Vec<usize> =
            self.all(|stand| *stand == Stand::At(wait)).filter(|host| of(self.waves[*host])).collect();
        for host in &waiting {
            self.stands[*host] = Stand::Going;
        }
        waiting.into_iter().map(|host| (host, Order::Pass(wait))).collect()
    }

    /// Whether every host of the waves that `of` names has got as far as it gets without a word in this phase.
    fn every(&self, of: impl Fn(usize) -> bool) -> bool {
        let there = |stand: &Stand| match stand {
            Stand::At(Wait::Turn) => self.phase == Phase::Prepare,
            Stand::At(Wait::Confirm) | Stand::Ended(_) | Stand::Lost | Stand::Gone => true,
            Stand::Idle | Stand::Going | Stand::GoingBack => false,
        };
        self.stands.iter().zip(&self.waves).filter(|(_, wave)| of(**wave)).all(|(stand, _)| there(stand))
    }

    fn failures(&self) -> usize {
        let asking = matches!(self.phase, Phase::PrecommitTurn | Phase::PrecommitConfirm);
        let failed = |(stand, precommit): (&Stand, &Precommit)| match stand {
            Stand::Ended(good) => !good,
            Stand::GoingBack => true,
            Stand::Lost if asking && *precommit == Precommit::Asked => false,
            // What it does by itself is known: it goes on where it has agreed to. Under the policy that goes on it is
            // asked before anything is visible, under the other one at the end.
            Stand::Lost | Stand::Gone => *precommit != Precommit::Given,
            _ => false,
        };
        self.stands.iter().zip(&self.precommits).filter(|both| failed(*both)).count()
    }

    /// While nothing is visible, nothing is lost by going back.
    fn allowed(&self) -> usize {
        match self.phase {
            Phase::Prepare | Phase::PrecommitTurn => 0,
            Phase::Wave(_) | Phase::PrecommitConfirm => self.max_failed,
            // The word is given: some may have recorded the release already.
            Phase::Confirm | Phase::Back => usize::MAX,
        }
    }

    fn all(&self, of: impl Fn(&Stand) -> bool) -> impl Iterator<Item = usize> {
        let hosts: Vec<usize> = (0..self.stands.len()).filter(|host| of(&self.stands[*host])).collect();
        hosts.into_iter()
    }
}

#[cfg(test)]
mod tests;
