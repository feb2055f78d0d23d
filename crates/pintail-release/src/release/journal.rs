//! The journal of a release, in git's own folder: its plan, and what happened, a line each, synced before anything rests
//! on it. Format: `docs/formats/release-journal.md`. Where a release stands is computed from it and stored nowhere else.

use super::memo::Memo;
use super::plan::{FORMAT, Plan};
use crate::git::repository;
use pintail_core::digest::Digest;
use pintail_core::wire::Trouble;
use pintail_os::{clock, files};
use pintail_saga::{Ending, Event, Failure, Position, position};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The longest plan or journal that is read, in bytes: a plan holds what changes in a change log, a journal has some
/// dozens of lines.
const READ_MAX: u64 = 64 << 20;
/// Hex digits of a line's checksum: enough against torn and rotten lines, it need not stop an attacker.
const CHECK_DIGITS: usize = 16;

/// Where a repository keeps its release.
#[derive(Debug, Clone)]
pub(super) struct Place {
    folder: PathBuf,
}

impl Place {
    /// That of the repository that `folder` is in.
    pub(super) fn of(folder: &Path) -> io::Result<Place> {
        Ok(Place { folder: repository::own_path(folder, "pintail")? })
    }

    /// The lock of what this release starts.
    pub(super) fn work(&self) -> PathBuf {
        self.release().join("work")
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.folder.join("release.lock")
    }

    pub(super) fn make(&self) -> io::Result<()> {
        files::make_folder(&self.folder, 0o755)
    }

    fn release(&self) -> PathBuf {
        self.folder.join("release")
    }

    fn events(&self) -> PathBuf {
        self.release().join("events")
    }

    /// The bench: a depot of what this release makes.
    pub(super) fn bench(&self) -> PathBuf {
        self.release().join("bench")
    }
}

/// What a release was begun with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The format of plan and events on disk.
    pub format: u32,
    /// The Pintail that began it.
    pub pintail: String,
    /// Who asked.
    pub by: String,
    /// When, in milliseconds since 1970.
    pub began_ms: u64,
    /// The project's folder below the top of its repository, with a `/` at its end; empty for the top. `None` where an
    /// earlier Pintail began it.
    #[serde(default)]
    pub project: Option<String>,
    /// What acknowledged the notes that staging wants acknowledged.
    #[serde(default)]
    pub acknowledged: Option<String>,
    /// What is done.
    pub plan: Plan,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    at_ms: u64,
    #[serde(flatten)]
    event: Event<Memo>,
}

/// A release as its journal has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What it was begun with.
    pub header: Header,
    /// What happened.
    pub(super) events: Vec<Event<Memo>>,
    /// Bytes of whole lines; what follows them in the file is torn.
    whole_bytes: u64,
    /// Whether what it made lies on its bench still.
    pub(super) has_bench: bool,
}

/// Where a release stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It ended, released.
    Done,
    /// It ended, undone.
    Undone {
        /// The step at which it turned round.
        step: &'static str,
        /// Why.
        why: String,
    },
    /// Its process is gone, or another has it.
    Interrupted {
        /// The step it was at.
        step: &'static str,
        /// Whether it was going back already.
        back: bool,
    },
    /// It is pushed, and could not be published.
    Unpublished {
        /// Why.
        why: String,
    },
    /// It could not be undone whole.
    Stuck {
        /// The step that could not be undone.
        step: &'static str,
        /// Why.
        why: String,
    },
}

impl State {
    /// Whether nothing is left to be done.
    pub fn has_ended(&self) -> bool {
        matches!(self, State::Done | State::Undone { .. })
    }
}

impl Record {
    /// Where it stands.
    ///
    /// # Errors
    /// Its events can't be the journal of its plan.
    pub fn state(&self) -> Result<State, Trouble> {
        let plan = &self.header.plan;
        Ok(match self.position()? {
            Position::Forward { step, .. } => State::Interrupted { step: plan.step_name(step), back: false },
            Position::Backward { step, .. } => {
                State::Interrupted { step: plan.step_name(step.unwrap_or(0)), back: true }
            }
            Position::Ended(Ending::Done { remarks }) => match remarks.first().filter(|_| self.has_bench) {
                Some(left) => State::Unpublished { why: left.why.clone() },
                None => State::Done,
            },
            Position::Ended(Ending::Undone { step, why }) => {
                State::Undone { step: plan.step_name(step), why }
            }
            Position::Ended(Ending::Stuck { step, undo_why, .. }) => {
                State::Stuck { step: plan.step_name(step), why: undo_why }
            }
        })
    }

    pub(super) fn position(&self) -> Result<Position, Trouble> {
        let plan = &self.header.plan;
        position(&self.events, plan.steps.len(), plan.pivot).map_err(|nonsense| {
            Trouble::new(
                format!("cannot understand the journal of the release of {}", plan.version),
                nonsense,
            )
        })
    }
}

/// The last release of this repository, if there was one.
pub(super) fn read(place: &Place) -> Result<Option<Record>, Trouble> {
    let path = place.release().join("plan.json");
    let refused = |path: &Path, why: &dyn std::fmt::Display| {
        Trouble::new(format!("cannot read `{}`", path.display()), why).hint(
            "look into that folder: whoever wrote it was releasing; when you know how far it came, remove it",
        )
    };
    let bytes = match files::read_bounded(&path, READ_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|error| refused(&path, &error))?,
    };
    #[derive(Deserialize)]
    struct Format {
        format: u32,
        pintail: String,
    }
    let Format { format, pintail } =
        serde_json::from_slice(&bytes).map_err(|error| refused(&path, &error))?;
    if format > FORMAT {
        let why = format!("it has format {format} of Pintail {pintail}; this one reads up to {FORMAT}");
        return Err(Trouble::new(format!("cannot read `{}`", path.display()), why)
            .hint("use that Pintail or a newer one"));
    }
    let header: Header = serde_json::from_slice(&bytes).map_err(|error| refused(&path, &error))?;
    let path = place.events();
    let bytes = files::read_bounded(&path, READ_MAX).map_err(|error| refused(&path, &error))?;
    let (events, whole_bytes) = parse(&bytes).map_err(|why| refused(&path, &why))?;
    Ok(Some(Record { header, events, whole_bytes, has_bench: place.bench().exists() }))
}

/// The events, and how many bytes they take. Only the last line can be torn: each was synced before the next began.
fn parse(bytes: &[u8]) -> Result<(Vec<Event<Memo>>, u64), String> {
    let (mut events, mut whole) = (Vec::new(), 0);
    let mut rest = bytes;
    while !rest.is_empty() {
        let length = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
        let text = rest[..length].strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok());
        let json =
            text.and_then(|text| text.split_once(' ')).filter(|(check, json)| *check == checksum(json));
        let number = events.len() + 1;
        match json.map(|(_, json)| serde_json::from_str::<Line>(json)) {
            Some(Ok(line)) => events.push(line.event),
            Some(Err(error)) => {
                return Err(format!(
                    "line {number} is whole, and this Pintail does not know what it says: {error}"
                ));
            }
            None if length == rest.len() => break,
            None => return Err(format!("line {number} is damaged and others follow it")),
        }
        whole += length as u64;
        rest = &rest[length..];
    }
    Ok((events, whole))
}

fn checksum(json: &str) -> String {
    Digest::of(json.as_bytes()).to_string()[..CHECK_DIGITS].to_owned()
}

/// One line as it stands in the journal.
fn written(at_ms: u64, event: &Event<Memo>) -> io::Result<String> {
    let json = serde_json::to_string(&Line { at_ms, event: event.clone() })?;
    Ok(format!("{} {json}\n", checksum(&json)))
}

/// Begins a release: its folder appears whole, with its plan, or not at all, in place of that of an earlier one that has
/// ended.
pub(super) fn begin(place: &Place, header: &Header) -> Result<Record, Trouble> {
    let making = place.folder.join(".beginning-release");
    let begun = (|| {
        files::remove_tree(&making)?;
        files::make_folder(&making, 0o755)?;
        files::write_whole(&making.join("plan.json"), &serde_json::to_vec_pretty(header)?, 0o644)?;
        files::write_whole(&making.join("events"), b"", 0o644)?;
        files::remove_tree(&place.release())?;
        std::fs::rename(&making, place.release())?;
        files::sync_parent(&place.release())
    })();
    begun.map_err(|error: io::Error| {
        let _ = files::remove_tree(&making);
        Trouble::new(format!("cannot begin a release in `{}`", place.folder.display()), error)
            .hint("nothing was changed")
    })?;
    Ok(Record { header: header.clone(), events: Vec::new(), whole_bytes: 0, has_bench: false })
}

/// Appends to the journal.
pub(super) struct Writer<'a> {
    path: PathBuf,
    file: File,
    length: u64,
    count: u64,
    /// Told of each event once it is on the disk, with how many there are now.
    heard: &'a mut dyn FnMut(&Event<Memo>, u64),
    /// Says no once nobody knows what happened: then nothing is written any more, as if the power had gone.
    knows: &'a dyn Fn() -> bool,
}

impl<'a> Writer<'a> {
    /// Goes on after the whole lines of `record`; a torn tail is cut off.
    pub(super) fn open(
        place: &Place,
        record: &Record,
        heard: &'a mut dyn FnMut(&Event<Memo>, u64),
        knows: &'a dyn Fn() -> bool,
    ) -> io::Result<Self> {
        let path = place.events();
        let file = OpenOptions::new().append(true).create(true).mode(0o644).open(&path)?;
        file.set_len(record.whole_bytes)?;
        file.sync_all()?;
        Ok(Self { path, file, length: record.whole_bytes, count: record.events.len() as u64, heard, knows })
    }

    fn write(&mut self, event: &Event<Memo>) -> io::Result<u64> {
        let line = written(clock::now_ms(), event)?;
        self.file.write_all(line.as_bytes())?;
        self.file.sync_data()?;
        Ok(line.len() as u64)
    }
}

impl pintail_saga::Journal<Memo> for Writer<'_> {
    fn append(&mut self, event: Event<Memo>) -> Result<(), Failure> {
        let what = || format!("cannot write the journal `{}`", self.path.display());
        if !(self.knows)() {
            return Err(Failure::new(what(), "nobody knows what happened, so nothing is written of it"));
        }
        let what = what();
        match self.write(&event) {
            Ok(bytes) => {
                self.length += bytes;
                self.count += 1;
                (self.heard)(&event, self.count);
                Ok(())
            }
            Err(error) => {
                // What may be there of the line must not turn up later. Who can't say so must end: that is a power cut
                // to the saga, and the next command goes on from what is there.
                if self.file.set_len(self.length).and_then(|()| self.file.sync_all()).is_err() {
                    std::process::abort();
                }
                Err(Failure::new(what, error.to_string()))
            }
        }
    }
}

#[cfg(test)]
mod tests;
