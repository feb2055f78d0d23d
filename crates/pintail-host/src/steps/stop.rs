//! *stop*: a service gets TERM, ends what it is doing, and is gone. Undone, it comes up again on the socket
//! that was held for it all the while, and is waited for if it was well before; a service that this operation
//! started only to try it stays down.

use crate::hands::Hands;
use crate::memo::Memo;
use pintail_core::plan::Service;
use pintail_saga::Failure;

/// Whether it is well: undoing gives back what was there, and waits for no more than that.
pub(super) fn look(hands: &Hands<'_>, service: &Service) -> Result<Memo, Failure> {
    Ok(Memo::There { there: hands.is_well_now(service) })
}

pub(super) fn act(hands: &Hands<'_>, service: &Service) -> Result<(), Failure> {
    hands.stop(service)
}

pub(super) fn undo(hands: &Hands<'_>, service: &Service, memo: &Memo) -> Result<(), Failure> {
    if service.generation == hands.plan.id {
        return Ok(());
    }
    hands.start(service)?;
    if *memo == (Memo::There { there: false }) {
        return Ok(());
    }
    hands.wait_until_well(service, service.release.version(), false)
}
