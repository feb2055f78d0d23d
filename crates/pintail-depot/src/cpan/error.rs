//! Why something was not done with the Perl distributions of a depot. Knows words only.

use std::io;
use std::path::PathBuf;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum CpanError {
    /// `authors.toml` is not right; all that is wrong, a line each.
    #[error("`{}` can't be read:\n{}", .path.display(), .wrong.join("\n"))]
    Authors {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        wrong: Vec<String>,
    },
    /// A distribution may not be published; all reasons, a line each.
    #[error("{}", told(.faults))]
    Refused {
        /// The reasons.
        faults: Vec<String>,
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

fn told(faults: &[String]) -> String {
    crate::shown::list(faults).trim_start().to_owned()
}
