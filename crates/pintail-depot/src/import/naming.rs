//! What an archive is called, by its file name or by who imports it. Knows words only.

use pintail_core::name::AppName;
use pintail_core::version::Version;

/// The endings that archives have, longest first.
const ENDINGS: [&str; 4] = [".tar.gz", ".tar.zst", ".tgz", ".tzst"];

/// What a release shall be called, where that isn't left to the file's name or its manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Naming {
    /// The application.
    pub name: Option<AppName>,
    /// The version.
    pub version: Option<Version>,
    /// The commit, 4 to 64 lower-case hex digits; else what `git archive` noted.
    pub commit: Option<String>,
}

/// Splits `NAME-VERSION.tar.gz` at the last `-` that has a digit behind it and a possible name before it; if the
/// name is `known`, behind that.
pub fn name_and_version(file_name: &str, known: Option<&AppName>) -> Option<(AppName, Version)> {
    let stem = ENDINGS.iter().find_map(|ending| file_name.strip_suffix(ending))?;
    if let Some(name) = known
        && let Some(version) = stem.strip_prefix(name.as_str()).and_then(|rest| rest.strip_prefix('-'))
        && let Ok(version) = version.parse()
    {
        return Some((name.clone(), version));
    }
    stem.rmatch_indices('-').find_map(|(at, _)| {
        let (name, version) = (&stem[..at], &stem[at + 1..]);
        let version: Version =
            version.parse().ok().filter(|_| version.starts_with(|c: char| c.is_ascii_digit()))?;
        Some((name.parse().ok()?, version))
    })
}
