//! *switch*: `current` moves to the release, by rename of a link. Undone, it says what it said.

use crate::hands::Hands;
use crate::memo::Memo;
use crate::trouble::Trying;
use pintail_core::layout::Layout;
use pintail_core::name::ReleaseName;
use pintail_os::files;
use pintail_saga::Failure;
use std::path::Path;

pub(super) fn look(hands: &Hands<'_>) -> Result<Memo, Failure> {
    let current = hands.layout.current();
    let there =
        files::link_target(&current).trying(|| format!("cannot read the link `{}`", current.display()))?;
    Ok(Memo::Text { text: there.map(|target| target.to_string_lossy().into_owned()) })
}

pub(super) fn act(hands: &Hands<'_>, release: &ReleaseName) -> Result<(), Failure> {
    let current = hands.layout.current();
    files::replace_symlink(&current, &Layout::current_target(release))
        .trying(|| format!("cannot point `{}` to release `{}`", current.display(), release.version()))
}

pub(super) fn undo(hands: &Hands<'_>, memo: &Memo) -> Result<(), Failure> {
    let current = hands.layout.current();
    let put_back = match memo {
        Memo::Text { text: Some(target) } => files::replace_symlink(&current, Path::new(target)),
        _ => files::remove_file(&current),
    };
    put_back.trying(|| format!("cannot put back `{}`", current.display()))
}
