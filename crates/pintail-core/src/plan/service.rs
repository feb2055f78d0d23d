//! A service: a process of one generation, with its socket and how it is asked for its health.

use crate::name::ReleaseName;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// A process of one generation, as a host's supervisor is to run it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// The process's name in `pintail.toml`; a trial's ends in `.trial`.
    pub process: String,
    /// The operation that started it.
    pub generation: u64,
    /// The release it runs.
    pub release: ReleaseName,
    /// Who keeps it running; where nothing is said, `embedded`.
    #[serde(default, skip_serializing_if = "Supervisor::is_embedded")]
    pub supervisor: Supervisor,
    /// The command as typed.
    pub typed: String,
    /// The command with its placeholders filled: a line for the shell.
    pub line: String,
    /// How many run beside each other.
    pub instances: u32,
    /// Its listening socket.
    pub socket: Option<Socket>,
    /// How it is asked for its health; none for a process without a socket.
    pub health: Option<Probe>,
    /// Milliseconds it must live after it was found healthy.
    pub settle_ms: u64,
    /// Milliseconds it gets between TERM and KILL.
    pub stop_timeout_ms: u64,
    /// Milliseconds it may go on accepting after the public name has moved.
    pub drain_ms: u64,
}

impl Service {
    /// Whether `other` is the same service but for its generation: nothing to do then.
    pub fn is_same_as(&self, other: &Service) -> bool {
        let shape = |service: &Service| {
            (
                service.process.clone(),
                service.release.clone(),
                service.supervisor.clone(),
                service.typed.clone(),
                service.instances,
                service.socket.as_ref().map(|socket| (socket.pass, socket.address.tcp())),
                service.health.clone(),
                service.stop_timeout_ms,
            )
        };
        shape(self) == shape(other)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.process, self.generation)
    }
}

/// Who keeps a service running.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Supervisor {
    /// Pintail's own.
    #[default]
    Embedded,
    /// The system's systemd.
    Systemd,
    /// The systemd of the user who deploys.
    SystemdUser,
    /// A `runsvdir` of runit's.
    Runit {
        /// The folder of links that it reads, absolute.
        services: PathBuf,
    },
    /// An `svscan` of daemontools'.
    Daemontools {
        /// The folder of links that it reads, absolute.
        services: PathBuf,
    },
}

impl Supervisor {
    /// Whether it is Pintail's own.
    pub fn is_embedded(&self) -> bool {
        *self == Supervisor::Embedded
    }
}

impl fmt::Display for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Supervisor::Embedded => "embedded",
            Supervisor::Systemd => "systemd",
            Supervisor::SystemdUser => "systemd-user",
            Supervisor::Runit { .. } => "runit",
            Supervisor::Daemontools { .. } => "daemontools",
        })
    }
}

/// A service's listening socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Socket {
    /// Its name at the supervisor: `web.12` for the one made by operation 12.
    pub name: String,
    /// Where it listens.
    pub address: Address,
    /// How the application gets it.
    pub pass: Pass,
}

/// How an application gets its listening socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pass {
    /// Held by the supervisor, passed as file descriptor 0.
    Stdin,
    /// Held by the supervisor, passed as file descriptor 3, told by `LISTEN_FDS`.
    ListenFds,
    /// The application makes it itself.
    Bind,
}

/// Where a socket listens: `unix:PATH` or `tcp:IP:PORT`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Address {
    /// A path.
    Unix(PathBuf),
    /// A TCP address.
    Tcp(SocketAddr),
}

impl Address {
    /// The TCP address, if it is one.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Address::Tcp(address) => Some(*address),
            Address::Unix(_) => None,
        }
    }

    /// What `{listen}` becomes: the path, or `IP:PORT`.
    pub fn listen(&self) -> String {
        match self {
            Address::Unix(path) => path.display().to_string(),
            Address::Tcp(address) => address.to_string(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
            Address::Tcp(address) => write!(f, "tcp:{address}"),
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Address::Unix(PathBuf::from(path)));
        }
        let tcp = text
            .strip_prefix("tcp:")
            .ok_or_else(|| format!("`{text}` begins with neither `unix:` nor `tcp:`"))?;
        tcp.parse().map(Address::Tcp).map_err(|error| format!("`{text}`: {error}"))
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

/// What a service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speaks {
    /// HTTP/1.1.
    Http,
    /// FastCGI.
    Fastcgi,
}

/// How a service is asked for its health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// In which protocol.
    pub speaks: Speaks,
    /// The path asked for.
    pub path: String,
    /// The host asked for.
    pub host: String,
    /// The lowest status that is well.
    pub expect_from: u16,
    /// The highest status that is well.
    pub expect_to: u16,
    /// Milliseconds from its start until it must be well.
    pub within_ms: u64,
    /// Where it tells its version.
    pub version: Option<VersionAt>,
}

/// Where an application tells its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VersionAt {
    /// In this header of the health answer.
    Header(String),
    /// In the health answer's JSON, by these field names from the outside in.
    Json(Vec<String>),
    /// The whole answer to this path.
    Path(String),
}
