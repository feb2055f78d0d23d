//! What a deployment asks of whoever runs it: the difference of what two releases say of themselves, for each release
//! that is live on some host. Knows the releases' own words; whoever makes plans gives them.

use crate::history::{Deployment, Kind, Ran};
use crate::name::ReleaseName;
use crate::notes::{About, Gathered, Note, Origin, Requirement, Run, computed, gather};
use crate::observed::Observed;
use serde::{Deserialize, Serialize};

use super::{HostPart, Step};

/// What releases say of themselves, as far as it could be had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// The one that is to be live.
    pub coming: Option<About>,
    /// Those that are live.
    pub live: Vec<(ReleaseName, About)>,
}

impl Said {
    /// What the live release `name` says.
    pub fn of(&self, name: &ReleaseName) -> Option<&About> {
        self.live.iter().find(|(live, _)| live == name).map(|(_, about)| about)
    }
}

/// What is asked where one and the same release is live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asks {
    /// The hosts.
    pub hosts: Vec<String>,
    /// What is live there.
    pub live: Option<ReleaseName>,
    /// Neither release's own words could be had: what lies between them is not known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
    /// What was written.
    pub notes: Gathered,
    /// What was computed.
    pub computed: Vec<Note>,
}

impl Asks {
    /// Whether there is nothing to tell.
    pub fn is_nothing(&self) -> bool {
        let Gathered { asks, taken_back, run, requires, maintenance, backup, history: _ } = &self.notes;
        let lists = asks.is_empty() && taken_back.is_empty() && run.is_empty() && requires.is_empty();
        lists && !maintenance && !backup && self.computed.is_empty() && !self.unknown
    }
}

/// What is asked of the hosts whose plans these are, by what is live there.
pub(crate) fn asks(said: &Said, target: &str, parts: &[HostPart]) -> Vec<Asks> {
    let mut all: Vec<Asks> = Vec::new();
    for part in parts {
        let Some(plan) = part.plan.as_ref().filter(|plan| plan.kind != Kind::Restart) else { continue };
        if let Some(alike) = all.iter_mut().find(|asks| asks.live == part.live) {
            alike.hosts.push(part.host.clone());
            continue;
        }
        let mut asks = between(said, part.live.as_ref(), target);
        asks.hosts.push(part.host.clone());
        if plan.kind == Kind::Rollback {
            // What was good is made live again as it was: nothing is run for it, and nobody waits for anybody's word.
            asks.notes.run.clear();
            asks.notes.requires.clear();
            let items = asks.notes.asks.iter_mut().chain(&mut asks.notes.taken_back);
            items.for_each(|item| item.acknowledge = false);
        }
        all.push(asks);
    }
    // What was run for all of its commits already is no step, and not told as one.
    let steps = || parts.iter().filter_map(|part| part.plan.as_ref()).flat_map(|plan| &plan.steps);
    let is_step = |call: &str| steps().any(|step| matches!(step, Step::Task { task, .. } if task == call));
    for asks in &mut all {
        asks.notes.run.retain(|run| is_step(&run.call.to_string()));
    }
    all.retain(|asks| !asks.is_nothing());
    all
}

/// What making the coming release live asks where `live` is.
pub fn between(said: &Said, live: Option<&ReleaseName>, target: &str) -> Asks {
    let told = live.and_then(|live| said.of(live));
    let known = |coming: &About| (gather(told, coming, target), told.map(|live| computed(live, coming)));
    let (notes, computed) = match (&said.coming, live, told) {
        (Some(coming), None, _) | (Some(coming), Some(_), Some(_)) => known(coming),
        // Without what is live, the whole history would be asked.
        (Some(_), Some(_), None) | (None, ..) => Default::default(),
    };
    let unknown = live.is_some() && said.coming.is_some() != told.is_some();
    Asks { hosts: Vec::new(), live: live.cloned(), unknown, notes, computed: computed.unwrap_or_default() }
}

/// The tasks that are due on a target with these hosts, each once.
pub(super) fn due(said: &Said, target: &str, hosts: &[&Observed]) -> Vec<Run> {
    let mut due: Vec<Run> = Vec::new();
    for host in hosts {
        for run in between(said, host.current.release(), target).notes.run {
            let known = |other: &Run| other.call == run.call;
            if !due.iter().any(known) && !was_run(&run, hosts) {
                due.push(run);
            }
        }
    }
    due
}

/// Whether it was run on one of the hosts for every commit that asks for it.
fn was_run(run: &Run, hosts: &[&Observed]) -> bool {
    let deployments = hosts.iter().flat_map(|host| &host.deployments);
    let ran: Vec<&Ran> = deployments
        .flat_map(|Deployment { ran, .. }| ran)
        .filter(|ran| ran.task == run.call.to_string())
        .collect();
    run.from.iter().map(key).all(|origin| ran.iter().any(|ran| ran.of.contains(&origin)))
}

/// What a commit or fragment is known by in a journal: a fragment that is edited is another one.
pub fn key(origin: &Origin) -> String {
    match origin {
        Origin::Commit { commit } => commit.clone(),
        Origin::Fragment { path, digest } => format!("{path}@{}", digest.short()),
    }
}

/// The hex digits that acknowledge all of `asks`; `None` where nothing has to be.
pub fn acknowledgement(asks: &[Asks]) -> Option<String> {
    let mut digests: Vec<String> = asks.iter().filter_map(|asks| asks.notes.digest()).collect();
    digests.sort();
    digests.dedup();
    match digests.len() {
        0 | 1 => digests.pop(),
        _ => {
            let all = crate::digest::Digest::of(digests.join(" ").as_bytes()).to_string();
            Some(all[..crate::notes::ACK_DIGITS].to_owned())
        }
    }
}

/// What hosts must have for all of `asks`, each once.
pub fn requirements(asks: &[Asks]) -> Vec<Requirement> {
    let mut all: Vec<Requirement> = asks.iter().flat_map(|asks| asks.notes.requires.clone()).collect();
    all.sort();
    all.dedup();
    all
}
