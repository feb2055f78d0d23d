//! The structure of a patch: the new manifest as what differs from the old one, and where each new content comes
//! from. Written and read; read with nothing trusted but the old manifest. The form is `docs/formats/artifact.md`.

use std::collections::HashMap;

use pintail_core::digest::{DIGEST_BYTES, Digest};
use pintail_core::manifest::{ENTRIES_MAX, Entry, EntryKind, Manifest, TreePath};

use super::error::PatchError;
use super::number::{Numbers, put, put_bytes, put_signed};

/// The next so many entries of the old manifest are in the new one.
const KEEP: u64 = 0;
/// The next so many are not.
const SKIP: u64 = 1;
/// A file, which may not be run.
const FILE: u64 = 2;
/// A file that may be run.
const PROGRAM: u64 = 3;
/// The next entry of the old manifest, a file, with other content.
const CHANGED: u64 = 4;
/// The same, and whether it may be run is the other way round.
const CHANGED_MODE: u64 = 5;
/// A file with the content of one of the old manifest.
const KNOWN: u64 = 6;
/// The same, one that may be run.
const KNOWN_PROGRAM: u64 = 7;
/// A directory.
const DIRECTORY: u64 = 8;
/// A symbolic link.
const SYMLINK: u64 = 9;

/// Where a new content comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    /// The first entry of the new manifest that has it.
    pub(super) entry: usize,
    /// The entry of the old manifest whose file it copies from.
    pub(super) source: Option<usize>,
    /// Its parts, in order; empty without a source: then all of it is brought.
    pub(super) parts: Vec<Part>,
}

/// A part of a new content, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// The next so many of what is brought.
    Bring(u64),
    /// A range of the source.
    Copy {
        /// Where it begins.
        from: u64,
        /// How long it is.
        length: u64,
    },
}

/// The structure, and the digests that go beside it because nothing makes them smaller.
pub(super) fn written(old: &Manifest, new: &Manifest, contents: &[Content]) -> (Vec<u8>, Vec<u8>) {
    let (mut out, mut digests) = (Vec::new(), Vec::new());
    put_names(new, &mut out);
    write_entries(old, new, &mut out, &mut digests);
    put(&mut out, contents.len() as u64);
    let (mut next, mut last) = (0, 0);
    for content in contents {
        put(&mut out, (content.entry - next) as u64);
        next = content.entry + 1;
        let Some(source) = content.source else {
            put(&mut out, 0);
            continue;
        };
        // Above zero, which says that there is none.
        let step = source as i64 - last;
        put(&mut out, (((step << 1) ^ (step >> 63)) as u64) + 1);
        last = source as i64;
        write_parts(&content.parts, &mut out);
    }
    (out, digests)
}

/// The structure of `manifest` to one who has another that need not be here: `there` says of each entry at which place
/// among the other's the very same one stands, if at all; places rise. It brings nothing.
pub(super) fn written_by_place(manifest: &Manifest, there: &[Option<usize>]) -> (Vec<u8>, Vec<u8>) {
    let (mut out, mut digests) = (Vec::new(), Vec::new());
    put_names(manifest, &mut out);
    let mut said = Said::default();
    let mut next = 0;
    for (entry, place) in manifest.entries().iter().zip(there) {
        let Some(place) = *place else {
            said.new_entry(entry, &HashMap::new(), &mut digests);
            continue;
        };
        (next..place).for_each(|_| said.again(SKIP));
        said.keep(entry);
        next = place + 1;
    }
    said.finish(&mut out);
    put(&mut out, 0);
    (out, digests)
}

fn put_names(manifest: &Manifest, out: &mut Vec<u8>) {
    put_bytes(out, manifest.name().to_string().as_bytes());
    put_bytes(out, manifest.version().to_string().as_bytes());
    put_bytes(out, manifest.commit().unwrap_or_default().as_bytes());
}

/// A length to bring, then one to copy, and so on by turns, until the content's size is reached.
fn write_parts(parts: &[Part], out: &mut Vec<u8>) {
    let (mut expected, mut turn_to_bring) = (0, true);
    for part in parts {
        match part {
            Part::Bring(length) => put(out, *length),
            Part::Copy { from, length } => {
                if turn_to_bring {
                    put(out, 0);
                }
                put_signed(out, *from as i64 - expected);
                put(out, *length);
                expected = (from + length) as i64;
            }
        }
        turn_to_bring = matches!(part, Part::Copy { .. });
    }
}

fn write_entries(old: &Manifest, new: &Manifest, out: &mut Vec<u8>, digests: &mut Vec<u8>) {
    let known = known(old);
    let (old, new) = (old.entries(), new.entries());
    let mut said = Said::default();
    let (mut at_old, mut at_new) = (0, 0);
    while at_old < old.len() || at_new < new.len() {
        let (there, comes) = (old.get(at_old), new.get(at_new));
        match (there, comes) {
            (Some(there), Some(comes)) if there == comes => {
                said.keep(comes);
                (at_old, at_new) = (at_old + 1, at_new + 1);
            }
            (Some(there), Some(comes)) if there.path == comes.path && both_files(there, comes) => {
                said.changed(there, comes, digests);
                (at_old, at_new) = (at_old + 1, at_new + 1);
            }
            (Some(there), comes) if comes.is_none_or(|comes| there.path <= comes.path) => {
                said.again(SKIP);
                at_old += 1;
            }
            (_, Some(comes)) => {
                said.new_entry(comes, &known, digests);
                at_new += 1;
            }
            (_, None) => break,
        }
    }
    said.finish(out);
}

fn both_files(a: &Entry, b: &Entry) -> bool {
    matches!((&a.kind, &b.kind), (EntryKind::File { .. }, EntryKind::File { .. }))
}

/// The first file of each content.
pub(super) fn known(manifest: &Manifest) -> HashMap<Digest, usize> {
    let mut known = HashMap::new();
    for (index, entry) in manifest.entries().iter().enumerate() {
        if let EntryKind::File { digest, .. } = entry.kind {
            known.entry(digest).or_insert(index);
        }
    }
    known
}

#[derive(Default)]
struct Said {
    out: Vec<u8>,
    count: u64,
    /// Keeps or skips that are being counted.
    run: Option<(u64, u64)>,
    /// The path of the entry before, whose start the next one may share.
    path: String,
}

impl Said {
    fn keep(&mut self, entry: &Entry) {
        self.again(KEEP);
        entry.path.as_str().clone_into(&mut self.path);
    }

    /// A number how many instructions there are, then those.
    fn finish(mut self, out: &mut Vec<u8>) {
        self.end_run();
        put(out, self.count);
        out.extend_from_slice(&self.out);
    }

    fn again(&mut self, word: u64) {
        match &mut self.run {
            Some((running, count)) if *running == word => *count += 1,
            _ => {
                self.end_run();
                self.run = Some((word, 1));
            }
        }
    }

    fn end_run(&mut self) {
        if let Some((word, count)) = self.run.take() {
            put(&mut self.out, word);
            put(&mut self.out, count);
            self.count += 1;
        }
    }

    fn say(&mut self, word: u64) {
        self.end_run();
        put(&mut self.out, word);
        self.count += 1;
    }

    fn changed(&mut self, there: &Entry, comes: &Entry, digests: &mut Vec<u8>) {
        self.say(if there.mode() == comes.mode() { CHANGED } else { CHANGED_MODE });
        put_signed(&mut self.out, comes.size_bytes() as i64 - there.size_bytes() as i64);
        if let EntryKind::File { digest, .. } = &comes.kind {
            digests.extend_from_slice(digest.as_bytes());
        }
        comes.path.as_str().clone_into(&mut self.path);
    }

    fn new_entry(&mut self, entry: &Entry, known: &HashMap<Digest, usize>, digests: &mut Vec<u8>) {
        match &entry.kind {
            EntryKind::Directory => {
                self.say(DIRECTORY);
                self.path(&entry.path);
            }
            EntryKind::Symlink { target } => {
                self.say(SYMLINK);
                self.path(&entry.path);
                put_bytes(&mut self.out, target.as_bytes());
            }
            EntryKind::File { executable, size_bytes, digest } => match known.get(digest) {
                Some(index) => {
                    self.say(if *executable { KNOWN_PROGRAM } else { KNOWN });
                    self.path(&entry.path);
                    put(&mut self.out, *index as u64);
                }
                None => {
                    self.say(if *executable { PROGRAM } else { FILE });
                    self.path(&entry.path);
                    put(&mut self.out, *size_bytes);
                    digests.extend_from_slice(digest.as_bytes());
                }
            },
        }
    }

    /// How many bytes it shares with the path before, and the rest.
    fn path(&mut self, path: &TreePath) {
        let path = path.as_str();
        let mut shared = self.path.bytes().zip(path.bytes()).take_while(|(a, b)| a == b).count();
        while !path.is_char_boundary(shared) {
            shared -= 1;
        }
        put(&mut self.out, shared as u64);
        put_bytes(&mut self.out, &path.as_bytes()[shared..]);
        path.clone_into(&mut self.path);
    }
}

/// The new manifest and its contents. What is read is checked against `old` and itself; that it is the manifest
/// that was meant is for the caller to see by its digest.
pub(super) fn read(
    old: &Manifest,
    structure: &[u8],
    digests: &[u8],
) -> Result<(Manifest, Vec<Content>), PatchError> {
    let mut reader = Reader { numbers: Numbers(structure), digests };
    let manifest = reader.manifest(old)?;
    let contents = reader.contents(old, &manifest)?;
    if !reader.numbers.is_at_end() || !reader.digests.is_empty() {
        return Err(PatchError::Nonsense("its structure goes on behind its end"));
    }
    Ok((manifest, contents))
}

struct Reader<'a> {
    numbers: Numbers<'a>,
    digests: &'a [u8],
}

const CUT: PatchError = PatchError::Nonsense("its structure is cut off, or no structure");
const OUT_OF_RANGE: PatchError = PatchError::Nonsense("it refers to what its base does not have");

impl Reader<'_> {
    fn number(&mut self) -> Result<u64, PatchError> {
        self.numbers.next().ok_or(CUT)
    }

    fn size(&mut self) -> Result<usize, PatchError> {
        self.numbers.next_size().ok_or(CUT)
    }

    fn text(&mut self) -> Result<String, PatchError> {
        self.numbers.next_text().map(str::to_owned).ok_or(CUT)
    }

    fn digest(&mut self) -> Result<Digest, PatchError> {
        let (digest, rest) = self.digests.split_first_chunk::<DIGEST_BYTES>().ok_or(CUT)?;
        self.digests = rest;
        Ok(Digest::from_bytes(*digest))
    }

    fn manifest(&mut self, old: &Manifest) -> Result<Manifest, PatchError> {
        const WRONG: PatchError = PatchError::Nonsense("its name or version can't be one");
        let name = self.text()?.parse().map_err(|_| WRONG)?;
        let version = self.text()?.parse().map_err(|_| WRONG)?;
        let commit = Some(self.text()?).filter(|commit| !commit.is_empty());
        let entries = self.entries(old.entries())?;
        Ok(Manifest::new(name, version, commit, entries)?)
    }

    fn entries(&mut self, old: &[Entry]) -> Result<Vec<Entry>, PatchError> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut rest = old;
        for _ in 0..self.number()? {
            let word = self.number()?;
            match word {
                KEEP | SKIP => {
                    let count = self.size()?;
                    let (these, others) = rest.split_at_checked(count).ok_or(OUT_OF_RANGE)?;
                    rest = others;
                    if word == KEEP {
                        entries.extend_from_slice(these);
                    }
                }
                CHANGED | CHANGED_MODE => {
                    let (there, others) = rest.split_first().ok_or(OUT_OF_RANGE)?;
                    rest = others;
                    entries.push(self.changed(there, word)?);
                }
                _ => {
                    let path = self.path(entries.last())?;
                    let kind = self.kind(word, old)?;
                    entries.push(Entry { path, kind });
                }
            }
            if entries.len() > ENTRIES_MAX {
                let (found, most) = (entries.len() as u64, ENTRIES_MAX as u64);
                return Err(PatchError::Limit { what: "entries", found, most });
            }
        }
        Ok(entries)
    }

    fn changed(&mut self, there: &Entry, word: u64) -> Result<Entry, PatchError> {
        let EntryKind::File { executable, size_bytes, .. } = there.kind else { return Err(OUT_OF_RANGE) };
        let grown = self.numbers.next_signed().ok_or(CUT)?;
        let size_bytes = size_bytes.checked_add_signed(grown).ok_or(OUT_OF_RANGE)?;
        let executable = executable != (word == CHANGED_MODE);
        let kind = EntryKind::File { executable, size_bytes, digest: self.digest()? };
        Ok(Entry { path: there.path.clone(), kind })
    }

    fn path(&mut self, before: Option<&Entry>) -> Result<TreePath, PatchError> {
        let shared = self.size()?;
        let before = before.map_or("", |entry| entry.path.as_str());
        let start = before.get(..shared).ok_or(PatchError::Nonsense("a path begins like none before it"))?;
        let path = format!("{start}{}", self.text()?);
        path.parse().map_err(|_| PatchError::Nonsense("a path leads out of the tree, or is none"))
    }

    fn kind(&mut self, word: u64, old: &[Entry]) -> Result<EntryKind, PatchError> {
        Ok(match word {
            DIRECTORY => EntryKind::Directory,
            SYMLINK => EntryKind::Symlink { target: self.text()? },
            FILE | PROGRAM => {
                let size_bytes = self.number()?;
                EntryKind::File { executable: word == PROGRAM, size_bytes, digest: self.digest()? }
            }
            KNOWN | KNOWN_PROGRAM => match old.get(self.size()?).map(|entry| &entry.kind) {
                Some(EntryKind::File { size_bytes, digest, .. }) => EntryKind::File {
                    executable: word == KNOWN_PROGRAM,
                    size_bytes: *size_bytes,
                    digest: *digest,
                },
                _ => return Err(OUT_OF_RANGE),
            },
            _ => return Err(PatchError::Nonsense("it has an instruction that is not known")),
        })
    }

    fn contents(&mut self, old: &Manifest, new: &Manifest) -> Result<Vec<Content>, PatchError> {
        let mut contents = Vec::new();
        let (mut next, mut last) = (0_usize, 0_i64);
        for _ in 0..self.number()? {
            let entry = next.checked_add(self.size()?).ok_or(OUT_OF_RANGE)?;
            next = entry.checked_add(1).ok_or(OUT_OF_RANGE)?;
            let Some(EntryKind::File { size_bytes, .. }) = new.entries().get(entry).map(|entry| &entry.kind)
            else {
                return Err(PatchError::Nonsense("it brings content for what is no file"));
            };
            let step = self.number()?;
            let Some(step) = step.checked_sub(1) else {
                contents.push(Content { entry, source: None, parts: Vec::new() });
                continue;
            };
            let step = (step >> 1) as i64 ^ -((step & 1) as i64);
            last = last.checked_add(step).ok_or(OUT_OF_RANGE)?;
            let source = usize::try_from(last).map_err(|_| OUT_OF_RANGE)?;
            let Some(EntryKind::File { size_bytes: source_bytes, .. }) =
                old.entries().get(source).map(|entry| &entry.kind)
            else {
                return Err(OUT_OF_RANGE);
            };
            let parts = self.parts(*size_bytes, *source_bytes)?;
            contents.push(Content { entry, source: Some(source), parts });
        }
        Ok(contents)
    }

    fn parts(&mut self, size_bytes: u64, source_bytes: u64) -> Result<Vec<Part>, PatchError> {
        const TOO_LONG: PatchError = PatchError::Nonsense("a file becomes longer than it is said to be");
        let (mut parts, mut left, mut expected) = (Vec::new(), size_bytes, 0_u64);
        while left > 0 {
            let brought = self.number()?;
            left = left.checked_sub(brought).ok_or(TOO_LONG)?;
            if brought > 0 {
                parts.push(Part::Bring(brought));
            }
            if left == 0 {
                break;
            }
            let from = expected.checked_add_signed(self.numbers.next_signed().ok_or(CUT)?);
            let from = from.ok_or(OUT_OF_RANGE)?;
            let length = self.number()?;
            if length == 0 {
                return Err(PatchError::Nonsense("it copies nothing"));
            }
            expected = from.checked_add(length).filter(|end| *end <= source_bytes).ok_or(OUT_OF_RANGE)?;
            left = left.checked_sub(length).ok_or(TOO_LONG)?;
            parts.push(Part::Copy { from, length });
        }
        Ok(parts)
    }
}

#[cfg(test)]
mod tests;
