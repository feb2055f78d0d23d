//! `doctor`: what stands in the way, here and on a target's hosts.

use crate::args;
use crate::exit::{Exit, Failure};
use crate::project::{Place, Project};
use crate::screen;
use pintail_core::config::Target;
use pintail_core::wire::Finding;
use pintail_os::program::Program;
use serde::Serialize;

/// The format of `doctor --json`.
const FORMAT: u32 = 1;
/// Bytes of a program's version that are read.
const ANSWER_MAX: usize = 4096;

#[derive(Serialize)]
struct Document {
    format: u32,
    places: Vec<Examined>,
}

#[derive(Serialize)]
struct Examined {
    place: String,
    findings: Vec<Finding>,
}

pub(crate) fn run(place: &Place, args: &args::Doctor) -> Result<Exit, Failure> {
    let project = place.project()?;
    let targets: Vec<&Target> = match &args.target {
        Some(name) => vec![project.target(name)?],
        None => project.config.targets.iter().collect(),
    };
    let mut places = vec![Examined { place: "here".to_owned(), findings: here(&project) }];
    for target in targets {
        for mut session in project.operator()?.connect(target)? {
            let place = format!("{} ({})", target.name, session.host());
            places.push(Examined { place, findings: session.examine()? });
        }
    }
    let bad = places.iter().flat_map(|place| &place.findings).filter(|finding| finding.bad).count();
    if args.json {
        screen::print_document(&Document { format: FORMAT, places });
    } else {
        for place in &places {
            show(place);
        }
        screen::print(&if bad == 0 {
            "nothing stands in the way".to_owned()
        } else {
            format!("{bad} things stand in the way")
        });
    }
    Ok(if bad == 0 { Exit::Done } else { Exit::Refused })
}

fn show(place: &Examined) {
    screen::print(&place.place);
    for finding in &place.findings {
        let mark = if finding.bad { "BAD" } else { "ok " };
        screen::print(&format!("  {mark} {:<11} {}", finding.what, finding.how));
        if let Some(hint) = finding.hint.as_ref().filter(|_| finding.bad) {
            screen::print(&format!("      hint: {hint}"));
        }
    }
}

fn here(project: &Project) -> Vec<Finding> {
    let git = Program::new("git").args(["--version"]).output(ANSWER_MAX);
    let git = match git {
        Ok(version) => finding("git", false, String::from_utf8_lossy(&version).trim(), None),
        Err(error) => finding(
            "git",
            true,
            &error.to_string(),
            Some("`pintail build` needs git; `deploy` and `rollback` do not"),
        ),
    };
    let depot = match project.depot().list() {
        Ok(listing) if listing.faults.is_empty() => {
            finding("depot", false, &format!("{} artifacts", listing.cards.len()), None)
        }
        Ok(listing) => finding(
            "depot",
            true,
            &listing.faults[0].to_string(),
            Some("`pintail depot verify` reads every one"),
        ),
        Err(error) => finding("depot", true, &error.to_string(), None),
    };
    vec![git, depot]
}

fn finding(what: &str, bad: bool, how: &str, hint: Option<&str>) -> Finding {
    Finding { what: what.to_owned(), bad, how: how.to_owned(), hint: hint.map(str::to_owned) }
}
