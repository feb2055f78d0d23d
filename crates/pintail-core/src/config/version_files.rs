//! `[version]`: the files of the project in which its version is written. Knows nothing of what versions are.

use super::{path, places, problem::Complaint, walk::Node};
use crate::manifest::TreePath;

/// A file in which the version is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionFile {
    /// Where it is in the project.
    pub path: TreePath,
    /// What stands around the version.
    pub pattern: VersionPattern,
}

/// The text around a version, such as `our $VERSION = "` and `"`; meant literally.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionPattern {
    /// What stands before it.
    pub before: String,
    /// What stands after it. Not both are empty.
    pub after: String,
}

/// The files, if they are said: a `[version]` without `files` says nothing of them.
pub(super) fn read(node: Option<Node<'_>>) -> Option<Option<Vec<VersionFile>>> {
    let Some(node) = node else { return Some(None) };
    let walk = node.table(&places::VERSION)?;
    Some(walk.optional("files").is_some().then(|| walk.each("files", file)))
}

fn file(node: Node<'_>) -> Option<VersionFile> {
    let walk = node.table(&places::VERSION_FILE)?;
    let path = walk.required("path", "\"package.json\"").and_then(|node| node.parse(path::inner));
    let pattern = walk.required("pattern", "'\"version\": \"{version}\"'");
    let pattern = pattern.and_then(|node| node.settle(parse_pattern(node.text()?)));
    Some(VersionFile { path: path?, pattern: pattern? })
}

/// `{version}` alone says that the file holds nothing else, as many a `VERSION` does.
fn parse_pattern(text: &str) -> Result<VersionPattern, Complaint> {
    let (before, after) = around_version(text)?;
    Ok(VersionPattern { before, after })
}

/// What stands before and after the one `{version}` of a text.
pub(super) fn around_version(text: &str) -> Result<(String, String), Complaint> {
    match text.split("{version}").collect::<Vec<_>>()[..] {
        [before, after] => Ok((before.to_owned(), after.to_owned())),
        [_] => Err(Complaint::new("has no `{version}`").hint("it stands where the version does")),
        _ => Err(Complaint::new("has `{version}` more than once")),
    }
}
