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
    // The depot knows one order only, that of parts.
    let is_later = |old: &&Released| {
        // That this very one was, its tag says.
        version == old.version
            || scheme.compare(&version, &old.version) == Ordering::Greater && version > old.version
    };
    if let Some(latest) =
        released.iter().filter(|old| !is_later(old)).max_by(|a, b| a.version.cmp(&b.version))
    {
        let why = match scheme {
            Scheme::Decimal => {
                format!(
                    "{} was released already, and {version} is not later, as a number and part by part",
                    latest.version
                )
            }
            Scheme::Parts => format!("{} was released already, which is later", latest.version),
        };
        all.push(
            Trouble::new(format!("will not release `{}` {version}", order.config.name), why)
                .hint("`pintail release patch` says the next one"),
        );
    }
    // That the files say this very one is how it is bumped by hand.
    let said = places.version.as_ref().filter(|said| version != **said && version < **said);
    if let Some(said) = said {
        all.push(
            Trouble::new(
                format!("will not release `{}` {version}", order.config.name),
                format!("the project's own files say {said}, which is later"),
            )
            .hint("`pintail release patch` says the next one"),
        );
    }
    Some(Number { version, latest })
}

impl Number {
    /// The subjects of what comes, newest first. What a tag there has that was not fetched is not known here: then all.
    pub(super) fn commits(&self, folder: &Path, head: &str) -> Vec<String> {
        let since = self.latest.as_ref().map(|latest| &*latest.commit);
        let since = since.filter(|commit| repository::has(folder, commit));
        repository::subjects(folder, since, head, COMMITS_MAX).unwrap_or_default()
    }

    /// What of the latest release would be missing.
    pub(super) fn notes(&self, folder: &Path, head: &str) -> Vec<String> {
        let Some(latest) = &self.latest else { return Vec::new() };
        let version = &latest.version;
        if !repository::has(folder, &latest.commit) {
            return vec![format!(
                "the commit of {version} was not fetched, so what is new since then can't be told"
            )];
        }
        match repository::lacking(folder, &latest.commit, head) {
            Ok(0) | Err(_) => Vec::new(),
            Ok(1) => vec![format!("1 commit that {version} has is not in this release")],
            Ok(count) => vec![format!("{count} commits that {version} has are not in this release")],
        }
    }
}
