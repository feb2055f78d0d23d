//! `[tasks.NAME]`: what a commit may ask to be run once on a target, by its name. Knows nothing of commits.

use std::time::Duration;

use super::{duration, places, target::section_name, walk::Node};

/// Something that is run on demand of a commit's `Deploy-Run`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The name in `[tasks.NAME]`.
    pub name: String,
    /// The command, as the shell reads it.
    pub run: String,
    /// How long it may take; default 10 minutes.
    pub within: Duration,
}

const WITHIN: Duration = Duration::from_secs(10 * 60);

pub(super) fn read(node: Option<Node<'_>>) -> Vec<Task> {
    let entries = node.and_then(|node| node.entries()).unwrap_or_default();
    entries.into_iter().filter_map(|(name, _, node)| task(&name, node)).collect()
}

fn task(name: &Node<'_>, node: Node<'_>) -> Option<Task> {
    let named = name.parse(section_name);
    let walk = node.table(&places::TASK)?;
    let run =
        walk.required("run", "\"perl script/reindex.pl\"").and_then(|node| node.text().map(str::to_owned));
    let within = walk.or("within", WITHIN, |node| node.duration(duration::SOME));
    Some(Task { name: named?, run: run?, within })
}
