//! *settle*: watches the new services for a while, with the old ones still hot. What dies soon after its
//! health check fails the deployment. It changes nothing, so there is nothing to undo.

use crate::hands::{GLANCE, Hands};
use crate::supervise::protocol::InstanceState;
use crate::trouble::fail;
use pintail_core::plan::Service;
use pintail_saga::Failure;
use std::time::{Duration, Instant};

pub(super) fn act(hands: &Hands<'_>, services: &[Service], for_ms: u64) -> Result<(), Failure> {
    let until = Instant::now() + Duration::from_millis(for_ms);
    let mut before = Vec::new();
    for service in services {
        before.push(pids(hands, service)?);
    }
    loop {
        for (service, pids_before) in services.iter().zip(&before) {
            if pids(hands, service)? != *pids_before {
                let why = format!("another process is in its place{}", hands.log_tail(service));
                return fail(died(service), why);
            }
        }
        if let Some(why) = hands.interrupt() {
            return fail("cannot watch the new processes to the end", why);
        }
        if Instant::now() >= until {
            return Ok(());
        }
        std::thread::sleep(GLANCE * 5);
    }
}

fn died(service: &Service) -> String {
    format!("`{}` of release `{}` died soon after it was well", service.process, service.release.version())
}

/// The processes of `service`, all of which must run.
fn pids(hands: &Hands<'_>, service: &Service) -> Result<Vec<Option<u32>>, Failure> {
    let supervisor = hands.supervisor(service)?;
    let Some(status) = hands.look_at(&supervisor, service)? else {
        return fail(died(service), "its supervisor does not know it");
    };
    if let Some(down) = status.instances.iter().find(|instance| instance.state != InstanceState::Running) {
        let how = down.last_exit.clone().unwrap_or_else(|| "it is not running".to_owned());
        return fail(died(service), format!("{how}{}", hands.log_tail(service)));
    }
    Ok(status.instances.iter().map(|instance| instance.pid).collect())
}
