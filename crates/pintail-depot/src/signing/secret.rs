//! The secret key: read from minisign's file, opened with a password, and what it signs. Knows no terminal and no
//! environment: whoever has the password says it. Nothing of a key is ever shown but its id.

use std::fmt;

use blake2b_simd::{Params, State};
use ct_codecs::{Base64, Decoder, Encoder};

use super::key::{ID_BYTES, KeyError, KeyId};

/// The longest file of a secret key that is read, in bytes; it has some 300.
const FILE_CHARS_MAX: usize = 4 << 10;
/// Most memory that opening a key may take, in bytes: what minisign itself asks for at most, 1 GiB.
const MEMORY_MAX: u64 = 1 << 30;
/// Least effort, as libsodium's `crypto_pwhash_scryptsalsa208sha256` has it.
const EFFORT_MIN: u64 = 32_768;
/// The algorithm of a signature over the BLAKE2b of a file.
const PREHASHED: &[u8; 2] = b"ED";
/// The algorithm of keys.
const ED25519: &[u8; 2] = b"Ed";
/// The checksum's.
const BLAKE2B: &[u8; 2] = b"B2";
/// That of a password.
const SCRYPT: &[u8; 2] = b"Sc";
/// None.
const OPEN: &[u8; 2] = &[0, 0];

/// Bytes of a secret key with its public half, and of what is encrypted: id, key, checksum.
const KEY_BYTES: usize = 64;
const HASH_BYTES: usize = 32;
const SEALED_BYTES: usize = ID_BYTES + KEY_BYTES + HASH_BYTES;
const SALT_BYTES: usize = 32;

/// A secret key's file that was read.
pub enum SecretFile {
    /// It has no password.
    Open(SecretKey),
    /// It needs one.
    Locked(Locked),
}

/// A secret key that needs a password.
pub struct Locked {
    salt: [u8; SALT_BYTES],
    effort: u64,
    memory: u64,
    sealed: [u8; SEALED_BYTES],
}

/// A secret key.
pub struct SecretKey {
    id: KeyId,
    key: ed25519_compact::SecretKey,
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SecretKey({})", self.id)
    }
}

impl SecretFile {
    /// The key in the text of a file that `minisign -G` made.
    ///
    /// # Errors
    /// It is none.
    pub fn read(text: &str) -> Result<SecretFile, KeyError> {
        let nonsense = || KeyError::Nonsense("secret");
        let line = text.lines().nth(1).filter(|_| text.len() <= FILE_CHARS_MAX).ok_or_else(nonsense)?;
        let bytes = Base64::decode_to_vec(line.trim(), None).map_err(|_| nonsense())?;
        let mut rest = &bytes[..];
        let (algorithm, lock, checksum) = (take::<2>(&mut rest), take::<2>(&mut rest), take::<2>(&mut rest));
        let (salt, effort, memory) = (take(&mut rest), take(&mut rest), take(&mut rest));
        let sealed: Option<[u8; SEALED_BYTES]> = take(&mut rest);
        if !rest.is_empty() || algorithm.as_ref() != Some(ED25519) || checksum.as_ref() != Some(BLAKE2B) {
            return Err(nonsense());
        }
        let (Some(lock), Some(salt), Some(effort), Some(memory), Some(sealed)) =
            (lock, salt, effort, memory, sealed)
        else {
            return Err(nonsense());
        };
        match &lock {
            OPEN => SecretKey::of_open(&sealed).ok_or(KeyError::Damaged).map(SecretFile::Open),
            SCRYPT => {
                let (effort, memory) = (u64::from_le_bytes(effort), u64::from_le_bytes(memory));
                Ok(SecretFile::Locked(Locked { salt, effort, memory, sealed }))
            }
            _ => Err(nonsense()),
        }
    }
}

impl Locked {
    /// Opens it. Takes about a second and up to 1 GiB of memory: so much is wanted of everybody who guesses.
    ///
    /// # Errors
    /// The password is another, or opening takes too much.
    pub fn open(&self, password: &str) -> Result<SecretKey, KeyError> {
        if self.memory > MEMORY_MAX || self.effort > MEMORY_MAX {
            return Err(KeyError::Costly(self.memory.max(self.effort)));
        }
        let (log_n, p) = cost(self.effort, self.memory);
        let params = scrypt::Params::new(log_n, BLOCK, p).map_err(|_| KeyError::Nonsense("secret"))?;
        let mut stream = [0; SEALED_BYTES];
        scrypt::scrypt(password.as_bytes(), &self.salt, &params, &mut stream)
            .map_err(|_| KeyError::Nonsense("secret"))?;
        let mut sealed = self.sealed;
        sealed.iter_mut().zip(stream).for_each(|(byte, mask)| *byte ^= mask);
        SecretKey::of(&sealed).ok_or(KeyError::Password)
    }
}

/// scrypt's block size, as libsodium has it.
const BLOCK: u32 = 8;

/// scrypt's cost of an effort and a memory, as libsodium computes it: the binary logarithm of N, and p.
fn cost(effort: u64, memory: u64) -> (u8, u32) {
    let effort = effort.max(EFFORT_MIN);
    let block = u64::from(BLOCK);
    let log_n = |n: u64| (1..63).find(|log| 1_u64 << log > n / 2).unwrap_or(63);
    if effort < memory / 32 {
        return (log_n(effort / (block * 4)), 1);
    }
    let log = log_n(memory / (block * 128));
    let rounds = ((effort / 4) >> log).min(0x3fff_ffff) / block;
    (log, u32::try_from(rounds).unwrap_or(1).max(1))
}

impl SecretKey {
    /// The key of what a file has unencrypted, if its checksum is right.
    fn of(sealed: &[u8; SEALED_BYTES]) -> Option<SecretKey> {
        let mut rest = &sealed[..];
        let (id, key, found) =
            (take(&mut rest)?, take::<KEY_BYTES>(&mut rest)?, take::<HASH_BYTES>(&mut rest)?);
        let mut checksum = Params::new().hash_length(HASH_BYTES).to_state();
        checksum.update(ED25519).update(&id).update(&key);
        let fits = checksum.finalize().as_bytes() == found;
        fits.then(|| SecretKey { id: KeyId(id), key: ed25519_compact::SecretKey::new(key) })
    }

    /// The same of a file without a password: there minisign writes no checksum, but the public half must be that of
    /// the secret one.
    fn of_open(bytes: &[u8; SEALED_BYTES]) -> Option<SecretKey> {
        let (key, checksum) = bytes.split_at(ID_BYTES + KEY_BYTES);
        if checksum.iter().any(|byte| *byte != 0) {
            return SecretKey::of(bytes);
        }
        let (id, key) = key.split_at(ID_BYTES);
        let key = ed25519_compact::SecretKey::from_slice(key).ok()?;
        let pair = ed25519_compact::KeyPair::try_from_seed(key.seed()).ok()?;
        (pair.pk == key.public_key()).then_some(SecretKey { id: KeyId(id.try_into().ok()?), key })
    }

    /// Its id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Its public half, in the line that goes into `signed_by`.
    pub fn public_line(&self) -> String {
        base64(&[ED25519, &self.id.0, &*self.key.public_key()])
    }

    /// The text of the signature of the file that was hashed, with `comment`, which is signed too and has no line end.
    pub fn sign(&self, file: &FileHash, comment: &str) -> String {
        let signature = self.key.sign(file.0.finalize().as_bytes(), None);
        let of_both = self.key.sign([&*signature, comment.as_bytes()].concat(), None);
        format!(
            "untrusted comment: signature from pintail, key {}\n{}\ntrusted comment: {comment}\n{}\n",
            self.id,
            base64(&[PREHASHED, &self.id.0, &*signature]),
            base64(&[&*of_both]),
        )
    }
}

/// What is signed of a file: the BLAKE2b of its bytes.
pub struct FileHash(State);

impl Default for FileHash {
    fn default() -> Self {
        FileHash(Params::new().to_state())
    }
}

impl FileHash {
    /// The next bytes of the file.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

fn base64(parts: &[&[u8]]) -> String {
    Base64::encode_to_string(parts.concat()).unwrap_or_default()
}

/// The next bytes, if there are so many.
fn take<const COUNT: usize>(rest: &mut &[u8]) -> Option<[u8; COUNT]> {
    let (taken, after) = rest.split_first_chunk::<COUNT>()?;
    *rest = after;
    Some(*taken)
}
