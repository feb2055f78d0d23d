//! `release`: verifies everything, shows the plan, and has it done; goes on with one that was interrupted, or undoes it.

mod ear;

mod shown;

mod stage;

use super::{asks, plan_screen, signed};
use crate::VERSION;
use crate::args;
use crate::exit::{Exit, Failure, told};
use crate::project::{Place, Project, by, typed};
use crate::screen;
use ear::Teller;
use pintail_core::plan::acknowledgement;
use pintail_core::wire::Trouble;
use pintail_depot::Card;
use pintail_depot::signing::SecretKey;
use pintail_os::{clock, signals};
use pintail_release::next::Wanted;
use pintail_release::release::operation::{self, Company, Held, Outcome, Waiting};
use pintail_release::release::verify::{Order, verify};
use pintail_release::release::{Ear, Plan, Record, State};
use pintail_saga::Direction;
use shown::Told;
use stage::Target;
use std::cell::RefCell;

pub(crate) fn run(place: &Place, args: &args::Release) -> Result<Exit, Failure> {
    let project = place.project()?;
    let wishes = signals::as_wishes().map_err(|error| Trouble::new("cannot listen to signals", error))?;
    let ear = RefCell::new(Teller::new(wishes));
    // A password is asked for before anything takes time; who only looks signs nothing.
    let key = if args.dry_run { None } else { signed::secret_key(&project)? };
    let release = Release { project: &project, args, ear: &ear, key: key.as_ref() };
    match (args.resume, args.abort) {
        (true, _) => release.go_on(Direction::Finish),
        (_, true) => release.go_on(Direction::Undo),
        _ => release.begin(),
    }
}

/// Whether the operator knows of the notes.
enum Known {
    /// With what acknowledges them.
    Yes(Option<String>),
    No,
    Refused(Trouble),
}

struct Release<'a> {
    project: &'a Project,
    args: &'a args::Release,
    ear: &'a RefCell<Teller>,
    /// What signs the artifact.
    key: Option<&'a SecretKey>,
}

impl Release<'_> {
    fn begin(&self) -> Result<Exit, Failure> {
        let wanted = wanted(self.args.version.as_deref().unwrap_or_default())?;
        let folder = &self.project.folder;
        // Whoever only looks keeps nobody from releasing.
        let held = if self.args.dry_run { None } else { Some(self.lock()?) };
        if let Some(record) = operation::last(folder)?.filter(|_| held.is_some()) {
            refuse_unfinished(&record)?;
        }
        let plan = match self.verify(&wanted) {
            Ok(plan) => plan,
            Err(troubles) => return Ok(self.refused(&troubles)),
        };
        let Some(held) = held else {
            let exit = self.planned(&plan);
            return Ok(match self.known(&plan)? {
                Known::Refused(trouble) => {
                    screen::narrate(&told(&trouble));
                    Exit::Refused
                }
                _ => exit,
            });
        };
        screen::narrate(shown::plan(&plan).trim_end());
        let ack = match self.known(&plan)? {
            Known::Yes(ack) => ack,
            Known::No => {
                screen::narrate("nothing was changed");
                return Ok(Exit::Refused);
            }
            Known::Refused(trouble) => return Ok(self.refused(&[trouble])),
        };
        if !self.args.yes && !self.agreed(&plan)? {
            screen::narrate("nothing was changed");
            return Ok(Exit::Refused);
        }
        self.ear.borrow_mut().follow(&plan);
        let mut target = self.target(ack.clone());
        let ended = operation::begin(&held, &plan, self.company(&mut target, ack))?;
        let exit = self.ended(&plan, &ended, Direction::Finish);
        Ok(self.signed(&plan, &ended, exit))
    }

    /// What acknowledges the notes that the target for staging will want acknowledged, which are shown: those of the commit
    /// that is now, as the release's own asks nothing more. Asked before anything is begun.
    fn known(&self, plan: &Plan) -> Result<Known, Failure> {
        let stage = self.project.config.release.stage.as_deref().filter(|_| !self.args.skip_stage);
        let Some(stage) = stage else { return Ok(Known::Yes(None)) };
        let (asks, lacking) = asks::before_release(self.project, self.project.target(stage)?, &plan.version)?;
        if !asks.is_empty() && !self.args.json {
            screen::narrate(plan_screen::asked(&asks, None).trim_end());
        }
        if let Some(trouble) = lacking {
            return Ok(Known::Refused(trouble));
        }
        let wanted = acknowledgement(&asks);
        let given = self.args.ack.as_deref();
        if wanted.is_some() && given.is_none() && screen::can_ask() && !self.args.dry_run {
            let _leaving = self.ear.borrow().leave_when_interrupted();
            let knows = screen::ask("do you know of all of these, and see to them?") == Some(true);
            return Ok(if knows { Known::Yes(wanted) } else { Known::No });
        }
        if !self.args.dry_run
            && let Err(trouble) = asks::refuse_unacknowledged(stage, wanted.as_deref(), given)
        {
            return Ok(Known::Refused(trouble));
        }
        Ok(Known::Yes(wanted))
    }

    /// Takes the lock, waiting for what a killed release had started.
    fn lock(&self) -> Result<Held, Failure> {
        let mut waits = |waiting: Waiting<'_>| {
            if let Waiting::For(who) = waiting {
                let who: String = who.iter().map(|one| format!("\n  {one}")).collect();
                screen::narrate(&format!(
                    "what a release that was killed had started still runs; waiting for its end{who}"
                ));
            }
            self.ear.borrow_mut().interrupt().is_none()
        };
        Ok(operation::lock(&self.project.folder, &mut waits)?)
    }

    fn target(&self, ack: Option<String>) -> Target<'_> {
        Target::new(self.project, self.key, ack)
    }

    /// Signs what was published, where staging did not. That it can't be is told; it is released all the same.
    fn signed(&self, plan: &Plan, ended: &operation::Ended, exit: Exit) -> Exit {
        let (Some(key), Outcome::Done) = (self.key, &ended.outcome) else { return exit };
        match self
            .published(plan, ended)
            .and_then(|card| signed::sign_published(self.project, &self.project.depot(), &card, key))
        {
            Ok(_) => exit,
            Err(trouble) => {
                screen::narrate(&told(&trouble));
                Exit::Stuck
            }
        }
    }

    /// The card of what this release published, and of nothing that lies in its place by now.
    fn published(&self, plan: &Plan, ended: &operation::Ended) -> Result<Card, Trouble> {
        let Plan { app, version, .. } = plan;
        let what = || format!("cannot sign `{app}` {version}");
        let card = self.project.depot().find(app, version).map_err(|error| Trouble::new(what(), error))?;
        if ended.digest == Some(card.digest) {
            return Ok(card);
        }
        let made = ended.digest.map_or_else(|| "unknown".to_owned(), |digest| digest.short());
        let why = format!("digest {} is in the depot, this release's is {made}", card.digest.short());
        Err(Trouble::new(what(), why)
            .hint("find out whose it is; what is right, `pintail depot sign VERSION` signs"))
    }

    fn verify(&self, wanted: &Wanted) -> Result<Plan, Vec<Trouble>> {
        let day = screen::moment(clock::now_ms());
        let depot = self.project.depot();
        let order = Order {
            folder: &self.project.folder,
            config: &self.project.config,
            depot: &depot,
            wanted,
            skip_stage: self.args.skip_stage,
            day: day.split(' ').next().unwrap_or_default(),
        };
        let mut heard = |stream, bytes: &[u8]| self.ear.borrow_mut().output(stream, bytes);
        let is_wanted = || self.ear.borrow_mut().interrupt().is_none();
        verify(&order, &mut self.target(None), &mut heard, &is_wanted)
    }

    fn go_on(&self, direction: Direction) -> Result<Exit, Failure> {
        let held = self.lock()?;
        let Some(record) = operation::last(&self.project.folder)? else {
            return Ok(self.nothing("there is no unfinished release"));
        };
        let plan = record.header.plan.clone();
        match record.state()? {
            State::Done => {
                return Ok(self.nothing(&format!(
                    "there is no unfinished release; the last one, of {}, is done",
                    plan.version
                )));
            }
            State::Undone { .. } => {
                return Ok(self.nothing(&format!(
                    "there is no unfinished release; the last one, of {}, was undone",
                    plan.version
                )));
            }
            _ => {}
        }
        self.ear.borrow_mut().follow(&plan);
        let ack = self.args.ack.clone().or_else(|| record.header.acknowledged.clone());
        let mut target = self.target(ack.clone());
        let ended = operation::go_on(&held, direction, self.company(&mut target, ack))?;
        let exit = self.ended(&plan, &ended, direction);
        Ok(self.signed(&plan, &ended, exit))
    }

    fn company<'a>(&'a self, target: &'a mut Target<'a>, acknowledged: Option<String>) -> Company<'a> {
        Company {
            folder: &self.project.folder,
            config: &self.project.config,
            depot: self.project.depot(),
            by: by(),
            acknowledged,
            pintail: VERSION,
            stage: target,
            ear: self.ear,
            die_at: self.args.die_at,
        }
    }

    /// Whether the operator agrees. Ctrl-C at the question ends the program, as ever.
    fn agreed(&self, plan: &Plan) -> Result<bool, Failure> {
        let _leaving = self.ear.borrow().leave_when_interrupted();
        screen::ask(&format!("release `{}` {}?", plan.app, plan.version)).ok_or_else(|| {
            let why = "standard input is no terminal, so nobody can agree to the plan";
            Trouble::new(format!("will not release `{}` {} unasked", plan.app, plan.version), why)
                .hint("say `--yes`; `--dry-run` shows what would be done")
                .into()
        })
    }

    fn refused(&self, troubles: &[Trouble]) -> Exit {
        for trouble in troubles {
            screen::narrate(&told(trouble));
        }
        if troubles.len() > 1 {
            screen::narrate(&format!("{} things are in the way; nothing was changed", troubles.len()));
        }
        self.print(&Told::new("refused").troubles(troubles));
        Exit::Refused
    }

    fn planned(&self, plan: &Plan) -> Exit {
        if !self.args.json {
            screen::print(shown::plan(plan).trim_end());
        }
        self.print(&Told::new("planned").plan(plan));
        Exit::Done
    }

    fn nothing(&self, text: &str) -> Exit {
        screen::narrate(text);
        self.print(&Told::new("nothing"));
        Exit::Done
    }

    fn ended(&self, plan: &Plan, ended: &operation::Ended, wanted: Direction) -> Exit {
        self.print(&Told::of(plan, ended));
        // That it ends undone is what was asked for, and so no failure.
        if wanted == Direction::Undo && matches!(ended.outcome, Outcome::Undone { .. }) {
            if let Outcome::Undone { left, .. } = &ended.outcome {
                screen::narrate(&format!("the release of {} is {}", plan.version, shown::undone(left)));
            }
            return Exit::Done;
        }
        let text = shown::ending(plan, ended, self.ear.borrow_mut().interrupt().is_some());
        match ended.outcome {
            Outcome::Done if !self.args.json => screen::print(&text),
            _ => screen::narrate(&text),
        }
        match ended.outcome {
            Outcome::Done => Exit::Done,
            Outcome::Undone { .. } => Exit::Undone,
            Outcome::Unpublished { .. } | Outcome::Stuck { .. } | Outcome::Unknown { .. } => Exit::Stuck,
        }
    }

    fn print(&self, document: &Told<'_>) {
        if self.args.json {
            screen::print_document(document);
        }
    }
}

/// Which version is asked for.
fn wanted(text: &str) -> Result<Wanted, Failure> {
    Ok(match text {
        "patch" => Wanted::Patch,
        "minor" => Wanted::Minor,
        "major" => Wanted::Major,
        version if version.starts_with(|c: char| c.is_ascii_digit()) => {
            Wanted::Exactly(typed("version", version)?)
        }
        other => {
            return Err(Failure::usage(
                format!("`{other}` is no version to release"),
                "a version begins with a digit",
                "`patch`, `minor`, `major`, or the version itself, such as `1.4.2`",
            ));
        }
    })
}

/// Two releases under way would take the same version.
fn refuse_unfinished(record: &Record) -> Result<(), Failure> {
    let (plan, by) = (&record.header.plan, &record.header.by);
    let version = &plan.version;
    let (why, hint) = match record.state()? {
        State::Done | State::Undone { .. } => return Ok(()),
        State::Interrupted { step, back: false } => (
            format!("the release of {version} by {by} was interrupted at step `{step}`"),
            "`pintail release --resume` goes on with it, `pintail release --abort` undoes it",
        ),
        State::Interrupted { step, back: true } => (
            format!("the release of {version} by {by} was interrupted on its way back, at step `{step}`"),
            "`pintail release --abort` goes on undoing it",
        ),
        State::Unpublished { why } => (
            format!("the release of {version} by {by} is pushed, and not in the depot\n{why}"),
            "mend that; `pintail release --resume` publishes it",
        ),
        State::Stuck { step, why } => (
            format!("the release of {version} by {by} is stuck: step `{step}` could not be undone\n{why}"),
            "mend that; `pintail release --abort` tries again",
        ),
    };
    let (app, place) =
        (&plan.app, record.header.project.as_deref().unwrap_or_default().trim_end_matches('/'));
    // Of several projects in one repository, one is released at a time.
    let why = if place.is_empty() { why } else { format!("{why}\nit was begun in `{place}`") };
    Err(Trouble::new(format!("will not begin another release while that of `{app}` is unfinished"), why)
        .hint(hint)
        .into())
}
