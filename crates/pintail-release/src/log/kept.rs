//! What was read of a history, kept in the repository so that only what is new since is read again. Knows the file
//! (`docs/formats/history-kept.md`) and that a commit's history never changes; does not know what is made of it. It is only
//! a note: what is missing, broken or of another history is read anew from git.

use super::{Commit, Listed};
use crate::git::repository;
use pintail_core::digest::Digest;
use pintail_os::files;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Its name below git's own folder.
const PLACE: &str = "pintail/history";
/// The format that this Pintail writes and reads, in the first line.
const HEAD: &str = "pintail history 1";
/// Bytes that are read: two million commits.
const BYTES_MAX: u64 = 256 << 20;
/// With fewer commits reading them is as quick.
const COMMITS_MIN: usize = 2000;
/// So many new ones are worth writing all again.
const NEW_MIN: usize = 200;

/// What was kept, with the commit whose history it is.
pub(super) struct Kept {
    pub(super) tip: String,
    pub(super) read: Listed,
}

/// What was kept of the history of `commit`, or of one that is part of it.
pub(super) fn kept(folder: &Path, commit: &str) -> Option<Kept> {
    let bytes = files::read_bounded(&place(folder)?, BYTES_MAX).ok()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    let (body, sum) = text.trim_end_matches('\n').rsplit_once("\n# ")?;
    if Digest::of(body.as_bytes()).to_string() != sum {
        return None;
    }
    let mut lines = body.lines();
    let tip = lines.next()?.strip_prefix(HEAD)?.trim().to_owned();
    if tip != commit && !repository::is_ancestor(folder, &tip, commit) {
        return None;
    }
    Some(Kept { tip, read: parse(lines)? })
}

/// Keeps what was read of the history of `commit`; `new` of it was not kept before. That it can't be is no harm.
pub(super) fn keep(folder: &Path, commit: &str, read: &Listed, new: usize) {
    if read.commits.len() < COMMITS_MIN || new < NEW_MIN {
        return;
    }
    let Some(place) = place(folder) else { return };
    let text = written(commit, read);
    let made = place.parent().map_or(Ok(()), |parent| files::make_folder(parent, 0o755));
    let _ = made.and_then(|()| files::write_whole(&place, text.as_bytes(), 0o644));
}

fn place(folder: &Path) -> Option<PathBuf> {
    repository::own_path(folder, PLACE).ok()
}

/// A line for each commit: hash, time, mark, parents; behind it, where it can matter, its message as JSON.
fn written(tip: &str, read: &Listed) -> String {
    let mut text = format!("{HEAD} {tip}\n");
    for (Commit { hash, committed_s, mark, message, .. }, parents) in read.commits.iter().zip(&read.parents) {
        let gap = if parents.is_empty() { "" } else { " " };
        let _ = writeln!(text, "{hash} {committed_s} {mark:x}{gap}{parents}");
        if let Some(message) = message {
            let json = serde_json::to_string(message).expect("a text always becomes JSON");
            let _ = writeln!(text, "\t{json}");
        }
    }
    let sum = Digest::of(text.trim_end_matches('\n').as_bytes());
    let _ = writeln!(text, "# {sum}");
    text
}

fn parse<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Listed> {
    let mut read = Listed::default();
    for line in lines {
        if let Some(json) = line.strip_prefix('\t') {
            read.commits.last_mut()?.message = Some(serde_json::from_str(json).ok()?);
            continue;
        }
        let mut words = line.splitn(4, ' ');
        read.commits.push(Commit {
            hash: words.next()?.to_owned(),
            committed_s: words.next()?.parse().ok()?,
            mark: u64::from_str_radix(words.next()?, 16).ok()?,
            parents: Vec::new(),
            message: None,
        });
        read.parents.push(words.next().unwrap_or_default().to_owned());
    }
    Some(read)
}
