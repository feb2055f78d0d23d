//! Tells of operations as they go on, and how they ended: a line a host on a terminal, plain lines in a pipe, or JSON
//! events. Knows nothing of how they are run.

use crate::exit::{Exit, Failure};
use crate::screen::{self, Line, seconds};
use pintail_core::history::{Deployment, Outcome};
use pintail_core::plan::{HostPart, HostPlan, Plan};
use pintail_core::wire::{Progress, Trouble};
use pintail_fleet::fleet::Ended;
use pintail_fleet::session::{Heard, Wish as Going};
use pintail_fleet::target::Operator;
use pintail_os::signals::{Wishes, as_wishes};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Instant;

/// The format of the events that `--json` prints.
const EVENTS_FORMAT: u32 = 1;

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

/// Tells of operations as they go on.
pub(crate) struct Watcher {
    pub(crate) by: String,
    wishes: Option<Signals>,
    line: Line,
    json: bool,
    /// The hosts on which something runs.
    rows: BTreeMap<String, Row>,
    began: Instant,
}

/// What is known of one host.
#[derive(Default)]
struct Row {
    steps: usize,
    at: String,
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
    Trouble(&'a Trouble),
}

/// Hosts that have a place of their own on the line that is written over; more are counted by their steps.
const ROWS_SHOWN: usize = 3;

impl Watcher {
    pub(crate) fn new(operator: &Operator, json: bool) -> Self {
        Self {
            by: operator.by.clone(),
            wishes: None,
            line: Line::new(),
            json,
            rows: BTreeMap::new(),
            began: Instant::now(),
        }
    }

    fn event(&self, host: &str, what: What<'_>) {
        screen::print_event(&Event { format: EVENTS_FORMAT, host, what });
    }

    /// What the operator wants. Only from the first time this is asked are signals wishes: while a question
    /// waits for its answer, Ctrl-C ends the program as ever.
    pub(crate) fn wishes(&mut self) -> Result<&Signals, Failure> {
        if self.wishes.is_none() {
            self.wishes = Some(Signals::new()?);
        }
        self.wishes.as_ref().ok_or_else(|| Trouble::new("cannot listen to signals", "").into())
    }

    /// Something to know about `host`, or about all where it is empty.
    pub(crate) fn note(&mut self, host: &str, text: &str) {
        self.line.clear();
        if self.json { self.event(host, What::Note(text)) } else { screen::narrate(text) }
    }

    /// That nothing is to be done.
    pub(crate) fn nothing(&mut self, plan: &Plan) {
        for part in &plan.hosts {
            let live = part.live.as_ref().map(|live| live.version().to_string()).unwrap_or_default();
            let told = format!("`{}` {live} is live on `{}` already; nothing to do", plan.app, part.host);
            if self.json { self.event(&part.host, What::Nothing(&told)) } else { screen::narrate(&told) }
        }
    }

    /// From now on `plan` is run on `host`.
    pub(crate) fn follow(&mut self, plan: &HostPlan, host: &str) {
        if self.rows.is_empty() {
            self.began = Instant::now();
        }
        self.rows.insert(host.to_owned(), Row { steps: plan.steps.len(), at: String::new() });
        if self.json {
            self.event(host, What::Began(plan));
        }
    }

    pub(crate) fn hear(&mut self, host: &str, heard: Heard) {
        match heard {
            Heard::Began(_, plan) => self.follow(&plan, host),
            Heard::Progress(progress) if self.json => self.event(host, What::Progress(&progress)),
            Heard::Progress(progress) => self.tell(host, &progress),
            // Between the operator and its hosts.
            Heard::Precommitted => {}
            Heard::Output { from, error, text } if self.json => {
                self.event(host, What::Output { from: &from, error, text: &text })
            }
            Heard::Output { from, text, .. } => {
                self.line.clear();
                for line in text.lines() {
                    screen::narrate(&format!("{host}  {from} | {line}"));
                }
            }
        }
    }

    fn tell(&mut self, host: &str, progress: &Progress) {
        let steps = self.rows.get(host).map_or(0, |row| row.steps);
        let text = match progress {
            Progress::Begun => return,
            Progress::Step { index, name } => return self.at(host, format!("{}/{steps} {name}", index + 1)),
            Progress::Acted { .. } if self.line.is_lively() => return,
            Progress::Acted { index, name, took_ms } => {
                format!("{host}  {:>2}/{steps} {name:<15} {}", index + 1, seconds(*took_ms))
            }
            Progress::Undone { name, .. } if self.line.is_lively() => {
                return self.at(host, format!("undoing {name}"));
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

    /// Shows where the hosts are, on one line.
    fn at(&mut self, host: &str, at: String) {
        if let Some(row) = self.rows.get_mut(host) {
            row.at = at;
        }
        let rows = || self.rows.iter().filter(|(_, row)| !row.at.is_empty());
        let told = if self.rows.len() <= ROWS_SHOWN {
            rows().map(|(host, row)| format!("{host}  {} …", row.at)).collect::<Vec<_>>().join("   ")
        } else {
            let mut counts = BTreeMap::new();
            for (_, row) in rows() {
                *counts.entry(row.at.as_str()).or_insert(0) += 1;
            }
            counts.iter().map(|(at, count)| format!("{count} at {at}")).collect::<Vec<_>>().join(", ")
        };
        self.line.show(&format!("{told}  {:.1} s", self.began.elapsed().as_secs_f64()));
    }

    /// Nothing moves any more.
    pub(crate) fn rest(&mut self) {
        self.line.clear();
        self.rows.clear();
    }

    /// Tells how it ended, and the exit code for that.
    pub(crate) fn report(&mut self, deployment: &Deployment, host: &str, target: &str) -> Exit {
        self.rest();
        if self.json {
            self.event(host, What::Ended(deployment));
        } else {
            screen::narrate(&ending(deployment, host, target));
        }
        exit_of(&deployment.outcome)
    }

    /// Tells how it ended on every host of `plan`, and the exit code for all of that.
    pub(crate) fn report_all(&mut self, plan: &Plan, ended: &[Ended]) -> Exit {
        self.rest();
        for (part, ended) in plan.hosts.iter().zip(ended) {
            let (host, target) = (&part.host, &plan.target);
            match ended {
                Ended::Nothing => self.note(host, &format!("`{host}` is as it should be already")),
                Ended::NotBegun => {
                    self.note(host, &format!("`{host}`: not begun; it serves {}", before(part)))
                }
                Ended::Deployment(there) if is_for_another(&there.outcome) && !self.json => {
                    let why = "another host failed";
                    screen::narrate(&format!("undone: `{host}` serves {} ({why})", before(part)));
                }
                Ended::Deployment(there) => drop(self.report(there, host, target)),
                Ended::Refused(trouble) | Ended::Lost(trouble) if self.json => {
                    self.event(host, What::Trouble(trouble));
                }
                Ended::Refused(trouble) => screen::narrate(&crate::exit::told(trouble)),
                Ended::Lost(trouble) => {
                    screen::narrate(&crate::exit::told(trouble));
                    screen::narrate(&format!(
                        "`{host}` does as its plan says, by itself; `pintail status {target}` tells"
                    ));
                }
            }
        }
        self.note("", &sum(plan, ended));
        let exits: Vec<Exit> = ended.iter().map(exit_of_one).collect();
        let worst = [Exit::Stuck, Exit::Undone, Exit::Refused].into_iter().find(|exit| exits.contains(exit));
        worst.unwrap_or(Exit::Done)
    }
}

fn before(part: &HostPart) -> String {
    part.live.as_ref().map_or("nothing, as before".to_owned(), |live| format!("{} as before", live.version()))
}

/// Whether it was undone only since another host failed.
fn is_for_another(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Undone { why, .. } if why.contains("another host of the target failed"))
}

/// What a host serves that was lost.
const UNKNOWN: &str = "what is not known";

/// Which hosts serve what, in one line.
fn sum(plan: &Plan, ended: &[Ended]) -> String {
    let mut serves: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (part, ended) in plan.hosts.iter().zip(ended) {
        let live = || part.live.as_ref().map_or("nothing".to_owned(), |live| live.version().to_string());
        let version = match ended {
            Ended::Deployment(there) => match there.outcome {
                Outcome::Done { .. } => there.release.version().to_string(),
                Outcome::Undone { .. } => live(),
                _ => UNKNOWN.to_owned(),
            },
            Ended::Lost(_) => UNKNOWN.to_owned(),
            _ => live(),
        };
        serves.entry(version).or_default().push(&part.host);
    }
    if let [(version, hosts)] = serves.iter().collect::<Vec<_>>()[..] {
        if version == UNKNOWN {
            return format!("`{}`: what its {} hosts serve is not known", plan.target, hosts.len());
        }
        return format!("`{}`: all {} hosts serve {version}", plan.target, hosts.len());
    }
    let parts: Vec<String> =
        serves.iter().map(|(version, hosts)| format!("{version} on {}", hosts.join(", "))).collect();
    let hint = format!("`pintail deploy {}` catches up those that are behind", plan.target);
    format!("`{}` is NOT on one release: {}\nhint: {hint}", plan.target, parts.join("; "))
}

fn exit_of(outcome: &Outcome) -> Exit {
    match outcome {
        Outcome::Done { .. } => Exit::Done,
        Outcome::Undone { .. } => Exit::Undone,
        Outcome::Stuck { .. } | Outcome::Interrupted { .. } => Exit::Stuck,
        Outcome::Running => Exit::Refused,
    }
}

/// What one host's end is to the whole: where it is not known, or not one of the two, nothing less than stuck.
fn exit_of_one(ended: &Ended) -> Exit {
    match ended {
        Ended::Nothing | Ended::NotBegun => Exit::Done,
        Ended::Refused(_) => Exit::Refused,
        Ended::Lost(_) => Exit::Stuck,
        Ended::Deployment(there) => match exit_of(&there.outcome) {
            Exit::Refused => Exit::Stuck,
            exit => exit,
        },
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
pub(crate) fn failure(what: &str, why: &str, state: &str, hint: &str) -> String {
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
