//! How the rest of Pintail speaks to a root's supervisor, and starts one where there is none.
//!
//! Knows the control socket; not what the supervisor does.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use pintail_os::socket;

use super::face;
use super::logs;
use super::place::Place;
use super::protocol::{
    Address, Answer, DEFAULT_SOCKET_MODE, PROTOCOL_VERSION, Question, REPLY_LIMIT_BYTES, Refusal, Reply,
    Request, ServiceId, ServiceSpec, Status,
};

/// How long one question may take: a supervisor answers in milliseconds, but its disk may be slow to sync.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a new supervisor may take until it answers, the leaving of another version included.
pub const START_TIMEOUT: Duration = Duration::from_secs(10);

/// How long one that was told to leave may take.
pub const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);

/// How much longer than its services' longest stop timeout a shutdown may take.
pub const SHUTDOWN_MARGIN: Duration = Duration::from_secs(10);

/// How often a shutdown is begun, or a supervisor for it started: one that dies in it twice will again.
const SHUTDOWN_TRIES: u32 = 5;

/// How often a starting supervisor is looked for.
const GLANCE: Duration = Duration::from_millis(5);

/// How long another's supervisor may still begin to answer after ours gave up: both were started at once.
const RIVAL_TIMEOUT: Duration = Duration::from_secs(3);

/// Why a supervisor could not be asked, or said no.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SupervisorError {
    /// It answered, and refused; nothing was changed.
    #[error("{0}")]
    Refused(Refusal),
    /// Nobody answered, or what answered was no supervisor.
    #[error("cannot ask the supervisor of `{}`: {why}", root.display())]
    Unreachable {
        /// Whose supervisor.
        root: PathBuf,
        /// Why not.
        why: String,
    },
    /// It was started, and did not answer in time.
    #[error("cannot start the supervisor of `{}`: {why}", root.display())]
    NotStarted {
        /// Whose supervisor.
        root: PathBuf,
        /// Why not, with its log's last lines.
        why: String,
    },
}

impl SupervisorError {
    /// What to do next, where we know.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal) => refusal.hint.as_deref(),
            Self::Unreachable { .. } | Self::NotStarted { .. } => None,
        }
    }
}

/// A root's supervisor, as seen by its clients.
///
/// Each call connects anew, so a handle outlives the supervisor's crash or upgrade. One made by
/// [`Supervisor::ensure`] starts a supervisor again when a call finds none: every request may be repeated.
/// Every call is bounded by [`CALL_TIMEOUT`], and by [`START_TIMEOUT`] where it starts one.
#[derive(Debug, Clone)]
pub struct Supervisor {
    place: Place,
    /// How to start one: program and version.
    starts: Option<(PathBuf, String)>,
}

impl Supervisor {
    /// The running supervisor of `root` in this very version: starts one where none runs, and lets one of
    /// another version leave first (services keep running). `version` is what the caller's binary also hands
    /// to [`server::run`](super::server::run). Starts `/proc/self/exe supervise --root ROOT`.
    ///
    /// # Errors
    /// It did not start within [`START_TIMEOUT`], or the other version did not leave.
    pub fn ensure(root: &Path, version: &str) -> Result<Self, SupervisorError> {
        Self::ensure_program(Path::new(face::THIS_PROGRAM), root, version)
    }

    /// The same, with another program than this one as the supervisor.
    ///
    /// # Errors
    /// See [`Self::ensure`].
    pub fn ensure_program(program: &Path, root: &Path, version: &str) -> Result<Self, SupervisorError> {
        let starts = Some((program.to_path_buf(), version.to_owned()));
        let supervisor = Self { place: Place::new(root), starts };
        supervisor.make_sure(program, version)?;
        Ok(supervisor)
    }

    /// The running supervisor of `root` in whatever version, or `None`. Never starts one.
    ///
    /// # Errors
    /// Something listens there that doesn't answer as a supervisor does.
    pub fn connect(root: &Path) -> Result<Option<Self>, SupervisorError> {
        let supervisor = Self { place: Place::new(root), starts: None };
        let found = supervisor.status_now()?;
        Ok(found.map(|_| supervisor))
    }

    /// Listens at `address` under `name`; a unix socket with the mode 0660.
    ///
    /// # Errors
    /// Another process listens there, the name has another address, or no permission.
    pub fn bind(&self, name: &str, address: &Address) -> Result<(), SupervisorError> {
        self.bind_with_mode(name, address, DEFAULT_SOCKET_MODE)
    }

    /// The same with permission bits for the unix socket.
    ///
    /// # Errors
    /// See [`Self::bind`].
    pub fn bind_with_mode(&self, name: &str, address: &Address, mode: u32) -> Result<(), SupervisorError> {
        self.tell(Request::Bind { name: name.into(), address: address.clone(), mode })
    }

    /// Starts a service; returns when its processes are made, not when they answer. One that was stopped is
    /// started again; one that gave up stays so until it is stopped.
    ///
    /// # Errors
    /// The specification is wrong, its socket isn't bound, or the id runs with another specification.
    pub fn start(&self, spec: &ServiceSpec) -> Result<(), SupervisorError> {
        self.tell(Request::Start(spec.clone()))
    }

    /// Begins to stop a service; look at [`Status`] for its end. One that isn't here is fine.
    ///
    /// # Errors
    /// Nobody answers, or the wish can't be recorded.
    pub fn stop(&self, id: &ServiceId) -> Result<(), SupervisorError> {
        self.tell(Request::Stop(id.clone()))
    }

    /// Forgets a stopped service. One that isn't here is fine.
    ///
    /// # Errors
    /// It is not stopped.
    pub fn forget(&self, id: &ServiceId) -> Result<(), SupervisorError> {
        self.tell(Request::Forget(id.clone()))
    }

    /// Closes a held socket. One that isn't here is fine.
    ///
    /// # Errors
    /// A service that is wanted up uses it.
    pub fn close(&self, name: &str) -> Result<(), SupervisorError> {
        self.tell(Request::Close { name: name.into() })
    }

    /// Whether connections wait in a held socket's backlog.
    ///
    /// # Errors
    /// No socket of that name is held.
    pub fn pending(&self, name: &str) -> Result<bool, SupervisorError> {
        match self.ask(Request::Pending { name: name.into() })? {
            Reply::Pending { waiting } => Ok(waiting),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Everything the supervisor knows.
    ///
    /// # Errors
    /// Nobody answers.
    pub fn status(&self) -> Result<Status, SupervisorError> {
        match self.ask(Request::Status)? {
            Reply::Status(status) => Ok(status),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Lets the supervisor exit while services and holder go on; returns when it is gone. Where none runs,
    /// that is fine.
    ///
    /// # Errors
    /// It did not go within [`LEAVE_TIMEOUT`].
    pub fn leave(&self) -> Result<(), SupervisorError> {
        self.tell_to_end(Request::Leave, LEAVE_TIMEOUT)
    }

    /// Stops every service, drops every socket, and ends holder and supervisor; returns when they are gone. Where
    /// none runs and none left anything behind, that is fine; what one left behind, or what one that died in
    /// its shutdown did not get to, a new one ends, if this handle may start one.
    ///
    /// # Errors
    /// It did not go within the longest stop timeout of its services and [`SHUTDOWN_MARGIN`], or nobody runs
    /// who could.
    pub fn shutdown(&self) -> Result<(), SupervisorError> {
        for _ in 0..SHUTDOWN_TRIES {
            match (self.status_now()?, &self.starts) {
                (Some(status), _) => self.shut_down(&status)?,
                (None, _) if !self.place.record().exists() => return Ok(()),
                (None, Some((program, version))) => self.make_sure(program, version)?,
                (None, None) => break,
            }
        }
        let why =
            format!("nobody answers, but `{}` tells of services left running", self.place.record().display());
        Err(SupervisorError::Unreachable { root: self.place.root().to_path_buf(), why })
    }

    fn shut_down(&self, status: &Status) -> Result<(), SupervisorError> {
        let longest_ms = status.services.iter().map(|service| service.stop_timeout_ms).max().unwrap_or(0);
        self.tell_to_end(Request::Shutdown, Duration::from_millis(longest_ms) + SHUTDOWN_MARGIN)
    }

    fn tell(&self, request: Request) -> Result<(), SupervisorError> {
        match self.ask(request)? {
            Reply::Done => Ok(()),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Asks; where nobody answers and this handle may start one, asks that one.
    fn ask(&self, request: Request) -> Result<Reply, SupervisorError> {
        let question = Question { v: PROTOCOL_VERSION, request };
        let reply = match (self.ask_once(&question), &self.starts) {
            (Err(_), Some((program, version))) => {
                self.make_sure(program, version)?;
                self.ask_once(&question)
            }
            (reply, _) => reply,
        };
        match reply {
            Ok(Reply::Refused(refusal)) => Err(SupervisorError::Refused(refusal)),
            Ok(reply) => Ok(reply),
            Err(error) => Err(self.unreachable(&error)),
        }
    }

    fn ask_once(&self, question: &Question) -> io::Result<Reply> {
        converse(&mut self.line()?, question)
    }

    fn line(&self) -> io::Result<UnixStream> {
        let stream = socket::connect_unix(&self.place.control_socket())?;
        stream.set_read_timeout(Some(CALL_TIMEOUT))?;
        stream.set_write_timeout(Some(CALL_TIMEOUT))?;
        Ok(stream)
    }

    /// The status, or `None` where nobody listens, or who listened is just gone.
    fn status_now(&self) -> Result<Option<Status>, SupervisorError> {
        match self.ask_once(&Question { v: PROTOCOL_VERSION, request: Request::Status }) {
            Ok(Reply::Status(status)) => Ok(Some(status)),
            Ok(other) => Err(self.unexpected(&other)),
            Err(error) if is_nobody(&error) => Ok(None),
            Err(error) => Err(self.unreachable(&error)),
        }
    }

    /// Asks on a line that ends when the supervisor does, and waits for that.
    fn tell_to_end(&self, request: Request, within: Duration) -> Result<(), SupervisorError> {
        let question = Question { v: PROTOCOL_VERSION, request };
        let ended = self.line().and_then(|mut line| match converse(&mut line, &question)? {
            Reply::Refused(refusal) => Ok(Some(refusal)),
            _ => {
                line.set_read_timeout(Some(within))?;
                io::copy(&mut line.take(REPLY_LIMIT_BYTES as u64), &mut io::sink()).map(|_| None)
            }
        });
        match ended {
            Ok(None) => Ok(()),
            Ok(Some(refusal)) => Err(SupervisorError::Refused(refusal)),
            Err(error) if is_nobody(&error) => Ok(()),
            Err(error) => Err(self.unreachable(&error)),
        }
    }

    /// Makes sure that one of this version answers.
    fn make_sure(&self, program: &Path, version: &str) -> Result<(), SupervisorError> {
        let until = Instant::now() + START_TIMEOUT;
        loop {
            match self.status_now()? {
                Some(status) if status.version == version => return Ok(()),
                Some(_) => self.leave()?,
                None => {
                    let child = self.begin(program)?;
                    self.await_answer(child, until)?;
                }
            }
            if Instant::now() > until {
                return Err(self.not_started("another version keeps coming back"));
            }
        }
    }

    fn begin(&self, program: &Path) -> Result<Child, SupervisorError> {
        // It was told to end like the one that is missed, and would never hear of it: the machine would wait for it.
        if pintail_os::program::machine_is_stopping() {
            return Err(self.unreachable(&io::Error::other("it has ended, and this machine is going down")));
        }
        let made = self.place.make_folders();
        made.and_then(|()| face::start(program, "supervise", &self.place))
            .map_err(|error| self.not_started(&error.to_string()))
    }

    /// Waits until somebody answers. That may be another than this child: whoever had the lock first.
    fn await_answer(&self, mut child: Child, until: Instant) -> Result<(), SupervisorError> {
        let mut until = until;
        let mut ended = None;
        let answered = loop {
            if self.status_now()?.is_some() {
                break true;
            }
            if ended.is_none() {
                ended = child.try_wait().ok().flatten();
                if ended.is_some() {
                    until = until.min(Instant::now() + RIVAL_TIMEOUT);
                }
            }
            if Instant::now() > until {
                break false;
            }
            std::thread::sleep(GLANCE);
        };
        if !answered {
            return Err(self.not_started(
                &ended.map_or("it does not answer".into(), |status| format!("it ended: {status}")),
            ));
        }
        // It may end before this process does, and must not stay a zombie then.
        std::thread::spawn(move || child.wait());
        Ok(())
    }

    fn not_started(&self, why: &str) -> SupervisorError {
        let log = self.place.own_log();
        let why = format!("{why}; `{}` ends:\n{}", log.display(), logs::tail(&log));
        SupervisorError::NotStarted { root: self.place.root().to_path_buf(), why }
    }

    fn unreachable(&self, error: &io::Error) -> SupervisorError {
        SupervisorError::Unreachable { root: self.place.root().to_path_buf(), why: error.to_string() }
    }

    fn unexpected(&self, reply: &Reply) -> SupervisorError {
        match reply {
            Reply::Refused(refusal) => SupervisorError::Refused(refusal.clone()),
            other => {
                let why = format!("it gave the answer to another question: {other:?}");
                SupervisorError::Unreachable { root: self.place.root().to_path_buf(), why }
            }
        }
    }
}

/// Whether there is no supervisor, or it just ended.
fn is_nobody(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotFound, UnexpectedEof};
    matches!(error.kind(), NotFound | ConnectionRefused | ConnectionReset | BrokenPipe | UnexpectedEof)
}

fn converse(stream: &mut UnixStream, question: &Question) -> io::Result<Reply> {
    let mut line = serde_json::to_vec(question)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = Vec::new();
    BufReader::new(stream).take(REPLY_LIMIT_BYTES as u64).read_until(b'\n', &mut answer)?;
    if answer.last() != Some(&b'\n') {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the supervisor hung up"));
    }
    let Answer { reply, .. } = serde_json::from_slice(&answer)?;
    Ok(reply)
}
