//! *fresh cache*: the release gets a cache of its own, empty. Undone, it goes; a release that was live before
//! has its own cache, which is not touched.

use super::link_shared::upward;
use crate::hands::Hands;
use crate::trouble::Trying;
use pintail_core::history::Kind;
use pintail_core::manifest::TreePath;
use pintail_core::name::ReleaseName;
use pintail_os::files;
use pintail_saga::Failure;
use std::path::Path;

pub(super) fn act(hands: &Hands<'_>, release: &ReleaseName, paths: &[TreePath]) -> Result<(), Failure> {
    let cache = hands.layout.cache(release);
    let what = || format!("cannot make a fresh cache in `{}`", cache.display());
    // Repeated after its release went live, it must not take a cache in use.
    let live = files::link_target(&hands.layout.current()).ok().flatten();
    if live.as_deref() != Some(&pintail_core::layout::Layout::current_target(release)) {
        files::remove_tree(&cache).trying(what)?;
    }
    for path in paths {
        hands.cut.point()?;
        files::make_folder(&cache.join(path.as_str()), 0o755).trying(what)?;
        link(hands, &cache.join(path.as_str()), &hands.layout.release(release).join(path.as_str()))
            .trying(what)?;
    }
    Ok(())
}

fn link(hands: &Hands<'_>, cache: &Path, inside: &Path) -> std::io::Result<()> {
    let root = hands.layout.root();
    let target = upward(inside, root).join(cache.strip_prefix(root).unwrap_or(cache));
    if std::fs::read_link(inside).is_ok_and(|there| there == target) {
        return Ok(());
    }
    if hands.plan.kind != Kind::Deploy {
        // It was sealed when it went live, with what it was made for; the configuration has moved on since.
        return Ok(());
    }
    if std::fs::symlink_metadata(inside).is_ok_and(|there| !there.is_symlink()) {
        files::remove_tree(inside)?;
    }
    if let Some(parent) = inside.parent() {
        files::make_folder(parent, 0o755)?;
    }
    files::replace_symlink(inside, &target)
}

pub(super) fn undo(hands: &Hands<'_>, release: &ReleaseName) -> Result<(), Failure> {
    // The release that is live again, or still, may be this very one.
    if hands.plan.from.as_ref() == Some(release) {
        return Ok(());
    }
    let cache = hands.layout.cache(release);
    files::remove_tree(&cache).trying(|| format!("cannot remove `{}`", cache.display()))
}
