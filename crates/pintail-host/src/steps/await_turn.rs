//! *await turn*: everything on this host is prepared and nothing is visible yet; the operator says when every other
//! host is prepared too, and when it is this one's turn. It changes nothing, so there is nothing to undo.

use super::confirm::wait;
use crate::hands::Hands;
use crate::trouble::fail;
use pintail_core::wire::Wait;
use pintail_saga::Failure;

pub(super) fn act(hands: &Hands<'_>, silence_ms: u64) -> Result<(), Failure> {
    match wait(hands, Wait::Turn, silence_ms)? {
        None => Ok(()),
        // All hosts are prepared, and those who have lost the operator as well go on by themselves.
        Some(parted) if parted.precommitted => Ok(()),
        Some(parted) => fail(
            "cannot tell whether the other hosts are prepared",
            format!("{}, and nothing is visible yet", parted.how),
        ),
    }
}
