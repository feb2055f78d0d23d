//! A file from anywhere to an artifact of Pintail's own form. Knows how archives are named; does not know where
//! artifacts are kept.

mod naming;

pub use naming::{Naming, name_and_version};

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use pintail_core::manifest::{Entry, Manifest, ManifestError, TreePath};
use pintail_core::name::AppName;
use pintail_core::version::Version;

use crate::archive::{ArtifactReader, Form, OpenError};
use crate::foreign::{Addition, Contents, Stopped, read_through};
use crate::limits::Limits;
use crate::shown;
use crate::write::write_artifact;

/// Bytes written to a spool, or read from a stream, at once.
const SPOOL_BUFFER_BYTES: usize = 256 << 10;

/// Why a file was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file can't be opened.
    #[error("can't open `{}`: {source}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Its bytes are no archive.
    #[error("can't import `{}`: {source}", .file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        source: OpenError,
    },
    /// All that is in it and can't be in a release.
    #[error("can't import `{}`:{}", .file.display(), shown::list(.faults))]
    Contents {
        /// The file.
        file: PathBuf,
        /// What is wrong, a sentence each.
        faults: Vec<String>,
    },
    /// Neither the file's name nor the operator says what it is.
    #[error(
        "can't tell {missing} from the file name `{file_name}`; rename it to NAME-VERSION.tar.gz, or say {missing}"
    )]
    Nameless {
        /// The file's name.
        file_name: String,
        /// What is missing.
        missing: &'static str,
    },
    /// It is Pintail's own and says something else about itself than the operator.
    #[error("`{}` says it is {what} `{found}`, not `{wanted}`; leave it out, or pack the tree anew", .file.display())]
    Named {
        /// The file.
        file: PathBuf,
        /// Which of its names.
        what: &'static str,
        /// What it says.
        found: String,
        /// What the operator said.
        wanted: String,
    },
    /// It is Pintail's own and contains something else than it announces.
    #[error("`{}` is not what its manifest says: `{path}` differs; it was changed after it was packed", .file.display())]
    Changed {
        /// The file.
        file: PathBuf,
        /// The first path that differs.
        path: String,
    },
    /// What comes besides a stream can't be had.
    #[error("{source}")]
    Addition {
        /// Why.
        source: io::Error,
    },
    /// The artifact or the room for unpacked contents can't be written.
    #[error("can't write `{}`: {source}", .path.display())]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// Reads the archive `file` and writes it to `out` in Pintail's own form. Name and version are taken from `naming`,
/// else from its manifest if it has one, else from the file's name (`NAME-VERSION.tar.gz`). Contents are kept in an
/// unnamed file in the folder `scratch` meanwhile, at most `limits.tree_bytes`.
pub fn import(
    file: &Path,
    naming: &Naming,
    scratch: &Path,
    out: &mut dyn Write,
    limits: &Limits,
) -> Result<Manifest, ImportError> {
    through_spool(scratch, out, |spool| read(file, naming, scratch, spool, limits))
}

/// Gives files that come besides a stream, or says why they can't be had.
pub type Additions<'a> = Box<dyn FnOnce() -> io::Result<Vec<(TreePath, Vec<u8>)>> + 'a>;

/// A tree that comes as a plain tar stream, such as git's, in one top folder of any name.
pub struct Tree<'a> {
    /// The application.
    pub name: &'a AppName,
    /// The version.
    pub version: &'a Version,
    /// The commit that it is of.
    pub commit: Option<&'a str>,
    /// Whether a path is left out.
    pub leaves_out: &'a dyn Fn(&str) -> bool,
    /// Files that come besides, path and content: asked for when the stream was read.
    pub additions: Additions<'a>,
}

/// Reads `source` and writes it to `out` as an artifact, as [`import`] does.
pub fn import_tree(
    source: &mut dyn Read,
    tree: Tree<'_>,
    scratch: &Path,
    out: &mut dyn Write,
    limits: &Limits,
) -> Result<Manifest, ImportError> {
    let file = PathBuf::from(format!("{}-{}", tree.name, tree.version));
    let given = tree.additions;
    let additions =
        || Ok(given()?.into_iter().map(|(path, content)| Addition { path, content }).collect::<Vec<_>>());
    through_spool(scratch, out, |spool| {
        let buffered = BufReader::with_capacity(SPOOL_BUFFER_BYTES, source);
        let reader = ArtifactReader::plain(buffered, limits);
        let contents =
            read_through(reader, tree.leaves_out, additions, spool).map_err(|stopped| match stopped {
                Stopped::Archive(error) => ImportError::Open { file: file.clone(), source: error.into() },
                Stopped::Spool(source) => ImportError::Write { path: scratch.to_owned(), source },
                Stopped::Addition(source) => ImportError::Addition { source },
            })?;
        let named = (tree.name.clone(), tree.version.clone(), tree.commit.map(str::to_owned));
        manifest_of(contents, named, &file)
    })
}

/// Has `read` put contents into a spool in `scratch`, then writes the artifact from there.
fn through_spool(
    scratch: &Path,
    out: &mut dyn Write,
    read: impl FnOnce(&mut dyn Write) -> Result<(Manifest, BTreeMap<TreePath, u64>), ImportError>,
) -> Result<Manifest, ImportError> {
    let failed = |source| ImportError::Write { path: scratch.to_owned(), source };
    let spool = spool(scratch).map_err(failed)?;
    let mut buffered = BufWriter::with_capacity(SPOOL_BUFFER_BYTES, &spool);
    let (manifest, offsets) = read(&mut buffered)?;
    buffered.flush().map_err(failed)?;
    drop(buffered);
    let mut contents = |entry: &Entry| -> io::Result<Box<dyn Read + '_>> {
        let mut at = &spool;
        at.seek(SeekFrom::Start(offsets.get(&entry.path).copied().unwrap_or(0)))?;
        Ok(Box::new(at.take(entry.size_bytes())))
    };
    write_artifact(&manifest, &mut contents, out).map_err(failed)?;
    Ok(manifest)
}

/// The manifest that [`import`] would write; nothing is written at all.
pub fn manifest_of_file(file: &Path, naming: &Naming, limits: &Limits) -> Result<Manifest, ImportError> {
    read(file, naming, Path::new(""), &mut io::sink(), limits).map(|(manifest, _)| manifest)
}

fn read(
    file: &Path,
    naming: &Naming,
    scratch: &Path,
    spool: &mut dyn Write,
    limits: &Limits,
) -> Result<(Manifest, BTreeMap<TreePath, u64>), ImportError> {
    let source = File::open(file).map_err(|source| ImportError::File { file: file.to_owned(), source })?;
    let open_failed = |source| ImportError::Open { file: file.to_owned(), source };
    let mut reader = ArtifactReader::open(source, limits).map_err(open_failed)?;
    let own = match std::mem::replace(&mut reader.form, Form::Foreign) {
        Form::Own(manifest) => Some(*manifest),
        Form::Foreign => None,
    };
    let naming = match &own {
        Some(own) => naming_of(own, naming, file)?,
        None => complete(naming, file)?,
    };
    let contents =
        read_through(reader, &|_| false, || Ok(Vec::new()), spool).map_err(|stopped| match stopped {
            Stopped::Archive(error) => open_failed(error.into()),
            Stopped::Spool(source) | Stopped::Addition(source) => {
                ImportError::Write { path: scratch.to_owned(), source }
            }
        })?;
    let (manifest, offsets) = manifest_of(contents, naming, file)?;
    match own.and_then(|own| first_difference(&own, &manifest)) {
        Some(path) => Err(ImportError::Changed { file: file.to_owned(), path }),
        None => Ok((manifest, offsets)),
    }
}

/// Name, version, commit.
type Named = (AppName, Version, Option<String>);

fn manifest_of(
    contents: Contents,
    (name, version, commit): Named,
    file: &Path,
) -> Result<(Manifest, BTreeMap<TreePath, u64>), ImportError> {
    let Contents { entries, offsets, commit: noted, mut faults } = contents;
    match Manifest::new(name, version, commit.or(noted), entries) {
        Ok(manifest) if faults.is_empty() => return Ok((manifest, offsets)),
        Ok(_) => {}
        Err(ManifestError::Faults(more)) => faults.extend(more.iter().map(ToString::to_string)),
        Err(error) => faults.push(error.to_string()),
    }
    Err(ImportError::Contents { file: file.to_owned(), faults })
}

fn naming_of(own: &Manifest, wanted: &Naming, file: &Path) -> Result<Named, ImportError> {
    let other = |what, found: &str, wanted: &str| ImportError::Named {
        file: file.to_owned(),
        what,
        found: found.to_owned(),
        wanted: wanted.to_owned(),
    };
    if let Some(name) = wanted.name.as_ref().filter(|name| *name != own.name()) {
        return Err(other("the application", own.name().as_str(), name.as_str()));
    }
    if let Some(version) = wanted.version.as_ref().filter(|version| *version != own.version()) {
        return Err(other("version", own.version().as_str(), version.as_str()));
    }
    if let Some(commit) = wanted.commit.as_deref().filter(|commit| Some(*commit) != own.commit()) {
        return Err(other("commit", own.commit().unwrap_or("none"), commit));
    }
    Ok((own.name().clone(), own.version().clone(), own.commit().map(str::to_owned)))
}

fn complete(naming: &Naming, file: &Path) -> Result<Named, ImportError> {
    let file_name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let guess = name_and_version(&file_name, naming.name.as_ref());
    let (guessed_name, guessed_version) =
        guess.map_or((None, None), |(name, version)| (Some(name), Some(version)));
    let name = naming.name.clone().or(guessed_name);
    let version = naming.version.clone().or(guessed_version);
    match (name, version) {
        (Some(name), Some(version)) => Ok((name, version, naming.commit.clone())),
        (None, Some(_)) => Err(ImportError::Nameless { file_name, missing: "the name" }),
        (Some(_), None) => Err(ImportError::Nameless { file_name, missing: "the version" }),
        (None, None) => Err(ImportError::Nameless { file_name, missing: "name and version" }),
    }
}

fn first_difference(announced: &Manifest, found: &Manifest) -> Option<String> {
    if announced.digest() == found.digest() {
        return None;
    }
    let differs = announced.entries().iter().find(|entry| found.entry(&entry.path) != Some(entry));
    let added = || found.entries().iter().find(|entry| announced.entry(&entry.path).is_none());
    Some(differs.or_else(added).map_or_else(String::new, |entry| shown::name(entry.path.as_str().as_bytes())))
}

/// A file without a name: whatever happens to this process, the kernel takes it back.
fn spool(folder: &Path) -> io::Result<File> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!(".import.{}-{count}.partial", std::process::id()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    match fs::remove_file(&path) {
        // Somebody swept the folder in this very moment, which is just as well.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(file),
        removed => removed.map(|()| file),
    }
}
