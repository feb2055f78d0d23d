//! Listening sockets, unix sockets below any path, and file descriptors sent from process to process.
//! Knows nothing of what is said over them.

use std::fs;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType, sockopt, sockopt::Timeout,
};

/// How many connections may wait to be accepted; the kernel caps it at `net.core.somaxconn`, which is 4096
/// unless somebody lowered it. During a restart every request waits here, so it is as long as can be.
pub const BACKLOG: i32 = 4096;

/// The most file descriptors in one message.
pub const FDS_LIMIT: usize = 4;

/// How long connecting waits for a place in a full backlog: who has not accepted any of 4096 in this time is
/// stuck.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest path that fits into a `sockaddr_un`, its final NUL not counted.
const SUN_PATH_BYTES: usize = 107;

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Listens at `path` with permission bits `mode`. The socket is bound under a temporary name and renamed
/// into place, so whoever connects finds the socket before or this one, never none; an old socket there is
/// replaced, even one that somebody listens on. The path may be longer than 107 bytes.
///
/// # Errors
/// `AlreadyExists` when something that is no socket is there; otherwise the system's.
pub fn bind_unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    if fs::symlink_metadata(path).is_ok_and(|there| !there.file_type().is_socket()) {
        let what = format!("`{}` is there and is no socket", path.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
    }
    let temporary = beside(path);
    let listener = listen_at(&temporary, mode).and_then(|listener| {
        fs::rename(&temporary, path)?;
        Ok(listener)
    });
    if listener.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    listener
}

fn listen_at(path: &Path, mode: u32) -> io::Result<UnixListener> {
    let socket = stream_socket(AddressFamily::UNIX, SocketFlags::empty())?;
    with_short_folder(path, |short| Ok(rustix::net::bind(&socket, &SocketAddrUnix::new(short)?)?))?;
    // Nobody can connect before `listen`, so nobody slips in before the mode is set.
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

/// A short name that nobody else uses, in the folder of `path`.
fn beside(path: &Path) -> PathBuf {
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".socket.{}-{count}.tmp", std::process::id()))
}

/// Calls `act` with a path to the same place that fits into a `sockaddr_un`.
fn with_short_folder<T>(path: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    if path.as_os_str().as_bytes().len() <= SUN_PATH_BYTES {
        return act(path);
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a socket needs a folder and a name"));
    };
    let folder = rustix::fs::open(folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    act(&Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name))
}

/// Connects to the unix socket at `path`, which may be longer than 107 bytes. Waits [`CONNECT_TIMEOUT`] at
/// most, where a listener's backlog is full.
///
/// # Errors
/// The system's: `NotFound` where nothing is, `ConnectionRefused` where nobody listens, `WouldBlock` where the
/// wait was too long.
pub fn connect_unix(path: &Path) -> io::Result<UnixStream> {
    let socket = stream_socket(AddressFamily::UNIX, SocketFlags::empty())?;
    sockopt::set_socket_timeout(&socket, Timeout::Send, Some(CONNECT_TIMEOUT))?;
    connect_at(&socket, path)?;
    sockopt::set_socket_timeout(&socket, Timeout::Send, None)?;
    Ok(socket.into())
}

/// Whether somebody listens on the unix socket at `path`, or may: one whose backlog is full, or that we may not
/// connect to. Never waits.
pub fn may_be_listened(path: &Path) -> io::Result<bool> {
    let socket = stream_socket(AddressFamily::UNIX, SocketFlags::NONBLOCK)?;
    Ok(match connect_at(&socket, path) {
        Ok(()) => true,
        Err(error) => !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused),
    })
}

fn connect_at(socket: &OwnedFd, path: &Path) -> io::Result<()> {
    if path.as_os_str().as_bytes().len() <= SUN_PATH_BYTES {
        return Ok(rustix::net::connect(socket, &SocketAddrUnix::new(path)?)?);
    }
    // The socket itself is opened, so that its own name may be long too.
    let there = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let short = Path::new("/proc/self/fd").join(there.as_raw_fd().to_string());
    Ok(rustix::net::connect(socket, &SocketAddrUnix::new(&short)?)?)
}

/// Listens on `address`. An address that was in use a moment ago is free again (`SO_REUSEADDR`); one that is
/// in use now is not: no other process can share it unseen.
///
/// # Errors
/// The system's: `AddrInUse`, `PermissionDenied`, `AddrNotAvailable`.
pub fn listen_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = stream_socket(family, SocketFlags::empty())?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

fn stream_socket(family: AddressFamily, flags: SocketFlags) -> io::Result<OwnedFd> {
    Ok(rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC | flags, None)?)
}

/// Whether `fd` is a socket that listens.
pub fn is_listening(fd: BorrowedFd<'_>) -> bool {
    sockopt::socket_acceptconn(fd).unwrap_or(false)
}

/// The socket's number, as `/proc/PID/fd` shows it: `socket:[NUMBER]`. The same for every duplicate.
pub fn number(fd: BorrowedFd<'_>) -> io::Result<u64> {
    Ok(rustix::fs::fstat(fd)?.st_ino)
}

/// The file that stands for a unix socket: device and inode. `None` where no socket is.
pub fn file_at(path: &Path) -> Option<(u64, u64)> {
    let there = fs::symlink_metadata(path).ok()?;
    there.file_type().is_socket().then(|| (there.dev(), there.ino()))
}

/// Whether connections wait at the listening unix socket at `path`, accepted by nobody yet: the kernel is asked
/// (`sock_diag`), so the socket may be anybody's.
///
/// # Errors
/// Nobody listens there, or the kernel has no `unix_diag`.
pub fn waiting_at_path(path: &Path) -> io::Result<bool> {
    let file = fs::metadata(path)?;
    diag::waiting(file.ino())
}

/// The same at a TCP port.
///
/// # Errors
/// Nobody listens there.
pub fn waiting_at_port(address: SocketAddr) -> io::Result<bool> {
    let (table, local) = match address {
        SocketAddr::V4(v4) => {
            let ip = u32::from_ne_bytes(v4.ip().octets());
            ("/proc/net/tcp", format!("{ip:08X}:{:04X}", v4.port()))
        }
        SocketAddr::V6(v6) => {
            let words = v6.ip().octets();
            let ip: String = words
                .chunks_exact(4)
                .map(|word| format!("{:08X}", u32::from_ne_bytes([word[0], word[1], word[2], word[3]])))
                .collect();
            ("/proc/net/tcp6", format!("{ip}:{:04X}", v6.port()))
        }
    };
    let table = fs::read_to_string(table)?;
    waiting_in(&table, &local)
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("nobody listens on {address}")))
}

/// `/proc/net/tcp`: the local address is field 2, the state 4 (`0A` listens), the length of the backlog behind the
/// colon of 5.
fn waiting_in(table: &str, local: &str) -> Option<bool> {
    let mut listening = table.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let ours = *fields.get(1)? == local && *fields.get(3)? == "0A";
        let waits = fields.get(4)?.split_once(':')?.1;
        ours.then(|| waits.bytes().any(|digit| digit != b'0'))
    });
    listening.next()
}

/// One question to the kernel about unix sockets; linux/unix_diag.h.
mod diag {
    use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};
    use std::io;

    /// SOCK_DIAG_BY_FAMILY, and the answers' other kinds.
    const BY_FAMILY: u16 = 20;
    const ERROR: u16 = 2;
    const DONE: u16 = 3;
    /// NLM_F_REQUEST and NLM_F_DUMP.
    const REQUEST_DUMP: u16 = 0x1 | 0x300;
    /// A set of states with TCP_LISTEN alone.
    const LISTENING: u32 = 1 << 10;
    /// UDIAG_SHOW_VFS and UDIAG_SHOW_RQLEN: the file's inode, and how many wait.
    const SHOW: u32 = 0x2 | 0x10;
    const VFS: u16 = 1;
    const RQLEN: u16 = 4;
    /// Heads of a message, of an answer behind it, of an attribute.
    const HEAD: usize = 16;
    const ANSWER: usize = 16;

    /// Whether connections wait at the listening socket whose file has the inode `inode`.
    pub(super) fn waiting(inode: u64) -> io::Result<bool> {
        let socket = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            Some(netlink::SOCK_DIAG),
        )?;
        rustix::net::send(&socket, &question(), SendFlags::empty())?;
        let mut bytes = vec![0; 64 << 10];
        loop {
            let (_, count) = rustix::net::recv(&socket, bytes.as_mut_slice(), RecvFlags::empty())?;
            match read(&bytes[..count], inode)? {
                Some(Found::Waits(waits)) => return Ok(waits),
                Some(Found::End) => {
                    return Err(io::Error::new(io::ErrorKind::NotFound, "nobody listens there"));
                }
                None => {}
            }
        }
    }

    fn question() -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(40u32.to_ne_bytes());
        bytes.extend(BY_FAMILY.to_ne_bytes());
        bytes.extend(REQUEST_DUMP.to_ne_bytes());
        bytes.extend([0; 8]); // Its number, and ours: the kernel's to choose.
        bytes.extend([1, 0, 0, 0]); // AF_UNIX
        bytes.extend(LISTENING.to_ne_bytes());
        bytes.extend(0u32.to_ne_bytes()); // Every inode.
        bytes.extend(SHOW.to_ne_bytes());
        bytes.extend([0xff; 8]); // No cookie.
        bytes
    }

    enum Found {
        Waits(bool),
        End,
    }

    /// What one datagram says of the socket; `None`: more come.
    fn read(mut bytes: &[u8], inode: u64) -> io::Result<Option<Found>> {
        while bytes.len() >= HEAD {
            let length = number(bytes, 0) as usize;
            if length < HEAD || length > bytes.len() {
                return Err(io::Error::other("the kernel's answer can't be read"));
            }
            match short(bytes, 4) {
                DONE => return Ok(Some(Found::End)),
                ERROR => return Err(io::Error::other("the kernel does not tell of unix sockets")),
                _ => {}
            }
            if let Some(waits) = waits(bytes.get(HEAD + ANSWER..length).unwrap_or_default(), inode) {
                return Ok(Some(Found::Waits(waits)));
            }
            bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(None)
    }

    /// What the attributes say, if they are of that inode.
    fn waits(mut bytes: &[u8], inode: u64) -> Option<bool> {
        let (mut ours, mut waits) = (false, None);
        while bytes.len() >= 4 {
            let length = usize::from(short(bytes, 0)).max(4);
            let value = bytes.get(4..length).unwrap_or_default();
            match short(bytes, 2) {
                // Inodes are told in 32 bits.
                VFS if value.len() >= 4 => ours = number(value, 0) == inode as u32,
                RQLEN if value.len() >= 4 => waits = Some(number(value, 0) > 0),
                _ => {}
            }
            bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        waits.filter(|_| ours)
    }

    fn number(bytes: &[u8], at: usize) -> u32 {
        let piece = bytes.get(at..at + 4).and_then(|piece| piece.try_into().ok());
        u32::from_ne_bytes(piece.unwrap_or_default())
    }

    fn short(bytes: &[u8], at: usize) -> u16 {
        let piece = bytes.get(at..at + 2).and_then(|piece| piece.try_into().ok());
        u16::from_ne_bytes(piece.unwrap_or_default())
    }
}

/// Takes a duplicate of a listening socket out of another process, found there by its [`number`]. Needs the
/// right to trace that process: the same user, and `kernel.yama.ptrace_scope` 0, or root.
pub fn recover_from(pid: u32, wanted: u64) -> io::Result<OwnedFd> {
    let name = format!("socket:[{wanted}]");
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let entry = entry?;
        if fs::read_link(entry.path()).is_ok_and(|target| target.as_os_str() == name.as_str()) {
            let there = entry.file_name().to_string_lossy().parse().map_err(io::Error::other)?;
            return duplicate_out_of(pid, there, wanted);
        }
    }
    Err(io::Error::new(io::ErrorKind::NotFound, format!("process {pid} has no {name}")))
}

fn duplicate_out_of(pid: u32, there: i32, wanted: u64) -> io::Result<OwnedFd> {
    let process = rustix::process::Pid::from_raw(pid as i32)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no process has the number 0"))?;
    let process = rustix::process::pidfd_open(process, rustix::process::PidfdFlags::empty())?;
    let fd = rustix::process::pidfd_getfd(process, there, rustix::process::PidfdGetfdFlags::empty())?;
    // Between looking and taking, the number may have become another file.
    if number(fd.as_fd())? != wanted || !is_listening(fd.as_fd()) {
        return Err(io::Error::new(io::ErrorKind::NotFound, "it closed the socket just now"));
    }
    Ok(fd)
}

/// Sends `bytes` with `fds` (at most [`FDS_LIMIT`]) attached to the first of them; returns how many bytes went.
/// The receiver gets duplicates.
///
/// # Errors
/// The system's; a receiver that is gone is `BrokenPipe`, not a signal.
pub fn send_fds(socket: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_LIMIT))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many file descriptors in one message"));
    }
    loop {
        match rustix::net::sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL) {
            Err(rustix::io::Errno::INTR) => {}
            other => return Ok(other?),
        }
    }
}

/// Receives up to `bytes.len()` bytes and the file descriptors that came with them (close-on-exec).
/// 0 bytes are the end.
///
/// # Errors
/// The system's.
pub fn recv_fds(socket: BorrowedFd<'_>, bytes: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_LIMIT))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got = loop {
        let mut pieces = [IoSliceMut::new(bytes)];
        match rustix::net::recvmsg(socket, &mut pieces, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other?,
        }
    };
    let mut fds = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(came) = message {
            fds.extend(came);
        }
    }
    Ok((got.bytes, fds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn long_paths_bind_and_connect() {
        let room = tempfile::tempdir().unwrap();
        let folder = room.path().join("x".repeat(120));
        fs::create_dir(&folder).unwrap();
        let path = folder.join(format!("{}.sock", "n".repeat(150)));
        let listener = bind_unix(&path, 0o640).unwrap();
        let mut client = connect_unix(&path).unwrap();
        client.write_all(b"x").unwrap();
        let mut byte = [0];
        listener.accept().unwrap().0.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"x");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no temporary name stays");
    }

    #[test]
    fn the_kernel_tells_who_waits() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("s.sock");
        assert!(waiting_at_path(&path).is_err());
        let listener = bind_unix(&path, 0o600).unwrap();
        assert!(!waiting_at_path(&path).unwrap());
        let client = connect_unix(&path).unwrap();
        assert!(waiting_at_path(&path).unwrap());
        listener.accept().unwrap();
        assert!(!waiting_at_path(&path).unwrap());
        drop((client, listener));
        assert!(waiting_at_path(&path).is_err(), "nobody listens any more");
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = listen_tcp(address.parse().unwrap()).unwrap();
            let address = listener.local_addr().unwrap();
            assert!(!waiting_at_port(address).unwrap());
            let _client = std::net::TcpStream::connect(address).unwrap();
            assert!(waiting_at_port(address).unwrap());
            drop(listener);
            assert!(waiting_at_port(address).is_err());
        }
    }

    #[test]
    fn a_socket_is_replaced_and_a_file_is_not() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("s");
        let first = bind_unix(&path, 0o600).unwrap();
        let before = file_at(&path).unwrap();
        let _second = bind_unix(&path, 0o600).unwrap();
        assert_ne!(file_at(&path).unwrap(), before);
        drop(first);
        connect_unix(&path).unwrap();
        let file = room.path().join("f");
        fs::File::create(&file).unwrap();
        assert_eq!(bind_unix(&file, 0o600).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_full_backlog_is_noticed_without_waiting() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("s");
        assert!(!may_be_listened(&path).unwrap());
        let listener = bind_unix(&path, 0o600).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let waiting = connect_unix(&path).unwrap();
        assert!(may_be_listened(&path).unwrap());
        drop((listener, waiting));
        assert!(!may_be_listened(&path).unwrap());
    }

    #[test]
    fn a_port_in_use_is_not_shared() {
        let first = listen_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
        let taken = first.local_addr().unwrap();
        assert_eq!(listen_tcp(taken).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(first);
        listen_tcp(taken).unwrap();
    }

    #[test]
    fn a_listener_travels() {
        let listener = listen_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
        let (here, there) = UnixStream::pair().unwrap();
        assert_eq!(send_fds(here.as_fd(), b"hello", &[listener.as_fd()]).unwrap(), 5);
        let mut bytes = [0; 16];
        let (count, fds) = recv_fds(there.as_fd(), &mut bytes).unwrap();
        assert_eq!((&bytes[..count], fds.len()), (&b"hello"[..], 1));
        assert!(is_listening(fds[0].as_fd()) && !is_listening(there.as_fd()));
        assert_eq!(number(fds[0].as_fd()).unwrap(), number(listener.as_fd()).unwrap());
        drop(here);
        assert_eq!(recv_fds(there.as_fd(), &mut bytes).unwrap().0, 0);
    }

    #[test]
    fn a_listener_is_recovered_from_a_process() {
        let listener = listen_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
        let own = number(listener.as_fd()).unwrap();
        let again = recover_from(std::process::id(), own).unwrap();
        assert_eq!(number(again.as_fd()).unwrap(), own);
        assert_eq!(recover_from(std::process::id(), u64::MAX).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
