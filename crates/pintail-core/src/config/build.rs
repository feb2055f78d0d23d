//! `[build]`: how a commit becomes an artifact. Knows nothing of git.

use crate::name::AppName;

use super::{path, places, problem::Complaint, range::VersionRange, walk::Node};
use crate::manifest::TreePath;

/// How a commit becomes an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Build {
    /// Globs of what is left out of the artifact.
    pub exclude: Vec<String>,
    /// Commands run in a clean checkout, in order; what they make is part of the artifact.
    pub steps: Vec<String>,
    /// The command that tests the unpacked artifact.
    pub test: Option<String>,
    /// Other artifacts of the depot that become part of this one.
    pub include: Vec<Include>,
}

/// One `[[build.include]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    /// The other artifact's name.
    pub name: AppName,
    /// Which of its versions will do.
    pub version: VersionRange,
    /// Where it is unpacked in this artifact.
    pub into: TreePath,
}

pub(super) fn read(node: Option<Node<'_>>) -> Option<Build> {
    let Some(node) = node else {
        return Some(Build::default());
    };
    let walk = node.table(&places::BUILD)?;
    let command = |node: Node<'_>| node.text().map(str::to_owned);
    Some(Build {
        exclude: walk.each("exclude", |node| node.parse(glob)),
        steps: walk.each("steps", command),
        test: walk.or("test", None, |node| command(node).map(Some)),
        include: walk.each("include", include),
    })
}

fn include(node: Node<'_>) -> Option<Include> {
    let walk = node.table(&places::INCLUDE)?;
    let name = walk.required("name", "\"blog-static\"").and_then(|node| node.parse(app_name));
    let version = walk.required("version", "\"^1.2\"").and_then(|node| node.parse(VersionRange::parse));
    let into = walk.required("into", "\"share/static\"").and_then(|node| node.parse(path::inner));
    Some(Include { name: name?, version: version?, into: into? })
}

pub(super) fn app_name(text: &str) -> Result<AppName, Complaint> {
    text.parse().map_err(|error| Complaint::new(format!("can't be taken: {error}")))
}

/// A glob is read as a glob only where the files are; here only what could never match is refused.
fn glob(text: &str) -> Result<String, Complaint> {
    match text {
        absolute if absolute.starts_with('/') => {
            Err(Complaint::new(format!("is `{text}`; globs are relative to the project"))
                .meant(text.trim_start_matches('/')))
        }
        climbing if climbing.split('/').any(|part| part == "..") => {
            Err(Complaint::new(format!("is `{text}`; `..` can't stand in it")))
        }
        text => Ok(text.to_owned()),
    }
}
