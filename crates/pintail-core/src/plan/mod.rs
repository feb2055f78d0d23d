//! The plan: what is shown by `plan` and run by `deploy`, the very same value. Steps as data; how a step is
//! done is not known here.

mod asks;
mod goal;
mod make;
mod service;
pub mod shell;
mod told;

pub use asks::{Asks, Said, acknowledgement, between, key, requirements};
pub use goal::{Refusal, Wish, release_of};
pub use make::{Desired, going_back, make_all, supervisor};
pub use service::{Address, Pass, Probe, Service, Socket, Speaks, Supervisor, VersionAt};
pub(crate) use shell::word as quoted;
pub use told::bytes as bytes_told;

use crate::config::LostOperator;
use crate::digest::Digest;
use crate::history::{Acknowledged, Kind};
use crate::manifest::TreePath;
use crate::name::{AppName, ReleaseName};
use crate::version::Version;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The format of [`HostPlan`] on the wire and in the journal.
pub const FORMAT: u32 = 1;

/// A release as an artifact brings it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Its folder's name.
    pub name: ReleaseName,
    /// Its version.
    pub version: Version,
    /// The digest of its manifest.
    pub digest: Digest,
    /// The commit it was made of.
    pub commit: Option<String>,
    /// Bytes to carry.
    pub packed_bytes: u64,
    /// Bytes on the host's disk.
    pub unpacked_bytes: u64,
    /// Files, links and folders in it.
    pub files: u64,
}

/// What makes a release of one that a host has: only this travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// The release it builds on.
    pub base: ReleaseName,
    /// The digest of that one's manifest.
    pub base_digest: Digest,
    /// The digest of the patch's bytes: what it is called in the store.
    pub digest: Digest,
    /// How many those are.
    pub bytes: u64,
}

/// What one host is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostPlan {
    /// [`FORMAT`].
    pub format: u32,
    /// The application.
    pub app: AppName,
    /// The target it is done for.
    pub target: String,
    /// What it is for.
    pub kind: Kind,
    /// The operation's number on that host, which names the new processes' generation too.
    pub id: u64,
    /// [`crate::observed::Observed::basis`] of the host that it was made for.
    pub basis: Digest,
    /// The release that will be live.
    pub release: Release,
    /// The release that is live.
    pub from: Option<ReleaseName>,
    /// The commit that one was made of, where the host knows.
    pub from_commit: Option<String>,
    /// What to do when the operator's connection dies.
    pub lost_operator: Lost,
    /// By what whoever ordered it knows it from the same of others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What the operator has acknowledged of what it asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledged>,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// The index of the step that is the point of no return: the one that records the release as good.
    pub pivot: usize,
}

/// What a host does when its operator is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lost {
    /// It goes on to the end.
    Finish,
    /// It goes back.
    Revert,
}

impl From<LostOperator> for Lost {
    fn from(policy: LostOperator) -> Self {
        match policy {
            LostOperator::Finish => Lost::Finish,
            LostOperator::Revert => Lost::Revert,
        }
    }
}

/// One undoable act on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// Bring the artifact's bytes into the host's store.
    Deliver {
        /// Of its manifest: what it is called in the store.
        digest: Digest,
        /// How many bytes it has.
        packed_bytes: u64,
        /// What travels instead, if the host still has what it builds on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        patch: Option<Patch>,
    },
    /// Make the release's folder of it.
    Unpack {
        /// The release.
        release: ReleaseName,
        /// Its manifest's digest.
        digest: Digest,
        /// What it takes on the disk.
        unpacked_bytes: u64,
    },
    /// Link what survives releases into it.
    LinkShared {
        /// The release.
        release: ReleaseName,
        /// Paths in the release and below `shared`.
        paths: Vec<TreePath>,
    },
    /// Give it a cache of its own, empty.
    FreshCache {
        /// The release.
        release: ReleaseName,
        /// Paths in the release.
        paths: Vec<TreePath>,
    },
    /// Read the host's settings, once, and freeze them for what this operation starts.
    Environment {
        /// Names that must be set.
        required: Vec<String>,
    },
    /// Run the operator's command in the new release.
    Prepare {
        /// The release.
        release: ReleaseName,
        /// A line for the shell.
        line: String,
        /// Milliseconds it may take.
        within_ms: u64,
        /// It is run for all hosts of the target, on this one only.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        once: bool,
    },
    /// Run a task of the release that a commit asks for, once for the target, on this host.
    Task {
        /// The release.
        release: ReleaseName,
        /// The task's name, and what to.
        task: String,
        /// A line for the shell.
        line: String,
        /// Milliseconds it may take.
        within_ms: u64,
        /// The commits and fragments that ask for it.
        of: Vec<String>,
    },
    /// Take the write permission from the release: from here on nobody changes it by mistake.
    Seal {
        /// The release.
        release: ReleaseName,
    },
    /// Wait until every host of the target is prepared, and this one's turn has come.
    AwaitTurn {
        /// Milliseconds of silence after which its operator counts as gone.
        silence_ms: u64,
    },
    /// Copy files of the release to where the front serves them.
    Publish {
        /// The release.
        release: ReleaseName,
        /// What: a path in it.
        from: TreePath,
        /// Where to; below the root unless absolute.
        to: PathBuf,
    },
    /// Raise the maintenance flag.
    MaintenanceOn,
    /// Start a service.
    Start {
        /// The service.
        service: Service,
    },
    /// Wait until a service answers as it should, with the release's version.
    Health {
        /// The service.
        service: Service,
        /// The version it must tell.
        version: Version,
    },
    /// Move the public name to a service's socket.
    Route {
        /// The service.
        service: Service,
    },
    /// Make the release `current`.
    Switch {
        /// The release.
        release: ReleaseName,
    },
    /// Watch the new services for a while: what dies soon after its health check fails the deployment.
    Settle {
        /// The services.
        services: Vec<Service>,
        /// Milliseconds.
        for_ms: u64,
    },
    /// Lower the maintenance flag.
    MaintenanceOff,
    /// Let an old service take what still waits in its socket.
    Drain {
        /// The service.
        service: Service,
    },
    /// Stop a service and wait for its end.
    Stop {
        /// The service.
        service: Service,
    },
    /// Wait for the operator's word that every host of the target has got this far.
    Confirm {
        /// Milliseconds of silence after which its operator counts as gone.
        silence_ms: u64,
    },
    /// Record the release as good. After this nothing is undone.
    Record {
        /// The release.
        release: ReleaseName,
        /// What for.
        kind: Kind,
    },
    /// Take away what nobody can want back.
    Prune {
        /// Releases.
        releases: Vec<ReleaseName>,
        /// Stopped services, their sockets and frozen settings.
        services: Vec<Service>,
    },
}

/// The plan for a whole target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// [`FORMAT`].
    pub format: u32,
    /// The application.
    pub app: AppName,
    /// The target.
    pub target: String,
    /// The signature that the target wants, checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<Signed>,
    /// Each host in the target's order.
    pub hosts: Vec<HostPart>,
    /// What it asks of whoever runs it, by what is live.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asks: Vec<Asks>,
}

/// A signature that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// The id of the key that made it.
    pub by: String,
    /// What the signer said of the file: the trusted comment.
    pub comment: String,
}

/// One host's part of a [`Plan`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostPart {
    /// The host as the target names it.
    pub host: String,
    /// What it does; `None` when it already is what it should be.
    pub plan: Option<HostPlan>,
    /// What is live there now.
    pub live: Option<ReleaseName>,
}

impl Plan {
    /// The plan of these parts, with what it asks.
    pub fn new(desired: Desired<'_>, hosts: Vec<HostPart>) -> Plan {
        let target = desired.target.name.clone();
        let asks = asks::asks(desired.said, &target, &hosts);
        Plan { format: FORMAT, app: desired.config.name.clone(), target, signed: None, hosts, asks }
    }

    /// Whether nothing is to be done anywhere.
    pub fn is_nothing(&self) -> bool {
        self.hosts.iter().all(|part| part.plan.is_none())
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod asks_tests;
