//! A commit's whole history, read for what may ask something: one `git log`, its output read as it comes. Knows which
//! messages can matter and which commits a revert names; what a message asks is for `pintail-core`.

mod kept;

use crate::git;
use pintail_core::digest::Digest;
use pintail_core::notes::{Candidate, Reverted, reverted, subject};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// Bytes of a message that are kept: as many as are read of one, and one more, by which it is known that there are more.
const MESSAGE_KEPT_MAX: u64 = pintail_core::notes::MESSAGE_BYTES_MAX as u64 + 1;
/// Bytes of git's output that wait to be looked at.
const AHEAD: usize = 256 * 1024;
/// In each message that can ask something, in whatever case.
const ASKS: &[u8] = b"deploy";
/// In each message that can revert something.
const REVERTS: [&[u8]; 3] = [b"This reverts commit ", b"Revert \"", b"Reapply \""];

/// One commit, as far as the order of the history needs it.
struct Commit {
    hash: String,
    committed_s: i64,
    /// The numbers of its parents, in its order.
    parents: Vec<usize>,
    /// Of its subject.
    mark: u64,
    /// Its message, if that can matter.
    message: Option<String>,
}

/// Commits as they are read, in no order, and the hashes of each one's parents in one text.
#[derive(Default)]
struct Listed {
    commits: Vec<Commit>,
    parents: Vec<String>,
}

/// A history, read once.
struct History {
    /// In an order that hangs on the commits alone: parents first, of several the older first.
    commits: Vec<Commit>,
    /// The numbers of them, by hash.
    by_hash: Vec<usize>,
    /// The same by what their subjects are known by.
    by_mark: Vec<(u64, usize)>,
}

/// The commits of the history of `commit` that may ask something or revert one that does, and those that `amended` may
/// name, oldest first. The same on every machine: neither tags nor git's settings decide.
///
/// # Errors
/// git's; the history is not all there.
pub fn candidates(folder: &Path, commit: &str, amended: &[&str]) -> io::Result<Vec<Candidate>> {
    let history = History::read(folder, commit, amended)?;
    let mut found = Vec::new();
    for (number, commit) in history.commits.iter().enumerate() {
        let Some(message) = &commit.message else { continue };
        found.push(Candidate {
            commit: commit.hash.clone(),
            committed_s: commit.committed_s,
            message: message.clone(),
            reverts: history.reverted(number, message),
        });
    }
    Ok(found)
}

impl History {
    fn read(folder: &Path, commit: &str, amended: &[&str]) -> io::Result<History> {
        // Which other messages matter then is not known to what was kept.
        let kept = kept::kept(folder, commit).filter(|_| amended.is_empty());
        let tip = kept.as_ref().map(|kept| kept.tip.clone());
        let mut read = kept.map(|kept| kept.read).unwrap_or_default();
        let before = read.commits.len();
        if tip.as_deref() != Some(commit) {
            let new = read_log(folder, commit, tip.as_deref(), amended)?;
            read.commits.extend(new.commits);
            read.parents.extend(new.parents);
        }
        if amended.is_empty() {
            kept::keep(folder, commit, &read, read.commits.len() - before);
        }
        Ok(History::of(with_parents(read)))
    }

    fn of(commits: Vec<Commit>) -> History {
        let order = oldest_first(&commits);
        let mut place = vec![0; commits.len()];
        for (new, old) in order.iter().enumerate() {
            place[*old] = new;
        }
        let mut ordered: Vec<(usize, Commit)> =
            commits.into_iter().enumerate().map(|(old, commit)| (place[old], commit)).collect();
        ordered.sort_unstable_by_key(|(new, _)| *new);
        let mut commits: Vec<Commit> = ordered.into_iter().map(|(_, commit)| commit).collect();
        for commit in &mut commits {
            commit.parents.iter_mut().for_each(|parent| *parent = place[*parent]);
        }
        let mut by_hash: Vec<usize> = (0..commits.len()).collect();
        by_hash.sort_unstable_by(|a, b| commits[*a].hash.cmp(&commits[*b].hash));
        let mut by_mark: Vec<(u64, usize)> =
            commits.iter().enumerate().map(|(number, commit)| (commit.mark, number)).collect();
        by_mark.sort_unstable();
        History { commits, by_hash, by_mark }
    }

    /// The commits that the message of commit `number` says it reverts: all that a merge brought, where it is one.
    fn reverted(&self, number: usize, message: &str) -> Vec<String> {
        let mut hashes = Vec::new();
        for name in reverted(message) {
            let Some(meant) = self.named(number, &name) else { continue };
            for meant in self.brought_by(meant) {
                hashes.push(self.commits[meant].hash.clone());
            }
        }
        hashes
    }

    /// The commit before `number` that is meant.
    fn named(&self, number: usize, name: &Reverted) -> Option<usize> {
        let last_before =
            |numbers: &mut dyn Iterator<Item = usize>| numbers.filter(|found| *found < number).max();
        match name {
            Reverted::Hash(hash) => {
                let at = self.by_hash.partition_point(|found| self.commits[*found].hash < *hash);
                let named = self.by_hash[at..].iter().copied();
                last_before(
                    &mut named.take_while(|found| self.commits[*found].hash.starts_with(hash.as_str())),
                )
            }
            Reverted::Subject(subject) => {
                let mark = mark(subject);
                let at = self.by_mark.partition_point(|(other, _)| *other < mark);
                let named = self.by_mark[at..].iter().take_while(|(other, _)| *other == mark);
                last_before(&mut named.map(|(_, found)| *found))
            }
        }
    }

    /// A commit, and what it merged: all behind its other parents that is not behind its first. Goes from the newest
    /// on, and no further than some of that may be left.
    fn brought_by(&self, merge: usize) -> Vec<usize> {
        let mut brought = vec![merge];
        let Some((first, others)) = self.commits[merge].parents.split_first() else { return brought };
        // Whether it was there before, by number.
        let mut left: BTreeMap<usize, bool> = others.iter().map(|number| (*number, false)).collect();
        left.insert(*first, true);
        let mut new = left.values().filter(|before| !**before).count();
        while new > 0 {
            let Some((number, before)) = left.pop_last() else { break };
            if !before {
                new -= 1;
                brought.push(number);
            }
            for parent in &self.commits[number].parents {
                match left.get_mut(parent) {
                    Some(known) => {
                        new -= usize::from(before && !*known);
                        *known |= before;
                    }
                    None => {
                        new += usize::from(!before);
                        left.insert(*parent, before);
                    }
                }
            }
        }
        brought.sort_unstable();
        brought
    }
}

/// The history of `commit` without that of `known`.
fn read_log(folder: &Path, commit: &str, known: Option<&str>, amended: &[&str]) -> io::Result<Listed> {
    let mut piped = git::log(folder, commit, known)?;
    let read = read_commits(&mut BufReader::with_capacity(AHEAD, &mut piped.output), amended);
    // Unread, it would end git by a signal.
    let rest = io::copy(&mut piped.output, &mut io::sink());
    // What git says is the better reason when both fail.
    piped.finish()?;
    rest?;
    read
}

/// The commits' numbers, parents before their children, of those that could come next the one with the least time, then
/// hash.
fn oldest_first(commits: &[Commit]) -> Vec<usize> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); commits.len()];
    let mut missing: Vec<usize> = vec![0; commits.len()];
    for (number, commit) in commits.iter().enumerate() {
        missing[number] = commit.parents.len();
        commit.parents.iter().for_each(|parent| children[*parent].push(number));
    }
    let key = |number: usize| Reverse((commits[number].committed_s, commits[number].hash.as_str(), number));
    let mut ready: BinaryHeap<_> =
        (0..commits.len()).filter(|number| missing[*number] == 0).map(key).collect();
    let mut order = Vec::with_capacity(commits.len());
    while let Some(Reverse((_, _, number))) = ready.pop() {
        order.push(number);
        for child in &children[number] {
            missing[*child] -= 1;
            if missing[*child] == 0 {
                ready.push(key(*child));
            }
        }
    }
    order
}

/// Hash, parents, time and message of each commit, each with a NUL behind it.
fn read_commits(output: &mut impl BufRead, amended: &[&str]) -> io::Result<Listed> {
    let mut read = Listed::default();
    let mut field = Vec::new();
    loop {
        if !next(output, &mut field)? {
            return Ok(read);
        }
        let hash = text(&field);
        let mut rest = [String::new(), String::new()];
        for value in &mut rest {
            if !next(output, &mut field)? {
                return Err(cut_off());
            }
            *value = text(&field);
        }
        let [parents, committed] = rest;
        if !next(output, &mut field)? {
            return Err(cut_off());
        }
        let committed_s =
            committed.parse().map_err(|_| io::Error::other(format!("git says the time `{committed}`")))?;
        let is_meant = amended.iter().any(|name| hash.starts_with(name));
        let message = (is_meant || can_matter(&field)).then(|| text(&field));
        let mark = mark(&subject(&String::from_utf8_lossy(title(&field))));
        read.commits.push(Commit { hash, committed_s, parents: Vec::new(), mark, message });
        read.parents.push(parents);
    }
}

/// Puts the numbers of the parents in.
fn with_parents(Listed { commits, parents }: Listed) -> Vec<Commit> {
    let numbers: HashMap<&str, usize> =
        commits.iter().enumerate().map(|(number, commit)| (commit.hash.as_str(), number)).collect();
    let known = |parents: &String| parents.split(' ').filter_map(|hash| numbers.get(hash).copied()).collect();
    let parents: Vec<Vec<usize>> = parents.iter().map(known).collect();
    commits.into_iter().zip(parents).map(|(commit, parents)| Commit { parents, ..commit }).collect()
}

/// Reads up to the next NUL; false at the end. What a message has beyond its bound is passed over.
fn next(output: &mut impl BufRead, field: &mut Vec<u8>) -> io::Result<bool> {
    field.clear();
    let read = output.by_ref().take(MESSAGE_KEPT_MAX).read_until(0, field)?;
    if field.last() == Some(&0) {
        field.pop();
    } else if read > 0 {
        output.skip_until(0)?;
    }
    Ok(read > 0)
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "what git says breaks off within a commit")
}

/// Bytes that are no UTF-8 are replaced: git gives them as they are where a commit says another encoding than it has.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn can_matter(message: &[u8]) -> bool {
    let asks = |end: usize| {
        let word = (end + 1).checked_sub(ASKS.len()).map(|start| &message[start..=end]);
        word.is_some_and(|word| word.eq_ignore_ascii_case(ASKS))
    };
    memchr::memchr2_iter(b'y', b'Y', message).any(asks)
        || REVERTS.iter().any(|words| memchr::memmem::find(message, words).is_some())
}

/// A message up to its first blank line.
fn title(message: &[u8]) -> &[u8] {
    &message[..memchr::memmem::find(message, b"\n\n").filter(|at| *at > 0).unwrap_or(message.len())]
}

/// What a subject is known by: the same for every Pintail, since it is kept.
fn mark(subject: &str) -> u64 {
    let digest = Digest::of(subject.as_bytes());
    digest.as_bytes().iter().take(8).fold(0, |mark, byte| mark << 8 | u64::from(*byte))
}
