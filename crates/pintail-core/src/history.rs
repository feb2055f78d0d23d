//! What a host went through, and what follows from it: which releases are good, where a rollback goes,
//! what may be pruned. Pure: the host reads its journal into [`Deployment`]s.

use crate::digest::Digest;
use crate::name::ReleaseName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How many of its last operations a host tells of. All are in its journal.
pub const KEPT: usize = 200;
/// Pruning never takes the live release or so many good ones before it: a rollback needs somewhere to go,
/// and a second one when the first was no better.
pub const GOOD_KEPT: usize = 2;

/// One operation that was to make a release live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its number on that host, from 1.
    pub id: u64,
    /// What was asked for.
    pub kind: Kind,
    /// The release that was to be live.
    pub release: ReleaseName,
    /// The digest of its manifest, where that is known: of releases that are gone back to, only the name is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The commit it was made of, where known.
    pub commit: Option<String>,
    /// The release that was live before.
    pub from: Option<ReleaseName>,
    /// Who asked.
    pub by: String,
    /// When it began, in milliseconds since 1970 on the host's clock.
    pub began_ms: u64,
    /// When the last line about it was written.
    pub ended_ms: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
    /// By what whoever ordered it knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What was acknowledged for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledged>,
    /// The tasks that it ran to their end, however it ended itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ran: Vec<Ran>,
}

/// That somebody knows what a deployment asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// The digest of the list.
    pub digest: String,
    /// Who: `user@machine`.
    pub by: String,
    /// When, in milliseconds since 1970 on the operator's clock.
    pub at_ms: u64,
    /// The commits and fragments whose notes were in it.
    pub of: Vec<String>,
}

/// A task that was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// Its name, and what to.
    pub task: String,
    /// The commits and fragments that asked for it.
    pub of: Vec<String>,
}

/// What a deployment was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A release was brought and made live.
    Deploy,
    /// A release that was there was made live again.
    Rollback,
    /// The live release's processes were started anew, for other settings or another configuration.
    Restart,
}

impl Kind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Deploy => "deploy",
            Kind::Rollback => "rollback",
            Kind::Restart => "restart",
        }
    }
}

/// How a deployment ended, computed from its journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Outcome {
    /// It runs.
    Running,
    /// Its release went live and healthy.
    Done {
        /// What failed after that and was left.
        remarks: Vec<String>,
    },
    /// It failed or was stopped, and the host is as it was before.
    Undone {
        /// The step's name.
        step: String,
        /// Why.
        why: String,
        /// Whether the release itself is to blame: it would not start, answer or live.
        blame: bool,
    },
    /// It could not be undone.
    Stuck {
        /// The step's name.
        step: String,
        /// Why.
        why: String,
    },
    /// Its agent died on the way; the next command finishes or undoes it.
    Interrupted {
        /// The step it was at.
        step: String,
    },
}

/// What a release has shown so far on one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// There, never live.
    Prepared,
    /// Live now.
    Live,
    /// Was live and healthy.
    Good,
    /// Failed when it was last to go live.
    Bad,
}

/// The standing of `release` on a host with this history where `live` is live.
pub fn standing(release: &ReleaseName, live: Option<&ReleaseName>, deployments: &[Deployment]) -> Standing {
    if live == Some(release) {
        return Standing::Live;
    }
    deployments
        .iter()
        .rev()
        .filter(|deployment| deployment.release == *release)
        .find_map(|deployment| match &deployment.outcome {
            Outcome::Done { .. } => Some(Standing::Good),
            Outcome::Undone { blame: true, .. } | Outcome::Stuck { .. } => Some(Standing::Bad),
            _ => None,
        })
        .unwrap_or(Standing::Prepared)
}

/// Good releases other than the live one that are still there, the one that was live last first.
///
/// First comes the line: releases in the order in which they were last deployed, without what was rolled back from;
/// after `1, 2, 3, rollback to 2` the last good one before 2 is 1, not 3. Behind it come those that the line has
/// lost and that were live before the live one ever was: after `1, 2, 1, rollback to 2` there is still 1, which was
/// good before 2 came, though it was rolled back from later. Each step leads to what is older, so rolling back again
/// and again comes to an end.
pub fn good_before(
    live: Option<&ReleaseName>,
    present: &[ReleaseName],
    deployments: &[Deployment],
) -> Vec<ReleaseName> {
    let made_live = |deployment: &&Deployment| {
        matches!(deployment.outcome, Outcome::Done { .. }) && deployment.kind != Kind::Restart
    };
    let first = |release: &ReleaseName| {
        deployments.iter().filter(made_live).position(|deployment| deployment.release == *release)
    };
    let is_older = |one: &ReleaseName, other: &ReleaseName| first(one) < first(other);
    let mut line: Vec<&ReleaseName> = Vec::new();
    for deployment in deployments.iter().filter(made_live) {
        match (deployment.kind, line.iter().rposition(|release| **release == deployment.release)) {
            // Going back cuts off what came after the release gone back to.
            (Kind::Rollback, Some(at)) => line.truncate(at + 1),
            (_, Some(at)) => {
                let again = line.remove(at);
                line.push(again);
            }
            (Kind::Rollback, None) if line.last().is_some_and(|last| is_older(&deployment.release, last)) => {
                line = vec![&deployment.release];
            }
            (_, None) => line.push(&deployment.release),
        }
    }
    let before = match live.and_then(|live| line.iter().rposition(|release| *release == live)) {
        Some(at) => &line[..at],
        None => &line[..],
    };
    let good = |release: &&&ReleaseName| {
        present.contains(release) && standing(release, live, deployments) == Standing::Good
    };
    let mut back: Vec<ReleaseName> =
        before.iter().rev().filter(good).map(|release| (*release).clone()).collect();
    let lives = deployments.iter().filter(made_live).map(|deployment| &deployment.release);
    let older = lives.take_while(|release| live.is_some_and(|live| *release != live)).collect::<Vec<_>>();
    for release in older.iter().rev().filter(good) {
        if !back.contains(release) {
            back.push((*release).clone());
        }
    }
    back
}

/// The releases that may go when `keep` are to stay after `live` went live: never the live one, never the
/// last [`GOOD_KEPT`] good ones; those that never were good do not count, and go first.
pub fn prunable(
    live: &ReleaseName,
    present: &[ReleaseName],
    deployments: &[Deployment],
    keep: usize,
) -> Vec<ReleaseName> {
    let others = keep.saturating_sub(1).max(GOOD_KEPT);
    let mut stay: BTreeSet<ReleaseName> =
        good_before(Some(live), present, deployments).into_iter().take(others).collect();
    // What was rolled back from is good too, and kept while there is room: going forward again is common.
    let mut rest: Vec<&ReleaseName> = Vec::new();
    for deployment in deployments.iter().rev() {
        let release = &deployment.release;
        if present.contains(release)
            && release != live
            && !rest.contains(&release)
            && standing(release, Some(live), deployments) == Standing::Good
        {
            rest.push(release);
        }
    }
    for release in rest {
        if stay.len() < others {
            stay.insert(release.clone());
        }
    }
    present.iter().filter(|release| *release != live && !stay.contains(*release)).cloned().collect()
}

/// What is worth telling of a whole history: the last [`KEPT`] deployments, and before them those that made a
/// release good that is still there. Without these it would be taken for one that never was live.
pub fn telling(deployments: Vec<Deployment>, present: &[ReleaseName]) -> Vec<Deployment> {
    let recent = deployments.len().saturating_sub(KEPT);
    let tells = |(index, deployment): &(usize, Deployment)| {
        let good = matches!(deployment.outcome, Outcome::Done { .. }) && deployment.kind != Kind::Restart;
        *index >= recent || (good && present.contains(&deployment.release))
    };
    deployments.into_iter().enumerate().filter(tells).map(|(_, deployment)| deployment).collect()
}

/// The last deployment that ended with `live` live: since when, by whom.
pub fn made_live<'a>(live: &ReleaseName, deployments: &'a [Deployment]) -> Option<&'a Deployment> {
    let made = |d: &&Deployment| {
        d.release == *live && d.kind != Kind::Restart && matches!(d.outcome, Outcome::Done { .. })
    };
    deployments.iter().rev().find(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(version: &str) -> ReleaseName {
        format!("{version}-00000000").parse().unwrap()
    }

    fn went(kind: Kind, version: &str, outcome: Outcome) -> Deployment {
        Deployment {
            id: 1,
            kind,
            release: release(version),
            digest: None,
            commit: None,
            token: None,
            acknowledged: None,
            ran: vec![],
            from: None,
            by: String::new(),
            began_ms: 0,
            ended_ms: None,
            outcome,
        }
    }

    fn done() -> Outcome {
        Outcome::Done { remarks: vec![] }
    }

    fn failed() -> Outcome {
        Outcome::Undone { step: "health".into(), why: "500".into(), blame: true }
    }

    fn names(releases: &[ReleaseName]) -> String {
        releases.iter().map(|r| r.version().to_string()).collect::<Vec<_>>().join(" ")
    }

    /// A history in short: `1` deployed, `!2` failed, `<1` rolled back to.
    fn history(short: &str) -> Vec<Deployment> {
        short
            .split_whitespace()
            .map(|word| match word.split_at(1) {
                ("!", version) => went(Kind::Deploy, version, failed()),
                ("<", version) => went(Kind::Rollback, version, done()),
                _ => went(Kind::Deploy, word, done()),
            })
            .collect()
    }

    #[test]
    fn a_rollback_goes_where_it_was_good() {
        let present: Vec<_> = ["1", "2", "3", "4"].map(release).into();
        for (told, live, expected) in [
            ("1", "1", ""),
            ("1 2", "2", "1"),
            ("1 !2 !3 4", "4", "1"),
            ("1 2 3 <2", "2", "1"),
            ("1 2 3 <2 3", "3", "2 1"),
            ("1 2 3 <1", "1", ""),
            ("1 2 1", "1", "2"),
            ("1 2 !2 3", "3", "1"),
            // Live again, and rolled back from: it was good before the other one came all the same.
            ("1 2 1 <2", "2", "1"),
            ("1 2 1 <2 <1", "1", ""),
            ("3 1 2 1 <2", "2", "3 1"),
            ("1 2 3 <1 4", "4", "1 3 2"),
            ("1 2 1 2", "2", "1"),
            ("1 2 1 2 <1", "1", ""),
            ("1 2 3 1 <3", "3", "2 1"),
        ] {
            let good = good_before(Some(&release(live)), &present, &history(told));
            assert_eq!(names(&good), expected, "after `{told}`");
        }
    }

    /// Whatever happened before: rolling back again and again ends, at a release that none was live and good before.
    #[test]
    fn rolling_back_comes_to_an_end() {
        let present: Vec<_> = ["1", "2", "3"].map(release).into();
        let words = ["1", "2", "3", "<1", "<2", "<3"];
        for number in 0..words.len().pow(4) {
            let word = |place: u32| words[number / words.len().pow(place) % words.len()];
            let before = ["1", word(0), word(1), word(2), word(3)].join(" ");
            let mut told = history(&before);
            let mut steps = 0;
            let live = |told: &[Deployment]| told.last().unwrap().release.clone();
            while let Some(back) = good_before(Some(&live(&told)), &present, &told).first() {
                steps += 1;
                assert!(steps <= 2 * present.len(), "after `{before}`");
                told.push(went(Kind::Rollback, &back.version().to_string(), done()));
            }
            assert_eq!(told[0].release, live(&told), "after `{before}`");
        }
    }

    #[test]
    fn a_release_that_is_gone_is_no_goal() {
        let good = good_before(Some(&release("3")), &[release("1"), release("3")], &history("1 2 3"));
        assert_eq!(names(&good), "1");
    }

    #[test]
    fn pruning_takes_failed_ones_first_and_never_the_last_good_two() {
        let present: Vec<_> = ["1", "2", "3", "4", "5", "6", "7"].map(release).into();
        for (told, live, keep, expected) in [
            ("1 2 3 4 5 6 7", "7", 5, "1 2"),
            ("1 2 3 4 5 6 7", "7", 1, "1 2 3 4"),
            ("1 2 !3 !4 !5 !6 7", "7", 5, "3 4 5 6"),
            ("1 2 3 <2", "2", 2, "4 5 6 7"),
            ("1 2 3 4 5 6 7 <2", "2", 3, "3 4 5 6"),
        ] {
            let gone = prunable(&release(live), &present, &history(told), keep);
            assert_eq!(names(&gone), expected, "after `{told}`, keep {keep}");
        }
    }

    #[test]
    fn what_made_a_release_good_is_told_however_long_ago_it_was() {
        let failures = " !9".repeat(KEPT + 50);
        let told = telling(history(&format!("0 1 2 3{failures}")), &["1", "2", "3"].map(release));
        assert_eq!(told.len(), KEPT + 3);
        let good = good_before(Some(&release("3")), &["1", "2", "3"].map(release), &told);
        assert_eq!(names(&good), "2 1");
    }

    #[test]
    fn standings() {
        let told = history("1 !2 3");
        let live = release("3");
        for (version, expected) in
            [("1", Standing::Good), ("2", Standing::Bad), ("3", Standing::Live), ("4", Standing::Prepared)]
        {
            assert_eq!(standing(&release(version), Some(&live), &told), expected);
        }
    }
}
