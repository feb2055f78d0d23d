//! The files of a depot that a web server serves, and who writes them: one at a time, each file whole, its time always
//! growing. Knows no format.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pintail_os::lock::Lock;

use crate::partial::{Partial, sweep};

/// The file in the depot's folder that who publishes for others holds locked.
const LOCK: &str = ".publishing";

/// How long another publisher is waited for: reading a depot of thousands of archives anew takes minutes.
const WAIT_MAX: Duration = Duration::from_secs(15 * 60);

/// Largest file that is compared with before it is replaced: an index of all of CPAN has 2 MiB.
const INDEX_BYTES_MAX: u64 = 256 << 20;

/// Whether somebody publishes in the depot `folder` at this moment, so that another publisher will have to wait.
pub fn is_publishing(folder: &Path) -> bool {
    Lock::is_held(&folder.join(LOCK)).unwrap_or(false)
}

/// Who writes what a depot serves, as long as the value lives.
pub(crate) struct Publisher {
    folder: PathBuf,
    now: SystemTime,
    _lock: Lock,
}

impl Publisher {
    /// Waits until nobody else publishes in the depot `folder`, which is made if it isn't there, and takes away what a
    /// killed one left. `now_ms` is the present, in milliseconds since 1970.
    pub(crate) fn begin(folder: &Path, now_ms: u64) -> io::Result<Publisher> {
        pintail_os::files::make_served_folder(folder)?;
        let lock = Lock::take_common_within(&folder.join(LOCK), WAIT_MAX)?;
        let Some(lock) = lock else {
            return Err(io::Error::other("somebody else has been publishing there for a quarter of an hour"));
        };
        sweep(folder)?;
        let now = UNIX_EPOCH + Duration::from_secs(now_ms / 1000);
        Ok(Publisher { folder: folder.to_owned(), now, _lock: lock })
    }

    /// A file in the making.
    pub(crate) fn partial(&self) -> io::Result<Partial> {
        Partial::create(&self.folder)
    }

    /// Makes a file visible at `path` of the depot, if nothing is there; says whether.
    pub(crate) fn publish_new(&self, partial: Partial, path: &str) -> io::Result<bool> {
        partial.publish_new(&self.place(path)?)
    }

    /// Has `bytes` at `path` of the depot; says whether they were not. A file that changes gets a time that is at least
    /// a second later than its last one: `cpanm` takes an index of the same second for the same index.
    pub(crate) fn put(&self, path: &str, bytes: &[u8]) -> io::Result<bool> {
        let place = self.place(path)?;
        let before = match fs::metadata(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            about => Some(about?.modified()?),
        };
        if before.is_some()
            && pintail_os::files::read_bounded(&place, INDEX_BYTES_MAX).is_ok_and(|there| there == bytes)
        {
            return Ok(false);
        }
        let mut partial = self.partial()?;
        partial.write_all(bytes)?;
        let next = before.map_or(self.now, |before| before + Duration::from_secs(1));
        partial.set_modified(self.now.max(next))?;
        partial.replace(&place)?;
        Ok(true)
    }

    /// Removes what lies in `folder` of the depot and `keep` does not want; says what.
    pub(crate) fn retain(&self, folder: &str, keep: impl Fn(&str) -> bool) -> io::Result<Vec<String>> {
        let mut removed = Vec::new();
        for name in names(&self.folder.join(folder))?.into_iter().filter(|name| !keep(name)) {
            pintail_os::files::remove_tree(&self.folder.join(folder).join(&name))?;
            removed.push(format!("{folder}/{name}"));
        }
        Ok(removed)
    }

    fn place(&self, path: &str) -> io::Result<PathBuf> {
        let place = self.folder.join(path);
        if let Some(folder) = place.parent() {
            pintail_os::files::make_served_folder(folder)?;
        }
        Ok(place)
    }
}

/// The names in a folder that are text and don't start with a dot, sorted; none if it isn't there.
///
/// # Errors
/// It can't be read, or it is or lies below a link to nothing, as to a disk that isn't mounted: what is there may be
/// whole.
pub(crate) fn names(folder: &Path) -> io::Result<Vec<String>> {
    let is_gone = |path: &Path| path.is_symlink() && !path.exists();
    let items = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && folder.ancestors().any(is_gone) => {
            return Err(error);
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        items => items?,
    };
    let mut names = Vec::new();
    for item in items {
        names.extend(item?.file_name().into_string().ok().filter(|name| !name.starts_with('.')));
    }
    names.sort();
    Ok(names)
}

/// Bytes in lower-case hex, as sums are written in the files that are served.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
