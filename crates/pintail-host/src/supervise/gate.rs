//! `pintail gate`: a process that waits to be told what to become, and becomes it.
//!
//! The supervisor makes this process, writes its number to disk, and only then says over a socket (this
//! process's stdin) what to run. If the supervisor dies in between, the socket ends and nothing ever ran: so
//! there is no running program that no record knows. Program, arguments and environment come over the socket,
//! so no secret is in an argv. Knows nothing of services: it reads one message and execs.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use command_fds::{CommandFdExt, FdMapping};
use pintail_os::{process, socket};
use serde::{Deserialize, Serialize};

use super::protocol::Pass;

/// The longest message, in bytes: a [`ServiceSpec`](super::protocol::ServiceSpec) and a whole environment
/// file, and room for JSON's escapes.
const MESSAGE_LIMIT_BYTES: usize = 4 << 20;

/// The exit status when the program could not be run, as a shell has it.
const CANNOT_RUN: u8 = 127;

/// Where `LISTEN_FDS` begin; sd_listen_fds(3).
const FIRST_LISTEN_FD: i32 = 3;

/// What to become. Both ends are the same binary, so this has no version.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) argv: Vec<String>,
    pub(super) cwd: PathBuf,
    /// All of it: nothing is inherited.
    pub(super) env: BTreeMap<String, String>,
    pub(super) pass: Option<(Pass, String)>,
}

/// Sends an order, with the listener if it passes one. May block while the gate starts.
pub(super) fn send(stream: &UnixStream, order: &Order, listener: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let body = serde_json::to_vec(order)?;
    if body.len() > MESSAGE_LIMIT_BYTES {
        return Err(io::Error::other(format!(
            "arguments and environment are longer than {MESSAGE_LIMIT_BYTES} bytes"
        )));
    }
    let mut bytes = (body.len() as u32).to_be_bytes().to_vec();
    bytes.extend(body);
    let sent = socket::send_fds(stream.as_fd(), &bytes, listener.as_slice())?;
    let mut stream = stream;
    stream.write_all(&bytes[sent..])
}

/// The gate's whole life: it does not return where the program runs. Returns the exit status to end with: 0
/// when the supervisor is gone before it said what to run, 127 when it can't be run; why is on stderr (the
/// application's log) and told to the supervisor.
pub fn run() -> u8 {
    // The answer's end is a duplicate that closes on exec: its end tells the supervisor that the program runs.
    let stdin = std::io::stdin();
    let Ok(mut stream) = stdin.as_fd().try_clone_to_owned().map(UnixStream::from) else {
        return CANNOT_RUN;
    };
    let why = match receive(&stream) {
        Ok(None) => return 0,
        Ok(Some((order, listener))) => become_program(&order, listener),
        Err(error) => format!("cannot read what to run: {error}"),
    };
    let _ = io::stderr().write_all(format!("pintail: {why}\n").as_bytes());
    let _ = stream.write_all(why.as_bytes());
    CANNOT_RUN
}

/// The order, or `None` where the socket ended before it was whole.
fn receive(stream: &UnixStream) -> io::Result<Option<(Order, Option<OwnedFd>)>> {
    let mut fds = Vec::new();
    let Some(length) = receive_exactly(stream, 4, &mut fds)? else {
        return Ok(None);
    };
    let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    if length > MESSAGE_LIMIT_BYTES {
        return Err(io::Error::other("the message is too long"));
    }
    let Some(body) = receive_exactly(stream, length, &mut fds)? else {
        return Ok(None);
    };
    Ok(Some((serde_json::from_slice(&body)?, fds.pop())))
}

fn receive_exactly(
    stream: &UnixStream,
    length: usize,
    fds: &mut Vec<OwnedFd>,
) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = vec![0; length];
    let mut have = 0;
    while have < length {
        let (count, came) = socket::recv_fds(stream.as_fd(), &mut bytes[have..])?;
        if count == 0 {
            return Ok(None);
        }
        fds.extend(came);
        have += count;
    }
    Ok(Some(bytes))
}

/// Execs; returns why it could not.
pub(super) fn become_program(order: &Order, listener: Option<OwnedFd>) -> String {
    let Some((program, arguments)) = order.argv.split_first() else {
        return "no program is named".into();
    };
    if !order.cwd.is_dir() {
        return format!("cannot run `{program}`: its folder `{}` is not there", order.cwd.display());
    }
    process::leave_session();
    let mut command = bare(program);
    command.args(arguments).current_dir(&order.cwd).env_clear().envs(&order.env).stdin(Stdio::null());
    let passed = match (&order.pass, listener) {
        (None, _) => Ok(()),
        (Some((Pass::Stdin, _)), Some(listener)) => {
            command.stdin(listener);
            Ok(())
        }
        (Some((Pass::ListenFds, name)), Some(listener)) => pass_listen_fds(&mut command, name, listener),
        (Some(_), None) => Err("its listening socket did not come along".into()),
    };
    match passed {
        Ok(()) => format!("cannot run `{program}` in `{}`: {}", order.cwd.display(), command.exec()),
        Err(why) => format!("cannot run `{program}`: {why}"),
    }
}

fn pass_listen_fds(command: &mut Command, name: &str, listener: OwnedFd) -> Result<(), String> {
    // The number stays the same through exec.
    command
        .env("LISTEN_FDS", "1")
        .env("LISTEN_PID", std::process::id().to_string())
        .env("LISTEN_FDNAMES", name);
    let mapping = FdMapping { parent_fd: listener, child_fd: FIRST_LISTEN_FD };
    command.fd_mappings(vec![mapping]).map(|_| ()).map_err(|error| error.to_string())
}

#[allow(clippy::disallowed_methods, reason = "it is exec'd, not run: this process becomes the program")]
fn bare(program: &str) -> Command {
    Command::new(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> Order {
        let env = [("SECRET".to_owned(), "x".repeat(1 << 20))].into();
        Order { argv: vec!["a".into()], cwd: "/".into(), env, pass: Some((Pass::Stdin, "web".into())) }
    }

    #[test]
    fn an_order_longer_than_a_socket_buffer_travels_whole() {
        let (here, there) = UnixStream::pair().unwrap();
        let reader = std::thread::spawn(move || receive(&there).unwrap().unwrap());
        send(&here, &order(), Some(std::io::stderr().as_fd())).unwrap();
        let (came, listener) = reader.join().unwrap();
        assert_eq!(came, order());
        assert!(listener.is_some());
    }

    #[test]
    fn a_cut_order_is_none() {
        let mut bytes = 100u32.to_be_bytes().to_vec();
        bytes.extend(b"{\"argv\":[");
        for cut in [0, 2, 4, bytes.len()] {
            let (mut here, there) = UnixStream::pair().unwrap();
            here.write_all(&bytes[..cut]).unwrap();
            drop(here);
            assert!(receive(&there).unwrap().is_none(), "{cut}");
        }
        let (mut here, there) = UnixStream::pair().unwrap();
        here.write_all(&u32::MAX.to_be_bytes()).unwrap();
        assert!(receive(&there).is_err());
    }
}
