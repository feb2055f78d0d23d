//! What is written into the project's files: the version, and its section in the change log. They must be there, and
//! writable.

use super::Order;
use super::number::Number;
use crate::bump::{self, Places, Tree};
use crate::changelog::{self, Section};
use crate::edit::{Change, Edit};
use crate::git::repository;
use pintail_core::wire::Trouble;
use pintail_os::files;
use std::fs;

/// What changes.
#[derive(Debug, Default)]
pub(super) struct Edits {
    pub(super) bump: Vec<Edit>,
    pub(super) changelog: Option<Edit>,
}

/// Tells what is wrong; where the version stands.
pub(super) fn places(order: &Order<'_>, all: &mut Vec<Trouble>) -> Option<Places> {
    let tracked = tracked(order, all)?;
    let tree = Tree { folder: order.folder, tracked: &tracked };
    bump::find(tree, order.config.version_files.as_deref()).map_err(|troubles| all.extend(troubles)).ok()
}

fn tracked(order: &Order<'_>, all: &mut Vec<Trouble>) -> Option<Vec<String>> {
    let tracked = repository::tracked(order.folder);
    tracked.map_err(|error| all.push(Trouble::new("cannot tell which files git knows", error))).ok()
}

/// Tells what is wrong; what changes.
pub(super) fn edits(
    order: &Order<'_>,
    places: &Places,
    number: &Number,
    commits: &[String],
    all: &mut Vec<Trouble>,
) -> Edits {
    let bump = places.edits(&number.version);
    let changelog = log_edit(order, &bump, number, commits, all);
    let edits = Edits { bump, changelog };
    for edit in edits.bump.iter().chain(&edits.changelog) {
        check_writable(order, edit, all);
    }
    edits
}

/// Notes on files that say a version and stay as they are.
pub(super) fn left_behind(order: &Order<'_>, places: Option<&Places>) -> Option<String> {
    let tracked = repository::tracked(order.folder).ok()?;
    let tree = Tree { folder: order.folder, tracked: &tracked };
    let files = bump::left_behind(tree, places?);
    let named: Vec<String> = files.iter().map(|file| format!("`{file}`")).collect();
    (!named.is_empty() && order.config.version_files.is_none()).then(|| {
        format!(
            "{} says a version, which stays as it is: `[version] files` names what is bumped",
            named.join(", ")
        )
    })
}

fn log_edit(
    order: &Order<'_>,
    bump: &[Edit],
    number: &Number,
    commits: &[String],
    all: &mut Vec<Trouble>,
) -> Option<Edit> {
    let tracked = tracked(order, all)?;
    let tree = Tree { folder: order.folder, tracked: &tracked };
    let path = changelog::NAMES.into_iter().find(|name| tree.has(name))?;
    let read = tree.read(path);
    let content =
        read.map_err(|error| all.push(Trouble::new(format!("cannot read `{path}`"), error))).ok()?;
    // The version may be written in it too, and is by then.
    let bumped = bump.iter().find(|edit| edit.path == path).and_then(|edit| edit.made(&content));
    let content = bumped.unwrap_or(content);
    let section = Section { version: number.version.as_str(), day: order.day, subjects: commits };
    let is_markdown = path.ends_with(".md");
    let change = match std::str::from_utf8(&content) {
        Ok(text) => changelog::change(text, &section, is_markdown)?,
        // In an encoding that nobody said only ASCII is sure to be what it looks like.
        Err(_) => {
            let ascii = |c: char| if c.is_ascii() { c } else { '?' };
            let text: String = content.iter().map(|byte| ascii(char::from(*byte))).collect();
            let change = changelog::change(&text, &section, is_markdown)?;
            Change { new: change.new.chars().map(ascii).collect(), ..change }
        }
    };
    Edit::new(path, &content, vec![change])
}

fn check_writable(order: &Order<'_>, edit: &Edit, all: &mut Vec<Trouble>) {
    let path = order.folder.join(&edit.path);
    // It is replaced by rename, so its folder must be writable; a file that is not is meant so.
    let is_writable = path.parent().is_some_and(files::is_writable)
        && fs::metadata(&path).is_ok_and(|found| !found.permissions().readonly());
    if !is_writable {
        all.push(Trouble::new(format!("cannot change `{}`", edit.path), "it can't be written to"));
    }
}
