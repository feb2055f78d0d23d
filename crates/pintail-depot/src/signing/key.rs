//! Public keys: their text, and the id that people compare. Knows minisign's form of both; does not know whose they are.

use std::fmt;

use ct_codecs::{Base64, Decoder};
use minisign_verify as minisign;

/// The bytes of a key's id.
pub(super) const ID_BYTES: usize = 8;
/// What stands before the id in keys and signatures: the algorithm.
pub(super) const ALGORITHM_BYTES: usize = 2;

/// What a key is called, in keys and signatures. No proof of anything: anybody can make a key of the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(pub(super) [u8; ID_BYTES]);

/// As minisign writes it: hex digits, without zeros before them.
impl fmt::Display for KeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:X}", u64::from_le_bytes(self.0))
    }
}

/// A key that signatures are checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    id: KeyId,
    key: minisign::PublicKey,
}

/// Why a text is no key. No text of a key is in it.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It isn't one.
    #[error("it is no {0} key of minisign")]
    Nonsense(&'static str),
    /// A secret key where a public one was wanted. Whoever reads this message has shown it to somebody.
    #[error("it is a secret key, and belongs to nobody but who signs; the public one is in the `.pub` file")]
    Secret,
    /// The password doesn't open it.
    #[error("the password does not open it")]
    Password,
    /// It wants more memory to be opened than we give.
    #[error("opening it would take {0} bytes of memory, which is more than minisign ever asks for")]
    Costly(u64),
    /// Its checksum is wrong.
    #[error("it is damaged: its checksum does not fit")]
    Damaged,
}

impl PublicKey {
    /// The key in one line of base64, as minisign shows it.
    ///
    /// # Errors
    /// It is none.
    pub fn from_line(line: &str) -> Result<PublicKey, KeyError> {
        let line = line.trim();
        let key = minisign::PublicKey::from_base64(line).map_err(|_| KeyError::Nonsense("public"))?;
        let id = id_of(line).ok_or(KeyError::Nonsense("public"))?;
        Ok(PublicKey { id, key })
    }

    /// The key in the text of a `.pub` file, or in one line.
    ///
    /// # Errors
    /// It is none.
    pub fn from_text(text: &str) -> Result<PublicKey, KeyError> {
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        // A secret key has 158 bytes, a public one 42.
        if line.starts_with("RW") && Base64::decode_to_vec(line, None).is_ok_and(|bytes| bytes.len() > 100) {
            return Err(KeyError::Secret);
        }
        PublicKey::from_line(line)
    }

    /// Its id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn verifier<'a>(
        &'a self,
        signature: &'a minisign::Signature,
    ) -> Result<minisign::StreamVerifier<'a>, minisign::Error> {
        self.key.verify_stream(signature)
    }
}

/// The id in a line of base64: a key's or a signature's.
pub(super) fn id_of(line: &str) -> Option<KeyId> {
    let bytes = Base64::decode_to_vec(line.trim(), None).ok()?;
    let id = bytes.get(ALGORITHM_BYTES..ALGORITHM_BYTES + ID_BYTES)?;
    id.try_into().ok().map(KeyId)
}
