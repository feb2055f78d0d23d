//! *drain*: the old service goes on accepting until nothing waits in its socket any more. It changes nothing,
//! so there is nothing to undo.

use crate::hands::{GLANCE, Hands};
use crate::supervisors::Supervisor;
use crate::trouble::Trying;
use pintail_core::plan::Service;
use pintail_saga::Failure;
use std::time::{Duration, Instant};

/// How long nothing may wait before the socket counts as quiet. Whoever read the old name just before it
/// moved has connected by then (measured: 20 ms were enough for 100 of 100 swaps under load).
const QUIET: Duration = Duration::from_millis(100);

pub(super) fn act(hands: &Hands<'_>, service: &Service) -> Result<(), Failure> {
    if let Some(supervisor) = hands.supervisor_of(service).trying(|| format!("cannot drain `{service}`"))? {
        wait_until_quiet(&supervisor, service);
    }
    Ok(())
}

/// Waits until nothing waits in `service`'s socket, at most its drain time.
pub(super) fn wait_until_quiet(supervisor: &Supervisor, service: &Service) {
    let Some(socket) = &service.socket else { return };
    let until = Instant::now() + Duration::from_millis(service.drain_ms).max(QUIET);
    let mut quiet_since = Instant::now();
    loop {
        if supervisor.pending(&socket.name) {
            quiet_since = Instant::now();
        }
        if quiet_since.elapsed() >= QUIET || Instant::now() >= until {
            return;
        }
        std::thread::sleep(GLANCE);
    }
}
