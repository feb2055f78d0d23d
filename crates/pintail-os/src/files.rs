//! Files that others may see: written whole, synced, renamed. Knows nothing of what is in them.

use rustix::fs::{AtFlags, Timespec, Timestamps};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How many temporary names are tried before the folder is called hopeless.
const NAME_TRIES: u32 = 100;

/// For `OpenOptions::custom_flags`: a symbolic link at the path itself is refused, not followed.
pub const NO_FOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;

/// For `OpenOptions::custom_flags`: a pipe at the path doesn't make who opens it wait. Nothing to a file.
pub const NO_WAIT: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// A name beside `path` that nobody else uses: `.NAME.<pid>-<n>.tmp`.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".{name}.{}-{count}.tmp", std::process::id()))
}

/// Puts `bytes` at `path` with permission bits `mode`: a reader sees the old file or the new one, whole,
/// and after a power cut too. Errors are the file system's; the old file is then still there.
pub fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let temporary = beside(path);
    let written = write_new(&temporary, bytes, mode)
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| sync_parent(path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    // The mode given to open is cut by the umask; what was asked for is what shall be.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()
}

/// Copies `from` to `to` as `write_whole` would, with `from`'s permission bits.
pub fn copy_whole(from: &Path, to: &Path) -> io::Result<()> {
    let temporary = beside(to);
    let copied =
        copy_new(from, &temporary).and_then(|()| fs::rename(&temporary, to)).and_then(|()| sync_parent(to));
    if copied.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    copied
}

fn copy_new(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    File::open(to)?.sync_all()
}

/// Puts the very file `from` at `to` too, by a hard link, in place of what is there: it takes no room. `from`
/// stays. Where a link can't be, on another file system, it is copied.
pub fn link_whole(from: &Path, to: &Path) -> io::Result<()> {
    let temporary = beside(to);
    match fs::hard_link(from, &temporary) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => return copy_whole(from, to),
        other => other?,
    }
    let moved = fs::rename(&temporary, to).and_then(|()| sync_parent(to));
    // Also after success: renaming one name of a file to another of its names does nothing.
    let _ = fs::remove_file(&temporary);
    moved
}

/// Fills the new file `to` with the content of `from`: sharing its blocks where the file system can (a reflink: who
/// writes one of the two later doesn't change the other), else by copying. `reflinks` says whether that can be; it is
/// cleared when it can't, so that it is not tried ten thousand times.
pub fn fill_from(to: &mut File, from: &mut File, reflinks: &AtomicBool) -> io::Result<()> {
    if reflinks.load(Ordering::Relaxed) {
        if rustix::fs::ioctl_ficlone(&*to, &*from).is_ok() {
            return Ok(());
        }
        reflinks.store(false, Ordering::Relaxed);
    }
    io::copy(from, to).map(drop)
}

/// Keeps `bytes` bytes of the disk for who removes the file `path` later.
pub fn reserve(path: &Path, bytes: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
        // A file system that can't: then with bytes that are really there.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            (&file).write_all(&vec![0x55; bytes as usize])?
        }
        other => other?,
    }
    file.sync_all()
}

/// Makes `link` a symbolic link to `target`, by rename: whoever looks sees the old link or the new one.
/// Refuses (`AlreadyExists`) when something that is no symbolic link stands at `link`.
pub fn replace_symlink(link: &Path, target: &Path) -> io::Result<()> {
    if fs::symlink_metadata(link).is_ok_and(|there| !there.file_type().is_symlink()) {
        let what = format!("`{}` is there and is no symbolic link", link.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
    }
    for _ in 0..NAME_TRIES {
        let temporary = beside(link);
        match std::os::unix::fs::symlink(target, &temporary) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
            Ok(()) => {}
        }
        let moved = fs::rename(&temporary, link).and_then(|()| sync_parent(link));
        if moved.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        return moved;
    }
    Err(io::Error::other(format!("no free temporary name beside `{}`", link.display())))
}

/// Where the symbolic link `link` points, as written in it; `None` when nothing is there.
/// `InvalidInput` when something else than a link is there.
pub fn link_target(link: &Path) -> io::Result<Option<PathBuf>> {
    match fs::read_link(link) {
        Ok(target) => Ok(Some(target)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes the present the time at which `path` was changed last; its content stays.
pub fn touch(path: &Path) -> io::Result<()> {
    let now = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
    let times = Timestamps { last_access: now, last_modification: now };
    Ok(rustix::fs::utimensat(rustix::fs::CWD, path, &times, AtFlags::empty())?)
}

/// Removes the file or link at `path` and syncs its folder; nothing there is fine.
pub fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_parent(path),
    }
}

/// Removes the tree at `path`, read-only folders in it too; nothing there is fine. It is first renamed to a
/// `.removing` name, so that nobody takes the half that is left after a crash for the whole.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(found) => found.file_type(),
    };
    if !kind.is_dir() {
        return remove_file(path);
    }
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let going = if name.starts_with(".removing-") {
        path.to_path_buf()
    } else {
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let going = path.with_file_name(format!(".removing-{name}-{}-{count}", std::process::id()));
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        fs::rename(path, &going)?;
        going
    };
    set_folders_writable(&going)?;
    fs::remove_dir_all(&going)?;
    sync_parent(path)
}

fn set_folders_writable(folder: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(folder)?;
    if found.permissions().mode() & 0o700 != 0o700 {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            set_folders_writable(&entry.path())?;
        }
    }
    Ok(())
}

/// Makes the folder `path` and those above it, with permission bits `mode` for each made, synced into its
/// parent. One that is there is left as it is.
pub fn make_folder(path: &Path, mode: u32) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent()
        && !parent.as_os_str().is_empty()
    {
        make_folder(parent, mode)?;
    }
    match fs::DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_parent(path),
    }
}

/// As [`make_folder`] with 0755, whatever the umask says: for folders that others serve from. Where the folder above is a
/// group's (by its setgid bit) that group gets what it has there.
pub fn make_served_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make_served_folder(parent)?;
    }
    match fs::DirBuilder::new().mode(0o755).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => return Ok(()),
        made => made?,
    }
    let above = fs::metadata(parent.unwrap_or(Path::new(".")))?.permissions().mode();
    let granted = if above & 0o2000 == 0 { 0 } else { above & 0o2070 };
    fs::set_permissions(path, fs::Permissions::from_mode(granted | 0o755))?;
    sync_parent(path)
}

/// Syncs the folder `path`: names made, renamed or removed in it are then on the disk.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Syncs the folder that holds `path`.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent),
        _ => sync_dir(Path::new(".")),
    }
}

/// Lets everybody read the file at `path`; says whether not everybody could.
pub fn let_all_read(path: &Path) -> io::Result<bool> {
    const ALL_READ: u32 = 0o444;
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & ALL_READ == ALL_READ {
        return Ok(false);
    }
    fs::set_permissions(path, fs::Permissions::from_mode((mode | ALL_READ) & 0o7777))?;
    Ok(true)
}

/// Whether this process may make files in the folder at `path`.
pub fn is_writable(path: &Path) -> bool {
    let may = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    path.is_dir() && rustix::fs::access(path, may).is_ok()
}

/// Bytes that an unprivileged user can still write on the file system that holds `path`.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let room = rustix::fs::statvfs(path)?;
    Ok(room.f_bavail.saturating_mul(room.f_frsize))
}

/// Opens the file `path`, if it is one: what gives other bytes each time it is read, or makes its reader wait, is refused
/// with a kind of [`io::ErrorKind::Other`].
pub fn open_regular(path: &Path) -> io::Result<File> {
    regular(OpenOptions::new().read(true).custom_flags(NO_WAIT).open(path)?)
}

/// As [`read_bounded`], of a file that is one itself: a link to one is refused too, with a kind of
/// [`io::ErrorKind::Other`].
pub fn read_regular(path: &Path, bound: u64) -> io::Result<Vec<u8>> {
    if fs::symlink_metadata(path)?.is_symlink() {
        return Err(no_file());
    }
    let file = OpenOptions::new().read(true).custom_flags(NO_WAIT | NO_FOLLOW).open(path)?;
    read_to_bound(regular(file)?, path, bound)
}

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() { Ok(file) } else { Err(no_file()) }
}

fn no_file() -> io::Error {
    io::Error::other("it is no regular file")
}

/// Reads at most `bound` bytes of `path`; a longer file is an error that says so.
pub fn read_bounded(path: &Path, bound: u64) -> io::Result<Vec<u8>> {
    read_to_bound(File::open(path)?, path, bound)
}

fn read_to_bound(file: File, path: &Path, bound: u64) -> io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    file.take(bound + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bound {
        return Err(io::Error::other(format!("`{}` is longer than {bound} bytes", path.display())));
    }
    Ok(bytes)
}

/// Removes from `folder` what a process that died left half written or half removed there: names that only this
/// module gives. What a live process is at is left to it. A folder that isn't there is clean.
pub fn sweep(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        let abandoned = entry
            .file_name()
            .to_str()
            .and_then(maker)
            .is_some_and(|pid| crate::process::identity(pid).is_none());
        if abandoned {
            remove_tree(&entry.path())?;
        }
    }
    Ok(())
}

/// The process that gave a name to a file in the making or a tree in removal.
fn maker(name: &str) -> Option<u32> {
    let numbered = match name.strip_prefix(".removing-") {
        Some(rest) => rest,
        None => name.strip_prefix('.')?.strip_suffix(".tmp")?,
    };
    let (before, count) = numbered.rsplit_once('-')?;
    count.parse::<u64>().ok()?;
    before.rsplit_once(['-', '.'])?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_replaced_and_a_folder_is_not() {
        let room = tempfile::tempdir().unwrap();
        let link = room.path().join("current");
        replace_symlink(&link, Path::new("releases/a")).unwrap();
        replace_symlink(&link, Path::new("releases/b")).unwrap();
        assert_eq!(link_target(&link).unwrap(), Some(PathBuf::from("releases/b")));
        let folder = room.path().join("folder");
        fs::create_dir(&folder).unwrap();
        assert_eq!(
            replace_symlink(&folder, Path::new("x")).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(fs::read_dir(room.path()).unwrap().count(), 2, "no temporary name stays");
    }

    #[test]
    fn a_file_is_put_back_by_a_link_and_that_twice() {
        let room = tempfile::tempdir().unwrap();
        let (kept, place) = (room.path().join("kept"), room.path().join("place"));
        write_whole(&kept, b"old", 0o640).unwrap();
        write_whole(&place, b"new", 0o644).unwrap();
        for _ in 0..2 {
            link_whole(&kept, &place).unwrap();
            assert_eq!(read_bounded(&place, 9).unwrap(), b"old");
            assert_eq!(fs::read_dir(room.path()).unwrap().count(), 2, "no temporary name stays");
        }
        let reserve_path = room.path().join("reserve");
        reserve(&reserve_path, 5000).unwrap();
        assert_eq!(fs::metadata(&reserve_path).unwrap().len(), 5000);
    }

    #[test]
    fn a_read_only_tree_goes_whole() {
        let room = tempfile::tempdir().unwrap();
        let tree = room.path().join("tree");
        make_folder(&tree.join("a/b"), 0o755).unwrap();
        write_whole(&tree.join("a/b/file"), b"x", 0o444).unwrap();
        fs::set_permissions(tree.join("a/b"), fs::Permissions::from_mode(0o555)).unwrap();
        fs::set_permissions(&tree, fs::Permissions::from_mode(0o555)).unwrap();
        remove_tree(&tree).unwrap();
        remove_tree(&tree).unwrap();
        assert_eq!(fs::read_dir(room.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_was_asked_for_is_the_mode() {
        let room = tempfile::tempdir().unwrap();
        let file = room.path().join("env");
        write_whole(&file, b"A=1", 0o600).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read_bounded(&file, 3).unwrap(), b"A=1");
        assert!(read_bounded(&file, 2).is_err());
    }

    #[test]
    fn a_folder_that_is_served_is_its_groups_too() {
        let room = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        for (above, made) in [(0o700, 0o755), (0o2775, 0o2775), (0o2750, 0o2755), (0o777, 0o755)] {
            let folder = room.path().join(format!("{above:o}"));
            fs::create_dir(&folder).unwrap();
            fs::set_permissions(&folder, fs::Permissions::from_mode(above)).unwrap();
            make_served_folder(&folder.join("a/b")).unwrap();
            make_served_folder(&folder.join("a/b")).unwrap();
            assert_eq!([mode(&folder.join("a")), mode(&folder.join("a/b"))], [made; 2], "{above:o}");
            assert_eq!(mode(&folder), above);
        }
    }

    #[test]
    fn only_a_file_is_read_as_one() {
        let room = tempfile::tempdir().unwrap();
        let at = |name: &str| room.path().join(name);
        fs::write(at("file"), "x").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        std::os::unix::fs::symlink(at("none"), at("loose")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o644),
            0,
        )
        .unwrap();
        assert_eq!(read_regular(&at("file"), 1).unwrap(), b"x");
        assert!(read_regular(&at("file"), 0).is_err());
        assert!(open_regular(&at("link")).is_ok());
        assert_eq!(read_regular(&at("none"), 9).unwrap_err().kind(), io::ErrorKind::NotFound);
        for name in ["link", "loose", "pipe", "."] {
            assert_eq!(read_regular(&at(name), 9).unwrap_err().kind(), io::ErrorKind::Other, "{name}");
        }
        assert!(open_regular(&at("pipe")).is_err());
        assert!(open_regular(&at(".")).is_err());
    }

    #[test]
    fn what_the_dead_left_is_swept_and_nothing_else() {
        let room = tempfile::tempdir().unwrap();
        let (dead, alive) = (u32::MAX / 2, std::process::id());
        let gone = [
            format!(".current.{dead}-0.tmp"),
            format!(".a.b-c.{dead}-12.tmp"),
            format!(".removing-1.0-ab-{dead}-3"),
        ];
        let kept = [
            format!(".current.{alive}-0.tmp"),
            ".hidden.tmp".into(),
            ".removing-x".into(),
            "file.1-2.tmp".into(),
        ];
        for name in gone.iter().chain(&kept) {
            fs::create_dir(room.path().join(name)).unwrap();
        }
        sweep(room.path()).unwrap();
        sweep(&room.path().join("none")).unwrap();
        assert!(gone.iter().all(|name| !room.path().join(name).exists()));
        assert!(kept.iter().all(|name| room.path().join(name).exists()));
    }
}
