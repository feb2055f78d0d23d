//! How far targets are apart: what is live on the one and not yet on the other that comes behind it.

use crate::project::Project;
use crate::screen::ago;
use pintail_core::config::Target;
use pintail_core::history::made_live;
use pintail_core::name::ReleaseName;
use pintail_core::notes::{About, Item};
use pintail_core::plan::{Said, acknowledgement, between};
use pintail_fleet::target::Host;
use pintail_release::git;
use serde::Serialize;

use super::asks::about_live;

/// What is live on a target, as its first host that could be asked has it.
#[derive(Debug)]
pub(crate) struct Live {
    target: String,
    release: Option<ReleaseName>,
    commit: Option<String>,
    /// Milliseconds ago, by the host's own clock.
    age_ms: Option<u64>,
    about: Option<About>,
}

/// How far a target is behind the one that it comes after.
#[derive(Debug, Serialize)]
pub(crate) struct Distance {
    /// The target.
    target: String,
    /// The one that it comes after.
    behind: String,
    /// What is live on the target.
    live: Option<ReleaseName>,
    /// What is live on the other.
    ahead: ReleaseName,
    /// How many commits the other's has beyond, where this checkout knows.
    commits: Option<u64>,
    /// How many commits the target's has beyond the other's: then it is no step forward alone.
    commits_taken_back: Option<u64>,
    /// How many deployment notes lie between; `null` where that is not known.
    notes: Option<usize>,
    /// What acknowledges them.
    acknowledge: Option<String>,
    /// How long the other has had it live, in milliseconds.
    age_ms: Option<u64>,
}

impl Live {
    /// What is live on `target`; nothing of it is known where the host says so.
    pub(crate) fn of(project: &Project, target: &str, host: &mut Host) -> Live {
        let release = host.observed.current.release().cloned();
        let about = release.as_ref().and_then(|release| about_live(project, host, release).ok().flatten());
        let observed = &host.observed;
        let made = release.as_ref().and_then(|release| made_live(release, &observed.deployments));
        Live {
            target: target.to_owned(),
            commit: made.and_then(|made| made.commit.clone()),
            age_ms: made.and_then(|made| made.ended_ms).map(|at| observed.now_ms.saturating_sub(at)),
            about,
            release,
        }
    }
}

/// The target that `target` comes after: what it requires, else where every release goes first.
pub(crate) fn comes_after<'a>(project: &'a Project, target: &'a Target) -> Option<&'a str> {
    let stage = project.config.release.stage.as_deref().filter(|stage| *stage != target.name);
    target.requires.as_deref().or(stage)
}

/// How far each target of `lives` is from the one that it comes after, where both are there and differ.
pub(crate) fn distances(project: &Project, lives: &[Live]) -> Vec<Distance> {
    let of = |name: &str| lives.iter().find(|live| live.target == name);
    let distance = |behind: &Live| {
        let target = project.config.target(&behind.target)?;
        let ahead = of(comes_after(project, target)?)?;
        let release = ahead.release.clone().filter(|release| behind.release.as_ref() != Some(release))?;
        let count = |from: &Live, to: &Live| {
            git::count_between(&project.folder, from.commit.as_deref()?, to.commit.as_deref()?).ok()
        };
        let known = behind.release.clone().zip(behind.about.clone());
        let said = Said { coming: ahead.about.clone(), live: known.into_iter().collect() };
        let asks = between(&said, behind.release.as_ref(), &behind.target);
        let is_known = said.coming.is_some() && !asks.unknown;
        let stands = |item: &&Item| item.struck_by.is_none();
        let notes = asks.notes.asks.iter().chain(&asks.notes.taken_back).filter(stands).count();
        Some(Distance {
            target: behind.target.clone(),
            behind: ahead.target.clone(),
            live: behind.release.clone(),
            ahead: release,
            commits: count(behind, ahead),
            commits_taken_back: count(ahead, behind),
            notes: is_known.then_some(notes),
            acknowledge: acknowledgement(&[asks]),
            age_ms: ahead.age_ms,
        })
    };
    lives.iter().filter_map(distance).collect()
}

/// It in a line for people.
pub(crate) fn told(distance: &Distance) -> String {
    let Distance { target, behind, live, ahead, commits, commits_taken_back, notes, age_ms, .. } = distance;
    let many = |count: u64, what: &str| match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    };
    let serves = live.as_ref().map_or("nothing".to_owned(), |live| live.version().to_string());
    let mut parts = Vec::new();
    parts.extend(commits.map(|count| many(count, "commit")));
    parts.extend(
        commits_taken_back
            .filter(|count| *count > 0)
            .map(|count| format!("{} taken back", many(count, "commit"))),
    );
    parts.push(match notes {
        Some(count) => many(*count as u64, "deployment note"),
        None => "its notes are not known".to_owned(),
    });
    parts.extend(age_ms.map(|age| format!("live there since {}", ago(0, age))));
    let version = ahead.version();
    // All that differs is on the target: there is no step forward.
    if *commits == Some(0) && commits_taken_back.is_some_and(|count| count > 0) {
        let more = commits_taken_back.map(|count| many(count, "commit")).unwrap_or_default();
        return format!(
            "`{target}` ({serves}) is ahead of `{behind}` ({version}), which it comes after: {more}"
        );
    }
    format!(
        "`{target}` ({serves}) is behind `{behind}` ({version}): {}; `pintail plan {target} {version}` tells",
        parts.join(", ")
    )
}
