//! What lies beside an artifact: the proof that its test passed, and the signature of its file. Knows where they are
//! and which artifact they are of; does not know how a test is run, nor whose signature is wanted.

use std::io::{self, Read};

use pintail_core::name::AppName;
use pintail_core::version::Version;

use super::shelf::stem;
use super::{Depot, DepotError, Published};
use crate::card::Card;
use crate::proof::{PROOF_BYTES_MAX, Proof};
use crate::remote::wire::Beside;
use crate::signing::{self, PublicKey, SIGNATURE_FILE_BYTES_MAX, SecretKey, Signed, Unsigned};

impl Depot {
    /// Publishes the artifact of another depot, byte for byte, with its proof and its signature. `added_ms` is the
    /// present, in milliseconds since 1970.
    pub fn take_over(
        &self,
        from: &Depot,
        name: &AppName,
        version: &Version,
        added_ms: u64,
    ) -> Result<Published, DepotError> {
        let (_, manifest) = from.show(name, version)?;
        let (card, mut file) = from.open(name, version)?;
        let published = self.publish(added_ms, |out, _| {
            let path = from.artifact_path(name, version);
            io::copy(&mut file, out).map_err(|source| DepotError::Read { path, source })?;
            Ok(manifest)
        })?;
        if let Some(proof) = from.proof(&card)? {
            self.write_proof(&proof)?;
        }
        // The same release can be another file, compressed by another zstd; then the signature is not that file's.
        if published.card().packed_digest == card.packed_digest
            && let Some(signature) = from.signature(&card)?
        {
            self.write_signature(&card, &signature)?;
        }
        Ok(published)
    }

    /// The proof of `card`'s artifact, if there is one of that very release.
    pub fn proof(&self, card: &Card) -> Result<Option<Proof>, DepotError> {
        let json = self.beside(card, Beside::Proof)?;
        Ok(json.and_then(|json| Proof::read(json.as_bytes())).filter(|proof| proof.digest == card.digest))
    }

    /// Puts `proof` beside its artifact, in place of an earlier one.
    pub fn write_proof(&self, proof: &Proof) -> Result<(), DepotError> {
        let json = String::from_utf8_lossy(&proof.to_json()).into_owned();
        if let Some(remote) = &self.away {
            let (name, version, digest) = (&proof.name, &proof.version, &proof.digest);
            return remote.put_beside(name, version, digest, Beside::Proof, &json).map_err(DepotError::Away);
        }
        self.shelf.write_beside(self.shelf.proof_path(&stem(&proof.name, &proof.version)), json.as_bytes())
    }

    /// The signature of `card`'s artifact, if there is one, unchecked.
    pub fn signature(&self, card: &Card) -> Result<Option<String>, DepotError> {
        self.beside(card, Beside::Signature)
    }

    /// Puts `signature` beside `card`'s artifact, in place of an earlier one.
    pub fn write_signature(&self, card: &Card, signature: &str) -> Result<(), DepotError> {
        self.write_beside(card, Beside::Signature, signature)
    }

    /// Signs the artifact of one version, after it was compared with its card. `now_ms` is the present, in milliseconds
    /// since 1970.
    pub fn sign(
        &self,
        name: &AppName,
        version: &Version,
        key: &SecretKey,
        now_ms: u64,
    ) -> Result<Card, DepotError> {
        let (card, _) = self.show(name, version)?;
        let (_, file) = self.open(name, version)?;
        let mut read = Hashed { file, hasher: blake3::Hasher::new() };
        let signature = key.sign(&mut read, &signing::comment(&card, now_ms));
        let path = || self.artifact_path(name, version);
        let signature = signature.map_err(|source| DepotError::Read { path: path(), source })?;
        if read.hasher.finalize() != blake3::Hash::from(*card.packed_digest.as_bytes()) {
            return Err(DepotError::Altered { path: path(), what: "the digest of the file" });
        }
        self.write_signature(&card, &signature)?;
        Ok(card)
    }

    /// Checks that one of `keys` signed the artifact of one version: the file, which contains the manifest whose digest
    /// the release goes by.
    pub fn check_signed(
        &self,
        name: &AppName,
        version: &Version,
        keys: &[PublicKey],
    ) -> Result<Signed, DepotError> {
        // The manifest of this very file has the card's digest: so whoever signed the file signed that release.
        let (card, _) = self.show(name, version)?;
        let unsigned = |source| DepotError::Unsigned { name: name.clone(), version: version.clone(), source };
        let signature = self.signature(&card)?.ok_or_else(|| unsigned(Unsigned::None))?;
        let (_, file) = self.open(name, version)?;
        signing::check(&signature, keys, &card, file).map_err(unsigned)
    }

    /// Removes `card`'s artifact and what lies beside it; another release under its name stays.
    pub fn remove(&self, card: &Card) -> Result<(), DepotError> {
        let path = self.artifact_path(&card.name, &card.version);
        if let Some(remote) = &self.away {
            remote.remove(card).map_err(DepotError::Away)?;
        } else {
            let there = self.find(&card.name, &card.version)?;
            if there.digest != card.digest {
                let (name, version) = (there.name, there.version);
                return Err(DepotError::Taken { name, version, there: there.digest, new: card.digest });
            }
        }
        // The artifact first: a card without one is nothing.
        let removed = pintail_os::files::remove_file(&path)
            .and_then(|()| self.shelf.remove_beside(&stem(&card.name, &card.version)));
        removed.map_err(|source| DepotError::Write { path, source })
    }

    /// What lies beside `card`'s artifact.
    pub(crate) fn beside(&self, card: &Card, what: Beside) -> Result<Option<String>, DepotError> {
        if let Some(remote) = &self.away {
            return remote.beside(&card.name, &card.version, what).map_err(DepotError::Away);
        }
        let stem = stem(&card.name, &card.version);
        let (path, most) = match what {
            Beside::Proof => (self.shelf.proof_path(&stem), PROOF_BYTES_MAX),
            Beside::Signature => (self.shelf.signature_path(&stem), SIGNATURE_FILE_BYTES_MAX),
        };
        match pintail_os::files::read_bounded(&path, most) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(DepotError::Read { path, source }),
        }
    }

    /// Puts something beside `card`'s artifact.
    pub(crate) fn write_beside(&self, card: &Card, what: Beside, text: &str) -> Result<(), DepotError> {
        if let Some(remote) = &self.away {
            let (name, version, digest) = (&card.name, &card.version, &card.digest);
            return remote.put_beside(name, version, digest, what, text).map_err(DepotError::Away);
        }
        let stem = stem(&card.name, &card.version);
        let path = match what {
            Beside::Proof => self.shelf.proof_path(&stem),
            Beside::Signature => self.shelf.signature_path(&stem),
        };
        self.shelf.write_beside(path, text.as_bytes())
    }
}

/// A file that is hashed while somebody reads it.
struct Hashed<R> {
    file: R,
    hasher: blake3::Hasher,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(bytes)?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }
}
