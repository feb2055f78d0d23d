//! A release as people and programs read it: its plan, and how it ended.

use super::super::watcher::failure;
use pintail_core::digest::Digest;
use pintail_core::version::Version;
use pintail_core::wire::Trouble;
use pintail_release::release::operation::{Ended, Outcome};
use pintail_release::release::{Plan, Step};
use serde::Serialize;
use std::fmt::Write;

/// The format of the document.
const FORMAT: u32 = 1;
/// Commits that are shown.
const COMMITS_SHOWN: usize = 20;
/// Digits of a commit that are shown.
const DIGITS: usize = 12;

/// The document: `docs/formats/release.md`.
#[derive(Serialize)]
pub(super) struct Told<'a> {
    format: u32,
    outcome: &'static str,
    version: Option<&'a Version>,
    tag: Option<&'a str>,
    commit: Option<&'a str>,
    digest: Option<Digest>,
    step: Option<&'static str>,
    why: Option<&'a str>,
    /// What could not be brought back.
    left: &'a [String],
    troubles: &'a [Trouble],
    plan: Option<&'a Plan>,
}

impl<'a> Told<'a> {
    /// A document of that outcome, with nothing in it yet.
    pub(super) fn new(outcome: &'static str) -> Self {
        Self {
            format: FORMAT,
            outcome,
            version: None,
            tag: None,
            commit: None,
            digest: None,
            step: None,
            why: None,
            left: &[],
            troubles: &[],
            plan: None,
        }
    }

    /// With all that is in the way.
    pub(super) fn troubles(self, troubles: &'a [Trouble]) -> Self {
        Self { troubles, ..self }
    }

    /// With what would be done.
    pub(super) fn plan(self, plan: &'a Plan) -> Self {
        Self { version: Some(&plan.version), tag: Some(&plan.tag), plan: Some(plan), ..self }
    }

    /// How `plan` ended.
    pub(super) fn of(plan: &'a Plan, ended: &'a Ended) -> Self {
        let (outcome, step, why) = match &ended.outcome {
            Outcome::Done => ("done", None, None),
            Outcome::Unpublished { why } => ("unpublished", Some("publish"), Some(why)),
            Outcome::Undone { step, why, .. } => ("undone", Some(*step), Some(why)),
            Outcome::Stuck { step, undo_why, .. } => ("stuck", Some(*step), Some(undo_why)),
            Outcome::Unknown { why } => ("unknown", Some("push"), Some(why)),
        };
        let left: &[String] = match &ended.outcome {
            Outcome::Undone { left, .. } => left,
            _ => &[],
        };
        Self {
            left,
            commit: ended.commit.as_deref(),
            digest: ended.digest,
            step,
            why: why.map(String::as_str),
            ..Self::new(outcome).plan(plan)
        }
    }
}

/// The plan for people.
pub(super) fn plan(plan: &Plan) -> String {
    let Plan { app, version, branch, remote, remote_branch, tag, .. } = plan;
    let mut text = format!("plan for the release of `{app}` {version}\n\n");
    let after = plan.latest.as_ref().map_or("the first one".to_owned(), |latest| format!("after {latest}"));
    let count = match plan.commits.len() {
        1 => "1 commit".to_owned(),
        count => format!("{count} commits"),
    };
    let _ = writeln!(text, "  from `{branch}` at {}, {after}: {count}", short(&plan.head));
    let _ = writeln!(text, "  to `{remote_branch}` of `{remote}`, as `{tag}`");
    for (index, step) in plan.steps.iter().enumerate() {
        let pivot = if index == plan.pivot { "; from here nothing is undone" } else { "" };
        let _ = writeln!(text, "    {:>2}  {:<10} {}{pivot}", index + 1, step.name(), plan.told(step));
        if let Step::Changelog { edit } = step {
            for line in
                edit.changes.iter().flat_map(|change| change.new.lines()).filter(|line| !line.is_empty())
            {
                let _ = writeln!(text, "                     {line}");
            }
        }
    }
    if !plan.commits.is_empty() {
        text.push_str("\n  commits that are released:\n");
        for commit in plan.commits.iter().take(COMMITS_SHOWN) {
            let _ = writeln!(text, "    {}", commit.escape_debug());
        }
        if plan.commits.len() > COMMITS_SHOWN {
            let _ = writeln!(text, "    and {} more", plan.commits.len() - COMMITS_SHOWN);
        }
    }
    if !plan.notes.is_empty() {
        text.push('\n');
    }
    for note in &plan.notes {
        let _ = writeln!(text, "  note: {note}");
    }
    text
}

/// How it ended, for people; `was_interrupted` by the operator.
pub(super) fn ending(plan: &Plan, ended: &Ended, was_interrupted: bool) -> String {
    let Plan { app, version, tag, remote, .. } = plan;
    match &ended.outcome {
        Outcome::Done => {
            let commit = ended.commit.as_deref().map(short).unwrap_or_default();
            let digest =
                ended.digest.map(|digest| format!(", digest {}", digest.short())).unwrap_or_default();
            format!("{app} {version} is released: commit {commit}, `{tag}` at `{remote}`{digest}")
        }
        Outcome::Unpublished { why } => failure(
            &format!("the release of {version} is pushed, and could not be published"),
            why,
            &format!("`{tag}` is at `{remote}`: nothing is undone any more"),
            "mend that; `pintail release --resume` publishes it",
        ),
        Outcome::Undone { step, why, left } if was_interrupted => failure(
            &format!("the release of {version} was interrupted at step `{step}`"),
            why,
            &undone(left),
            "the same again releases it",
        ),
        Outcome::Undone { step, why, left } => failure(
            &format!("the release of {version} failed at step `{step}`"),
            why,
            &undone(left),
            "mend that, and say it again",
        ),
        Outcome::Stuck { step, why, undo_why } => failure(
            &format!("the release of {version} is stuck: step `{step}` could not be undone"),
            undo_why,
            &format!(
                "it was being undone since: {}\nthe steps before `{step}` are not undone either",
                why.lines().next().unwrap_or_default()
            ),
            "mend that; `pintail release --abort` tries again",
        ),
        Outcome::Unknown { why } => failure(
            &format!("nobody knows whether the release of {version} was pushed"),
            why,
            "nothing is done until that is known",
            &format!("when `{remote}` can be reached, `pintail release --resume` asks it and goes on"),
        ),
    }
}

/// That a release was taken back, and what of it could not be.
pub(super) fn undone(left: &[String]) -> String {
    match left {
        [] => "undone: everything is as it was before".to_owned(),
        left => format!("undone, but for this: {}", left.join("\n")),
    }
}

fn short(commit: &str) -> &str {
    &commit[..commit.len().min(DIGITS)]
}
