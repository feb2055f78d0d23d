//! *start*: a service of this operation comes up on its socket. Undone, it takes what still waits in its
//! socket, stops, and is forgotten.

use crate::hands::{Hands, address, id};
use crate::supervisors::Supervisor;
use crate::trouble::Trying;
use pintail_core::plan::{Pass, Service};
use pintail_os::files;
use pintail_saga::Failure;

pub(super) fn act(hands: &Hands<'_>, service: &Service) -> Result<(), Failure> {
    hands.start(service)
}

pub(super) fn undo(hands: &Hands<'_>, service: &Service) -> Result<(), Failure> {
    let what = || format!("cannot take back `{service}`");
    let Some(supervisor) = hands.supervisor_of(service).trying(what)? else { return Ok(()) };
    let is_up = hands.look_at(&supervisor, service)?.is_some_and(|there| there.is_running());
    let own = service.socket.as_ref().filter(|socket| is_made_here(hands, &socket.name));
    if is_up && own.is_some() {
        super::drain::wait_until_quiet(&supervisor, service);
    }
    hands.stop(service)?;
    supervisor.forget(&id(service)).trying(what)?;
    close(hands, &supervisor, service)
}

/// Whether this operation made the socket `name`, rather than going on with one that was held.
fn is_made_here(hands: &Hands<'_>, name: &str) -> bool {
    name.ends_with(&format!(".{}", hands.plan.id))
}

fn close(hands: &Hands<'_>, supervisor: &Supervisor, service: &Service) -> Result<(), Failure> {
    let Some(socket) = service.socket.as_ref().filter(|socket| is_made_here(hands, &socket.name)) else {
        return Ok(());
    };
    let what = || format!("cannot close the socket `{}`", socket.name);
    match (&socket.pass, address(&socket.address).path()) {
        (Pass::Bind, Some(path)) => files::remove_file(path).trying(what),
        (Pass::Bind, None) => Ok(()),
        _ => supervisor.close(&socket.name).trying(what),
    }
}
