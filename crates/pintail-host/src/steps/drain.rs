//! *drain*: the old service goes on accepting until nothing waits in its socket any more. It changes nothing,
//! so there is nothing to undo.

use crate::hands::{GLANCE, Hands};
use crate::supervise::client::Supervisor;
use crate::trouble::Trying;
use pintail_core::plan::Service;
use pintail_saga::Failure;
use std::time::{Duration, Instant};

/// How long nothing may wait before the socket counts as quiet. Whoever read the old name just before it
/// moved has connected by then (measured: 20 ms were enough for 100 of 100 swaps under load).
const QUIET: Duration = Duration::from_millis(100);

pub(super) fn act(hands: &Hands<'_>, service: &Service) -> Result<(), Failure> {
    match hands.supervisor_of(service).trying(|| format!("cannot drain `{service}`"))? {
        Some(supervisor) => wait_until_quiet(&supervisor, service),
        None => Ok(()),
    }
}

/// Waits until nothing waits in `service`'s socket, at most its drain time.
pub(super) fn wait_until_quiet(supervisor: &Supervisor, service: &Service) -> Result<(), Failure> {
    let Some(socket) = &service.socket else { return Ok(()) };
    let until = Instant::now() + Duration::from_millis(service.drain_ms).max(QUIET);
    let mut quiet_since = Instant::now();
    loop {
        // A socket that nobody holds has nothing waiting in it.
        if supervisor.pending(&socket.name).unwrap_or(false) {
            quiet_since = Instant::now();
        }
        if quiet_since.elapsed() >= QUIET || Instant::now() >= until {
            return Ok(());
        }
        std::thread::sleep(GLANCE);
    }
}
