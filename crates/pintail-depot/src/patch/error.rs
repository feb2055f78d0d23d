//! Why a patch could not be made or applied.

use std::io;
use std::path::PathBuf;

use pintail_core::digest::Digest;
use pintail_core::manifest::{ManifestError, TreePath};

use crate::archive::OpenError;
use crate::tarball::ArchiveError;

/// Why a patch could not be made or applied. Nothing of it is left on the disk.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// Its bytes can't be had.
    #[error("the patch can't be read: {0}; it is damaged, or its source failed")]
    Read(#[source] io::Error),
    /// Its bytes make no sense.
    #[error("the patch is damaged: {0}")]
    Nonsense(&'static str),
    /// It describes no release.
    #[error("the patch describes a release that is refused: {0}")]
    Manifest(#[from] ManifestError),
    /// It is for, or makes, another release.
    #[error("the patch {what} {found}, expected was {expected}")]
    Digest {
        /// Which of the two.
        what: &'static str,
        /// What was asked for.
        expected: Digest,
        /// What it has.
        found: Digest,
    },
    /// More than is allowed here.
    #[error("the patch has {found} {what}, at most {most} are allowed here")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// How much is allowed.
        most: u64,
    },
    /// The release it builds on is not what it was.
    #[error("`{}` {why}", .path.display())]
    Base {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file came out other than announced.
    #[error("`{}` comes out with other content than the manifest says", .0.shown())]
    Content(TreePath),
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
    /// What a host says of the release that a patch shall build on.
    #[error("the signature of the release to build on can't be used: {}", .0.to_string().replace("the patch", "it"))]
    Signature(#[source] Box<PatchError>),
    /// An artifact that a patch is to be made of can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// An artifact that a patch is to be made of can't be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// An artifact does not contain what its manifest says.
    #[error("the artifact of `{0}` does not contain what its manifest says")]
    Artifact(String),
}
