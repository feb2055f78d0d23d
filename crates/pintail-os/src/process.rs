//! Processes that are already there: are they alive, are they the same, how to signal them.

pub use rustix::process::Signal;

use rustix::process::Pid;
use std::fs;
use std::io;

/// A process told apart from a later one with the same number: its number and its start, in clock ticks
/// since boot (`/proc/PID/stat`, field 22).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The process number.
    pub pid: u32,
    /// Clock ticks between boot and its start.
    pub started: u64,
}

/// The identity of the live process `pid`; `None` when there is none, or only a zombie.
pub fn identity(pid: u32) -> Option<Identity> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, `)` and blanks too: fields are counted after the last one.
    let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_whitespace().collect();
    if matches!(*fields.first()?, "Z" | "X") {
        return None;
    }
    Some(Identity { pid, started: fields.get(19)?.parse().ok()? })
}

/// Sends `signal` to the process group that `leader` leads. Nobody there is fine.
pub fn signal_group(leader: u32, signal: Signal) -> io::Result<()> {
    let Some(pid) = Pid::from_raw(leader as i32) else { return Ok(()) };
    match rustix::process::kill_process_group(pid, signal) {
        Err(rustix::io::Errno::SRCH) => Ok(()),
        other => Ok(other?),
    }
}

/// Sends `signal` to the process `pid`. Nobody there is fine.
pub fn signal(pid: u32, signal: Signal) -> io::Result<()> {
    let Some(pid) = Pid::from_raw(pid as i32) else { return Ok(()) };
    match rustix::process::kill_process(pid, signal) {
        Err(rustix::io::Errno::SRCH) => Ok(()),
        other => Ok(other?),
    }
}

/// The kernel's name for this boot; it differs after each reboot.
pub fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// Leaves the caller's session and terminal: signals typed there no longer arrive. Fine to say twice.
pub fn leave_session() {
    // It fails only when this process leads a group already; then it is out of the caller's group anyway.
    let _ = rustix::process::setsid();
}

/// Whether this process may do what permissions forbid.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The name of the user this process runs as: `USER`, else what `/etc/passwd` calls its number, else that.
pub fn user() -> String {
    let named = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    named.unwrap_or_else(|_| {
        let own = rustix::process::getuid().as_raw().to_string();
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let is_own = |line: &&str| line.split(':').nth(2) == Some(&own);
        let name = passwd.lines().find(is_own).and_then(|line| line.split(':').next());
        name.map_or_else(|| format!("uid{own}"), str::to_owned)
    })
}

/// The machine's host name.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_pid_max_is_not() {
        let own = identity(std::process::id()).unwrap();
        assert_eq!(identity(own.pid), Some(own));
        assert_eq!(identity(u32::MAX / 2), None);
    }
}
