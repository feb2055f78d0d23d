//! The journal on disk: for each operation a folder with its plan, its events and what its commands said.
//! An event is one line, `checksum json`, synced before anything rests on it. Format: `docs/formats/journal.md`.

use crate::memo::Memo;
use crate::trouble::{Trying, io_failure, trouble};
use pintail_core::digest::Digest;
use pintail_core::history::{Deployment, Kind, Outcome, Ran};
use pintail_core::layout::Layout;
use pintail_core::plan::{HostPlan, Step};
use pintail_core::wire::Trouble;
use pintail_os::{clock, files};
use pintail_saga::{Ending, Event, Failure, Position, position};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The format of plan and events on disk.
pub const FORMAT: u32 = 1;
/// The longest plan or journal that is read, in bytes: a journal of a thousand steps is below 1 MiB.
const READ_MAX: u64 = 64 << 20;
/// Hex digits of an event's checksum: enough against torn and rotten lines, it need not stop an attacker.
const CHECK_DIGITS: usize = 16;
/// Room that an operation keeps from its beginning for its way back, in bytes: undoing writes events, flags, links
/// and the supervisor's record, a few KiB each; a disk that fills meanwhile must not keep it from that.
const RESERVE_BYTES: u64 = 256 << 10;
/// What to do about a journal that is damaged.
const MEND: &str = "its disk is failing or somebody edited it; restore `journal/` from a backup";

/// What an operation was begun with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub format: u32,
    /// The Pintail that began it.
    pub pintail: String,
    /// Who asked.
    pub by: String,
    /// When, in milliseconds since 1970.
    pub began_ms: u64,
    /// What is done.
    pub plan: HostPlan,
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What.
    #[serde(flatten)]
    pub event: Event<Memo>,
}

/// An operation as its journal has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What it was begun with.
    pub header: Header,
    /// What happened.
    pub lines: Vec<Line>,
    /// Bytes of whole lines; what follows them in the file is torn.
    pub whole_bytes: u64,
    /// Whether the last line is torn: its writer died while writing, so nothing rested on it.
    pub torn: bool,
}

impl Record {
    /// Its events alone.
    pub fn events(&self) -> Vec<Event<Memo>> {
        self.lines.iter().map(|line| line.event.clone()).collect()
    }

    /// Where it stands.
    ///
    /// # Errors
    /// The events can't be the journal of that plan.
    pub fn position(&self) -> Result<Position, Trouble> {
        let plan = &self.header.plan;
        position(&self.events(), plan.steps.len(), plan.pivot).map_err(|nonsense| {
            Trouble::new(format!("cannot understand the journal of deployment {}", plan.id), nonsense)
                .hint(MEND)
        })
    }

    /// What it tells, seen from outside; `runs` when its agent is alive.
    ///
    /// # Errors
    /// As [`Record::position`].
    pub fn deployment(&self, runs: bool) -> Result<Deployment, Trouble> {
        let plan = &self.header.plan;
        let outcome = match self.position()? {
            _ if runs => Outcome::Running,
            Position::Ended(Ending::Done { remarks }) => Outcome::Done {
                remarks: remarks.into_iter().map(|left| self.told(left.step, &left.why)).collect(),
            },
            Position::Ended(Ending::Undone { step, why }) => {
                Outcome::Undone { step: self.step_name(step), why, blame: self.blames_release() }
            }
            Position::Ended(Ending::Stuck { step, undo_why, .. }) => {
                Outcome::Stuck { step: self.step_name(step), why: undo_why }
            }
            Position::Forward { step, .. } => Outcome::Interrupted { step: self.step_name(step) },
            Position::Backward { step, .. } => {
                Outcome::Interrupted { step: self.step_name(step.unwrap_or(0)) }
            }
        };
        let ended = !matches!(outcome, Outcome::Running | Outcome::Interrupted { .. });
        Ok(Deployment {
            id: plan.id,
            kind: plan.kind,
            release: plan.release.name.clone(),
            // Of a release that is gone back to, only the name is known.
            digest: Some(plan.release.digest).filter(|digest| plan.release.name.fits(digest)),
            token: plan.token.clone(),
            acknowledged: plan.acknowledged.clone(),
            ran: self.ran(),
            commit: plan.release.commit.clone(),
            from: plan.from.clone(),
            by: self.header.by.clone(),
            began_ms: self.header.began_ms,
            ended_ms: self.lines.last().filter(|_| ended).map(|line| line.at_ms),
            outcome,
        })
    }

    /// The tasks that came to their end.
    fn ran(&self) -> Vec<Ran> {
        let acted = self.lines.iter().filter_map(|line| match line.event {
            Event::Acted { step } => self.header.plan.steps.get(step),
            _ => None,
        });
        let ran = |step: &Step| match step {
            Step::Task { task, of, .. } => Some(Ran { task: task.clone(), of: of.clone() }),
            _ => None,
        };
        acted.filter_map(ran).collect()
    }

    /// The name of the step at `index`; past the last one it is the end.
    pub fn step_name(&self, index: usize) -> String {
        self.header.plan.steps.get(index).map_or("end", Step::name).to_owned()
    }

    fn told(&self, index: usize, why: &str) -> String {
        format!("{}: {why}", self.step_name(index))
    }

    /// Whether it failed where only the release can be the cause: it would not prepare, start, answer or live.
    fn blames_release(&self) -> bool {
        let failed = self.lines.iter().find_map(|line| match &line.event {
            Event::Failed { step, .. } => self.header.plan.steps.get(*step),
            _ => None,
        });
        // One that was good and can't be gone back to was good all the same: something else has changed.
        let tried = self.header.plan.kind == Kind::Deploy;
        tried
            && matches!(
                failed,
                Some(Step::Prepare { .. } | Step::Start { .. } | Step::Health { .. } | Step::Settle { .. })
            )
    }
}

/// The numbers of all operations under `layout`, in order.
pub fn ids(layout: &Layout) -> Result<Vec<u64>, Trouble> {
    let folder = layout.journal();
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.trying(|| format!("cannot read `{}`", folder.display())).map_err(trouble)?,
    };
    let mut ids: Vec<u64> = entries.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok()).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// Reads operation `id`.
///
/// # Errors
/// It is unreadable, from a newer Pintail, or a line in its middle is damaged.
pub fn read(layout: &Layout, id: u64) -> Result<Record, Trouble> {
    let folder = layout.operation(id);
    let header = header(&folder.join("plan.json"))?;
    let path = folder.join("events");
    let bytes = files::read_bounded(&path, READ_MAX).map_err(|error| match error.kind() {
        // It appears with the plan or not at all: without it nobody knows what was done.
        io::ErrorKind::NotFound => unreadable(&path, &"it is gone, while its plan is there").hint(MEND),
        _ => refused(&path, error),
    })?;
    let mut record = Record { header, lines: Vec::new(), whole_bytes: 0, torn: false };
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let length = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
        match parse(&rest[..length]) {
            Parsed::Line(line) => record.lines.push(*line),
            // Whole, so it was written as it is: by a Pintail that knows more. Without it nobody knows what was done.
            Parsed::Unknown(what) => {
                let which = record.lines.len() + 1;
                return Err(Trouble::new(
                    format!("cannot read the journal `{}`", path.display()),
                    format!("line {which} is whole, and this Pintail does not know what it says: {what}"),
                )
                .hint("use the Pintail that wrote it or a newer one; nothing was changed"));
            }
            // Only the last line can be torn: everything before it was synced before it was begun.
            Parsed::Damaged if length == rest.len() => {
                record.torn = true;
                break;
            }
            Parsed::Damaged => {
                let which = record.lines.len() + 1;
                return Err(Trouble::new(
                    format!("cannot read the journal `{}`", path.display()),
                    format!("line {which} is damaged and others follow it"),
                )
                .hint(MEND));
            }
        }
        record.whole_bytes += length as u64;
        rest = &rest[length..];
    }
    Ok(record)
}

/// Only the format is read before the rest, so that a newer one is told as such.
#[derive(Deserialize)]
struct Format {
    format: u32,
    #[serde(default)]
    pintail: String,
}

fn header(path: &Path) -> Result<Header, Trouble> {
    let bytes = files::read_bounded(path, READ_MAX).map_err(|error| refused(path, error))?;
    let damaged = |error: serde_json::Error| unreadable(path, &error).hint(MEND);
    let format: Format = serde_json::from_slice(&bytes).map_err(damaged)?;
    if format.format > FORMAT {
        return Err(Trouble::new(
            format!("cannot read `{}`", path.display()),
            format!(
                "it has format {} of Pintail {}; this one reads up to {FORMAT}",
                format.format, format.pintail
            ),
        )
        .hint("use that Pintail or a newer one; nothing was changed"));
    }
    serde_json::from_slice(&bytes).map_err(damaged)
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Trouble {
    Trouble::new(format!("cannot read `{}`", path.display()), error)
}

fn refused(path: &Path, error: io::Error) -> Trouble {
    trouble(io_failure(format!("cannot read `{}`", path.display()), &error))
}

/// What the bytes of a line are.
enum Parsed {
    Line(Box<Line>),
    /// As it was written, and not of this Pintail: its event.
    Unknown(String),
    /// Not as it was written.
    Damaged,
}

fn parse(line: &[u8]) -> Parsed {
    let text = line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok());
    match text.and_then(|text| text.split_once(' ')) {
        Some((check, json)) if check == checksum(json) => match serde_json::from_str(json) {
            Ok(line) => Parsed::Line(Box::new(line)),
            Err(_) => Parsed::Unknown(event_told(json)),
        },
        _ => Parsed::Damaged,
    }
}

/// The event of a line that can't be read further, for people.
fn event_told(json: &str) -> String {
    #[derive(Deserialize)]
    struct Named {
        event: String,
    }
    match serde_json::from_str::<Named>(json) {
        Ok(Named { event }) => format!("`{}`", event.escape_debug()),
        Err(_) => "it has no event".to_owned(),
    }
}

fn checksum(json: &str) -> String {
    Digest::of(json.as_bytes()).to_string()[..CHECK_DIGITS].to_owned()
}

/// Begins operation `header.plan.id`: its folder appears whole, with its plan, or not at all.
pub fn begin(layout: &Layout, header: &Header) -> Result<(), Trouble> {
    let id = header.plan.id;
    let folder = layout.operation(id);
    let making = layout.journal().join(format!(".beginning-{id:06}"));
    let begun = (|| {
        files::remove_tree(&making)?;
        files::make_folder(&making, 0o700)?;
        let bytes = serde_json::to_vec_pretty(header)?;
        files::write_whole(&making.join("plan.json"), &bytes, 0o600)?;
        files::write_whole(&making.join("events"), b"", 0o600)?;
        files::write_whole(&making.join("output"), b"", 0o600)?;
        files::reserve(&making.join(RESERVE), RESERVE_BYTES)?;
        std::fs::rename(&making, &folder)?;
        files::sync_parent(&folder)
    })();
    begun.map_err(|error: io::Error| {
        let _ = files::remove_tree(&making);
        let full = error.kind() == io::ErrorKind::StorageFull;
        Trouble::new(format!("cannot begin an operation in `{}`", layout.journal().display()), error)
            .hint(if full { "make room on that disk; nothing was changed" } else { "nothing was changed" })
    })
}

/// The file that keeps [`RESERVE_BYTES`].
const RESERVE: &str = "reserve";

/// Gives the room that operation `id` kept to whoever writes next. Fine to say again; if it can't be, what needs
/// it says so.
pub(crate) fn give_reserve(layout: &Layout, id: u64) {
    let _ = files::remove_file(&layout.operation(id).join(RESERVE));
}

/// Appends events to one operation's journal.
pub struct Writer<'a> {
    path: PathBuf,
    file: File,
    length: u64,
    count: u64,
    /// Told of each event once it is on the disk, with how many there are now.
    heard: &'a mut dyn FnMut(&Event<Memo>, u64),
}

impl<'a> Writer<'a> {
    /// Goes on after the whole lines of `record`; a torn tail is cut off.
    pub fn open(
        layout: &Layout,
        record: &Record,
        heard: &'a mut dyn FnMut(&Event<Memo>, u64),
    ) -> io::Result<Self> {
        let path = layout.operation(record.header.plan.id).join("events");
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
        file.set_len(record.whole_bytes)?;
        file.sync_all()?;
        Ok(Self { path, file, length: record.whole_bytes, count: record.lines.len() as u64, heard })
    }

    fn write(&mut self, event: &Event<Memo>) -> io::Result<u64> {
        let json = serde_json::to_string(&Line { at_ms: clock::now_ms(), event: event.clone() })?;
        let line = format!("{} {json}\n", checksum(&json));
        self.file.write_all(line.as_bytes())?;
        self.file.sync_data()?;
        Ok(line.len() as u64)
    }
}

impl pintail_saga::Journal<Memo> for Writer<'_> {
    fn append(&mut self, event: Event<Memo>) -> Result<(), Failure> {
        match self.write(&event) {
            Ok(written) => {
                self.length += written;
                self.count += 1;
                (self.heard)(&event, self.count);
                Ok(())
            }
            Err(error) => {
                // What may be there of the line must not turn up later. Who can't say so must end: that is a
                // power cut to the saga, and the next command goes on from what is there.
                if self.file.set_len(self.length).and_then(|()| self.file.sync_all()).is_err() {
                    std::process::abort();
                }
                Err(Failure::new(
                    format!("cannot write the journal `{}`", self.path.display()),
                    error.to_string(),
                ))
            }
        }
    }
}
