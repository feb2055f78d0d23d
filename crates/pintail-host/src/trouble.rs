//! From what a program below says went wrong to what the operator is told.

use crate::supervise::protocol::Refusal;
use pintail_core::wire::Trouble;
use pintail_saga::Failure;
use std::fmt::Display;

/// Fails with `what`, because of `why`.
pub(crate) fn fail<T>(what: impl Into<String>, why: impl Display) -> Result<T, Failure> {
    Err(Failure::new(what, why.to_string()))
}

/// Says what was tried when something fails.
pub(crate) trait Trying<T> {
    /// The failure is of `what`.
    fn trying(self, what: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T> Trying<T> for std::io::Result<T> {
    fn trying(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| io_failure(what(), &error))
    }
}

/// `what` failed because the system said `error`.
pub(crate) fn io_failure(what: String, error: &std::io::Error) -> Failure {
    Failure { hint: io_hint(error), ..Failure::new(what, error.to_string()) }
}

/// What to do about what the system said, where we know.
pub(crate) fn io_hint(error: &std::io::Error) -> Option<String> {
    match error.kind() {
        std::io::ErrorKind::StorageFull => Some("make room on that disk".to_owned()),
        std::io::ErrorKind::PermissionDenied => {
            Some(format!("the agent runs as `{}`; it must own the root", pintail_os::process::user()))
        }
        _ => None,
    }
}

impl<T> Trying<T> for Result<T, Refusal> {
    fn trying(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|refusal| Failure { hint: refusal.hint, ..Failure::new(what(), refusal.what) })
    }
}

/// A failure as the wire has it.
pub(crate) fn trouble(failure: Failure) -> Trouble {
    Trouble { what: failure.what, why: failure.why, hint: failure.hint }
}
