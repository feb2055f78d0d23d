//! The process that leads an instance: watched, signalled, reaped. Ours by birth or adopted.
//! Knows one process and its group; not whether it should run.

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use pintail_os::clock;
use pintail_os::process::{self, Identity};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};

use super::gate::{self, Order};
use super::tell::tell;

/// How long a gate may take to read its order: it has nothing else to do.
const ORDER_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest reason that a gate gives, in bytes.
const REASON_LIMIT_BYTES: usize = 1024;

/// A live (or just ended) leader of a process group.
#[derive(Debug)]
pub(super) struct Leader {
    identity: Identity,
    pidfd: OwnedFd,
    /// Where it is our child, which tells how it ended.
    child: Option<Child>,
    /// What it is to become, until it was told.
    order: Option<(Order, Option<OwnedFd>)>,
    /// The gate's end of the line, until the program runs.
    gate: Option<UnixStream>,
    /// Why the gate could not run the program.
    reason: Vec<u8>,
    started: Instant,
    stopping: Option<Stopping>,
}

#[derive(Debug, Clone, Copy)]
struct Stopping {
    kill_at: Instant,
    kill_at_ms: u64,
    killed: bool,
}

impl Leader {
    /// A gate that waits for its order; see [`Self::release`].
    pub(super) fn gated(
        child: Child,
        gate: UnixStream,
        order: Order,
        listener: Option<OwnedFd>,
    ) -> io::Result<Self> {
        // It can't be gone: it is our child, and nobody has reaped it.
        let identity = process::identity(child.id()).ok_or_else(|| io::Error::other("it ended at once"))?;
        let pidfd = open_pidfd(child.id())?;
        gate.set_write_timeout(Some(ORDER_TIMEOUT))?;
        let order = Some((order, listener));
        let started = Instant::now();
        Ok(Self {
            identity,
            pidfd,
            child: Some(child),
            order,
            gate: Some(gate),
            reason: Vec::new(),
            started,
            stopping: None,
        })
    }

    /// The process that an earlier supervisor started, if it is still that one; `lived` so far.
    pub(super) fn adopt(identity: Identity, lived: Duration) -> Option<Self> {
        let pidfd = open_pidfd(identity.pid).ok()?;
        // Looked at with the pidfd open: from here on the number can't become another process's unseen.
        if process::identity(identity.pid) != Some(identity) {
            return None;
        }
        let started = Instant::now().checked_sub(lived).unwrap_or_else(Instant::now);
        Some(Self {
            identity,
            pidfd,
            child: None,
            order: None,
            gate: None,
            reason: Vec::new(),
            started,
            stopping: None,
        })
    }

    pub(super) fn identity(&self) -> Identity {
        self.identity
    }

    pub(super) fn lived(&self) -> Duration {
        self.started.elapsed()
    }

    /// Whether it is not the program yet.
    pub(super) fn is_starting(&self) -> bool {
        self.gate.is_some()
    }

    /// Whether it was not told yet what to become.
    pub(super) fn is_gated(&self) -> bool {
        self.order.is_some()
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    /// When it is killed, in milliseconds since 1970, if it was told to end.
    pub(super) fn kill_at_ms(&self) -> Option<u64> {
        self.stopping.map(|stopping| stopping.kill_at_ms)
    }

    /// When something is due, if anything is.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.stopping.filter(|stopping| !stopping.killed).map(|stopping| stopping.kill_at)
    }

    /// Lets a gated process become its program: to be called once its number is on the disk.
    pub(super) fn release(&mut self) {
        let (Some((order, listener)), Some(gate)) = (self.order.take(), &self.gate) else {
            return;
        };
        if let Err(error) = gate::send(gate, &order, listener.as_ref().map(AsFd::as_fd)) {
            // The gate sees the end of the line and exits; its end is seen as any other.
            self.reason =
                format!("cannot tell process {} what to run: {error}", self.identity.pid).into_bytes();
            self.gate = None;
            return;
        }
        let _ = gate.set_nonblocking(true);
    }

    /// Ends a gated process that was never released: nothing ran in it.
    pub(super) fn withhold(mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// What may become readable.
    pub(super) fn watch<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        fds.push(PollFd::new(&self.pidfd, PollFlags::IN));
        if let Some(gate) = &self.gate {
            fds.push(PollFd::new(gate, PollFlags::IN));
        }
    }

    /// Listens to the gate; says whether the program began to run just now.
    pub(super) fn hear_gate(&mut self) -> bool {
        let Some(gate) = &mut self.gate else { return false };
        let mut bytes = [0; REASON_LIMIT_BYTES];
        match gate.read(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Ok(count @ 1..) => {
                let room = REASON_LIMIT_BYTES.saturating_sub(self.reason.len());
                self.reason.extend(&bytes[..count.min(room)]);
                false
            }
            Ok(0) | Err(_) => {
                self.gate = None;
                self.reason.is_empty()
            }
        }
    }

    /// Tells it to end: TERM to the leader alone, for it knows how to let its workers finish (FCGI::ProcManager,
    /// gunicorn, a shell don't expect their workers to get the signal too). Killed after `timeout`.
    pub(super) fn stop(&mut self, timeout: Duration) {
        if self.stopping.is_some() {
            return;
        }
        let kill_at_ms = clock::now_ms().saturating_add(timeout.as_millis() as u64);
        self.stopping = Some(Stopping { kill_at: Instant::now() + timeout, kill_at_ms, killed: false });
        self.signal(Signal::TERM);
    }

    /// Goes on with a stop that an earlier supervisor began: it is not told twice.
    pub(super) fn go_on_stopping(&mut self, kill_at_ms: u64, at_most: Duration) {
        let left = Duration::from_millis(kill_at_ms.saturating_sub(clock::now_ms())).min(at_most);
        self.stopping = Some(Stopping { kill_at: Instant::now() + left, kill_at_ms, killed: false });
    }

    /// Kills the whole group once its time is over.
    pub(super) fn kill_if_due(&mut self, now: Instant) {
        let Some(stopping) =
            self.stopping.as_mut().filter(|stopping| !stopping.killed && stopping.kill_at <= now)
        else {
            return;
        };
        stopping.killed = true;
        // The leader is there (its end was not seen), so its group is its own.
        let _ = process::signal_group(self.identity.pid, Signal::KILL);
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        match rustix::process::pidfd_send_signal(&self.pidfd, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => tell(&format!("cannot signal process {}: {error}", self.identity.pid)),
        }
    }

    /// Whether it has ended; a zombie has.
    pub(super) fn has_ended(&self) -> bool {
        let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
        rustix::event::poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) == Ok(1)
    }

    /// How it ended. Until then its number stays taken, where it is our child: look at its group before.
    pub(super) fn reap(mut self) -> String {
        self.hear_gate();
        let Some(child) = &mut self.child else {
            return "ended; how is not known, for another supervisor started it".into();
        };
        let status = child.wait();
        if !self.reason.is_empty() {
            return String::from_utf8_lossy(&self.reason).into_owned();
        }
        status.map_or_else(|error| format!("ended; how is not known: {error}"), told)
    }
}

fn open_pidfd(pid: u32) -> io::Result<OwnedFd> {
    let pid = Pid::from_raw(pid as i32).ok_or_else(|| io::Error::other("no process has the number 0"))?;
    Ok(rustix::process::pidfd_open(pid, PidfdFlags::empty())?)
}

fn told(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => match signal_hook::low_level::signal_name(signal) {
            Some(name) => format!("killed by {name}"),
            None => format!("killed by signal {signal}"),
        },
        (None, None) => "ended; how is not known".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_in_words() {
        let words: Vec<String> = [3 << 8, 0, 11, 9 | 0x80].map(|raw| told(ExitStatus::from_raw(raw))).into();
        assert_eq!(words, ["exit status 3", "exit status 0", "killed by SIGSEGV", "killed by SIGKILL"]);
    }

    #[test]
    fn only_the_same_process_is_adopted() {
        let own = process::identity(std::process::id()).unwrap();
        assert!(Leader::adopt(own, Duration::ZERO).is_some());
        assert!(Leader::adopt(Identity { started: own.started + 1, ..own }, Duration::ZERO).is_none());
    }
}
