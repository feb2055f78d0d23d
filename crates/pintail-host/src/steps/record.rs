//! *record*: the point of no return. That this step has acted, in the journal, is what makes the release good;
//! besides, `revisions.log` gets a line for people, who know it from other tools. Nothing is undone after it; but
//! when the journal can't take the word that it has acted, its line goes again.

use crate::hands::Hands;
use crate::trouble::Trying;
use pintail_core::history::Kind;
use pintail_core::name::ReleaseName;
use pintail_os::{clock, files};
use pintail_saga::Failure;
use std::fs::{self, OpenOptions};
use std::io::Write;

pub(super) fn act(hands: &Hands<'_>, release: &ReleaseName, kind: Kind) -> Result<(), Failure> {
    let path = hands.layout.revisions();
    let what = || format!("cannot write `{}`", path.display());
    let mark = mark(hands);
    let there = fs::read_to_string(&path).unwrap_or_default();
    if there.lines().any(|line| is_marked(line, &mark)) {
        return Ok(());
    }
    let commit =
        hands.plan.release.commit.as_deref().map(|commit| format!(" commit {commit}")).unwrap_or_default();
    let line =
        format!("{mark} {} {} {release}{commit} by {}\n", clock::now_ms() / 1000, kind.word(), hands.by);
    let mut file = OpenOptions::new().append(true).create(true).open(&path).trying(what)?;
    file.write_all(line.as_bytes()).and_then(|()| file.sync_all()).trying(what)
}

fn mark(hands: &Hands<'_>) -> String {
    format!("#{}", hands.plan.id)
}

fn is_marked(line: &str, mark: &str) -> bool {
    line.split_whitespace().next() == Some(mark)
}

pub(super) fn undo(hands: &Hands<'_>) -> Result<(), Failure> {
    let path = hands.layout.revisions();
    let what = || format!("cannot take the line of deployment {} out of `{}`", hands.plan.id, path.display());
    let mark = mark(hands);
    let there = fs::read_to_string(&path).unwrap_or_default();
    let others: String = there.split_inclusive('\n').filter(|line| !is_marked(line, &mark)).collect();
    if others.len() == there.len() {
        return Ok(());
    }
    if others.is_empty() {
        return files::remove_file(&path).trying(what);
    }
    files::write_whole(&path, others.as_bytes(), 0o644).trying(what)
}
