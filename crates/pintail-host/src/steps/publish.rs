//! *publish*: files of the release are copied to where the front serves them, each whole. Files that other
//! releases published stay, since pages that are open in browsers ask for them. Undone, what was replaced is
//! put back and what was new goes. The first deployment replaces nothing: what is there is somebody else's.

use crate::hands::Hands;
use crate::journal;
use crate::memo::Memo;
use crate::trouble::{Trying, fail};
use pintail_core::history::{Kind, Outcome};
use pintail_core::manifest::TreePath;
use pintail_core::name::ReleaseName;
use pintail_core::plan::Step;
use pintail_os::files;
use pintail_saga::Failure;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where files come from and go to. Of one file, `to` is its new name; of a folder, the folder that they go into.
struct Way {
    from: PathBuf,
    into: PathBuf,
    is_file: bool,
}

impl Way {
    fn of(hands: &Hands<'_>, release: &ReleaseName, from: &TreePath, to: &Path) -> Self {
        let (from, to) = (hands.layout.release(release).join(from.as_str()), hands.layout.root().join(to));
        let is_file = from.is_file();
        let into = to.parent().filter(|_| is_file).map(Path::to_path_buf);
        Self { from, into: into.unwrap_or(to), is_file }
    }

    /// Where `path` comes from.
    fn source(&self, path: &TreePath) -> PathBuf {
        if self.is_file { self.from.clone() } else { self.from.join(path.as_str()) }
    }

    /// Where `path` goes.
    fn place(&self, path: &TreePath) -> PathBuf {
        self.into.join(path.as_str())
    }

    /// All that is published, by its path below `into`.
    fn paths(&self, to: &Path) -> io::Result<Vec<TreePath>> {
        if !self.is_file {
            return tree(&self.from, &self.from);
        }
        let name = to
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or_else(|| io::Error::other("its new name is no text"))?;
        Ok(vec![name.parse().map_err(io::Error::other)?])
    }
}

pub(super) fn look(
    hands: &Hands<'_>,
    release: &ReleaseName,
    from: &TreePath,
    to: &Path,
) -> Result<Memo, Failure> {
    let way = Way::of(hands, release, from, to);
    let what = || format!("cannot publish `{from}` of release `{}`", release.version());
    if !way.from.exists() && hands.plan.kind != Kind::Deploy {
        // It is older than this line of the configuration, and served well without it.
        return Ok(Memo::Paths { made: Vec::new(), replaced: Vec::new() });
    }
    if !way.from.exists() {
        return fail(what(), "the release has no such file or folder");
    }
    let (mut made, mut replaced) = (Vec::new(), Vec::new());
    for path in way.paths(to).trying(what)? {
        let there = way.place(&path);
        match fs::symlink_metadata(&there) {
            Err(_) => made.push(path),
            Ok(found) if found.is_dir() => {
                return fail(what(), format!("`{}` is a folder there", there.display()));
            }
            Ok(_) if is_same(&way.source(&path), &there) => {}
            Ok(_) => replaced.push(path),
        }
    }
    let is_foreign = |path: &&TreePath| !is_published_here(hands, &way.place(path));
    if let Some(foreign) = replaced.iter().find(is_foreign).filter(|_| is_first(hands)) {
        let into = way.into.display();
        let why =
            format!("`{}` is there already, and no deployment put it there", way.place(foreign).display());
        return Err(Failure::new(what(), why).hint(format!(
            "whoever serves `{into}` goes on: publish to a folder of its own, or move away what nobody needs"
        )));
    }
    Ok(Memo::Paths { made, replaced })
}

/// Whether no deployment to this root was ever done, so that nothing of what is there is ours.
fn is_first(hands: &Hands<'_>) -> bool {
    let was_done = |id: &u64| {
        let deployment = journal::read(&hands.layout, *id).and_then(|record| record.deployment(false));
        // What can't be read refuses the whole operation elsewhere.
        deployment.is_ok_and(|deployment| matches!(deployment.outcome, Outcome::Done { .. }))
    };
    hands.plan.from.is_none() && !journal::ids(&hands.layout).unwrap_or_default().iter().any(was_done)
}

/// Whether a step of this very operation published what is at `place`: two may publish to the same name.
fn is_published_here(hands: &Hands<'_>, place: &Path) -> bool {
    let publishes = |step: &Step| {
        let Step::Publish { release, from, to } = step else { return false };
        let way = Way::of(hands, release, from, to);
        let path =
            place.strip_prefix(&way.into).ok().and_then(|path| path.to_str()?.parse::<TreePath>().ok());
        path.is_some_and(|path| is_same(&way.source(&path), place))
    };
    hands.plan.steps.iter().any(publishes)
}

fn is_same(new: &Path, old: &Path) -> bool {
    let read = |path: &Path| fs::read(path).ok();
    let length =
        |found: io::Result<fs::Metadata>| found.ok().filter(fs::Metadata::is_file).map(|found| found.len());
    // Where the release has a link, what it leads to is published; what was published is never one.
    let new_length = length(fs::metadata(new));
    new_length.is_some() && new_length == length(fs::symlink_metadata(old)) && read(new) == read(old)
}

/// The files below `folder`, in order.
fn tree(folder: &Path, base: &Path) -> io::Result<Vec<TreePath>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            paths.extend(tree(&entry.path(), base)?);
            continue;
        }
        let path = entry.path();
        let inner = path.strip_prefix(base).map_err(io::Error::other)?;
        let text =
            inner.to_str().ok_or_else(|| io::Error::other(format!("`{}` is no text", path.display())))?;
        paths.push(text.parse().map_err(io::Error::other)?);
    }
    paths.sort();
    Ok(paths)
}

pub(super) fn act(
    hands: &Hands<'_>,
    release: &ReleaseName,
    from: &TreePath,
    to: &Path,
    memo: &Memo,
) -> Result<(), Failure> {
    let Memo::Paths { made, replaced } = memo else { return Ok(()) };
    let way = Way::of(hands, release, from, to);
    let what =
        || format!("cannot publish `{from}` of release `{}` to `{}`", release.version(), way.into.display());
    for path in replaced {
        hands.cut.point()?;
        keep_aside(&way.place(path), &aside(hands, to, path)).trying(what)?;
    }
    for path in made.iter().chain(replaced) {
        hands.cut.point()?;
        let place = way.place(path);
        place.parent().map_or(Ok(()), |parent| files::make_folder(parent, 0o755)).trying(what)?;
        files::copy_whole(&way.source(path), &place).and_then(|()| make_writable(&place)).trying(what)?;
    }
    sweep(&way, made.iter().chain(replaced)).trying(what)
}

/// What an agent that was killed while copying left beside `paths`.
fn sweep<'a>(way: &Way, paths: impl Iterator<Item = &'a TreePath>) -> io::Result<()> {
    let folders: BTreeSet<PathBuf> =
        paths.filter_map(|path| way.place(path).parent().map(Path::to_path_buf)).collect();
    folders.iter().try_for_each(|folder| files::sweep(folder))
}

/// The release is sealed; its published copy is the operator's to change.
fn make_writable(place: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(place)?.permissions().mode();
    fs::set_permissions(place, fs::Permissions::from_mode(mode | 0o200))
}

/// Where the file that `path` replaces is kept: below a name for each `to`, no two of which are alike.
fn aside(hands: &Hands<'_>, to: &Path, path: &TreePath) -> PathBuf {
    let place = to.to_string_lossy().replace('%', "%25").replace('/', "%2F");
    hands.layout.kept_aside(hands.plan.id).join(place).join(path.as_str())
}

/// A hard link, so that it costs nothing; the published name is then replaced by rename, never written into.
fn keep_aside(old: &Path, aside: &Path) -> io::Result<()> {
    if is_there(aside) {
        return Ok(());
    }
    aside.parent().map_or(Ok(()), |parent| files::make_folder(parent, 0o755))?;
    match fs::hard_link(old, aside) {
        // Another file system.
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => files::copy_whole(old, aside),
        other => other.and_then(|()| files::sync_parent(aside)),
    }
}

/// Whether the name is taken, be it by a link that leads nowhere.
fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

pub(super) fn undo(
    hands: &Hands<'_>,
    release: &ReleaseName,
    from: &TreePath,
    to: &Path,
    memo: &Memo,
) -> Result<(), Failure> {
    let Memo::Paths { made, replaced } = memo else { return Ok(()) };
    // The release is there until `unpack` is undone, which comes after this.
    let way = Way::of(hands, release, from, to);
    let what = || format!("cannot take back what was published to `{}`", way.into.display());
    for path in replaced {
        hands.cut.point()?;
        let kept = aside(hands, to, path);
        // Where nothing is kept aside, nothing was replaced, or it is back.
        if is_there(&kept) {
            put_back(&kept, &way.place(path)).trying(what)?;
        }
    }
    sweep(&way, made.iter().chain(replaced)).trying(what)?;
    for path in made {
        hands.cut.point()?;
        files::remove_file(&way.place(path)).trying(what)?;
        let mut folder = way.place(path);
        while folder.pop() && folder != way.into && fs::remove_dir(&folder).is_ok() {}
    }
    Ok(())
}

/// The very file that was there, with its mode and times.
fn put_back(kept: &Path, place: &Path) -> io::Result<()> {
    match fs::rename(kept, place) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => files::copy_whole(kept, place),
        other => other.and_then(|()| files::sync_parent(place)),
    }
}
