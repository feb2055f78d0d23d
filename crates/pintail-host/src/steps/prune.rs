//! *prune*: what nobody can want back goes: old releases with their caches, stopped services with their sockets
//! and frozen settings, artifacts that are unpacked, what was kept aside. It comes after the point of no
//! return, so nothing undoes it.

use crate::hands::{Hands, address, id};
use crate::supervisors;
use crate::trouble::Trying;
use pintail_core::layout::Layout;
use pintail_core::name::ReleaseName;
use pintail_core::plan::{Pass, Service, Step};
use pintail_os::files;
use pintail_saga::Failure;
use std::fs;
use std::path::Path;

pub(super) fn act(hands: &Hands<'_>, releases: &[ReleaseName], services: &[Service]) -> Result<(), Failure> {
    for service in services {
        hands.cut.point()?;
        let supervisor = hands.supervisor(service)?;
        let what = || format!("cannot forget `{service}`");
        // Stopped already, but for one that no journal explains: there was no step to stop it.
        hands.stop(service)?;
        supervisor.forget(&id(service)).trying(what)?;
        let Some(socket) = service.socket.as_ref().filter(|socket| !is_used(hands, &socket.name)) else {
            continue;
        };
        remove_name(hands, service).trying(what)?;
        match (socket.pass, address(&socket.address).path()) {
            (Pass::Bind, Some(path)) => files::remove_file(path).trying(what)?,
            (Pass::Bind, None) => {}
            _ => supervisor.close(&socket.name).trying(what)?,
        }
        // The name of a process that the configuration no longer has leads nowhere now.
        let public = hands.layout.public_socket(&service.process);
        let target = files::link_target(&public).ok().flatten();
        if target.is_some() && !public.exists() {
            files::remove_file(&public).trying(what)?;
        }
    }
    supervisors::end_idle(&hands.layout).trying(|| "cannot end the embedded supervisor".to_owned())?;
    forget_settings(hands)?;
    for release in releases {
        hands.cut.point()?;
        remove(hands, release)?;
    }
    hands.cut.point()?;
    // What is in it is unpacked, or was kept for a delivery that nobody needs to go on with.
    super::deliver::clear(hands, &[])?;
    hands.cut.point()?;
    let aside = hands.layout.kept_aside(hands.plan.id);
    files::remove_tree(&aside).trying(|| format!("cannot remove `{}`", aside.display()))
}

/// Takes the frozen settings of all generations away that nobody runs: also of those that had no service, or whose
/// operation was never undone.
fn forget_settings(hands: &Hands<'_>) -> Result<(), Failure> {
    let known = supervisors::generations(&hands.layout)
        .trying(|| "cannot see which frozen settings are used".to_owned())?;
    let run = hands.layout.run();
    let there = fs::read_dir(&run).trying(|| format!("cannot look into `{}`", run.display()))?;
    for entry in there.flatten() {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("env.")?.parse::<u64>().ok());
        let Some(generation) = number.filter(|generation| *generation != hands.plan.id) else { continue };
        if known.contains(&generation) {
            continue;
        }
        let path = entry.path();
        files::remove_file(&path).trying(|| format!("cannot remove `{}`", path.display()))?;
    }
    Ok(())
}

/// Takes the public name away that still leads to the service's socket: its process is no longer in the
/// configuration, or listens elsewhere now.
fn remove_name(hands: &Hands<'_>, service: &Service) -> std::io::Result<()> {
    let public = hands.layout.public_socket(&service.process);
    let socket = service.socket.as_ref().map(|socket| address(&socket.address));
    let file = socket.as_ref().and_then(|address| address.path()?.file_name());
    let leads_to = files::link_target(&public).ok().flatten();
    if file.is_some() && leads_to.as_deref().and_then(Path::file_name) == file {
        return files::remove_file(&public);
    }
    Ok(())
}

/// Whether a service that this operation started goes on with the socket `name`.
fn is_used(hands: &Hands<'_>, name: &str) -> bool {
    hands.plan.steps.iter().any(|step| match step {
        Step::Start { service } => {
            !service.process.ends_with(".trial")
                && service.socket.as_ref().is_some_and(|socket| socket.name == name)
        }
        _ => false,
    })
}

fn remove(hands: &Hands<'_>, release: &ReleaseName) -> Result<(), Failure> {
    let live = files::link_target(&hands.layout.current()).ok().flatten();
    // The plan never names it; but if somebody moved `current` since, it wins.
    if live.as_deref() == Some(&Layout::current_target(release)) {
        return Ok(());
    }
    for path in [hands.layout.release(release), hands.layout.cache(release)] {
        files::remove_tree(&path).trying(|| format!("cannot remove `{}`", path.display()))?;
    }
    let seal = hands.layout.seal(release);
    files::remove_file(&seal).trying(|| format!("cannot remove `{}`", seal.display()))?;
    Ok(())
}
