//! What is said over the supervisor's control socket: one JSON line asks, one JSON line answers.
//!
//! Knows the words and their bounds; not who says them, nor what they do.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The protocol's version: `v` in every question and answer. Changed only when an old reader would misread.
pub const PROTOCOL_VERSION: u32 = 1;

/// The longest question line, in bytes: a [`ServiceSpec`] with a few hundred arguments and settings is 100 KiB.
pub const REQUEST_LIMIT_BYTES: usize = 1 << 20;

/// The longest answer line, in bytes: the [`Status`] of a thousand instances is below 1 MiB.
pub const REPLY_LIMIT_BYTES: usize = 8 << 20;

/// The longest process or socket name: it becomes part of file names, which end at 255 bytes.
pub const NAME_LIMIT_BYTES: usize = 100;

/// The most instances of one service: above that, somebody mistyped.
pub const INSTANCES_LIMIT: u32 = 256;

/// The longest stop timeout, in milliseconds (one hour): beyond it nobody waits, they kill by hand.
pub const STOP_TIMEOUT_LIMIT_MS: u64 = 3_600_000;

/// The mode of a bound unix socket when [`Request::Bind`] says nothing: its owner and its group may connect.
pub const DEFAULT_SOCKET_MODE: u32 = 0o660;

/// One question line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// [`PROTOCOL_VERSION`] of the asker.
    pub v: u32,
    /// What is asked.
    pub request: Request,
}

/// One answer line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// [`PROTOCOL_VERSION`] of the answerer.
    pub v: u32,
    /// What is answered.
    pub reply: Reply,
}

/// What can be asked of a supervisor. Each may be repeated: asked twice, it changes nothing the second time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Listen at an address under a name, and keep listening whatever happens to the applications.
    Bind {
        /// The socket's name, by which a [`HeldSocket`] refers to it.
        name: String,
        /// Where to listen.
        address: Address,
        /// Permission bits of a unix socket; meaningless for TCP.
        #[serde(default = "default_socket_mode")]
        mode: u32,
    },
    /// Keep a service's instances running. The same id with another specification is refused.
    Start(ServiceSpec),
    /// Let a service's instances end. Answers at once; a service that isn't here is no error.
    Stop(ServiceId),
    /// Remove a stopped service from the status. A service that isn't here is no error.
    Forget(ServiceId),
    /// Stop listening. A unix path is removed only where it still is that very socket.
    Close {
        /// The socket's name.
        name: String,
    },
    /// Do connections wait in the socket's backlog, accepted by nobody yet?
    Pending {
        /// The socket's name.
        name: String,
    },
    /// Everything the supervisor knows.
    Status,
    /// Exit, and leave services and holder running: the next supervisor adopts them.
    Leave,
    /// Stop every service, drop every socket, end the holder, exit. Answered when begun.
    Shutdown,
}

/// What a supervisor answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It is so now.
    Done,
    /// To [`Request::Pending`].
    Pending {
        /// Whether at least one connection waits.
        waiting: bool,
    },
    /// To [`Request::Status`].
    Status(Status),
    /// It is not so, and nothing was changed.
    Refused(Refusal),
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{what}")]
pub struct Refusal {
    /// What was tried, on what, and why it failed.
    pub what: String,
    /// What to do next, where we know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Refusal {
    /// A refusal without advice.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None }
    }

    /// The same refusal, with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Which service: a process of one generation, `web@7`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceId {
    /// The process's name in `pintail.toml`.
    pub process: String,
    /// Counted up by whoever deploys, so that the old and the new can run side by side.
    pub generation: u64,
}

impl ServiceId {
    /// The service `process@generation`.
    pub fn new(process: impl Into<String>, generation: u64) -> Self {
        Self { process: process.into(), generation }
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}@{}", self.process, self.generation)
    }
}

/// What to run, and how. It is kept on disk, so it holds no secrets: those are in `env_file`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSpec {
    /// The process's name; letters, digits, `.`, `_`, `-`.
    pub process: String,
    /// See [`ServiceId::generation`].
    pub generation: u64,
    /// The release that runs, told in the status; never interpreted.
    pub release: String,
    /// Program and arguments; `{instance}` in an argument becomes the instance's number. A program without
    /// `/` is looked up in the application's own PATH.
    pub argv: Vec<String>,
    /// Working directory, absolute; a link in it (such as `current`) is followed at each start.
    pub cwd: PathBuf,
    /// `KEY=VALUE` lines, read anew at each start; absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env_file: Option<PathBuf>,
    /// Further settings, which win over those of `env_file`. Not for secrets.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The listening socket that the instances share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<HeldSocket>,
    /// How many instances, numbered from 1; at most [`INSTANCES_LIMIT`].
    pub instances: u32,
    /// Time from TERM to KILL, in milliseconds; at most [`STOP_TIMEOUT_LIMIT_MS`].
    pub stop_timeout_ms: u64,
    /// Where stdout and stderr are appended; absolute.
    pub log: PathBuf,
}

impl ServiceSpec {
    /// The specification's `process@generation`.
    pub fn id(&self) -> ServiceId {
        ServiceId::new(&self.process, self.generation)
    }
}

/// A socket bound before, and how a service is given it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldSocket {
    /// The name of an earlier [`Request::Bind`].
    pub held: String,
    /// How the instances find it.
    pub pass: Pass,
}

/// How an application is given its listening socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pass {
    /// As file descriptor 0, the way of FastCGI.
    Stdin,
    /// As file descriptor 3 with `LISTEN_FDS=1`, `LISTEN_PID` and `LISTEN_FDNAMES`, the way of systemd.
    ListenFds,
}

/// Where to listen; as text `unix:/absolute/path` or `tcp:127.0.0.1:8080`, `tcp:[::1]:8080`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Address {
    /// A path; it may be longer than the 107 bytes of `sockaddr_un`.
    Unix(PathBuf),
    /// An IP address and port.
    Tcp(SocketAddr),
}

impl Address {
    /// The path of a unix address.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Unix(path) => Some(path),
            Self::Tcp(_) => None,
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            if !path.starts_with('/') || path.ends_with('/') || path.contains('\0') {
                return Err(format!("`{text}`: a unix address is `unix:` and an absolute path"));
            }
            return Ok(Self::Unix(path.into()));
        }
        let tcp = text
            .strip_prefix("tcp:")
            .ok_or_else(|| format!("`{text}`: an address starts with `unix:` or `tcp:`"))?;
        tcp.parse()
            .map(Self::Tcp)
            .map_err(|_| format!("`{text}`: a tcp address is `tcp:IP:PORT`, such as `tcp:127.0.0.1:8080`"))
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(out, "unix:{}", path.display()),
            Self::Tcp(address) => write!(out, "tcp:{address}"),
        }
    }
}

/// Everything a supervisor knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The version string that the supervisor was started with.
    pub version: String,
    /// The supervisor's process id.
    pub pid: u32,
    /// When this supervisor began, in milliseconds since 1970.
    pub since_ms: u64,
    /// Ordered by process and generation.
    pub services: Vec<ServiceStatus>,
    /// Ordered by name.
    pub sockets: Vec<SocketStatus>,
}

impl Status {
    /// The status of one service, if it is here.
    pub fn service(&self, id: &ServiceId) -> Option<&ServiceStatus> {
        self.services
            .iter()
            .find(|service| service.process == id.process && service.generation == id.generation)
    }
}

/// A held listening socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketStatus {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub address: Address,
}

/// A service and its instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// See [`ServiceSpec::process`].
    pub process: String,
    /// See [`ServiceId::generation`].
    pub generation: u64,
    /// See [`ServiceSpec::release`].
    pub release: String,
    /// What was asked for last.
    pub wanted: Wanted,
    /// See [`ServiceSpec::stop_timeout_ms`].
    pub stop_timeout_ms: u64,
    /// Ordered by number. One that is being replaced is here beside its replacement until it is gone.
    pub instances: Vec<InstanceStatus>,
}

impl ServiceStatus {
    /// Whether every instance has ended, leftovers of their process groups included.
    pub fn is_stopped(&self) -> bool {
        self.instances.iter().all(|instance| instance.state == InstanceState::Stopped)
    }

    /// Whether every instance runs.
    pub fn is_running(&self) -> bool {
        self.instances.iter().all(|instance| instance.state == InstanceState::Running)
    }
}

/// Whether a service shall run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// Started, and not stopped since.
    Up,
    /// Stopped.
    Down,
}

/// One instance of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceStatus {
    /// Its number, from 1.
    pub n: u32,
    /// The leader's process id, while there is one.
    pub pid: Option<u32>,
    /// What it does.
    pub state: InstanceState,
    /// Since when it is in this state, in milliseconds since 1970.
    pub since_ms: u64,
    /// How often it was started again after it ended unasked, since `Start`.
    pub restarts: u32,
    /// How it ended last: `exit status 3`, `killed by SIGSEGV`, or, where the supervisor that could know was
    /// gone, `ended while nobody watched`.
    pub last_exit: Option<String>,
}

/// What an instance does. *Running* means the program runs, not that it answers: that is the health check's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceState {
    /// Its process is made, the program is not running yet.
    Starting,
    /// The program runs.
    Running,
    /// It ended, and is started again at that time.
    Backoff {
        /// In milliseconds since 1970.
        until_ms: u64,
    },
    /// It ended too quickly too often; nothing is tried until it is stopped and started.
    GaveUp {
        /// The last exit and the log's last lines.
        reason: String,
    },
    /// Told to end, not gone yet.
    Stopping,
    /// Gone, with its process group.
    Stopped,
}

fn default_socket_mode() -> u32 {
    DEFAULT_SOCKET_MODE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for right in ["unix:/run/web.sock", "tcp:127.0.0.1:8080", "tcp:[::1]:8080"] {
            assert_eq!(right.parse::<Address>().unwrap().to_string(), right);
        }
        for wrong in
            ["", "unix:web.sock", "unix:/", "tcp:8080", "tcp:localhost:80", "/run/web.sock", "udp:1.2.3.4:5"]
        {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_status_on_the_wire() {
        let states = [
            InstanceState::Starting,
            InstanceState::Running,
            InstanceState::Backoff { until_ms: 1_764_000_000_100 },
            InstanceState::GaveUp { reason: "exit status 3; it ended 16 times in a row too soon".into() },
            InstanceState::Stopping,
            InstanceState::Stopped,
        ];
        let instance = |(n, state)| InstanceStatus {
            n,
            pid: Some(4711),
            state,
            since_ms: 1_764_000_000_000,
            restarts: 2,
            last_exit: Some("killed by SIGSEGV".into()),
        };
        let service = ServiceStatus {
            process: "web".into(),
            generation: 7,
            release: "1.4.2-0a1b2c3d".into(),
            wanted: Wanted::Up,
            stop_timeout_ms: 30_000,
            instances: (1..).zip(states).map(instance).collect(),
        };
        let socket = SocketStatus { name: "web".into(), address: "tcp:127.0.0.1:8080".parse().unwrap() };
        let status = Status {
            version: "0.1.0".into(),
            pid: 42,
            since_ms: 1_764_000_000_000,
            services: vec![service],
            sockets: vec![socket],
        };
        let answers = [
            Reply::Done,
            Reply::Pending { waiting: true },
            Reply::Refused(Refusal::new("what").hint("hint")),
            Reply::Status(status),
        ];
        let answers = answers.map(|reply| Answer { v: PROTOCOL_VERSION, reply });
        insta::assert_snapshot!(serde_json::to_string_pretty(&answers).unwrap());
    }
}
