//! What the operator's side and an agent say to each other. Values only: who carries them is not known here.
//!
//! A conversation: both say [`Hello`]; the operator asks, the agent answers, one question at a time. While
//! an operation runs the agent tells of it unasked, and hears [`Ask::Abort`] and data.

pub mod frame;

use crate::digest::Digest;
use crate::history::Deployment;
use crate::name::ReleaseName;
use crate::notes::Requirement;
use crate::observed::Observed;
use crate::plan::{HostPlan, Supervisor};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// The format of all below. An agent that does not know the operator's format refuses.
pub const FORMAT: u32 = 1;
/// The longest frame, in bytes: a plan with thousands of steps fits; a broken peer can't make us take more.
pub const FRAME_MAX: usize = 4 << 20;
/// How many bytes of a patch are sent before they are wanted, at most.
pub const AHEAD_MAX: u64 = 256 << 10;
/// Bytes of an artifact, a patch, a sketch or a signature in one frame.
pub const DATA_PIECE: usize = 256 << 10;

/// The first frame of each side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`FORMAT`].
    pub format: u32,
    /// The Pintail version that speaks.
    pub pintail: String,
}

/// What the operator asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Ask {
    /// What are you?
    Observe,
    /// Do this plan.
    Execute {
        /// The plan.
        plan: Box<HostPlan>,
        /// Who asks.
        by: String,
        /// For trials.
        #[serde(default)]
        trial: Option<Trial>,
        /// What comes behind this in data frames.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ahead: Option<Ahead>,
    },
    /// What has a release that this operator has a sketch of another of, and not the artifact? The sketch follows in
    /// data frames, and then [`Ask::DataEnd`].
    Sign {
        /// The release.
        release: ReleaseName,
    },
    /// What does a release that is there say of itself?
    About {
        /// The release.
        release: ReleaseName,
    },
    /// Which of these does the host lack?
    Check {
        /// What it must have.
        requires: Vec<Requirement>,
    },
    /// Finish or undo the operation whose agent died.
    Resume {
        /// Go back rather than on.
        undo: bool,
        /// Who asks.
        by: String,
    },
    /// Tell of the operation that runs, as if it were ours.
    Attach,
    /// The operator is there. Said every few seconds while an operation runs: a link can die without a word.
    Here,
    /// From here on the operation goes on, not back, where its operator is lost: the other hosts have been told the
    /// same, and nobody is told to go on before all have answered with [`Say::Precommitted`].
    Precommit,
    /// The operation may go on behind a step at which it waits.
    Pass {
        /// Which.
        wait: Wait,
    },
    /// Undo the operation that runs.
    Abort {
        /// Who asks.
        by: String,
        /// Because another host of the target failed, not because somebody wished it.
        #[serde(default)]
        for_another: bool,
    },
    /// How many bytes of data follow in data frames, from which offset of the artifact.
    Data {
        /// Bytes of the artifact already there, and skipped.
        from: u64,
    },
    /// All data was sent.
    DataEnd,
    /// Raise or lower the maintenance flag.
    Maintenance {
        /// Raise it.
        on: bool,
        /// With the long page.
        long: bool,
        /// Who asks.
        by: String,
    },
    /// Set or remove settings of the host.
    Settings {
        /// Name and value; without value it is removed.
        changes: Vec<(String, Option<String>)>,
    },
    /// Run a command in the live release.
    Run {
        /// Program and arguments.
        argv: Vec<String>,
    },
    /// The last lines of a process's log.
    Logs {
        /// The processes; all when empty.
        processes: Vec<String>,
        /// How many lines of each.
        lines: u32,
        /// Go on telling until the operator leaves.
        follow: bool,
    },
    /// What stands in the way?
    Examine {
        /// Of what.
        #[serde(default)]
        wants: Box<Wants>,
    },
}

/// What deployments of a target will want of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wants {
    /// Who shall keep processes running.
    pub supervisor: Supervisor,
    /// Programs that commands begin with.
    pub programs: Vec<String>,
    /// TCP addresses that processes listen on.
    pub addresses: Vec<SocketAddr>,
    /// The host is to be made ready as far as its user may.
    pub set_up: bool,
}

/// A small patch that is sent with the plan, before the host wants it: that saves a round trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ahead {
    /// Its digest.
    pub digest: Digest,
    /// Its bytes, at most [`AHEAD_MAX`].
    pub bytes: u64,
}

/// What an agent does to itself in a trial, once it has journaled so many lines of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trial {
    /// It stops (SIGSTOP): whoever asked for it does something to it then.
    PauseAt(u64),
    /// It dies (SIGKILL), as by a crash.
    DieAt(u64),
}

/// A step at which a host waits for the operator, who sees all hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wait {
    /// Until every host is prepared, and this one's turn has come.
    Turn,
    /// Until every host has got this far.
    Confirm,
}

impl Wait {
    /// The wait that the step called `name` is.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "await turn" => Some(Wait::Turn),
            "confirm" => Some(Wait::Confirm),
            _ => None,
        }
    }
}

/// What an agent says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "kebab-case")]
pub enum Say {
    /// To [`Ask::Observe`].
    Observed {
        /// All of it.
        observed: Box<Observed>,
    },
    /// To [`Ask::Sign`]: the signature follows in data frames.
    Signed {
        /// How long it is.
        bytes: u64,
    },
    /// To [`Ask::About`].
    About {
        /// Its `release.json`, where it has one.
        json: Option<String>,
    },
    /// To [`Ask::Check`].
    Checked {
        /// What is lacking, a sentence each.
        lacking: Vec<String>,
    },
    /// The operation has begun, or is the one attached to.
    Began {
        /// Its number.
        id: u64,
        /// Its plan.
        plan: Box<HostPlan>,
    },
    /// The operation went on.
    Progress {
        /// How.
        progress: Progress,
    },
    /// The agent lacks the bytes of the artifact, or of a patch, from this offset on.
    Want {
        /// The artifact's manifest digest.
        digest: Digest,
        /// Bytes it has.
        from: u64,
        /// The digest of the patch it wants instead.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        patch: Option<Digest>,
    },
    /// A command of the operation, or of [`Ask::Run`], said something; or a log's line.
    Output {
        /// The step or process it is from.
        from: String,
        /// On standard error.
        error: bool,
        /// What, with bytes that are no text replaced.
        text: String,
    },
    /// The operation has ended.
    Ended {
        /// As the journal tells it.
        deployment: Box<Deployment>,
    },
    /// [`Ask::Run`]'s command has ended.
    Exited {
        /// Its exit code, 128 + signal where it was killed.
        code: i32,
    },
    /// To [`Ask::Precommit`].
    Precommitted,
    /// It was done.
    Done {
        /// One line about it.
        told: String,
    },
    /// To [`Ask::Examine`].
    Examined {
        /// What was looked at.
        findings: Vec<Finding>,
    },
    /// It was not done, and nothing was changed.
    Refused {
        /// Why.
        trouble: Trouble,
    },
}

/// How an operation goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Progress {
    /// The host's lock is taken and its journal begun.
    Begun,
    /// The step at this index is being done.
    Step {
        /// Its index.
        index: usize,
        /// Its name.
        name: String,
    },
    /// The step at this index was done.
    Acted {
        /// Its index.
        index: usize,
        /// Its name.
        name: String,
        /// How long it took.
        took_ms: u64,
    },
    /// The operation goes back.
    Undoing {
        /// Why.
        why: String,
    },
    /// The step at this index was undone.
    Undone {
        /// Its index.
        index: usize,
        /// Its name.
        name: String,
    },
    /// Something failed that changes nothing about the outcome.
    Remark {
        /// What.
        what: String,
    },
}

/// One thing that was looked at on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What.
    pub what: String,
    /// Whether it stands in the way.
    pub bad: bool,
    /// How it is.
    pub how: String,
    /// What to do.
    pub hint: Option<String>,
}

/// Why something was refused or failed, in the house form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{what}\n  {why}")]
pub struct Trouble {
    /// What was tried, on what.
    pub what: String,
    /// Why it failed.
    pub why: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl Trouble {
    /// A trouble without advice.
    pub fn new(what: impl Into<String>, why: impl std::fmt::Display) -> Self {
        Self { what: what.into(), why: why.to_string(), hint: None }
    }

    /// With advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<crate::plan::Refusal> for Trouble {
    fn from(refusal: crate::plan::Refusal) -> Self {
        Self { what: refusal.what, why: refusal.why, hint: refusal.hint }
    }
}
