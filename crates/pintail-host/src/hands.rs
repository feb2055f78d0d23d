//! What steps work with: the root's layout, the plan, the supervisor, the operator's ear, and the wish to
//! stop. Each step is a file of `steps`; this one does none.

use crate::supervise::protocol::{
    HeldSocket, InstanceState, Pass as Passing, Refusal, ServiceId, ServiceSpec, ServiceStatus,
};
use crate::supervisors::{self, Supervisor};
use crate::trouble::{Trying, fail};
use pintail_core::digest::Digest;
use pintail_core::layout::Layout;
use pintail_core::plan::{Address, HostPlan, Pass, Service};
use pintail_core::wire::{Progress, Wait};
use pintail_os::program::Stream;
use pintail_saga::Failure;
use pintail_saga::trials::Cut;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// How often something that takes a while is looked at.
pub(crate) const GLANCE: Duration = Duration::from_millis(10);

/// Where an operation's operator listens, as far as one is there.
pub trait Ear {
    /// The operation went on.
    fn progress(&mut self, progress: Progress);
    /// A command said something.
    fn output(&mut self, from: &str, stream: Stream, text: &str);
    /// The bytes of the artifact `digest`, or of the `patch` that makes its release, from `from` on; an error when
    /// nobody can send them.
    ///
    /// # Errors
    /// The operator has not got it; or is gone (`ConnectionAborted`), or silent (`TimedOut`).
    fn fetch(
        &mut self,
        digest: &Digest,
        patch: Option<&Digest>,
        from: u64,
        into: &mut dyn io::Write,
    ) -> io::Result<()>;
    /// What is known of the operator while the operation waits for its word on `wait`; where it says nothing, after
    /// `within`.
    fn word(&mut self, wait: Wait, within: Duration) -> Word;
    /// Why the operation shall go back, if it shall: an abort, a signal, an operator who left.
    fn interrupt(&mut self) -> Option<String>;
}

/// What is known of the operator while an operation waits for its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// The word was given.
    pub given: bool,
    /// The operator has hung up.
    pub left: bool,
    /// Since it was last heard.
    pub silent_for: Duration,
    /// It was agreed with the operator that the operation goes on where that is lost.
    pub precommitted: bool,
}

/// What steps work with.
pub struct Hands<'a> {
    /// Where things stand.
    pub layout: Layout,
    /// What is done.
    pub plan: &'a HostPlan,
    /// Who asked.
    pub by: &'a str,
    /// The version that the supervisor must have.
    pub version: &'a str,
    /// The operator. Steps borrow it for one call at a time.
    pub ear: &'a RefCell<dyn Ear + 'a>,
    /// Where trials stop a step between two of its changes; elsewhere it never does.
    pub cut: Cut,
}

impl Hands<'_> {
    /// Whether the operation is still wanted; asked in every wait.
    pub(crate) fn interrupt(&self) -> Option<String> {
        self.ear.borrow_mut().interrupt()
    }

    /// Hands on what a command said, and keeps it with the operation. That it can't be kept (a full disk) is
    /// no reason to fail: it was told.
    pub(crate) fn said(&self, from: &str, stream: Stream, text: &str) {
        let path = self.layout.operation(self.plan.id).join("output");
        let _ = keep(&path, text.as_bytes(), OUTPUT_MAX);
        self.ear.borrow_mut().output(from, stream, text);
    }

    /// The supervisor of `service`; the embedded one is started if it isn't there.
    pub(crate) fn supervisor(&self, service: &Service) -> Result<Supervisor, Failure> {
        Supervisor::ensure(&self.layout, &service.supervisor, self.version)
            .trying(|| "cannot reach the supervisor".to_owned())
    }

    /// The supervisor that knows `service`; `None` when there never was one, or it left no word of the service.
    pub(crate) fn supervisor_of(&self, service: &Service) -> Result<Option<Supervisor>, Refusal> {
        Supervisor::of(&self.layout, &service.supervisor, &id(service), self.version)
    }

    /// What `service` is to its supervisor.
    pub(crate) fn spec(&self, service: &Service) -> ServiceSpec {
        let held =
            |pass| service.socket.as_ref().map(|socket| HeldSocket { held: socket.name.clone(), pass });
        ServiceSpec {
            process: service.process.clone(),
            generation: service.generation,
            release: service.release.to_string(),
            argv: vec!["/bin/sh".into(), "-c".into(), shell_line(&service.line)],
            cwd: self.layout.release(&service.release),
            env_file: Some(self.layout.frozen_environment(service.generation)),
            env: self.about(service),
            socket: match service.socket.as_ref().map(|socket| socket.pass) {
                Some(Pass::Stdin) => held(Passing::Stdin),
                Some(Pass::ListenFds) => held(Passing::ListenFds),
                Some(Pass::Bind) | None => None,
            },
            instances: service.instances,
            stop_timeout_ms: service.stop_timeout_ms,
            log: self.layout.log().join(format!("{}.log", service.process)),
        }
    }

    /// What an application is told about itself: what the operation that made the service was told, so that it
    /// is the same specification when it is started anew.
    fn about(&self, service: &Service) -> BTreeMap<String, String> {
        let told = |plan: &HostPlan| about(&service.release, plan.release.commit.as_deref(), &plan.target);
        let mut about = match crate::journal::read(&self.layout, service.generation) {
            Ok(record) if service.generation != self.plan.id => told(&record.header.plan),
            _ => told(self.plan),
        };
        about.insert("PINTAIL_PROCESS".into(), service.process.clone());
        about
    }

    /// Brings `service` up, its socket bound before. Fine to say again.
    pub(crate) fn start(&self, service: &Service) -> Result<(), Failure> {
        let what = || format!("cannot start `{service}`");
        let supervisor = self.supervisor(service)?;
        if let Some(socket) = &service.socket {
            self.make_way(service).trying(what)?;
            if socket.pass != Pass::Bind {
                supervisor.bind(&socket.name, &address(&socket.address)).trying(what)?;
            }
        }
        let spec = self.spec(service);
        // An earlier attempt may have left it stopped or given up; only a stopped one starts afresh.
        if let Some(there) = self.look_at(&supervisor, service)?
            && there
                .instances
                .iter()
                .any(|i| matches!(i.state, InstanceState::GaveUp { .. } | InstanceState::Stopping))
        {
            self.stop(service)?;
        }
        supervisor.start(&spec).trying(what)
    }

    /// Lets go of sockets that others hold at the address of `service`: where it binds by itself, those of its own
    /// supervisor too. Whoever used them is stopped; if it comes back, they are bound anew.
    fn make_way(&self, service: &Service) -> Result<(), Refusal> {
        let Some(socket) = &service.socket else { return Ok(()) };
        let address = address(&socket.address);
        for named in supervisors::present(&self.layout) {
            if named == service.supervisor && socket.pass != Pass::Bind {
                continue;
            }
            let Some(other) = Supervisor::running(&self.layout, &named)? else { continue };
            for (held, _) in other.sockets()?.iter().filter(|(_, there)| *there == address) {
                other.close(held)?;
            }
        }
        Ok(())
    }

    /// Stops `service` and waits for its end.
    pub(crate) fn stop(&self, service: &Service) -> Result<(), Failure> {
        let what = || format!("cannot stop `{service}`");
        let Some(supervisor) = self.supervisor_of(service).trying(what)? else { return Ok(()) };
        supervisor.stop(&id(service), Duration::from_millis(service.stop_timeout_ms)).trying(what)
    }

    /// What the supervisor says of `service`.
    pub(crate) fn look_at(
        &self,
        supervisor: &Supervisor,
        service: &Service,
    ) -> Result<Option<ServiceStatus>, Failure> {
        supervisor.service(&id(service)).trying(|| format!("cannot ask the supervisor about `{service}`"))
    }

    /// Waits until `service` is well: all its instances run, and it answers as its probe wants.
    pub(crate) fn wait_until_well(
        &self,
        service: &Service,
        version: &pintail_core::version::Version,
        stoppable: bool,
    ) -> Result<(), Failure> {
        let what = || format!("`{}` of release `{}` is not well", service.process, service.release.version());
        let supervisor = self.supervisor(service)?;
        let within =
            service.health.as_ref().map_or(WELL_WITHIN, |probe| Duration::from_millis(probe.within_ms));
        let until = Instant::now() + within;
        let mut pause = GLANCE;
        loop {
            let why = match self.is_well(&supervisor, service, version, until)? {
                Wellness::Well => return Ok(()),
                Wellness::Never(why) => return fail(what(), format!("{why}{}", self.log_tail(service))),
                Wellness::NotYet(why) => why,
            };
            if let Some(interrupt) = self.interrupt().filter(|_| stoppable) {
                return fail(what(), interrupt);
            }
            if Instant::now() >= until {
                let last = format!("not within {} s: {why}{}", within.as_secs_f64(), self.log_tail(service));
                return fail(what(), last);
            }
            std::thread::sleep(pause.min(until.saturating_duration_since(Instant::now())));
            // Quick at first, since most applications are up in moments; then not a nuisance to slow ones.
            pause = (pause * 3 / 2).min(Duration::from_millis(250));
        }
    }

    fn is_well(
        &self,
        supervisor: &Supervisor,
        service: &Service,
        version: &pintail_core::version::Version,
        until: Instant,
    ) -> Result<Wellness, Failure> {
        let Some(status) = self.look_at(supervisor, service)? else {
            return Ok(Wellness::Never("its supervisor does not know it".to_owned()));
        };
        if let Some(reason) = supervisors::gave_up(&status) {
            return Ok(Wellness::Never(format!("it does not stay up: {reason}")));
        }
        if let Some(instance) = status.instances.iter().find(|instance| instance.restarts >= DEATHS_ENOUGH) {
            let how = instance.last_exit.as_deref().unwrap_or("how is not known");
            return Ok(Wellness::Never(format!("it died {} times: {how}", instance.restarts)));
        }
        if !status.is_running() {
            return Ok(Wellness::NotYet(
                ended(&status)
                    .map_or_else(|| "it is not running yet".to_owned(), |how| format!("it ended: {how}")),
            ));
        }
        let (Some(probe), Some(socket)) = (&service.health, &service.socket) else {
            return Ok(Wellness::Well);
        };
        let left = until.saturating_duration_since(Instant::now()).min(ASK_WITHIN).max(GLANCE);
        Ok(match crate::ask::is_well(&socket.address, probe, version, left) {
            Ok(()) => Wellness::Well,
            // On a held socket a question waits for an answer also where nobody is left to give one.
            Err(why) => {
                Wellness::NotYet(match self.look_at(supervisor, service)?.and_then(|there| ended(&there)) {
                    Some(how) => format!("it ended: {how}; {why}"),
                    None => why,
                })
            }
        })
    }

    /// Whether `service` is well at this moment, asked once.
    pub(crate) fn is_well_now(&self, service: &Service) -> bool {
        let Ok(Some(supervisor)) = Supervisor::running(&self.layout, &service.supervisor) else {
            return true;
        };
        let until = Instant::now() + ASK_WITHIN;
        // That it can't be told is no reason to expect less of its return.
        self.is_well(&supervisor, service, service.release.version(), until)
            .map_or(true, |wellness| matches!(wellness, Wellness::Well))
    }

    /// The last lines of a service's log, indented, for a message.
    pub(crate) fn log_tail(&self, service: &Service) -> String {
        let path = self.layout.log().join(format!("{}.log", service.process));
        let lines = tail(&path, TAIL_LINES);
        lines.iter().map(|line| format!("\n  log: {line}")).collect()
    }
}

/// Bytes kept of what an operation's commands say: a compiler's longest log, and no disk full by a command that says
/// the same for ever.
const OUTPUT_MAX: u64 = 16 << 20;

/// Appends `text` to the file at `path` as long as that has less than `max` bytes; of what would go beyond it, the
/// file says that it is not kept.
fn keep(path: &Path, text: &[u8], max: u64) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new().append(true).open(path)?;
    let room = max.saturating_sub(file.metadata()?.len());
    if room == 0 {
        return Ok(());
    }
    if text.len() as u64 <= room {
        return io::Write::write_all(&mut file, text);
    }
    let mut last = text[..room as usize].to_vec();
    last.extend(format!("\n[more was said; {max} bytes are kept]\n").as_bytes());
    io::Write::write_all(&mut file, &last)
}

/// How long a process without a health check may take to be running.
const WELL_WITHIN: Duration = Duration::from_secs(30);
/// So many deaths before it was ever well are no bad luck: no use in waiting for the time to run out.
const DEATHS_ENOUGH: u32 = 3;
/// How long one question may take: an answer that hangs is asked again, in case only that one hung.
const ASK_WITHIN: Duration = Duration::from_secs(5);
/// Lines of a log in a message.
const TAIL_LINES: usize = 5;
/// Bytes of a log that are looked at for its last lines.
const TAIL_BYTES: u64 = 8 << 10;

enum Wellness {
    Well,
    NotYet(String),
    Never(String),
}

/// How an instance of it ended last, if one did.
fn ended(status: &ServiceStatus) -> Option<String> {
    status.instances.iter().find_map(|instance| instance.last_exit.clone())
}

/// The last `count` lines of the file at `path`, as far as they are within its last 8 KiB; none when unreadable.
pub(crate) fn tail(path: &Path, count: usize) -> Vec<String> {
    use std::io::{Read, Seek, SeekFrom};
    let read = || -> io::Result<String> {
        let mut file = std::fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|line| (*line).to_owned()).collect()
}

/// What an application is told about the release it is.
pub(crate) fn about(
    release: &pintail_core::name::ReleaseName,
    commit: Option<&str>,
    target: &str,
) -> BTreeMap<String, String> {
    let mut about = BTreeMap::from([
        ("PINTAIL_RELEASE".to_owned(), release.to_string()),
        ("PINTAIL_VERSION".to_owned(), release.version().to_string()),
        ("PINTAIL_TARGET".to_owned(), target.to_owned()),
    ]);
    about.extend(commit.map(|commit| ("PINTAIL_COMMIT".to_owned(), commit.to_owned())));
    about
}

/// What a service is called at its supervisor.
pub(crate) fn id(service: &Service) -> ServiceId {
    ServiceId::new(&service.process, service.generation)
}

/// An address as the supervisor has it.
pub(crate) fn address(address: &Address) -> crate::supervise::protocol::Address {
    match address {
        Address::Unix(path) => crate::supervise::protocol::Address::Unix(path.clone()),
        Address::Tcp(tcp) => crate::supervise::protocol::Address::Tcp(*tcp),
    }
}

/// The line so that the program itself, and no shell, is the process that gets the signals. A line that is
/// more than one simple command stays the shell's.
fn shell_line(line: &str) -> String {
    let first = line.split_whitespace().next().unwrap_or_default();
    if first.contains('=') || line.contains(['|', '&', ';', '(', '{', '\n', '`']) {
        return line.to_owned();
    }
    format!("exec {line}")
}

#[cfg(test)]
mod tests {
    use super::{keep, shell_line};

    #[test]
    fn what_is_kept_of_an_endless_output_has_an_end_and_says_so() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("output");
        pintail_os::files::write_whole(&path, b"", 0o600).unwrap();
        for text in ["first\n", "second\n", "third\n", "fourth\n"] {
            keep(&path, text.as_bytes(), 16).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap();
        assert_eq!(kept, "first\nsecond\nthi\n[more was said; 16 bytes are kept]\n");
        // Just as much as there is room for is all that was said.
        pintail_os::files::write_whole(&path, b"", 0o600).unwrap();
        keep(&path, b"0123456789abcdef", 16).unwrap();
        keep(&path, b"", 16).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "0123456789abcdef");
    }

    #[test]
    fn only_a_simple_command_replaces_the_shell() {
        for (line, given) in [
            ("bin/hello --workers 4", "exec bin/hello --workers 4"),
            ("RUST_LOG=info bin/hello", "RUST_LOG=info bin/hello"),
            ("cd lib && ./run", "cd lib && ./run"),
        ] {
            assert_eq!(shell_line(line), given);
        }
    }
}
