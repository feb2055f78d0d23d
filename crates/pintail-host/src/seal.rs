//! What a live release was when it was sealed, and what differs from that now: kinds, sizes, modes, times of change and
//! digests of its files, and where its links lead. Kept beside the journal, at `journal/seals/`: nothing is added to a
//! release. What lies behind its links (`shared`, `cache`) is not in it. Format: `docs/formats/seal.md`.

use pintail_core::digest::Digest;
use pintail_core::layout::Layout;
use pintail_core::manifest::RESERVED_FOLDER;
use pintail_core::name::ReleaseName;
use pintail_core::observed::Differing;
use pintail_os::files;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// The format of a seal on disk.
pub const FORMAT: u32 = 1;
/// The longest seal that is read, in bytes: some 300 000 files.
const READ_MAX: u64 = 64 << 20;
/// For how long a look may hold `status` up.
const GLANCE: Duration = Duration::from_secs(2);
/// For how long a thorough one may hold `doctor` up.
const READING: Duration = Duration::from_secs(120);
/// Files that are told by name.
const TOLD: usize = 5;
/// A file of another time of change is compared by its content up to this size in a glance, since a copy or a `touch`
/// changes times alone; a longer one counts as another.
const GLANCE_BYTES: u64 = 4 << 20;
/// Permission bits that a seal takes away.
pub(crate) const WRITE_BITS: u32 = 0o222;

/// A release as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// [`FORMAT`].
    pub format: u32,
    /// Its files and links, by path.
    pub entries: Vec<Entry>,
}

/// Only the format is read before the rest, so that a newer one is told as such.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// A file or link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Relative to the release.
    pub path: String,
    /// What it is.
    #[serde(flatten)]
    pub what: What,
}

/// What it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum What {
    /// A file.
    File {
        /// Its size.
        bytes: u64,
        /// Its permission bits, sealed.
        mode: u32,
        /// When it was changed last, in nanoseconds since 1970: until 2262.
        changed_ns: i64,
        /// Of its content.
        digest: Digest,
    },
    /// A symbolic link.
    Link {
        /// What it says.
        target: String,
    },
}

/// Contents that are known, by path, as long as the file has this time of change.
pub(crate) type Known = HashMap<String, (Digest, u64)>;

/// Writes down what `release` is, unless that was done. What is `known` is not read again.
///
/// # Errors
/// It can't be read, or the seal not written.
pub(crate) fn write(layout: &Layout, release: &ReleaseName, known: &Known) -> io::Result<()> {
    let path = layout.seal(release);
    if path.exists() {
        // Repeated after a crash: this is what it was when it was sealed first.
        return Ok(());
    }
    let mut entries = Vec::new();
    walk(&layout.release(release), Path::new(""), known, &mut entries)?;
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    let seal = serde_json::to_vec(&Seal { format: FORMAT, entries })?;
    path.parent().map_or(Ok(()), |folder| files::make_folder(folder, 0o700))?;
    files::write_whole(&path, &seal, 0o600)
}

fn walk(release: &Path, inner: &Path, known: &Known, entries: &mut Vec<Entry>) -> io::Result<()> {
    for entry in fs::read_dir(release.join(inner))? {
        let inner = inner.join(entry?.file_name());
        // Names that are no text can't be told; none of them came with an artifact.
        let Some(name) = inner.to_str().filter(|name| *name != RESERVED_FOLDER) else { continue };
        let path = release.join(&inner);
        let found = fs::symlink_metadata(&path)?;
        let what = if found.is_dir() {
            walk(release, &inner, known, entries)?;
            continue;
        } else if found.is_symlink() {
            What::Link { target: fs::read_link(&path)?.display().to_string() }
        } else if found.is_file() {
            let changed_ns = changed_ns(&found);
            let known = known.get(name).filter(|(_, then)| i64::try_from(*then) == Ok(changed_ns));
            What::File {
                bytes: found.len(),
                mode: found.mode() & 0o7777 & !WRITE_BITS,
                changed_ns,
                digest: known.map_or_else(|| digest(&path), |(digest, _)| Ok(*digest))?,
            }
        } else {
            continue;
        };
        entries.push(Entry { path: name.to_owned(), what });
    }
    Ok(())
}

fn changed_ns(found: &fs::Metadata) -> i64 {
    found.mtime().saturating_mul(1_000_000_000).saturating_add(found.mtime_nsec())
}

fn digest(path: &Path) -> io::Result<Digest> {
    let mut hasher = blake3::Hasher::new();
    let mut file = File::open(path)?;
    let mut piece = vec![0; 64 << 10];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hasher.finalize().into()),
            count => hasher.update(&piece[..count]),
        };
    }
}

/// How thoroughly one looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// At kinds, sizes, modes and times; into those files whose time is another.
    Glance,
    /// Into every file.
    Whole,
}

/// What differs now from what `release` was when it was sealed; `None` when nobody wrote that down.
///
/// # Errors
/// The seal can't be read, in a sentence.
pub fn compare(layout: &Layout, release: &ReleaseName, look: Look) -> Result<Option<Differing>, String> {
    let path = layout.seal(release);
    let cannot = |why: String| format!("cannot read `{}`: {why}", path.display());
    let bytes = match files::read_bounded(&path, READ_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|error| cannot(error.to_string()))?,
    };
    let damaged = |error: serde_json::Error| cannot(error.to_string());
    let Format { format } = serde_json::from_slice(&bytes).map_err(damaged)?;
    if format != FORMAT {
        return Err(cannot(format!("it has format {format}, and this Pintail reads {FORMAT}")));
    }
    let seal: Seal = serde_json::from_slice(&bytes).map_err(damaged)?;
    let within = if look == Look::Glance { GLANCE } else { READING };
    let until = Instant::now() + within;
    let folder = layout.release(release);
    let mut differing = Differing { files: seal.entries.len() as u64, ..Differing::default() };
    for (seen, entry) in seal.entries.iter().enumerate() {
        if Instant::now() > until {
            differing.unseen = (seal.entries.len() - seen) as u64;
            break;
        }
        let Some(how) = differs(&folder.join(&entry.path), &entry.what, look) else { continue };
        differing.count += 1;
        if differing.first.len() < TOLD {
            differing.first.push(format!("{}{how}", entry.path.escape_debug()));
        }
    }
    Ok(Some(differing))
}

/// How what stands at `path` differs from what it was, as it is told behind its name; `None` when it doesn't.
fn differs(path: &Path, was: &What, look: Look) -> Option<&'static str> {
    let Ok(found) = fs::symlink_metadata(path) else { return Some(" (missing)") };
    match was {
        What::Link { target } => {
            let leads_to = fs::read_link(path).ok().map(|leads_to| leads_to.display().to_string());
            (leads_to.as_ref() != Some(target)).then_some("")
        }
        What::File { .. } if !found.is_file() => Some(""),
        What::File { bytes, .. } if found.len() != *bytes => Some(""),
        What::File { mode, .. } if found.mode() & 0o7777 & !WRITE_BITS != *mode => Some(" (its mode)"),
        What::File { changed_ns: then, .. } if look == Look::Glance && changed_ns(&found) == *then => None,
        What::File { bytes, .. } if look == Look::Glance && *bytes > GLANCE_BYTES => Some(""),
        // One that can't be read any more is not what it was.
        What::File { digest: was, .. } => (digest(path).ok() != Some(*was)).then_some(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_disk() {
        let file = What::File {
            bytes: 5,
            mode: 0o444,
            changed_ns: 1_764_000_000_123_456_789,
            digest: Digest::of(b"hello"),
        };
        let link = What::Link { target: "../../shared/log".into() };
        let entries = [("content/message.txt", file), ("log", link)]
            .map(|(path, what)| Entry { path: path.into(), what })
            .into();
        let seal = Seal { format: FORMAT, entries };
        insta::assert_snapshot!(serde_json::to_string_pretty(&seal).unwrap());
        assert_eq!(serde_json::from_slice::<Seal>(&serde_json::to_vec(&seal).unwrap()).unwrap(), seal);
    }
}
