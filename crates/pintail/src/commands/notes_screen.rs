//! Deployment notes as they are read: what is to be done, numbered, then what goes with it.

use pintail_core::notes::{Gathered, Item, Note, Origin, Says};
use serde::Serialize;

/// One end of a range of commits.
#[derive(Debug, Serialize)]
pub(super) struct End {
    /// As it was typed.
    pub(super) name: String,
    /// The commit that it names.
    pub(super) commit: String,
}

/// What stands below a number.
const INDENT: &str = "     ";

/// The whole screen.
pub(super) fn shown(from: Option<&End>, to: &End, gathered: &Gathered, computed: &[Note]) -> String {
    [vec![head(from, to, gathered)], body(gathered, computed, &|_| None)].concat().join("\n")
}

/// What is asked, without what it is between. `known` says who knows of what an origin asks already.
pub(super) fn body(
    gathered: &Gathered,
    computed: &[Note],
    known: &dyn Fn(&Origin) -> Option<String>,
) -> Vec<String> {
    let mut lines = Vec::new();
    let mut number = 0;
    let standing = |before: bool, must: bool| {
        gathered.asks.iter().filter(move |item| {
            let is_before = item.note().is_some_and(|note| note.before);
            item.struck_by.is_none() && item.acknowledge == must && (!must || is_before == before)
        })
    };
    let (struck, back): (Vec<&Item>, Vec<&Item>) = (
        gathered.asks.iter().filter(|item| item.struck_by.is_some()).collect(),
        gathered.taken_back.iter().collect(),
    );
    for (title, items) in [
        ("before the deployment", standing(true, true).collect()),
        ("to do", standing(false, true).collect()),
        ("to know", standing(false, false).collect()),
        ("reverted since, nothing to do", struck),
        ("would be taken back", back),
    ] {
        section(&mut lines, title, items.iter().map(|item| numbered(&mut number, item, known)));
    }
    let declared = |note: &Note| {
        let before = if note.before { "before the deployment: " } else { "" };
        format!("{INDENT}{}: {before}{}", note.kind.word(), note.text)
    };
    section(&mut lines, "declared otherwise", computed.iter().map(declared));
    let run = gathered.run.iter().map(|run| {
        let when = if run.call.before { "before the switch" } else { "after the switch" };
        format!("{INDENT}{}  {when}, asked by {}", run.call, origins(&run.from))
    });
    section(&mut lines, "tasks to run", run);
    let requires = gathered.requires.iter().map(|requirement| format!("{INDENT}{requirement}"));
    section(&mut lines, "wanted of each host", requires);
    let wants =
        [(gathered.maintenance, "the maintenance page"), (gathered.backup, "a backup of the database")];
    let wants = wants.iter().filter(|(wanted, _)| *wanted).map(|(_, what)| format!("{INDENT}{what}"));
    section(&mut lines, "wanted of the deployment", wants);
    lines
}

fn head(from: Option<&End>, to: &End, gathered: &Gathered) -> String {
    let end = |end: &End| match end.commit.get(..12) {
        Some(short) if !end.commit.starts_with(&end.name) => format!("{} ({short})", end.name),
        _ => end.name.clone(),
    };
    let range = match from {
        Some(from) => format!("{}..{}", end(from), end(to)),
        None => format!("everything up to {}", end(to)),
    };
    let must = gathered.asks.iter().chain(&gathered.taken_back).filter(|item| item.acknowledge).count();
    match gathered.digest() {
        Some(digest) => format!("{range}: {must} to acknowledge, digest {digest}"),
        None if gathered.is_nothing() => format!("{range}: nothing is asked"),
        None => format!("{range}: nothing to acknowledge"),
    }
}

fn section(lines: &mut Vec<String>, title: &str, items: impl Iterator<Item = String>) {
    let mut items = items.peekable();
    if items.peek().is_some() {
        lines.push(format!("\n{title}:"));
        lines.extend(items);
    }
}

fn numbered(number: &mut usize, item: &Item, known: &dyn Fn(&Origin) -> Option<String>) -> String {
    *number += 1;
    let said = said(item).replace('\n', &format!("\n{INDENT}"));
    let only = match item.targets.as_slice() {
        [] => String::new(),
        targets => format!(", only for {}", targets.join(", ")),
    };
    let struck = item.struck_by.as_ref().map_or(String::new(), |by| format!(", reverted by {}", by.short()));
    let known =
        item.from.iter().find_map(known).map_or(String::new(), |known| format!("\n{INDENT}  {known}"));
    format!("{:>3}. {said}\n{INDENT}  {} {}{only}{struck}{known}", number, origins(&item.from), item.subject)
}

fn said(item: &Item) -> String {
    match &item.says {
        Says::Note(note) => format!("{}: {}", note.kind.word(), note.text),
        Says::Undoes { commit, of, notes } => {
            let head = format!("undoes {} {of}", commit.get(..12).unwrap_or(commit));
            let had = notes
                .iter()
                .map(|note| format!("\n- {}: {}", note.kind.word(), note.text.replace('\n', " ")));
            let had: String = had.collect();
            if had.is_empty() { head } else { format!("{head}, which had these notes:{had}") }
        }
        Says::Ran(call) => format!("ran: {call}; nothing runs that back"),
        Says::Fault(fault) => format!("fault: {fault}"),
    }
}

fn origins(from: &[Origin]) -> String {
    from.iter().map(|origin| origin.short()).collect::<Vec<_>>().join(", ")
}
