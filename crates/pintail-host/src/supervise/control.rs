//! The control socket: lines in, lines out, for many clients at once, none of whom can hurt the others.
//! Knows the form of a question; not its answer.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use serde::Deserialize;

use super::door::Door;
use super::protocol::{Answer, PROTOCOL_VERSION, Question, REQUEST_LIMIT_BYTES, Refusal, Reply, Request};

/// The most clients at once, a quarter of the descriptors a process usually may have. Above that the one that
/// has been silent longest is hung up on.
const CONNECTIONS_LIMIT: usize = 256;

/// The pause after a failed accept (out of descriptors), so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How much is read at once, in bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// How long the last answers may take to be written before the supervisor exits.
const FAREWELL_TIMEOUT: Duration = Duration::from_millis(500);

/// The control socket and its clients.
#[derive(Debug)]
pub(super) struct Control {
    door: Door,
    connections: Vec<Connection>,
}

#[derive(Debug)]
struct Connection {
    stream: UnixStream,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    /// To be hung up on once the outbox is empty.
    closing: bool,
    gone: bool,
    heard: Instant,
}

impl Control {
    /// Listens at `path`, for the owner only.
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        Ok(Self { door: Door::open(path)?, connections: Vec::new() })
    }

    /// Where clients find us.
    pub(super) fn door(&mut self) -> &mut Door {
        &mut self.door
    }

    /// What may become readable or writable.
    pub(super) fn watch<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        fds.push(PollFd::new(self.door.listener(), PollFlags::IN));
        // While an answer is not taken, no further question is read: so nobody fills our memory.
        let wish = |one: &Connection| {
            if one.outbox.is_empty() { PollFlags::IN } else { PollFlags::OUT }
        };
        fds.extend(self.connections.iter().map(|one| PollFd::new(&one.stream, wish(one))));
    }

    /// Reads what came and answers what was asked, as far as that goes without waiting.
    pub(super) fn serve(&mut self, mut answer: impl FnMut(Request) -> Reply) {
        self.accept();
        for connection in &mut self.connections {
            connection.serve(&mut answer);
        }
        self.connections.retain(|connection| !connection.gone);
    }

    fn accept(&mut self) {
        loop {
            match self.door.accept() {
                Ok(stream) => self.admit(stream),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(_) => return std::thread::sleep(ACCEPT_PAUSE),
            }
        }
    }

    fn admit(&mut self, stream: UnixStream) {
        if self.connections.len() >= CONNECTIONS_LIMIT
            && let Some((silent, _)) = self.connections.iter().enumerate().min_by_key(|(_, one)| one.heard)
        {
            self.connections.swap_remove(silent);
        }
        self.connections.push(Connection::new(stream));
    }

    /// Writes the answers that are still to be written, for a moment at most.
    pub(super) fn farewell(&mut self) {
        for connection in &mut self.connections {
            let _ = connection.stream.set_nonblocking(false);
            let _ = connection.stream.set_write_timeout(Some(FAREWELL_TIMEOUT));
            let _ = connection.stream.write_all(&connection.outbox);
        }
    }
}

impl Connection {
    fn new(stream: UnixStream) -> Self {
        let (inbox, outbox) = (Vec::new(), Vec::new());
        Self { stream, inbox, outbox, closing: false, gone: false, heard: Instant::now() }
    }

    fn serve(&mut self, answer: &mut impl FnMut(Request) -> Reply) {
        self.write();
        if self.gone || !self.outbox.is_empty() {
            return;
        }
        self.read();
        while let Some(end) = self.inbox.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.inbox.drain(..=end).collect();
            self.say(match parse(&line[..end]) {
                Ok(request) => answer(request),
                Err(refusal) => Reply::Refused(refusal),
            });
            self.write();
            if self.gone || !self.outbox.is_empty() {
                return;
            }
        }
        if self.inbox.len() > REQUEST_LIMIT_BYTES {
            self.inbox = Vec::new();
            self.say(Reply::Refused(Refusal::new(format!(
                "a request is longer than {REQUEST_LIMIT_BYTES} bytes"
            ))));
            // What follows is the rest of that line.
            self.closing = true;
            self.write();
        }
    }

    /// Reads one piece; poll tells of the next. Who has more to say waits for the others.
    fn read(&mut self) {
        let mut bytes = [0; PIECE_BYTES];
        match self.stream.read(&mut bytes) {
            Ok(0) => self.gone = true,
            Ok(count) => {
                self.inbox.extend(&bytes[..count]);
                self.heard = Instant::now();
            }
            Err(error) if is_later(&error) => {}
            Err(_) => self.gone = true,
        }
    }

    fn say(&mut self, reply: Reply) {
        let answer = Answer { v: PROTOCOL_VERSION, reply };
        match serde_json::to_vec(&answer) {
            Ok(line) => self.outbox.extend(line),
            Err(_) => self.gone = true,
        }
        self.outbox.push(b'\n');
    }

    fn write(&mut self) {
        while !self.outbox.is_empty() {
            match self.stream.write(&self.outbox) {
                Ok(count) => drop(self.outbox.drain(..count)),
                Err(error) if is_later(&error) => return,
                Err(_) => {
                    self.gone = true;
                    return;
                }
            }
        }
        self.gone |= self.closing;
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// The request in a line. What was sent is not repeated in the refusal: it may hold anything.
fn parse(line: &[u8]) -> Result<Request, Refusal> {
    #[derive(Deserialize)]
    struct Versioned {
        v: u32,
    }
    let unreadable = |error: serde_json::Error| {
        let (line, column) = (error.line(), error.column());
        Refusal::new(format!("this is no request (at line {line}, column {column})"))
            .hint("one line of JSON: {\"v\":1,\"request\":\"status\"}")
    };
    let Versioned { v } = serde_json::from_slice(line).map_err(unreadable)?;
    if v != PROTOCOL_VERSION {
        return Err(Refusal::new(format!("protocol {v} is not spoken here, only {PROTOCOL_VERSION}")));
    }
    serde_json::from_slice::<Question>(line).map(|question| question.request).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_request_is_told_without_being_repeated() {
        for garbage in [
            &b"hunter2"[..],
            b"",
            b"{}",
            b"\xff\xfe",
            b"{\"v\":1,\"request\":\"hunter2\"}",
            b"{\"v\":9,\"request\":\"status\"}",
        ] {
            let refusal = parse(garbage).unwrap_err();
            assert!(!format!("{refusal:?}").contains("hunter2"), "{refusal:?}");
        }
        assert_eq!(parse(b"{\"v\":1,\"request\":\"status\"}"), Ok(Request::Status));
    }

    #[test]
    fn the_words_on_the_wire() {
        let lines = [
            r#"{"v":1,"request":{"bind":{"name":"web","address":"unix:/srv/blog/run/web.sock"}}}"#,
            r#"{"v":1,"request":{"stop":{"process":"web","generation":7}}}"#,
            r#"{"v":1,"request":{"pending":{"name":"web"}}}"#,
        ];
        let requests: Vec<_> = lines.iter().map(|line| parse(line.as_bytes()).unwrap()).collect();
        insta::assert_debug_snapshot!(requests);
    }
}
