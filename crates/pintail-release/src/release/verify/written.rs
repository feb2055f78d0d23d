//! What is written into the project's files: the version, and its section in the change log. They must be there, and
//! writable.

use super::Order;
use super::number::Number;
use crate::bump::{self, Places, Tree};
use crate::changelog::{self, Section};
use crate::edit::Edit;
use crate::git::repository;
use pintail_core::wire::Trouble;
use pintail_os::files;
use std::fs;

/// What changes.
#[derive(Debug, Default)]
pub(super) struct Edits {
    pub(super) bump: Vec<Edit>,
    pub(super) changelog: Option<Edit>,
    /// What to know of them.
    pub(super) notes: Vec<String>,
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
    let mut notes = Vec::new();
    let changelog = log_edit(order, &bump, number, commits, (&mut notes, all));
    let edits = Edits { bump, changelog, notes };
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
    (notes, all): (&mut Vec<String>, &mut Vec<Trouble>),
) -> Option<Edit> {
    let tracked = tracked(order, all)?;
    let tree = Tree { folder: order.folder, tracked: &tracked };
    let path = changelog::NAMES.into_iter().find(|name| tree.has(name))?;
    let content = match tree.read(path) {
        Ok(content) => content,
        Err(error) => {
            let trouble = Trouble::new(format!("cannot read `{path}`"), error);
            let is_link = order.folder.join(path).is_symlink();
            all.push(match is_link {
                true => trouble.hint("put the file itself there, or take the link out of git: a release changes no file through one"),
                false => trouble,
            });
            return None;
        }
    };
    // The version may be written in it too, and is by then.
    let bumped = bump.iter().find(|edit| edit.path == path).and_then(|edit| edit.made(&content));
    let content = bumped.unwrap_or(content);
    let section = Section { version: number.version.as_str(), day: order.day, subjects: commits };
    let is_markdown = path.ends_with(".md");
    // In an encoding that nobody said only ASCII is sure to be what it looks like.
    let ascii = |c: char| if c.is_ascii() { c } else { '?' };
    let (text, is_utf8) = match String::from_utf8(content.clone()) {
        Ok(text) => (text, true),
        Err(_) => (content.iter().map(|byte| ascii(char::from(*byte))).collect(), false),
    };
    let mut change = changelog::change(&text, &section, is_markdown)?;
    if changelog::is_blind(&text, &change) {
        notes
            .push(format!("no section of a version was found in `{path}`, so the new one is put at its end"));
    }
    if !is_utf8 {
        change.new = change.new.chars().map(ascii).collect();
    }
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
