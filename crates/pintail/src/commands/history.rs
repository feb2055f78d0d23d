//! `history`: every deployment with its outcome.

use crate::args;
use crate::exit::{Exit, Failure};
use crate::project::Place;
use crate::screen::{self, moment, seconds};
use pintail_core::history::{Deployment, Outcome};
use serde::Serialize;

/// The format of `history --json`.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Document {
    format: u32,
    target: String,
    hosts: Vec<HostHistory>,
}

#[derive(Serialize)]
struct HostHistory {
    host: String,
    deployments: Vec<Deployment>,
}

pub(crate) fn run(place: &Place, args: &args::History) -> Result<Exit, Failure> {
    let project = place.project()?;
    let hosts = project.operator()?.observe(project.target(&args.target)?)?;
    let hosts: Vec<HostHistory> = hosts
        .into_iter()
        .map(|host| HostHistory {
            host: host.session.host().to_owned(),
            deployments: host.observed.deployments,
        })
        .collect();
    if args.json {
        screen::print_document(&Document { format: FORMAT, target: args.target.clone(), hosts });
        return Ok(Exit::Done);
    }
    for host in &hosts {
        screen::print(&format!("{} of `{}`", host.host, project.config.name));
        if host.deployments.is_empty() {
            screen::print("  nothing was ever deployed");
        }
        for deployment in host.deployments.iter().rev() {
            screen::print(&shown(deployment));
        }
    }
    Ok(Exit::Done)
}

fn shown(deployment: &Deployment) -> String {
    let Deployment { id, kind, release, by, began_ms, ended_ms, outcome, .. } = deployment;
    let took = ended_ms.map_or(String::new(), |ended| seconds(ended.saturating_sub(*began_ms)));
    let head = format!(
        "  {id:>4}  {}  {:<8} {:<12} {:<11} {took:>8}  {by}",
        moment(*began_ms),
        kind.word(),
        release.version().to_string(),
        word(outcome)
    );
    let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    match outcome {
        Outcome::Done { remarks } => {
            remarks.iter().fold(head, |text, remark| format!("{text}\n        remark: {remark}"))
        }
        Outcome::Undone { step, why, .. } => format!("{head}\n        at `{step}`: {}", first(why)),
        Outcome::Stuck { step, why } => {
            format!("{head}\n        `{step}` could not be undone: {}", first(why))
        }
        Outcome::Interrupted { step } => format!("{head}\n        at `{step}`; the next command clears up"),
        Outcome::Running => head,
    }
}

/// An outcome in a word.
pub(crate) fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Running => "running",
        Outcome::Done { .. } => "done",
        Outcome::Undone { .. } => "undone",
        Outcome::Stuck { .. } => "stuck",
        Outcome::Interrupted { .. } => "interrupted",
    }
}
