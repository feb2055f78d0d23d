//! Which version it is, and is it later than all before?

use super::there::Released;
use super::{COMMITS_MAX, Order};
use crate::bump::Places;
use crate::git::repository;
use crate::next::{Scheme, Wanted};
use pintail_core::version::Version;
use pintail_core::wire::Trouble;
use std::cmp::Ordering;
use std::path::Path;

/// The version, and the one before.
#[derive(Debug)]
pub(super) struct Number {
    pub(super) version: Version,
    /// The latest that was released.
    pub(super) latest: Option<Released>,
    /// That a tag says more than the files, which may be one that is meant as no version.
    ahead: Option<String>,
}

/// Tells what is wrong; the version, where it can be told.
pub(super) fn check(
    order: &Order<'_>,
    places: &Places,
    released: &[Released],
    all: &mut Vec<Trouble>,
) -> Option<Number> {
    let what = || format!("cannot tell the next version of `{}`", order.config.name);
    // By the order of parts first: whether versions are decimals, the one with most digits says.
    let by_parts = released.iter().map(|released| &released.version).max().or(places.version.as_ref());
    let exact = match order.wanted {
        Wanted::Exactly(version) => Some(version),
        _ => None,
    };
    let Some(example) = by_parts.or(exact) else {
        all.push(
            Trouble::new(what(), "nothing was released yet, and no file says a version")
                .hint("say the first one: `pintail release 0.1.0`"),
        );
        return None;
    };
    let scheme = Scheme::of(example, places.custom);
    let latest = released.iter().max_by(|a, b| scheme.compare(&a.version, &b.version)).cloned();
    let known = released.iter().map(|released| &released.version).chain(places.version.as_ref());
    let version = match (order.wanted, scheme.latest(known)) {
        (Wanted::Exactly(version), _) => version.clone(),
        (wanted, Some(last)) => match scheme.next(&last, wanted) {
            Ok(version) => version,
            Err(error) => {
                all.push(Trouble::new(what(), error).hint("say it: `pintail release VERSION`"));
                return None;
            }
        },
        (_, None) => return None,
    };
    let line = Line { scheme, released, said: places.version.as_ref() };
    let refused = || format!("will not release `{}` {version}", order.config.name);
    if let Some(Released { version: old, tag, .. }) = line.later(&version) {
        let why = match scheme {
            Scheme::Decimal => format!(
                "{old} was released already (tag `{tag}`), and {version} is not later, as a number and part by part"
            ),
            Scheme::Parts => format!(
                "{old} was released already (tag `{tag}`), which is later{}",
                letters_behind(&version, old)
            ),
        };
        let hint = format!("{}; which tags are versions, `release.tag` says", line.way_on());
        all.push(Trouble::new(refused(), why).hint(hint));
    }
    if let Some(said) = line.said_later(&version) {
        let why =
            format!("the project's own files say {said}, which is later{}", letters_behind(&version, said));
        all.push(Trouble::new(refused(), why).hint(line.way_on()));
    }
    let is_later =
        |latest: &&Released, said: &Version| scheme.compare(&latest.version, said) == Ordering::Greater;
    let ahead = places.version.as_ref().and_then(|said| {
        let Released { version, tag, .. } = latest.as_ref().filter(|latest| is_later(latest, said))?;
        Some(format!("the project's own files say {said}, and the tag `{tag}` that {version} was released"))
    });
    Some(Number { version, latest, ahead })
}

/// All versions before, which the next one must be later than.
struct Line<'a> {
    scheme: Scheme,
    released: &'a [Released],
    /// What the files say.
    said: Option<&'a Version>,
}

impl Line<'_> {
    /// The latest that was released, of those that `version` is not later than.
    fn later(&self, version: &Version) -> Option<&Released> {
        // The depot knows one order only, that of parts. That this very one was released, its tag says.
        let is_before = |old: &&Released| {
            *version == old.version
                || self.scheme.compare(version, &old.version) == Ordering::Greater && *version > old.version
        };
        self.released.iter().filter(|old| !is_before(old)).max_by(|a, b| a.version.cmp(&b.version))
    }

    /// What the files say, if that is later. That they say this very one is how it is bumped by hand.
    fn said_later(&self, version: &Version) -> Option<&Version> {
        self.said.filter(|said| version < *said)
    }

    /// What to ask for instead: the smallest step that isn't refused for the same reason.
    fn way_on(&self) -> String {
        let known = self.released.iter().map(|released| &released.version).chain(self.said);
        let latest = self.scheme.latest(known);
        let step = |(word, wanted)| {
            let next = self.scheme.next(latest.as_ref()?, &wanted).ok()?;
            (self.later(&next).is_none() && self.said_later(&next).is_none()).then_some((word, next))
        };
        let steps = [("patch", Wanted::Patch), ("minor", Wanted::Minor), ("major", Wanted::Major)];
        match steps.into_iter().find_map(step) {
            Some((word, next)) => format!("`pintail release {word}` is the next one, {next}"),
            None => "say one that is later: `pintail release VERSION`".to_owned(),
        }
    }
}

/// Why `old` is later than `version`, if it is so by letters alone.
fn letters_behind(version: &Version, old: &Version) -> String {
    let behind = old.as_str().strip_prefix(version.as_str()).map(|behind| behind.trim_start_matches('.'));
    match behind.filter(|behind| behind.starts_with(|c: char| c.is_ascii_alphabetic())) {
        Some(behind) => {
            format!("; what comes before a release has a `-` before its letters: `{version}-{behind}`")
        }
        None => String::new(),
    }
}

impl Number {
    /// The subjects of what comes, newest first. What a tag there has that was not fetched is not known here: then all.
    pub(super) fn commits(&self, folder: &Path, head: &str) -> Vec<String> {
        let since = self.latest.as_ref().map(|latest| &*latest.commit);
        let since = since.filter(|commit| repository::has(folder, commit));
        repository::subjects(folder, since, head, COMMITS_MAX).unwrap_or_default()
    }

    /// What is odd about the latest release, and what of it would be missing.
    pub(super) fn notes(&self, folder: &Path, head: &str) -> Vec<String> {
        let Some(latest) = &self.latest else { return Vec::new() };
        let version = &latest.version;
        let missing = match repository::has(folder, &latest.commit) {
            false => Some(format!(
                "the commit of {version} was not fetched, so what is new since then can't be told"
            )),
            true => match repository::lacking(folder, &latest.commit, head) {
                Ok(0) | Err(_) => None,
                Ok(1) => Some(format!("1 commit that {version} has is not in this release")),
                Ok(count) => Some(format!("{count} commits that {version} has are not in this release")),
            },
        };
        self.ahead.iter().cloned().chain(missing).collect()
    }
}
