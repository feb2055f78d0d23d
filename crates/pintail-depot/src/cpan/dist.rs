//! What a distribution's file name says: name, version, and whether it is for developers. Knows the names that
//! `CPAN::DistnameInfo` takes apart in one way only; other names are refused, not guessed at.

use std::fmt;
use std::str::FromStr;

use super::perl_version::PerlVersion;

/// Longest file name in bytes, well below what file systems take.
const FILE_NAME_BYTES_MAX: usize = 200;

/// The endings that `cpanm` and CPAN.pm know of those that can be read here.
const ENDINGS: [&str; 2] = [".tar.gz", ".tgz"];

/// Name and version of a distribution, as in `My-App-1.02.tar.gz`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DistName {
    file_name: String,
    name: String,
    version: PerlVersion,
    is_trial: bool,
}

/// A file name that doesn't say it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "can't tell name and version from the file name `{file_name}`: it has to be NAME-VERSION.tar.gz or .tgz, with a version that `cpanm` can read, such as `My-App-1.02.tar.gz`"
)]
pub struct DistNameError {
    /// The name, its beginning only.
    pub file_name: String,
}

impl DistName {
    /// The file's name.
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// The distribution's name, such as `My-App`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The package that it is named after, with `::` for `-`, whether it is in it or not.
    pub(crate) fn main_package_text(&self) -> String {
        self.name.replace('-', "::")
    }

    /// What the file name has behind the name, `-TRIAL` too.
    pub fn version_text(&self) -> &str {
        let stem = ENDINGS.iter().find_map(|ending| self.file_name.strip_suffix(ending)).unwrap_or_default();
        stem.get(self.name.len() + 1..).unwrap_or_default()
    }

    /// Its version, without `-TRIAL`.
    pub fn version(&self) -> &PerlVersion {
        &self.version
    }

    /// Whether it is a release for developers: `-TRIAL`, or an underscore in the version.
    pub fn is_developers(&self) -> bool {
        self.is_trial || self.version.is_developers()
    }
}

impl FromStr for DistName {
    type Err = DistNameError;

    fn from_str(file_name: &str) -> Result<Self, DistNameError> {
        let wrong = || DistNameError { file_name: crate::shown::name(file_name.as_bytes()) };
        let stem = ENDINGS.iter().find_map(|ending| file_name.strip_suffix(ending)).ok_or_else(wrong)?;
        let (plain, is_trial) = without_trial(stem);
        let (name, version) =
            split(plain).filter(|_| file_name.len() <= FILE_NAME_BYTES_MAX).ok_or_else(wrong)?;
        // `App-2-TRIAL` may be taken for version `TRIAL` of `App-2`.
        if is_trial && !version.as_str().contains('.') {
            return Err(wrong());
        }
        Ok(DistName { file_name: file_name.to_owned(), name: name.to_owned(), version, is_trial })
    }
}

/// `-TRIAL` and `-TRIAL2` at the end are no part of the version.
fn without_trial(stem: &str) -> (&str, bool) {
    let plain = stem.trim_end_matches(|c: char| c.is_ascii_digit()).strip_suffix("-TRIAL");
    plain.map_or((stem, false), |plain| (plain, true))
}

/// At the last `-` that has a version behind it and a name before it.
fn split(plain: &str) -> Option<(&str, PerlVersion)> {
    let (name, version) = plain.rsplit_once('-')?;
    let is_version = version.strip_prefix('v').unwrap_or(version).starts_with(|c: char| c.is_ascii_digit());
    let version: PerlVersion = version.parse().ok().filter(|_| is_version)?;
    is_name(name).then_some((name, version))
}

/// Words of letters and digits with `_` inside, joined by `-`; each starts with a letter and has no `1_2` in it, so that
/// none can be taken for a version.
fn is_name(name: &str) -> bool {
    let word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_alphabetic())
            && word.ends_with(|c: char| c.is_ascii_alphabetic() || c.is_ascii_digit())
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !looks_like_a_version(word)
            && !word
                .as_bytes()
                .windows(3)
                .any(|three| matches!(three, [a, b'_', b] if a.is_ascii_digit() && b.is_ascii_digit()))
    };
    name.split('-').all(word)
}

/// `V3`, `v2`: such a word before the version may be taken for one.
fn looks_like_a_version(word: &str) -> bool {
    word.strip_prefix(['v', 'V']).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

impl fmt::Display for DistName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version_text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        for (file, name, version, developers) in [
            ("My-App-1.02.tar.gz", "My-App", "1.02", false),
            ("App-v1.2.3.tgz", "App", "v1.2.3", false),
            ("App-1.tar.gz", "App", "1", false),
            ("App-1.02_03.tar.gz", "App", "1.02_03", true),
            ("App-1.02-TRIAL.tar.gz", "App", "1.02", true),
            ("App-1.02-TRIAL2.tar.gz", "App", "1.02", true),
            ("Digest-SHA1-2.13.tar.gz", "Digest-SHA1", "2.13", false),
            ("Text_Wrap-0.1.tar.gz", "Text_Wrap", "0.1", false),
        ] {
            let dist: DistName = file.parse().unwrap();
            assert_eq!(
                (dist.name(), dist.version().as_str(), dist.is_developers()),
                (name, version, developers),
                "{file}"
            );
            assert!(dist.version_text().starts_with(version) && file.contains(dist.version_text()), "{file}");
        }
    }

    #[test]
    fn names_that_others_might_take_apart_otherwise_are_refused() {
        for file in [
            "My-App.tar.gz",
            "My-App-1.02.zip",
            "My-App-1.02.tar.bz2",
            "My-App-1.02",
            "-1.02.tar.gz",
            "App-.tar.gz",
            "App-1.02+b1.tar.gz",
            "App.pm-1.02.tar.gz",
            "App-1.02-2.tar.gz",
            "../App-1.0.tar.gz",
            "App 1-1.0.tar.gz",
            "App-V3-1.0.tar.gz",
            "App-undef.tar.gz",
            "Äpp-1.0.tar.gz",
            "App-1.2.3.4a.tar.gz",
            "App-TRIAL.tar.gz",
            "App-2-TRIAL.tar.gz",
            "Task-Perl5_14-1.00.tar.gz",
        ] {
            assert!(file.parse::<DistName>().is_err(), "{file}");
        }
        assert!(format!("{}-1.0.tar.gz", "A".repeat(250)).parse::<DistName>().is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_name_is_taken_apart_or_refused(name in "[A-Za-z0-9._ /v-]{0,20}(.tar.gz|.tgz|)") {
            if let Ok(dist) = name.parse::<DistName>() {
                assert!(!dist.file_name().contains('/') && !dist.file_name().starts_with('.'));
            }
        }
    }
}
