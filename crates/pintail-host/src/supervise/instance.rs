//! One instance of a service through its lives: due, alive, ended, due again, given up.
//! Knows its own leader and leftovers; not what its service wants.

use std::path::Path;
use std::time::{Duration, Instant};

use pintail_os::clock;
use pintail_os::process::{self, Identity};
use rustix::event::PollFd;
use rustix::process::Signal;

use super::group;
use super::leader::Leader;
use super::logs;
use super::patience::Patience;
use super::protocol::{InstanceState, InstanceStatus};
use super::record::{InstanceRecord, LeaderRecord};

/// What members of a group get between TERM and KILL once their leader is gone: a worker that is still
/// answering has this long. A leader that cares waits for its workers itself, within the stop timeout.
const LEFTOVER_TIMEOUT: Duration = Duration::from_secs(2);

/// How often leftovers are looked at: nothing tells when a group becomes empty.
const LEFTOVER_GLANCE: Duration = Duration::from_millis(50);

/// The wait until an instance is tried again that could not be recorded or has no socket: neither is its fault.
const BLAMELESS_WAIT: Duration = Duration::from_secs(1);

/// How it ended, where nobody was there to see.
const UNSEEN: &str = "ended while nobody watched";

/// One numbered instance.
#[derive(Debug)]
pub(super) struct Instance {
    n: u32,
    since_ms: u64,
    restarts: u32,
    quick_deaths: u32,
    last_exit: Option<String>,
    life: Life,
    leftovers: Vec<Leftover>,
    /// When it is stopped because another has replaced it.
    retire_at: Option<Instant>,
}

#[derive(Debug)]
enum Life {
    /// To be started then.
    Due { at: Instant, at_ms: u64 },
    /// Its leader is there.
    Alive(Box<Leader>),
    /// Not to be started again until the service is stopped and started.
    GaveUp { reason: String },
    /// Its leader ended, as it was told.
    Ended,
}

/// A group whose leader is gone.
#[derive(Debug)]
struct Leftover {
    leader: Identity,
    kill_at: Instant,
}

impl Instance {
    /// An instance that is due now.
    pub(super) fn new(n: u32) -> Self {
        let since_ms = clock::now_ms();
        let life = Life::Due { at: Instant::now(), at_ms: since_ms };
        Self {
            n,
            since_ms,
            restarts: 0,
            quick_deaths: 0,
            last_exit: None,
            life,
            leftovers: Vec::new(),
            retire_at: None,
        }
    }

    pub(super) fn n(&self) -> u32 {
        self.n
    }

    /// Whether it ran before, and ended.
    pub(super) fn has_lived(&self) -> bool {
        self.restarts > 0
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        matches!(self.life, Life::Due { at, .. } if at <= now)
    }

    pub(super) fn is_alive(&self) -> bool {
        matches!(self.life, Life::Alive(_))
    }

    /// Whether nothing of it is left.
    pub(super) fn is_stopped(&self) -> bool {
        matches!(self.life, Life::Ended) && self.leftovers.is_empty()
    }

    /// The leader while it is there.
    pub(super) fn leader(&self) -> Option<Identity> {
        match &self.life {
            Life::Alive(leader) => Some(leader.identity()),
            _ => None,
        }
    }

    /// Gives it a gated process.
    pub(super) fn begin(&mut self, leader: Leader) {
        self.turn(Life::Alive(Box::new(leader)));
    }

    /// Lets a gated process go, once it is recorded.
    pub(super) fn release(&mut self) {
        if let Life::Alive(leader) = &mut self.life {
            leader.release();
        }
    }

    /// Takes a gated process back that could not be recorded.
    pub(super) fn withhold(&mut self, why: &str) {
        if !matches!(&self.life, Life::Alive(leader) if leader.is_gated()) {
            return;
        }
        let (at, at_ms) = after(BLAMELESS_WAIT);
        if let Life::Alive(leader) = std::mem::replace(&mut self.life, Life::Due { at, at_ms }) {
            leader.withhold();
        }
        self.last_exit = Some(why.to_owned());
    }

    /// Puts it off without blame.
    pub(super) fn put_off(&mut self, why: &str) {
        self.last_exit = Some(why.to_owned());
        let (at, at_ms) = after(BLAMELESS_WAIT);
        self.turn(Life::Due { at, at_ms });
    }

    /// It ended, or could not begin, unasked: it is due again later, or given up.
    pub(super) fn died(&mut self, how: String, lived: Duration, patience: &Patience, log: &Path) {
        self.quick_deaths = patience.count(self.quick_deaths, lived);
        let life = match patience.wait(self.quick_deaths) {
            Some(wait) => {
                self.restarts += 1;
                let (at, at_ms) = after(wait);
                Life::Due { at, at_ms }
            }
            None => Life::GaveUp { reason: reason(&how, self.quick_deaths, log) },
        };
        self.last_exit = Some(how);
        self.turn(life);
    }

    /// Lets it end; see [`Leader::stop`].
    pub(super) fn stop(&mut self, timeout: Duration) {
        self.retire_at = None;
        match &mut self.life {
            Life::Alive(leader) if leader.is_stopping() => {}
            Life::Alive(leader) => {
                leader.stop(timeout);
                self.since_ms = clock::now_ms();
            }
            Life::Due { .. } | Life::GaveUp { .. } => self.turn(Life::Ended),
            Life::Ended => {}
        }
    }

    /// Stops it after `overlap`: another takes its place.
    pub(super) fn retire(&mut self, overlap: Duration) {
        self.retire_at = Some(Instant::now() + overlap);
    }

    /// Does what is due and takes notice of what happened; says whether anything to be recorded changed.
    pub(super) fn tick(&mut self, now: Instant, timeout: Duration, patience: &Patience, log: &Path) -> bool {
        let mut changed = false;
        if self.retire_at.is_some_and(|at| at <= now) {
            self.stop(timeout);
            changed = true;
        }
        if let Life::Alive(leader) = &mut self.life {
            if leader.hear_gate() {
                self.since_ms = clock::now_ms();
            }
            leader.kill_if_due(now);
            if leader.has_ended() {
                self.bury(patience, log);
                changed = true;
            }
        }
        changed | self.sweep(now)
    }

    fn bury(&mut self, patience: &Patience, log: &Path) {
        let Life::Alive(leader) = std::mem::replace(&mut self.life, Life::Ended) else {
            return;
        };
        // Before it is reaped, while its number is still taken: a group of that number is its own.
        self.take_leftovers(leader.identity());
        let (lived, stopping) = (leader.lived(), leader.is_stopping());
        let how = leader.reap();
        if stopping {
            self.last_exit = Some(how);
            self.turn(Life::Ended);
        } else {
            self.died(how, lived, patience, log);
        }
    }

    /// Those who stay when their leader is gone are told to end: beside a new leader they would go on taking
    /// requests with nobody to stop them.
    fn take_leftovers(&mut self, leader: Identity) {
        if group::is_alive(leader) {
            let _ = process::signal_group(leader.pid, Signal::TERM);
            self.leftovers.push(Leftover { leader, kill_at: Instant::now() + LEFTOVER_TIMEOUT });
        }
    }

    fn sweep(&mut self, now: Instant) -> bool {
        let before = self.leftovers.len();
        self.leftovers.retain(|left| {
            let alive = group::is_alive(left.leader);
            if alive && left.kill_at <= now {
                let _ = process::signal_group(left.leader.pid, Signal::KILL);
            }
            alive
        });
        self.leftovers.len() != before
    }

    /// When something is due next, if anything is.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let life = match &self.life {
            Life::Due { at, .. } => Some(*at),
            Life::Alive(leader) => leader.deadline(),
            Life::GaveUp { .. } | Life::Ended => None,
        };
        let glance = (!self.leftovers.is_empty()).then(|| Instant::now() + LEFTOVER_GLANCE);
        [life, glance, self.retire_at].into_iter().flatten().min()
    }

    /// What may become readable.
    pub(super) fn watch<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        if let Life::Alive(leader) = &self.life {
            leader.watch(fds);
        }
    }

    fn turn(&mut self, life: Life) {
        self.life = life;
        self.since_ms = clock::now_ms();
    }

    pub(super) fn status(&self) -> InstanceStatus {
        InstanceStatus {
            n: self.n,
            pid: self.leader().map(|leader| leader.pid),
            state: self.state(),
            since_ms: self.since_ms,
            restarts: self.restarts,
            last_exit: self.last_exit.clone(),
        }
    }

    fn state(&self) -> InstanceState {
        match &self.life {
            Life::Due { .. } if self.last_exit.is_none() => InstanceState::Starting,
            Life::Due { at_ms, .. } => InstanceState::Backoff { until_ms: *at_ms },
            Life::Alive(leader) if leader.is_stopping() => InstanceState::Stopping,
            Life::Alive(leader) if leader.is_starting() => InstanceState::Starting,
            Life::Alive(_) => InstanceState::Running,
            Life::GaveUp { reason } => InstanceState::GaveUp { reason: reason.clone() },
            Life::Ended if self.leftovers.is_empty() => InstanceState::Stopped,
            Life::Ended => InstanceState::Stopping,
        }
    }

    pub(super) fn record(&self) -> InstanceRecord {
        let leader = match &self.life {
            Life::Alive(leader) => {
                Some(LeaderRecord { process: leader.identity().into(), kill_at_ms: leader.kill_at_ms() })
            }
            _ => None,
        };
        InstanceRecord {
            n: self.n,
            since_ms: self.since_ms,
            restarts: self.restarts,
            quick_deaths: self.quick_deaths,
            last_exit: self.last_exit.clone(),
            gave_up: matches!(self.life, Life::GaveUp { .. }),
            leader,
            leftovers: self.leftovers.iter().map(|left| left.leader.into()).collect(),
        }
    }

    /// The instance that another supervisor recorded: its process is adopted where it is alive; where it isn't,
    /// the instance is due at once, or ended if nobody wants it. `same_boot` says whether the recorded process
    /// numbers mean anything.
    pub(super) fn adopt(
        record: &InstanceRecord,
        up: bool,
        same_boot: bool,
        timeout: Duration,
        log: &Path,
    ) -> Self {
        let mut instance = Self::new(record.n);
        if !same_boot {
            instance.life = if up { instance.life } else { Life::Ended };
            return instance;
        }
        instance.since_ms = record.since_ms;
        instance.restarts = record.restarts;
        instance.quick_deaths = record.quick_deaths;
        instance.last_exit = record.last_exit.clone();
        for left in &record.leftovers {
            instance.take_leftovers((*left).into());
        }
        match &record.leader {
            Some(leader) => instance.adopt_leader(leader, up, timeout),
            None if !up => instance.life = Life::Ended,
            None if record.gave_up => instance.gave_up_before(log),
            None => {}
        }
        instance
    }

    fn adopt_leader(&mut self, record: &LeaderRecord, up: bool, timeout: Duration) {
        let lived = Duration::from_millis(clock::now_ms().saturating_sub(self.since_ms));
        if let Some(mut leader) = Leader::adopt(record.process.into(), lived) {
            match record.kill_at_ms {
                Some(kill_at_ms) => leader.go_on_stopping(kill_at_ms, timeout),
                None if !up => leader.stop(timeout),
                None => {}
            }
            self.life = Life::Alive(Box::new(leader));
            return;
        }
        self.take_leftovers(record.process.into());
        self.last_exit = Some(UNSEEN.into());
        self.since_ms = clock::now_ms();
        match up {
            true => self.restarts += 1,
            false => self.life = Life::Ended,
        }
    }

    fn gave_up_before(&mut self, log: &Path) {
        let how = self.last_exit.clone().unwrap_or_else(|| UNSEEN.into());
        self.life = Life::GaveUp { reason: reason(&how, self.quick_deaths, log) };
    }
}

/// Told to whoever asks for the status, kept nowhere: a log may hold what belongs on no other disk.
pub(super) fn reason(how: &str, quick_deaths: u32, log: &Path) -> String {
    let tail = logs::tail(log);
    let last = if tail.is_empty() { "its log is empty".to_owned() } else { format!("its log ends:\n{tail}") };
    format!("{how}; it ended {quick_deaths} times in a row too soon; {last}")
}

fn after(wait: Duration) -> (Instant, u64) {
    (Instant::now() + wait, clock::now_ms().saturating_add(wait.as_millis() as u64))
}
