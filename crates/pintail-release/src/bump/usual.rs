//! The usual places of a version, for projects that name none: `Cargo.toml`, `package.json`, `pyproject.toml`, a Perl
//! distribution's. If more than one of them has one, nobody can tell which is meant.

use super::{Places, Tree, json, perl};
use crate::next::Custom;
use pintail_core::wire::Trouble;
use std::ops::Range;
use toml_edit::{Document, Item, TableLike};

/// Finds the one.
pub(super) fn find(tree: Tree<'_>) -> Result<Places, Vec<Trouble>> {
    let mut all = Vec::new();
    let mut troubles = Vec::new();
    for look in [cargo, npm, python, distribution] {
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

/// The text of a file that git knows; `None` where it doesn't.
fn text(tree: Tree<'_>, path: &str) -> Result<Option<String>, Trouble> {
    if !tree.has(path) {
        return Ok(None);
    }
    let read = tree.text(path);
    read.map(Some).map_err(|error| Trouble::new(format!("cannot find the version in `{path}`"), error))
}

fn parsed<'t>(path: &str, text: &'t str) -> Result<Document<&'t str>, Trouble> {
    Document::parse(text).map_err(|error| {
        let first = error.message().lines().next().unwrap_or_default().to_owned();
        Trouble::new(format!("cannot find the version in `{path}`"), format!("it is no TOML: {first}"))
    })
}

fn table<'a>(item: Option<&'a Item>, key: &str) -> Option<&'a dyn TableLike> {
    item?.get(key)?.as_table_like()
}

/// The bytes between the quotes of a string.
fn inside(text: &str, item: Option<&Item>) -> Option<Range<usize>> {
    let item = item?;
    let (range, value) = (item.span()?, item.as_str()?);
    let quotes = text.get(range.clone())?.find(value)?;
    Some(range.start + quotes..range.start + quotes + value.len())
}

fn cargo(tree: Tree<'_>) -> Looked {
    const MANIFEST: &str = "Cargo.toml";
    let Some(manifest) = text(tree, MANIFEST)? else { return Ok(None) };
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
    let names = if is_own {
        table(top, "package")
            .and_then(|package| package.get("name")?.as_str())
            .map(str::to_owned)
            .into_iter()
            .collect()
    } else {
        members(tree)?
    };
    if let Some(lock) = text(tree, "Cargo.lock")? {
        let ranges = locked(&lock, &names, &old)?;
        places.add("Cargo.lock", lock.as_bytes(), ranges);
    }
    Ok(Some(places))
}

/// The packages of the workspace that have its version.
fn members(tree: Tree<'_>) -> Result<Vec<String>, Trouble> {
    let mut names = Vec::new();
    for path in tree.tracked.iter().filter(|path| *path == "Cargo.toml" || path.ends_with("/Cargo.toml")) {
        // One that can't be read is no member that a build could use.
        let Some(manifest) = text(tree, path).ok().flatten() else { continue };
        let Ok(document) = parsed(path, &manifest) else { continue };
        let Some(package) = table(Some(document.as_item()), "package") else { continue };
        let is_shared =
            package.get("version").and_then(|version| version.get("workspace")?.as_bool()) == Some(true);
        names.extend(package.get("name").and_then(Item::as_str).filter(|_| is_shared).map(str::to_owned));
    }
    Ok(names)
}

/// Where the lock has the versions of these packages: those from no registry.
fn locked(lock: &str, names: &[String], old: &str) -> Result<Vec<Range<usize>>, Trouble> {
    let document = parsed("Cargo.lock", lock)?;
    let packages = document.get("package").and_then(Item::as_array_of_tables);
    let is_ours = |package: &&toml_edit::Table| {
        let says = |key: &str| package.get(key).and_then(Item::as_str);
        !package.contains_key("source")
            && says("version") == Some(old)
            && says("name").is_some_and(|name| names.iter().any(|known| known == name))
    };
    let packages = packages.into_iter().flat_map(|packages| packages.iter()).filter(is_ours);
    Ok(packages.filter_map(|package| inside(lock, package.get("version"))).collect())
}

fn npm(tree: Tree<'_>) -> Looked {
    let Some(manifest) = text(tree, "package.json")? else { return Ok(None) };
    let Some(range) = json::string_at(&manifest, &["version"]) else { return Ok(None) };
    let mut places = Places { by: Some("package.json"), custom: Custom::Parts, ..Places::default() };
    places.add("package.json", manifest.as_bytes(), [range]);
    for name in ["package-lock.json", "npm-shrinkwrap.json"] {
        if let Some(lock) = text(tree, name)? {
            let paths: [&[&str]; 2] = [&["version"], &["packages", "", "version"]];
            let ranges: Vec<_> = paths.iter().filter_map(|path| json::string_at(&lock, path)).collect();
            places.add(name, lock.as_bytes(), ranges);
        }
    }
    Ok(Some(places))
}

fn python(tree: Tree<'_>) -> Looked {
    const MANIFEST: &str = "pyproject.toml";
    let Some(manifest) = text(tree, MANIFEST)? else { return Ok(None) };
    let document = parsed(MANIFEST, &manifest)?;
    let project = table(Some(document.as_item()), "project");
    let Some(range) = project.and_then(|project| inside(&manifest, project.get("version"))) else {
        return Ok(None);
    };
    let mut places = Places { by: Some(MANIFEST), custom: Custom::Parts, ..Places::default() };
    places.add(MANIFEST, manifest.as_bytes(), [range]);
    Ok(Some(places))
}

fn distribution(tree: Tree<'_>) -> Looked {
    let mut places = Places { by: Some("the Perl distribution"), custom: Custom::Perl, ..Places::default() };
    for (path, content, range) in perl::places(tree) {
        places.add(&path, &content, [range]);
    }
    Ok(Some(places))
}
