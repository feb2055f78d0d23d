//! The plan of a release: what will be done, as a value. What was shown is what runs, and the journal begins with it.

use crate::edit::Edit;
use pintail_core::name::AppName;
use pintail_core::version::Version;
use serde::{Deserialize, Serialize};

/// The format of plans.
pub const FORMAT: u32 = 1;

/// What a release does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// [`FORMAT`].
    pub format: u32,
    /// The application.
    pub app: AppName,
    /// The version that is released.
    pub version: Version,
    /// The latest version that was released before.
    pub latest: Option<Version>,
    /// The commit that everything starts from.
    pub head: String,
    /// The branch that is checked out.
    pub branch: String,
    /// The remote.
    pub remote: String,
    /// The branch there.
    pub remote_branch: String,
    /// The tag.
    pub tag: String,
    /// The subjects of the commits since the latest version, newest first.
    pub commits: Vec<String>,
    /// What to know before agreeing, a sentence each.
    pub notes: Vec<String>,
    /// What is done, in this order.
    pub steps: Vec<Step>,
    /// The step after which nothing is undone any more: the push.
    pub pivot: usize,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// The version is written where it stands in the project's files.
    Bump {
        /// What changes.
        edits: Vec<Edit>,
    },
    /// The change log gets the version's section.
    Changelog {
        /// What changes.
        edit: Edit,
    },
    /// Both are committed.
    Commit {
        /// The files, relative to the project's folder.
        files: Vec<String>,
        /// The message.
        message: String,
    },
    /// The commit becomes an artifact, on a bench that nothing is deployed from but this release.
    Build {
        /// The build steps.
        steps: Vec<String>,
    },
    /// The artifact passes its own test.
    Prove {
        /// The test.
        command: String,
    },
    /// It goes live on the target.
    Stage {
        /// The target.
        target: String,
    },
    /// The commit gets its tag.
    Tag {
        /// Its name.
        name: String,
        /// Whether it is signed.
        signed: bool,
    },
    /// Branch and tag go to the remote, both or neither.
    Push,
    /// The artifact goes into the depot, with its proof.
    Publish,
}

impl Step {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Step::Bump { .. } => "bump",
            Step::Changelog { .. } => "changelog",
            Step::Commit { .. } => "commit",
            Step::Build { .. } => "build",
            Step::Prove { .. } => "prove",
            Step::Stage { .. } => "stage",
            Step::Tag { .. } => "tag",
            Step::Push => "push",
            Step::Publish => "publish",
        }
    }
}

impl Plan {
    /// What it does at `step`, in a few words.
    pub fn told(&self, step: &Step) -> String {
        let Plan { version, remote, remote_branch, tag, .. } = self;
        match step {
            Step::Bump { edits } => format!("{version} in {}", quoted(edits.iter().map(|edit| &edit.path))),
            Step::Changelog { edit } => format!("a section {version} in `{}`", edit.path),
            Step::Commit { message, .. } => format!("`{message}`"),
            Step::Build { steps } if steps.is_empty() => "what is committed".to_owned(),
            Step::Build { steps } => quoted(steps),
            Step::Prove { command } => format!("by `{command}`"),
            Step::Stage { target } => format!("live on `{target}`"),
            Step::Tag { name, signed: true } => format!("`{name}`, signed"),
            Step::Tag { name, signed: false } => format!("`{name}`"),
            Step::Push => format!("`{remote_branch}` and `{tag}` to `{remote}`"),
            Step::Publish if self.steps.iter().any(|step| matches!(step, Step::Prove { .. })) => {
                "the artifact and its proof into the depot".to_owned()
            }
            Step::Publish => "the artifact into the depot".to_owned(),
        }
    }

    /// The name of the step at `index`; past the last one it is the end.
    pub fn step_name(&self, index: usize) -> &'static str {
        self.steps.get(index).map_or("end", Step::name)
    }

    /// The files of its commit, sorted, relative to the project's folder; none if it makes no commit.
    pub(crate) fn files(&self) -> &[String] {
        let files = self.steps.iter().find_map(|step| match step {
            Step::Commit { files, .. } => Some(&files[..]),
            _ => None,
        });
        files.unwrap_or_default()
    }

    /// The message of its commit, if it makes one.
    pub(crate) fn message(&self) -> Option<&str> {
        self.steps.iter().find_map(|step| match step {
            Step::Commit { message, .. } => Some(&**message),
            _ => None,
        })
    }
}

fn quoted(names: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// A commit as people say it.
pub(super) fn short(commit: &str) -> &str {
    /// Digits that are told: enough to find it, in a line that can be read.
    const DIGITS: usize = 12;
    &commit[..commit.len().min(DIGITS)]
}
