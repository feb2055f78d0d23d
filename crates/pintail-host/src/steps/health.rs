//! *health*: waits until a service answers as it should and tells the release's version. It changes nothing,
//! so there is nothing to undo.

use crate::hands::Hands;
use pintail_core::plan::Service;
use pintail_core::version::Version;
use pintail_saga::Failure;

pub(super) fn act(hands: &Hands<'_>, service: &Service, version: &Version) -> Result<(), Failure> {
    hands.wait_until_well(service, version, true)
}
