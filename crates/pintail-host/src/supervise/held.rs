//! The sockets of services that runit or daemontools runs: held by a process of ours that *it* keeps running
//! (`pintail keep`), and found again when that died. Knows addresses and descriptors, and which processes may have
//! one; not what they are for.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use pintail_os::lock::Lock;
use pintail_os::process::Signal;
use pintail_os::{files, process};
use serde::{Deserialize, Serialize};
use signal_hook::consts::SIGHUP;

use super::folder::{self, Card, Life};
use super::group;
use super::holder;
use super::holder_link::HolderLink;
use super::place::Place;
use super::protocol::{Address, Refusal};
use super::record::{SocketRecord, boot};
use super::scanned::{self, Word};
use super::sockets::Socket;
use super::tell::tell;

/// How long somebody may be at the record: it is written in milliseconds, but a disk may be slow to sync.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
const LOCK_GLANCE: Duration = Duration::from_millis(10);
/// The longest record, in bytes: 256 sockets with long paths.
const LIMIT_BYTES: u64 = 1 << 20;

/// Which sockets are held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    v: u32,
    boot: String,
    sockets: Vec<SocketRecord>,
}

const RECORD_VERSION: u32 = 1;

/// The held sockets of a root.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    place: Place,
}

impl Held {
    pub(crate) fn new(root: &Path) -> Self {
        Self { place: Place::of_services(root) }
    }

    /// The files that a holder must be able to read and write, where it runs as somebody else than who deploys.
    pub(crate) fn files(&self) -> [std::path::PathBuf; 2] {
        [self.place.held_record(), self.place.held_lock()]
    }

    /// Whether its holder answers.
    pub(crate) fn answers(&self) -> bool {
        HolderLink::connect(&self.place).is_ok()
    }

    /// Listens at `address` under `name`. Fine to say again.
    pub(crate) fn bind(&self, name: &str, address: &Address, mode: u32) -> Result<(), Refusal> {
        let failed = |why: String| Refusal::new(format!("cannot listen on `{address}` for `{name}`: {why}"));
        let _lock = self.lock().map_err(&failed)?;
        let mut record = self.load().map_err(&failed)?;
        let link = self.link()?;
        let held = link.take(name).map_err(|error| failed(error.to_string()))?;
        let known = record.sockets.iter().find(|there| there.name == name).cloned();
        let socket = match (known, held) {
            (Some(known), _) if known.address != *address => {
                return Err(failed(format!("it listens on `{}`", known.address)));
            }
            (Some(_), Some(_)) => return Ok(()),
            // The holder could not get it back; perhaps it can be had now.
            (Some(known), None) => {
                let mut socket = Socket::recorded(known);
                socket.bind().map_err(|error| failed(error.to_string()))?;
                socket
            }
            // Whoever bound it did not come to write that down.
            (None, Some(listener)) => {
                let file = address.path().and_then(pintail_os::socket::file_at);
                let address = address.clone();
                let mut socket =
                    Socket::recorded(SocketRecord { name: name.into(), address, mode, number: None, file });
                socket.restore(listener);
                socket
            }
            (None, None) => Socket::open(name, address.clone(), mode)?,
        };
        if let Some(listener) = socket.listener() {
            link.put(name, listener).map_err(|error| failed(error.to_string()))?;
        }
        record.sockets.retain(|there| there.name != name);
        record.sockets.push(socket.record(name));
        self.save(&record).map_err(failed)
    }

    /// Lets go of the socket `name`. One that isn't held is fine.
    pub(crate) fn close(&self, name: &str) -> Result<(), Refusal> {
        let failed = |why: String| Refusal::new(format!("cannot close the socket `{name}`: {why}"));
        let _lock = self.lock().map_err(&failed)?;
        let mut record = self.load().map_err(&failed)?;
        // Where no holder is, none holds it.
        if let Ok(link) = HolderLink::connect(&self.place) {
            link.drop_socket(name).map_err(|error| failed(error.to_string()))?;
        }
        let Some(at) = record.sockets.iter().position(|there| there.name == name) else { return Ok(()) };
        Socket::recorded(record.sockets.remove(at)).unlink();
        self.save(&record).map_err(failed)
    }

    /// Whether connections wait in the socket `name`.
    pub(crate) fn pending(&self, name: &str) -> Result<bool, Refusal> {
        let listener = self.take(name)?;
        let Some(listener) = listener else { return Ok(false) };
        let mut socket = self.socket(name)?;
        socket.restore(listener);
        Ok(socket.is_pending())
    }

    /// A duplicate of the socket `name`.
    pub(crate) fn take(&self, name: &str) -> Result<Option<OwnedFd>, Refusal> {
        let failed = |error: io::Error| {
            Refusal::new(format!("cannot have the socket `{name}` of its holder: {error}"))
        };
        self.link()?.take(name).map_err(failed)
    }

    /// The held sockets: name and address.
    pub(crate) fn sockets(&self) -> Result<Vec<(String, Address)>, Refusal> {
        let record = self.load().map_err(Refusal::new)?;
        Ok(record.sockets.into_iter().map(|socket| (socket.name, socket.address)).collect())
    }

    fn socket(&self, name: &str) -> Result<Socket, Refusal> {
        let record = self.load().map_err(Refusal::new)?;
        let found = record.sockets.into_iter().find(|there| there.name == name);
        found
            .map(Socket::recorded)
            .ok_or_else(|| Refusal::new(format!("no socket `{}` is held", name.escape_default())))
    }

    fn link(&self) -> Result<HolderLink, Refusal> {
        HolderLink::connect(&self.place).map_err(|error| {
            let root = self.place.root().display();
            Refusal::new(format!("the holder of the sockets of `{root}` does not answer: {error}"))
                .hint(format!("`{}` may say why", self.place.own_log().display()))
        })
    }

    fn lock(&self) -> Result<Lock, String> {
        let until = Instant::now() + LOCK_TIMEOUT;
        loop {
            match Lock::try_take(&self.place.held_lock()) {
                Err(error) => return Err(error.to_string()),
                Ok(Some(lock)) => return Ok(lock),
                Ok(None) if Instant::now() > until => return Err("somebody else is at the record".into()),
                Ok(None) => std::thread::sleep(LOCK_GLANCE),
            }
        }
    }

    fn load(&self) -> Result<Record, String> {
        let path = self.place.held_record();
        let wrong = |why: String| format!("cannot use `{}`: {why}", path.display());
        match files::read_bounded(&path, LIMIT_BYTES) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let boot = boot().map_err(|error| wrong(error.to_string()))?;
                Ok(Record { v: RECORD_VERSION, boot, sockets: Vec::new() })
            }
            Err(error) => Err(wrong(error.to_string())),
            Ok(bytes) => match serde_json::from_slice::<Record>(&bytes) {
                Ok(record) if record.v > RECORD_VERSION => Err(wrong(format!("it is of form {}", record.v))),
                Ok(record) => Ok(record),
                Err(error) => Err(wrong(format!("it is damaged: {error}"))),
            },
        }
    }

    fn save(&self, record: &Record) -> Result<(), String> {
        let path = self.place.held_record();
        let written = serde_json::to_vec_pretty(record)
            .map_err(io::Error::other)
            .and_then(|bytes| files::write_whole(&path, &bytes, 0o600));
        written.map_err(|error| format!("cannot write `{}`: {error}", path.display()))
    }
}

/// `pintail keep`: finds the root's sockets again, and holds them until it is killed.
///
/// # Errors
/// Another holds them, or the record can't be read.
pub fn keep(root: &Path) -> Result<(), Refusal> {
    process::leave_session();
    let held = Held::new(root);
    let failed = |why: String| {
        Refusal::new(format!("cannot hold sockets for the services of `{}`: {why}", root.display()))
    };
    let lock = Lock::try_take(&held.place.holder_lock()).map_err(|error| failed(error.to_string()))?;
    let Some(_lock) = lock else { return Err(failed("another does".into())) };
    let _ = signal_hook::flag::register(SIGHUP, std::sync::Arc::default());
    let (found, mut lost) = held.restore().map_err(failed)?;
    holder::serve(&held.place, found, &mut || held.bind_lost(&mut lost))
}

impl Held {
    /// Every recorded socket out of a process that has it, else bound anew; and the names of those that can't be
    /// had.
    fn restore(&self) -> Result<(BTreeMap<String, OwnedFd>, Vec<String>), String> {
        let _lock = self.lock()?;
        let mut record = self.load()?;
        let now = boot().map_err(|error| error.to_string())?;
        let same_boot = record.boot == now;
        record.boot = now;
        let (mut found, mut lost, mut stale) = (BTreeMap::new(), Vec::new(), Vec::new());
        for there in &mut record.sockets {
            let name = there.name.clone();
            let mut socket = Socket::recorded(there.clone());
            let users = users(self.place.root(), &name);
            let mut pids = users.iter().flat_map(|(_, life)| life.process()).flat_map(group::pids);
            if same_boot && pids.any(|pid| socket.recover_from(pid)) {
                tell(&format!("socket `{name}` was recovered out of a process"));
            } else if let Err(error) = socket.bind() {
                tell(&format!("socket `{name}` can't be bound anew at {}: {error}", socket.address));
                lost.push(name.clone());
                // Perhaps it is they who keep the port from us.
                stale.extend(users);
            } else {
                tell(&format!("socket `{name}` was bound anew at {}", socket.address));
                stale.extend(users);
            }
            *there = socket.record(&name);
            if let Some(listener) = socket.listener() {
                let listener = listener.try_clone_to_owned().map_err(|error| error.to_string())?;
                found.insert(name, listener);
            }
        }
        self.save(&record)?;
        replace(&stale);
        Ok((found, lost))
    }

    /// Tries again to bind those that could not be had; gives those that can.
    fn bind_lost(&self, lost: &mut Vec<String>) -> BTreeMap<String, OwnedFd> {
        let mut found = BTreeMap::new();
        if lost.is_empty() {
            return found;
        }
        let Ok(_lock) = self.lock() else { return found };
        let Ok(mut record) = self.load() else { return found };
        lost.retain(|name| {
            let Some(there) = record.sockets.iter_mut().find(|there| there.name == *name) else {
                return false;
            };
            let mut socket = Socket::recorded(there.clone());
            let listener = socket.bind().ok().and_then(|()| socket.listener()?.try_clone_to_owned().ok());
            let Some(listener) = listener else { return true };
            tell(&format!("socket `{name}` was bound anew"));
            *there = socket.record(name);
            found.insert(name.clone(), listener);
            false
        });
        if let Err(why) = self.save(&record) {
            tell(&why);
        }
        found
    }
}

/// The instances that were given the socket `name`: folder and life.
fn users(root: &Path, name: &str) -> Vec<(std::path::PathBuf, Life)> {
    let (cards, _) = Card::all(&root.join("services"));
    let uses = |card: &Card| card.spec.socket.as_ref().is_some_and(|socket| socket.held == name);
    let cards = cards.into_iter().filter(|(_, card)| uses(card));
    let instances = cards.flat_map(|(folder, card)| {
        (1..=card.spec.instances).map(move |n| folder::instance(&folder, n)).collect::<Vec<_>>()
    });
    instances.filter_map(|instance| Life::load(&instance).map(|life| (instance, life))).collect()
}

/// Lets those that have a socket which nobody can reach any more end; they are started again, and get the new one.
fn replace(stale: &[(std::path::PathBuf, Life)]) {
    for (folder, life) in stale {
        let Err(error) = scanned::tell(folder, Word::Term) else { continue };
        // The pipe of a `runsv` or `supervise` that root runs is root's; the process itself runs as we do.
        let leader = life.process().filter(|leader| process::identity(leader.pid) == Some(*leader));
        let told = leader.is_some_and(|leader| process::signal(leader.pid, Signal::TERM).is_ok());
        if !told && leader.is_some() {
            tell(&format!("cannot tell `{}` to begin anew: {error}", folder.display()));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "a test starts a process by hand")]

    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn one_that_cannot_be_told_by_its_pipe_is_told_itself() {
        let room = tempfile::tempdir().unwrap();
        // As little to be opened for writing as a pipe of root's.
        std::fs::create_dir_all(room.path().join("supervise/control")).unwrap();
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let life = Life {
            boot: boot().unwrap(),
            process: process::identity(child.id()).unwrap().into(),
            since_ms: 0,
            restarts: 0,
            quick_deaths: 0,
            waits_until_ms: None,
            gave_up: None,
        };
        replace(&[(room.path().to_path_buf(), life)]);
        assert_eq!(child.wait().unwrap().signal(), Some(signal_hook::consts::SIGTERM));
    }
}
