//! A supervisor's connection to the holder of its sockets, which it starts where none is.
//! Knows the holder's words; not which sockets there should be.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use pintail_os::socket;

use super::face;
use super::holder::HELD_LIMIT;
use super::place::Place;
use super::protocol::NAME_LIMIT_BYTES;

/// How long the holder may take to answer: it does nothing but this.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a new holder may take until it listens; it has been 10 ms. Meanwhile the
/// supervisor does nothing else, so it is not more.
const START_TIMEOUT: Duration = Duration::from_secs(2);
const START_GLANCE: Duration = Duration::from_millis(5);

/// The longest answer: all names.
const ANSWER_LIMIT_BYTES: usize = HELD_LIMIT * (NAME_LIMIT_BYTES + 1) + 64;

/// A connection to a living holder.
#[derive(Debug)]
pub(super) struct HolderLink {
    stream: UnixStream,
    /// The holder's process, if this supervisor started it.
    child: Option<Child>,
}

impl HolderLink {
    /// Connects to the root's holder, which is started where none answers.
    pub(super) fn ensure(place: &Place) -> io::Result<Self> {
        if let Ok(link) = Self::connect(place) {
            return Ok(link);
        }
        let mut child = face::start(Path::new(face::THIS_PROGRAM), "hold", place)?;
        let until = Instant::now() + START_TIMEOUT;
        loop {
            let error = match Self::connect(place) {
                Ok(link) => {
                    return Ok(Self { child: Some(child), ..link });
                }
                Err(error) => error,
            };
            // One that ended well has found another that holds the lock, and may begin to answer.
            let failed = child.try_wait()?.is_some_and(|status| !status.success());
            if failed || Instant::now() > until {
                return Err(error);
            }
            std::thread::sleep(START_GLANCE);
        }
    }

    /// The same where none is started.
    pub(super) fn connect(place: &Place) -> io::Result<Self> {
        let stream = socket::connect_unix(&place.holder_socket())?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        let link = Self { stream, child: None };
        link.names()?;
        Ok(link)
    }

    /// What becomes readable when the holder is gone.
    pub(super) fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Whether the holder is gone. Between questions it never says anything, so anything to read is its end.
    pub(super) fn is_gone(&mut self) -> bool {
        let mut byte = [0];
        let peeked = rustix::net::recv(
            &self.stream,
            &mut byte,
            rustix::net::RecvFlags::PEEK | rustix::net::RecvFlags::DONTWAIT,
        );
        let gone = peeked != Err(rustix::io::Errno::AGAIN);
        if gone && let Some(child) = &mut self.child {
            // Reaps it; one that lives although its socket is closed is none of ours any more.
            let _ = child.try_wait();
        }
        gone
    }

    pub(super) fn put(&self, name: &str, listener: BorrowedFd<'_>) -> io::Result<()> {
        self.ask(&format!("put {name}"), Some(listener))?.expect_ok()
    }

    pub(super) fn take(&self, name: &str) -> io::Result<Option<OwnedFd>> {
        let mut answer = self.ask(&format!("take {name}"), None)?;
        if answer.text == "1 none" {
            return Ok(None);
        }
        let fd = answer.fds.pop();
        answer.expect_ok().map(|()| fd)
    }

    pub(super) fn drop_socket(&self, name: &str) -> io::Result<()> {
        self.ask(&format!("drop {name}"), None)?.expect_ok()
    }

    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        let answer = self.ask("list", None)?;
        let names = answer.text.strip_prefix("1 names").ok_or_else(|| answer.unexpected())?;
        Ok(names.split_whitespace().map(str::to_owned).collect())
    }

    /// Ends the holder, and with it every socket that no application has open.
    pub(super) fn shutdown(mut self) -> io::Result<()> {
        self.ask("shutdown", None)?.expect_ok()?;
        if let Some(child) = &mut self.child {
            child.wait()?;
        }
        Ok(())
    }

    fn ask(&self, words: &str, fd: Option<BorrowedFd<'_>>) -> io::Result<Answer> {
        let line = format!("1 {words}\n");
        let sent = socket::send_fds(self.stream.as_fd(), line.as_bytes(), fd.as_slice())?;
        (&self.stream).write_all(&line.as_bytes()[sent..])?;
        let (mut text, mut fds) = (Vec::new(), Vec::new());
        while text.last() != Some(&b'\n') {
            let mut bytes = [0; 4096];
            let (count, came) = socket::recv_fds(self.stream.as_fd(), &mut bytes)?;
            if count == 0 || text.len() > ANSWER_LIMIT_BYTES {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the holder hung up"));
            }
            text.extend(&bytes[..count]);
            fds.extend(came);
        }
        Ok(Answer { text: String::from_utf8_lossy(&text).trim_end().to_owned(), fds })
    }
}

struct Answer {
    text: String,
    fds: Vec<OwnedFd>,
}

impl Answer {
    fn expect_ok(self) -> io::Result<()> {
        if self.text == "1 ok" { Ok(()) } else { Err(self.unexpected()) }
    }

    fn unexpected(&self) -> io::Error {
        io::Error::other(format!("the holder says `{}`", self.text))
    }
}
