//! Signatures of artifacts, as minisign makes and reads them: over the artifact's file, so that `minisign -V` can check
//! one where there is no Pintail. Knows their text, whose they are and what they say; does not know who may sign what,
//! or where they lie.

mod key;
mod secret;

use minisign_verify as minisign;
use pintail_core::digest::Digest;

pub use key::{KeyError, KeyId, PublicKey};
pub use secret::{FileHash, Locked, SecretFile, SecretKey};

use crate::card::Card;
use crate::shown;

/// Most bytes of a signature, 16 KiB; it has some 450.
pub const SIGNATURE_FILE_BYTES_MAX: u64 = 16 << 10;

/// The variable that holds the password of the key that signs, where nobody can be asked. No program that is started
/// for a build sees it.
pub const PASSWORD_VARIABLE: &str = "PINTAIL_SIGN_PASSWORD";

/// A signature that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The key that made it.
    pub by: KeyId,
    /// Its trusted comment: what the signer said of the file.
    pub comment: String,
}

/// Why an artifact doesn't count as signed.
#[derive(Debug, thiserror::Error)]
pub enum Unsigned {
    /// There is no signature.
    #[error("it has no signature")]
    None,
    /// It is none that can be read.
    #[error("its signature is none that minisign makes: {0}")]
    Nonsense(String),
    /// It was made the old way, over the whole file at once.
    #[error("its signature is of minisign's old kind; sign it again, without `-l`")]
    Old,
    /// By a key that isn't one of those.
    #[error("it is signed by another key: `{by}`, not {}", told(.known))]
    AnotherKey {
        /// That key.
        by: KeyId,
        /// Those that would do.
        known: Vec<KeyId>,
    },
    /// The signature is another artifact's.
    #[error("its signature is that of another artifact: {0}")]
    OfAnother(String),
    /// The file, or the signature, was changed.
    #[error("the file is not what `{by}` signed: it or its signature was changed since")]
    Changed {
        /// Whose the signature claims to be.
        by: KeyId,
    },
}

fn told(keys: &[KeyId]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

/// What our signatures say in their trusted comment, which is signed too: `name:…` and so on, parted by tabs, as
/// minisign's own does. Times are seconds since 1970.
pub fn comment(card: &Card, now_ms: u64) -> String {
    let Card { name, version, digest, .. } = card;
    format!("timestamp:{}\tname:{name}\tversion:{version}\tdigest:{digest}", now_ms / 1000)
}

/// A signature as it was read.
pub struct Signature {
    by: KeyId,
    read: minisign::Signature,
}

impl Signature {
    /// The signature in the text of its file.
    ///
    /// # Errors
    /// It is none.
    pub fn read(text: &str) -> Result<Signature, Unsigned> {
        let read = minisign::Signature::decode(text).map_err(|error| nonsense(&error))?;
        let by = text.lines().nth(1).and_then(key::id_of).ok_or_else(|| nonsense(&"it names no key"))?;
        Ok(Signature { by, read })
    }

    /// Whose it says it is, unchecked.
    pub fn by(&self) -> KeyId {
        self.by
    }

    /// Begins to check it: `keys` are those that would do.
    ///
    /// # Errors
    /// It is by none of them, or of a kind that isn't taken.
    pub fn check<'a>(&'a self, keys: &'a [PublicKey]) -> Result<Check<'a>, Unsigned> {
        // Several keys can have one id; which is meant, only the signature tells.
        let meant: Vec<&PublicKey> = keys.iter().filter(|key| key.id() == self.by).collect();
        if meant.is_empty() {
            return Err(Unsigned::AnotherKey {
                by: self.by,
                known: keys.iter().map(PublicKey::id).collect(),
            });
        }
        let verifiers = meant.iter().map(|key| key.verifier(&self.read)).collect::<Result<Vec<_>, _>>();
        let verifiers = verifiers.map_err(|error| match error {
            minisign::Error::UnsupportedLegacyMode => Unsigned::Old,
            error => nonsense(&error),
        })?;
        Ok(Check { signature: self, verifiers })
    }
}

/// A signature that is being checked against a file, as that is read.
pub struct Check<'a> {
    signature: &'a Signature,
    verifiers: Vec<minisign::StreamVerifier<'a>>,
}

impl Check<'_> {
    /// The next bytes of the file.
    pub fn update(&mut self, bytes: &[u8]) {
        self.verifiers.iter_mut().for_each(|verifier| verifier.update(bytes));
    }

    /// Whether it holds, now that the whole file was read, which is that of `card`'s artifact; what our comment says of the
    /// artifact, if it is one of ours, must be so.
    ///
    /// # Errors
    /// It doesn't.
    pub fn finish(mut self, card: &Card) -> Result<Signed, Unsigned> {
        let by = self.signature.by;
        let comment = self.signature.read.trusted_comment();
        let holds = self.verifiers.iter_mut().any(|verifier| verifier.finalize().is_ok());
        match another(comment, card) {
            Some(another) => Err(Unsigned::OfAnother(another)),
            None if holds => Ok(Signed { by, comment: comment.to_owned() }),
            None => Err(Unsigned::Changed { by }),
        }
    }
}

fn nonsense(error: &dyn std::fmt::Display) -> Unsigned {
    Unsigned::Nonsense(error.to_string().to_lowercase())
}

/// What a comment of ours says the artifact is, where that is not what `card` says; of what others write there, nothing.
fn another(comment: &str, card: &Card) -> Option<String> {
    let (name, version, digest) = (card.name.as_str(), card.version.as_str(), card.digest.to_string());
    let other = |key: &str, is: &str| {
        let said = comment.split('\t').filter_map(|part| part.split_once(':'));
        said.filter(|(said, _)| *said == key).map(|(_, said)| said.to_owned()).find(|said| said != is)
    };
    let shown = |text: &str| shown::name(text.as_bytes());
    let (other_name, other_version) = (other("name", name), other("version", version));
    if other_name.is_some() || other_version.is_some() {
        let (name, version) = (
            other_name.as_deref().unwrap_or(name).to_owned(),
            other_version.as_deref().unwrap_or(version).to_owned(),
        );
        return Some(format!("`{}` `{}`", shown(&name), shown(&version)));
    }
    let found = other("digest", &digest)?;
    let found =
        found.parse::<Digest>().map_or_else(|_| format!("`{}`", shown(&found)), |found| found.short());
    Some(format!("`{name}` `{version}` with digest {found}, not {}", card.digest.short()))
}
