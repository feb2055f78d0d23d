//! A package's name, as Perl code and indexes have it. Knows words only.

use std::fmt;
use std::str::FromStr;

/// Longest name in bytes, as PAUSE has it. It is a file's name in `v1.0/`.
pub const PACKAGE_NAME_BYTES_MAX: usize = 128;

/// `Word::Word…`, of ASCII letters, digits and `_`, starting with a letter: what
/// PAUSE takes into its index.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackageName(String);

impl PackageName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stays the same when only upper and lower case change.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// Its last word: what a file is called that has it.
    pub fn last_word(&self) -> &str {
        self.0.rsplit("::").next().unwrap_or(&self.0)
    }
}

/// A text that isn't a package's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{typed}` is no package's name that can be indexed")]
pub struct PackageNameError {
    /// The text, its beginning only.
    pub typed: String,
}

impl FromStr for PackageName {
    type Err = PackageNameError;

    fn from_str(typed: &str) -> Result<Self, PackageNameError> {
        let word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let is_name = typed.len() <= PACKAGE_NAME_BYTES_MAX
            && typed.starts_with(|c: char| c.is_ascii_alphabetic())
            && typed.split("::").all(word);
        if is_name {
            Ok(PackageName(typed.to_owned()))
        } else {
            Err(PackageNameError { typed: crate::shown::name(typed.as_bytes()) })
        }
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
