//! A manifest and its contents to an artifact's bytes. Knows the format (`docs/formats/artifact.md`); does not know
//! where contents come from.

use std::io::{self, Read, Write};

use pintail_core::manifest::{Entry, EntryKind, MANIFEST_PATH, Manifest};

use crate::archive::top_folder;

/// How hard zstd works, of 22. Three is what its own program does: a commit is built each time, and travels whole only to
/// a host that has nothing yet. Nine makes a web application 12 % smaller and takes four times as long. The digest
/// doesn't depend on it.
const ZSTD_LEVEL: i32 = 3;

/// Threads that compress; what they make is the same for any number of them but none.
const THREADS_MAX: usize = 8;

fn threads() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    u32::try_from(cores.clamp(1, THREADS_MAX)).unwrap_or(1)
}

/// The name that GNU tar gives to members which carry a long name for the next one.
const LONG_NAME: &[u8] = b"././@LongLink";

/// Writes the artifact. `contents` is asked for each file in order; what it gives has to be what the manifest says,
/// which is compared while writing: if not, the error is of kind `InvalidData` and tells the path.
pub(crate) fn write_artifact<'c>(
    manifest: &Manifest,
    contents: &mut dyn FnMut(&Entry) -> io::Result<Box<dyn Read + 'c>>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let top = top_folder(manifest);
    let mut encoder = zstd::Encoder::new(out, ZSTD_LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.multithread(threads())?;
    let mut archive = tar::Builder::new(encoder);
    let json = manifest.to_json();
    let mut header = blank(tar::EntryType::Regular, 0o644, json.len() as u64);
    append(&mut archive, &mut header, &format!("{top}/{MANIFEST_PATH}"), json.as_slice())?;
    for entry in manifest.entries() {
        append_entry(&mut archive, &top, entry, contents)?;
    }
    archive.into_inner()?.finish()?.flush()
}

fn append_entry<'c, W: Write>(
    archive: &mut tar::Builder<W>,
    top: &str,
    entry: &Entry,
    contents: &mut dyn FnMut(&Entry) -> io::Result<Box<dyn Read + 'c>>,
) -> io::Result<()> {
    match &entry.kind {
        EntryKind::Directory => {
            let mut header = blank(tar::EntryType::Directory, entry.mode(), 0);
            append(archive, &mut header, &format!("{top}/{}/", entry.path), io::empty())
        }
        EntryKind::Symlink { target } => {
            let mut header = blank(tar::EntryType::Symlink, entry.mode(), 0);
            if target.len() > header.as_old().linkname.len() {
                append_long(archive, b'K', target)?;
            }
            put(&mut header.as_old_mut().linkname, target);
            append(archive, &mut header, &format!("{top}/{}", entry.path), io::empty())
        }
        EntryKind::File { size_bytes, digest, .. } => {
            let mut header = blank(tar::EntryType::Regular, entry.mode(), *size_bytes);
            let mut content =
                Hashing { source: contents(entry)?.take(*size_bytes), hasher: blake3::Hasher::new() };
            append(archive, &mut header, &format!("{top}/{}", entry.path), &mut content)?;
            let beyond = content.source.into_inner().read(&mut [0])?;
            if beyond > 0 || pintail_core::digest::Digest::from(content.hasher.finalize()) != *digest {
                let what = format!("`{}` changed while it was packed", entry.path.shown());
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
            Ok(())
        }
    }
}

/// A header without owner, user names or time: one tree has one archive, whoever packs it and whenever.
fn blank(kind: tar::EntryType, mode: u32, size_bytes: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size_bytes);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

fn append<W: Write>(
    archive: &mut tar::Builder<W>,
    header: &mut tar::Header,
    path: &str,
    content: impl Read,
) -> io::Result<()> {
    if path.len() > header.as_old().name.len() {
        append_long(archive, b'L', path)?;
    }
    put(&mut header.as_old_mut().name, path);
    header.set_cksum();
    archive.append(header, content)
}

/// What doesn't fit into a header goes before it as a member of its own, as GNU tar does it.
fn append_long<W: Write>(archive: &mut tar::Builder<W>, kind: u8, text: &str) -> io::Result<()> {
    let content = [text.as_bytes(), b"\0"].concat();
    let mut header = blank(tar::EntryType::new(kind), 0o644, content.len() as u64);
    header.as_old_mut().name[..LONG_NAME.len()].copy_from_slice(LONG_NAME);
    header.set_cksum();
    archive.append(&header, content.as_slice())
}

fn put(field: &mut [u8], text: &str) {
    let length = text.len().min(field.len());
    field[..length].copy_from_slice(&text.as_bytes()[..length]);
}

struct Hashing<'c> {
    source: io::Take<Box<dyn Read + 'c>>,
    hasher: blake3::Hasher,
}

impl Read for Hashing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}
