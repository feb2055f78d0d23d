//! `status`: what runs where, since when, by whom, and what is not as it should be.

use super::distance::{self, Distance, distances};
use crate::args;
use crate::exit::{Exit, Failure};
use crate::project::Place;
use crate::screen::{self, ago, moment};
use pintail_core::history::{Standing, made_live, standing};
use pintail_core::name::{AppName, ReleaseName};
use pintail_core::observed::{
    Altered, Current, Differing, Instance, Maintenance, Observed, ObservedService, Running, Unfinished,
};
use pintail_core::wire::Trouble;
use serde::Serialize;

/// The format of `status --json`: `docs/formats/status.md`.
const FORMAT: u32 = 1;
/// Releases told of besides the live one.
const RELEASES_TOLD: usize = 6;

#[derive(Serialize)]
struct Document {
    format: u32,
    app: String,
    targets: Vec<TargetStatus>,
    /// How far targets are apart.
    distances: Vec<Distance>,
}

#[derive(Serialize)]
struct TargetStatus {
    target: String,
    hosts: Vec<Told>,
}

/// What a host says of itself, or why it can't.
#[derive(Serialize)]
#[serde(untagged)]
enum Told {
    There(Box<HostStatus>),
    Gone { host: String, unreachable: Trouble },
}

#[derive(Serialize)]
struct HostStatus {
    host: String,
    machine: String,
    root: String,
    now_ms: u64,
    current: Current,
    live: Option<Live>,
    processes: Vec<Process>,
    maintenance: Maintenance,
    running: Option<Running>,
    unfinished: Option<Unfinished>,
    releases: Vec<Release>,
    /// What is not as it should be, a sentence each.
    drift: Vec<String>,
    remarks: Vec<String>,
}

#[derive(Serialize)]
struct Live {
    release: ReleaseName,
    version: String,
    commit: Option<String>,
    since_ms: Option<u64>,
    by: Option<String>,
    deployment: Option<u64>,
}

#[derive(Serialize)]
struct Process {
    process: String,
    generation: u64,
    release: ReleaseName,
    public: bool,
    instances: Vec<Instance>,
}

#[derive(Serialize)]
struct Release {
    release: ReleaseName,
    standing: Standing,
}

pub(crate) fn run(place: &Place, args: &args::Status) -> Result<Exit, Failure> {
    let project = place.project()?;
    let operator = project.operator()?;
    let names: Vec<String> = if args.targets.is_empty() {
        project.config.targets.iter().map(|target| target.name.clone()).collect()
    } else {
        args.targets.clone()
    };
    let (mut targets, mut lives) = (Vec::new(), Vec::new());
    for name in &names {
        let target = project.target(name)?;
        let mut reached = operator.observe_each(target);
        // Who asked for one host and can't have it has nothing else to be told.
        if names.len() == 1
            && reached.len() == 1
            && let Some(Err(trouble)) = reached.pop_if(|reached| reached.is_err())
        {
            return Err(trouble.into());
        }
        if let Some(first) = reached.iter_mut().find_map(|reached| reached.as_mut().ok()) {
            lives.push(distance::Live::of(&project, name, first));
        }
        let mut hosts: Vec<Told> = target
            .hosts
            .iter()
            .zip(reached)
            .map(|(address, reached)| match reached {
                Ok(host) => {
                    Told::There(Box::new(status(host.session.host(), &project.config.name, host.observed)))
                }
                Err(unreachable) => Told::Gone { host: address.to_string(), unreachable },
            })
            .collect();
        tell_who_is_behind(&mut hosts);
        targets.push(TargetStatus { target: name.clone(), hosts });
    }
    let gone = targets.iter().flat_map(|target| &target.hosts).any(|told| matches!(told, Told::Gone { .. }));
    let document = Document {
        format: FORMAT,
        app: project.config.name.to_string(),
        targets,
        distances: distances(&project, &lives),
    };
    if args.json {
        screen::print_document(&document);
    } else {
        for target in &document.targets {
            for host in &target.hosts {
                match host {
                    Told::There(host) => screen::print(shown(&target.target, host).trim_end()),
                    Told::Gone { host, unreachable } => {
                        screen::print(&out_of_reach(&target.target, host, unreachable))
                    }
                }
            }
        }
        document.distances.iter().for_each(|distance| screen::print(&distance::told(distance)));
    }
    Ok(if gone { Exit::Refused } else { Exit::Done })
}

fn out_of_reach(target: &str, host: &str, why: &Trouble) -> String {
    let hint = why.hint.as_ref().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
    format!("{target}  {host}\n  OUT OF REACH  {}: {}{hint}", why.what, why.why)
}

/// Hosts of a target that serve another release than the one that came last are told so.
fn tell_who_is_behind(hosts: &mut [Told]) {
    // Ages, not moments: hosts' clocks differ.
    let live = |told: &Told| match told {
        Told::There(host) => host.live.as_ref().map(|live| {
            let age_ms = live.since_ms.map_or(u64::MAX, |since| host.now_ms.saturating_sub(since));
            (age_ms, live.release.clone(), host.host.clone())
        }),
        Told::Gone { .. } => None,
    };
    let Some((_, newest, there)) = hosts.iter().filter_map(live).min_by_key(|(age_ms, ..)| *age_ms) else {
        return;
    };
    for told in hosts {
        let Told::There(host) = told else { continue };
        if host.running.is_some() {
            continue;
        }
        let serves = match &host.live {
            Some(live) if live.release == newest => continue,
            Some(live) => live.version.clone(),
            None => "nothing".to_owned(),
        };
        let version = newest.version();
        host.drift.push(format!("is behind: it serves {serves}, and {version} is live on `{there}`; `pintail deploy` catches it up"));
    }
}

fn status(host: &str, app: &AppName, observed: Observed) -> HostStatus {
    let live = observed.current.release().map(|release| {
        let made = made_live(release, &observed.deployments);
        Live {
            version: release.version().to_string(),
            commit: made.and_then(|made| made.commit.clone()),
            since_ms: made.and_then(|made| made.ended_ms),
            by: made.map(|made| made.by.clone()),
            deployment: made.map(|made| made.id),
            release: release.clone(),
        }
    });
    let mut drift = drift(&observed);
    if let Some(other) = observed.app.as_ref().filter(|other| *other != app) {
        drift.insert(0, format!("this is the root of `{other}`, not of `{app}`"));
    }
    let mut remarks = observed.remarks;
    if let Some(Differing { unseen: unseen @ 1.., files, .. }) = observed.differing {
        remarks.push(format!(
            "{unseen} of {files} files were not looked at, for time; `pintail doctor` reads them"
        ));
    }
    let standing = |release: &ReleaseName| Release {
        standing: standing(release, observed.current.release(), &observed.deployments),
        release: release.clone(),
    };
    HostStatus {
        host: host.to_owned(),
        live,
        drift,
        releases: observed.releases.iter().rev().map(standing).collect(),
        processes: observed.services.into_iter().map(process).collect(),
        machine: observed.machine,
        root: observed.root,
        now_ms: observed.now_ms,
        current: observed.current,
        maintenance: observed.maintenance,
        running: observed.running,
        unfinished: observed.unfinished,
        remarks,
    }
}

fn process(there: ObservedService) -> Process {
    let ObservedService { service, public, instances, .. } = there;
    Process {
        process: service.process,
        generation: service.generation,
        release: service.release,
        public,
        instances,
    }
}

/// What a host is, against what it should be by its own journal. An operation that runs explains everything.
pub(crate) fn drift(observed: &Observed) -> Vec<String> {
    if observed.running.is_some() {
        return Vec::new();
    }
    let mut drift = Vec::new();
    match &observed.current {
        Current::Dangling { target } => {
            drift.push(format!("`current` leads to `{target}`, which is not there"))
        }
        Current::Foreign { what } => drift.push(format!("`current` is {what}, which Pintail did not make")),
        Current::Nothing | Current::Release { .. } => {}
    }
    drift.extend(observed.down());
    drift.extend(observed.differing.as_ref().and_then(Differing::told));
    drift.extend(observed.altered.iter().map(Altered::told));
    for service in &observed.unexplained {
        drift.push(format!("`{service}` runs, and no journal says why; `pintail deploy` stops it"));
    }
    for there in &observed.services {
        let service = &there.service;
        if observed.current.release() != Some(&service.release) {
            drift.push(format!(
                "`{service}` runs release {}, which is not the live one",
                service.release.version()
            ));
        }
        if !there.public {
            drift.push(format!("the public socket of `{}` does not lead to `{service}`", service.process));
        }
        // Of a file that can't be read it is not known: a remark says so.
        if there.environment != observed.environment && observed.settings_fault.is_none() {
            drift.push(format!(
                "`{service}` runs with other settings than `env` has now; a deploy restarts it"
            ));
        }
    }
    drift
}

fn shown(target: &str, host: &HostStatus) -> String {
    let mut text = format!("{target}  {} ({})  {}\n", host.host, host.machine, host.root);
    let mut line = |name: &str, what: &str| text.push_str(&format!("  {name:<12} {what}\n"));
    line("live", &live(host));
    for process in &host.processes {
        line(&format!("{}@{}", process.process, process.generation), &instances(process, host.now_ms));
    }
    match &host.maintenance {
        Maintenance::Off => {}
        Maintenance::On { long, by } => {
            line("maintenance", &format!("on{}, by {by}", if *long { " (long)" } else { "" }));
        }
    }
    if let Some(running) = &host.running {
        let step = running.step.as_deref().map(|step| format!(", at `{step}`")).unwrap_or_default();
        let id = running.id.map(|id| format!("deployment {id} of ")).unwrap_or_default();
        line("running", &format!("{id}{}, since {}{step}", running.by, ago(running.since_ms, host.now_ms)));
    }
    if let Some(unfinished) = &host.unfinished {
        let state = unfinished.stuck.as_ref().map_or("interrupted".to_owned(), |why| format!("STUCK: {why}"));
        line(
            "unfinished",
            &format!("deployment {} of {} at `{}`, {state}", unfinished.id, unfinished.by, unfinished.step),
        );
        line("", &way_out(unfinished, target));
    }
    let others: Vec<String> = host
        .releases
        .iter()
        .filter(|release| release.standing != Standing::Live)
        .take(RELEASES_TOLD)
        .map(|release| format!("{} {}", release.release.version(), word(release.standing)))
        .collect();
    if !others.is_empty() {
        line("also there", &others.join(", "));
    }
    for drift in &host.drift {
        line("DRIFT", drift);
    }
    for remark in &host.remarks {
        line("remark", remark);
    }
    text
}

fn way_out(unfinished: &Unfinished, target: &str) -> String {
    match unfinished {
        Unfinished { stuck: Some(_), .. } => format!("mend that, then `pintail abort {target}` tries again"),
        Unfinished { backward: true, .. } => format!("`pintail abort {target}` goes on undoing it"),
        _ => format!("`pintail resume {target}` finishes it, `pintail abort {target}` undoes it"),
    }
}

fn live(host: &HostStatus) -> String {
    let Some(live) = &host.live else { return "nothing".to_owned() };
    let since = live
        .since_ms
        .map(|since| format!(", since {} ({})", moment(since), ago(since, host.now_ms)))
        .unwrap_or_default();
    let by = live.by.as_deref().map(|by| format!(", by {by}")).unwrap_or_default();
    let id = live.deployment.map(|id| format!(", deployment {id}")).unwrap_or_default();
    format!("{}{since}{by}{id}", live.release)
}

fn instances(process: &Process, now_ms: u64) -> String {
    let told: Vec<String> = process
        .instances
        .iter()
        .map(|instance| {
            let pid = instance.pid.map(|pid| format!(" pid {pid}")).unwrap_or_default();
            let restarts = if instance.restarts > 0 {
                format!(", restarted {} times", instance.restarts)
            } else {
                String::new()
            };
            // A reason's further lines are its log's.
            let ended = instance
                .ended
                .as_deref()
                .and_then(|how| how.lines().next())
                .map(|how| format!(", ended: {how}"))
                .unwrap_or_default();
            format!("{}{pid} since {}{restarts}{ended}", instance.state, ago(instance.since_ms, now_ms))
        })
        .collect();
    told.join("; ")
}

fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Prepared => "prepared",
        Standing::Live => "live",
        Standing::Good => "good",
        Standing::Bad => "bad",
    }
}
