//! What lies beside an artifact: the proof that its test passed, and the signature of its file. Knows where they are
//! and which artifact they are of; does not know how a test is run, nor whose signature is wanted.

use std::io::{self, Write};

use pintail_core::name::AppName;
use pintail_core::version::Version;

use super::shelf::stem;
use super::{Depot, DepotError, Published, refuse_another};
use crate::card::Card;
use crate::proof::{PROOF_BYTES_MAX, Proof};
use crate::remote::wire::Beside;
use crate::signing::{self, FileHash, PublicKey, SIGNATURE_FILE_BYTES_MAX, SecretKey, Signed, Unsigned};

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
        let (card, file) = from.open(name, version)?;
        let mut unwritten = None;
        let copy = |out: &mut dyn Write| {
            from.shelf.read_through(&stem(name, version), file, |piece| {
                let written = out.write_all(piece);
                written.map_err(|error| {
                    let told = io::Error::other(error.to_string());
                    unwritten = Some(error);
                    told
                })
            })
        };
        let is_it = |copied: &Card| {
            let same = Card { added_ms: card.added_ms, ..copied.clone() } == card;
            if same { Ok(()) } else { Err(from.altered(&card, "what was copied")) }
        };
        let published = self.publish_if(added_ms, |out, _| Ok(copy(out)?.0), is_it);
        let published = match unwritten {
            Some(source) => return Err(DepotError::Write { path: self.shelf.folder().to_owned(), source }),
            None => published?,
        };
        if let Some(proof) = from.proof(&card)? {
            self.write_proof(&proof)?;
        }
        // The same release can be another file, compressed by another zstd; then the signature is not that file's.
        if published.card().packed_digest == card.packed_digest
            && let Some(signature) = from.signature(&card)?
        {
            self.write_signature(published.card(), &signature)?;
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
        let _alone = self.shelf.alone()?;
        let there = self.find(&proof.name, &proof.version)?;
        refuse_another(&there, &proof.digest)?;
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

    /// Signs `card`'s artifact, which is compared with the card while it is read for that: what came in its place is not
    /// signed. `now_ms` is the present, in milliseconds since 1970.
    pub fn sign(&self, card: &Card, key: &SecretKey, now_ms: u64) -> Result<(), DepotError> {
        let hash = self.brought_again(card, || self.hash_of(card))?;
        self.write_signature(card, &key.sign(&hash, &signing::comment(card, now_ms)))
    }

    /// What is signed of `card`'s artifact, which is read whole, once, and must be what the card says.
    fn hash_of(&self, card: &Card) -> Result<FileHash, DepotError> {
        let file = self.open_of(card)?;
        let (mut hash, mut hasher) = (FileHash::default(), blake3::Hasher::new());
        let (manifest, bytes) = self.shelf.read_through(&stem(&card.name, &card.version), file, |piece| {
            hash.update(piece);
            hasher.update(piece);
            Ok(())
        })?;
        let packed = (bytes, hasher.finalize().into());
        if packed != (card.packed_bytes, card.packed_digest) {
            return Err(self.altered(card, "the digest of the file"));
        }
        self.compare_card(card, &Card::new(&manifest, packed, card.added_ms))?;
        Ok(hash)
    }

    /// Checks that one of `keys` signed `card`'s artifact. Its file is read once, by one descriptor: the manifest that is
    /// compared with the card is of the very bytes that were signed. By the digest of that manifest the release goes, and a
    /// host unpacks nothing that differs from it: so what is delivered is what was checked, whatever the file is by then.
    pub fn check_signed(&self, card: &Card, keys: &[PublicKey]) -> Result<Signed, DepotError> {
        let (name, version) = (&card.name, &card.version);
        let unsigned = |source| DepotError::Unsigned { name: name.clone(), version: version.clone(), source };
        let text = self.signature(card)?.ok_or_else(|| unsigned(Unsigned::None))?;
        let signature = signing::Signature::read(&text).map_err(unsigned)?;
        self.brought_again(card, || {
            let mut check = signature.check(keys).map_err(unsigned)?;
            let (manifest, bytes) =
                self.shelf.read_through(&stem(name, version), self.open_of(card)?, |piece| {
                    check.update(piece);
                    Ok(())
                })?;
            if manifest.digest() != card.digest {
                return Err(self.altered(card, "the release it contains"));
            }
            self.compare_card(card, &Card::new(&manifest, (bytes, card.packed_digest), card.added_ms))?;
            check.finish(card).map_err(unsigned)
        })
    }

    /// Removes `card`'s artifact and what lies beside it; another release under its name stays.
    pub fn remove(&self, card: &Card) -> Result<(), DepotError> {
        let path = self.artifact_path(&card.name, &card.version);
        if let Some(remote) = &self.away {
            remote.remove(card).map_err(DepotError::Away)?;
            if !self.shelf.folder().exists() {
                return Ok(());
            }
        }
        let _alone = self.shelf.alone()?;
        if !self.is_away() {
            refuse_another(&self.find(&card.name, &card.version)?, &card.digest)?;
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
        match pintail_os::files::read_regular(&path, most) {
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
        let _alone = self.shelf.alone()?;
        let there = self.find(&card.name, &card.version)?;
        refuse_another(&there, &card.digest)?;
        if what == Beside::Signature && there.packed_digest != card.packed_digest {
            return Err(self.altered(card, "the digest of the file"));
        }
        let path = match what {
            Beside::Proof => self.shelf.proof_path(&stem),
            Beside::Signature => self.shelf.signature_path(&stem),
        };
        self.shelf.write_beside(path, text.as_bytes())
    }
}
