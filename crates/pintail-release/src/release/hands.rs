//! What the steps work with, and who is told of it.

use super::memo::Memo;
use super::plan::{Plan, short};
use super::stage::Stage;
use crate::git::{record, repository};
use pintail_core::config::Config;
use pintail_core::digest::Digest;
use pintail_core::wire::Trouble;
use pintail_depot::{Card, Depot};
use pintail_os::lock::Shared;
use pintail_os::program::Stream;
use pintail_saga::Failure;
use pintail_saga::trials::Cut;
use std::cell::{Cell, RefCell};
use std::io;
use std::path::Path;
use std::rc::Rc;

/// What happens while a release runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// A step begins.
    Step {
        /// Its index.
        index: usize,
        /// Its name.
        name: &'static str,
    },
    /// It has acted.
    Acted {
        /// Its index.
        index: usize,
        /// Its name.
        name: &'static str,
    },
    /// Everything is being undone.
    Undoing {
        /// Why.
        why: String,
    },
    /// A step is undone.
    Undone {
        /// Its name.
        name: &'static str,
    },
    /// To know.
    Remark {
        /// What.
        what: String,
    },
}

/// Who is told, and who may wish it to end.
pub trait Ear {
    /// What is going on.
    fn progress(&mut self, progress: Progress);
    /// What a program says.
    fn output(&mut self, stream: Stream, bytes: &[u8]);
    /// Why everything shall be undone, if somebody wishes so.
    fn interrupt(&mut self) -> Option<String>;
}

/// What the steps work with.
pub(super) struct Hands<'a> {
    pub(super) folder: &'a Path,
    pub(super) config: &'a Config,
    pub(super) plan: Plan,
    pub(super) by: String,
    /// Where the artifact is made.
    pub(super) bench: Depot,
    /// Where it goes.
    pub(super) depot: Depot,
    pub(super) stage: &'a mut dyn Stage,
    pub(super) ear: &'a RefCell<dyn Ear + 'a>,
    /// Whether it is known what the remote has; cleared when it can't be asked.
    pub(super) knows: Rc<Cell<bool>>,
    /// Whether the remote may have what was pushed.
    pub(super) may_have_pushed: Cell<bool>,
    /// Held by what changes the repository or the remote, also when this process is killed.
    pub(super) work: Shared,
    /// By what this release's deployments are known.
    pub(super) token: String,
    /// The commit that this process made.
    pub(super) made: RefCell<Option<String>>,
    /// What could not be brought back, a sentence each.
    pub(super) left: RefCell<Vec<String>>,
    pub(super) cut: Cut,
}

impl Hands<'_> {
    pub(super) fn remark(&self, what: impl Into<String>) {
        self.ear.borrow_mut().progress(Progress::Remark { what: what.into() });
    }

    /// Tells of what could not be brought back.
    pub(super) fn leave(&self, what: String) {
        self.left.borrow_mut().push(what);
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.ear.borrow_mut().interrupt().is_none()
    }

    /// The tip of the branch that is released from.
    pub(super) fn tip(&self) -> Result<String, Failure> {
        let branch = &self.plan.branch;
        let fail = |why: &str| Failure::new(format!("cannot look at the branch `{branch}`"), why);
        let tip = repository::reference(self.folder, &format!("refs/heads/{branch}"));
        tip.map_err(|error| fail(&error.to_string()))?.ok_or_else(|| fail("it is gone"))
    }

    /// The commit that is released: the one that this release made, or where it makes none, the one it started from.
    pub(super) fn released(&self) -> Result<String, Failure> {
        let Plan { head, branch, .. } = &self.plan;
        let Some(message) = self.plan.message() else { return Ok(head.clone()) };
        let what = || format!("cannot find the commit `{message}` on `{branch}`");
        // Somebody may have committed on top of it.
        let line = repository::line_of_commits(self.folder, head, &self.tip()?)
            .map_err(|error| Failure::new(what(), error.to_string()))?;
        match line.into_iter().next() {
            Some(commit) if self.is_ours(&commit)? => Ok(commit),
            _ => Err(Failure::new(what(), format!("it is not what follows {}", short(head)))),
        }
    }

    /// Whether that commit is the one that this release makes: it was made here, or its subject, the one commit that it
    /// follows and its files say so. A hook may have added to its message. Any other is somebody's work.
    pub(super) fn is_ours(&self, commit: &str) -> Result<bool, Failure> {
        let fail = |error: io::Error| {
            Failure::new(format!("cannot look at the commit {}", short(commit)), error.to_string())
        };
        let message = repository::message(self.folder, commit).map_err(fail)?;
        let parent = repository::parent(self.folder, commit).map_err(fail)?;
        if parent.as_ref() != Some(&self.plan.head) {
            return Ok(false);
        }
        if self.made.borrow().as_deref() == Some(commit) {
            return Ok(true);
        }
        let is_merge = repository::reference(self.folder, &format!("{commit}^2")).map_err(fail)?.is_some();
        let mut files = repository::changed_by(self.folder, commit).map_err(fail)?;
        files.sort();
        let prefix = repository::prefix(self.folder).map_err(fail)?;
        let planned = self.plan.files().iter().map(|file| format!("{prefix}{file}"));
        Ok(!is_merge && self.says_so(&message) && planned.eq(files))
    }

    /// Whether a commit's message has the planned subject in its first line, whatever a hook put around it.
    pub(super) fn says_so(&self, message: &str) -> bool {
        let subject = self.plan.message().and_then(|message| message.lines().next()).unwrap_or_default();
        let line = message.lines().next().unwrap_or_default();
        let is_apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && !"._-+".contains(c));
        let mut places = line.match_indices(subject).filter(|_| !subject.is_empty());
        places.any(|(at, found)| {
            let (before, behind) = (&line[..at], &line[at + found.len()..]);
            // A sentence may end behind it.
            let behind = behind.strip_suffix('.').unwrap_or(behind);
            is_apart(before.chars().next_back()) && is_apart(behind.chars().next())
        })
    }

    /// The artifact on the bench.
    pub(super) fn card(&self) -> Result<Card, Failure> {
        let Plan { app, version, .. } = &self.plan;
        self.bench.find(app, version).map_err(|error| {
            Failure::new(format!("cannot find the artifact of `{app}` {version}"), error.to_string())
        })
    }

    /// The artifact on the bench, which must be that one: what was built again may be another.
    pub(super) fn card_of(&self, digest: &Digest) -> Result<Card, Failure> {
        let card = self.card()?;
        match card.digest == *digest {
            true => Ok(card),
            false => Err(Failure::new(
                format!("cannot go on with the artifact {}", digest.short()),
                format!("it had to be built again, and came out as another: {}", card.digest.short()),
            )),
        }
    }

    /// What the tag of that artifact says.
    pub(super) fn tag_message(&self, digest: &Digest) -> String {
        let Plan { app, version, .. } = &self.plan;
        format!("{app} {version}\n\nArtifact: {digest}\n")
    }

    /// What is in the tag's place.
    pub(super) fn tag_there(&self, commit: &str, digest: &Digest) -> Result<TagThere, Failure> {
        let tag = &self.plan.tag;
        let fail =
            |error: io::Error| Failure::new(format!("cannot look at the tag `{tag}`"), error.to_string());
        let name = format!("refs/tags/{tag}");
        let Some(object) = repository::reference(self.folder, &name).map_err(fail)? else {
            return Ok(TagThere::Nothing);
        };
        let peeled = repository::reference(self.folder, &format!("{name}^{{commit}}")).map_err(fail)?;
        let says = repository::message(self.folder, &object).map_err(fail)?;
        match peeled.as_deref() == Some(commit) && says.starts_with(self.tag_message(digest).trim_end()) {
            true => Ok(TagThere::Ours(object)),
            false => Ok(TagThere::Other),
        }
    }

    /// Takes the branch back to where it was.
    pub(super) fn go_back(&self) -> Result<(), Failure> {
        let Plan { head, branch, .. } = &self.plan;
        let what = || format!("cannot take back the commit on `{branch}`");
        record::go_back(self.folder, head).map_err(|error| {
            let why = error.to_string();
            let first = if why.contains("index.lock") {
                "another git is at work in this repository, or was killed: wait for it, or remove that file"
            } else if why.contains("No space left") {
                "make room on the disk"
            } else {
                "put away what you changed (`git stash`)"
            };
            Failure::new(what(), why).hint(format!("{first}; then `pintail release --abort` goes on"))
        })
    }
}

/// What is in the place of a release's tag.
pub(super) enum TagThere {
    Nothing,
    /// The one that this release makes; its object.
    Ours(String),
    /// Somebody else's.
    Other,
}

/// The commit that a step is about, as its memo says.
pub(super) fn commit_of(memo: &Memo) -> Result<&str, Failure> {
    match memo {
        Memo::Commit { commit } => Ok(commit),
        _ => Err(silent()),
    }
}

/// That a memo is not of its step.
pub(super) fn silent() -> Failure {
    Failure::new("cannot go on", "the journal does not say what the step is about")
}

/// A trouble as the saga has it.
pub(super) fn failure(trouble: Trouble) -> Failure {
    Failure { what: trouble.what, why: trouble.why, hint: trouble.hint }
}
