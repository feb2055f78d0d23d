//! Notes that nobody wrote: what two releases declare differently. Knows dependencies and settings; schemas are compared
//! elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use super::about::About;
use super::note::{Kind, Note};

/// Dependencies told one by one; where more differ, their number.
const TOLD_MAX: usize = 30;
/// Files of the schema told by name; where more differ, their number.
const SCHEMA_TOLD_MAX: usize = 10;

/// What `coming` declares otherwise than `live`: settings, then the schema, then dependencies. They are told, and need no
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
    notes.extend(schema(live, coming));
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

/// How the schema's files differ, in one note.
fn schema(live: &About, coming: &About) -> Option<Note> {
    let (had, has) = (&live.schema, &coming.schema);
    let new = has.keys().filter(|path| !had.contains_key(*path)).map(|path| format!("`{path}` is new"));
    let changed = |(path, id): (&String, &String)| {
        let before = had.get(path)?;
        (before != id).then(|| format!("`{path}` is changed"))
    };
    let gone = had.keys().filter(|path| !has.contains_key(*path)).map(|path| format!("`{path}` is gone"));
    let mut told: Vec<String> = new.chain(has.iter().filter_map(changed)).chain(gone).collect();
    let more = told.len().saturating_sub(SCHEMA_TOLD_MAX);
    told.truncate(SCHEMA_TOLD_MAX);
    if more > 0 {
        told.push(format!("{more} more differ"));
    }
    let text = format!("the schema changes: {}", told.join(", "));
    (!told.is_empty()).then_some(Note { kind: Kind::Schema, before: false, text })
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

#[cfg(test)]
mod tests {
    use super::super::about::ABOUT_FORMAT;
    use super::*;

    #[test]
    fn the_schema_s_files_are_told_in_one_note() {
        let about = |files: &[(&str, &str)]| About {
            format: ABOUT_FORMAT,
            name: "pond".parse().unwrap(),
            version: "1".parse().unwrap(),
            commit: String::new(),
            committed_s: 0,
            tasks: BTreeMap::new(),
            targets: vec![],
            settings: vec![],
            dependencies: vec![],
            schema: files.iter().map(|(path, id)| ((*path).to_owned(), (*id).to_owned())).collect(),
            notes: vec![],
            left_out: 0,
        };
        let (old, new) = (about(&[("a.sql", "1"), ("b.sql", "1")]), about(&[("b.sql", "2"), ("c.sql", "1")]));
        let told: Vec<String> = computed(&old, &new).into_iter().map(|note| note.text).collect();
        assert_eq!(told, ["the schema changes: `c.sql` is new, `b.sql` is changed, `a.sql` is gone"]);
        assert!(computed(&new, &new).is_empty());
    }
}
