//! Names of things that releases belong to or live under: an application, a release's folder. Knows what may stand
//! in them; does not know where folders are.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, SHORT_DIGITS, is_hex};
use crate::version::{Version, VersionError};

/// Longest application name in bytes: it stands in file, unit and socket names beside other parts.
pub const APP_NAME_BYTES_MAX: usize = 64;

/// The name of an application: 1 to 64 ASCII letters, digits, `_` and `-`, starting with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AppName(String);

impl AppName {
    /// The text as it was typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no application name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppNameError {
    /// Nothing was typed.
    #[error("a name can't be empty")]
    Empty,
    /// More than [`APP_NAME_BYTES_MAX`] bytes.
    #[error("name `{typed}` has {bytes} bytes, at most {APP_NAME_BYTES_MAX} are allowed")]
    TooLong {
        /// What was typed, its beginning only.
        typed: String,
        /// How many bytes it had.
        bytes: usize,
    },
    /// A character outside the allowed ones.
    #[error("name `{typed}` contains {found:?}; allowed are letters, digits, `_` and `-`")]
    Character {
        /// What was typed.
        typed: String,
        /// The first character that isn't allowed.
        found: char,
    },
    /// Starts with `_` or `-`.
    #[error("name `{typed}` has to start with a letter or a digit")]
    Start {
        /// What was typed.
        typed: String,
    },
}

impl FromStr for AppName {
    type Err = AppNameError;

    fn from_str(typed: &str) -> Result<Self, AppNameError> {
        let Some(first) = typed.chars().next() else {
            return Err(AppNameError::Empty);
        };
        if typed.len() > APP_NAME_BYTES_MAX {
            let beginning = typed.chars().take(APP_NAME_BYTES_MAX).collect();
            return Err(AppNameError::TooLong { typed: beginning, bytes: typed.len() });
        }
        let typed = typed.to_owned();
        if let Some(found) = typed.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '_' && *c != '-') {
            return Err(AppNameError::Character { typed, found });
        }
        if !first.is_ascii_alphanumeric() {
            return Err(AppNameError::Start { typed });
        }
        Ok(AppName(typed))
    }
}

impl fmt::Display for AppName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for AppName {
    type Error = AppNameError;

    fn try_from(typed: String) -> Result<Self, AppNameError> {
        typed.parse()
    }
}

impl From<AppName> for String {
    fn from(name: AppName) -> String {
        name.0
    }
}

/// The name of a release's folder: `<version>-<digest8>`, the version and the first 8 hex digits of the digest of
/// its manifest. Two builds of one version are thereby two releases. At most 73 bytes. Ordered by version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReleaseName {
    version: Version,
    digest8: String,
}

impl ReleaseName {
    /// The name of the release of `version` whose manifest has `digest`.
    pub fn new(version: Version, digest: &Digest) -> ReleaseName {
        ReleaseName { version, digest8: digest.short() }
    }

    /// The version in it.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The 8 hex digits in it.
    pub fn digest8(&self) -> &str {
        &self.digest8
    }

    /// Whether a release with `digest` may bear this name. The full digest decides; this only looks at 8 digits.
    pub fn fits(&self, digest: &Digest) -> bool {
        digest.short() == self.digest8
    }
}

/// Why a text is no release name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseNameError {
    /// Not `<version>-<8 hex digits>`.
    #[error("`{typed}` is no release name; one looks like `1.4.2-0a1b2c3d`, a version and 8 hex digits")]
    Shape {
        /// What was typed.
        typed: String,
    },
    /// What stands before the digits is no version.
    #[error("`{typed}` is no release name: {source}")]
    Version {
        /// What was typed.
        typed: String,
        /// What is wrong with the version in it.
        source: VersionError,
    },
}

impl FromStr for ReleaseName {
    type Err = ReleaseNameError;

    fn from_str(typed: &str) -> Result<Self, ReleaseNameError> {
        let parts = typed
            .rsplit_once('-')
            .filter(|(_, digits)| digits.len() == SHORT_DIGITS && digits.chars().all(is_hex));
        let Some((version, digits)) = parts else {
            return Err(ReleaseNameError::Shape { typed: typed.to_owned() });
        };
        match version.parse() {
            Ok(version) => Ok(ReleaseName { version, digest8: digits.to_owned() }),
            Err(source) => Err(ReleaseNameError::Version { typed: typed.to_owned(), source }),
        }
    }
}

impl fmt::Display for ReleaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-{}", self.version, self.digest8))
    }
}

impl TryFrom<String> for ReleaseName {
    type Error = ReleaseNameError;

    fn try_from(typed: String) -> Result<Self, ReleaseNameError> {
        typed.parse()
    }
}

impl From<ReleaseName> for String {
    fn from(name: ReleaseName) -> String {
        name.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_app_name_is_told_why() {
        let told = ["", "-a", "_a", "a.b", "a/b", &"x".repeat(65)]
            .map(|typed| typed.parse::<AppName>().unwrap_err().to_string())
            .join("\n");
        insta::assert_snapshot!(told, @r"
        a name can't be empty
        name `-a` has to start with a letter or a digit
        name `_a` has to start with a letter or a digit
        name `a.b` contains '.'; allowed are letters, digits, `_` and `-`
        name `a/b` contains '/'; allowed are letters, digits, `_` and `-`
        name `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` has 65 bytes, at most 64 are allowed
        ");
        assert_eq!("DDGC-Static".parse::<AppName>().unwrap().as_str(), "DDGC-Static");
    }

    #[test]
    fn a_release_name_is_read_back_even_with_dashes_in_the_version() {
        let digest = Digest::of(b"x");
        let name = ReleaseName::new("1.0-rc-2".parse().unwrap(), &digest);
        let read: ReleaseName = name.to_string().parse().unwrap();
        assert_eq!(read, name);
        assert_eq!(read.version().as_str(), "1.0-rc-2");
        assert_eq!(read.digest8(), digest.short());
        assert!(read.fits(&digest) && !read.fits(&Digest::of(b"y")));
    }

    #[test]
    fn what_is_no_release_name_is_told_why() {
        let told =
            ["", "1.0", "1.0-0a1b2c3", "1.0-0A1B2C3D", "-0a1b2c3d", "../x-0a1b2c3d", "1.0-0a1b2c3d/.."]
                .map(|typed| typed.parse::<ReleaseName>().unwrap_err().to_string())
                .join("\n");
        insta::assert_snapshot!(told, @r"
        `` is no release name; one looks like `1.4.2-0a1b2c3d`, a version and 8 hex digits
        `1.0` is no release name; one looks like `1.4.2-0a1b2c3d`, a version and 8 hex digits
        `1.0-0a1b2c3` is no release name; one looks like `1.4.2-0a1b2c3d`, a version and 8 hex digits
        `1.0-0A1B2C3D` is no release name; one looks like `1.4.2-0a1b2c3d`, a version and 8 hex digits
        `-0a1b2c3d` is no release name: a version can't be empty
        `../x-0a1b2c3d` is no release name: version `../x` contains '/'; allowed are letters, digits and `. _ + - ~`
        `1.0-0a1b2c3d/..` is no release name; one looks like `1.4.2-0a1b2c3d`, a version and 8 hex digits
        ");
    }
}
