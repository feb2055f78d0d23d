//! *bump* and *changelog*: texts in the project's files are replaced, each file whole. Undone, what stood there does again.
//! A file that is neither as it was nor as it becomes is somebody's work, and left.

use crate::edit::Edit;
use crate::git::repository;
use crate::release::hands::Hands;
use crate::release::memo::Memo;
use pintail_os::files;
use pintail_saga::Failure;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

pub(super) fn look(hands: &Hands<'_>, edits: &[Edit]) -> Result<Memo, Failure> {
    for edit in edits {
        let content = read(hands, edit)?;
        if edit.made(&content).is_none() {
            return Err(changed(edit, "it was changed since the plan was made").hint("say it again"));
        }
    }
    Ok(Memo::Nothing)
}

pub(super) fn act(hands: &Hands<'_>, edits: &[Edit]) -> Result<(), Failure> {
    // Said again when the commit is made: a hook may have put its hand to what is in it.
    if hands.plan.message().is_some() && hands.tip()? != hands.plan.head && hands.released().is_ok() {
        return Ok(());
    }
    for edit in edits {
        let content = read(hands, edit)?;
        match edit.made(&content) {
            Some(made) => write(hands, edit, &made)?,
            None if edit.taken_back(&content).is_some() => {}
            None => return Err(changed(edit, "it was changed meanwhile")),
        }
        hands.cut.point()?;
    }
    Ok(())
}

pub(super) fn undo(hands: &Hands<'_>, edits: &[Edit]) -> Result<(), Failure> {
    for edit in edits {
        let content = read(hands, edit)?;
        match edit.taken_back(&content) {
            Some(before) => write(hands, edit, &before)?,
            None if edit.made(&content).is_some() => {}
            // Git writes other bytes than stood there, by `core.autocrlf` or an attribute, and takes both for the same.
            None if is_as_committed(hands, edit)? => {}
            None => {
                let hint = format!(
                    "move your change away and `git checkout -- {}`; then `pintail release --abort` goes on",
                    edit.path
                );
                return Err(changed(edit, "it was changed meanwhile, and what you wrote is not thrown away")
                    .hint(hint));
            }
        }
        hands.cut.point()?;
    }
    Ok(())
}

/// Whether git has no change of that file to tell since the commit that the release started from.
fn is_as_committed(hands: &Hands<'_>, edit: &Edit) -> Result<bool, Failure> {
    let same = repository::is_unchanged(hands.folder, &edit.path);
    let same = same.map_err(|error| {
        Failure::new(format!("cannot ask git whether `{}` is changed", edit.path), error.to_string())
    })?;
    Ok(same && hands.tip()? == hands.plan.head)
}

fn changed(edit: &Edit, why: &str) -> Failure {
    Failure::new(format!("cannot change `{}`", edit.path), why)
}

fn read(hands: &Hands<'_>, edit: &Edit) -> Result<Vec<u8>, Failure> {
    let path = hands.folder.join(&edit.path);
    fs::read(&path).map_err(|error| Failure::new(format!("cannot read `{}`", edit.path), error.to_string()))
}

fn write(hands: &Hands<'_>, edit: &Edit, content: &[u8]) -> Result<(), Failure> {
    let written = write_as_it_is(&hands.folder.join(&edit.path), content);
    written.map_err(|error| Failure::new(format!("cannot write `{}`", edit.path), error.to_string()))
}

/// With the permissions that it has.
fn write_as_it_is(path: &Path, content: &[u8]) -> io::Result<()> {
    let mode = fs::metadata(path)?.permissions().mode() & 0o7777;
    files::write_whole(path, content, mode)
}
