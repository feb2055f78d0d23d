//! What a host is, as it said itself: values, no opinions. Knows nothing of what it should be.

use crate::digest::Digest;
use crate::history::Deployment;
use crate::name::{AppName, ReleaseName};
use crate::plan::Service;
use serde::{Deserialize, Serialize};

/// A host's answer to "what are you".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// The machine's own name.
    pub machine: String,
    /// The version of the Pintail that answers.
    pub pintail: String,
    /// The application's root, absolute.
    pub root: String,
    /// Milliseconds since 1970 on that machine's clock.
    pub now_ms: u64,
    /// The application whose root it is: that of the last deployment that is done.
    #[serde(default)]
    pub app: Option<AppName>,
    /// What `current` is.
    pub current: Current,
    /// The releases that are there, complete, by name.
    pub releases: Vec<ReleaseName>,
    /// Those that another can be made of, the likeliest first. A host that knows nothing of that has none.
    #[serde(default)]
    pub bases: Vec<Base>,
    /// The operations of its journal, oldest first as [`crate::history::telling`] chooses.
    pub deployments: Vec<Deployment>,
    /// The number the next operation will get.
    pub next: u64,
    /// The operation that runs right now.
    pub running: Option<Running>,
    /// The last operation, when it neither ended nor runs.
    pub unfinished: Option<Unfinished>,
    /// The services that are wanted up, as the operation that started them described them.
    pub services: Vec<ObservedService>,
    /// Services that the last deployment that is done started, and that nobody keeps up: their supervisor was shut
    /// down, or what it knew is gone.
    #[serde(default)]
    pub missing: Vec<Service>,
    /// Services that are wanted up though no journal says why, as far as their supervisor knows them. A plan takes
    /// them away at its end.
    #[serde(default)]
    pub unexplained: Vec<Service>,
    /// Whether their supervisor runs: without it they are as it left them, and what ends stays down.
    pub supervised: bool,
    /// What differs in the live release from what was deployed, where that was looked at and is known.
    #[serde(default)]
    pub differing: Option<Differing>,
    /// Files of their supervisor's that are not as a deployment wrote them.
    #[serde(default)]
    pub altered: Vec<Altered>,
    /// The maintenance flag.
    pub maintenance: Maintenance,
    /// The digest of the host's own settings file; `None` when it has none.
    pub environment: Option<Digest>,
    /// The names set there.
    pub settings: Vec<String>,
    /// Why that file can't be used: then nothing is known of its settings.
    #[serde(default)]
    pub settings_fault: Option<SettingsFault>,
    /// Bytes free for an unprivileged user.
    pub free_bytes: u64,
    /// What the host noticed and goes on in spite of: a torn line in its journal, say.
    pub remarks: Vec<String>,
}

/// A release that another can be made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Its name.
    pub release: ReleaseName,
    /// Contents of its manifest that it lacks all the same: its `prepare` changed them, or they moved to `shared`.
    pub lacking: Vec<Digest>,
}

/// What the name `current` is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Current {
    /// Nothing: no release was ever live.
    Nothing,
    /// A link to this complete release.
    Release {
        /// Its name.
        release: ReleaseName,
    },
    /// A link to nothing.
    Dangling {
        /// What it says.
        target: String,
    },
    /// A link to something that is no release of ours, or no link at all: made by hand.
    Foreign {
        /// What it is.
        what: String,
    },
}

impl Current {
    /// The live release, if there is one of ours.
    pub fn release(&self) -> Option<&ReleaseName> {
        match self {
            Current::Release { release } => Some(release),
            _ => None,
        }
    }
}

/// Why a host's settings can't be used: where and what, never a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsFault {
    /// What was tried.
    pub what: String,
    /// Why it failed, with the line.
    pub why: String,
    /// What to do next.
    pub hint: Option<String>,
}

/// What differs in a release from what it was when it was sealed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Differing {
    /// How many files and links it has.
    pub files: u64,
    /// How many of them differ.
    pub count: u64,
    /// The first of these, by path.
    pub first: Vec<String>,
    /// How many there was no time to look at.
    pub unseen: u64,
}

impl Differing {
    /// In a sentence; `None` when all that was looked at is as it was.
    pub fn told(&self) -> Option<String> {
        let names = self.first.join(", ");
        let more = if self.count > self.first.len() as u64 { ", …" } else { "" };
        match self.count {
            0 => None,
            1 => Some(format!("1 file differs from what was deployed: {names}")),
            count => Some(format!("{count} files differ from what was deployed: {names}{more}")),
        }
    }
}

/// A file by which a supervisor runs a service, and which somebody changed by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Altered {
    /// Whose it is: `web@12`.
    pub service: String,
    /// Where it is.
    pub path: String,
    /// How it is.
    pub how: Alteration,
}

/// How a file is that was changed by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alteration {
    /// It has another text.
    Changed,
    /// It is not there, or something else is.
    Missing,
    /// It was added: settings of a unit beside its own file.
    Added,
    /// The same for a socket, whose unit goes on over deployments.
    AddedToSocket,
}

impl Altered {
    /// Whether a deployment mends it: it writes its own files, and makes other units.
    pub fn is_mended(&self) -> bool {
        self.how != Alteration::AddedToSocket
    }

    /// In a sentence.
    pub fn told(&self) -> String {
        let Self { service, path, how } = self;
        match how {
            Alteration::Changed => {
                format!("`{path}` of `{service}` was changed by hand; `pintail deploy` writes its own")
            }
            Alteration::Missing => {
                format!("`{path}` of `{service}` is not what Pintail put there; `pintail deploy` does")
            }
            Alteration::Added => {
                format!("`{path}` was added to `{service}` by hand; after `pintail deploy` it has none")
            }
            Alteration::AddedToSocket => {
                format!(
                    "`{path}` was added to the socket of `{service}` by hand; `systemctl revert` takes it away"
                )
            }
        }
    }
}

/// An operation that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Its number; `None` before it wrote its plan.
    pub id: Option<u64>,
    /// Who began it.
    pub by: String,
    /// When, in milliseconds since 1970.
    pub since_ms: u64,
    /// The step it is at.
    pub step: Option<String>,
    /// The agent's process number there.
    pub pid: u32,
}

/// An operation whose agent died.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// Its number.
    pub id: u64,
    /// Who began it.
    pub by: String,
    /// The step it was at.
    pub step: String,
    /// Whether it was on its way back.
    pub backward: bool,
    /// Why it could not go back, when it is stuck.
    pub stuck: Option<String>,
}

/// A service of the host's supervisor that is wanted up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedService {
    /// As it was started.
    pub service: Service,
    /// The digest of the settings it was started with.
    pub environment: Option<Digest>,
    /// Whether the public name of its socket points at it (true for services without one).
    pub public: bool,
    /// A line for each instance: state, process number, restarts.
    pub instances: Vec<Instance>,
}

impl ObservedService {
    /// Whether all its instances run.
    pub fn is_up(&self) -> bool {
        !self.instances.is_empty() && self.instances.iter().all(|instance| instance.running)
    }
}

/// One process of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its process number, while it runs.
    pub pid: Option<u32>,
    /// Whether it runs.
    pub running: bool,
    /// The supervisor's words for its state.
    pub state: String,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
    /// How often it was started again.
    pub restarts: u32,
    /// How it ended last, and when it was given up also why.
    #[serde(default)]
    pub ended: Option<String>,
}

/// The maintenance flag.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Maintenance {
    /// Off.
    #[default]
    Off,
    /// On.
    On {
        /// With the long page.
        long: bool,
        /// Who switched it on; empty when somebody touched the file by hand.
        by: String,
    },
}

/// The part of [`Observed`] that a plan rests on. Process numbers, clocks and free bytes move by themselves.
#[derive(Serialize)]
struct Basis<'a> {
    current: &'a Current,
    releases: &'a [ReleaseName],
    next: u64,
    services: Vec<(&'a Service, Option<Digest>, bool)>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unexplained: &'a [Service],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    altered: &'a [Altered],
    maintenance: &'a Maintenance,
    environment: Option<Digest>,
    unfinished: Option<u64>,
}

impl Observed {
    /// What keeps processes of the live release from running, a sentence each.
    pub fn down(&self) -> Vec<String> {
        let mut down = Vec::new();
        for service in &self.missing {
            down.push(format!("`{service}` does not run, and nobody starts it; `pintail deploy` does"));
        }
        if !self.supervised && !self.services.is_empty() {
            let what = "no supervisor runs, so a process that ends stays down; `pintail deploy` starts it";
            down.push(what.to_owned());
        }
        let ended = self.services.iter().filter(|there| !there.is_up());
        down.extend(ended.map(|there| format!("`{}` is not up", there.service)));
        down
    }

    /// The digest of all that a plan rests on: a host whose basis is another is another host to plan for.
    pub fn basis(&self) -> Digest {
        let basis = Basis {
            current: &self.current,
            releases: &self.releases,
            next: self.next,
            services: self.services.iter().map(|s| (&s.service, s.environment, s.public)).collect(),
            unexplained: &self.unexplained,
            altered: &self.altered,
            maintenance: &self.maintenance,
            environment: self.environment,
            unfinished: self.unfinished.as_ref().map(|u| u.id),
        };
        // Only strings, numbers and lists of them: it always serializes.
        Digest::of(&serde_json::to_vec(&basis).unwrap_or_default())
    }
}
