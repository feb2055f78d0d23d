//! What a release calls itself: the version, exactly as it was typed. Knows what may stand in one and which of
//! two is later; does not know where versions come from or what a release is.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest version in bytes. It is part of file names on every host, beside an application's name, so it has to
/// stay well below the 255 bytes that file systems allow.
pub const VERSION_BYTES_MAX: usize = 64;

/// The version of a release: 1 to 64 ASCII letters, digits and `. _ + - ~`, safe as part of a file name.
///
/// It is opaque: `1.0` and `1.00` are two versions. The order is the reader's: runs of digits compare as numbers
/// (`1.9` before `1.10`), a `~` or a `-` before a letter marks what comes before the release (`2.0~rc1` and
/// `2.0-rc1` before `2.0`). So do the words `alpha`, `beta`, `dev`, `pre` and `rc` behind a number or a point
/// (Python's `2.0rc1` and `2.0.dev3`, Ruby's `2.0.pre`), and Python's `a` and `b` with a number on both sides
/// (`2.0b1`; `2.0b` and OpenSSL's `1.0.2a` are later ones). Everything else comes after (`2.0` before `2.0-1`,
/// `2.0+fix`, `2.0.1`). Where that leaves two different texts equal, their bytes decide, so the order is total and
/// agrees with `==`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(String);

impl Version {
    /// The text as it was typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// Nothing was typed.
    #[error("a version can't be empty")]
    Empty,
    /// More than [`VERSION_BYTES_MAX`] bytes.
    #[error("version `{typed}` has {bytes} bytes, at most {VERSION_BYTES_MAX} are allowed")]
    TooLong {
        /// What was typed, its beginning only.
        typed: String,
        /// How many bytes it had.
        bytes: usize,
    },
    /// A character outside the allowed ones.
    #[error("version `{typed}` contains {found:?}; allowed are letters, digits and `. _ + - ~`")]
    Character {
        /// What was typed.
        typed: String,
        /// The first character that isn't allowed.
        found: char,
    },
    /// Starts with `-` (would be read as an option) or `.` (would be a hidden file).
    #[error("version `{typed}` can't start with `{first}`")]
    Start {
        /// What was typed.
        typed: String,
        /// Its first character.
        first: char,
    },
    /// Contains `..`, which could climb out of a folder.
    #[error("version `{typed}` can't contain `..`")]
    DotDot {
        /// What was typed.
        typed: String,
    },
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(typed: &str) -> Result<Self, VersionError> {
        let Some(first) = typed.chars().next() else {
            return Err(VersionError::Empty);
        };
        if typed.len() > VERSION_BYTES_MAX {
            let beginning = typed.chars().take(VERSION_BYTES_MAX).collect();
            return Err(VersionError::TooLong { typed: beginning, bytes: typed.len() });
        }
        let typed = typed.to_owned();
        if let Some(found) = typed.chars().find(|c| !c.is_ascii_alphanumeric() && !"._+-~".contains(*c)) {
            return Err(VersionError::Character { typed, found });
        }
        if first == '-' || first == '.' {
            return Err(VersionError::Start { typed, first });
        }
        if typed.contains("..") {
            return Err(VersionError::DotDot { typed });
        }
        Ok(Version(typed))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for Version {
    type Error = VersionError;

    fn try_from(typed: String) -> Result<Self, VersionError> {
        typed.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> String {
        version.0
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        tokens(&self.0).cmp(&tokens(&other.0)).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A piece of a version, in the order in which pieces compare. `End` stands behind the last piece of each, so
/// that what is declared above it sorts before the plain release and what is below after it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Token<'a> {
    Tilde,
    /// A `-` with a letter behind it (`-rc1`, `-beta`), or what is understood without one.
    Before,
    End,
    Plus,
    Dash,
    Underscore,
    Dot,
    Letters(&'a str),
    /// Digits without leading zeros, after their count: more digits are a larger number, however many.
    Number(usize, &'a str),
}

/// Words that mean "before the release" in every scheme that has them.
const BEFORE: [&str; 5] = ["alpha", "beta", "dev", "pre", "rc"];

/// How many bytes of a `text` that stands behind a number come before the letters of what is before a release: none, or
/// the point's one; `None` where no such letters follow.
fn understood(text: &str) -> Option<usize> {
    let point = usize::from(text.starts_with('.'));
    let letters = text[point..].bytes().take_while(u8::is_ascii_alphabetic).count();
    let (word, behind) = text[point..].split_at(letters);
    let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
    // A commit's hash is full of `a1` and `b2`: the number must be the last one of its part.
    let is_last = digits > 0 && !behind[digits..].starts_with(|c: char| c.is_ascii_alphabetic());
    let is_before = BEFORE.iter().any(|before| before.eq_ignore_ascii_case(word));
    (is_before || point == 0 && is_last && ["a", "b"].contains(&word)).then_some(point)
}

fn tokens(mut text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    while let Some(first) = text.chars().next() {
        if let Some(point) = understood(text).filter(|_| matches!(tokens.last(), Some(Token::Number(..)))) {
            let letters = text[point..].bytes().take_while(u8::is_ascii_alphabetic).count();
            tokens.extend([Token::Before, Token::Letters(&text[point..point + letters])]);
            text = &text[point + letters..];
            continue;
        }
        let run = |belongs: fn(&char) -> bool| text.chars().take_while(belongs).count();
        let (token, length) = match first {
            '~' => (Token::Tilde, 1),
            '+' => (Token::Plus, 1),
            '_' => (Token::Underscore, 1),
            '.' => (Token::Dot, 1),
            '-' if text[1..].starts_with(|c: char| c.is_ascii_alphabetic()) => (Token::Before, 1),
            '-' => (Token::Dash, 1),
            '0'..='9' => {
                let length = run(char::is_ascii_digit);
                let digits = text[..length].trim_start_matches('0');
                (Token::Number(digits.len(), digits), length)
            }
            _ => {
                let length = run(char::is_ascii_alphabetic);
                (Token::Letters(&text[..length]), length)
            }
        };
        tokens.push(token);
        text = &text[length..];
    }
    tokens.push(Token::End);
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn version(typed: &str) -> Version {
        typed.parse().unwrap()
    }

    #[test]
    fn what_is_no_version_is_told_why() {
        let told = ["", "-1", ".1", "1..2", "1/2", "ä", "1 2", &"9".repeat(65)]
            .map(|typed| typed.parse::<Version>().unwrap_err().to_string())
            .join("\n");
        insta::assert_snapshot!(told, @r"
        a version can't be empty
        version `-1` can't start with `-`
        version `.1` can't start with `.`
        version `1..2` can't contain `..`
        version `1/2` contains '/'; allowed are letters, digits and `. _ + - ~`
        version `ä` contains 'ä'; allowed are letters, digits and `. _ + - ~`
        version `1 2` contains ' '; allowed are letters, digits and `. _ + - ~`
        version `9999999999999999999999999999999999999999999999999999999999999999` has 65 bytes, at most 64 are allowed
        ");
    }

    #[test]
    fn later_versions_come_later() {
        let ordered = [
            "0.9",
            "1.0~rc1",
            "1.0RC1",
            "1.0a1",
            "1.0a10",
            "1.0-alpha",
            "1.0-alpha.1",
            "1.0b1",
            "1.0-beta2",
            "1.0beta3",
            "1.0-beta10",
            "1.0.dev3",
            "1.0.pre",
            "1.0-rc.1",
            "1.0rc1.dev2",
            "1.0-rc1",
            "1.0rc1",
            "1.0rc1-5-gabc",
            "1.0.rc2",
            "1.0",
            "1.0+fix",
            "1.0-1",
            "1.0-5-gabc",
            "1.0.a1",
            "1.0.post1",
            "1.0.0",
            "1.0.1",
            "1.0a",
            "1.0a1b2",
            "1.0b",
            "1.0rcs1",
            "1.9",
            "1.10",
            "2",
            "20260101",
            "99999999999999999999999",
        ];
        for pair in ordered.windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{} < {}", pair[0], pair[1]);
        }
    }

    proptest! {
        #[test]
        fn the_order_is_total([a, b, c] in proptest::array::uniform3("[a-c0-2]([a-c0-2.~_+-]|alpha|beta|dev|pre|rc|RC){0,5}")) {
            let parsed: Vec<Version> = [a, b, c].iter().filter_map(|typed| typed.parse().ok()).collect();
            prop_assume!(parsed.len() == 3);
            let (a, b, c) = (&parsed[0], &parsed[1], &parsed[2]);
            prop_assert_eq!(a.cmp(b), b.cmp(a).reverse());
            prop_assert_eq!(a.cmp(b) == Ordering::Equal, a == b);
            if a <= b && b <= c {
                prop_assert!(a <= c);
            }
        }

        #[test]
        fn a_version_is_safe_in_a_file_name(typed in "\\PC{0,70}") {
            if let Ok(version) = typed.parse::<Version>() {
                let name = version.as_str();
                prop_assert!(!name.contains('/') && name != "." && name != ".." && name.len() <= 64);
                prop_assert_eq!(name, typed);
            }
        }
    }
}
