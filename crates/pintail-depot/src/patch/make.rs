//! Two artifacts to a patch, or one and what a host says of another. Knows how contents are found in them, and which old file a new one was likely made of;
//! does not know where the patch goes.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};

use pintail_core::digest::Digest;
use pintail_core::manifest::{Entry, EntryKind, Manifest};

use super::chunks::{self, Chunk};
use super::error::PatchError;
use super::form::{Content, Part, known, written};
use super::ops::{Piece, pieces};
use super::signature::Signature;
use super::{CHANGED_BYTES_MAX, CONTENT_BYTES_MAX, MAGIC, STRUCTURE_BYTES_MAX};
use crate::archive::{ArtifactReader, Form};
use crate::limits::Limits;

/// Contents read ahead of those that are worked on: bounds what is held of the base.
const READ_AHEAD: usize = 4;
/// Most bytes of old contents in one patch, were they all held at once; behind that, new ones are brought whole.
const SOURCES_BYTES_MAX: u64 = 512 << 20;
/// Brought bytes up to which zstd works as hard as it can, and up to which it works hard: a tenth of a second each.
const BROUGHT_FEW: usize = 256 << 10;
const BROUGHT_SOME: usize = 4 << 20;
const LEVEL_FEW: i32 = 19;
const LEVEL_SOME: i32 = 12;
const LEVEL_MANY: i32 = 6;
/// How far zstd looks back in what is brought, as a power of two: 8 MiB cost a host little memory.
const WINDOW_LOG: u32 = 23;

/// Writes the patch that makes the release in the artifact `new` of the one in the artifact `base`. `lacking` are
/// contents of the base that whoever applies it lacks all the same: they are brought.
pub fn make(
    base: &Path,
    new: &Path,
    lacking: &HashSet<Digest>,
    limits: &Limits,
    out: &mut dyn Write,
) -> Result<(), PatchError> {
    let (_, old) = open(base, limits)?;
    let (artifact, new) = open(new, limits)?;
    let fits = |index: usize| (1..=CHANGED_BYTES_MAX).contains(&old.entries()[index].size_bytes());
    let wanted = wanted(&old, &new, lacking, fits);
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(READ_AHEAD);
        let sources: HashSet<usize> = wanted.values().flatten().copied().collect();
        let old = &old;
        scope.spawn(move || {
            // Whoever waits for one that doesn't come brings all of the new content.
            let _ = read_sources(base, old, &sources, limits, |index, content| {
                sender.send((index, content)).is_ok()
            });
        });
        let mut sources = Sources { receiver, there: HashMap::new(), uses: uses(&wanted) };
        Making { old, new, artifact, wanted: &wanted }
            .write(&mut |index| sources.take(index).map(Source::Content), out)
    })
}

/// The same, of what a host says of the base.
pub fn make_by_signature(
    base: &Signature,
    new: &Path,
    lacking: &HashSet<Digest>,
    limits: &Limits,
    out: &mut dyn Write,
) -> Result<(), PatchError> {
    let old = base.manifest();
    let (artifact, new) = open(new, limits)?;
    let wanted = wanted(old, &new, lacking, |index| base.chunks(index).is_some());
    Making { old, new, artifact, wanted: &wanted }
        .write(&mut |index| base.chunks(index).map(Source::Chunks), out)
}

/// A patch about to be written.
struct Making<'a, 'w> {
    old: &'a Manifest,
    new: Manifest,
    artifact: ArtifactReader<'a>,
    wanted: &'w HashMap<usize, Option<usize>>,
}

/// What is known of an old content.
enum Source<'a> {
    Content(Vec<u8>),
    Chunks(&'a [Chunk]),
}

impl Making<'_, '_> {
    fn write<'s>(
        mut self,
        source: &mut dyn FnMut(usize) -> Option<Source<'s>>,
        out: &mut dyn Write,
    ) -> Result<(), PatchError> {
        let mut brought = Brought::default();
        let mut contents = Vec::new();
        let last = self.wanted.keys().max().map_or(0, |last| last + 1);
        for (index, entry) in self.new.entries().iter().enumerate().take(last) {
            self.artifact.tarball.next()?;
            if let (Some(from), EntryKind::File { digest, .. }) = (self.wanted.get(&index), &entry.kind) {
                let source = from.and_then(|from| Some((from, source(from)?)));
                let coming = Coming { index, entry, source };
                contents.push(coming.of(&mut self.artifact.tarball, digest, &mut brought)?);
            }
        }
        let (structure, digests) = written(self.old, &self.new, &contents);
        let structure = packed_structure(&structure)?;
        let mut put = |bytes: &[u8]| out.write_all(bytes).map_err(PatchError::Read);
        put(&MAGIC)?;
        put(self.new.digest().as_bytes())?;
        put(self.old.digest().as_bytes())?;
        put(&(structure.len() as u32).to_be_bytes())?;
        put(&((digests.len() / 32) as u32).to_be_bytes())?;
        put(&structure)?;
        put(&digests)?;
        put(&brought.finish().map_err(PatchError::Read)?)
    }
}

fn open<'a>(path: &Path, limits: &Limits) -> Result<(ArtifactReader<'a>, Manifest), PatchError> {
    let mut reader = ArtifactReader::open(File::open(path).map_err(PatchError::Read)?, limits)?;
    match std::mem::replace(&mut reader.form, Form::Foreign) {
        Form::Own(manifest) => Ok((reader, *manifest)),
        Form::Foreign => Err(PatchError::Artifact(path.display().to_string())),
    }
}

fn packed_structure(structure: &[u8]) -> Result<Vec<u8>, PatchError> {
    let found = structure.len() as u64;
    if found > STRUCTURE_BYTES_MAX {
        return Err(PatchError::Limit { what: "bytes of structure", found, most: STRUCTURE_BYTES_MAX });
    }
    let level = if structure.len() > BROUGHT_FEW { LEVEL_SOME } else { LEVEL_FEW };
    zstd::bulk::compress(structure, level).map_err(PatchError::Read)
}

/// The entries of `new` whose contents have to come, each with the entry of `old` that it was likely made of, among
/// those that `fit`.
fn wanted(
    old: &Manifest,
    new: &Manifest,
    lacking: &HashSet<Digest>,
    fits: impl Fn(usize) -> bool,
) -> HashMap<usize, Option<usize>> {
    let there = known(old);
    let likely = Likely::among(old, new, lacking, fits);
    let mut seen = HashSet::new();
    let mut wanted = HashMap::new();
    let mut room = SOURCES_BYTES_MAX;
    for (index, entry) in new.entries().iter().enumerate() {
        let EntryKind::File { digest, size_bytes, .. } = entry.kind else { continue };
        let comes = !there.contains_key(&digest) || lacking.contains(&digest);
        if comes && seen.insert(digest) {
            let small = size_bytes > 0 && size_bytes <= CHANGED_BYTES_MAX;
            let source = if small { likely.source(entry) } else { None };
            let takes = source.map_or(0, |source| old.entries()[source].size_bytes());
            wanted.insert(index, source.filter(|_| takes <= room));
            room = room.saturating_sub(takes);
        }
    }
    wanted
}

fn uses(wanted: &HashMap<usize, Option<usize>>) -> HashMap<usize, usize> {
    let mut uses = HashMap::new();
    for source in wanted.values().flatten() {
        *uses.entry(*source).or_default() += 1;
    }
    uses
}

/// Which old file a new one was likely made of: that of the same path; else one that is gone and is called nearly so.
struct Likely<'a> {
    there: HashMap<&'a str, usize>,
    /// Of those that are gone, by folder and name without numbers: bundlers put a hash into it.
    gone: HashMap<(&'a str, String), usize>,
    /// By name alone: moved to another folder.
    moved: HashMap<&'a str, usize>,
}

impl<'a> Likely<'a> {
    fn among(
        old: &'a Manifest,
        new: &Manifest,
        lacking: &HashSet<Digest>,
        fits: impl Fn(usize) -> bool,
    ) -> Self {
        let mut likely = Likely { there: HashMap::new(), gone: HashMap::new(), moved: HashMap::new() };
        for (index, entry) in old.entries().iter().enumerate() {
            let EntryKind::File { digest, .. } = &entry.kind else { continue };
            if !fits(index) || lacking.contains(digest) {
                continue;
            }
            let path = entry.path.as_str();
            likely.there.insert(path, index);
            if new.entry(&entry.path).is_none() {
                let (folder, name) = split(path);
                likely.gone.entry((folder, without_numbers(name))).or_insert(index);
                likely.moved.entry(name).or_insert(index);
            }
        }
        likely
    }

    fn source(&self, entry: &Entry) -> Option<usize> {
        let path = entry.path.as_str();
        let (folder, name) = split(path);
        let same = self.there.get(path);
        let renamed = || self.gone.get(&(folder, without_numbers(name)));
        same.or_else(renamed).or_else(|| self.moved.get(name)).copied()
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// `app.3f9c12ab.js` as `app..js`: words of digits and hex digits that have a digit in them are taken out.
fn without_numbers(name: &str) -> String {
    let number = |word: &&str| {
        word.bytes().any(|byte| byte.is_ascii_digit()) && word.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let words = name.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    words.map(|word| if number(&word.trim_end_matches(['.', '-', '_'])) { "." } else { word }).collect()
}

/// Contents of the base as they come, in the order of its entries; kept until they were asked for.
struct Sources {
    receiver: Receiver<(usize, Vec<u8>)>,
    there: HashMap<usize, Vec<u8>>,
    uses: HashMap<usize, usize>,
}

impl Sources {
    /// The content of entry `index`; nothing if it can't be read.
    fn take(&mut self, index: usize) -> Option<Vec<u8>> {
        while !self.there.contains_key(&index) {
            let (index, content) = self.receiver.recv().ok()?;
            self.there.insert(index, content);
        }
        let left = self.uses.get_mut(&index)?;
        *left -= 1;
        if *left == 0 { self.there.remove(&index) } else { self.there.get(&index).cloned() }
    }
}

/// Reads the contents of the entries `wanted` and hands each on, as long as they are taken.
fn read_sources(
    artifact: &Path,
    manifest: &Manifest,
    wanted: &HashSet<usize>,
    limits: &Limits,
    mut hand: impl FnMut(usize, Vec<u8>) -> bool,
) -> Result<(), PatchError> {
    let Some(last) = wanted.iter().max() else { return Ok(()) };
    let (mut reader, found) = open(artifact, limits)?;
    if found.digest() != manifest.digest() {
        return Err(PatchError::Artifact(artifact.display().to_string()));
    }
    for (index, entry) in manifest.entries().iter().enumerate().take(last + 1) {
        reader.tarball.next()?;
        let EntryKind::File { digest, size_bytes, .. } = &entry.kind else { continue };
        if wanted.contains(&index) {
            let content = whole(&mut reader.tarball, *size_bytes, digest, entry)?;
            if !hand(index, content) {
                break;
            }
        }
    }
    Ok(())
}

/// Reads a content into memory and compares it with its digest.
fn whole(
    source: &mut dyn Read,
    size_bytes: u64,
    digest: &Digest,
    entry: &Entry,
) -> Result<Vec<u8>, PatchError> {
    let mut content = Vec::with_capacity(size_bytes as usize);
    source.take(size_bytes).read_to_end(&mut content).map_err(PatchError::Read)?;
    if Digest::of(&content) == *digest { Ok(content) } else { Err(PatchError::Artifact(entry.path.shown())) }
}

/// A content about to be read.
struct Coming<'a> {
    index: usize,
    entry: &'a Entry,
    source: Option<(usize, Source<'a>)>,
}

impl Coming<'_> {
    fn of(self, from: &mut dyn Read, digest: &Digest, brought: &mut Brought) -> Result<Content, PatchError> {
        let entry = self.index;
        let Some((source, old)) = self.source else {
            let mut hashing = Hashing { source: from, hasher: blake3::Hasher::new() };
            let copied = io::copy(&mut hashing, brought).map_err(PatchError::Read)?;
            if copied != self.entry.size_bytes() || Digest::from(hashing.hasher.finalize()) != *digest {
                return Err(PatchError::Artifact(self.entry.path.shown()));
            }
            return Ok(Content { entry, source: None, parts: Vec::new() });
        };
        let new = whole(from, self.entry.size_bytes(), digest, self.entry)?;
        let found = match old {
            Source::Content(old) => pieces(&old, &new),
            Source::Chunks(old) => chunks::pieces(old, &new),
        };
        let mut parts = Vec::new();
        for piece in found {
            parts.push(match piece {
                Piece::Copy { from, length } => Part::Copy { from: from as u64, length: length as u64 },
                Piece::Bring(range) => {
                    brought.write_all(&new[range.clone()]).map_err(PatchError::Read)?;
                    Part::Bring(range.len() as u64)
                }
            });
        }
        if parts.iter().any(|part| matches!(part, Part::Copy { .. })) {
            Ok(Content { entry, source: Some(source), parts })
        } else {
            Ok(Content { entry, source: None, parts: Vec::new() })
        }
    }
}

struct Hashing<'a> {
    source: &'a mut dyn Read,
    hasher: blake3::Hasher,
}

impl Read for Hashing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

/// What is brought, one content behind the other. How hard it is compressed is decided when it is known how much
/// there is, or that it is much.
#[derive(Default)]
struct Brought {
    plain: Vec<u8>,
    packing: Option<zstd::Encoder<'static, Vec<u8>>>,
}

fn encoder(level: i32) -> io::Result<zstd::Encoder<'static, Vec<u8>>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), level)?;
    encoder.window_log(WINDOW_LOG)?;
    Ok(encoder)
}

impl Write for Brought {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(packing) = &mut self.packing {
            packing.write_all(bytes)?;
            if packing.get_ref().len() > CONTENT_BYTES_MAX {
                return Err(io::Error::other("the change is too large for a patch"));
            }
            return Ok(bytes.len());
        }
        self.plain.extend_from_slice(bytes);
        if self.plain.len() > BROUGHT_SOME {
            let mut packing = encoder(LEVEL_MANY)?;
            packing.write_all(&std::mem::take(&mut self.plain))?;
            self.packing = Some(packing);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Brought {
    fn finish(self) -> io::Result<Vec<u8>> {
        if let Some(packing) = self.packing {
            return packing.finish();
        }
        let level = if self.plain.len() > BROUGHT_FEW { LEVEL_SOME } else { LEVEL_FEW };
        let mut packing = encoder(level)?;
        packing.write_all(&self.plain)?;
        packing.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_in_a_name_is_no_other_name() {
        for (a, b) in [("app.3f9c12ab.js", "app.00ff11aa.js"), ("chunk-12-9a.css", "chunk-7-11.css")] {
            assert_eq!(without_numbers(a), without_numbers(b), "{a} {b}");
        }
        for (a, b) in [("cafe.js", "face.js"), ("a.js", "b.js"), ("app1.js", "app2.js")] {
            assert_ne!(without_numbers(a), without_numbers(b), "{a} {b}");
        }
    }
}
