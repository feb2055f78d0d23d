//! A socket of our own at which others find us, and that comes back when its file is removed.
//! Knows its path; not what is said there.

use std::fs;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use pintail_os::socket;

/// A listening unix socket for the owner only; accepting from it never waits.
#[derive(Debug)]
pub(super) struct Door {
    path: PathBuf,
    listener: UnixListener,
    /// The file that stands for the listener.
    file: Option<(u64, u64)>,
}

impl Door {
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        let listener = socket::bind_unix(&path, 0o600)?;
        listener.set_nonblocking(true)?;
        let file = socket::file_at(&path);
        Ok(Self { path, listener, file })
    }

    pub(super) fn listener(&self) -> &UnixListener {
        &self.listener
    }

    /// The next who came; `WouldBlock` where nobody did.
    pub(super) fn accept(&self) -> io::Result<UnixStream> {
        let (stream, _) = self.listener.accept()?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    }

    /// Opens anew where somebody removed the socket's file. Says whether we can be found: not so where the file
    /// is somebody else's now.
    pub(super) fn keep_open(&mut self) -> io::Result<bool> {
        let found = socket::file_at(&self.path);
        if found.is_none() {
            *self = Self::open(self.path.clone())?;
            return Ok(true);
        }
        Ok(found == self.file)
    }

    /// Removes the socket's file, where it is still ours.
    pub(super) fn close(&self) {
        if socket::file_at(&self.path) == self.file {
            let _ = fs::remove_file(&self.path);
        }
    }
}
