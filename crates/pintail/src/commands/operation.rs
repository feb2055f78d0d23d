//! What `deploy`, `rollback` and those that watch have in common: ask the hosts, clear up what an earlier
//! operation left, plan, show, do, report.

use crate::args::How;
use crate::exit::{Exit, Failure};
use crate::project::Project;
use crate::screen::{self, Line, seconds};
use pintail_core::config::Target;
use pintail_core::history::{Deployment, Outcome};
use pintail_core::plan::{Desired, HostPlan, Patch, Plan, Wish};
use pintail_core::wire::{Ask, Progress, Trouble};
use pintail_fleet::session::{End, Heard, Session, Wish as Going};
use pintail_fleet::target::{self, Errand, Host, Operator};
use pintail_os::signals::{Wishes, as_wishes};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The format of the events that `--json` prints.
const EVENTS_FORMAT: u32 = 1;

/// What is to be done to a target.
pub(crate) struct Order<'a> {
    /// The project.
    pub(crate) project: &'a Project,
    /// The target.
    pub(crate) target: &'a Target,
    /// What shall be live.
    pub(crate) wish: Wish,
    /// Where the artifact's bytes are.
    pub(crate) artifact: Option<PathBuf>,
    /// How.
    pub(crate) how: &'a How,
}

/// Does it.
///
/// # Errors
/// Nothing was changed.
pub(crate) fn run(order: &Order<'_>) -> Result<Exit, Failure> {
    let operator = order.project.operator()?;
    let mut watcher = Watcher::new(&operator, order.how.json)?;
    let mut hosts = operator.observe(order.target)?;
    for host in &hosts {
        refuse_if_running(host)?;
        if host.observed.unfinished.is_some() && !order.how.yes && !agreed(&order.target.name)? {
            return Ok(Exit::Refused);
        }
    }
    if order.target.requires.is_some() {
        watcher.note("note: `requires` is not checked by this Pintail yet");
    }
    for host in &mut hosts {
        if let Some(exit) = clear_up(host, &order.target.name, &mut watcher)? {
            return Ok(exit);
        }
    }
    let patches = patches(order.project, &order.wish, &hosts);
    let desired =
        Desired { config: &order.project.config, target: order.target, wish: &order.wish, patches: &patches };
    let plan = target::plan(desired, &hosts)?;
    if plan.is_nothing() {
        watcher.nothing(&plan);
        return Ok(Exit::Done);
    }
    if !order.how.json {
        screen::narrate(super::plan_screen::shown(&plan, &commits(order.project, &plan)).trim_end());
    }
    if !order.how.yes && !agreed(&order.target.name)? {
        screen::narrate("nothing was changed");
        return Ok(Exit::Refused);
    }
    let mut exit = Exit::Done;
    for (host, part) in hosts.iter_mut().zip(&plan.hosts) {
        let Some(plan) = &part.plan else { continue };
        let errand =
            Errand { by: &operator.by, artifact: order.artifact.as_deref(), pause_at: order.how.pause_at };
        watcher.follow(plan, host.session.host());
        let mut wish = watcher.wishes()?.going();
        let deployment =
            target::run(&mut host.session, plan, &errand, &mut |heard| watcher.hear(heard), &mut wish);
        watcher.line.clear();
        exit = watcher.report(&deployment?, host.session.host(), &order.target.name);
        if exit != Exit::Done {
            break;
        }
    }
    Ok(exit)
}

/// What travels to `hosts` instead of the artifact.
pub(crate) fn patches(project: &Project, wish: &Wish, hosts: &[Host]) -> Vec<Patch> {
    let observed = hosts.iter().map(|host| &host.observed);
    pintail_fleet::patches::patches(&project.depot(), &project.config.name, wish, observed)
}

/// The commits between what is live and what comes, as far as this checkout knows them: told, never needed.
pub(crate) fn commits(project: &Project, plan: &Plan) -> Vec<String> {
    const TOLD: usize = 20;
    let part = plan.hosts.iter().find_map(|part| part.plan.as_ref().map(|plan| (plan, &part.live)));
    let Some((plan, Some(_))) = part else { return Vec::new() };
    let (Some(to), Some(from)) = (&plan.release.commit, &plan.from_commit) else { return Vec::new() };
    pintail_release::git::summaries(&project.folder, from, to, TOLD).unwrap_or_default()
}

fn agreed(target: &str) -> Result<bool, Failure> {
    screen::ask(&format!("do this to `{target}`?")).ok_or_else(|| {
        let why = "standard input is no terminal, so nobody can agree to the plan";
        Trouble::new(format!("will not change `{target}` unasked"), why)
            .hint("say `--yes`; `pintail plan` shows what would be done")
            .into()
    })
}

/// What another operation is about to make of the host is nothing to plan for.
fn refuse_if_running(host: &Host) -> Result<(), Failure> {
    let Some(running) = &host.observed.running else { return Ok(()) };
    let at = running.step.as_ref().map(|step| format!(", at step `{step}`")).unwrap_or_default();
    let ago = host.observed.now_ms.saturating_sub(running.since_ms) / 1000;
    let id = running.id.map_or_else(|| "a change".to_owned(), |id| format!("deployment {id}"));
    let why = format!("{id} of {} is running there, since {ago} s{at}", running.by);
    let what = format!("cannot change `{}`", host.observed.root);
    Err(Trouble::new(what, why)
        .hint("`pintail attach TARGET` watches it, `pintail abort TARGET` undoes it")
        .into())
}

/// An operation whose agent died is undone before another begins. The exit code when it can't be.
fn clear_up(host: &mut Host, target: &str, watcher: &mut Watcher) -> Result<Option<Exit>, Failure> {
    let Some(unfinished) = host.observed.unfinished.clone().filter(|_| host.observed.running.is_none())
    else {
        return Ok(None);
    };
    watcher.note(&format!(
        "{}: deployment {} of {} {} at step `{}`; clearing up first",
        host.session.host(),
        unfinished.id,
        unfinished.by,
        if unfinished.stuck.is_some() { "is stuck" } else { "was interrupted" },
        unfinished.step
    ));
    let ask = Ask::Resume { undo: true, by: watcher.by.clone() };
    let mut wish = watcher.wishes()?.going();
    let by = watcher.by.clone();
    let end = host.session.follow(&ask, None, &mut |heard| watcher.hear(heard), &mut wish, &by);
    watcher.line.clear();
    if let End::Deployment(deployment) = end?
        && let Outcome::Stuck { .. } = deployment.outcome
    {
        return Ok(Some(watcher.report(&deployment, host.session.host(), target)));
    }
    host.observed = host.session.observe()?;
    Ok(None)
}

/// What the operator wants, by the signals that came.
pub(crate) struct Signals(Wishes);

impl Signals {
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self(as_wishes().map_err(|error| Trouble::new("cannot listen to signals", error))?))
    }

    /// To be asked while something runs: the first Ctrl-C undoes, the second leaves.
    pub(crate) fn going(&self) -> impl FnMut() -> Going + use<> {
        let wishes = self.0.clone();
        let mut told = false;
        move || match wishes.interrupts() {
            _ if wishes.is_ended() => Going::HangUp,
            0 => Going::GoOn,
            1 => {
                if !std::mem::replace(&mut told, true) {
                    screen::narrate("\nundoing; Ctrl-C again leaves it to the host");
                }
                Going::Abort
            }
            _ => Going::HangUp,
        }
    }

    /// To be asked while something is only watched: any signal leaves.
    pub(crate) fn watching(&self) -> impl FnMut() -> Going + use<> {
        let wishes = self.0.clone();
        move || if wishes.is_ended() || wishes.interrupts() > 0 { Going::HangUp } else { Going::GoOn }
    }
}

/// Tells of an operation as it goes on: a line a host on a terminal, plain lines in a pipe, or JSON events.
pub(crate) struct Watcher {
    pub(crate) by: String,
    wishes: Option<Signals>,
    pub(crate) line: Line,
    json: bool,
    host: String,
    steps: usize,
    began: Instant,
}

#[derive(Serialize)]
struct Event<'a, T: Serialize> {
    format: u32,
    host: &'a str,
    #[serde(flatten)]
    what: T,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum What<'a> {
    Note(&'a str),
    Nothing(&'a str),
    Began(&'a HostPlan),
    Progress(&'a Progress),
    Output { from: &'a str, error: bool, text: &'a str },
    Ended(&'a Deployment),
}

impl Watcher {
    pub(crate) fn new(operator: &Operator, json: bool) -> Result<Self, Failure> {
        Ok(Self {
            by: operator.by.clone(),
            wishes: None,
            line: Line::new(),
            json,
            host: String::new(),
            steps: 0,
            began: Instant::now(),
        })
    }

    fn event(&self, what: What<'_>) {
        screen::print_event(&Event { format: EVENTS_FORMAT, host: &self.host, what });
    }

    /// What the operator wants. Only from the first time this is asked are signals wishes: while a question
    /// waits for its answer, Ctrl-C ends the program as ever.
    fn wishes(&mut self) -> Result<&Signals, Failure> {
        if self.wishes.is_none() {
            self.wishes = Some(Signals::new()?);
        }
        self.wishes.as_ref().ok_or_else(|| Trouble::new("cannot listen to signals", "").into())
    }

    pub(crate) fn note(&mut self, text: &str) {
        if self.json { self.event(What::Note(text)) } else { screen::narrate(text) }
    }

    fn nothing(&mut self, plan: &Plan) {
        for part in &plan.hosts {
            self.host.clone_from(&part.host);
            let live = part.live.as_ref().map(|live| live.version().to_string()).unwrap_or_default();
            let told = format!("`{}` {live} is live on `{}` already; nothing to do", plan.app, part.host);
            if self.json { self.event(What::Nothing(&told)) } else { screen::narrate(&told) }
        }
    }

    /// From now on it is about `plan` on `host`.
    pub(crate) fn follow(&mut self, plan: &HostPlan, host: &str) {
        host.clone_into(&mut self.host);
        self.steps = plan.steps.len();
        self.began = Instant::now();
        if self.json {
            self.event(What::Began(plan));
        }
    }

    pub(crate) fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Began(_, plan) => {
                let host = self.host.clone();
                self.follow(&plan, &host);
            }
            Heard::Progress(progress) if self.json => self.event(What::Progress(&progress)),
            Heard::Progress(progress) => self.tell(&progress),
            Heard::Output { from, error, text } if self.json => {
                self.event(What::Output { from: &from, error, text: &text })
            }
            Heard::Output { from, text, .. } => {
                self.line.clear();
                for line in text.lines() {
                    screen::narrate(&format!("{}  {from} | {line}", self.host));
                }
            }
        }
    }

    fn tell(&mut self, progress: &Progress) {
        let (host, steps) = (&self.host, self.steps);
        let text = match progress {
            Progress::Step { index, name } => {
                self.line.show(&format!(
                    "{host}  {}/{steps} {name} …  {:.1} s",
                    index + 1,
                    self.began.elapsed().as_secs_f64()
                ));
                return;
            }
            Progress::Acted { .. } if self.line.is_lively() => return,
            Progress::Acted { index, name, took_ms } => {
                format!("{host}  {:>2}/{steps} {name:<15} {}", index + 1, seconds(*took_ms))
            }
            Progress::Undone { name, .. } if self.line.is_lively() => {
                self.line.show(&format!("{host}  undoing {name}"));
                return;
            }
            Progress::Undone { name, .. } => format!("{host}  undone {name}"),
            Progress::Undoing { why } => {
                format!("{host}  going back: {}", why.lines().next().unwrap_or_default())
            }
            Progress::Remark { what } => format!("{host}  remark: {what}"),
        };
        self.line.clear();
        screen::narrate(&text);
    }

    /// Tells how it ended, and the exit code for that.
    pub(crate) fn report(&mut self, deployment: &Deployment, host: &str, target: &str) -> Exit {
        self.line.clear();
        if self.json {
            host.clone_into(&mut self.host);
            self.event(What::Ended(deployment));
        } else {
            screen::narrate(&ending(deployment, host, target));
        }
        match deployment.outcome {
            Outcome::Done { .. } => Exit::Done,
            Outcome::Undone { .. } => Exit::Undone,
            Outcome::Stuck { .. } => Exit::Stuck,
            Outcome::Running | Outcome::Interrupted { .. } => Exit::Refused,
        }
    }
}

/// How an operation ended, for people.
pub(crate) fn ending(deployment: &Deployment, host: &str, target: &str) -> String {
    let Deployment { id, kind, release, from, .. } = deployment;
    let version = release.version();
    let took = deployment
        .ended_ms
        .map(|ended| format!(", {}", seconds(ended.saturating_sub(deployment.began_ms))))
        .unwrap_or_default();
    let before =
        from.as_ref().map_or("nothing, as before".to_owned(), |from| format!("{} as before", from.version()));
    match &deployment.outcome {
        Outcome::Done { remarks } => {
            let was = from
                .as_ref()
                .filter(|from| *from != release)
                .map(|from| format!("; it was {}", from.version()))
                .unwrap_or_default();
            let mut text = format!("{version} is live on `{host}` ({} {id}{took}){was}", kind.word());
            for remark in remarks {
                text.push_str(&format!("\nremark: {remark}"));
            }
            text
        }
        Outcome::Undone { step, why, .. } => failure(
            &format!("{} {id} of {version} to `{target}` failed on `{host}` at step `{step}`", kind.word()),
            why,
            &format!("undone: `{host}` serves {before}"),
            &format!("`pintail history {target}` keeps this"),
        ),
        Outcome::Stuck { step, why } => failure(
            &format!(
                "{} {id} of {version} to `{target}` is stuck on `{host}`: step `{step}` could not be undone",
                kind.word()
            ),
            why,
            "the steps before it are not undone either",
            &format!("mend that, then `pintail abort {target}` tries again"),
        ),
        Outcome::Interrupted { step } => failure(
            &format!("{} {id} of {version} on `{host}` was interrupted at step `{step}`", kind.word()),
            "its agent ended",
            "nothing runs",
            &format!("`pintail resume {target}` finishes it, `pintail abort {target}` undoes it"),
        ),
        Outcome::Running => format!("{} {id} of {version} runs on `{host}`", kind.word()),
    }
}

/// In the house form: what, why, what is undone, and last the hint that came with the reason, or ours.
fn failure(what: &str, why: &str, state: &str, hint: &str) -> String {
    let mut text = format!("error: {what}");
    let mut own = None;
    for line in why.lines() {
        match line.trim_start().strip_prefix("hint: ") {
            Some(given) => own = Some(given.to_owned()),
            None => text.push_str(&format!("\n  {}", line.trim_start())),
        }
    }
    format!("{text}\n{state}\nhint: {}", own.as_deref().unwrap_or(hint))
}

/// How a deployment ended is how the command ended.
pub(crate) fn as_it_ended(_: &mut Watcher, _: &Deployment, exit: Exit) -> Exit {
    exit
}

/// Asks the one thing of every host, and tells how it ended. `judge` has the last word on what that is to the asker.
pub(crate) fn on_each(
    project: &Project,
    target: &Target,
    json: bool,
    undoable: bool,
    ask: impl Fn(&Operator) -> Ask,
    judge: impl Fn(&mut Watcher, &Deployment, Exit) -> Exit,
) -> Result<Exit, Failure> {
    let operator = project.operator()?;
    let mut watcher = Watcher::new(&operator, json)?;
    let mut exit = Exit::Done;
    for mut session in operator.connect(target)? {
        let host = session.host().to_owned();
        host.clone_into(&mut watcher.host);
        let end = follow(&mut session, &ask(&operator), undoable, &mut watcher)?;
        exit = match end {
            End::Deployment(deployment) => {
                let exit = watcher.report(&deployment, &host, &target.name);
                judge(&mut watcher, &deployment, exit)
            }
            End::Exited(code) => Exit::Code(u8::try_from(code).unwrap_or(1)),
            End::Done(text) if text.is_empty() => Exit::Done,
            End::Done(text) => {
                watcher.note(&format!("{host}: {text}"));
                Exit::Done
            }
        };
        if exit != Exit::Done {
            break;
        }
    }
    Ok(exit)
}

fn follow(session: &mut Session, ask: &Ask, undoable: bool, watcher: &mut Watcher) -> Result<End, Failure> {
    let by = watcher.by.clone();
    let mut going: Box<dyn FnMut() -> Going> =
        if undoable { Box::new(watcher.wishes()?.going()) } else { Box::new(watcher.wishes()?.watching()) };
    let end = session.follow(ask, None, &mut |heard| watcher.hear(heard), &mut going, &by);
    watcher.line.clear();
    Ok(end?)
}

/// The artifact that `wanted` names: a file, a version of the depot, or the latest.
pub(crate) fn release(project: &Project, wanted: Option<&str>) -> Result<(Wish, PathBuf), Failure> {
    let depot = project.depot();
    let name = &project.config.name;
    let card = match wanted {
        Some(file) if is_file(file) => super::depot::add(project, Path::new(file), None)?.card().clone(),
        Some(version) => {
            let version = crate::project::typed("version", version)?;
            depot.find(name, &version).map_err(|error| {
                Trouble::new(format!("there is no `{name}` {version} to deploy"), error).hint("`pintail build --version V` makes one")
            })?
        }
        None => depot.latest(name).map_err(|error| Trouble::new("cannot look into the depot", error))?.ok_or_else(|| {
            Trouble::new(format!("there is no `{name}` to deploy"), format!("the depot `{}` is empty", depot.folder().display()))
                .hint("`pintail build --version V` makes one, or name a file: `pintail deploy TARGET NAME-1.0.tar.gz`")
        })?,
    };
    // Its size is compared with its card: what was cut off or written over is found before anything is begun.
    depot
        .open(&card.name, &card.version)
        .map_err(|error| Trouble::new(format!("cannot deploy `{name}` {}", card.version), error))?;
    let path = depot.artifact_path(&card.name, &card.version);
    let release = pintail_core::plan::Release {
        name: pintail_core::name::ReleaseName::new(card.version.clone(), &card.digest),
        version: card.version,
        digest: card.digest,
        commit: card.commit,
        packed_bytes: card.packed_bytes,
        unpacked_bytes: card.tree_bytes,
        files: card.files,
    };
    Ok((Wish::Release(release), path))
}

fn is_file(text: &str) -> bool {
    text.contains('/') || [".tar.gz", ".tgz", ".tar.zst", ".tzst"].iter().any(|ending| text.ends_with(ending))
}
