//! *task*: what a commit asks to be run once for the target, as `pintail.toml` declares it there. There is nothing to
//! undo: what it did is its author's to take back. That it came to its end is in the journal, and it is not run again for
//! the same commit, however the deployment ends.

use super::prepare::in_release;
use crate::hands::Hands;
use pintail_core::name::ReleaseName;
use pintail_saga::Failure;

pub(super) fn act(
    hands: &Hands<'_>,
    release: &ReleaseName,
    line: &str,
    within_ms: u64,
) -> Result<(), Failure> {
    in_release(hands, "task", release, line, within_ms)
}
