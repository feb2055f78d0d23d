//! An artifact of Pintail's own form to a folder, or to nothing but the certainty that it is right. Knows the
//! format (`docs/formats/artifact.md`); does not know where releases live.
//!
//! Our archives list their members in the manifest's order, so reading is a comparison: the next member has to be
//! the next entry. What isn't announced is never written.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use pintail_core::digest::Digest;
use pintail_core::manifest::{Entry, EntryKind, Manifest, TreePath};

use crate::archive::{ArtifactReader, Form, OpenError, top_folder};
use crate::limits::Limits;
use crate::place::{Folder, Nowhere, Place};
use crate::tarball::{ArchiveError, Kind, Member, Tarball};

/// Bytes copied at once.
const COPY_BYTES: usize = 128 << 10;

/// Why an artifact was not unpacked. Nothing of it is left on the disk.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It can't be opened, or is no archive.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Its bytes end or make no sense.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// Made by something else.
    #[error("it is not in pintail's own form; `pintail depot add FILE` makes an artifact of it")]
    Foreign,
    /// A member stands where another one should.
    #[error("it contains `{member}`, which {why}")]
    Member {
        /// The path, as shown.
        member: String,
        /// What is wrong with it.
        why: String,
    },
    /// Something announced is not there.
    #[error("`{}` is in its manifest and not in the archive", .0.shown())]
    Missing(TreePath),
    /// Something is there already; it was left alone.
    #[error("`{}` exists already; remove it first", .0.display())]
    Exists(PathBuf),
    /// Writing failed.
    #[error("can't write `{}`: {source}", .path.display())]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// Unpacks `artifact` into the folder `into`, which must not exist; its parent must. Returns when everything is
/// written, equal to its manifest, and synced to the disk, the manifest itself at `.pintail/manifest.json` in it.
/// `expected` is the digest of the manifest. Directories and files have mode 0755 or 0644 whatever the umask; times
/// are those of unpacking, because web servers make validators of them. After an error `into` isn't there.
pub fn unpack(
    artifact: impl Read,
    into: &Path,
    expected: &Digest,
    limits: &Limits,
) -> Result<Manifest, UnpackError> {
    let (tarball, manifest) = own(ArtifactReader::open_expecting(artifact, Some(expected), limits)?)?;
    let mut folder = Folder::make(into).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => UnpackError::Exists(into.to_owned()),
        _ => UnpackError::Write { path: into.to_owned(), source },
    })?;
    compare(tarball, &manifest, into, &mut folder)?;
    Ok(manifest)
}

/// Reads `artifact` to its end as [`unpack`] would and writes nothing. Without `expected` its own manifest is
/// believed, so that only says that it is consistent.
pub fn verify(
    artifact: impl Read,
    expected: Option<&Digest>,
    limits: &Limits,
) -> Result<Manifest, UnpackError> {
    let (tarball, manifest) = own(ArtifactReader::open_expecting(artifact, expected, limits)?)?;
    compare(tarball, &manifest, Path::new(""), &mut Nowhere)?;
    Ok(manifest)
}

/// The content of the file at `path` in `artifact`, at most `bound` bytes of it; `None` where its manifest has none. Only
/// what lies before it is read.
pub fn content(
    artifact: impl Read,
    path: &str,
    expected: &Digest,
    bound: u64,
    limits: &Limits,
) -> Result<Option<Vec<u8>>, UnpackError> {
    let (mut tarball, manifest) = own(ArtifactReader::open_expecting(artifact, Some(expected), limits)?)?;
    if !manifest.entries().iter().any(|entry| entry.path.as_str() == path) {
        return Ok(None);
    }
    let top = top_folder(&manifest);
    for entry in manifest.entries() {
        let member = tarball.next()?.ok_or_else(|| UnpackError::Missing(entry.path.clone()))?;
        same(&member, entry, &manifest, &top)?;
        if entry.path.as_str() != path {
            continue;
        }
        let EntryKind::File { digest, size_bytes, .. } = entry.kind else { return Ok(None) };
        if size_bytes > bound {
            return Ok(None);
        }
        let mut content = Vec::new();
        tarball.read_to_end(&mut content).map_err(|error| tarball.failed(error))?;
        return match Digest::of(&content) == digest {
            true => Ok(Some(content)),
            false => Err(wrong(&member, "has other content than its manifest says")),
        };
    }
    Ok(None)
}

fn own(reader: ArtifactReader<'_>) -> Result<(Tarball<'_>, Manifest), UnpackError> {
    match reader.form {
        Form::Own(manifest) => Ok((reader.tarball, *manifest)),
        Form::Foreign => Err(UnpackError::Foreign),
    }
}

fn compare(
    mut tarball: Tarball<'_>,
    manifest: &Manifest,
    into: &Path,
    place: &mut dyn Place,
) -> Result<(), UnpackError> {
    let top = top_folder(manifest);
    for entry in manifest.entries() {
        let member = tarball.next()?.ok_or_else(|| UnpackError::Missing(entry.path.clone()))?;
        same(&member, entry, manifest, &top)?;
        let failed = |source| UnpackError::Write { path: into.join(entry.path.as_str()), source };
        match &entry.kind {
            EntryKind::Directory => place.directory(entry).map_err(failed)?,
            EntryKind::Symlink { target } => place.symlink(entry, target).map_err(failed)?,
            EntryKind::File { digest, .. } => {
                let mut file = place.file(entry).map_err(failed)?;
                if copy(&mut tarball, &mut file, failed)? != *digest {
                    return Err(wrong(&member, "has other content than its manifest says"));
                }
            }
        }
    }
    if let Some(member) = tarball.next()? {
        return Err(misplaced(&member, None, manifest, &top));
    }
    place.finish(manifest).map_err(|source| UnpackError::Write { path: into.to_owned(), source })
}

/// Copies the content of the current member and returns its digest. The member has as many bytes as its manifest
/// says; that was compared before.
fn copy(
    tarball: &mut Tarball<'_>,
    file: &mut dyn Write,
    failed: impl Fn(io::Error) -> UnpackError,
) -> Result<Digest, UnpackError> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        let count = tarball.read(&mut buffer).map_err(|error| tarball.failed(error))?;
        if count == 0 {
            return Ok(hasher.finalize().into());
        }
        hasher.update(&buffer[..count]);
        file.write_all(&buffer[..count]).map_err(&failed)?;
    }
}

/// Whether `member` is what `entry` announces, content aside.
fn same(member: &Member, entry: &Entry, manifest: &Manifest, top: &str) -> Result<(), UnpackError> {
    if path_below(member, top) != Some(entry.path.as_str()) {
        return Err(misplaced(member, Some(&entry.path), manifest, top));
    }
    match (&entry.kind, &member.kind) {
        (EntryKind::Directory, Kind::Directory) => Ok(()),
        (EntryKind::Symlink { target }, Kind::Symlink) if member.link == target.as_bytes() => Ok(()),
        (EntryKind::Symlink { .. }, Kind::Symlink) => {
            Err(wrong(member, "leads elsewhere than its manifest says"))
        }
        (EntryKind::File { executable, size_bytes, .. }, Kind::File) => {
            if member.size_bytes != *size_bytes {
                let why = format!("has {} bytes where its manifest says {size_bytes}", member.size_bytes);
                return Err(wrong(member, &why));
            }
            if member.executable != *executable {
                return Err(wrong(member, "has another mode than its manifest says"));
            }
            Ok(())
        }
        (_, Kind::Other(word)) => Err(wrong(member, &format!("is {word}"))),
        (_, Kind::HardLink) => Err(wrong(member, "is a hard link")),
        _ => Err(wrong(member, "is of another kind than its manifest says")),
    }
}

/// The member's path below the top folder, if it is spelled as Pintail spells it.
fn path_below<'a>(member: &'a Member, top: &str) -> Option<&'a str> {
    let below = std::str::from_utf8(&member.path).ok()?.strip_prefix(top)?.strip_prefix('/')?;
    if member.kind == Kind::Directory { below.strip_suffix('/') } else { Some(below) }
}

/// Says why this member can't come now, where `expected` should (or the end).
fn misplaced(member: &Member, expected: Option<&TreePath>, manifest: &Manifest, top: &str) -> UnpackError {
    let path = path_below(member, top).map(str::parse::<TreePath>);
    let Some(path) = path else {
        return wrong(member, &format!("does not lie in its top folder `{top}`"));
    };
    match (path, expected) {
        (Err(error), _) => wrong(member, &format!("can't be in a release: {error}")),
        (Ok(path), _) if manifest.entry(&path).is_none() => wrong(member, "is not in its manifest"),
        (Ok(path), Some(expected)) if path > *expected => UnpackError::Missing(expected.clone()),
        _ => wrong(member, "is there twice, or out of order"),
    }
}

fn wrong(member: &Member, why: &str) -> UnpackError {
    UnpackError::Member { member: member.shown(), why: why.to_owned() }
}
