//! The listening sockets of a root: bound, kept, found again, closed.
//! Knows addresses and descriptors; not who uses them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use pintail_os::socket;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;
use rustix::net::sockopt;

use super::protocol::{Address, Refusal, SocketStatus};
use super::record::SocketRecord;
use super::tell::tell;

/// The held sockets by name.
#[derive(Debug, Default)]
pub(super) struct Sockets(BTreeMap<String, Socket>);

/// One listening socket.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) address: Address,
    mode: u32,
    /// `None` while its address can't be had.
    listener: Option<OwnedFd>,
    number: Option<u64>,
    file: Option<(u64, u64)>,
}

impl Sockets {
    pub(super) fn find(&self, name: &str) -> Option<&Socket> {
        self.0.get(name)
    }

    pub(super) fn insert(&mut self, name: String, socket: Socket) {
        self.0.insert(name, socket);
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Socket> {
        self.0.remove(name)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Socket)> {
        self.0.iter().map(|(name, socket)| (name.as_str(), socket))
    }

    /// The names of those whose address couldn't be had.
    pub(super) fn lost(&self) -> Vec<String> {
        self.0.iter().filter(|(_, socket)| socket.listener.is_none()).map(|(name, _)| name.clone()).collect()
    }

    /// Tries again to bind one that is lost; says whether it did.
    pub(super) fn bind_lost(&mut self, name: &str) -> bool {
        self.0.get_mut(name).is_some_and(|socket| socket.bind().is_ok())
    }

    pub(super) fn status(&self) -> Vec<SocketStatus> {
        self.0
            .iter()
            .map(|(name, socket)| SocketStatus { name: name.clone(), address: socket.address.clone() })
            .collect()
    }

    pub(super) fn record(&self) -> Vec<SocketRecord> {
        self.0.iter().map(|(name, socket)| socket.record(name)).collect()
    }
}

impl Socket {
    /// A new listener at an address where nobody listens yet.
    ///
    /// # Errors
    /// Somebody does, or the system says no.
    pub(super) fn open(name: &str, address: Address, mode: u32) -> Result<Self, Refusal> {
        if let Address::Unix(path) = &address
            && socket::may_be_listened(path).unwrap_or(true)
        {
            return Err(in_use(name, &address));
        }
        let mut socket = Self { address, mode, listener: None, number: None, file: None };
        socket.bind().map_err(|error| socket.cannot_bind(name, &error))?;
        Ok(socket)
    }

    /// The socket that another supervisor recorded, without its listener.
    pub(super) fn recorded(record: SocketRecord) -> Self {
        let SocketRecord { address, mode, number, file, .. } = record;
        Self { address, mode, listener: None, number, file }
    }

    pub(super) fn listener(&self) -> Option<BorrowedFd<'_>> {
        self.listener.as_ref().map(AsFd::as_fd)
    }

    /// Takes from it what an application may have set: not to block, or to wait only so long.
    pub(super) fn make_plain(&self) {
        let Some(listener) = self.listener() else { return };
        let plain = rustix::fs::fcntl_getfl(listener)
            .and_then(|flags| rustix::fs::fcntl_setfl(listener, flags - OFlags::NONBLOCK))
            .and_then(|()| sockopt::set_socket_timeout(listener, sockopt::Timeout::Recv, None));
        if let Err(error) = plain {
            tell(&format!("cannot reset what was set on the socket at {}: {error}", self.address));
        }
    }

    /// Gives it the listener that somebody else kept open.
    pub(super) fn restore(&mut self, listener: OwnedFd) {
        self.number = socket::number(listener.as_fd()).ok();
        self.listener = Some(listener);
    }

    /// Takes the listener out of a process that has it.
    pub(super) fn recover_from(&mut self, pid: u32) -> bool {
        let found = self.number.and_then(|number| socket::recover_from(pid, number).ok());
        let recovered = found.is_some();
        if let Some(listener) = found {
            self.restore(listener);
        }
        recovered
    }

    /// Listens anew at its address. At a unix path the new one takes the place of any old one.
    pub(super) fn bind(&mut self) -> io::Result<()> {
        let listener: OwnedFd = match &self.address {
            Address::Unix(path) => socket::bind_unix(path, self.mode)?.into(),
            Address::Tcp(address) => socket::listen_tcp(*address)?.into(),
        };
        self.file = self.address.path().and_then(socket::file_at);
        self.restore(listener);
        Ok(())
    }

    /// Whether connections wait that nobody has accepted.
    pub(super) fn is_pending(&self) -> bool {
        let Some(listener) = self.listener() else {
            return false;
        };
        let mut fds = [PollFd::from_borrowed_fd(listener, PollFlags::IN)];
        rustix::event::poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) == Ok(1)
    }

    /// Removes its file where that is still this socket's, and not one that was renamed over it.
    pub(super) fn unlink(&self) {
        if let Some(path) = self.address.path()
            && self.file.is_some()
            && socket::file_at(path) == self.file
        {
            let _ = fs::remove_file(path);
        }
    }

    pub(super) fn record(&self, name: &str) -> SocketRecord {
        SocketRecord {
            name: name.to_owned(),
            address: self.address.clone(),
            mode: self.mode,
            number: self.number,
            file: self.file,
        }
    }

    fn cannot_bind(&self, name: &str, error: &io::Error) -> Refusal {
        let refusal = Refusal::new(format!("cannot listen on `{}` for `{name}`: {error}", self.address));
        match (&self.address, error.kind()) {
            (_, io::ErrorKind::AddrInUse) => in_use(name, &self.address),
            (Address::Tcp(address), io::ErrorKind::PermissionDenied) => refusal
                .hint(format!("port {} is below 1024: root's, or CAP_NET_BIND_SERVICE's", address.port())),
            (Address::Tcp(address), io::ErrorKind::AddrNotAvailable) => {
                refusal.hint(format!("`ip addr` shows whether this machine has {}", address.ip()))
            }
            (Address::Unix(path), io::ErrorKind::NotFound) => refusal.hint(format!(
                "make the folder `{}` first",
                path.parent().unwrap_or(Path::new("/")).display()
            )),
            _ => refusal,
        }
    }
}

fn in_use(name: &str, address: &Address) -> Refusal {
    let what = format!("cannot listen on `{address}` for `{name}`: another process listens there");
    Refusal::new(what).hint(match address {
        Address::Unix(path) => format!("`fuser {}` or `ss -xlp` shows which", path.display()),
        Address::Tcp(address) => format!("`ss -ltnp 'sport = :{}'` shows which", address.port()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_application_set_is_taken_back() {
        let room = tempfile::tempdir().unwrap();
        let address = Address::Unix(room.path().join("s.sock"));
        let socket = Socket::open("web.1", address, 0o600).unwrap();
        let listener = socket.listener().unwrap();
        let wait = std::time::Duration::from_millis(50);
        rustix::fs::fcntl_setfl(listener, OFlags::NONBLOCK).unwrap();
        sockopt::set_socket_timeout(listener, sockopt::Timeout::Recv, Some(wait)).unwrap();
        socket.make_plain();
        assert!(!rustix::fs::fcntl_getfl(listener).unwrap().contains(OFlags::NONBLOCK));
        assert_eq!(sockopt::socket_timeout(listener, sockopt::Timeout::Recv).unwrap(), None);
    }
}
