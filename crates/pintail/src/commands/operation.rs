//! What `deploy`, `rollback` and those that watch have in common: ask the hosts, clear up what an earlier
//! operation left, plan, show, do, report.

use super::asks;
use super::promotion::Before;
use super::signed;
use super::watcher::Watcher;
use crate::args::How;
use crate::exit::{Exit, Failure, told};
use crate::project::Project;
use crate::screen;
use pintail_core::config::Target;
use pintail_core::history::{Deployment, Outcome};
use pintail_core::plan::{Desired, Patch, Plan, Wish};
use pintail_core::wire::{Ask, Trial, Trouble};
use pintail_depot::{Depot, DepotError};
use pintail_fleet::fleet::{self, Ended, Errand};
use pintail_fleet::session::{Broken, End, Wish as Going};
use pintail_fleet::target::{self, Host, Operator};
use std::path::{Path, PathBuf};

/// What is to be done to a target.
pub(crate) struct Order<'a> {
    /// The project.
    pub(crate) project: &'a Project,
    /// The target.
    pub(crate) target: &'a Target,
    /// What shall be live.
    pub(crate) wish: Wish,
    /// The depot that it comes from.
    pub(crate) depot: &'a Depot,
    /// Where the artifact's bytes are.
    pub(crate) artifact: Option<PathBuf>,
    /// By what it is known, where it has to be told from the same of others.
    pub(crate) token: Option<&'a str>,
    /// How.
    pub(crate) how: &'a How,
}

/// Does it.
///
/// # Errors
/// Nothing was changed.
pub(crate) fn run(order: &Order<'_>) -> Result<Exit, Failure> {
    // Before any host is asked.
    let signed = signed::required(order.project, order.depot, order.target, &order.wish)?;
    let operator = order.project.operator()?;
    let mut watcher = Watcher::new(&operator, order.how.json);
    let (mut hosts, skipped) = reach(&operator, order, &mut watcher)?;
    for host in &hosts {
        refuse_if_running(host)?;
        if host.observed.unfinished.is_some() && !order.how.yes && !agreed(&order.target.name)? {
            return Ok(Exit::Refused);
        }
    }
    let before = Before::of(order.project, &operator, order.target, &order.wish)?;
    for host in &mut hosts {
        if let Some(exit) = clear_up(host, &order.target.name, &mut watcher)? {
            return Ok(exit);
        }
    }
    let patches = patches(order.project, &order.wish, &mut hosts);
    let said = asks::said(order.project, order.depot, order.target, &order.wish, &mut hosts)?;
    let desired = Desired {
        config: &order.project.config,
        target: order.target,
        wish: &order.wish,
        patches: &patches,
        said: &said,
    };
    let mut plan = Plan { signed, ..target::plan(desired, &hosts)? };
    for part in &mut plan.hosts {
        part.plan.iter_mut().for_each(|plan| plan.token = order.token.map(str::to_owned));
    }
    if plan.is_nothing() {
        watcher.nothing(&plan);
        return Ok(Exit::Done);
    }
    if !order.how.json {
        let commits = commits(order.project, &plan);
        screen::narrate(super::plan_screen::shown(&plan, &commits, before.as_ref()).trim_end());
    }
    asks::check(&plan, &mut hosts)?;
    if !asks::acknowledge(&mut plan, order.how.ack.as_deref(), &operator.by)? {
        screen::narrate("nothing was changed");
        return Ok(Exit::Refused);
    }
    if !order.how.yes && !agreed(&order.target.name)? {
        screen::narrate("nothing was changed");
        return Ok(Exit::Refused);
    }
    let exit = lead(order, &operator, &mut hosts, &plan, &mut watcher)?;
    if !skipped.is_empty() {
        watcher.note("", &format!("behind, since they were out of reach: {}", skipped.join(", ")));
    }
    Ok(exit)
}

/// Every host of the target, asked what it is. One that can't be reached is told before anything changes anywhere,
/// unless it may be left behind; the names of those come along.
fn reach(
    operator: &Operator,
    order: &Order<'_>,
    watcher: &mut Watcher,
) -> Result<(Vec<Host>, Vec<String>), Failure> {
    if !order.how.skip_unreachable {
        return Ok((operator.observe(order.target)?, Vec::new()));
    }
    let (mut hosts, mut skipped, mut troubles) = (Vec::new(), Vec::new(), Vec::new());
    for (address, reached) in order.target.hosts.iter().zip(operator.observe_each(order.target)) {
        match reached {
            Ok(host) => hosts.push(host),
            Err(trouble) => {
                let name = address.to_string();
                watcher.note(
                    &name,
                    &format!("skipped `{name}`: {}", told(&trouble).trim_start_matches("error: ")),
                );
                skipped.push(name);
                troubles.push(trouble);
            }
        }
    }
    if hosts.is_empty() {
        return Err(target::several(troubles.len(), &troubles).into());
    }
    Ok((hosts, skipped))
}

/// Leads the hosts through their plans.
fn lead(
    order: &Order<'_>,
    operator: &Operator,
    hosts: &mut [Host],
    plan: &Plan,
    watcher: &mut Watcher,
) -> Result<Exit, Failure> {
    let names: Vec<String> = plan.hosts.iter().map(|part| part.host.clone()).collect();
    for part in &plan.hosts {
        part.plan.iter().for_each(|plan| watcher.follow(plan, &part.host));
    }
    let mut wish = watcher.wishes()?.going();
    let errand = Errand {
        operator,
        target: order.target,
        artifact: order.artifact.as_deref(),
        trial: order.how.pause_at.map(Trial::PauseAt),
    };
    let mut heard = |host: usize, heard| watcher.hear(&names[host], heard);
    let mut ended = fleet::run(hosts, plan, &errand, &mut heard, &mut wish);
    watcher.rest();
    if ended.len() > 1 {
        return Ok(watcher.report_all(plan, &ended));
    }
    match ended.pop() {
        Some(Ended::Deployment(there)) => Ok(watcher.report(&there, &names[0], &order.target.name)),
        Some(Ended::Refused(trouble)) => Err(trouble.into()),
        Some(Ended::Lost(trouble)) => Err(Failure::Trouble(trouble, Exit::Stuck)),
        Some(Ended::Nothing | Ended::NotBegun) | None => Ok(Exit::Done),
    }
}

/// What travels to `hosts` instead of the artifact.
pub(crate) fn patches(project: &Project, wish: &Wish, hosts: &mut [Host]) -> Vec<Patch> {
    let hosts = hosts.iter_mut().map(|host| (&host.observed, &mut host.session));
    pintail_fleet::patches::patches(&project.depot(), &project.config.name, wish, hosts)
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
    agreed_to(target, &format!("do this to `{target}`?"))
}

/// Whether the operator agrees to `question`.
///
/// # Errors
/// Nobody is there to be asked.
pub(crate) fn agreed_to(target: &str, question: &str) -> Result<bool, Failure> {
    screen::ask(question).ok_or_else(|| {
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
    let what = format!("cannot change `{}` on `{}`", host.observed.root, host.observed.machine);
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
    let name = host.session.host().to_owned();
    let note = format!(
        "{name}: deployment {} of {} {} at step `{}`; clearing up first",
        unfinished.id,
        unfinished.by,
        if unfinished.stuck.is_some() { "is stuck" } else { "was interrupted" },
        unfinished.step
    );
    watcher.note(&name, &note);
    let ask = Ask::Resume { undo: true, by: watcher.by.clone() };
    let mut wish = watcher.wishes()?.going();
    let by = watcher.by.clone();
    let end = host.session.follow(&ask, None, &mut |heard| watcher.hear(&name, heard), &mut wish, &by);
    watcher.rest();
    let end = end.map_err(|broken| match broken {
        Broken::Refused(trouble) => Failure::from(trouble),
        Broken::Lost(trouble) => Failure::Trouble(trouble, Exit::Stuck),
    })?;
    if let End::Deployment(deployment) = end
        && let Outcome::Stuck { .. } = deployment.outcome
    {
        return Ok(Some(watcher.report(&deployment, host.session.host(), target)));
    }
    host.observed = host.session.observe()?;
    Ok(None)
}

/// How a deployment ended is how the command ended.
pub(crate) fn as_it_ended(_: &mut Watcher, _: &Deployment, exit: Exit) -> Exit {
    exit
}

/// Asks the one thing of every host at the same time, and tells how it ended. `judge` has the last word on what that
/// is to the asker.
pub(crate) fn on_each(
    project: &Project,
    target: &Target,
    json: bool,
    undoable: bool,
    ask: impl Fn(&Operator) -> Ask,
    judge: impl Fn(&mut Watcher, &Deployment, Exit) -> Exit,
) -> Result<Exit, Failure> {
    let operator = project.operator()?;
    let mut watcher = Watcher::new(&operator, json);
    let mut sessions = operator.connect(target)?;
    let names: Vec<String> = sessions.iter().map(|session| session.host().to_owned()).collect();
    let mut going: Box<dyn FnMut() -> Going> =
        if undoable { Box::new(watcher.wishes()?.going()) } else { Box::new(watcher.wishes()?.watching()) };
    let mut heard = |host: usize, heard| watcher.hear(&names[host], heard);
    let ends = fleet::ask_all(&mut sessions, &ask(&operator), &operator.by, &mut heard, &mut going);
    watcher.rest();
    let mut worst = Exit::Done;
    let mut troubles = Vec::new();
    for (host, end) in names.iter().zip(ends) {
        let exit = match end {
            Ok(End::Deployment(deployment)) => {
                let exit = watcher.report(&deployment, host, &target.name);
                judge(&mut watcher, &deployment, exit)
            }
            Ok(End::Exited(code)) => Exit::Code(u8::try_from(code).unwrap_or(1)),
            Ok(End::Done(text)) if text.is_empty() => Exit::Done,
            Ok(End::Done(text)) => {
                watcher.note(host, &format!("{host}: {text}"));
                Exit::Done
            }
            Err(Broken::Refused(trouble) | Broken::Lost(trouble)) => {
                troubles.push(trouble);
                continue;
            }
        };
        if worst == Exit::Done {
            worst = exit;
        }
    }
    match troubles.len() {
        0 => Ok(worst),
        1 => Err(troubles.remove(0).into()),
        many => Err(target::several(many, &troubles).into()),
    }
}

/// The artifact that `wanted` names: a file, a version of the depot, or the latest.
pub(crate) fn release(project: &Project, wanted: Option<&str>) -> Result<(Wish, PathBuf), Failure> {
    let depot = project.depot();
    let name = &project.config.name;
    let card = match wanted {
        Some(file) if is_file(file) => super::depot::add(project, Path::new(file), None, None)?.card().clone(),
        Some(version) => {
            let version = crate::project::typed("version", version)?;
            depot.find(name, &version).map_err(|error| {
                cannot_take(&format!("`{name}` {version}"), &error)
            })?
        }
        None => depot.latest(name).map_err(|error| cannot_take(&format!("`{name}`"), &error))?.ok_or_else(|| {
            Trouble::new(format!("there is no `{name}` to deploy"), format!("the depot `{}` is empty", depot.place()))
                .hint("`pintail build --version V` makes one, or name a file: `pintail deploy TARGET NAME-1.0.tar.gz`")
        })?,
    };
    // Its size is compared with its card: what was cut off or written over is found before anything is begun.
    depot
        .open(&card.name, &card.version)
        .map_err(|error| Trouble::new(format!("cannot deploy `{name}` {}", card.version), error))?;
    let path = depot.artifact_path(&card.name, &card.version);
    Ok((Wish::Release(signed::release_of(&card)), path))
}

/// That the depot does not give what shall be deployed: it is not there, or can't be read. Then building it again is no
/// way out, and the reason says what is.
fn cannot_take(what: &str, error: &DepotError) -> Trouble {
    match error {
        DepotError::NotFound { .. } => Trouble::new(format!("there is no {what} to deploy"), error)
            .hint("`pintail build --version V` makes one"),
        _ => Trouble::new(format!("cannot take {what} from the depot"), error),
    }
}

fn is_file(text: &str) -> bool {
    text.contains('/') || [".tar.gz", ".tgz", ".tar.zst", ".tzst"].iter().any(|ending| text.ends_with(ending))
}
