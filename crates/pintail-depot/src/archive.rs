//! An artifact that is being read, Pintail's own or foreign. Knows how the two are told apart; does not know where
//! the bytes come from or where they go.

use std::io::Read;

use pintail_core::digest::Digest;
use pintail_core::manifest::{MANIFEST_PATH, Manifest};

use crate::decompress::{self, Opened};
use crate::limits::Limits;
use crate::shown;
use crate::tarball::{ArchiveError, Kind, Member, Tarball};

/// What an archive is.
#[derive(Debug)]
pub enum Form {
    /// Made by Pintail: what it announces, not yet compared with what it contains.
    Own(Box<Manifest>),
    /// Made by anything else: its contents are known only when it has been read.
    Foreign,
}

/// An archive, opened and told apart by its first member.
pub struct ArtifactReader<'a> {
    pub(crate) form: Form,
    pub(crate) tarball: Tarball<'a>,
    /// The first member of a foreign archive, read already to tell the form.
    pub(crate) first: Option<Member>,
    pub(crate) limits: Limits,
}

/// Why an archive could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The bytes are no archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// It starts as Pintail's own, but with a manifest that is none.
    #[error("its manifest is refused: {0}")]
    Manifest(#[from] pintail_core::manifest::ManifestError),
    /// It is another release than the one that was asked for.
    #[error("its digest is {found}, expected was {expected}; it is another build, or was changed")]
    Digest {
        /// What was asked for.
        expected: Digest,
        /// What its manifest has.
        found: Digest,
    },
    /// It lies in another top folder than its manifest says.
    #[error("its top folder is `{found}`, but its manifest says `{expected}`")]
    Top {
        /// The top folder, as shown.
        found: String,
        /// `NAME-VERSION` of the manifest.
        expected: String,
    },
    /// The manifest is above a limit of the reader.
    #[error("it announces {found} {what}, at most {most} are allowed here")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much is announced.
        found: u64,
        /// How much is allowed.
        most: u64,
    },
}

impl<'a> ArtifactReader<'a> {
    /// Opens a compressed tar stream and reads its first member; nothing is written anywhere. Memory is bounded
    /// by `limits`.
    pub fn open(source: impl Read + 'a, limits: &Limits) -> Result<ArtifactReader<'a>, OpenError> {
        Self::open_expecting(source, None, limits)
    }

    /// An archive of anybody's that is not compressed.
    pub(crate) fn plain(source: impl Read + 'a, limits: &Limits) -> ArtifactReader<'a> {
        let tarball = Tarball::new(Box::new(source));
        ArtifactReader { form: Form::Foreign, tarball, first: None, limits: limits.clone() }
    }

    /// As [`ArtifactReader::open`]; a manifest of Pintail's own is compared with `expected` before it is even
    /// parsed.
    pub(crate) fn open_expecting(
        source: impl Read + 'a,
        expected: Option<&Digest>,
        limits: &Limits,
    ) -> Result<ArtifactReader<'a>, OpenError> {
        let plain = match decompress::open(source, limits).map_err(ArchiveError::Read)? {
            Opened::Known(plain) => plain,
            Opened::Empty => return Err(ArchiveError::Empty.into()),
            Opened::Unknown(start) => return Err(ArchiveError::Compression { start: hex(&start) }.into()),
        };
        let mut tarball = Tarball::new(plain);
        let limits = limits.clone();
        let first = tarball.next()?;
        match first.as_ref().and_then(own_top) {
            None => Ok(ArtifactReader { form: Form::Foreign, tarball, first, limits }),
            Some(top) => {
                let json = announced(&mut tarball, first.as_ref(), expected, &limits)?;
                let manifest = parsed(&json, &top, &limits)?;
                Ok(ArtifactReader { form: Form::Own(Box::new(manifest)), tarball, first: None, limits })
            }
        }
    }

    /// Whether it is Pintail's own, and what it then announces.
    pub fn form(&self) -> &Form {
        &self.form
    }
}

/// The top folder, if this member is what Pintail's own artifacts start with.
fn own_top(first: &Member) -> Option<String> {
    let path = std::str::from_utf8(&first.path).ok().filter(|_| first.kind == Kind::File)?;
    let top = path.strip_suffix(MANIFEST_PATH)?.strip_suffix('/')?;
    (!top.contains('/')).then(|| top.to_owned())
}

fn announced(
    tarball: &mut Tarball<'_>,
    first: Option<&Member>,
    expected: Option<&Digest>,
    limits: &Limits,
) -> Result<Vec<u8>, OpenError> {
    at_most("bytes of manifest", first.map_or(0, |first| first.size_bytes), limits.manifest_bytes)?;
    let mut json = Vec::new();
    tarball.read_to_end(&mut json).map_err(|error| tarball.failed(error))?;
    let found = Digest::of(&json);
    match expected {
        Some(expected) if *expected != found => Err(OpenError::Digest { expected: *expected, found }),
        _ => Ok(json),
    }
}

fn parsed(json: &[u8], top: &str, limits: &Limits) -> Result<Manifest, OpenError> {
    let manifest = Manifest::from_json(json)?;
    let expected = top_folder(&manifest);
    if top != expected {
        return Err(OpenError::Top { found: shown::name(top.as_bytes()), expected });
    }
    at_most("entries", manifest.entries().len() as u64, limits.entries as u64)?;
    at_most("bytes of files", manifest.tree_bytes(), limits.tree_bytes)?;
    Ok(manifest)
}

fn at_most(what: &'static str, found: u64, most: u64) -> Result<(), OpenError> {
    if found > most { Err(OpenError::Limit { what, found, most }) } else { Ok(()) }
}

/// `NAME-VERSION`, what an artifact's one top folder is called.
pub(crate) fn top_folder(manifest: &Manifest) -> String {
    format!("{}-{}", manifest.name(), manifest.version())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}
