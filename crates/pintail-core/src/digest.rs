//! BLAKE3 digests, the names that content has by itself. Knows how they are made and written; does not know what
//! is hashed or where it lies.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Bytes of a digest.
pub const DIGEST_BYTES: usize = 32;

/// Hex digits of [`Digest::short`]: enough to tell the releases of one application apart by eye, and short enough
/// to stand in a folder's name. Never used to decide that two contents are the same.
pub const SHORT_DIGITS: usize = 8;

/// A BLAKE3 digest: 32 bytes, written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; DIGEST_BYTES]);

impl Digest {
    /// The digest of `content`.
    pub fn of(content: &[u8]) -> Digest {
        blake3::hash(content).into()
    }

    /// The digest that has these bytes.
    pub const fn from_bytes(bytes: [u8; DIGEST_BYTES]) -> Digest {
        Digest(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; DIGEST_BYTES] {
        &self.0
    }

    /// The first 8 hex digits, for people and for folder names.
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(SHORT_DIGITS);
        text
    }
}

impl From<blake3::Hash> for Digest {
    fn from(hash: blake3::Hash) -> Digest {
        Digest(*hash.as_bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// Why a text is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// Not 64 characters.
    #[error("a digest has 64 hex digits, this one has {characters}")]
    Length {
        /// How many characters were typed.
        characters: usize,
    },
    /// Something else than `0`–`9` and `a`–`f`. Upper case counts, so that a digest has one spelling only.
    #[error("a digest has the hex digits `0` to `9` and `a` to `f` only, this one has {found:?}")]
    Character {
        /// The first character that isn't allowed.
        found: char,
    },
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(typed: &str) -> Result<Self, DigestError> {
        if let Some(found) = typed.chars().find(|c| !is_hex(*c)) {
            return Err(DigestError::Character { found });
        }
        let length = DigestError::Length { characters: typed.chars().count() };
        blake3::Hash::from_hex(typed).map(Digest::from).map_err(|_| length)
    }
}

/// A lower-case hex digit, the only kind that Pintail writes.
pub(crate) fn is_hex(c: char) -> bool {
    matches!(c, '0'..='9' | 'a'..='f')
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(typed: String) -> Result<Self, DigestError> {
        typed.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read_back() {
        let digest = Digest::of(b"pintail");
        assert_eq!(digest.to_string().len(), 64);
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!(digest.to_string().starts_with(&digest.short()));
        let json = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
    }

    #[test]
    fn what_is_no_digest_is_told_why() {
        let upper = "A".repeat(64);
        let told = ["", "abc", upper.as_str(), "ä", &"a".repeat(65)]
            .map(|typed| typed.parse::<Digest>().unwrap_err().to_string())
            .join("\n");
        insta::assert_snapshot!(told, @r"
        a digest has 64 hex digits, this one has 0
        a digest has 64 hex digits, this one has 3
        a digest has the hex digits `0` to `9` and `a` to `f` only, this one has 'A'
        a digest has the hex digits `0` to `9` and `a` to `f` only, this one has 'ä'
        a digest has 64 hex digits, this one has 65
        ");
    }
}
