//! What a Python distribution's file name says. Knows the names that packaging's specifications allow.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use pep440_rs::Version;

/// Longest file name in bytes, well below what file systems take.
const FILE_NAME_BYTES_MAX: usize = 220;

/// A project's name, normalised as PEP 503 says: lower case, one `-` for any run of `-`, `_` and `.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectName(String);

impl ProjectName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of(typed: &str) -> Option<ProjectName> {
        let is_edge = |c: char| c.is_ascii_alphanumeric();
        let is_name = typed.starts_with(is_edge)
            && typed.ends_with(is_edge)
            && typed.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let words = typed.split(['-', '_', '.']).filter(|word| !word.is_empty());
        is_name.then(|| ProjectName(words.collect::<Vec<_>>().join("-").to_ascii_lowercase()))
    }
}

impl fmt::Display for ProjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A zip that is unpacked as it is.
    Wheel,
    /// Sources, which are built where they are installed.
    Source,
}

/// The name of a wheel or source distribution, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName {
    text: String,
    version: String,
    meaning: Meaning,
}

/// What a name says to `pip`, which spells it in many ways: `Ptx-1.0.tar.gz` is `ptx-1.0.0.tar.gz`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meaning {
    project: ProjectName,
    version: Version,
    kind: Kind,
    /// What a wheel's build has, if it says one: its number without leading zeros, nothing for 0, and what is behind it.
    build: Option<String>,
    /// What a wheel is for: Pythons, ABIs, platforms.
    tags: Vec<BTreeSet<String>>,
}

/// A file name that doesn't say it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{typed}` is no name of a Python distribution: a wheel is NAME-VERSION-PYTHON-ABI-PLATFORM.whl, a source \
     distribution NAME-VERSION.tar.gz"
)]
pub struct FileNameError {
    /// The name, its beginning only.
    pub typed: String,
}

impl FileName {
    /// As it was typed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The project.
    pub fn project(&self) -> &ProjectName {
        &self.meaning.project
    }

    /// The version, as the name has it.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.meaning.kind
    }

    /// Whether `folder` is where a wheel of this name has what it says of itself: `NAME-VERSION.dist-info`, however it
    /// spells them.
    pub(crate) fn is_said_in(&self, folder: &str) -> bool {
        let apart = folder.strip_suffix(".dist-info").and_then(|folder| folder.rsplit_once('-'));
        apart.is_some_and(|(project, text)| {
            ProjectName::of(project).as_ref() == Some(self.project())
                && version(text).as_ref() == Some(&self.meaning.version)
        })
    }

    /// What the name says to `pip`.
    pub(crate) fn meaning(&self) -> &Meaning {
        &self.meaning
    }
}

impl FromStr for FileName {
    type Err = FileNameError;

    fn from_str(typed: &str) -> Result<Self, FileNameError> {
        let apart = wheel(typed).or_else(|| source(typed)).filter(|_| typed.len() <= FILE_NAME_BYTES_MAX);
        let (version, meaning) =
            apart.ok_or_else(|| FileNameError { typed: crate::shown::name(typed.as_bytes()) })?;
        Ok(FileName { text: typed.to_owned(), version: version.to_owned(), meaning })
    }
}

/// NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.
fn wheel(typed: &str) -> Option<(&str, Meaning)> {
    let parts: Vec<&str> = typed.strip_suffix(".whl")?.split('-').collect();
    let build = match parts.len() {
        5 => "",
        6 => parts[2],
        _ => return None,
    };
    let is_tag = |tag: &&str| {
        !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte))
    };
    let build_is_right = build.is_empty() || build.starts_with(|c: char| c.is_ascii_digit());
    if !build_is_right || parts.len() == 6 && build.is_empty() || !parts[2..].iter().all(is_tag) {
        return None;
    }
    let tags = parts[parts.len() - 3..]
        .iter()
        .map(|tags| tags.split('.').map(str::to_ascii_lowercase).collect::<BTreeSet<_>>());
    let meaning = Meaning {
        project: ProjectName::of(parts[0])?,
        version: version(parts[1])?,
        kind: Kind::Wheel,
        build: (parts.len() == 6).then(|| build.trim_start_matches('0').to_owned()),
        tags: tags.collect(),
    };
    Some((parts[1], meaning))
}

fn source(typed: &str) -> Option<(&str, Meaning)> {
    let (name, text) = typed.strip_suffix(".tar.gz")?.rsplit_once('-')?;
    let (project, version) = (ProjectName::of(name)?, version(text)?);
    Some((text, Meaning { project, version, kind: Kind::Source, build: None, tags: Vec::new() }))
}

/// What PEP 440 has. `pip` doesn't see a file with another version.
fn version(text: &str) -> Option<Version> {
    let is_plain = text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+!".contains(&byte));
    is_plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        for (file, project, version, kind) in [
            ("ptmyapp-1.0-py3-none-any.whl", "ptmyapp", "1.0", Kind::Wheel),
            (
                "My_App.x-1.0rc1-2build-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
                "my-app-x",
                "1.0rc1",
                Kind::Wheel,
            ),
            ("My__App-1.0+local.1.tar.gz", "my-app", "1.0+local.1", Kind::Source),
            ("my-app-1.0.tar.gz", "my-app", "1.0", Kind::Source),
        ] {
            let name: FileName = file.parse().unwrap();
            assert_eq!(
                (name.project().as_str(), name.version(), name.kind()),
                (project, version, kind),
                "{file}"
            );
        }
    }

    #[test]
    fn other_names_are_refused() {
        for file in [
            "",
            "x.whl",
            "a-1.0-py3-none.whl",
            "a-1.0-b-py3-none-any.whl",
            "a-b-1.0-py3-none-any.whl",
            "a-1.0-py3--any.whl",
            "../a-1.0-py3-none-any.whl",
            "a-1.0.zip",
            "a.tar.gz",
            "a-one.tar.gz",
            "a-1.0.what.tar.gz",
            "a-1..0-py3-none-any.whl",
            "a-1.0--py3-none-any.whl",
            "-1.0.tar.gz",
            "_a-1.0.tar.gz",
            "a-1.0<b>.tar.gz",
            "ä-1.0.tar.gz",
            "a-1.0-py3-none-any.whl.asc",
        ] {
            assert!(file.parse::<FileName>().is_err(), "{file}");
        }
        assert!(format!("{}-1.0.tar.gz", "a".repeat(250)).parse::<FileName>().is_err());
    }

    #[test]
    fn what_is_the_same_to_pip_is_the_same() {
        let name = |text: &str| text.parse::<FileName>().unwrap().meaning;
        for (a, b) in [
            ("ptx-1.0.tar.gz", "Ptx-1.0.tar.gz"),
            ("ptx-1.0.tar.gz", "ptx-1.0.0.tar.gz"),
            ("p_t.x-1.0rc1.tar.gz", "p-t-x-1.0.RC.1.tar.gz"),
            ("a-1.0.post1-py3-none-any.whl", "a-1.post1-py3-none-any.whl"),
            ("a-1-py2.py3-none-any.whl", "a-1-py3.PY2-none-any.whl"),
            ("a-1-01b-py3-none-any.whl", "a-1-1b-py3-none-any.whl"),
            ("a-1-0-py3-none-any.whl", "a-1-00-py3-none-any.whl"),
        ] {
            assert_eq!(name(a), name(b));
        }
        for (a, b) in [
            ("ptx-1.0.tar.gz", "ptx-1.0+local.tar.gz"),
            ("ptx-1.0.tar.gz", "ptx-1!1.0.tar.gz"),
            ("ptx-1.0.tar.gz", "ptx-1.0-py3-none-any.whl"),
            ("a-1-py3-none-any.whl", "a-1-py2-none-any.whl"),
            ("a-1-py3-none-any.whl", "a-1-1-py3-none-any.whl"),
            ("a-1-py3-none-any.whl", "a-1-0-py3-none-any.whl"),
        ] {
            assert_ne!(name(a), name(b));
        }
    }

    #[test]
    fn what_a_wheel_says_of_itself_is_in_the_folder_of_its_name() {
        let name: FileName = "My_App-1.0+l.1-py3-none-any.whl".parse().unwrap();
        for folder in ["My_App-1.0+l.1.dist-info", "my.app-1.0.0+L_1.dist-info", "my-app-1.0+l.1.dist-info"] {
            assert!(name.is_said_in(folder), "{folder}");
        }
        for folder in [
            ".dist-info",
            "-.dist-info",
            "My_App.dist-info",
            "My_App-1.0.dist-info",
            "other-1.0+l.1.dist-info",
            "x/My_App-1.0+l.1.dist-info",
            "My_App-1.0+l.1.data",
            "",
        ] {
            assert!(!name.is_said_in(folder), "{folder}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_name_is_taken_apart_or_refused(name in "[A-Za-z0-9._ /!+-]{0,24}(.tar.gz|.whl|-py3-none-any.whl|)") {
            if let Ok(file) = name.parse::<FileName>() {
                let project = file.project().as_str();
                assert!(!file.as_str().contains('/') && !file.as_str().starts_with('.'));
                assert!(!project.is_empty() && !project.contains("--") && !project.contains(['.', '_', '/']));
            }
        }
    }
}
