//! What a Python distribution's file name says. Knows the names that packaging's specifications allow.

use std::fmt;
use std::str::FromStr;

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
    project: ProjectName,
    version: String,
    kind: Kind,
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
        &self.project
    }

    /// The version, as the name has it.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl FromStr for FileName {
    type Err = FileNameError;

    fn from_str(typed: &str) -> Result<Self, FileNameError> {
        let apart = wheel(typed).or_else(|| source(typed)).filter(|_| typed.len() <= FILE_NAME_BYTES_MAX);
        let (project, version, kind) =
            apart.ok_or_else(|| FileNameError { typed: crate::shown::name(typed.as_bytes()) })?;
        Ok(FileName { text: typed.to_owned(), project, version: version.to_owned(), kind })
    }
}

/// NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.
fn wheel(typed: &str) -> Option<(ProjectName, &str, Kind)> {
    let parts: Vec<&str> = typed.strip_suffix(".whl")?.split('-').collect();
    let has_build = match parts.len() {
        5 => false,
        6 => true,
        _ => return None,
    };
    let is_tag = |tag: &&str| {
        !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte))
    };
    let build_is_right = !has_build || parts[2].starts_with(|c: char| c.is_ascii_digit());
    let tags_are_right = parts[2..].iter().all(is_tag);
    (build_is_right && tags_are_right && is_version(parts[1]))
        .then(|| Some((ProjectName::of(parts[0])?, parts[1], Kind::Wheel)))?
}

fn source(typed: &str) -> Option<(ProjectName, &str, Kind)> {
    let (name, version) = typed.strip_suffix(".tar.gz")?.rsplit_once('-')?;
    is_version(version).then(|| Some((ProjectName::of(name)?, version, Kind::Source)))?
}

/// What PEP 440 may have in a file name, roughly: `pip` leaves out what it can't read, and says so.
fn is_version(version: &str) -> bool {
    version.starts_with(|c: char| c.is_ascii_digit())
        && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+!".contains(&byte))
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
