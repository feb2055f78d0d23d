//! Looks at a host and says what it is. Changes nothing and takes no lock, so it may be asked while an
//! operation runs; what it says of the journal is then a moment old.

use crate::journal::{self, Record};
use crate::steps::read_flag;
use crate::supervise::protocol::{self as supervise, InstanceState, ServiceStatus};
use crate::supervisors;
use crate::trouble::{Trying, trouble};
use pintail_core::digest::Digest;
use pintail_core::history::{self, Deployment, Outcome};
use pintail_core::layout::Layout;
use pintail_core::name::{AppName, ReleaseName};
use pintail_core::observed::{
    Base, Current, Instance, Observed, ObservedService, Running, SettingsFault, Unfinished,
};
use pintail_core::plan::{Address, Pass, Service, Socket, Step, Supervisor};
use pintail_core::wire::Trouble;
use pintail_os::lock::Lock;
use pintail_os::{clock, files};
use pintail_saga::{Ending, Failure, Position};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Who holds the lock, written by the holder; it means nothing when the lock is free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The operation, once it has a number.
    pub id: Option<u64>,
    /// Who asked for it.
    pub by: String,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
    /// The agent's process number.
    pub pid: u32,
}

/// How often it is looked who took the lock, and how long is waited between: a write and a rename on a busy disk.
const SIGN_TRIES: u32 = 50;
const SIGN_PAUSE: Duration = Duration::from_millis(10);

/// Where [`Holder`] is written.
pub(crate) fn holder_path(layout: &Layout) -> std::path::PathBuf {
    layout.journal().join("holder.json")
}

/// Who holds the lock, if anybody does.
pub(crate) fn holder(layout: &Layout) -> Result<Option<Holder>, Trouble> {
    let held = Lock::is_held(&layout.lock())
        .trying(|| format!("cannot look at the lock `{}`", layout.lock().display()))
        .map_err(trouble)?;
    if !held {
        return Ok(None);
    }
    let written = || -> Option<Holder> {
        let bytes = files::read_bounded(&holder_path(layout), 64 << 10).ok()?;
        let holder: Holder = serde_json::from_slice(&bytes).ok()?;
        // One that was killed could not take its name away.
        pintail_os::process::identity(holder.pid).is_some().then_some(holder)
    };
    // Between taking the lock and writing who took it lies a moment; on a full disk, for ever.
    for _ in 0..SIGN_TRIES {
        if let Some(holder) = written() {
            return Ok(Some(holder));
        }
        std::thread::sleep(SIGN_PAUSE);
        if !Lock::is_held(&layout.lock()).unwrap_or(true) {
            return Ok(None);
        }
    }
    Ok(Some(Holder { id: None, by: "somebody".to_owned(), since_ms: clock::now_ms(), pid: 0 }))
}

/// What the host is. `held` says that the asker itself holds the lock, so that nothing else can run.
///
/// # Errors
/// The journal is unreadable or from a newer Pintail: then nobody may change anything.
pub fn observe(layout: &Layout, pintail: &str, held: bool) -> Result<Observed, Trouble> {
    let look = || if held { Ok(None) } else { holder(layout) };
    let before = look()?;
    let ids = journal::ids(layout)?;
    let mut records = Vec::new();
    // All of them: what makes an old release good may lie behind any number of later operations.
    for id in &ids {
        records.push(journal::read(layout, *id)?);
    }
    // What began just now is in the journal already, and must not pass for something whose agent died.
    let holder = before.or(look()?);
    let mut remarks = Vec::new();
    for record in records.iter().filter(|record| record.torn && holder.is_none()) {
        let id = record.header.plan.id;
        remarks.push(format!("the journal of deployment {id} ends in a torn line; nothing rested on it"));
    }
    let runs =
        |record: &Record| holder.as_ref().is_some_and(|holder| holder.id == Some(record.header.plan.id));
    let deployments: Vec<Deployment> =
        records.iter().map(|record| record.deployment(runs(record))).collect::<Result<_, _>>()?;
    let releases = releases(layout)?;
    let current = current(layout)?;
    let bases = bases(layout, current.release(), &releases);
    let deployments = history::telling(deployments, &releases);
    let app = app(&records, &deployments);
    let unfinished = records.last().filter(|record| !runs(record)).map(unfinished).transpose()?.flatten();
    let (settings, settings_fault) = match crate::settings::read(layout) {
        Ok(settings) => (settings, None),
        Err(failure) => {
            remarks.push(format!("{}: {}", failure.what, failure.why));
            let Failure { what, why, hint } = failure;
            (crate::settings::Settings::default(), Some(SettingsFault { what, why, hint }))
        }
    };
    let supervised = supervisors::everything(layout);
    remarks.extend(supervised.remarks);
    let (services, unexplained) = services(layout, &supervised.services, &mut remarks);
    // While an operation is on its way, or was left there, what runs is what it says.
    let settled = holder.is_none() && unfinished.is_none();
    let missing = if settled { missing(&records, &deployments, &services) } else { Vec::new() };
    Ok(Observed {
        machine: pintail_os::process::host(),
        pintail: pintail.to_owned(),
        root: layout.root().display().to_string(),
        now_ms: clock::now_ms(),
        app,
        current,
        releases,
        bases,
        running: holder.map(|holder| running(&holder, &records)),
        unfinished,
        services,
        missing,
        unexplained,
        supervised: supervised.watched,
        // While an operation is on its way, it is what writes them.
        altered: if settled { supervised.altered } else { Vec::new() },
        differing: None,
        maintenance: read_flag(layout),
        environment: Some(&settings.bytes).filter(|bytes| !bytes.is_empty()).map(|bytes| Digest::of(bytes)),
        settings: settings.values.into_keys().collect(),
        settings_fault,
        free_bytes: free_bytes(layout.root()),
        next: ids.last().map_or(1, |last| last + 1),
        deployments,
        remarks,
    })
}

fn running(holder: &Holder, records: &[Record]) -> Running {
    let record = records.iter().find(|record| holder.id == Some(record.header.plan.id));
    let step = record.and_then(|record| match record.position().ok()? {
        Position::Forward { step, .. } => Some(record.step_name(step)),
        Position::Backward { step, .. } => Some(format!("undoing {}", record.step_name(step.unwrap_or(0)))),
        Position::Ended(_) => None,
    });
    Running { id: holder.id, by: holder.by.clone(), since_ms: holder.since_ms, step, pid: holder.pid }
}

fn unfinished(record: &Record) -> Result<Option<Unfinished>, Trouble> {
    let (step, backward, stuck) = match record.position()? {
        Position::Forward { step, .. } => (step, false, None),
        Position::Backward { step, .. } => (step.unwrap_or(0), true, None),
        Position::Ended(Ending::Stuck { step, undo_why, .. }) => (step, true, Some(undo_why)),
        Position::Ended(_) => return Ok(None),
    };
    let (id, by) = (record.header.plan.id, record.header.by.clone());
    Ok(Some(Unfinished { id, by, step: record.step_name(step), backward, stuck }))
}

fn current(layout: &Layout) -> Result<Current, Trouble> {
    let path = layout.current();
    let target = match files::link_target(&path) {
        Ok(None) => return Ok(Current::Nothing),
        Ok(Some(target)) => target,
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            let what = if path.is_dir() { "a folder" } else { "a file" };
            return Ok(Current::Foreign { what: what.to_owned() });
        }
        Err(error) => {
            return Err(error).trying(|| format!("cannot look at `{}`", path.display())).map_err(trouble);
        }
    };
    let text = target.display().to_string();
    if !path.exists() {
        return Ok(Current::Dangling { target: text });
    }
    // Written relative by us, perhaps absolute by hand: what counts is where it leads.
    let leads_to = fs::canonicalize(&path).ok();
    let name =
        target.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<ReleaseName>().ok());
    match name {
        Some(release)
            if leads_to.is_some() && leads_to == fs::canonicalize(layout.release(&release)).ok() =>
        {
            Ok(Current::Release { release })
        }
        _ => Ok(Current::Foreign { what: format!("a link to `{text}`") }),
    }
}

fn releases(layout: &Layout) -> Result<Vec<ReleaseName>, Trouble> {
    let folder = layout.releases();
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.trying(|| format!("cannot look into `{}`", folder.display())).map_err(trouble)?,
    };
    // Half-made ones have names that no release can have.
    let mut releases: Vec<ReleaseName> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    releases.sort();
    Ok(releases)
}

/// How many releases are told of that others can be made of: the operator's depot lacks the artifact of one, perhaps.
const BASES_TOLD: usize = 3;

/// The releases that others can be made of: the live one first, then from the last version down.
fn bases(layout: &Layout, live: Option<&ReleaseName>, releases: &[ReleaseName]) -> Vec<Base> {
    let others = releases.iter().rev().filter(|release| live != Some(*release));
    let base = |release: &ReleaseName| {
        let held = pintail_depot::Held::read(&layout.release(release))?;
        Some(Base { release: release.clone(), lacking: held.lacking()?.to_vec() })
    };
    live.into_iter().chain(others).filter_map(base).take(BASES_TOLD).collect()
}

/// The services wanted up, and those of them that no journal explains. What they are was said by the plan of the
/// operation that is their generation.
fn services(
    layout: &Layout,
    found: &[(Supervisor, ServiceStatus)],
    remarks: &mut Vec<String>,
) -> (Vec<ObservedService>, Vec<Service>) {
    let (mut services, mut unexplained) = (Vec::new(), Vec::new());
    for (supervisor, there) in found {
        let Some(mut service) = described(layout, &there.process, there.generation) else {
            match stray(layout, supervisor, there) {
                Some(service) => unexplained.push(service),
                None => {
                    remarks.push(format!("`{}@{}` runs what is no release", there.process, there.generation));
                }
            }
            continue;
        };
        service.supervisor = supervisor.clone();
        let instances = there
            .instances
            .iter()
            .map(|instance| Instance {
                pid: instance.pid,
                running: instance.state == InstanceState::Running,
                state: state(&instance.state).to_owned(),
                since_ms: instance.since_ms,
                restarts: instance.restarts,
                ended: match &instance.state {
                    InstanceState::GaveUp { reason } => Some(reason.clone()),
                    _ => instance.last_exit.clone(),
                },
            })
            .collect();
        let environment =
            fs::read(layout.frozen_environment(there.generation)).ok().filter(|bytes| !bytes.is_empty());
        services.push(ObservedService {
            public: is_public(layout, &service),
            environment: environment.map(|bytes| Digest::of(&bytes)),
            service,
            instances,
        });
    }
    (services, unexplained)
}

/// The application whose root it is. An attempt that was undone made it nobody's.
fn app(records: &[Record], deployments: &[Deployment]) -> Option<AppName> {
    let is_done = |deployment: &&Deployment| matches!(deployment.outcome, Outcome::Done { .. });
    let last = deployments.iter().rev().find(is_done)?;
    let plan = &records.iter().find(|record| record.header.plan.id == last.id)?.header.plan;
    Some(plan.app.clone())
}

/// What the last deployment that is done left running, without what runs. Each one starts all its services anew, so
/// the last one's are all that there should be; what it only tried, it stopped again.
fn missing(records: &[Record], deployments: &[Deployment], there: &[ObservedService]) -> Vec<Service> {
    let is_done = |deployment: &&Deployment| matches!(deployment.outcome, Outcome::Done { .. });
    let Some(last) = deployments.iter().rev().find(is_done) else { return Vec::new() };
    let steps = records.iter().filter(|record| record.header.plan.id == last.id);
    let mut up: Vec<Service> = Vec::new();
    for step in steps.flat_map(|record| &record.header.plan.steps) {
        match step {
            Step::Start { service } => up.push(service.clone()),
            Step::Stop { service } => up.retain(|started| started != service),
            _ => {}
        }
    }
    let runs = |service: &Service| {
        there.iter().any(|there| {
            (&there.service.process, there.service.generation) == (&service.process, service.generation)
        })
    };
    up.into_iter().filter(|service| !runs(service)).collect()
}

/// A service of which only the supervisor knows, as far as it does: enough to stop and forget it, with the socket
/// that an operation would have made for it. `None` where it runs what can be no release.
fn stray(layout: &Layout, supervisor: &Supervisor, there: &ServiceStatus) -> Option<Service> {
    let name = format!("{}.{}", there.process, there.generation);
    let running = supervisors::Supervisor::running(layout, supervisor).ok().flatten();
    let held = running.and_then(|running| running.sockets().ok()).unwrap_or_default();
    let socket = held.into_iter().find(|(held, _)| *held == name).map(|(name, address)| Socket {
        name,
        address: match address {
            supervise::Address::Unix(path) => Address::Unix(path),
            supervise::Address::Tcp(address) => Address::Tcp(address),
        },
        pass: Pass::ListenFds,
    });
    Some(Service {
        process: there.process.clone(),
        generation: there.generation,
        release: there.release.parse().ok()?,
        supervisor: supervisor.clone(),
        typed: String::new(),
        line: String::new(),
        instances: there.instances.len() as u32,
        socket,
        health: None,
        settle_ms: 0,
        stop_timeout_ms: there.stop_timeout_ms,
        drain_ms: 0,
    })
}

fn state(state: &InstanceState) -> &'static str {
    match state {
        InstanceState::Starting => "starting",
        InstanceState::Running => "running",
        InstanceState::Backoff { .. } => "waiting to start again",
        InstanceState::GaveUp { .. } => "gave up",
        InstanceState::Stopping => "stopping",
        InstanceState::Stopped => "stopped",
    }
}

fn described(layout: &Layout, process: &str, generation: u64) -> Option<Service> {
    let record = journal::read(layout, generation).ok()?;
    record.header.plan.steps.into_iter().find_map(|step| match step {
        Step::Start { service } if service.process == process => Some(service),
        _ => None,
    })
}

fn is_public(layout: &Layout, service: &Service) -> bool {
    match service.socket.as_ref().map(|socket| &socket.address) {
        Some(Address::Unix(path)) => {
            let public = files::link_target(&layout.public_socket(&service.process)).ok().flatten();
            public.is_some() && public.as_deref().and_then(Path::file_name) == path.file_name()
        }
        _ => true,
    }
}

fn free_bytes(root: &Path) -> u64 {
    // The root may not be there yet; then the disk of what is there counts.
    root.ancestors().find_map(|folder| files::free_bytes(folder).ok()).unwrap_or(0)
}

/// The folders that every host has.
pub(crate) fn make_folders(layout: &Layout) -> Result<(), Trouble> {
    let folders = [
        (layout.root().to_path_buf(), 0o755),
        (layout.run(), 0o755),
        (layout.log(), 0o755),
        (layout.journal(), 0o700),
    ];
    for (folder, mode) in folders {
        let made = files::make_folder(&folder, mode)
            .trying(|| format!("cannot make the folder `{}`", folder.display()));
        made.map_err(trouble)?;
    }
    Ok(())
}
