//! One operation on this host: takes the lock, makes sure that the plan is still for this host, and lets the
//! saga run it with the journal. It belongs to the host: who asked for it may come and go.

use crate::hands::{Ear, Hands};
use crate::journal::{self, FORMAT, Header, Record, Writer};
use crate::memo::Memo;
use crate::observe::{Holder, holder, holder_path, make_folders, observe};
use crate::trouble::{Trying, trouble};
use pintail_core::history::{Deployment, Outcome};
use pintail_core::layout::Layout;
use pintail_core::observed::Running;
use pintail_core::plan::{HostPlan, Step};
use pintail_core::wire::{Progress, Trial, Trouble};
use pintail_os::lock::Lock;
use pintail_os::{clock, files};
use pintail_saga::trials::Cut;
use pintail_saga::{Broken, Direction, Ending, Event};
use std::cell::RefCell;
use std::time::{Duration, Instant};

/// How often a lock that is taken is tried again before its holder is told: whoever only asks whether it is
/// held has it for a moment.
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// How often that is done anew when its holder has let it go before it could be told.
const LOCK_ROUNDS: u32 = 5;

/// Where and as whom an operation runs.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The application's root.
    pub layout: &'a Layout,
    /// The Pintail that runs.
    pub version: &'a str,
    /// Who asks.
    pub by: &'a str,
}

/// The lock, held, with a word beside it who holds it.
pub(crate) struct Held {
    _lock: Lock,
    holder: std::path::PathBuf,
}

impl Drop for Held {
    /// Takes the word away before the lock goes, so that the next holder is never taken for this one.
    fn drop(&mut self) {
        let _ = files::remove_file(&self.holder);
    }
}

impl Place<'_> {
    /// Takes the lock for operation `id`.
    ///
    /// # Errors
    /// Somebody else holds it; who, since when and where they are is told.
    pub(crate) fn lock(&self, id: Option<u64>) -> Result<Held, Trouble> {
        make_folders(self.layout)?;
        let path = self.layout.lock();
        for _ in 0..LOCK_ROUNDS {
            for _ in 0..LOCK_TRIES {
                let taken = Lock::try_take(&path)
                    .trying(|| format!("cannot take the lock `{}`", path.display()))
                    .map_err(trouble)?;
                if let Some(lock) = taken {
                    self.sign(id);
                    return Ok(Held { _lock: lock, holder: holder_path(self.layout) });
                }
                std::thread::sleep(LOCK_PAUSE);
            }
            if let Some(running) = observe(self.layout, self.version, false)?.running {
                return Err(self.taken(&running));
            }
            // It has just been let go: nobody could say by whom.
        }
        Err(Trouble::new(self.cannot_change(), "the lock changes hands all the time").hint("say it again"))
    }

    /// Writes who holds the lock. Only for telling others: if the disk is full, they are told less, and not who
    /// held it before.
    fn sign(&self, id: Option<u64>) {
        let holder =
            Holder { id, by: self.by.to_owned(), since_ms: clock::now_ms(), pid: std::process::id() };
        let path = holder_path(self.layout);
        let bytes = serde_json::to_vec(&holder).unwrap_or_default();
        if files::write_whole(&path, &bytes, 0o644).is_err() {
            // The old one's room may be just enough.
            let _ = files::remove_file(&path).and_then(|()| files::write_whole(&path, &bytes, 0o644));
        }
    }

    fn cannot_change(&self) -> String {
        format!("cannot change `{}` on `{}`", self.layout.root().display(), pintail_os::process::host())
    }

    fn taken(&self, running: &Running) -> Trouble {
        let at = running.step.as_ref().map(|step| format!(", at step `{step}`")).unwrap_or_default();
        let ago = clock::now_ms().saturating_sub(running.since_ms) / 1000;
        let id = running.id.map(|id| format!("deployment {id}")).unwrap_or_else(|| "a change".to_owned());
        let why = format!("{id} of {} is running there, since {ago} s{at}", running.by);
        Trouble::new(self.cannot_change(), why)
            .hint("`pintail attach TARGET` watches it, `pintail abort TARGET` undoes it")
    }
}

/// Runs `plan`.
///
/// # Errors
/// It was not begun and nothing was changed: the lock is held, the host is not the one that was planned for,
/// or the journal can't be written.
pub fn execute(
    place: Place<'_>,
    plan: &HostPlan,
    trial: Option<Trial>,
    ear: &RefCell<dyn Ear + '_>,
) -> Result<Deployment, Trouble> {
    if plan.format != pintail_core::plan::FORMAT {
        return Err(Trouble::new("cannot run that plan", format!("it has format {}", plan.format)));
    }
    let held = place.lock(Some(plan.id))?;
    still_the_same(place, plan)?;
    let header = Header {
        format: FORMAT,
        pintail: place.version.to_owned(),
        by: place.by.to_owned(),
        began_ms: clock::now_ms(),
        plan: plan.clone(),
    };
    journal::begin(place.layout, &header)?;
    ear.borrow_mut().progress(Progress::Begun);
    let record = Record { header, lines: Vec::new(), whole_bytes: 0, torn: false };
    let deployment = run(place, &record, Direction::Finish, trial, ear);
    drop(held);
    deployment
}

fn still_the_same(place: Place<'_>, plan: &HostPlan) -> Result<(), Trouble> {
    let observed = observe(place.layout, place.version, true)?;
    let what = || format!("will not change `{}`", place.layout.root().display());
    if let Some(unfinished) = &observed.unfinished {
        return Err(Trouble::new(
            what(),
            format!("deployment {} of {} has not ended", unfinished.id, unfinished.by),
        )
        .hint("`pintail resume` finishes it, `pintail abort` undoes it"));
    }
    if observed.next != plan.id || observed.basis() != plan.basis {
        return Err(Trouble::new(what(), "the host changed since the plan was made")
            .hint("say it again: the plan is made anew"));
    }
    Ok(())
}

/// Goes on with the operation whose agent died, or goes back. `Ok(None)`: there is none.
///
/// # Errors
/// As [`execute`].
pub fn resume(
    place: Place<'_>,
    undo: bool,
    ear: &RefCell<dyn Ear + '_>,
) -> Result<Option<Deployment>, Trouble> {
    let Some(id) = journal::ids(place.layout)?.pop() else { return Ok(None) };
    let held = place.lock(Some(id))?;
    let record = journal::read(place.layout, id)?;
    let ended =
        !matches!(record.deployment(false)?.outcome, Outcome::Interrupted { .. } | Outcome::Stuck { .. });
    if ended {
        return Ok(None);
    }
    let direction = if undo { Direction::Undo } else { Direction::Finish };
    // An earlier wish to go back was for the agent that died.
    files::remove_file(&abort_path(place.layout, id)).map_err(|error| {
        Trouble::new(format!("cannot take back the wish to abort deployment {id}"), error)
    })?;
    let deployment = run(place, &record, direction, None, ear).map(Some);
    drop(held);
    deployment
}

/// Asks the agent of the running operation to undo it.
///
/// # Errors
/// The wish can't be written down.
pub fn ask_to_abort(place: Place<'_>) -> Result<bool, Trouble> {
    let Some(id) = holder(place.layout)?.and_then(|holder| holder.id) else { return Ok(false) };
    let path = abort_path(place.layout, id);
    files::write_whole(&path, place.by.as_bytes(), 0o600)
        .map_err(|error| Trouble::new(format!("cannot write `{}`", path.display()), error))?;
    Ok(true)
}

/// Who wants operation `id` undone, if anybody does.
pub(crate) fn wants_abort(layout: &Layout, id: u64) -> Option<String> {
    std::fs::read_to_string(abort_path(layout, id)).ok()
}

fn abort_path(layout: &Layout, id: u64) -> std::path::PathBuf {
    layout.operation(id).join("abort")
}

fn run(
    place: Place<'_>,
    record: &Record,
    direction: Direction,
    trial: Option<Trial>,
    ear: &RefCell<dyn Ear + '_>,
) -> Result<Deployment, Trouble> {
    let plan = &record.header.plan;
    sweep(place.layout);
    let mut hands = Hands {
        layout: place.layout.clone(),
        plan,
        by: &record.header.by,
        version: place.version,
        ear,
        cut: Cut::default(),
    };
    let mut since = Instant::now();
    let mut heard = |event: &Event<Memo>, count: u64| {
        let took_ms = since.elapsed().as_millis() as u64;
        since = Instant::now();
        if let Some(progress) = progress(&plan.steps, event, took_ms) {
            ear.borrow_mut().progress(progress);
        }
        let signal = match trial {
            Some(Trial::PauseAt(line)) if line == count => pintail_os::process::Signal::STOP,
            Some(Trial::DieAt(line)) if line == count => pintail_os::process::Signal::KILL,
            _ => return,
        };
        let _ = pintail_os::process::signal(std::process::id(), signal);
    };
    let mut writer = Writer::open(place.layout, record, &mut heard).map_err(|error| {
        Trouble::new(format!("cannot go on with the journal of deployment {}", plan.id), error)
    })?;
    let mut interrupt = || ear.borrow_mut().interrupt();
    let events = record.events();
    let ended = pintail_saga::resume(
        &mut hands,
        &mut writer,
        &plan.steps,
        plan.pivot,
        &events,
        direction,
        &mut interrupt,
    );
    journal::give_reserve(place.layout, plan.id);
    let ending = match ended {
        Ok(ending) => {
            tidy(place.layout, plan.id, &ending);
            return journal::read(place.layout, plan.id)?.deployment(false);
        }
        Err(Broken::Nonsense(nonsense)) => {
            return Err(Trouble::new(
                format!("cannot understand the journal of deployment {}", plan.id),
                nonsense,
            ));
        }
        Err(Broken::Unrecorded { ending, why }) => {
            let what =
                format!("the journal could not be written: {}; the next command goes on from there", why.why);
            ear.borrow_mut().progress(Progress::Remark { what });
            ending
        }
    };
    unrecorded(record, &ending)
}

/// What a killed agent left half written or half removed. That it can't go (a full disk) is no reason to fail.
fn sweep(layout: &Layout) {
    let cache = layout.root().join("cache");
    let backups = layout.root().join("backups");
    for folder in [
        layout.root(),
        &layout.releases(),
        &cache,
        &backups,
        &layout.run(),
        &layout.services(),
        &layout.units(),
        &layout.store(),
        &layout.journal(),
    ] {
        let _ = files::sweep(folder);
    }
}

/// What was kept aside for an undo that is through.
fn tidy(layout: &Layout, id: u64, ending: &Ending) {
    if matches!(ending, Ending::Undone { .. }) {
        let _ = files::remove_tree(&layout.kept_aside(id));
    }
}

/// What the journal would tell, had it been writable.
fn unrecorded(record: &Record, ending: &Ending) -> Result<Deployment, Trouble> {
    let mut deployment = record.deployment(true)?;
    deployment.ended_ms = Some(clock::now_ms());
    deployment.outcome = match ending {
        Ending::Done { remarks } => {
            Outcome::Done { remarks: remarks.iter().map(|left| left.why.clone()).collect() }
        }
        Ending::Undone { step, why } => {
            Outcome::Undone { step: record.step_name(*step), why: why.clone(), blame: false }
        }
        Ending::Stuck { step, undo_why, .. } => {
            Outcome::Stuck { step: record.step_name(*step), why: undo_why.clone() }
        }
    };
    Ok(deployment)
}

/// What an event of the journal is to those who watch; the endings are told otherwise.
pub(crate) fn progress(steps: &[Step], event: &Event<Memo>, took_ms: u64) -> Option<Progress> {
    let name = |index: usize| steps.get(index).map_or("end", Step::name).to_owned();
    Some(match event {
        Event::Looked { step, .. } => Progress::Step { index: *step, name: name(*step) },
        Event::Acted { step } => Progress::Acted { index: *step, name: name(*step), took_ms },
        Event::Failed { step, why } => Progress::Undoing { why: format!("{}: {why}", name(*step)) },
        Event::Undoing { why } => Progress::Undoing { why: why.clone() },
        Event::Undone { step } => Progress::Undone { index: *step, name: name(*step) },
        Event::UndoFailed { step, why } => {
            Progress::Remark { what: format!("could not undo {}: {why}", name(*step)) }
        }
        Event::Remark { step, why } => Progress::Remark { what: format!("{}: {why}", name(*step)) },
        Event::Done | Event::Reversed | Event::Stuck { .. } => return None,
    })
}
