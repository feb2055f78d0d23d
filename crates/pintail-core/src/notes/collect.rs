//! From the commits of a history that may matter, and the fragments at its end, to what is noted. Knows how a revert and
//! an amendment name a commit; whoever has the whole history says which commits a revert names.

use std::collections::BTreeSet;

use super::bounds::{CUT, cut, plain};
use super::fragment::{Fragment, HASH_DIGITS_MIN};
use super::note::Fault;
use super::noted::{Amendment, Noted, Origin};
use super::read::read;
use super::trailers::is_blank;
use crate::digest::is_hex;

/// Bytes of a subject that are kept.
const SUBJECT_BYTES_MAX: usize = 300;
/// Digits of the longest hash.
const HASH_DIGITS_MAX: usize = 64;

/// A commit whose message may ask something, or revert one that does, or that a fragment amends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The full hash.
    pub commit: String,
    /// When it was committed, in seconds since 1970.
    pub committed_s: i64,
    /// The whole message.
    pub message: String,
    /// The commits that it reverts, in full.
    pub reverts: Vec<String>,
}

/// How a message names a commit that it reverts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reverted {
    /// By its hash, or the beginning of it.
    Hash(String),
    /// By its subject, where it says no hash: the last commit before it that has this one.
    Subject(String),
}

/// What is noted: of `candidates`, oldest first, those that ask something, and those that revert one of them; then the
/// fragments by path, but where they amend one of the candidates.
pub fn collect(candidates: &[Candidate], mut fragments: Vec<Fragment>, at_s: i64) -> Vec<Noted> {
    fragments.sort_by(|a, b| a.path.cmp(&b.path));
    let mut all: Vec<Noted> = candidates.iter().map(noted).collect();
    let mut beside = Vec::new();
    for fragment in fragments {
        match amended(&mut all, &fragment) {
            Ok(()) => {}
            Err(fault) => beside.extend(on_its_own(fragment, fault, at_s)),
        }
    }
    let mut kept: BTreeSet<String> = BTreeSet::new();
    let mut noted = Vec::new();
    for mut one in all {
        one.reverts.retain(|commit| kept.contains(commit));
        let asks = !one.asked.is_nothing() || one.asked.none && one.amended.is_some();
        if asks || !one.reverts.is_empty() || one.amended.is_some() {
            kept.extend(one.origin.commit().map(str::to_owned));
            noted.push(one);
        }
    }
    noted.extend(beside);
    noted
}

fn noted(candidate: &Candidate) -> Noted {
    let Candidate { commit, committed_s, message, reverts } = candidate;
    Noted {
        origin: Origin::Commit { commit: commit.clone() },
        subject: shown_subject(&subject(message)),
        committed_s: *committed_s,
        asked: read(message),
        amended: None,
        reverts: reverts.clone(),
    }
}

/// A message's first paragraph, in one line.
pub fn subject(message: &str) -> String {
    let lines = message.lines().skip_while(|line| is_blank(line)).take_while(|line| !is_blank(line));
    lines.map(str::trim).collect::<Vec<_>>().join(" ")
}

fn shown_subject(subject: &str) -> String {
    cut(plain(subject), SUBJECT_BYTES_MAX - CUT.len())
}

/// Puts what a fragment says in the place of the notes that it amends.
///
/// # Errors
/// It amends none: why not, if it says that it does.
fn amended(all: &mut [Noted], fragment: &Fragment) -> Result<(), Option<Fault>> {
    let Some(name) = &fragment.amends else { return Err(None) };
    let hash = name.len() >= HASH_DIGITS_MIN && name.chars().all(is_hex);
    let is_meant = |noted: &Noted| {
        noted.asked.id.as_ref() == Some(name)
            || hash && noted.origin.commit().is_some_and(|commit| commit.starts_with(name.as_str()))
    };
    let Some(meant) = all.iter_mut().rev().find(|noted| is_meant(noted)) else {
        let why = format!(
            "names no commit of this history, neither by at least {HASH_DIGITS_MIN} digits of its hash nor by its \
             `Deploy-Id`; the fragment stands for itself"
        );
        return Err(Some(Fault { text: format!("amends: {name}"), why }));
    };
    let id = meant.asked.id.take();
    meant.asked = fragment.asked.clone();
    meant.asked.id = meant.asked.id.take().or(id);
    meant.amended = Some(Amendment { path: fragment.path.clone(), digest: fragment.digest });
    Ok(())
}

fn on_its_own(mut fragment: Fragment, fault: Option<Fault>, at_s: i64) -> Option<Noted> {
    fragment.asked.faults.extend(fault);
    let asks = !fragment.asked.is_nothing();
    asks.then(|| Noted {
        subject: shown_subject(fragment.title()),
        origin: Origin::Fragment { path: fragment.path, digest: fragment.digest },
        committed_s: at_s,
        asked: fragment.asked,
        amended: None,
        reverts: Vec::new(),
    })
}

/// What a message says that it reverts: `This reverts commit HASH`, as often as it stands there; without one, the
/// subject in `Revert "…"`.
pub fn reverted(message: &str) -> Vec<Reverted> {
    let hash = |line: &str| {
        let rest = line.strip_prefix("This reverts commit ")?;
        let digits = rest.find(|c: char| !is_hex(c)).unwrap_or(rest.len());
        let is_hash = (HASH_DIGITS_MIN..=HASH_DIGITS_MAX).contains(&digits);
        is_hash.then(|| Reverted::Hash(rest[..digits].to_owned()))
    };
    let hashes: Vec<Reverted> = message.lines().filter_map(hash).collect();
    if !hashes.is_empty() {
        return hashes;
    }
    let subject = subject(message);
    // A number that a web page put behind it.
    let quoted = subject.rsplit_once(" (#").map_or(subject.as_str(), |(quoted, number)| {
        let is_number = number.strip_suffix(')').is_some_and(|n| n.chars().all(|c| c.is_ascii_digit()));
        if is_number { quoted } else { subject.as_str() }
    });
    let inner = |prefix: &str| quoted.strip_prefix(prefix)?.strip_suffix('"');
    match (inner("Revert \""), inner("Reapply \"")) {
        (Some(inner), _) => vec![Reverted::Subject(inner.to_owned())],
        (None, Some(inner)) => vec![Reverted::Subject(format!("Revert \"{inner}\""))],
        (None, None) => Vec::new(),
    }
}
