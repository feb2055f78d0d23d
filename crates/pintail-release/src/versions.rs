//! Which version a commit is when nobody says: by its tags, else by what comes before it. Knows git and the project's
//! tags; does not choose the next version.

use crate::git;
use pintail_core::config::Config;
use pintail_core::version::{Version, VersionError};
use pintail_core::wire::Trouble;
use std::io;
use std::path::Path;

/// Digits of a commit in a version that is made up: git lengthens its own as a repository grows.
const COMMIT_DIGITS: usize = 12;

/// The full name of the commit that `name` names; `what` could not be done without.
///
/// # Errors
/// `folder` is in no repository, or has no such commit.
pub fn commit_of(folder: &Path, name: &str, what: &str) -> Result<String, Trouble> {
    git::commit(folder, name).map_err(|_| match git::repository::own_path(folder, "HEAD") {
        Err(why) => Trouble::new(what, why).hint("a build is of a commit: `git init`, and commit your work"),
        Ok(_) => Trouble::new(what, format!("`{name}` is no commit in `{}`", folder.display()))
            .hint("commit your work first"),
    })
}

/// The version of `commit`: that of its latest tag, if it has one; else `TAG-N-gCOMMIT`, as `git describe` says it,
/// after the nearest tag before it, which [`Version`]'s order puts behind that tag and before what comes next; without
/// any, `0-N-gCOMMIT`. N counts commits.
///
/// # Errors
/// git's; a tag that makes no version.
pub fn version_of(folder: &Path, commit: &str, config: &Config) -> io::Result<Version> {
    let template = &config.release.tag;
    let tags = git::tags_at(folder, commit)?;
    // What doesn't begin with a digit is another kind of tag: `nightly` is no version.
    let version = |tag: &String| {
        template
            .version(tag)
            .filter(|text| text.starts_with(|c: char| c.is_ascii_digit()))?
            .parse::<Version>()
            .ok()
    };
    let tagged = tags.iter().filter_map(version).max();
    if let Some(version) = tagged {
        return Ok(version);
    }
    let short = &commit[..commit.len().min(COMMIT_DIGITS)];
    let made_up = match git::described(folder, commit, &template.tag("[0-9]*"))? {
        Some((tag, since)) => {
            let base = template.version(&tag).unwrap_or(&tag);
            format!("{base}-{since}-g{short}")
        }
        None => format!("0-{}-g{short}", git::count(folder, commit)?),
    };
    made_up.parse().map_err(|error: VersionError| io::Error::other(error))
}
