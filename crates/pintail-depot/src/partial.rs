//! A file that isn't visible under its name yet. Knows how it becomes visible whole or not at all; does not know
//! what is in it.
//!
//! It is locked as long as its writer lives, so that what a killed writer left can be told from what a living one
//! is writing, without any clock.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use pintail_core::digest::Digest;

/// The ending of every partial file; they start with a dot.
const ENDING: &str = ".partial";

/// That of one that whoever brings the same bytes again goes on with.
const RESUMABLE: &str = ".begun";

/// How many that were begun and not finished are kept: those of a few publishers whose links were cut. The oldest go
/// first.
const BEGUN_MAX: usize = 8;

/// How often another name is tried. A name is taken only by a leftover of an earlier process with this one's id,
/// which sweeping removes.
const NAMES_TRIED_MAX: u32 = 100;

static COUNT: AtomicU64 = AtomicU64::new(0);

/// A file being written. Dropped, it is gone, unless it can be gone on with.
pub(crate) struct Partial {
    path: PathBuf,
    file: File,
    hasher: blake3::Hasher,
    stays: bool,
}

impl Partial {
    pub(crate) fn create(folder: &Path) -> io::Result<Partial> {
        for _ in 0..NAMES_TRIED_MAX {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!(".{}-{count}{ENDING}", std::process::id()));
            let file = match OpenOptions::new().write(true).create_new(true).mode(0o644).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                opened => opened?,
            };
            // A sweeper may come between making and locking; then the file has lost its name, and another is made.
            file.lock()?;
            if file.metadata()?.nlink() > 0 {
                file.set_permissions(Permissions::from_mode(0o644))?;
                return Ok(Partial { path, file, hasher: blake3::Hasher::new(), stays: false });
            }
        }
        Err(io::Error::other("no free name for a temporary file"))
    }

    /// What was begun of the bytes with digest `whole`, at its end; nothing of it is believed before that digest is
    /// compared. While somebody else is at it, a file that can't be gone on with.
    pub(crate) fn resume(folder: &Path, whole: &Digest) -> io::Result<Partial> {
        forget_begun(folder)?;
        let path = folder.join(format!(".{whole}{RESUMABLE}"));
        let options = || {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).mode(0o644);
            options.custom_flags(pintail_os::files::NO_FOLLOW | pintail_os::files::NO_WAIT);
            options
        };
        let mut file = match options().open(&path) {
            // Begun by another user.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Partial::create(folder),
            opened => opened?,
        };
        // Between opening and locking it may have been finished by somebody else, and lost this name.
        let is_ours = file.try_lock().is_ok()
            && std::fs::metadata(&path).is_ok_and(|there| {
                file.metadata().is_ok_and(|own| (own.dev(), own.ino()) == (there.dev(), there.ino()))
            });
        if !is_ours {
            return Partial::create(folder);
        }
        // Whatever the umask says; where somebody else of the group began it, it is theirs to give.
        let _ = file.set_permissions(Permissions::from_mode(0o644));
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(&mut file)?;
        Ok(Partial { path, file, hasher, stays: true })
    }

    /// Begins again: what was written is gone.
    pub(crate) fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.hasher.reset();
        Ok(())
    }

    /// What was written is of no use to anybody.
    pub(crate) fn abandon(mut self) {
        self.stays = false;
    }

    /// Where it is as long as it isn't visible.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes written so far, and their digest.
    pub(crate) fn written(&self) -> (u64, Digest) {
        (self.hasher.count(), self.hasher.finalize().into())
    }

    /// Gives it a time. What is written after that changes it again.
    pub(crate) fn set_modified(&mut self, time: std::time::SystemTime) -> io::Result<()> {
        self.file.set_modified(time)
    }

    /// What the file system says of it, with the time as it has it.
    pub(crate) fn metadata(&self) -> io::Result<fs::Metadata> {
        self.file.metadata()
    }

    /// Has the disk take what was written, which may take long, before somebody waits for it.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Makes the file visible as `name` if nothing has that name; says whether. A link is made, because unlike a
    /// rename it never replaces what is there: of two writers exactly one succeeds.
    pub(crate) fn publish_new(mut self, name: &Path) -> io::Result<bool> {
        self.file.sync_all()?;
        self.stays = false;
        match fs::hard_link(&self.path, name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            linked => linked?,
        }
        pintail_os::files::sync_parent(name)?;
        Ok(true)
    }

    /// Makes the file visible as `name`, in place of what is there.
    pub(crate) fn replace(mut self, name: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, name)?;
        // By now its name may be somebody else's.
        self.stays = true;
        pintail_os::files::sync_parent(name)
    }
}

impl Write for Partial {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Sweeping finds what can't be removed now.
        if !self.stays {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes what killed writers left in `folder`. What can't be removed stays: it is invisible and harms nothing.
pub(crate) fn sweep(folder: &Path) -> io::Result<()> {
    for item in fs::read_dir(folder)? {
        let item = item?;
        let name = item.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') && name.ends_with(ENDING) && item.file_type()?.is_file() {
            let _ = sweep_one(&item.path());
        }
    }
    Ok(())
}

/// Removes what was begun longest ago, beyond [`BEGUN_MAX`]; what somebody is at stays.
fn forget_begun(folder: &Path) -> io::Result<()> {
    let mut begun = Vec::new();
    for item in fs::read_dir(folder)? {
        let item = item?;
        let name = item.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') && name.ends_with(RESUMABLE) {
            begun.push((item.metadata()?.modified()?, item.path()));
        }
    }
    begun.sort();
    for (_, path) in begun.iter().rev().skip(BEGUN_MAX) {
        let _ = sweep_one(path);
    }
    Ok(())
}

fn sweep_one(path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    if file.try_lock().is_ok() { fs::remove_file(path) } else { Ok(()) }
}
