//! How soon an instance that ended is started again, and when that is given up. Numbers only.

use std::time::Duration;

/// The policy of restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// The wait after the first quick death; it doubles with each further one.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
    /// An instance that lived this long is fine: what came before is forgotten.
    pub settled_after: Duration,
    /// After this many quick deaths in a row nothing is tried any more.
    pub gives_up_after: u32,
}

impl Default for Patience {
    /// 100 ms, so that a single crash costs the waiting connections nothing that anyone notices; doubling to
    /// 30 s, so that a broken application doesn't eat the machine; settled after 10 s, longer than any start
    /// that reads its configuration and fails; given up after 16 quick deaths, which is some 4 minutes: a
    /// database that comes up after us at boot takes less, a release that can't start isn't worth more.
    fn default() -> Self {
        Self {
            first_wait: Duration::from_millis(100),
            longest_wait: Duration::from_secs(30),
            settled_after: Duration::from_secs(10),
            gives_up_after: 16,
        }
    }
}

impl Patience {
    /// How many quick deaths in a row there are after one more death, of an instance that lived so long.
    pub(super) fn count(&self, quick_deaths: u32, lived: Duration) -> u32 {
        if lived >= self.settled_after { 1 } else { quick_deaths.saturating_add(1) }
    }

    /// The wait after so many quick deaths in a row, or `None`: given up.
    pub(super) fn wait(&self, quick_deaths: u32) -> Option<Duration> {
        if quick_deaths >= self.gives_up_after {
            return None;
        }
        let doubled = 2u32.saturating_pow(quick_deaths.saturating_sub(1));
        Some(self.first_wait.saturating_mul(doubled).min(self.longest_wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_the_longest_then_end() {
        let patience = Patience::default();
        let waits: Vec<_> =
            (1..20).map_while(|count| patience.wait(count)).map(|wait| wait.as_millis()).collect();
        let expected =
            [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000, 30000, 30000, 30000, 30000];
        assert_eq!(waits, expected);
    }

    #[test]
    fn a_long_life_forgives() {
        let patience = Patience::default();
        assert_eq!(patience.count(7, Duration::from_secs(9)), 8);
        assert_eq!(patience.count(7, Duration::from_secs(10)), 1);
        assert_eq!(patience.wait(u32::MAX), None);
    }
}
