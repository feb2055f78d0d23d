//! Which release is wished, among those that a host has or the depot brings; and why it can't be had.

use super::Release;
use crate::history::{Deployment, Kind, Outcome, good_before};
use crate::name::ReleaseName;
use crate::observed::{Current, Observed};

/// Which release is wished to be live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// This one, from the depot.
    Release(Release),
    /// One that the host has: the last good one, or that of this version or release name.
    Back(Option<String>),
}

/// Why no plan is made. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}\n  {why}")]
pub struct Refusal {
    /// What can't be done.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl Refusal {
    pub(super) fn new(what: impl Into<String>, why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.into(), hint: Some(hint.into()) }
    }
}

/// The release that is called `wanted` (a version, or a release's whole name) among `present`.
pub fn release_of(wanted: &str, present: &[ReleaseName]) -> Option<ReleaseName> {
    let named =
        |release: &&ReleaseName| release.to_string() == wanted || release.version().to_string() == wanted;
    present.iter().rev().find(named).cloned()
}

/// What is live. A name that somebody made by hand is never guessed at.
pub(super) fn live(observed: &Observed) -> Result<Option<&ReleaseName>, Refusal> {
    match &observed.current {
        Current::Release { release } => Ok(Some(release)),
        // The link is ours to set: what it named is gone, so nothing is lost by setting it anew.
        Current::Nothing | Current::Dangling { .. } => Ok(None),
        Current::Foreign { what } => Err(Refusal::new(
            format!("cannot make a release live in `{}` on `{}`", observed.root, observed.machine),
            format!("`{}/current` is {what}, which Pintail did not make", observed.root),
            format!("move it away if nothing needs it: `mv {0}/current {0}/current.before`", observed.root),
        )),
    }
}

/// The release that is wished, and what bringing it there is.
pub(super) fn goal(
    wish: &Wish,
    target: &str,
    observed: &Observed,
    live: Option<&ReleaseName>,
) -> Result<(Release, Kind), Refusal> {
    let wanted = match wish {
        Wish::Release(release) => return Ok((release.clone(), Kind::Deploy)),
        Wish::Back(wanted) => wanted,
    };
    let cannot = format!("cannot roll back `{target}` on `{}`", observed.machine);
    let good = good_before(live, &observed.releases, &observed.deployments);
    let name = match wanted {
        None => good.first().cloned().ok_or_else(|| {
            let (why, hint) = no_way_back(target, observed, live);
            Refusal::new(cannot, why, hint)
        })?,
        Some(wanted) => {
            let fit =
                |release: &&ReleaseName| live == Some(*release) || was_good(release, &observed.deployments);
            let there: Vec<ReleaseName> = observed.releases.iter().filter(fit).cloned().collect();
            release_of(wanted, &there).ok_or_else(|| {
                let others = good.iter().map(|r| format!("`{}`", r.version())).collect::<Vec<_>>().join(", ");
                let hint = if others.is_empty() {
                    "there is none to go back to".to_owned()
                } else {
                    format!("it can go back to {others}")
                };
                Refusal::new(
                    cannot,
                    format!("no release `{wanted}` that was live and healthy is there"),
                    hint,
                )
            })?
        }
    };
    Ok((known(&name, &observed.deployments), Kind::Rollback))
}

/// Why there is no release to roll back to unless one is named, and what to do.
fn no_way_back(target: &str, observed: &Observed, live: Option<&ReleaseName>) -> (String, String) {
    let history = format!("`pintail history {target}` shows what was");
    let other = |release: &&ReleaseName| live != Some(*release) && was_good(release, &observed.deployments);
    let there: Vec<String> =
        observed.releases.iter().filter(other).map(|release| format!("`{}`", release.version())).collect();
    let Some(live) = live else { return ("no release was ever live and healthy there".to_owned(), history) };
    if let Some(first) = there.first() {
        let why = format!(
            "nothing before `{}` was live and healthy; what came after it and was rolled back from is there: {}",
            live.version(),
            there.join(", ")
        );
        let name = first.trim_matches('`');
        return (why, format!("`pintail rollback {target} {name}` goes there all the same"));
    }
    let gone = observed.deployments.iter().any(|deployment| other(&&deployment.release));
    let why = if gone {
        "no other release that was live and healthy is there any more".to_owned()
    } else {
        format!("no release before `{}` was live and healthy there", live.version())
    };
    (why, history)
}

pub(super) fn was_good(release: &ReleaseName, deployments: &[Deployment]) -> bool {
    deployments.iter().any(|d| d.release == *release && matches!(d.outcome, Outcome::Done { .. }))
}

/// A release that the host has, as far as its name and its history tell.
pub(super) fn known(name: &ReleaseName, deployments: &[Deployment]) -> Release {
    let commit = deployments.iter().rev().find(|d| d.release == *name).and_then(|d| d.commit.clone());
    Release {
        name: name.clone(),
        version: name.version().clone(),
        // The folder is there and complete; its manifest is not needed again, so neither is its whole digest.
        digest: crate::digest::Digest::from_bytes([0; 32]),
        commit,
        packed_bytes: 0,
        unpacked_bytes: 0,
        files: 0,
    }
}
