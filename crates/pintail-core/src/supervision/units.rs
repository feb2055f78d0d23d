//! Unit files for systemd. Each says by whom it was written, and for which root.
//!
//! A socket has a unit of its own, so that it is held whatever becomes of the services. Two limits that systemd
//! has are off, since both *close the socket*: how often it may wake a service (`TriggerLimit…`), and how often a
//! service may start (`StartLimit…`, which it tells its sockets too: a dying new release would take the port from
//! the living old one). Giving up is `pintail enter`'s, which ends with [`GAVE_UP`] then.

use super::mark::marked;
use crate::plan::Address;
use std::path::Path;

/// What `pintail enter` ends with when it gave a service up, and what systemd doesn't start again after.
pub const GAVE_UP: u8 = 100;

/// Whose systemd it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager<'a> {
    /// The system's; its units run as this user.
    System {
        /// The user's name.
        user: &'a str,
    },
    /// The user's own.
    User,
}

impl Manager<'_> {
    fn user(&self, key: &str) -> String {
        match self {
            Manager::System { user } => format!("{key}={user}\n"),
            Manager::User => String::new(),
        }
    }

    /// What brings a service up with the machine, or with the user's manager.
    fn wanted_by(&self) -> &'static str {
        match self {
            Manager::System { .. } => "multi-user.target",
            Manager::User => "default.target",
        }
    }
}

/// A socket's unit.
#[derive(Debug, Clone, Copy)]
pub struct SocketUnit<'a> {
    /// The application's root.
    pub root: &'a Path,
    /// The socket's name.
    pub name: &'a str,
    /// Where it listens.
    pub address: &'a Address,
    /// Permission bits of a unix socket.
    pub mode: u32,
    /// Whose systemd.
    pub manager: Manager<'a>,
}

/// A service's unit.
#[derive(Debug, Clone, Copy)]
pub struct ServiceUnit<'a> {
    /// The application's root.
    pub root: &'a Path,
    /// The process and its release, for people.
    pub what: &'a str,
    /// The service's folder.
    pub folder: &'a Path,
    /// Where it works.
    pub release: &'a Path,
    /// What it writes to.
    pub log: &'a Path,
    /// The unit of its socket.
    pub socket: Option<&'a str>,
    /// Milliseconds between TERM and KILL.
    pub stop_timeout_ms: u64,
    /// Whose systemd.
    pub manager: Manager<'a>,
}

fn head(root: &Path) -> String {
    format!("# Written by Pintail for {}. Every deployment makes its own; don't change it.\n", root.display())
}

/// The text of a socket's unit.
pub fn socket_unit(unit: &SocketUnit<'_>) -> String {
    let SocketUnit { root, name, address, mode, manager } = *unit;
    let owner = match address {
        Address::Unix(_) => {
            format!("SocketMode={mode:04o}\n{}RemoveOnStop=yes\n", manager.user("SocketUser"))
        }
        Address::Tcp(_) => String::new(),
    };
    marked(&format!(
        "{}[Unit]\nDescription=Socket {} of {}\n\n[Socket]\nListenStream={}\n{owner}Backlog=4096\n\
         FileDescriptorName={name}\nTriggerLimitIntervalSec=0\n\n[Install]\nWantedBy=sockets.target\n",
        head(root),
        plain(name),
        plain(&root.display().to_string()),
        plain(&address.listen()),
    ))
}

/// The text of the unit that systemd wants beside a socket's: what somebody who connects would wake. It does
/// nothing, and is awake from then on, so that nothing else is ever woken: the services have the socket by
/// `Sockets=`, and run all the time.
pub fn anchor_unit(root: &Path, name: &str, socket: &str) -> String {
    marked(&format!(
        "{}[Unit]\nDescription=Keeps systemd from waking anything for socket {} of {}\nBindsTo={socket}\n\
         StartLimitIntervalSec=0\n\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n",
        head(root),
        plain(name),
        plain(&root.display().to_string()),
    ))
}

/// The text of a service's unit; `%i` is the instance's number.
pub fn service_unit(unit: &ServiceUnit<'_>) -> String {
    let ServiceUnit { root, what, folder, release, log, socket, stop_timeout_ms, manager } = *unit;
    let at = |path: &Path| plain(&path.display().to_string());
    let word = |path: &Path| in_command(&path.display().to_string());
    let (sockets, input) = match socket {
        Some(socket) => (format!("Sockets={socket}\n"), "socket"),
        None => (String::new(), "null"),
    };
    let stop_seconds = format!("{}.{:03}", stop_timeout_ms / 1000, stop_timeout_ms % 1000);
    marked(&format!(
        "{}[Unit]\nDescription={} of {}, instance %i\nAfter=network.target\nStartLimitIntervalSec=0\n\n\
         [Service]\nType=exec\n{}WorkingDirectory={}\nExecStart={} enter --service {} --instance %i\n\
         ExecStopPost=-{} %i\n{sockets}StandardInput={input}\nStandardOutput=append:{}\nStandardError=inherit\n\
         KillMode=mixed\nTimeoutStopSec={stop_seconds}\nRestart=always\nRestartSec=100ms\n\
         RestartPreventExitStatus={GAVE_UP}\n\n[Install]\nWantedBy={}\n",
        head(root),
        plain(what),
        plain(&root.display().to_string()),
        manager.user("User"),
        at(release),
        word(&folder.join("pintail")),
        word(folder),
        word(&folder.join("ended")),
        at(log),
        manager.wanted_by(),
    ))
}

/// `text` where systemd looks for `%` only.
fn plain(text: &str) -> String {
    text.replace('%', "%%")
}

/// `text` as one word of a command line of systemd's.
fn in_command(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    match escaped.contains([' ', '"', '\\', '\'', ';']) {
        true => format!("\"{escaped}\""),
        false => escaped,
    }
}
