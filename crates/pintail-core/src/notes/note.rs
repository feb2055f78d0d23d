//! What one message or fragment asks. Knows nothing of how it is written there, nor of commits.

use serde::{Deserialize, Serialize};

use super::requirement::Requirement;

/// What a note is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Somebody has to do something by hand: what a note is that says nothing else.
    Manual,
    /// The database's schema changes.
    Schema,
    /// Something has to be installed.
    Dependency,
    /// A setting or a file of the host has to be made or changed.
    Config,
    /// Something has to be backed up.
    Backup,
    /// Only to be known: needs no acknowledgement.
    Info,
}

impl Kind {
    /// The word for it, as it is shown.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Manual => "manual",
            Kind::Schema => "schema",
            Kind::Dependency => "dependency",
            Kind::Config => "config",
            Kind::Backup => "backup",
            Kind::Info => "info",
        }
    }
}

/// One point of a deployment section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// What it is about.
    pub kind: Kind,
    /// To be done before the deployment.
    #[serde(default, skip_serializing_if = "is_false")]
    pub before: bool,
    /// What it says: one line, or more where points or commands lie below it. Without control characters, at most
    /// [`NOTE_BYTES_MAX`](super::NOTE_BYTES_MAX) bytes.
    pub text: String,
}

impl Note {
    /// The text as two notes are compared by it: without regard to case, white space and a full stop at its end.
    pub fn normal(&self) -> String {
        let words: Vec<&str> = self.text.split_whitespace().collect();
        words.join(" ").to_lowercase().trim_end_matches('.').to_owned()
    }
}

/// `Deploy-Run: TASK ARGS`: a task of `pintail.toml` at that commit, by its name. Nothing else of a message is ever run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskCall {
    /// The task's name: letters, digits, `_` and `-`.
    pub task: String,
    /// Arguments for it: words of letters, digits and `._=:/@+,-` only, so that no shell could read more into them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Before the switch to the new release, not after it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub before: bool,
}

impl std::fmt::Display for TaskCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.task)?;
        self.args.iter().try_for_each(|arg| write!(f, " {arg}"))
    }
}

/// Something that asks and can't be read. It is told to whoever deploys, and never dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What was written.
    pub text: String,
    /// Why it can't be read, in a sentence that goes on from it: "`Deploy-Foo: x` *is no …*".
    pub why: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` {}", self.text, self.why)
    }
}

/// `Deploy-Ack`: which notes must be acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Acknowledgement {
    /// All but [`Kind::Info`].
    #[default]
    ByKind,
    /// All.
    Required,
    /// None.
    None,
}

/// What one message or fragment asks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// The points of its deployment sections, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// A section says `- none`: somebody thought of it, and there is nothing to do.
    #[serde(skip_serializing_if = "is_false")]
    pub none: bool,
    /// Tasks to run once on each target.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub run: Vec<TaskCall>,
    /// What a host must have before anything changes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Requirement>,
    /// `Deploy-Maintenance: required`
    #[serde(skip_serializing_if = "is_false")]
    pub maintenance: bool,
    /// `Deploy-Backup: database`
    #[serde(skip_serializing_if = "is_false")]
    pub backup: bool,
    /// `Deploy-Ack`
    #[serde(skip_serializing_if = "is_default")]
    pub ack: Acknowledgement,
    /// `Deploy-Env`: the targets that it is for; none: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// `Deploy-Id`: one name for what is asked in several commits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What can't be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

impl Asked {
    /// Whether it asks nothing at all; `- none` asks nothing.
    pub fn is_nothing(&self) -> bool {
        let Asked { notes, run, requires, maintenance, backup, faults, .. } = self;
        let lists = notes.is_empty() && run.is_empty() && requires.is_empty() && faults.is_empty();
        lists && !maintenance && !backup
    }

    /// Whether this note of it must be acknowledged.
    pub fn must_be_acknowledged(&self, note: &Note) -> bool {
        match self.ack {
            Acknowledgement::ByKind => note.kind != Kind::Info,
            Acknowledgement::Required => true,
            Acknowledgement::None => false,
        }
    }
}

pub(super) fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
