//! A patch and the release it builds on to a new release. Knows how files of a release are shared with the next;
//! does not know where releases live, or whether one may share with another.
//!
//! Nothing of the patch is trusted: paths come from a manifest whose digest was asked for, contents are compared
//! with their digests, and nothing is read or written beyond what that manifest announces.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, UNIX_EPOCH};

use pintail_core::digest::{DIGEST_BYTES, Digest};
use pintail_core::manifest::{ENTRIES_MAX, Entry, EntryKind, MANIFEST_PATH, Manifest, TreePath};
use pintail_core::name::ReleaseName;

use super::error::PatchError;
use super::form::{self, Content, Part, known};
use super::{MAGIC, STRUCTURE_BYTES_MAX};
use crate::held::{Held, changed_ns};
use crate::limits::Limits;
use crate::place::{Folder, Place, new_file};

/// Bytes copied at once.
const COPY_BYTES: usize = 128 << 10;
/// Threads that place files of the base: a file system does several at once, and copying waits for the disk.
const PLACED_AT_ONCE: usize = 4;
const WRITE_BITS: u32 = 0o222;
const EXECUTE_BITS: u32 = 0o111;

/// A release that others are made of.
pub struct Ground<'a> {
    folder: &'a Path,
    manifest: Manifest,
    /// By entry: when it was changed last, if it is what the manifest says.
    times: Vec<Option<u64>>,
    may_link: &'a (dyn Fn(&TreePath) -> bool + Sync),
    /// Whether the file system can share blocks between files, as far as is known.
    reflinks: AtomicBool,
}

impl<'a> Ground<'a> {
    /// The release unpacked in `folder`, whose manifest has the digest `digest`, if it still has all that it had
    /// when it was sealed. `may_link` says of a path whether its file may be one with the base's, by a hard link:
    /// only where nothing writes into it. Elsewhere contents are shared by reflinks, or copied.
    pub fn of(
        folder: &'a Path,
        digest: &Digest,
        limits: &Limits,
        may_link: &'a (dyn Fn(&TreePath) -> bool + Sync),
    ) -> Result<Ground<'a>, PatchError> {
        Ground::that(folder, |found| found == digest, &digest.short(), limits, may_link)
    }

    /// As [`Ground::of`], of the release called `name`, that no file is linked of.
    pub fn named(folder: &'a Path, name: &ReleaseName, limits: &Limits) -> Result<Ground<'a>, PatchError> {
        Ground::that(folder, |found| name.fits(found), name.digest8(), limits, &|_| false)
    }

    fn that(
        folder: &'a Path,
        is: impl Fn(&Digest) -> bool,
        digest: &str,
        limits: &Limits,
        may_link: &'a (dyn Fn(&TreePath) -> bool + Sync),
    ) -> Result<Ground<'a>, PatchError> {
        let path = folder.join(MANIFEST_PATH);
        let base = |why: String| PatchError::Base { path: path.clone(), why };
        let json = pintail_os::files::read_bounded(&path, limits.manifest_bytes)
            .map_err(|error| base(format!("can't be read: {error}")))?;
        let found = Digest::of(&json);
        if !is(&found) {
            return Err(base(format!("is that of {}, not of {digest}", found.short())));
        }
        let manifest = Manifest::from_json(&json)?;
        let held = Held::read(folder).filter(|held| held.is_sealed());
        let held = held.filter(|held| held.is_still_so(folder, &manifest)).ok_or_else(|| {
            let path = folder.to_owned();
            PatchError::Base { path, why: "is no longer what it was when it was sealed".to_owned() }
        })?;
        let times = held.by_entry(&manifest);
        Ok(Ground { folder, manifest, times, may_link, reflinks: AtomicBool::new(true) })
    }

    /// What it is.
    pub(super) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Whether the file of entry `index` is what the manifest says.
    pub(super) fn has(&self, index: usize) -> bool {
        self.times[index].is_some()
    }

    fn path(&self, index: usize) -> PathBuf {
        self.folder.join(self.manifest.entries()[index].path.as_str())
    }

    /// Opens the file of entry `index`, if it still is what it was.
    pub(super) fn open(&self, index: usize) -> Result<File, PatchError> {
        let path = self.path(index);
        let opened = OpenOptions::new().read(true).custom_flags(pintail_os::files::NO_FOLLOW).open(&path);
        let found = opened.and_then(|file| Ok((file.metadata()?, file)));
        match found {
            Ok((found, file)) if self.is(index, &found) => Ok(file),
            Ok(_) => Err(PatchError::Base { path, why: "was changed since it was unpacked".to_owned() }),
            Err(error) => Err(PatchError::Base { path, why: format!("can't be read: {error}") }),
        }
    }

    fn is(&self, index: usize, found: &fs::Metadata) -> bool {
        let then = self.times[index];
        then.is_some() && changed_ns(found, &self.manifest.entries()[index]) == then
    }
}

/// Makes the release `expected` (the digest of its manifest) of `patch` and `ground` in the folder `into`, which must
/// not exist; its parent must. Returns when all is there and synced, as `unpack` would. After an error `into` isn't
/// there.
pub fn apply(
    patch: impl Read,
    ground: &Ground<'_>,
    into: &Path,
    expected: &Digest,
    limits: &Limits,
) -> Result<Manifest, PatchError> {
    let mut patch = BufReader::with_capacity(COPY_BYTES, patch);
    let (manifest, contents) = structure(&mut patch, ground, expected, limits)?;
    let mut folder = Folder::make(into).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => PatchError::Exists(into.to_owned()),
        _ => PatchError::Write { path: into.to_owned(), source },
    })?;
    for entry in manifest.entries() {
        let done = match &entry.kind {
            EntryKind::Directory => folder.directory(entry),
            EntryKind::Symlink { target } => folder.symlink(entry, target),
            EntryKind::File { .. } => Ok(()),
        };
        done.map_err(|source| PatchError::Write { path: folder.path(entry), source })?;
    }
    let jobs = Jobs::of(&manifest, &contents, ground)?;
    let share = jobs.from_base.len().div_ceil(PLACED_AT_ONCE).max(1);
    let linked = std::thread::scope(|scope| {
        let place = |share: &[(usize, usize)]| place_all(ground, &manifest, into, share);
        let threads: Vec<_> =
            jobs.from_base.chunks(share).map(|share| scope.spawn(move || place(share))).collect();
        let brought = bring(&mut patch, ground, &manifest, &contents, into, limits);
        let mut linked = Vec::new();
        for thread in threads {
            let panicked = |_| Err(PatchError::Nonsense("a thread panicked"));
            linked.extend(thread.join().unwrap_or_else(panicked)?);
        }
        brought.map(|()| linked)
    })?;
    for (index, first) in jobs.again {
        let (entry, first) = (&manifest.entries()[index], folder.path(&manifest.entries()[first]));
        let mut first = File::open(&first).map_err(PatchError::Read)?;
        copy(&mut first, entry, &folder.path(entry), None, &ground.reflinks)
            .map_err(|source| PatchError::Write { path: folder.path(entry), source })?;
    }
    folder.were_synced(linked);
    folder.finish(&manifest).map_err(|source| PatchError::Write { path: into.to_owned(), source })?;
    Ok(manifest)
}

/// Reads everything but the contents.
fn structure(
    patch: &mut impl Read,
    ground: &Ground<'_>,
    expected: &Digest,
    limits: &Limits,
) -> Result<(Manifest, Vec<Content>), PatchError> {
    let mut head = [0; MAGIC.len() + 2 * DIGEST_BYTES + 8];
    fill(patch, &mut head)?;
    let (magic, rest) = head.split_at(MAGIC.len());
    if magic != MAGIC {
        return Err(PatchError::Nonsense("it does not start as a patch of format 1"));
    }
    let (digests, numbers) = rest.split_at(2 * DIGEST_BYTES);
    same("makes", &digests[..DIGEST_BYTES], expected)?;
    same("builds on", &digests[DIGEST_BYTES..], &ground.manifest.digest())?;
    let number =
        |at: usize| u32::from_be_bytes([numbers[at], numbers[at + 1], numbers[at + 2], numbers[at + 3]]);
    let packed = at_most("bytes of structure", number(0).into(), STRUCTURE_BYTES_MAX)?;
    let digests = at_most("digests", number(4).into(), ENTRIES_MAX as u64)?;
    let packed = read(patch, packed)?;
    let digests = read(patch, digests * DIGEST_BYTES as u64)?;
    let structure = unpacked_structure(&packed, limits)?;
    let (manifest, contents) = form::read(&ground.manifest, &structure, &digests)?;
    same("makes", manifest.digest().as_bytes(), expected)?;
    at_most("entries", manifest.entries().len() as u64, limits.entries as u64)?;
    at_most("bytes of files", manifest.tree_bytes(), limits.tree_bytes)?;
    Ok((manifest, contents))
}

pub(super) fn unpacked_structure(packed: &[u8], limits: &Limits) -> Result<Vec<u8>, PatchError> {
    let mut structure = Vec::new();
    let decoder = decoder(packed, limits)?;
    decoder.take(STRUCTURE_BYTES_MAX + 1).read_to_end(&mut structure).map_err(PatchError::Read)?;
    at_most("bytes of structure", structure.len() as u64, STRUCTURE_BYTES_MAX)?;
    Ok(structure)
}

fn decoder<'a, R: io::BufRead>(source: R, limits: &Limits) -> Result<zstd::Decoder<'a, R>, PatchError> {
    let mut decoder = zstd::Decoder::with_buffer(source).map_err(PatchError::Read)?;
    decoder.window_log_max(limits.zstd_window_log).map_err(PatchError::Read)?;
    Ok(decoder)
}

pub(super) fn fill(from: &mut impl Read, buffer: &mut [u8]) -> Result<(), PatchError> {
    from.read_exact(buffer).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => PatchError::Nonsense("it is cut off"),
        _ => PatchError::Read(error),
    })
}

/// Reads `count` bytes without making room for them before they come.
pub(super) fn read(from: &mut impl Read, count: u64) -> Result<Vec<u8>, PatchError> {
    let mut bytes = Vec::new();
    from.take(count).read_to_end(&mut bytes).map_err(PatchError::Read)?;
    if bytes.len() as u64 == count { Ok(bytes) } else { Err(PatchError::Nonsense("it is cut off")) }
}

pub(super) fn same(what: &'static str, found: &[u8], expected: &Digest) -> Result<(), PatchError> {
    match <[u8; DIGEST_BYTES]>::try_from(found).map(Digest::from_bytes) {
        Ok(found) if found == *expected => Ok(()),
        Ok(found) => Err(PatchError::Digest { what, expected: *expected, found }),
        Err(_) => Err(PatchError::Nonsense("it is cut off")),
    }
}

pub(super) fn at_most(what: &'static str, found: u64, most: u64) -> Result<u64, PatchError> {
    if found > most { Err(PatchError::Limit { what, found, most }) } else { Ok(found) }
}

/// Where the files come from that the patch brings nothing for, by entries of the new manifest.
struct Jobs {
    /// And of the base's.
    from_base: Vec<(usize, usize)>,
    /// And the entry that the patch brings the same content for.
    again: Vec<(usize, usize)>,
}

impl Jobs {
    fn of(manifest: &Manifest, contents: &[Content], ground: &Ground<'_>) -> Result<Jobs, PatchError> {
        let base = ground.manifest.entries();
        let mut there: HashMap<Digest, usize> = HashMap::new();
        for (index, entry) in base.iter().enumerate() {
            if let (EntryKind::File { digest, .. }, Some(_)) = (&entry.kind, ground.times[index]) {
                there.entry(*digest).or_insert(index);
            }
        }
        let by_path: HashMap<&TreePath, usize> =
            base.iter().enumerate().map(|(index, entry)| (&entry.path, index)).collect();
        let mut brought = contents.iter().map(|content| content.entry).peekable();
        let firsts = known(manifest);
        let comes: std::collections::HashSet<usize> = contents.iter().map(|content| content.entry).collect();
        let mut jobs = Jobs { from_base: Vec::new(), again: Vec::new() };
        for (index, entry) in manifest.entries().iter().enumerate() {
            let EntryKind::File { digest, .. } = &entry.kind else { continue };
            if brought.next_if_eq(&index).is_some() {
                continue;
            }
            // The file of the same path, where it will do: it has the right mode, and its time tells caches the truth.
            let same = by_path.get(&entry.path).filter(|same| {
                ground.times[**same].is_some()
                    && matches!(&base[**same].kind, EntryKind::File { digest: there, .. } if there == digest)
            });
            match (same.or_else(|| there.get(digest)), firsts.get(digest)) {
                (Some(from), _) => jobs.from_base.push((index, *from)),
                (None, Some(first)) if comes.contains(first) => jobs.again.push((index, *first)),
                (None, _) => return Err(PatchError::Nonsense("it lacks a content that its base lacks too")),
            }
        }
        Ok(jobs)
    }
}

/// Places files of the base; returns those that are one with the base's.
fn place_all(
    ground: &Ground<'_>,
    manifest: &Manifest,
    into: &Path,
    jobs: &[(usize, usize)],
) -> Result<Vec<TreePath>, PatchError> {
    let mut linked = Vec::new();
    for (index, from) in jobs {
        let entry = &manifest.entries()[*index];
        let place = into.join(entry.path.as_str());
        if (ground.may_link)(&entry.path) && link(ground, *from, entry, &place) {
            linked.push(entry.path.clone());
            continue;
        }
        let mut file = ground.open(*from)?;
        copy(&mut file, entry, &place, ground.times[*from], &ground.reflinks)
            .map_err(|source| PatchError::Write { path: place, source })?;
    }
    Ok(linked)
}

/// Makes the new file one with the base's, if that is sealed, has the right mode and still is what it was. Whatever
/// stands in the way (too many links, another owner, another file system): then it is copied.
fn link(ground: &Ground<'_>, from: usize, entry: &Entry, place: &Path) -> bool {
    let path = ground.path(from);
    let fits = fs::symlink_metadata(&path).is_ok_and(|found| {
        let mode = found.permissions().mode();
        let executable = mode & EXECUTE_BITS != 0;
        ground.is(from, &found) && mode & WRITE_BITS == 0 && executable == (entry.mode() & EXECUTE_BITS != 0)
    });
    fits && fs::hard_link(&path, place).is_ok()
}

/// Makes a file of its own with the content of `from`, changed when that was.
fn copy(
    from: &mut File,
    entry: &Entry,
    place: &Path,
    changed_ns: Option<u64>,
    reflinks: &AtomicBool,
) -> io::Result<()> {
    let mut file = new_file(place, entry.mode())?;
    pintail_os::files::fill_from(&mut file, from, reflinks)?;
    match changed_ns {
        Some(at) => file.set_modified(UNIX_EPOCH + Duration::from_nanos(at)),
        None => Ok(()),
    }
}

/// Makes the files that the patch brings something for.
fn bring(
    patch: &mut BufReader<impl Read>,
    ground: &Ground<'_>,
    manifest: &Manifest,
    contents: &[Content],
    into: &Path,
    limits: &Limits,
) -> Result<(), PatchError> {
    let mut brought = decoder(&mut *patch, limits)?.single_frame();
    let mut buffer = vec![0; COPY_BYTES];
    for content in contents {
        let entry = &manifest.entries()[content.entry];
        let path = into.join(entry.path.as_str());
        let failed = |source| PatchError::Write { path: path.clone(), source };
        let mut making = Making {
            file: new_file(&path, entry.mode()).map_err(failed)?,
            hasher: blake3::Hasher::new(),
            buffer: &mut buffer,
        };
        let mut source = content.source.map(|source| ground.open(source)).transpose()?;
        let whole = [Part::Bring(entry.size_bytes())];
        let parts = if source.is_some() { content.parts.as_slice() } else { &whole };
        for part in parts {
            let taken = match (part, &mut source) {
                (Part::Bring(length), _) => making.take(&mut brought, *length),
                (Part::Copy { from, length }, Some(source)) => {
                    source.seek(SeekFrom::Start(*from)).map_err(PatchError::Read)?;
                    making.take(source, *length)
                }
                (Part::Copy { .. }, None) => return Err(PatchError::Nonsense("it copies from nothing")),
            };
            taken.map_err(|error| match error {
                Taking::Read(error) => PatchError::Read(error),
                Taking::End => PatchError::Nonsense("it is cut off"),
                Taking::Write(source) => failed(source),
            })?;
        }
        if !matches!(&entry.kind, EntryKind::File { digest, .. } if *digest == making.hasher.finalize().into())
        {
            return Err(PatchError::Content(entry.path.clone()));
        }
    }
    // The frame's end has to be read, and nothing may be behind it.
    let beyond = brought.read(&mut buffer).map_err(PatchError::Read)?;
    drop(brought);
    if beyond > 0 || patch.read(&mut buffer).map_err(PatchError::Read)? > 0 {
        return Err(PatchError::Nonsense("it goes on behind its end"));
    }
    Ok(())
}

enum Taking {
    Read(io::Error),
    End,
    Write(io::Error),
}

struct Making<'a> {
    file: File,
    hasher: blake3::Hasher,
    buffer: &'a mut Vec<u8>,
}

impl Making<'_> {
    fn take(&mut self, from: &mut dyn Read, mut left: u64) -> Result<(), Taking> {
        while left > 0 {
            let most = self.buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let count = match from.read(&mut self.buffer[..most]) {
                Ok(0) => return Err(Taking::End),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(Taking::End),
                Err(error) => return Err(Taking::Read(error)),
                Ok(count) => count,
            };
            self.hasher.update(&self.buffer[..count]);
            self.file.write_all(&self.buffer[..count]).map_err(Taking::Write)?;
            left -= count as u64;
        }
        Ok(())
    }
}
