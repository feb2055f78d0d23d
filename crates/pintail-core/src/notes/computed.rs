//! Notes that nobody wrote: what two releases declare differently. Knows dependencies and settings; schemas are compared
//! elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use super::about::About;
use super::note::{Kind, Note};

/// Dependencies told one by one; where more differ, their number.
const TOLD_MAX: usize = 30;

/// What `coming` declares otherwise than `live`: settings, then dependencies. They are told, and need no
/// acknowledgement: settings are looked for on each host, dependencies by the proof and `prepare`.
pub fn computed(live: &About, coming: &About) -> Vec<Note> {
    let (had, has): (BTreeSet<&String>, BTreeSet<&String>) =
        (live.settings.iter().collect(), coming.settings.iter().collect());
    let setting = |name: &str, before, what| Note {
        kind: Kind::Config,
        before,
        text: format!("the setting `{name}` is {what}"),
    };
    let mut notes: Vec<Note> = has.difference(&had).map(|name| setting(name, true, "required now")).collect();
    notes.extend(had.difference(&has).map(|name| setting(name, false, "no longer required")));
    let (had, has) = (declared(live), declared(coming));
    let mut told = Vec::new();
    for (key @ (file, name), range) in &has {
        match had.get(key) {
            None if range.is_empty() => told.push(format!("`{name}` is new in `{file}`")),
            None => told.push(format!("`{name}` `{range}` is new in `{file}`")),
            Some(before) if before != range => {
                told.push(format!("`{name}` in `{file}`: {} now, {} before", shown(range), shown(before)));
            }
            Some(_) => {}
        }
    }
    let gone = had.keys().filter(|key| !has.contains_key(*key));
    told.extend(gone.map(|(file, name)| format!("`{name}` is no longer in `{file}`")));
    let more = told.len().saturating_sub(TOLD_MAX);
    told.truncate(TOLD_MAX);
    if more > 0 {
        told.push(format!("{more} more differ"));
    }
    notes.extend(told.into_iter().map(|text| Note { kind: Kind::Dependency, before: false, text }));
    notes
}

fn shown(range: &str) -> String {
    if range.is_empty() { "any version".to_owned() } else { format!("`{range}`") }
}

/// Each dependency with its ranges; a file may name one more than once.
fn declared(about: &About) -> BTreeMap<(&str, &str), String> {
    let mut all: BTreeMap<(&str, &str), String> = BTreeMap::new();
    for one in &about.dependencies {
        all.entry((&one.file, &one.name))
            .and_modify(|ranges| *ranges = format!("{ranges}, {}", one.range))
            .or_insert_with(|| one.range.clone());
    }
    all
}
