//! What a Python project declares: `requirements*.txt`, `pyproject.toml`, `setup.cfg`, `Pipfile`, and `setup.py` as far
//! as it is written down there, as PEP 508 and 621 and Poetry have them.

use super::{Need, Phase, Reading, among};
use toml_edit::{Document, Item};

/// The files that declare, as they are called at the top of a project, each with its reading; `requirements*.txt` too.
const FILES: [(&str, Reading); 4] =
    [("pyproject.toml", pyproject), ("setup.cfg", setup_cfg), ("setup.py", setup_py), ("Pipfile", pyproject)];

/// How the file called `name` is read.
pub fn reading(name: &str) -> Option<Reading> {
    among(&FILES, name).or_else(|| {
        let middle = name.strip_prefix("requirements")?.strip_suffix(".txt")?;
        Some(match middle {
            middle if middle.contains("test") => |text| requirements(text, Phase::Test),
            middle if middle.contains("dev") || middle.contains("doc") || middle.contains("build") => {
                |text| requirements(text, Phase::Make)
            }
            _ => |text| requirements(text, Phase::Run),
        })
    })
}

/// A name as it is compared: `Zope.Interface` is `zope-interface`.
pub fn normal(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_lowercase()
}

/// `name[extra] >=1, <2 ; marker`: the name and the range. `None` for options, paths and addresses without a name.
pub fn requirement(text: &str) -> Option<(&str, &str)> {
    let text = text.trim().trim_end_matches('\\').split(';').next()?.split(" --").next()?.trim();
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c))).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let rest = rest.trim_start();
    let rest = match rest.strip_prefix('[') {
        Some(extras) => extras.split_once(']')?.1.trim_start(),
        None => rest,
    };
    let is_range = rest.is_empty() || rest.starts_with(['=', '<', '>', '~', '!', '@', '(']);
    let is_name = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    (is_name && is_range).then(|| (name, rest.trim_matches(['(', ')'])))
}

fn need(text: &str, phase: Phase) -> Option<Need> {
    requirement(text).map(|(name, range)| Need::new(name, range, phase))
}

/// One a line; options, comments and addresses without a name are none.
fn requirements(text: &str, phase: Phase) -> Vec<Need> {
    let lines = text.lines().map(|line| line.split(" #").next().unwrap_or_default().trim());
    let named = |line: &str| match line.split_once("#egg=") {
        Some((_, name)) => need(name, phase),
        None => need(line, phase),
    };
    lines.filter_map(named).collect()
}

/// `project.dependencies`, its groups, Poetry's tables and Pipfile's.
fn pyproject(text: &str) -> Vec<Need> {
    let Ok(document) = Document::parse(text) else { return Vec::new() };
    let mut needs = Vec::new();
    let at = |path: &[&str]| path.iter().try_fold(document.as_item(), |item, key| item.get(key));
    let list = |item: &Item, phase| {
        let texts = item.as_array().into_iter().flatten().filter_map(|value| value.as_str());
        texts.filter_map(|text| need(text, phase)).collect::<Vec<_>>()
    };
    let version =
        |item: &Item| item.as_str().or(item.get("version").and_then(Item::as_str)).unwrap_or("").to_owned();
    let keys = |item: &Item, phase| {
        // The interpreter is no dependency.
        let listed = item.as_table_like().into_iter().flat_map(|table| table.iter());
        let listed = listed.filter(|(name, _)| *name != "python");
        listed.map(|(name, item)| Need::new(name, version(item), phase)).collect::<Vec<_>>()
    };
    needs.extend(at(&["project", "dependencies"]).into_iter().flat_map(|item| list(item, Phase::Run)));
    needs.extend(at(&["build-system", "requires"]).into_iter().flat_map(|item| list(item, Phase::Make)));
    for groups in [&["project", "optional-dependencies"][..], &["dependency-groups"]] {
        let groups = at(groups).and_then(Item::as_table_like);
        for (group, item) in groups.into_iter().flat_map(|table| table.iter()) {
            needs.extend(list(item, group_phase(group)));
        }
    }
    for (table, phase) in [
        (&["tool", "poetry", "dependencies"][..], Phase::Run),
        (&["tool", "poetry", "dev-dependencies"], Phase::Test),
        (&["packages"], Phase::Run),
        (&["dev-packages"], Phase::Test),
    ] {
        needs.extend(at(table).into_iter().flat_map(|item| keys(item, phase)));
    }
    let poetry = at(&["tool", "poetry", "group"]).and_then(Item::as_table_like);
    for (group, item) in poetry.into_iter().flat_map(|table| table.iter()) {
        needs.extend(item.get("dependencies").into_iter().flat_map(|item| keys(item, group_phase(group))));
    }
    needs
}

/// An extra is there where it is chosen; tests and developers have groups of their own.
fn group_phase(group: &str) -> Phase {
    match group {
        group if group.contains("test") || group.contains("dev") => Phase::Test,
        group if group.contains("doc") || group.contains("lint") => Phase::Make,
        _ => Phase::Wish,
    }
}

/// `install_requires` and `tests_require` of `[options]`, and the extras.
fn setup_cfg(text: &str) -> Vec<Need> {
    let mut needs = Vec::new();
    let mut open = None;
    for line in text.lines() {
        let mut listed = line;
        if !line.starts_with([' ', '\t']) {
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            listed = value;
            open = match key.trim() {
                "install_requires" => Some(Phase::Run),
                "tests_require" | "test" | "tests" | "testing" | "dev" => Some(Phase::Test),
                _ => None,
            };
        }
        needs.extend(open.and_then(|phase| need(listed, phase)));
    }
    needs
}

/// The texts in the lists behind `install_requires=` and `tests_require=`.
fn setup_py(text: &str) -> Vec<Need> {
    let mut needs = Vec::new();
    for (key, phase) in [("install_requires", Phase::Run), ("tests_require", Phase::Test)] {
        let Some((_, behind)) = text.split_once(key) else { continue };
        let Some(list) = behind.trim_start().strip_prefix('=').map(str::trim_start) else { continue };
        let Some(list) = list.strip_prefix('[') else { continue };
        needs.extend(listed(list).iter().filter_map(|text| need(text, phase)));
    }
    needs
}

/// The texts in quotes up to the `]` that ends the list; one may have brackets of its own.
fn listed(list: &str) -> Vec<&str> {
    let mut texts = Vec::new();
    let mut rest = list;
    while let Some(at) = rest.find(['"', '\'', ']']) {
        let Some(quote) = rest[at..].chars().next().filter(|c| *c != ']') else { break };
        let inner = &rest[at + 1..];
        let Some(end) = inner.find(quote) else { break };
        texts.push(&inner[..end]);
        rest = &inner[end + 1..];
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_in_one_form() {
        for (name, expected) in [("Zope.Interface", "zope-interface"), ("Py__Yaml", "py-yaml")] {
            assert_eq!(normal(name), expected);
        }
    }
}
