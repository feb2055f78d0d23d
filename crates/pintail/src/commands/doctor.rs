//! `doctor`: what stands in the way, here and on a target's hosts.

use super::modules;
use crate::args;
use crate::exit::{Exit, Failure};
use crate::project::{Place, Project};
use crate::screen;
use pintail_core::config::Target;
use pintail_core::wants::wants;
use pintail_core::wire::Finding;
use pintail_os::program::Program;
use serde::Serialize;

/// The format of `doctor --json`.
const FORMAT: u32 = 1;
/// Seconds that two clocks may differ: a slow answer is no wrong clock.
const CLOCK_OFF_S: u64 = 30;
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
        places.extend(hosts(&project, target, false)?);
    }
    told(places, args.json, "nothing stands in the way")
}

/// `setup`: makes a target's hosts ready as far as their users may, and says what root has to do once.
pub(crate) fn set_up(place: &Place, args: &args::Setup) -> Result<Exit, Failure> {
    let project = place.project()?;
    let places = hosts(&project, project.target(&args.target)?, true)?;
    told(places, args.json, "ready: `pintail deploy` can begin")
}

/// Every host of `target`, looked at; one out of reach is a finding like any other.
fn hosts(project: &Project, target: &Target, set_up: bool) -> Result<Vec<Examined>, Failure> {
    let operator = project.operator()?;
    let root = operator.folder.join(&target.root);
    let mut places = Vec::new();
    for (address, reached) in target.hosts.iter().zip(operator.connect_each(target)) {
        let place = format!("{} ({address})", target.name);
        let findings = match reached {
            Ok(mut session) => {
                let mut findings = session.examine(wants(&project.config, &root, set_up))?;
                // Why it can't tell what it is, is a finding already.
                findings.extend(session.observe().map(|observed| clock(observed.now_ms)));
                findings
            }
            Err(trouble) => vec![finding(
                "ssh",
                true,
                &format!("{}: {}", trouble.what, trouble.why.lines().next().unwrap_or_default()),
                trouble.hint.as_deref(),
            )],
        };
        places.push(Examined { place, findings });
    }
    Ok(places)
}

/// A clock that is far off breaks certificates and misleads whoever reads logs; no deployment rests on it.
fn clock(there_ms: u64) -> Finding {
    let here_ms = pintail_os::clock::now_ms();
    let off_s = there_ms.abs_diff(here_ms) / 1000;
    let way = if there_ms > here_ms { "ahead of" } else { "behind" };
    match off_s {
        0..CLOCK_OFF_S => finding("clock", false, "agrees with this machine's", None),
        off_s => finding(
            "clock",
            true,
            &format!("is {off_s} s {way} this machine's"),
            Some("one of them needs a time service; no deployment rests on it, but certificates and logs do"),
        ),
    }
}

fn told(places: Vec<Examined>, json: bool, verdict: &str) -> Result<Exit, Failure> {
    let bad = places.iter().flat_map(|place| &place.findings).filter(|finding| finding.bad).count();
    if json {
        screen::print_document(&Document { format: FORMAT, places });
    } else {
        for place in &places {
            show(place);
        }
        screen::print(&if bad == 0 { verdict.to_owned() } else { format!("{bad} things stand in the way") });
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
    let mut findings = vec![git, depot];
    findings.extend(modules::findings(&project.folder));
    findings
}

fn finding(what: &str, bad: bool, how: &str, hint: Option<&str>) -> Finding {
    Finding { what: what.to_owned(), bad, how: how.to_owned(), hint: hint.map(str::to_owned) }
}
