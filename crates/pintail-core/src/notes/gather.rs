//! What a deployment asks: what the coming release notes and the live one doesn't, and what it takes back: the reverse.
//! A difference of two sets, so it holds however many versions lie between, and in whatever direction. Knows two
//! releases and a target; does not know who is asked.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::about::{About, Task};
use super::note::{Asked, Fault, Note, TaskCall};
use super::noted::{Noted, Origin};
use super::requirement::Requirement;
use crate::digest::Digest;

/// Hex digits of [`Gathered::digest`]: nobody meets a second list with the same by accident.
pub const ACK_DIGITS: usize = 12;

/// What a deployment asks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Gathered {
    /// What is to be known or done, oldest first.
    pub asks: Vec<Item>,
    /// What the live release had asked and the coming one doesn't have, oldest first.
    pub taken_back: Vec<Item>,
    /// The tasks to run, each once, in the order of the last commits that ask for them.
    pub run: Vec<Run>,
    /// What a host must have, each once.
    pub requires: Vec<Requirement>,
    /// Some commit wants the maintenance page to be on.
    pub maintenance: bool,
    /// Some commit wants the database to be backed up.
    pub backup: bool,
    /// Notes that are history and are not asked, because nothing was live before.
    pub history: usize,
}

/// One thing to be known or done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What it says.
    #[serde(flatten)]
    pub says: Says,
    /// The commits and fragments that say it, oldest first; never empty.
    pub from: Vec<Origin>,
    /// The subject of the first of them.
    pub subject: String,
    /// The commit that reverted it meanwhile: nothing has to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub struck_by: Option<Origin>,
    /// The targets that it is for; none: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// Whether it must be acknowledged.
    pub acknowledge: bool,
}

/// What an item says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Says {
    /// A note, as it was written.
    Note(Note),
    /// It reverts a commit that is live, which had these notes.
    Undoes {
        /// That commit.
        commit: String,
        /// Its subject.
        of: String,
        /// Its notes.
        notes: Vec<Note>,
    },
    /// A task was run for it, and nothing runs that back.
    Ran(TaskCall),
    /// Something that can't be read, or can't be done as it is written.
    Fault(Fault),
}

/// A task to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its name, with what to.
    pub call: TaskCall,
    /// As `pintail.toml` of the coming release declares it.
    pub task: Task,
    /// The commits that ask for it.
    pub from: Vec<Origin>,
}

impl Gathered {
    /// Whether nothing is asked, run, wanted or taken back.
    pub fn is_nothing(&self) -> bool {
        Gathered { history: 0, ..self.clone() } == Gathered::default()
    }

    /// The hex digits that acknowledge: they change whenever the list of what must be acknowledged does, and with
    /// nothing else. `None` when there is nothing to acknowledge.
    pub fn digest(&self) -> Option<String> {
        let list: Vec<(&str, &Says, &[Origin])> = [("asks", &self.asks), ("taken-back", &self.taken_back)]
            .into_iter()
            .flat_map(|(way, items)| items.iter().map(move |item| (way, item)))
            .filter(|(_, item)| item.acknowledge)
            .map(|(way, item)| (way, &item.says, item.from.as_slice()))
            .collect();
        let json = serde_json::to_vec(&list).expect("strings and lists always become JSON");
        (!list.is_empty()).then(|| Digest::of(&json).to_string()[..ACK_DIGITS].to_owned())
    }
}

/// What making `coming` live on `target` asks where `live` is live. With nothing live only its requirements are asked:
/// notes say what a change needs, and there nothing changes.
pub fn gather(live: Option<&About>, coming: &About, target: &str) -> Gathered {
    match live {
        Some(live) => between(live, coming, Some(target)),
        None => first(coming, target),
    }
}

/// The same whatever the target: what is for some only says for which.
pub fn gather_for_all(live: &About, coming: &About) -> Gathered {
    between(live, coming, None)
}

fn between(live: &About, coming: &About, target: Option<&str>) -> Gathered {
    let mut asks = Part::new(added(live, coming), coming, target);
    asks.revive(live, coming);
    let back = Part::new(taken(live, coming), live, target);
    let mut gathered = Gathered { asks: asks.items(live, coming), ..Gathered::default() };
    let texts: BTreeSet<String> =
        gathered.asks.iter().filter_map(|item| Some(item.note()?.normal())).collect();
    gathered.taken_back = back.taken_items(live, &texts);
    asks.wants(coming, &mut gathered);
    gathered
}

fn first(coming: &About, target: &str) -> Gathered {
    let part = Part::new(coming.notes.iter().cloned().map(Entry::new).collect(), coming, Some(target));
    let standing = || part.entries.iter().filter(|entry| part.struck_by(entry).is_none());
    let mut requires = Vec::new();
    for requirement in standing().flat_map(|entry| &entry.noted.asked.requires) {
        if !requires.contains(requirement) {
            requires.push(requirement.clone());
        }
    }
    let history = standing().map(|entry| entry.noted.asked.notes.len()).sum();
    Gathered { requires, history, ..Gathered::default() }
}

/// Something noted that one side has and the other hasn't, and who else says the same by a common id.
struct Entry {
    noted: Noted,
    also: Vec<Origin>,
}

impl Entry {
    fn new(noted: Noted) -> Entry {
        Entry { noted, also: Vec::new() }
    }

    fn from(&self) -> Vec<Origin> {
        self.also.iter().chain([&self.noted.origin]).cloned().collect()
    }
}

/// What `one` lacks: not the oldest ones where it left out more than `other` did.
fn comparable<'a>(one: &About, other: &'a About) -> &'a [Noted] {
    let skip = usize::try_from(one.left_out.saturating_sub(other.left_out)).unwrap_or(usize::MAX);
    other.notes.get(skip..).unwrap_or_default()
}

fn ids(about: &About) -> BTreeSet<&str> {
    about.notes.iter().filter_map(|noted| noted.asked.id.as_deref()).collect()
}

/// What `coming` has beyond `live`. A commit with an id that is live already in another was asked there; of one that was
/// amended since, only what is new.
fn added(live: &About, coming: &About) -> Vec<Entry> {
    let had: BTreeMap<&Origin, &Noted> = live.notes.iter().map(|noted| (&noted.origin, noted)).collect();
    let had_ids = ids(live);
    let is_new = |noted: &Noted| noted.asked.id.as_deref().is_none_or(|id| !had_ids.contains(id));
    let new = comparable(live, coming).iter().filter_map(|noted| match had.get(&noted.origin) {
        None => is_new(noted).then(|| noted.clone()),
        Some(before) if noted.amended.is_some() && noted.amended != before.amended => {
            Some(Noted { asked: beyond(&before.asked, &noted.asked), reverts: Vec::new(), ..noted.clone() })
        }
        Some(_) => None,
    });
    new.filter(|noted| !noted.asked.is_nothing() || !noted.reverts.is_empty()).map(Entry::new).collect()
}

/// What `after` asks and `before` did not.
fn beyond(before: &Asked, after: &Asked) -> Asked {
    let texts: BTreeSet<String> = before.notes.iter().map(Note::normal).collect();
    let mut asked = after.clone();
    asked.notes.retain(|note| !texts.contains(&note.normal()));
    asked.run.retain(|call| !before.run.contains(call));
    asked.requires.retain(|requirement| !before.requires.contains(requirement));
    asked.faults.retain(|fault| !before.faults.contains(fault));
    asked.maintenance &= !before.maintenance;
    asked.backup &= !before.backup;
    asked
}

/// What `live` has beyond `coming`. A fragment that is gone or edited is house-keeping, unless the way goes back in time.
fn taken(live: &About, coming: &About) -> Vec<Entry> {
    let stays: BTreeSet<&Origin> = coming.notes.iter().map(|noted| &noted.origin).collect();
    let stay_ids = ids(coming);
    let stays_as_file = |path: &str| {
        coming
            .notes
            .iter()
            .any(|noted| matches!(&noted.origin, Origin::Fragment { path: other, .. } if other == path))
    };
    let is_taken = |noted: &&Noted| {
        let by_origin = match &noted.origin {
            Origin::Commit { .. } => true,
            Origin::Fragment { path, .. } => coming.committed_s < live.committed_s && !stays_as_file(path),
        };
        let by_id = noted.asked.id.as_deref().is_none_or(|id| !stay_ids.contains(id));
        by_origin && by_id && !stays.contains(&noted.origin)
    };
    comparable(coming, live).iter().filter(is_taken).cloned().map(Entry::new).collect()
}

/// One direction of the difference, for one target.
struct Part {
    entries: Vec<Entry>,
    /// Who reverted whom, within it.
    struck: BTreeMap<String, Origin>,
    /// Targets that are named and not declared.
    unknown: Vec<(Origin, String, Fault)>,
    target: Option<String>,
}

impl Part {
    fn new(entries: Vec<Entry>, declaring: &About, target: Option<&str>) -> Part {
        let mut part = Part {
            entries: one_of_each_id(entries),
            struck: BTreeMap::new(),
            unknown: Vec::new(),
            target: target.map(str::to_owned),
        };
        let is_declared = |name: &String| declaring.targets.contains(name);
        for Entry { noted, .. } in &part.entries {
            for name in noted.asked.targets.iter().filter(|name| !is_declared(name)) {
                let why = "names no target of `pintail.toml` there; it is taken for all".to_owned();
                let fault = Fault { text: format!("Deploy-Env: {name}"), why };
                part.unknown.push((noted.origin.clone(), noted.subject.clone(), fault));
            }
        }
        part.entries.retain(|Entry { noted, .. }| {
            let names = &noted.asked.targets;
            names.is_empty()
                || target.is_none_or(|target| names.iter().any(|name| name == target || !is_declared(name)))
        });
        // Newest first: a revert that is reverted itself strikes nothing.
        for Entry { noted, .. } in part.entries.iter().rev() {
            let stands = noted.origin.commit().is_none_or(|commit| !part.struck.contains_key(commit));
            if stands {
                for commit in &noted.reverts {
                    part.struck.insert(commit.clone(), noted.origin.clone());
                }
            }
        }
        part
    }

    /// Adds what is in force again because its live revert is reverted: it was undone, and is to be done anew.
    fn revive(&mut self, live: &About, coming: &About) {
        let find = |side: &About, commit: &str| {
            side.notes.iter().find(|noted| noted.origin.commit() == Some(commit)).cloned()
        };
        let mut revived = Vec::new();
        for entry in self.entries.iter().filter(|entry| self.struck_by(entry).is_none()) {
            let live_reverts = entry.noted.reverts.iter().filter_map(|commit| find(live, commit));
            for commit in live_reverts.flat_map(|revert| revert.reverts) {
                let is_there = self.entries.iter().any(|other| other.noted.origin.commit() == Some(&*commit));
                let again = find(coming, &commit).filter(|noted| self.is_for(&noted.asked) && !is_there);
                revived.extend(again.map(|noted| Entry::new(Noted { reverts: Vec::new(), ..noted })));
            }
        }
        self.entries.extend(revived);
    }

    /// Whether it is for the target, as far as targets are declared.
    fn is_for(&self, asked: &Asked) -> bool {
        let target = self.target.as_ref();
        asked.targets.is_empty() || target.is_none_or(|target| asked.targets.contains(target))
    }

    fn struck_by(&self, entry: &Entry) -> Option<&Origin> {
        self.struck.get(entry.noted.origin.commit()?)
    }

    fn items(&self, live: &About, coming: &About) -> Vec<Item> {
        let mut items = Items::default();
        for entry in &self.entries {
            let struck_by = self.struck_by(entry);
            for commit in &entry.noted.reverts {
                items.all.extend(self.undoes(entry, commit, live));
            }
            for note in &entry.noted.asked.notes {
                items.note(entry, note, struck_by);
            }
            for fault in &entry.noted.asked.faults {
                items.all.push(item(entry, Says::Fault(fault.clone()), struck_by, true));
            }
            let undeclared =
                entry.noted.asked.run.iter().filter(|call| !coming.tasks.contains_key(&call.task));
            for call in undeclared {
                let word = if call.before { "Deploy-Run-Before" } else { "Deploy-Run" };
                let why =
                    format!("names the task `{}`, which `pintail.toml` does not declare there", call.task);
                let fault = Fault { text: format!("{word}: {call}"), why };
                items.all.push(item(entry, Says::Fault(fault), struck_by, true));
            }
        }
        items.all.extend(self.unknown.iter().map(|(origin, subject, fault)| Item {
            says: Says::Fault(fault.clone()),
            from: vec![origin.clone()],
            subject: subject.clone(),
            struck_by: None,
            targets: Vec::new(),
            acknowledge: true,
        }));
        items.all
    }

    /// What a revert undoes of what `side` has, unless that is in this part itself.
    fn undoes(&self, entry: &Entry, commit: &str, side: &About) -> Option<Item> {
        if self.entries.iter().any(|other| other.noted.origin.commit() == Some(commit)) {
            return None;
        }
        let undone = side.notes.iter().find(|noted| noted.origin.commit() == Some(commit))?;
        let Noted { subject, asked, .. } = undone;
        let acknowledge =
            asked.notes.iter().any(|note| asked.must_be_acknowledged(note)) || !asked.run.is_empty();
        let says =
            Says::Undoes { commit: commit.to_owned(), of: subject.clone(), notes: asked.notes.clone() };
        (!asked.is_nothing() && self.is_for(asked))
            .then(|| item(entry, says, self.struck_by(entry), acknowledge))
    }

    /// `texts` are asked again on the other side: nothing is taken back of them.
    fn taken_items(&self, live: &About, texts: &BTreeSet<String>) -> Vec<Item> {
        let mut items = Items::default();
        for entry in &self.entries {
            let struck_by = self.struck_by(entry);
            for commit in &entry.noted.reverts {
                items.all.extend(self.undoes(entry, commit, live));
            }
            let gone = entry.noted.asked.notes.iter().filter(|note| !texts.contains(&note.normal()));
            for note in gone {
                items.note(entry, note, struck_by);
            }
            for call in &entry.noted.asked.run {
                items.all.push(item(entry, Says::Ran(call.clone()), struck_by, true));
            }
        }
        items.all
    }

    /// What is wanted beside the items, but by commits that were reverted.
    fn wants(&self, coming: &About, gathered: &mut Gathered) {
        for entry in self.entries.iter().filter(|entry| self.struck_by(entry).is_none()) {
            let asked = &entry.noted.asked;
            gathered.maintenance |= asked.maintenance;
            gathered.backup |= asked.backup;
            for requirement in &asked.requires {
                if !gathered.requires.contains(requirement) {
                    gathered.requires.push(requirement.clone());
                }
            }
            for call in &asked.run {
                let Some(task) = coming.tasks.get(&call.task) else { continue };
                let mut from = Vec::new();
                // The later one: what lies between may be needed for it.
                if let Some(at) = gathered.run.iter().position(|run| run.call == *call) {
                    from = gathered.run.remove(at).from;
                }
                from.extend(entry.from());
                gathered.run.push(Run { call: call.clone(), task: task.clone(), from });
            }
        }
    }
}

/// Of those with a common id the last, which supersedes the others.
fn one_of_each_id(entries: Vec<Entry>) -> Vec<Entry> {
    let mut kept: Vec<Entry> = Vec::new();
    for mut entry in entries {
        let id = entry.noted.asked.id.clone();
        let same = |other: &Entry| other.noted.asked.id == id;
        if let Some(at) = id.is_some().then(|| kept.iter().position(same)).flatten() {
            let older = kept.remove(at);
            entry.also = older.from();
        }
        kept.push(entry);
    }
    kept
}

fn item(entry: &Entry, says: Says, struck_by: Option<&Origin>, acknowledge: bool) -> Item {
    Item {
        says,
        from: entry.from(),
        subject: entry.noted.subject.clone(),
        struck_by: struck_by.cloned(),
        targets: entry.noted.asked.targets.clone(),
        acknowledge: acknowledge && struck_by.is_none(),
    }
}

/// Items, the notes among them each once.
#[derive(Default)]
struct Items {
    all: Vec<Item>,
    /// Where a note is: by its normal text, whether it is to be done before, and whether it stands.
    notes: BTreeMap<(String, bool, bool), usize>,
}

impl Items {
    /// Puts a note to the others, or its commit to the one that says the same.
    fn note(&mut self, entry: &Entry, note: &Note, struck_by: Option<&Origin>) {
        let acknowledge = entry.noted.asked.must_be_acknowledged(note);
        let new = item(entry, Says::Note(note.clone()), struck_by, acknowledge);
        let key = (note.normal(), note.before, struck_by.is_none());
        match self.notes.get(&key) {
            Some(at) => {
                let same = &mut self.all[*at];
                same.acknowledge |= new.acknowledge;
                // One commit may say it twice.
                let said = same.from.clone();
                same.from.extend(new.from.into_iter().filter(|origin| !said.contains(origin)));
            }
            None => {
                self.notes.insert(key, self.all.len());
                self.all.push(new);
            }
        }
    }
}

impl Item {
    /// The note in it, if it is one.
    pub fn note(&self) -> Option<&Note> {
        match &self.says {
            Says::Note(note) => Some(note),
            Says::Undoes { .. } | Says::Ran(_) | Says::Fault(_) => None,
        }
    }
}
