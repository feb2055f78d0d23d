//! Where a crate or a workspace of Cargo's says its version: its manifest, the lock, and what its own packages ask of each
//! other. A requirement that stayed behind would make the workspace one that Cargo refuses.

use super::toml::{inside, locked, parsed, table};
use super::{Places, Tree};
use crate::next::Custom;
use pintail_core::wire::Trouble;
use std::ops::Range;
use toml_edit::{Item, TableLike};

const MANIFEST: &str = "Cargo.toml";
const LOCK: &str = "Cargo.lock";
/// Manifests that are read: no workspace has more members.
const MANIFESTS_MAX: usize = 2000;

/// What a manifest asks of a package of the same project.
enum Asked {
    /// The version that it has: where that stands, and how many of its numbers.
    Same(Range<usize>, usize),
    /// Something else, which the next one may not fit.
    Other,
}

/// The places, if the manifest at the top says a version.
pub(super) fn find(tree: Tree<'_>) -> Result<Option<Places>, Trouble> {
    let Some(manifest) = tree.known(MANIFEST)? else { return Ok(None) };
    let document = parsed(MANIFEST, &manifest)?;
    let top = Some(document.as_item());
    let workspace = top.and_then(|top| top.get("workspace"));
    let own = table(top, "package").and_then(|package| inside(&manifest, package.get("version")));
    let shared = table(workspace, "package").and_then(|package| inside(&manifest, package.get("version")));
    let is_own = own.is_some();
    let Some(range) = own.or(shared) else { return Ok(None) };
    let mut places = Places { by: Some(MANIFEST), custom: Custom::Parts, ..Places::default() };
    let old = manifest[range.clone()].to_owned();
    places.add(MANIFEST, manifest.as_bytes(), [range]);
    let manifests = manifests(tree);
    let names: Vec<String> = manifests
        .iter()
        .filter(|(path, _)| !is_own || path == MANIFEST)
        .filter_map(|(path, text)| named(path, text, !is_own))
        .collect();
    for (path, text) in &manifests {
        for asked in asked(path, text, &names, &old) {
            match asked {
                Asked::Same(range, parts) => places.add_short(path, text.as_bytes(), range, parts),
                Asked::Other => drop(places.unread.insert(path.clone())),
            }
        }
    }
    if let Some(lock) = tree.known(LOCK)? {
        let ranges = locked(LOCK, &lock, |package| {
            let says = |key: &str| package.get(key).and_then(Item::as_str);
            !package.contains_key("source")
                && says("version") == Some(&old)
                && says("name").is_some_and(|name| names.iter().any(|known| known == name))
        })?;
        places.add(LOCK, lock.as_bytes(), ranges);
    }
    Ok(Some(places))
}

/// Every manifest, with its text. One that can't be read is none that a build could use.
fn manifests(tree: Tree<'_>) -> Vec<(String, String)> {
    let paths = tree.tracked.iter().filter(|path| *path == MANIFEST || path.ends_with("/Cargo.toml"));
    paths
        .take(MANIFESTS_MAX)
        .filter_map(|path| Some((path.clone(), tree.known(path).ok().flatten()?)))
        .collect()
}

/// The name of the package that a manifest is of; with `is_shared` only of one that has the workspace's version.
fn named(path: &str, text: &str, is_shared: bool) -> Option<String> {
    let document = parsed(path, text).ok()?;
    let package = table(Some(document.as_item()), "package")?;
    let inherits = || package.get("version")?.get("workspace")?.as_bool();
    (!is_shared || inherits() == Some(true)).then(|| package.get("name")?.as_str().map(str::to_owned))?
}

/// The version that a manifest says itself.
pub(super) fn said(path: &str, content: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(content).ok()?;
    let document = parsed(path, text).ok()?;
    table(Some(document.as_item()), "package")?.get("version")?.as_str().map(str::to_owned)
}

/// What a manifest asks of the packages `names`, by their paths, where `old` is their version.
fn asked(path: &str, text: &str, names: &[String], old: &str) -> Vec<Asked> {
    let Ok(document) = parsed(path, text) else { return Vec::new() };
    let top = Some(document.as_item());
    let targets = table(top, "target").into_iter().flat_map(|targets| targets.iter());
    let mut roots = vec![top, top.and_then(|top| top.get("workspace"))];
    roots.extend(targets.map(|(_, target)| Some(target)));
    let mut found = Vec::new();
    for kind in
        ["dependencies", "dev-dependencies", "build-dependencies", "dev_dependencies", "build_dependencies"]
    {
        for (key, dependency) in
            roots.iter().filter_map(|root| table(*root, kind)).flat_map(|table| table.iter())
        {
            let Some(dependency) = dependency.as_table_like() else { continue };
            let name = dependency.get("package").and_then(Item::as_str).unwrap_or(key);
            if names.iter().any(|known| known == name) {
                found.extend(required(text, dependency, old));
            }
        }
    }
    found
}

/// What is asked of one: all of the version, or its first numbers, as `0.1` means 0.1.0.
fn required(text: &str, dependency: &dyn TableLike, old: &str) -> Option<Asked> {
    dependency.get("path")?;
    let range = inside(text, dependency.get("version"))?;
    let typed = &text[range.clone()];
    let version = typed.trim_start_matches(['=', '^', '~', ' ']);
    let is_old = old.strip_prefix(version).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let is_open = typed.starts_with(['*', '>']) && !typed.contains(',');
    match is_old && !version.is_empty() {
        true => Some(Asked::Same(range.end - version.len()..range.end, version.split('.').count())),
        false => (!is_open).then_some(Asked::Other),
    }
}
