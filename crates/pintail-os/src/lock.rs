//! A lock that can't go stale: the kernel's `flock`, let go when its holder ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a held lock is asked for again: soon enough for people, seldom enough for the machine.
const ASKED_EVERY: Duration = Duration::from_millis(20);

/// A held lock. Dropping it, or dying, lets it go. The file is opened close-on-exec, so no child keeps it.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// A held lock, to be given to programs ([`crate::program::Program::holding`]): it stays held as long as one of them has
/// it, whoever took it.
#[derive(Debug, Clone)]
pub struct Shared(Arc<File>);

impl Shared {
    /// A descriptor of it for one program.
    ///
    /// # Errors
    /// There are no descriptors left.
    pub(crate) fn descriptor(&self) -> io::Result<OwnedFd> {
        Ok(self.0.try_clone()?.into())
    }
}

impl Lock {
    /// The same lock for programs to hold too.
    pub fn shared(self) -> Shared {
        Shared(Arc::new(self.file))
    }

    /// Takes the lock on `path` (made when missing), or says `None` when another process holds it.
    pub fn try_take(path: &Path) -> io::Result<Option<Self>> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Takes the lock on `path` (made when missing), waiting for who holds it; says `None` when that takes longer than
    /// `within`. The kernel knows no bound for this wait, so it is asked again and again.
    pub fn take_within(path: &Path, within: Duration) -> io::Result<Option<Self>> {
        let until = Instant::now() + within;
        loop {
            match Self::try_take(path)? {
                None if Instant::now() < until => std::thread::sleep(ASKED_EVERY),
                taken => return Ok(taken),
            }
        }
    }

    /// Whether somebody holds the lock on `path`. It is asked with a shared lock, so that two who only ask
    /// do not take each other for a holder.
    pub fn is_held(path: &Path) -> io::Result<bool> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            other => other?,
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_once_and_let_go_by_dropping() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("lock");
        assert!(!Lock::is_held(&path).unwrap());
        let held = Lock::try_take(&path).unwrap().unwrap();
        assert!(Lock::try_take(&path).unwrap().is_none());
        assert!(Lock::is_held(&path).unwrap());
        drop(held);
        assert!(!Lock::is_held(&path).unwrap());
    }

    #[test]
    fn a_held_one_is_waited_for_within_a_bound() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("lock");
        let held = Lock::try_take(&path).unwrap().unwrap();
        assert!(Lock::take_within(&path, Duration::ZERO).unwrap().is_none());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| Lock::take_within(&path, Duration::from_secs(60)).unwrap());
            drop(held);
            assert!(waiting.join().unwrap().is_some());
        });
    }
}
