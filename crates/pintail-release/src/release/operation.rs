//! A release as an operation of its repository: takes the lock, begins or goes on with the journal, and lets the saga run.

use super::hands::{Ear, Hands, Progress};
use super::journal::{self, Header, Place, Record, State, Writer};
use super::memo::Memo;
use super::plan::{FORMAT, Plan, Step};
use super::stage::Stage;
use super::steps::{Arrived, arrived};
use crate::git::repository;
use pintail_core::config::Config;
use pintail_core::digest::Digest;
use pintail_core::wire::Trouble;
use pintail_depot::Depot;
use pintail_os::lock::{Lock, Shared};
use pintail_os::process::{self, Signal};
use pintail_os::{clock, files};
use pintail_saga::trials::Cut;
use pintail_saga::{Actor, Broken, Direction, Ending, Event, Journal, Position};
use std::cell::{Cell, RefCell};
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

/// The lock that keeps two releases of one repository apart, held.
#[derive(Debug)]
pub struct Held {
    place: Place,
    _lock: Lock,
}

/// Whom a release is made for and with what.
pub struct Company<'a> {
    /// The project's folder.
    pub folder: &'a Path,
    /// Its configuration.
    pub config: &'a Config,
    /// Its depot.
    pub depot: Depot,
    /// Who asks: `user@machine`.
    pub by: String,
    /// What acknowledges the notes that staging wants acknowledged.
    pub acknowledged: Option<String>,
    /// The Pintail that runs.
    pub pintail: &'a str,
    /// Where it is staged.
    pub stage: &'a mut dyn Stage,
    /// Who is told.
    pub ear: &'a RefCell<dyn Ear + 'a>,
    /// For trials: this process kills itself after so many lines of the journal.
    pub die_at: Option<u64>,
}

/// How a release ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Released: pushed, and in the depot.
    Done,
    /// Pushed, but not in the depot.
    Unpublished {
        /// Why.
        why: String,
    },
    /// Everything is as it was before, but for what could not be brought back.
    Undone {
        /// The step at which it turned round.
        step: &'static str,
        /// Why.
        why: String,
        /// What could not be brought back, a sentence each.
        left: Vec<String>,
    },
    /// It could not be taken back whole.
    Stuck {
        /// The step that couldn't be undone.
        step: &'static str,
        /// Why it had turned round.
        why: String,
        /// Why it couldn't be undone.
        undo_why: String,
    },
    /// Nobody knows whether it was pushed.
    Unknown {
        /// Why.
        why: String,
    },
}

/// A release that has ended, this time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How.
    pub outcome: Outcome,
    /// The commit that was released, where it is known.
    pub commit: Option<String>,
    /// The digest of the artifact, where there is one.
    pub digest: Option<Digest>,
}

/// Hex digits by which a release's deployments are known.
const TOKEN_DIGITS: usize = 16;
/// How long what a killed release had started is waited for: its hooks and its push have bounds of their own.
const WORK_WITHIN: Duration = Duration::from_secs(35 * 60);
/// How often it is looked whether it has ended.
const GLANCE: Duration = Duration::from_millis(200);

/// Takes the lock. What a release that was killed had started goes on by itself, a `git push` or `git commit` with its hooks:
/// that is waited for. `waits` hears of it at once, and then again and again; it says no when that is no longer wanted.
///
/// # Errors
/// `folder` is in no repository, another release holds it, or what was started does not end.
pub fn lock(folder: &Path, waits: &mut dyn FnMut(Waiting<'_>) -> bool) -> Result<Held, Trouble> {
    let fail = |error: &dyn std::fmt::Display| Trouble::new("cannot release from here", error);
    let place = Place::of(folder).map_err(|error| {
        fail(&error).hint("a release is made from a git repository: `git init`, and commit")
    })?;
    place.make().map_err(|error| fail(&error))?;
    let is_interrupted =
        |record: &Record| record.state().is_ok_and(|state| matches!(state, State::Interrupted { .. }));
    let interrupted = || journal::read(&place).ok().flatten().filter(is_interrupted);
    match Lock::try_take(&place.lock()).map_err(|error| fail(&error))? {
        Some(lock) => {
            // What one that has ended had started has ended too, but for what it left behind.
            if interrupted().is_some() {
                wait_for_work(&place, waits)?;
            }
            Ok(Held { place, _lock: lock })
        }
        None => {
            let whose = interrupted().map_or(String::new(), |record| {
                format!(", of {} by {}", record.header.plan.version, record.header.by)
            });
            Err(fail(&format!("another release of this repository is running{whose}"))
                .hint("wait for its end; two at once would take the same version"))
        }
    }
}

/// A wait for what a killed release had started.
#[derive(Debug, Clone, Copy)]
pub enum Waiting<'a> {
    /// It begins: for these processes, as far as they can be seen.
    For(&'a [String]),
    /// It goes on.
    Still,
}

fn wait_for_work(place: &Place, waits: &mut dyn FnMut(Waiting<'_>) -> bool) -> Result<(), Trouble> {
    let path = place.work();
    let is_held = || {
        Lock::is_held(&path)
            .map_err(|error| Trouble::new(format!("cannot look at `{}`", path.display()), error))
    };
    if !is_held()? {
        return Ok(());
    }
    let began = Instant::now();
    let mut waiting = Waiting::For(&process::who_has_open(&path));
    loop {
        let is_over = if waits(waiting) { began.elapsed() > WORK_WITHIN } else { true };
        if is_over {
            let who = process::who_has_open(&path).join("\n");
            let what = "cannot go on while what the killed release had started still runs";
            let why = format!(
                "a `git commit` or `git push` with its hooks, or what one of these left behind\n{who}"
            );
            return Err(Trouble::new(what, why.trim_end())
                .hint("wait for it, or end it (`kill PID`), and say it again"));
        }
        thread::sleep(GLANCE);
        waiting = Waiting::Still;
        if !is_held()? {
            return Ok(());
        }
    }
}

/// The lock that is held, too, by what a release starts: another one than that of the releases before.
fn work(place: &Place) -> io::Result<Shared> {
    let path = place.work();
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let lock = Lock::try_take(&path)?.ok_or_else(|| io::Error::other("somebody else took it just now"))?;
    Ok(lock.shared())
}

/// The last release of the repository that `folder` is in, if there was one.
///
/// # Errors
/// Its journal can't be read.
pub fn last(folder: &Path) -> Result<Option<Record>, Trouble> {
    let Ok(place) = Place::of(folder) else { return Ok(None) };
    journal::read(&place)
}

/// Runs `plan`. The journal of an earlier release, which has ended, makes room for its own.
///
/// # Errors
/// It was not begun, and nothing was changed.
pub fn begin(held: &Held, plan: &Plan, company: Company<'_>) -> Result<Ended, Trouble> {
    let header = Header {
        format: FORMAT,
        pintail: company.pintail.to_owned(),
        by: company.by.clone(),
        began_ms: clock::now_ms(),
        project: Some(prefix(company.folder)?),
        acknowledged: company.acknowledged.clone(),
        plan: plan.clone(),
    };
    let record = journal::begin(&held.place, &header)?;
    drive(held, &record, Direction::Finish, company)
}

/// Goes on with a release that is unfinished, or goes back.
///
/// # Errors
/// Nothing was changed: whether it was pushed can't be asked, or it was and shall be undone; or it is another project's of
/// the same repository.
pub fn go_on(held: &Held, direction: Direction, mut company: Company<'_>) -> Result<Ended, Trouble> {
    let record =
        journal::read(&held.place)?.ok_or_else(|| Trouble::new("there is no release to go on with", ""))?;
    refuse_others(&company, &record)?;
    let record = settle(held, record, &mut company)?;
    let plan = &record.header.plan;
    let is_pushed = record.events.contains(&Event::Acted { step: plan.pivot });
    if direction == Direction::Finish && !is_pushed {
        refuse_another_way(company.config, plan)?;
    }
    if direction == Direction::Undo && is_pushed {
        let what = format!("will not undo the release of {}", plan.version);
        let why = format!("`{}` is pushed to `{}`, and others may have it", plan.tag, plan.remote);
        return Err(Trouble::new(what, why)
            .hint("`pintail release --resume` finishes it; then release the next version"));
    }
    match record.state()? {
        State::Unpublished { .. } => Ok(publish(held, &record, company)),
        _ => drive(held, &record, direction, company),
    }
}

fn prefix(folder: &Path) -> Result<String, Trouble> {
    repository::prefix(folder).map_err(|error| Trouble::new("cannot release from here", error))
}

/// A repository may have several projects; each is released from its own folder.
fn refuse_others(company: &Company<'_>, record: &Record) -> Result<(), Trouble> {
    let Header { project, plan, .. } = &record.header;
    let what = || format!("will not go on with the release of `{}` {} from here", plan.app, plan.version);
    if let Some(project) = project
        && prefix(company.folder)? != *project
    {
        let place = if project.is_empty() {
            "at the top of the repository".to_owned()
        } else {
            format!("in `{project}`")
        };
        return Err(Trouble::new(what(), format!("it was begun {place}, as that project's"))
            .hint(format!("say it {place}")));
    }
    if plan.app != company.config.name {
        let why = format!("the configuration is that of `{}`", company.config.name);
        return Err(Trouble::new(what(), why).hint("name the file that it was begun with (`--config`)"));
    }
    Ok(())
}

/// What was agreed to is what is built and proven; what is taken back, or only published, is neither.
fn refuse_another_way(config: &Config, plan: &Plan) -> Result<(), Trouble> {
    let build = &config.build;
    let is_as_planned = |step: &Step| match step {
        Step::Build { steps } => *steps == build.steps,
        Step::Prove { command } => Some(command) == build.test.as_ref(),
        _ => true,
    };
    if plan.steps.iter().all(is_as_planned) {
        return Ok(());
    }
    let what = format!("will not go on with the release of `{}` {} in another way", plan.app, plan.version);
    let why = "the configuration's build steps or its test are no longer what they were when it was begun";
    Err(Trouble::new(what, why).hint(
        "name the same file (`--config`) or take back what was changed in it; or `pintail release --abort`",
    ))
}

/// Where a push was begun and nobody has written down whether it arrived, the remote is asked.
fn settle(held: &Held, record: Record, company: &mut Company<'_>) -> Result<Record, Trouble> {
    let plan = &record.header.plan;
    let (Position::Forward { step, looked: true }, pivot) = (record.position()?, plan.pivot) else {
        return Ok(record);
    };
    if step != pivot {
        return Ok(record);
    }
    match arrived(company.folder, plan) {
        Arrived::No | Arrived::Other => Ok(record),
        Arrived::Unknown(why) => {
            let what = format!("cannot tell whether the release of {} was pushed", plan.version);
            Err(Trouble::new(what, why)
                .hint(format!("say it again when `{}` can be reached; nothing was changed", plan.remote)))
        }
        Arrived::Yes => {
            let fail =
                |why: &dyn std::fmt::Display| Trouble::new("cannot go on with the release's journal", why);
            let mut heard = |_: &Event<Memo>, _| {};
            let mut writer =
                Writer::open(&held.place, &record, &mut heard, &|| true).map_err(|error| fail(&error))?;
            writer.append(Event::Acted { step: pivot }).map_err(|failure| fail(&failure.why))?;
            journal::read(&held.place)?.ok_or_else(|| fail(&"it is gone"))
        }
    }
}

/// Publishes what was left, again.
fn publish(held: &Held, record: &Record, company: Company<'_>) -> Ended {
    let mut hands = match hands(held, record, company) {
        Ok(hands) => hands,
        Err(trouble) => {
            let outcome = Outcome::Unpublished { why: trouble.why };
            return Ended { outcome, commit: None, digest: None };
        }
    };
    let outcome = match hands.act(&Step::Publish, &Memo::Nothing) {
        Ok(()) => Outcome::Done,
        Err(failure) => Outcome::Unpublished { why: failure.to_string() },
    };
    end(held, &hands, outcome)
}

fn hands<'a>(held: &Held, record: &Record, company: Company<'a>) -> Result<Hands<'a>, Trouble> {
    let Company { folder, config, depot, stage, ear, .. } = company;
    let pivot = record.header.plan.pivot;
    // On the way back of one that was killed, only the remote can say.
    let may_have_pushed =
        record.events.iter().any(|event| matches!(event, Event::Looked { step, .. } if *step == pivot))
            && !matches!(record.position(), Ok(Position::Forward { .. }));
    let work = work(&held.place).map_err(|error| {
        Trouble::new(format!("cannot take the lock `{}`", held.place.work().display()), error)
    })?;
    Ok(Hands {
        folder,
        config,
        plan: record.header.plan.clone(),
        by: record.header.by.clone(),
        bench: Depot::new(held.place.bench()),
        depot,
        stage,
        ear,
        knows: Rc::new(Cell::new(true)),
        may_have_pushed: Cell::new(may_have_pushed),
        work,
        token: token(held, record),
        left: RefCell::default(),
        made: RefCell::default(),
        cut: Cut::default(),
    })
}

/// By what this release's deployments are known from those of others that made the very same commit: by when it began, who
/// began it, and where.
fn token(held: &Held, record: &Record) -> String {
    let Header { by, began_ms, .. } = &record.header;
    let text = format!("{by} {began_ms} {}", held.place.bench().display());
    Digest::of(text.as_bytes()).to_string()[..TOKEN_DIGITS].to_owned()
}

fn drive(held: &Held, record: &Record, direction: Direction, company: Company<'_>) -> Result<Ended, Trouble> {
    let plan = &record.header.plan;
    let (ear, die_at) = (company.ear, company.die_at);
    let mut hands = hands(held, record, company)?;
    let knows = hands.knows.clone();
    let mut told = None;
    let mut heard = |event: &Event<Memo>, count: u64| {
        // An undo that is tried again and fails alike is told once.
        if let Some(progress) = progress(plan, event).filter(|progress| told.as_ref() != Some(progress)) {
            ear.borrow_mut().progress(progress.clone());
            told = Some(progress);
        }
        if die_at == Some(count) {
            let _ = process::signal(std::process::id(), Signal::KILL);
        }
    };
    let is_known = || knows.get();
    let mut writer = Writer::open(&held.place, record, &mut heard, &is_known)
        .map_err(|error| Trouble::new("cannot go on with the release's journal", error))?;
    let mut interrupt = || ear.borrow_mut().interrupt();
    let ended = pintail_saga::resume(
        &mut hands,
        &mut writer,
        &plan.steps,
        plan.pivot,
        &record.events,
        direction,
        &mut interrupt,
    );
    let ending = match ended {
        Ok(ending) => ending,
        Err(Broken::Nonsense(nonsense)) => {
            return Err(Trouble::new("cannot understand the release's journal", nonsense));
        }
        Err(Broken::Unrecorded { ending, why }) => {
            if !knows.get() {
                let why = match ending {
                    Ending::Stuck { why, undo_why, .. } => format!("{why}\n{undo_why}"),
                    _ => why.why,
                };
                return Ok(end(held, &hands, Outcome::Unknown { why }));
            }
            hands.remark(format!(
                "the journal could not be written: {}; the next command goes on from there",
                why.why
            ));
            ending
        }
    };
    let outcome = match ending {
        Ending::Done { remarks } => match remarks.into_iter().next() {
            None => Outcome::Done,
            Some(left) => Outcome::Unpublished { why: left.why },
        },
        Ending::Undone { step, why } => {
            Outcome::Undone { step: plan.step_name(step), why, left: hands.left.take() }
        }
        Ending::Stuck { step, why, undo_why } => Outcome::Stuck { step: plan.step_name(step), why, undo_why },
    };
    Ok(end(held, &hands, outcome))
}

/// What is known of it; the bench goes when nobody needs it any more.
fn end(held: &Held, hands: &Hands<'_>, outcome: Outcome) -> Ended {
    let was_made = !matches!(outcome, Outcome::Undone { .. });
    let ended = Ended {
        commit: was_made.then(|| hands.released().ok()).flatten(),
        digest: was_made.then(|| hands.card().ok()).flatten().map(|card| card.digest),
        outcome,
    };
    if ended.outcome == Outcome::Done {
        // A leftover takes room, no more; the next release clears it.
        let _ = files::remove_tree(&held.place.bench());
    }
    ended
}

/// What an event of the journal is to those who watch; the endings are told otherwise.
fn progress(plan: &Plan, event: &Event<Memo>) -> Option<Progress> {
    let name = |step: usize| plan.step_name(step);
    Some(match event {
        Event::Looked { step, .. } => Progress::Step { index: *step, name: name(*step) },
        Event::Acted { step } => Progress::Acted { index: *step, name: name(*step) },
        Event::Failed { step, why } => Progress::Undoing { why: format!("{}: {why}", name(*step)) },
        Event::Undoing { why } => Progress::Undoing { why: why.clone() },
        Event::Undone { step } => Progress::Undone { name: name(*step) },
        Event::UndoFailed { step, why } => {
            Progress::Remark { what: format!("could not undo {}: {why}", name(*step)) }
        }
        Event::Remark { step, why } => Progress::Remark { what: format!("{}: {why}", name(*step)) },
        Event::Done | Event::Reversed | Event::Stuck { .. } => return None,
    })
}
