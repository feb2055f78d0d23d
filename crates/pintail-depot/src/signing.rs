//! Signatures of artifacts, as minisign makes and reads them: over the artifact's file, so that `minisign -V` can check
//! one where there is no Pintail. Knows their text, whose they are and what they say; does not know who may sign what,
//! or where they lie.

mod key;
mod secret;

use std::io::{self, Read};

use minisign_verify as minisign;
use pintail_core::digest::Digest;
use pintail_core::name::AppName;
use pintail_core::version::Version;

pub use key::{KeyError, KeyId, PublicKey};
pub use secret::{Locked, SecretFile, SecretKey};

use crate::card::Card;
use crate::shown;

/// Most bytes of a signature, 16 KiB; it has some 450.
pub const SIGNATURE_FILE_BYTES_MAX: u64 = 16 << 10;

/// The variable that holds the password of the key that signs, where nobody can be asked. No program that is started
/// for a build sees it.
pub const PASSWORD_VARIABLE: &str = "PINTAIL_SIGN_PASSWORD";

/// How many bytes of a file are hashed at a time.
const PIECE: usize = 256 << 10;

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
    /// The file can't be read.
    #[error("it can't be read: {0}")]
    Read(#[from] io::Error),
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

/// Whose a signature says it is, unchecked; `None` if it is none.
pub fn claims(signature: &str) -> Option<KeyId> {
    minisign::Signature::decode(signature).ok()?;
    signature.lines().nth(1).and_then(key::id_of)
}

/// Checks `signature` against `file`, the bytes of `card`'s artifact, and the release that our comment names, if it is
/// one of ours, against the card.
///
/// # Errors
/// It doesn't hold, or is by none of `keys`.
pub fn check(
    signature: &str,
    keys: &[PublicKey],
    card: &Card,
    mut file: impl Read,
) -> Result<Signed, Unsigned> {
    let nonsense = |error: &dyn std::fmt::Display| Unsigned::Nonsense(error.to_string().to_lowercase());
    let read = minisign::Signature::decode(signature).map_err(|error| nonsense(&error))?;
    let by = claims(signature).ok_or_else(|| nonsense(&"it names no key"))?;
    // Several keys can have one id; which is meant, only the signature tells.
    let meant: Vec<&PublicKey> = keys.iter().filter(|key| key.id() == by).collect();
    if meant.is_empty() {
        return Err(Unsigned::AnotherKey { by, known: keys.iter().map(PublicKey::id).collect() });
    }
    let verifiers = meant.iter().map(|key| key.verifier(&read)).collect::<Result<Vec<_>, _>>();
    let mut verifiers = verifiers.map_err(|error| match error {
        minisign::Error::UnsupportedLegacyMode => Unsigned::Old,
        error => nonsense(&error),
    })?;
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            count => verifiers.iter_mut().for_each(|verifier| verifier.update(&piece[..count])),
        }
    }
    let said = Said::of(read.trusted_comment());
    let holds = verifiers.iter_mut().any(|verifier| verifier.finalize().is_ok());
    match said.another(card) {
        Some(another) => Err(Unsigned::OfAnother(another)),
        None if holds => Ok(Signed { by, comment: read.trusted_comment().to_owned() }),
        None => Err(Unsigned::Changed { by }),
    }
}

/// What a comment of ours says the artifact is; nothing of what others write there.
#[derive(Default)]
struct Said {
    name: Option<AppName>,
    version: Option<Version>,
    digest: Option<Digest>,
}

impl Said {
    fn of(comment: &str) -> Said {
        let mut said = Said::default();
        for (key, value) in comment.split('\t').filter_map(|part| part.split_once(':')) {
            match key {
                "name" => said.name = value.parse().ok(),
                "version" => said.version = value.parse().ok(),
                "digest" => said.digest = value.parse().ok(),
                _ => {}
            }
        }
        said
    }

    /// Which one it is of, if not of `card`'s.
    fn another(&self, card: &Card) -> Option<String> {
        let (name, version) =
            (self.name.as_ref().unwrap_or(&card.name), self.version.as_ref().unwrap_or(&card.version));
        let told =
            |digest: String| format!("`{}` `{}`{digest}", shown::name(name.as_str().as_bytes()), version);
        if (name, version) != (&card.name, &card.version) {
            return Some(told(String::new()));
        }
        let digest = self.digest.filter(|digest| *digest != card.digest)?;
        Some(told(format!(" with digest {}, not {}", digest.short(), card.digest.short())))
    }
}
