//! `drill`: on a staging target, deployments whose agents die at every line of their journals in turn, on every host at
//! once. After each: the host must tell the truth, serve one whole release, and be recovered by the next command.

use super::operation;
use super::signed;
use super::status::drift;
use crate::args;
use crate::exit::{Exit, Failure};
use crate::project::{Place, Project};
use crate::screen::{self, seconds};
use pintail_core::config::Target;
use pintail_core::name::ReleaseName;
use pintail_core::plan::{Desired, Plan, Said, Wish};
use pintail_core::wire::{Ask, Trial, Trouble};
use pintail_fleet::fleet::{self, Errand};
use pintail_fleet::session::Wish as Going;
use pintail_fleet::target::{self, Host, Operator};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;

/// The format of `drill --json`.
const FORMAT: u32 = 1;
/// Deployments in one drill: no plan has so many lines; a host whose plan never ends would.
const TRIALS_MAX: u64 = 500;

#[derive(Serialize)]
struct Document {
    format: u32,
    target: String,
    trials: Vec<Tried>,
    /// What was not as it should be, a sentence each; nothing when the drill was passed.
    faults: Vec<String>,
}

#[derive(Serialize)]
struct Tried {
    /// The agents died after so many lines of their journals.
    line: u64,
    /// The step that the first host was at.
    step: String,
    /// What was live before and after.
    from: Option<String>,
    live: Option<String>,
    /// From the kill until all hosts were recovered.
    recovered_ms: u64,
}

/// A drill on its way.
struct Drill<'a> {
    project: &'a Project,
    target: &'a Target,
    operator: Operator,
    artifact: Option<PathBuf>,
    faults: Vec<String>,
}

pub(crate) fn run(place: &Place, args: &args::Drill) -> Result<Exit, Failure> {
    let project = place.project()?;
    let target = project.target(&args.target)?;
    if let Some(before) = &target.requires {
        let what = format!("will not drill on `{}`", target.name);
        let why = format!("it requires `{before}`, so it is where users are");
        return Err(Trouble::new(what, why).hint(format!("`pintail drill {before}`")).into());
    }
    let operator = project.operator()?;
    let mut drill = Drill { project: &project, target, operator, artifact: None, faults: Vec::new() };
    let hosts = drill.operator.observe(target)?;
    let wish = drill.wish(args.version.as_deref(), &hosts)?;
    let question =
        format!("kill deployments on `{}` at every step, {} hosts at once?", target.name, hosts.len());
    if !args.yes && !operation::agreed_to(&target.name, &question)? {
        return Ok(Exit::Refused);
    }
    drop(hosts);
    let mut trials = Vec::new();
    for line in 1..=TRIALS_MAX {
        match drill.kill_at(line, &wish)? {
            Some(tried) => {
                if !args.json {
                    let live = tried.live.as_deref().unwrap_or("nothing");
                    let (step, took) = (&tried.step, seconds(tried.recovered_ms));
                    screen::narrate(&format!(
                        "killed after line {line:>3}  {step:<15} recovered in {took}; {live} serves"
                    ));
                }
                trials.push(tried);
            }
            None => break,
        }
        if !drill.faults.is_empty() {
            break;
        }
    }
    let passed = drill.faults.is_empty();
    let document = Document { format: FORMAT, target: target.name.clone(), trials, faults: drill.faults };
    if args.json {
        screen::print_document(&document);
    } else {
        document.faults.iter().for_each(|fault| screen::print(&format!("FAULT {fault}")));
        let verdict = if passed {
            "each was recovered from by the next command"
        } else {
            "and the last was NOT recovered from"
        };
        screen::print(&format!("`{}`: {} deployments killed, {verdict}", target.name, document.trials.len()));
    }
    Ok(if passed { Exit::Done } else { Exit::Stuck })
}

impl Drill<'_> {
    /// What to deploy: the version named or the latest; where that is live, the last good one.
    fn wish(&mut self, version: Option<&str>, hosts: &[Host]) -> Result<Wish, Failure> {
        let (wish, artifact) = operation::release(self.project, version)?;
        signed::required(self.project, &self.project.depot(), self.target, &wish)?;
        let live = hosts.iter().find_map(|host| host.observed.current.release());
        if let Wish::Release(release) = &wish
            && live == Some(&release.name)
            && version.is_none()
        {
            return Ok(Wish::Back(None));
        }
        self.artifact = Some(artifact);
        Ok(wish)
    }

    /// A deployment that dies after `line` lines, and what became of it; `None` when it has no such line.
    fn kill_at(&mut self, line: u64, wish: &Wish) -> Result<Option<Tried>, Failure> {
        let mut hosts = self.operator.observe(self.target)?;
        let before = live(&hosts);
        let mut plan = self.plan(wish, &mut hosts)?;
        if plan.is_nothing() {
            // The last one was killed behind its point of no return, and finished: back, for the next.
            plan = self.plan(&Wish::Back(None), &mut hosts)?;
        }
        let to = plan.hosts.iter().find_map(|part| Some(part.plan.as_ref()?.release.name.clone()));
        let errand = Errand {
            operator: &self.operator,
            target: self.target,
            artifact: self.artifact.as_deref(),
            trial: Some(Trial::DieAt(line)),
        };
        fleet::run(&mut hosts, &plan, &errand, &mut |_, _| {}, &mut || Going::GoOn);
        drop(hosts);
        let killed = Instant::now();
        let hosts = self.operator.observe(self.target)?;
        let Some(unfinished) = hosts.iter().find_map(|host| host.observed.unfinished.clone()) else {
            let steps =
                plan.hosts.iter().filter_map(|part| Some(part.plan.as_ref()?.steps.len() as u64)).max();
            // It died with its last line, or it had fewer and nobody died.
            return Ok((line <= 2 * steps.unwrap_or(0)).then(|| Tried {
                line,
                step: "ended".to_owned(),
                from: name(&before),
                live: name(&live(&hosts)),
                recovered_ms: 0,
            }));
        };
        self.look(line, &hosts, [&before, &to], "killed");
        let mut sessions: Vec<_> = hosts.into_iter().map(|host| host.session).collect();
        let undo = Ask::Resume { undo: true, by: self.operator.by.clone() };
        for end in
            fleet::ask_all(&mut sessions, &undo, &self.operator.by, &mut |_, _| {}, &mut || Going::GoOn)
        {
            end.map_err(Trouble::from)?;
        }
        drop(sessions);
        let hosts = self.operator.observe(self.target)?;
        self.look(line, &hosts, [&before, &to], "recovered");
        self.look_recovered(line, &hosts);
        Ok(Some(Tried {
            line,
            step: unfinished.step,
            from: name(&before),
            live: name(&live(&hosts)),
            recovered_ms: killed.elapsed().as_millis() as u64,
        }))
    }

    fn plan(&self, wish: &Wish, hosts: &mut [Host]) -> Result<Plan, Failure> {
        let patches = operation::patches(self.project, wish, hosts);
        // What commits ask was asked when it came here; a drill asks nobody.
        let said = Said::default();
        let desired = Desired {
            config: &self.project.config,
            target: self.target,
            wish,
            patches: &patches,
            said: &said,
        };
        Ok(target::plan(desired, hosts)?)
    }

    /// At every moment the old or the new release is live, whole.
    fn look(&mut self, line: u64, hosts: &[Host], may: [&Option<ReleaseName>; 2], when: &str) {
        for host in hosts {
            let serves = host.observed.current.release().cloned();
            if !may.contains(&&serves) {
                self.fault(line, host, format!("when {when}, `current` is {:?}", host.observed.current));
            }
            if host.observed.running.is_some() {
                self.fault(line, host, format!("when {when}, something still runs"));
            }
        }
    }

    /// Recovered: nothing unfinished, nothing that is not as the journal says.
    fn look_recovered(&mut self, line: u64, hosts: &[Host]) {
        for host in hosts {
            if let Some(unfinished) = &host.observed.unfinished {
                self.fault(line, host, format!("it is still unfinished, at step `{}`", unfinished.step));
            }
            drift(&host.observed).into_iter().for_each(|drift| self.fault(line, host, drift));
        }
        let serve: Vec<Option<&ReleaseName>> =
            hosts.iter().map(|host| host.observed.current.release()).collect();
        if serve.iter().any(|there| *there != serve[0]) {
            self.faults.push(format!("line {line}: the hosts are not on one release"));
        }
    }

    fn fault(&mut self, line: u64, host: &Host, what: String) {
        self.faults.push(format!("line {line}, `{}`: {what}", host.session.host()));
    }
}

fn live(hosts: &[Host]) -> Option<ReleaseName> {
    hosts.iter().find_map(|host| host.observed.current.release().cloned())
}

fn name(release: &Option<ReleaseName>) -> Option<String> {
    release.as_ref().map(|release| release.version().to_string())
}
