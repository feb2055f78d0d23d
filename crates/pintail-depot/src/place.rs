//! Where unpacked entries go: into a new folder, or nowhere when an artifact is only verified. Knows how to write
//! without following anything that stands in the way; does not know what is right or wrong in an artifact.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use pintail_core::manifest::{
    Entry, EntryKind, HELD_PATH, MANIFEST_PATH, Manifest, RESERVED_FOLDER, TreePath,
};

use crate::held::Held;

/// How many files are synced at the same time. The kernel puts waiting syncs into one commit of its journal, so
/// this makes a tree of small files several times faster; more threads than this gain little.
const SYNCS_AT_ONCE: usize = 8;

/// Where entries go. Paths come from a [`Manifest`]: relative, clean, each parent a directory that came before.
pub(crate) trait Place {
    fn directory(&mut self, entry: &Entry) -> io::Result<()>;
    fn file(&mut self, entry: &Entry) -> io::Result<Box<dyn Write>>;
    fn symlink(&mut self, entry: &Entry, target: &str) -> io::Result<()>;
    /// Called once, when all entries were right.
    fn finish(&mut self, manifest: &Manifest) -> io::Result<()>;
}

/// Throws everything away.
pub(crate) struct Nowhere;

impl Place for Nowhere {
    fn directory(&mut self, _: &Entry) -> io::Result<()> {
        Ok(())
    }

    fn file(&mut self, _: &Entry) -> io::Result<Box<dyn Write>> {
        Ok(Box::new(io::sink()))
    }

    fn symlink(&mut self, _: &Entry, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, _: &Manifest) -> io::Result<()> {
        Ok(())
    }
}

/// A new folder. Dropped before [`Place::finish`] went well, it removes itself.
pub(crate) struct Folder {
    at: PathBuf,
    /// Made last: until every file is written there is no link in the folder that a path could lead through.
    links: Vec<(PathBuf, String)>,
    /// Files that are another release's too: they were synced then.
    synced: HashSet<TreePath>,
    finished: bool,
}

impl Folder {
    /// Makes the folder; `AlreadyExists` if anything is there, which then stays untouched.
    pub(crate) fn make(at: &Path) -> io::Result<Folder> {
        make_directory(at)?;
        Ok(Folder { at: at.to_owned(), links: Vec::new(), synced: HashSet::new(), finished: false })
    }

    pub(crate) fn path(&self, entry: &Entry) -> PathBuf {
        self.at.join(entry.path.as_str())
    }

    /// Its files at these paths are on the disk already.
    pub(crate) fn were_synced(&mut self, paths: impl IntoIterator<Item = TreePath>) {
        self.synced.extend(paths);
    }
}

impl Folder {
    /// Syncs every file and folder of the tree: files first, then the folders that hold their names.
    fn sync(&self, manifest: &Manifest) -> io::Result<()> {
        let at = &self.at;
        let (mut files, mut folders) =
            (vec![at.join(MANIFEST_PATH), at.join(HELD_PATH)], vec![at.clone(), at.join(RESERVED_FOLDER)]);
        for entry in manifest.entries() {
            match entry.kind {
                EntryKind::File { .. } if self.synced.contains(&entry.path) => {}
                EntryKind::File { .. } => files.push(self.path(entry)),
                EntryKind::Directory => folders.push(self.path(entry)),
                EntryKind::Symlink { .. } => {}
            }
        }
        sync_all(&files)?;
        sync_all(&folders)
    }
}

impl Place for Folder {
    fn directory(&mut self, entry: &Entry) -> io::Result<()> {
        make_directory(&self.path(entry))
    }

    fn file(&mut self, entry: &Entry) -> io::Result<Box<dyn Write>> {
        Ok(Box::new(new_file(&self.path(entry), entry.mode())?))
    }

    fn symlink(&mut self, entry: &Entry, target: &str) -> io::Result<()> {
        self.links.push((self.path(entry), target.to_owned()));
        Ok(())
    }

    fn finish(&mut self, manifest: &Manifest) -> io::Result<()> {
        for (path, target) in &self.links {
            symlink(target, path)?;
        }
        match make_directory(&self.at.join(RESERVED_FOLDER)) {
            // It is an entry of the release, which has something to say.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        new_file(&self.at.join(MANIFEST_PATH), 0o644)?.write_all(&manifest.to_json())?;
        let held = Held::of(&self.at, manifest).to_json();
        new_file(&self.at.join(HELD_PATH), 0o644)?.write_all(&held)?;
        self.sync(manifest)?;
        pintail_os::files::sync_parent(&self.at)?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.finished {
            // The error that led here is the one to tell; a folder that can't be removed is not visible under a
            // release's name and is found by whoever cleans the place.
            let _ = fs::remove_dir_all(&self.at);
        }
    }
}

/// 0755 whatever the umask says. Fails if anything is there, a link too.
fn make_directory(at: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o755).create(at)?;
    fs::set_permissions(at, Permissions::from_mode(0o755))
}

/// `create_new` is `O_EXCL`: nothing that stands there is opened, and a link is not followed.
pub(crate) fn new_file(at: &Path, mode: u32) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(at)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    Ok(file)
}

fn sync_all(paths: &[PathBuf]) -> io::Result<()> {
    let share = paths.len().div_ceil(SYNCS_AT_ONCE).max(1);
    std::thread::scope(|scope| {
        let sync_one = |path: &PathBuf| File::open(path)?.sync_all();
        let threads: Vec<_> = paths
            .chunks(share)
            .map(|share| scope.spawn(move || share.iter().try_for_each(sync_one)))
            .collect();
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
        })
    })
}
