//! What a host says of a release to an operator who has not its artifact: the manifest, and the chunks of the files that
//! are not in the new one. Knows the forms (`docs/formats/artifact.md`); does not know who asks, or over which line.
//!
//! The operator asks with a *sketch* of the new manifest, some bytes for each entry, so that only what differs has to
//! be said and read. Nothing of a signature is believed: its manifest is proven by its digest, and what a patch makes
//! of wrong chunks is compared with its own.

use std::collections::HashMap;
use std::io;

use pintail_core::digest::{DIGEST_BYTES, Digest};
use pintail_core::manifest::{ENTRIES_MAX, Entry, EntryKind, Manifest};

use super::STRUCTURE_BYTES_MAX;
use super::apply::{Ground, at_most, fill, read, same, unpacked_structure};
use super::chunks::{CHUNK_DIGEST_BYTES, Chunk, cut, is_chunked};
use super::error::PatchError;
use super::form;
use super::number::{Numbers, put};
use crate::limits::Limits;

/// What a signature starts with; the last byte is the format.
const MAGIC: [u8; 8] = *b"PTSIGNS\x01";

/// Bytes of BLAKE3 that tell an entry. Where two that differ are taken for one, in one of a million deployments that
/// change a hundred of ten thousand files, the manifest is not proven, and the whole artifact travels.
const ENTRY_DIGEST_BYTES: usize = 5;

/// Most bytes of a sketch.
pub const SKETCH_BYTES_MAX: u64 = (ENTRIES_MAX * ENTRY_DIGEST_BYTES) as u64;

/// Most bytes of a signature, which both sides hold in memory. What is larger saves little beside the artifact.
pub const SIGNATURE_BYTES_MAX: u64 = 32 << 20;

/// Most bytes of files that a host reads for one signature: some seconds of a slow disk. The files behind that are
/// brought whole where they changed.
const READ_BYTES_MAX: u64 = 512 << 20;

/// zstd's level for the structure: it is made while an operator waits.
const LEVEL: i32 = 9;

/// What `manifest` has, for a host to compare with.
pub fn sketch(manifest: &Manifest) -> Vec<u8> {
    manifest.entries().iter().flat_map(told).collect()
}

fn told(entry: &Entry) -> [u8; ENTRY_DIGEST_BYTES] {
    // Only texts and numbers: it always serializes.
    let json = serde_json::to_vec(entry).unwrap_or_default();
    let mut told = [0; ENTRY_DIGEST_BYTES];
    told.copy_from_slice(&blake3::hash(&json).as_bytes()[..ENTRY_DIGEST_BYTES]);
    told
}

/// The signature of `ground` for one who has what `sketch` says. Reads the files that are not in there.
pub fn sign(ground: &Ground<'_>, sketch: &[u8]) -> Result<Vec<u8>, PatchError> {
    at_most("bytes of sketch", sketch.len() as u64, SKETCH_BYTES_MAX)?;
    let manifest = ground.manifest();
    let there = places(manifest, sketch);
    let (structure, digests) = form::written_by_place(manifest, &there);
    let structure = zstd::bulk::compress(&structure, LEVEL).map_err(PatchError::Read)?;
    let mut out = Vec::from(MAGIC);
    out.extend_from_slice(manifest.digest().as_bytes());
    out.extend_from_slice(&(structure.len() as u32).to_be_bytes());
    out.extend_from_slice(&((digests.len() / DIGEST_BYTES) as u32).to_be_bytes());
    out.extend_from_slice(&structure);
    out.extend_from_slice(&digests);
    let mut room = READ_BYTES_MAX;
    let mut next = 0;
    for (index, entry) in manifest.entries().iter().enumerate() {
        let EntryKind::File { size_bytes, digest, .. } = &entry.kind else { continue };
        let wanted = there[index].is_none() && ground.has(index) && is_chunked(*size_bytes);
        if !wanted || *size_bytes > room {
            continue;
        }
        room -= size_bytes;
        let Some(chunks) = chunks(ground, index, *size_bytes, digest)? else { continue };
        put(&mut out, (index - next) as u64);
        next = index + 1;
        for chunk in chunks {
            put(&mut out, chunk.length.into());
            out.extend_from_slice(&chunk.digest);
        }
        at_most("bytes of signature", out.len() as u64, SIGNATURE_BYTES_MAX)?;
    }
    at_most("bytes of signature", out.len() as u64, SIGNATURE_BYTES_MAX)?;
    Ok(out)
}

/// At which place of the sketch each entry stands, where places rise.
fn places(manifest: &Manifest, sketch: &[u8]) -> Vec<Option<usize>> {
    let entries = sketch.chunks_exact(ENTRY_DIGEST_BYTES).enumerate();
    let by_digest: HashMap<&[u8], usize> = entries.map(|(place, told)| (told, place)).collect();
    let mut next = 0;
    let place = |entry: &Entry| {
        let place = by_digest.get(&told(entry)[..]).copied().filter(|place| *place >= next)?;
        next = place + 1;
        Some(place)
    };
    manifest.entries().iter().map(place).collect()
}

/// The chunks of a file; nothing if it is not what the manifest says, which its time did not tell.
fn chunks(
    ground: &Ground<'_>,
    index: usize,
    size_bytes: u64,
    digest: &Digest,
) -> Result<Option<Vec<Chunk>>, PatchError> {
    let (mut chunks, mut hasher) = (Vec::new(), blake3::Hasher::new());
    cut(ground.open(index)?, size_bytes, |chunk, content| {
        chunks.push(chunk);
        hasher.update(content);
    })
    .map_err(PatchError::Read)?;
    Ok((Digest::from(hasher.finalize()) == *digest).then_some(chunks))
}

/// A signature that was read.
pub struct Signature {
    manifest: Manifest,
    /// By entry.
    chunks: HashMap<usize, Vec<Chunk>>,
}

impl Signature {
    /// Reads the answer to the sketch of `new`. That it is of the release that was meant is for the caller to see.
    pub fn read(bytes: &[u8], new: &Manifest, limits: &Limits) -> Result<Signature, PatchError> {
        Signature::understood(bytes, new, limits).map_err(|error| PatchError::Signature(Box::new(error)))
    }

    fn understood(mut bytes: &[u8], new: &Manifest, limits: &Limits) -> Result<Signature, PatchError> {
        at_most("bytes", bytes.len() as u64, SIGNATURE_BYTES_MAX)?;
        let mut head = [0; MAGIC.len() + DIGEST_BYTES + 8];
        fill(&mut bytes, &mut head)?;
        let (magic, rest) = head.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(PatchError::Nonsense("it does not start as a signature of format 1"));
        }
        let (digest, numbers) = rest.split_at(DIGEST_BYTES);
        let number =
            |at: usize| u32::from_be_bytes([numbers[at], numbers[at + 1], numbers[at + 2], numbers[at + 3]]);
        let packed = at_most("bytes of structure", number(0).into(), STRUCTURE_BYTES_MAX)?;
        let digests = at_most("digests", number(4).into(), ENTRIES_MAX as u64)?;
        let packed = read(&mut bytes, packed)?;
        let digests = read(&mut bytes, digests * DIGEST_BYTES as u64)?;
        let structure = unpacked_structure(&packed, limits)?;
        let (manifest, contents) = form::read(new, &structure, &digests)?;
        if !contents.is_empty() {
            return Err(PatchError::Nonsense("it brings contents"));
        }
        same("is of", digest, &manifest.digest())?;
        let chunks = read_chunks(&manifest, bytes)?;
        Ok(Signature { manifest, chunks })
    }

    /// What the base is.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The chunks of the file of entry `index`, if they were told.
    pub(super) fn chunks(&self, index: usize) -> Option<&[Chunk]> {
        self.chunks.get(&index).map(Vec::as_slice)
    }
}

fn read_chunks(manifest: &Manifest, bytes: &[u8]) -> Result<HashMap<usize, Vec<Chunk>>, PatchError> {
    const CUT: PatchError = PatchError::Nonsense("its chunks are cut off, or none");
    let (mut numbers, mut all, mut next) = (Numbers(bytes), HashMap::new(), 0_usize);
    while !numbers.is_at_end() {
        let index = numbers.next_size().and_then(|step| next.checked_add(step)).ok_or(CUT)?;
        next = index.checked_add(1).ok_or(CUT)?;
        let Some(EntryKind::File { size_bytes, .. }) = manifest.entries().get(index).map(|entry| &entry.kind)
        else {
            return Err(PatchError::Nonsense("it has chunks of what is no file"));
        };
        let (mut chunks, mut left) = (Vec::new(), *size_bytes);
        if !is_chunked(left) {
            return Err(PatchError::Nonsense("it has chunks of a file that is not cut"));
        }
        while left > 0 {
            let length = numbers.next().and_then(|length| u32::try_from(length).ok()).ok_or(CUT)?;
            let digest = numbers.next_array::<CHUNK_DIGEST_BYTES>().ok_or(CUT)?;
            left = left
                .checked_sub(length.into())
                .filter(|_| length > 0)
                .ok_or(PatchError::Nonsense("the chunks of a file are not as long as it is"))?;
            chunks.push(Chunk { length, digest });
        }
        all.insert(index, chunks);
    }
    Ok(all)
}

/// Which release the patch in `bytes` builds on, by its first bytes.
pub(crate) fn builds_on(mut bytes: impl io::Read) -> Option<Digest> {
    let mut head = [0; super::MAGIC.len() + 2 * DIGEST_BYTES];
    bytes.read_exact(&mut head).ok()?;
    let digest = head[super::MAGIC.len() + DIGEST_BYTES..].try_into().ok()?;
    head.starts_with(&super::MAGIC).then(|| Digest::from_bytes(digest))
}
