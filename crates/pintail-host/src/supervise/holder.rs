//! `pintail hold`: a tiny process that keeps listening sockets open, and does nothing else.
//!
//! A listening socket lives while any process has it open. The supervisor may crash or be upgraded; this has
//! so little to do that it needs neither. Its words are few and never change their meaning, for an old holder
//! serves new supervisors: one line asks, one line answers, each begins with the words' version.
//!
//! ```text
//! 1 put NAME     (with a descriptor)  → 1 ok
//! 1 take NAME                         → 1 ok (with a duplicate) | 1 none
//! 1 drop NAME                         → 1 ok
//! 1 list                              → 1 names NAME …
//! 1 shutdown                          → 1 ok, and it ends
//! ```

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pintail_os::lock::Lock;
use pintail_os::{process, socket};
use rustix::event::{PollFd, PollFlags, Timespec};
use signal_hook::consts::{SIGHUP, SIGINT};

use super::door::Door;
use super::place::Place;
use super::protocol::{NAME_LIMIT_BYTES, Refusal};
use super::tell::tell;

/// The longest line, in bytes: a word and a name.
const LINE_LIMIT_BYTES: usize = NAME_LIMIT_BYTES + 32;

/// The most sockets held: far more than an application has, far less than a process may have open (1024).
pub(super) const HELD_LIMIT: usize = 256;

/// The most connections at once; there is one supervisor, which has one. The oldest goes.
const CONNECTIONS_LIMIT: usize = 16;

/// How often the holder looks whether it can still be found. It does nothing else by itself.
const ROUND: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };
/// The same, where it is kept busy.
const ROUND_PAUSE: Duration = Duration::from_secs(5);

/// The pause after a failed accept (out of descriptors), so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Holds sockets for the supervisors of `root` until told `shutdown`. Returns at once, fine, where another
/// process holds for this root already.
///
/// # Errors
/// The socket or lock in `ROOT/run` can't be made.
pub fn run(root: &Path) -> Result<(), Refusal> {
    process::leave_session();
    let place = Place::new(root);
    let failed = |what: &str, error: io::Error| {
        Refusal::new(format!("cannot hold sockets for `{}`: {what}: {error}", root.display()))
    };
    place.make_folders().map_err(|error| failed("no folder", error))?;
    let lock = Lock::try_take(&place.holder_lock()).map_err(|error| failed("no lock", error))?;
    let Some(_lock) = lock else { return Ok(()) };
    serve(&place, BTreeMap::new(), &mut BTreeMap::new)
}

/// Holds sockets, those in `held` from the beginning, until told `shutdown`. The lock is the caller's. `more` is
/// asked now and then for sockets that could not be had before.
///
/// # Errors
/// The socket in the place can't be made.
pub(super) fn serve(
    place: &Place,
    held: BTreeMap<String, OwnedFd>,
    more: &mut dyn FnMut() -> BTreeMap<String, OwnedFd>,
) -> Result<(), Refusal> {
    let failed = |what: &str, error: io::Error| {
        Refusal::new(format!("cannot hold sockets for `{}`: {what}: {error}", place.root().display()))
    };
    let door = Door::open(place.holder_socket()).map_err(|error| failed("no socket", error))?;
    // Whoever hangs up a terminal or types at it doesn't mean this process; TERM, a machine's shutdown, does.
    for signal in [SIGHUP, SIGINT] {
        signal_hook::flag::register(signal, Arc::default()).map_err(|error| failed("no signals", error))?;
    }
    tell("the holder begins");
    let mut holder = Holder { door, held, connections: Vec::new() };
    let mut asked = Instant::now();
    while !holder.step().map_err(|error| failed("poll", error))? {
        if asked.elapsed() > ROUND_PAUSE {
            asked = Instant::now();
            holder.held.extend(more());
        }
    }
    tell("the holder ends");
    holder.door.close();
    Ok(())
}

struct Holder {
    door: Door,
    held: BTreeMap<String, OwnedFd>,
    connections: Vec<Connection>,
}

struct Connection {
    stream: UnixStream,
    line: Vec<u8>,
    came: Option<OwnedFd>,
}

/// What becomes of a connection, or of the holder, after a line.
#[derive(PartialEq, Eq)]
enum After {
    GoOn,
    HangUp,
    End,
}

impl Holder {
    /// Waits for something to happen and does it; says whether it is to end.
    fn step(&mut self) -> io::Result<bool> {
        let mut fds = vec![PollFd::new(self.door.listener(), PollFlags::IN)];
        fds.extend(self.connections.iter().map(|one| PollFd::new(&one.stream, PollFlags::IN)));
        match rustix::event::poll(&mut fds, Some(&ROUND)) {
            Err(rustix::io::Errno::INTR) => return Ok(false),
            Ok(0) => return Ok(self.is_useless()),
            other => other?,
        };
        let mut kept = Vec::new();
        for mut connection in std::mem::take(&mut self.connections) {
            match self.hear(&mut connection) {
                After::GoOn => kept.push(connection),
                After::HangUp => {}
                After::End => return Ok(true),
            }
        }
        self.connections = kept;
        self.accept();
        Ok(false)
    }

    /// Whether nobody is here and nobody can come any more: the root was removed. (Where only our file was, it
    /// comes back.)
    fn is_useless(&mut self) -> bool {
        !self.door.keep_open().unwrap_or(false) && self.connections.is_empty()
    }

    fn accept(&mut self) {
        match self.door.accept() {
            Ok(stream) => {
                if self.connections.len() >= CONNECTIONS_LIMIT {
                    self.connections.remove(0);
                }
                self.connections.push(Connection { stream, line: Vec::new(), came: None });
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => std::thread::sleep(ACCEPT_PAUSE),
        }
    }

    fn hear(&mut self, connection: &mut Connection) -> After {
        let mut bytes = [0; LINE_LIMIT_BYTES];
        match socket::recv_fds(connection.stream.as_fd(), &mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return After::GoOn,
            Err(_) | Ok((0, _)) => return After::HangUp,
            Ok((count, fds)) => {
                connection.line.extend(&bytes[..count]);
                connection.came = fds.into_iter().next_back().or(connection.came.take());
            }
        }
        while let Some(end) = connection.line.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = connection.line.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line[..end]).into_owned();
            match self.answer(&line, connection) {
                After::GoOn => {}
                other => return other,
            }
        }
        if connection.line.len() > LINE_LIMIT_BYTES { After::HangUp } else { After::GoOn }
    }

    fn answer(&mut self, line: &str, connection: &mut Connection) -> After {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["1", "put", name] => {
                let text = self.put(name, connection.came.take());
                say(connection, text, None)
            }
            ["1", "take", name] => match self.held.get(name) {
                Some(fd) => say(connection, "1 ok", Some(fd)),
                None => say(connection, "1 none", None),
            },
            ["1", "drop", name] => {
                self.held.remove(name);
                say(connection, "1 ok", None)
            }
            ["1", "list"] => {
                let names: Vec<&str> =
                    ["1", "names"].into_iter().chain(self.held.keys().map(String::as_str)).collect();
                say(connection, &names.join(" "), None)
            }
            ["1", "shutdown"] => {
                say(connection, "1 ok", None);
                After::End
            }
            _ => say(connection, "1 error these words are not known here", None),
        }
    }

    fn put(&mut self, name: &str, fd: Option<OwnedFd>) -> &'static str {
        let Some(fd) = fd else {
            return "1 error no descriptor came";
        };
        if !socket::is_listening(fd.as_fd()) {
            return "1 error this is no listening socket";
        }
        if name.is_empty() || self.held.len() >= HELD_LIMIT && !self.held.contains_key(name) {
            return "1 error no name, or too many sockets";
        }
        self.held.insert(name.to_owned(), fd);
        "1 ok"
    }
}

/// Answers; who doesn't read their answers is hung up on.
fn say(connection: &Connection, text: &str, fd: Option<&OwnedFd>) -> After {
    let line = format!("{text}\n");
    let fd = fd.map(AsFd::as_fd);
    match socket::send_fds(connection.stream.as_fd(), line.as_bytes(), fd.as_slice()) {
        Ok(count) if count == line.len() => After::GoOn,
        _ => After::HangUp,
    }
}
