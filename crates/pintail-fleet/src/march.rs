//! How a deployment goes through the hosts of a target: who starts, who may go on, who goes back. Values only: what
//! was heard comes in, orders go out, so that every course can be tried as a table.
//!
//! Everything is prepared everywhere before anything is visible anywhere; then wave by wave; and nothing counts as
//! good before every wave has got there. More failures than allowed, and all go back.

use pintail_core::wire::Wait;

/// What was heard of one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Its lock is taken.
    Begun,
    /// It waits for a word.
    At(Wait),
    /// It is on its way back.
    GoingBack,
    /// It has ended; whether with the new release.
    Ended(bool),
    /// The connection to it is gone; what it does is up to itself.
    Lost,
}

/// What one host is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Begin.
    Start,
    /// Know that the release is being made visible somewhere.
    Begun,
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Prepare,
    /// This wave, by its number.
    Wave(usize),
    Confirm,
    Back,
}

/// A deployment on its way through hosts.
#[derive(Debug)]
pub(crate) struct March {
    stands: Vec<Stand>,
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
            Stand::Ended(_) | Stand::Lost => true,
            Stand::Idle => self.phase == Phase::Back,
            _ => false,
        };
        self.stands.iter().all(over)
    }

    /// What follows from what was heard of `host`.
    pub(crate) fn heard(&mut self, host: usize, heard: Heard) -> Vec<(usize, Order)> {
        let mut orders = Vec::new();
        self.stands[host] = match (heard, self.stands[host]) {
            // What is told of it later is what it did without us; it hears nothing.
            (Heard::Begun | Heard::At(_) | Heard::GoingBack | Heard::Lost, Stand::Lost) => Stand::Lost,
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
                    // Told to all before anyone acts on it: who loses the operator then knows what the others do.
                    orders.extend(
                        self.all(|stand| matches!(stand, Stand::At(_))).map(|host| (host, Order::Begun)),
                    );
                    orders.extend(self.enter(0));
                }
                Phase::Wave(wave) if self.every(|of| of == wave) => match self.waves.iter().max() {
                    Some(last) if wave < *last => orders.extend(self.enter(wave + 1)),
                    _ => {
                        self.phase = Phase::Confirm;
                        orders.extend(self.pass(Wait::Confirm, |_| true));
                        return orders;
                    }
                },
                _ => return orders,
            }
        }
    }

    fn enter(&mut self, wave: usize) -> Vec<(usize, Order)> {
        self.phase = Phase::Wave(wave);
        self.pass(Wait::Turn, |of| of == wave)
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
            Stand::At(Wait::Confirm) | Stand::Ended(_) | Stand::Lost => true,
            Stand::Idle | Stand::Going | Stand::GoingBack => false,
        };
        self.stands.iter().zip(&self.waves).filter(|(_, wave)| of(**wave)).all(|(stand, _)| there(stand))
    }

    fn failures(&self) -> usize {
        let failed = |stand: &Stand| match stand {
            Stand::Ended(good) => !good,
            Stand::GoingBack => true,
            // What it does by itself is known: it goes on once the release is visible somewhere, or goes back.
            Stand::Lost => self.phase == Phase::Prepare || !self.finishes,
            _ => false,
        };
        self.all(failed).count()
    }

    /// While nothing is visible, nothing is lost by going back.
    fn allowed(&self) -> usize {
        match self.phase {
            Phase::Prepare => 0,
            Phase::Wave(_) => self.max_failed,
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
