//! The usual places of a version, for projects that name none: `Cargo.toml`, `package.json`, `pyproject.toml`, a Perl
//! distribution's. If more than one of them has one, nobody can tell which is meant.

use super::{Places, Tree, cargo, json, perl, python};
use crate::next::Custom;
use pintail_core::wire::Trouble;
use std::ops::Range;

/// Finds the one.
pub(super) fn find(tree: Tree<'_>) -> Result<Places, Vec<Trouble>> {
    let mut all = Vec::new();
    let mut troubles = Vec::new();
    for look in [cargo::find, npm, python::find, distribution] {
        match look(tree) {
            Ok(places) => all.extend(places.filter(|places| !places.spots.is_empty())),
            Err(trouble) => troubles.push(trouble),
        }
    }
    if all.len() > 1 {
        let there: Vec<String> =
            all.iter().filter_map(|places| places.by).map(|by| format!("`{by}`")).collect();
        let why = format!("{} have one, and `version.files` names none", there.join(" and "));
        troubles.push(
            Trouble::new("cannot tell where this project says its version", why).hint(
                "name each in `[version] files` that is to change, or say `files = []` for the tag alone",
            ),
        );
    }
    if troubles.is_empty() { Ok(all.pop().unwrap_or_default()) } else { Err(troubles) }
}

type Looked = Result<Option<Places>, Trouble>;

fn npm(tree: Tree<'_>) -> Looked {
    let Some(manifest) = tree.known("package.json")? else { return Ok(None) };
    let Some(range) = json::string_at(&manifest, &["version"]) else { return Ok(None) };
    let mut places = Places { by: Some("package.json"), custom: Custom::Parts, ..Places::default() };
    places.add("package.json", manifest.as_bytes(), [range]);
    for name in ["package-lock.json", "npm-shrinkwrap.json"] {
        if let Some(lock) = tree.known(name)? {
            let paths: [&[&str]; 2] = [&["version"], &["packages", "", "version"]];
            let ranges: Vec<_> = paths.iter().filter_map(|path| json::string_at(&lock, path)).collect();
            places.add(name, lock.as_bytes(), ranges);
        }
    }
    Ok(Some(places))
}

fn distribution(tree: Tree<'_>) -> Looked {
    let mut places = Places { by: Some("the Perl distribution"), custom: Custom::Perl, ..Places::default() };
    let mut first: Option<Vec<u8>> = None;
    for (path, content, ranges) in perl::places(tree) {
        // Another version is another thing's.
        let is_same = |range: &Range<usize>| {
            let text = &content[range.clone()];
            *first.get_or_insert_with(|| text.to_vec()) == text
        };
        let ranges: Vec<_> = ranges.into_iter().filter(is_same).collect();
        places.add(&path, &content, ranges);
    }
    Ok(Some(places))
}
