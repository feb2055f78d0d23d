//! A lock that can't go stale: the kernel's `flock`, let go when its holder ends, however it ends.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
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
        Self::try_lock(file)
    }

    fn try_lock(file: File) -> io::Result<Option<Self>> {
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// As [`Lock::try_take`], of a file that everybody who may write to its folder can lock, whoever made it.
    pub fn try_take_common(path: &Path) -> io::Result<Option<Self>> {
        Self::try_lock(open_common(path)?)
    }

    /// As [`Lock::try_take_common`], waiting for who holds it; says `None` when that takes longer than `within`. The
    /// kernel knows no bound for this wait, so it is asked again and again.
    pub fn take_common_within(path: &Path, within: Duration) -> io::Result<Option<Self>> {
        let until = Instant::now() + within;
        loop {
            match Self::try_take_common(path)? {
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

/// Permission bits of a file in `folder` that others lock too: to lock it, reading is enough, but over a network only who
/// may write can; so where the folder is a group's (by its setgid bit), that may.
fn common_mode(folder: Option<&Path>) -> u32 {
    const GROUPS: u32 = 0o2020;
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let is_groups = std::fs::metadata(folder).is_ok_and(|about| about.mode() & GROUPS == GROUPS);
    if is_groups { 0o664 } else { 0o644 }
}

/// Opens the file to be locked, which may be another user's; makes it when it is missing.
fn open_common(path: &Path) -> io::Result<File> {
    let mode = common_mode(path.parent());
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(crate::files::NO_FOLLOW | crate::files::NO_WAIT);
    // Without `O_CREAT`: in a folder with the sticky bit the kernel refuses that for the files of others. Where locks
    // go over a network only who can write can lock.
    let there = match options.clone().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => options.open(path),
        opened => opened,
    };
    match there {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
        Ok(file) => {
            let about = file.metadata()?;
            if about.mode() & mode != mode {
                // Made by an earlier Pintail; it is its maker's to open it to others.
                let _ = file.set_permissions(Permissions::from_mode(mode));
            }
            return Ok(file);
        }
    }
    match options.write(true).create_new(true).mode(mode).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            OpenOptions::new().read(true).open(path)
        }
        made => {
            let file = made?;
            // Whatever the umask says.
            file.set_permissions(Permissions::from_mode(mode))?;
            Ok(file)
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
        let held = Lock::try_take_common(&path).unwrap().unwrap();
        assert!(Lock::take_common_within(&path, Duration::ZERO).unwrap().is_none());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| Lock::take_common_within(&path, Duration::from_secs(60)).unwrap());
            drop(held);
            assert!(waiting.join().unwrap().is_some());
        });
    }

    #[test]
    fn a_common_one_is_everybodys_to_open() {
        let room = tempfile::tempdir().unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
        let (new, old) = (room.path().join("new"), room.path().join("old"));
        Lock::try_take_common(&new).unwrap().unwrap();
        drop(Lock::try_take(&old).unwrap().unwrap());
        assert_eq!((mode(&new), mode(&old)), (0o644, 0o600));
        Lock::try_take_common(&old).unwrap().unwrap();
        assert_eq!(mode(&old), 0o644);
        // Of another user it can be read, which is enough.
        std::fs::set_permissions(&new, Permissions::from_mode(0o444)).unwrap();
        let held = Lock::try_take_common(&new).unwrap().unwrap();
        assert!(Lock::try_take_common(&new).unwrap().is_none());
        drop(held);
        std::os::unix::fs::symlink(&old, room.path().join("link")).unwrap();
        assert!(Lock::try_take_common(&room.path().join("link")).is_err());
    }
}
