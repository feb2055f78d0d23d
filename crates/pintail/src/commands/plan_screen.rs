//! A plan as people read it, by `plan` and before `deploy`.

use crate::screen;
use pintail_core::plan::{HostPart, Plan};
use std::fmt::Write;

/// The plan for people.
pub(crate) fn shown(plan: &Plan, commits: &[String]) -> String {
    let mut text = format!("plan for `{}` of `{}`\n", plan.target, plan.app);
    for part in &plan.hosts {
        host(&mut text, part);
    }
    if !commits.is_empty() {
        let _ = writeln!(text, "\n  commits that go live:");
        for commit in commits {
            let _ = writeln!(text, "    {commit}");
        }
    }
    text
}

fn host(text: &mut String, part: &HostPart) {
    let live = part.live.as_ref().map_or("nothing".to_owned(), |live| live.version().to_string());
    let Some(plan) = &part.plan else {
        let _ = writeln!(text, "\n  {}: {live} is live already; nothing to do", part.host);
        return;
    };
    let _ = writeln!(
        text,
        "\n  {}: {} {live} -> {}, as deployment {}",
        part.host,
        plan.kind.word(),
        plan.release.version,
        plan.id
    );
    if plan.release.files > 0 {
        let size = screen::bytes(plan.release.unpacked_bytes);
        let _ = writeln!(text, "  release {}: {} files, {size}", plan.release.name, plan.release.files);
    }
    for (index, step) in plan.steps.iter().enumerate() {
        let _ = writeln!(text, "    {:>2}  {:<15} {}", index + 1, step.name(), step.told());
    }
}
