//! A path inside a tree that can't lead out of it. Knows spelling only; does not know what lies there.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest path in bytes, as Linux has it (`PATH_MAX`).
pub const PATH_BYTES_MAX: usize = 4096;

/// Longest part of a path in bytes, as Linux file systems have it (`NAME_MAX`).
pub const PART_BYTES_MAX: usize = 255;

/// A relative path in its one spelling: parts joined by `/`, none of them empty, `.` or `..`, no NUL. Any other
/// character may occur, control characters too: see [`TreePath::shown`]. Ordered by bytes, which puts a
/// folder before what it contains.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TreePath(String);

impl TreePath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path as it may be shown: control characters escaped, since they could be an escape sequence.
    pub fn shown(&self) -> String {
        shown(&self.0)
    }

    /// Its parts, at least one.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The folder it lies in; nothing if that is the top of the tree.
    pub fn parent(&self) -> Option<TreePath> {
        self.0.rsplit_once('/').map(|(parent, _)| TreePath(parent.to_owned()))
    }

    /// The path of `part` in the folder that this path names.
    pub fn join(&self, part: &str) -> Result<TreePath, TreePathError> {
        format!("{}/{part}", self.0).parse()
    }

    /// Whether it is `folder` or lies anywhere below it.
    pub fn is_within(&self, folder: &str) -> bool {
        self.0.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// A text from elsewhere, such as a link's target, as it may be shown: control characters escaped.
pub fn shown(text: &str) -> String {
    let escape = |c: char| {
        if c.is_control() { c.escape_default().to_string() } else { c.to_string() }
    };
    text.chars().map(escape).collect()
}

/// Why a text is no path inside a tree. The path is shown with control characters escaped, its beginning only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreePathError {
    /// Nothing at all.
    #[error("a path can't be empty")]
    Empty,
    /// Starts with `/`.
    #[error("path `{0}` is absolute")]
    Absolute(String),
    /// Has a part `..`.
    #[error("path `{0}` contains `..`")]
    DotDot(String),
    /// Has a part `.`.
    #[error("path `{0}` contains `.` as a part")]
    Dot(String),
    /// Has an empty part: `//`, or `/` at the end.
    #[error("path `{0}` has an empty part")]
    EmptyPart(String),
    /// Contains a NUL byte.
    #[error("path `{0}` contains a NUL byte")]
    Nul(String),
    /// More than [`PATH_BYTES_MAX`] bytes.
    #[error("path `{0}…` has more than {PATH_BYTES_MAX} bytes")]
    TooLong(String),
    /// A part of more than [`PART_BYTES_MAX`] bytes.
    #[error("path `{0}` has a part of more than {PART_BYTES_MAX} bytes")]
    PartTooLong(String),
}

impl FromStr for TreePath {
    type Err = TreePathError;

    fn from_str(typed: &str) -> Result<Self, TreePathError> {
        let told = || typed.chars().take(100).flat_map(char::escape_debug).collect::<String>();
        if typed.is_empty() {
            return Err(TreePathError::Empty);
        }
        if typed.len() > PATH_BYTES_MAX {
            return Err(TreePathError::TooLong(told()));
        }
        if typed.contains('\0') {
            return Err(TreePathError::Nul(told()));
        }
        if typed.starts_with('/') {
            return Err(TreePathError::Absolute(told()));
        }
        for part in typed.split('/') {
            match part {
                "" => return Err(TreePathError::EmptyPart(told())),
                "." => return Err(TreePathError::Dot(told())),
                ".." => return Err(TreePathError::DotDot(told())),
                _ if part.len() > PART_BYTES_MAX => return Err(TreePathError::PartTooLong(told())),
                _ => {}
            }
        }
        Ok(TreePath(typed.to_owned()))
    }
}

impl AsRef<std::path::Path> for TreePath {
    fn as_ref(&self) -> &std::path::Path {
        self.0.as_ref()
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for TreePath {
    type Error = TreePathError;

    fn try_from(typed: String) -> Result<Self, TreePathError> {
        typed.parse()
    }
}

impl From<TreePath> for String {
    fn from(path: TreePath) -> String {
        path.0
    }
}
