//! What a Python project declares: `requirements*.txt`, `pyproject.toml`, `setup.cfg`, `Pipfile`, and `setup.py` as far
//! as it is written down there. Names are as Python's packaging compares them: lower case, `-` between their parts.

use super::{Need, Phase, Reading};
use toml_edit::{Document, Item};

/// The files that declare, as they are called at the top of a project, each with its reading. `requirements-dev.txt` and
/// its like are found by their names: [`requirements_phase`].
pub const FILES: [(&str, Reading); 4] =
    [("pyproject.toml", pyproject), ("setup.cfg", setup_cfg), ("setup.py", setup_py), ("Pipfile", pyproject)];

/// The phase of a file of requirements by its name; `None` if it is none.
pub fn requirements_phase(file: &str) -> Option<Phase> {
    let middle = file.strip_prefix("requirements")?.strip_suffix(".txt")?;
    Some(match middle {
        middle if middle.contains("test") => Phase::Test,
        middle if middle.contains("dev") || middle.contains("doc") || middle.contains("build") => Phase::Make,
        _ => Phase::Run,
    })
}

/// A name as it is compared: `Zope.Interface` is `zope-interface`.
pub fn normal(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_lowercase()
}

/// The distribution that a requirement names: `Foo[bar]>=1; python_version<"3"` is `foo`.
pub fn requirement(text: &str) -> Option<String> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(text.len());
    let behind = text[end..].trim_start();
    let is_one =
        end > 0 && (behind.is_empty() || behind.starts_with(['[', '<', '>', '=', '!', '~', ';', '@', '(']));
    is_one.then(|| normal(&text[..end])).filter(|name| !name.is_empty())
}

/// One a line; options, comments and addresses without a name are none.
pub fn requirements(text: &str) -> Vec<Need> {
    let lines = text.lines().map(|line| line.split(" #").next().unwrap_or_default().trim());
    let named = |line: &str| match line.split_once("#egg=") {
        Some((_, name)) => requirement(name),
        None if line.starts_with(['#', '-']) => None,
        None => requirement(line.split(" --").next().unwrap_or_default()),
    };
    lines.filter_map(named).map(|name| Need::new(name, Phase::Run)).collect()
}

/// `project.dependencies`, its groups, Poetry's tables and Pipfile's.
pub fn pyproject(text: &str) -> Vec<Need> {
    let Ok(document) = text.parse::<Document<String>>() else { return Vec::new() };
    let mut needs = Vec::new();
    let at = |path: &[&str]| path.iter().try_fold(document.as_item(), |item, key| item.get(key));
    let list = |item: &Item, phase| {
        let texts = item.as_array().into_iter().flatten().filter_map(|value| value.as_str());
        texts.filter_map(requirement).map(|name| Need::new(name, phase)).collect::<Vec<_>>()
    };
    let keys = |item: &Item, phase| {
        let names =
            item.as_table_like().into_iter().flat_map(|table| table.iter().map(|(key, _)| key.to_owned()));
        names.filter(|name| name != "python").map(|name| Need::new(normal(&name), phase)).collect::<Vec<_>>()
    };
    needs.extend(at(&["project", "dependencies"]).into_iter().flat_map(|item| list(item, Phase::Run)));
    needs.extend(at(&["build-system", "requires"]).into_iter().flat_map(|item| list(item, Phase::Make)));
    for groups in [&["project", "optional-dependencies"][..], &["dependency-groups"]] {
        for (group, item) in
            at(groups).and_then(Item::as_table_like).into_iter().flat_map(|table| table.iter())
        {
            needs.extend(list(item, group_phase(group)));
        }
    }
    needs.extend(at(&["tool", "poetry", "dependencies"]).into_iter().flat_map(|item| keys(item, Phase::Run)));
    needs.extend(
        at(&["tool", "poetry", "dev-dependencies"]).into_iter().flat_map(|item| keys(item, Phase::Test)),
    );
    let poetry = at(&["tool", "poetry", "group"]).and_then(Item::as_table_like);
    for (group, item) in poetry.into_iter().flat_map(|table| table.iter()) {
        needs.extend(item.get("dependencies").into_iter().flat_map(|item| keys(item, group_phase(group))));
    }
    needs.extend(at(&["packages"]).into_iter().flat_map(|item| keys(item, Phase::Run)));
    needs.extend(at(&["dev-packages"]).into_iter().flat_map(|item| keys(item, Phase::Test)));
    needs
}

/// An extra that users choose is there where it is chosen; tests and developers have groups of their own.
fn group_phase(group: &str) -> Phase {
    match group {
        group if group.contains("test") || group.contains("dev") => Phase::Test,
        group if group.contains("doc") || group.contains("lint") => Phase::Make,
        _ => Phase::Run,
    }
}

/// `install_requires` and `tests_require` of `[options]`, and the extras.
pub fn setup_cfg(text: &str) -> Vec<Need> {
    let mut needs = Vec::new();
    let mut open = None;
    for line in text.lines() {
        let continued = line.starts_with([' ', '\t']);
        if !continued {
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            open = match key.trim() {
                "install_requires" => Some(Phase::Run),
                "tests_require" | "test" | "tests" | "testing" | "dev" => Some(Phase::Test),
                _ => None,
            };
            if let Some(phase) = open {
                needs.extend(requirement(value).map(|name| Need::new(name, phase)));
            }
        } else if let Some(phase) = open {
            needs.extend(requirement(line).map(|name| Need::new(name, phase)));
        }
    }
    needs
}

/// The texts in the lists behind `install_requires=` and `tests_require=`.
pub fn setup_py(text: &str) -> Vec<Need> {
    let mut needs = Vec::new();
    for (key, phase) in [("install_requires", Phase::Run), ("tests_require", Phase::Test)] {
        let Some((_, behind)) = text.split_once(key) else { continue };
        let Some(list) = behind.trim_start().strip_prefix('=').map(str::trim_start) else { continue };
        let Some(list) = list.strip_prefix('[').and_then(|list| list.split(']').next()) else { continue };
        // Every second piece stood in quotes.
        let texts = list.split(['"', '\'']).skip(1).step_by(2);
        needs.extend(texts.filter_map(requirement).map(|name| Need::new(name, phase)));
    }
    needs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(needs: Vec<Need>) -> Vec<String> {
        needs.into_iter().map(|need| format!("{} {:?}", need.name, need.phase)).collect()
    }

    #[test]
    fn requirements_name_distributions() {
        let text = "# c\nFlask>=2 # why\nzope.interface\nPy_Yaml[x] ~= 6 ; python_version < '3'\n-r other.txt\n--hash=x\n\
                    a @ https://x/y.whl\ngit+https://x/y#egg=Egg_Name\n";
        let expected = ["flask Run", "zope-interface Run", "py-yaml Run", "a Run", "egg-name Run"];
        assert_eq!(told(requirements(text)), expected);
        assert_eq!(requirements_phase("requirements-test.txt"), Some(Phase::Test));
        assert_eq!(requirements_phase("notes.txt"), None);
    }

    #[test]
    fn projects_name_distributions() {
        let text = "[build-system]\nrequires = ['setuptools']\n[project]\ndependencies = ['A>1', 'b']\n\
                    [project.optional-dependencies]\ntest = ['pytest']\n[tool.poetry.dependencies]\npython = '3'\nc = '^1'\n\
                    [tool.poetry.group.dev.dependencies]\nd = '*'\n";
        let expected = ["a Run", "b Run", "setuptools Make", "pytest Test", "c Run", "d Test"];
        assert_eq!(told(pyproject(text)), expected);
        assert_eq!(told(pyproject("[packages]\nx = '*'\n[dev-packages]\ny = '*'")), ["x Run", "y Test"]);
        let cfg = "[options]\ninstall_requires =\n    a>=1\n    b\npackages = find:\n[options.extras_require]\ntest = c\n";
        assert_eq!(told(setup_cfg(cfg)), ["a Run", "b Run", "c Test"]);
        let py = "setup(install_requires=[\n 'a>=1', \"B\"], tests_require = ['c'])";
        assert_eq!(told(setup_py(py)), ["a Run", "b Run", "c Test"]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "([ -~\n]|install_requires|=\\[|\\[project\\]|ä){0,40}") {
            requirements(&text);
            for (_, read) in FILES {
                read(&text);
            }
        }
    }
}
