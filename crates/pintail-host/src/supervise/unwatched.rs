//! What a root's services are while no supervisor runs: from its record, and by whether those processes live.
//! Starts nothing.

use std::path::Path;

use pintail_os::process;

use super::place::Place;
use super::protocol::{InstanceState, InstanceStatus, ServiceStatus, SocketStatus, Status};
use super::record::{InstanceRecord, Record, ServiceRecord};

/// The status as the last supervisor of `root` left it; `None` where there never was one. Its `pid` is 0.
///
/// # Errors
/// The record is damaged, or of a later version.
pub fn status(root: &Path) -> Result<Option<Status>, String> {
    let Some(record) = Record::load(&Place::new(root).record())? else {
        return Ok(None);
    };
    let services = record.services.iter().map(service).collect();
    let sockets =
        record.sockets.into_iter().map(|s| SocketStatus { name: s.name, address: s.address }).collect();
    Ok(Some(Status { version: String::new(), pid: 0, since_ms: 0, services, sockets }))
}

fn service(record: &ServiceRecord) -> ServiceStatus {
    ServiceStatus {
        process: record.spec.process.clone(),
        generation: record.spec.generation,
        release: record.spec.release.clone(),
        wanted: record.wanted,
        stop_timeout_ms: record.spec.stop_timeout_ms,
        instances: record.instances.iter().map(instance).collect(),
    }
}

fn instance(record: &InstanceRecord) -> InstanceStatus {
    let leader = record.leader.as_ref().map(|leader| leader.process);
    let alive = leader.filter(|leader| process::identity(leader.pid) == Some((*leader).into()));
    InstanceStatus {
        n: record.n,
        pid: alive.map(|leader| leader.pid),
        state: if alive.is_some() { InstanceState::Running } else { InstanceState::Stopped },
        since_ms: record.since_ms,
        restarts: record.restarts,
        last_exit: record.last_exit.clone(),
    }
}
