//! Why something was not done with the Python distributions of a depot. Knows words only.

use std::io;
use std::path::PathBuf;

use super::name::FileNameError;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum PypiError {
    /// The file's name says nothing.
    #[error(transparent)]
    Name(#[from] FileNameError),
    /// It isn't what its name says.
    #[error("it is no {what}: {why}")]
    Content {
        /// What it should be.
        what: &'static str,
        /// Why it isn't.
        why: String,
    },
    /// Too large.
    #[error("it is larger than {most} bytes, which is not accepted")]
    TooLarge {
        /// What is accepted.
        most: u64,
    },
    /// A published file never changes.
    #[error("`{path}` is there with other contents; choose another version")]
    Taken {
        /// Where, in the depot.
        path: String,
    },
    /// `pip` would not know which of two files it is to install.
    #[error("`{path}` is there, which is the same version to `pip`; choose another version")]
    SameVersion {
        /// Where, in the depot.
        path: String,
    },
    /// Something that is no file.
    #[error("`{path}` is there and is no file; remove it")]
    InTheWay {
        /// Where, in the depot.
        path: String,
    },
    /// Something can't be read.
    #[error("can't read `{}`: {source}", .path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Something in the depot can't be read, though it may be whole. Nothing was changed.
    #[error("can't read `{}`, and what is in it counts: {source}", .path.display())]
    Unreadable {
        /// What.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Something can't be written.
    #[error("can't write to the depot `{}`: {source}", .path.display())]
    Write {
        /// The depot.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}
