//! Paths as `pintail.toml` has them. Knows nothing of which files there are.

use std::path::{Component, Path, PathBuf};

use super::problem::Complaint;
use crate::manifest::{TreePath, TreePathError};

/// A path inside some folder (a release, a checkout); a `./` in front and a `/` at the end don't matter.
pub(super) fn inner(text: &str) -> Result<TreePath, Complaint> {
    if text.starts_with('/') {
        let complaint = Complaint::new(format!("is `{text}`, which is absolute; it must be relative"));
        return Err(match text.trim_matches('/') {
            "" => complaint,
            relative => complaint.meant(relative),
        });
    }
    without_climbing(text)?;
    match parts(text) {
        parts if parts.is_empty() => Err(Complaint::new(format!("is `{text}`, which is the whole folder"))),
        parts => parts.join("/").parse().map_err(|error: TreePathError| Complaint::new(error.to_string())),
    }
}

/// A path that's relative to some root or absolute, without `..`.
pub(super) fn placed(text: &str) -> Result<PathBuf, Complaint> {
    without_climbing(text)?;
    Ok(PathBuf::from(text))
}

/// An absolute path without `..`.
pub(super) fn absolute(text: &str) -> Result<PathBuf, Complaint> {
    match placed(text)? {
        path if path.is_absolute() => Ok(path),
        _ => Err(Complaint::new(format!("is `{text}`; it must be absolute")).meant(format!("/{text}"))),
    }
}

/// The path of a URL, without query.
pub(super) fn url(text: &str) -> Result<String, Complaint> {
    if !text.starts_with('/') {
        return Err(Complaint::new(format!("is `{text}`; it must begin with `/`")).meant(format!("/{text}")));
    }
    match text.chars().find(|c| c.is_whitespace() || matches!(c, '?' | '#')) {
        Some(found) => {
            Err(Complaint::new(format!("is `{text}`; {found:?} can't stand in the path of a URL")))
        }
        None => Ok(text.to_owned()),
    }
}

/// Whether one of the paths is the other, or in it.
pub(super) fn overlap(one: &TreePath, other: &TreePath) -> bool {
    one == other || one.is_within(other.as_str()) || other.is_within(one.as_str())
}

fn without_climbing(text: &str) -> Result<(), Complaint> {
    match Path::new(text).components().any(|part| part == Component::ParentDir) {
        true => Err(Complaint::new(format!("is `{text}`; `..` can't stand in it"))),
        false => Ok(()),
    }
}

fn parts(text: &str) -> Vec<&str> {
    text.split('/').filter(|part| !matches!(*part, "" | ".")).collect()
}
