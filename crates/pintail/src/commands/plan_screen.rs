//! A plan as people read it, by `plan` and before `deploy`.

use super::promotion::Before;
use crate::screen;
use pintail_core::notes::Origin;
use pintail_core::plan::{Asks, HostPart, Plan, acknowledgement};
use std::fmt::Write;

/// The plan for people. Hosts that do the same stand together.
pub(crate) fn shown(plan: &Plan, commits: &[String], before: Option<&Before>) -> String {
    let mut text = format!("plan for `{}` of `{}`\n", plan.target, plan.app);
    if let Some(signed) = &plan.signed {
        let _ = writeln!(text, "  signed by {}", signed.by);
    }
    let mut alike: Vec<(String, Vec<&str>)> = Vec::new();
    for part in &plan.hosts {
        let does = host(part);
        match alike.iter_mut().find(|(there, _)| *there == does) {
            Some((_, names)) => names.push(&part.host),
            None => alike.push((does, vec![&part.host])),
        }
    }
    for (does, names) in alike {
        let _ = write!(text, "\n  {}: {does}", names.join(", "));
    }
    if !commits.is_empty() {
        let _ = writeln!(text, "\n  commits that go live:");
        for commit in commits {
            let _ = writeln!(text, "    {commit}");
        }
    }
    text.push_str(&asked(&plan.asks, before));
    text
}

/// What is asked, for each release that is live.
pub(crate) fn asked(all: &[Asks], before: Option<&Before>) -> String {
    let mut text: String = all.iter().map(|asks| notes(all.len(), asks, before)).collect();
    if let Some(digest) = acknowledgement(all) {
        let _ = writeln!(text, "\n  to acknowledge all of that in a script: --ack {digest}");
    }
    text
}

/// What is asked where one release is live.
fn notes(count: usize, asks: &Asks, before: Option<&Before>) -> String {
    let mut text = String::new();
    let hosts = match count {
        1 => String::new(),
        _ => format!(" on {}", asks.hosts.join(", ")),
    };
    let live = asks.live.as_ref().map_or("nothing".to_owned(), |live| live.version().to_string());
    let _ = writeln!(text, "\n  notes, where {live} is live{hosts}:");
    if asks.unknown {
        let _ = writeln!(text, "    what lies between is not known: one of the two says nothing of itself");
    }
    let known = |origin: &Origin| before.and_then(|before| before.acknowledged(origin));
    for line in super::notes_screen::body(&asks.notes, &asks.computed, &known).join("\n").lines() {
        let _ = if line.is_empty() { writeln!(text) } else { writeln!(text, "  {line}") };
    }
    text
}

/// What a host does, without its name.
fn host(part: &HostPart) -> String {
    let mut text = String::new();
    let live = part.live.as_ref().map_or("nothing".to_owned(), |live| live.version().to_string());
    let Some(plan) = &part.plan else {
        return format!("{live} is live already; nothing to do\n");
    };
    let _ =
        writeln!(text, "{} {live} -> {}, as deployment {}", plan.kind.word(), plan.release.version, plan.id);
    if plan.release.files > 0 {
        let size = screen::bytes(plan.release.unpacked_bytes);
        let _ = writeln!(text, "  release {}: {} files, {size}", plan.release.name, plan.release.files);
    }
    for (index, step) in plan.steps.iter().enumerate() {
        let _ = writeln!(text, "    {:>2}  {:<15} {}", index + 1, step.name(), step.told());
    }
    text
}
