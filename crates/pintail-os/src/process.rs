//! Processes that are already there: are they alive, are they the same, how to signal them.

pub use rustix::process::Signal;

use rustix::process::{Pid, WaitId, WaitIdOptions};
use std::fs;
use std::io;
use std::path::Path;

/// Letters of a command that are shown.
const COMMAND_SHOWN: usize = 60;

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

/// The children of the process `parent`, those that have ended and were not waited for among them.
pub fn children(parent: u32) -> io::Result<Vec<u32>> {
    let is_child = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rfind(')').map(|end| stat[end + 1..].split_whitespace());
        fields.and_then(|mut fields| fields.nth(1)?.parse().ok()) == Some(parent)
    };
    let names = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    Ok(names.filter(is_child).collect())
}

/// Whether this process's child `pid` has ended; it is still there to be waited for.
pub fn has_ended(pid: u32) -> bool {
    let Some(pid) = Pid::from_raw(pid as i32) else { return false };
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    matches!(rustix::process::waitid(WaitId::Pid(pid), options), Ok(Some(_)))
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

/// The processes that have the file `path` open, as far as this user may see, with their commands, a line each.
pub fn who_has_open(path: &Path) -> Vec<String> {
    let has = |pid: u32| {
        let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let mut links = files.filter_map(|file| fs::read_link(file.path()).ok());
        links.any(|link| link == path)
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let told = |pid: u32| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let command: String =
            command.trim().chars().filter(|c| !c.is_control()).take(COMMAND_SHOWN).collect();
        format!("process {pid}, `{command}`")
    };
    pids.filter(|pid| *pid != std::process::id() && has(*pid)).map(told).collect()
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
        account(own_number()).map_or_else(|| format!("uid{}", own_number()), |own| own.name)
    })
}

/// The number of the user this process runs as.
pub fn own_number() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// A user, as `/etc/passwd` has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name.
    pub name: String,
    /// The home folder.
    pub home: String,
}

/// The user of that number, if `/etc/passwd` has one.
pub fn account(number: u32) -> Option<Account> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.get(2)?.parse() == Ok(number)).then(|| {
            Some(Account { name: (*fields.first()?).to_owned(), home: (*fields.get(5)?).to_owned() })
        })?
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

    #[test]
    fn who_has_a_file_open_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().canonicalize().unwrap();
        assert_eq!(who_has_open(&path), Vec::<String>::new(), "this process does not tell of itself");
        let input = fs::File::open(&path).unwrap();
        let mut child = std::process::Command::new("sleep").arg("600").stdin(input).spawn().unwrap();
        let told = who_has_open(&path);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(told, [format!("process {}, `sleep 600`", child.id())]);
    }
}
