//! What can be wrong in a depot, and what to do about it. Knows words only.

use std::io;
use std::path::PathBuf;

use pintail_core::digest::Digest;
use pintail_core::name::AppName;
use pintail_core::version::Version;

use crate::import::ImportError;
use crate::pack::PackError;
use crate::remote::RemoteError;
use crate::signing::Unsigned;
use crate::unpack::UnpackError;

/// Why something was not done with a depot.
#[derive(Debug, thiserror::Error)]
pub enum DepotError {
    /// The tree can't be packed.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The file can't be imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// An artifact in the depot is not right.
    #[error("artifact `{}` is refused: {source}", .path.display())]
    Artifact {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        source: UnpackError,
    },
    /// That version is published, and is another release.
    #[error(
        "`{name}` `{version}` is in the depot with other contents: digest {} there, {} here; a published version \
         never changes, choose another version",
        .there.short(),
        .new.short()
    )]
    Taken {
        /// The application.
        name: AppName,
        /// The version.
        version: Version,
        /// The digest in the depot.
        there: Digest,
        /// The digest that was to be published.
        new: Digest,
    },
    /// Another application's artifact has the file name that this one would get.
    #[error(
        "`{name}` `{version}` would lie in the file of `{other}` `{other_version}`; choose another version, or \
         another depot"
    )]
    SameFileName {
        /// The application.
        name: AppName,
        /// The version.
        version: Version,
        /// The application that is there.
        other: AppName,
        /// Its version.
        other_version: Version,
    },
    /// Nothing of that name and version.
    #[error("`{name}` `{version}` is not in the depot `{place}`; {}", told(.there))]
    NotFound {
        /// The depot.
        place: String,
        /// The application.
        name: AppName,
        /// The version.
        version: Version,
        /// The versions of that application that are there, the earliest first.
        there: Vec<Version>,
    },
    /// A card that another Pintail wrote.
    #[error("card `{}` has format {found}, this pintail reads format {known}; use a newer pintail", .path.display())]
    CardFormat {
        /// The card.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The format that is read here.
        known: u32,
    },
    /// An artifact under another name than its manifest has.
    #[error("artifact `{}` says it is `{found}`; rename the file, or remove it", .path.display())]
    Misnamed {
        /// The file.
        path: PathBuf,
        /// `NAME-VERSION` of its manifest.
        found: String,
    },
    /// The artifact isn't the one that was published.
    #[error(
        "artifact `{}` was changed after it was published: {what} differs from its card; put it back from where it \
         was made, or remove both files",
        .path.display()
    )]
    Altered {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// A card that doesn't say what its artifact is.
    #[error(
        "card `{}` was changed: {what} not what its artifact says; `pintail depot index` makes it again",
        .path.display()
    )]
    Card {
        /// The card.
        path: PathBuf,
        /// What differs, with its verb.
        what: String,
    },
    /// It doesn't count as signed.
    #[error("`{name}` `{version}` does not count as signed: {source}")]
    Unsigned {
        /// The application.
        name: AppName,
        /// The version.
        version: Version,
        /// Why.
        source: Unsigned,
    },
    /// The depot is on another machine, and what was asked of it could not be done.
    #[error(transparent)]
    Away(RemoteError),
    /// What came from an operator is not what it said.
    #[error("what came for `{}` is not published: {what} differs from its card; say the same again", .path.display())]
    NotWhole {
        /// Where it would lie.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// Something in the depot can't be read.
    #[error("can't read `{}`: {source}", .path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Something in the depot can't be written.
    #[error("can't write `{}`: {source}", .path.display())]
    Write {
        /// What.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// Versions told when one isn't found: the latest are the likely ones.
const VERSIONS_TOLD_MAX: usize = 10;

fn told(there: &[Version]) -> String {
    if there.is_empty() {
        return "it has no version of that application; `pintail depot list` shows what there is".to_owned();
    }
    let latest = there.iter().rev().take(VERSIONS_TOLD_MAX).map(|version| format!("`{version}`"));
    format!("it has {}", latest.collect::<Vec<_>>().join(", "))
}
