//! `[build]`: how a commit becomes an artifact. Knows nothing of git.

use std::time::Duration;

use crate::name::AppName;

use super::{
    duration, host::setting_name, path, places, problem::Complaint, range::VersionRange, walk::Node,
};
use crate::manifest::TreePath;

/// How long a test may take: one that hangs shall not hold a release for ever.
const TEST_WITHIN: Duration = Duration::from_secs(30 * 60);

/// Where languages look for modules, and what they are told to do first: what a test is kept from.
const SEALED: [&str; 13] = [
    "PERL5LIB",
    "PERL5OPT",
    "PERLLIB",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONUSERBASE",
    "NODE_PATH",
    "NODE_OPTIONS",
    "RUBYLIB",
    "RUBYOPT",
    "GEM_HOME",
    "GEM_PATH",
    "LD_PRELOAD",
];

/// How a commit becomes an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// Globs of what is left out of the artifact.
    pub exclude: Vec<String>,
    /// Commands run in a clean checkout, in order; what they make is part of the artifact.
    pub steps: Vec<String>,
    /// The command that tests the unpacked artifact.
    pub test: Option<String>,
    /// How long the test may take; default 30 minutes.
    pub test_within: Duration,
    /// Names of the operator's environment that steps and test get; all others are kept from them.
    pub env: Vec<String>,
    /// Other artifacts of the depot that become part of this one.
    pub include: Vec<Include>,
}

impl Default for Build {
    fn default() -> Build {
        Build {
            exclude: Vec::new(),
            steps: Vec::new(),
            test: None,
            test_within: TEST_WITHIN,
            env: Vec::new(),
            include: Vec::new(),
        }
    }
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
        test_within: walk.or("test_within", TEST_WITHIN, |node| node.duration(duration::SOME)),
        env: walk.each("env", |node| node.parse(environment_name)),
        include: walk.each("include", include),
    })
}

/// A name of the operator's environment that may be handed on.
fn environment_name(text: &str) -> Result<String, Complaint> {
    if text == "HOME" {
        return Err(Complaint::new("is `HOME`, which Pintail sets: an empty folder"));
    }
    if SEALED.contains(&text) {
        let why = format!("is `{text}`, which would let in modules that the project does not declare");
        return Err(Complaint::new(why).hint("what the artifact brings is found without it"));
    }
    setting_name(text)
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
