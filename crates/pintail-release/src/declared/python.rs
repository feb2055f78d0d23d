//! `requirements*.txt` and `pyproject.toml`, as PEP 508 and 621 and Poetry have them.

use super::Dependency;
use toml_edit::{Document, Item};

pub(super) fn requirements(content: &str) -> Vec<Dependency> {
    let line = |line: &str| requirement(line.split(" #").next().unwrap_or_default());
    content.lines().filter_map(line).collect()
}

/// `name[extra] >=1, <2 ; marker`, or nothing for options, paths and addresses without a name.
fn requirement(text: &str) -> Option<Dependency> {
    let text = text.trim().trim_end_matches('\\').split(';').next()?.split(" --").next()?.trim();
    let name_end =
        text.find(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c))).unwrap_or(text.len());
    let (name, rest) = text.split_at(name_end);
    let rest = rest.trim_start();
    let rest = match rest.strip_prefix('[') {
        Some(extras) => extras.split_once(']')?.1.trim_start(),
        None => rest,
    };
    let is_range = rest.is_empty() || rest.starts_with(['=', '<', '>', '~', '!', '@', '(']);
    let is_name = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    (is_name && is_range).then(|| (name.to_owned(), rest.trim_matches(['(', ')']).to_owned()))
}

pub(super) fn pyproject(content: &str) -> Vec<Dependency> {
    let Ok(document) = Document::parse(content) else { return Vec::new() };
    let at = |path: &[&str]| path.iter().try_fold(document.as_item(), |item, key| item.get(key));
    let listed = at(&["project", "dependencies"]).and_then(Item::as_array);
    let mut found: Vec<Dependency> =
        listed.into_iter().flatten().filter_map(|value| requirement(value.as_str()?)).collect();
    if let Some(table) = at(&["tool", "poetry", "dependencies"]).and_then(Item::as_table_like) {
        let version = |item: &Item| {
            item.as_str().or(item.get("version").and_then(Item::as_str)).unwrap_or_default().to_owned()
        };
        // The interpreter is no dependency.
        found.extend(
            table
                .iter()
                .filter(|(name, _)| *name != "python")
                .map(|(name, item)| (name.to_owned(), version(item))),
        );
    }
    found
}
