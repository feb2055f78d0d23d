//! *route*: the public name of a process's socket moves, by rename of a link, to the service's socket. Whoever
//! connects finds the old socket or the new one; both accept. Undone, the name says what it said, and who came by
//! it meanwhile is answered.

use super::drain;
use crate::hands::Hands;
use crate::memo::Memo;
use crate::trouble::Trying;
use pintail_core::plan::{Address, Service};
use pintail_os::files;
use pintail_saga::Failure;
use std::path::{Path, PathBuf};

pub(super) fn look(hands: &Hands<'_>, service: &Service) -> Result<Memo, Failure> {
    let public = hands.layout.public_socket(&service.process);
    let there = files::link_target(&public).map_err(|error| {
        let what = format!("cannot use the name `{}`", public.display());
        match error.kind() {
            std::io::ErrorKind::InvalidInput => Failure::new(what, "something is there that is no link")
                .hint(format!("move it away: `mv {0} {0}.before`", public.display())),
            _ => Failure::new(what, error.to_string()),
        }
    })?;
    Ok(Memo::Text { text: there.map(|target| target.to_string_lossy().into_owned()) })
}

pub(super) fn act(hands: &Hands<'_>, service: &Service) -> Result<(), Failure> {
    let public = hands.layout.public_socket(&service.process);
    let Some(target) = target(service) else { return Ok(()) };
    files::replace_symlink(&public, &target)
        .trying(|| format!("cannot point `{}` to `{}`", public.display(), target.display()))
}

/// The socket's name in the same folder: relative, so that the root may be moved.
fn target(service: &Service) -> Option<PathBuf> {
    match &service.socket.as_ref()?.address {
        Address::Unix(path) => path.file_name().map(PathBuf::from),
        Address::Tcp(_) => None,
    }
}

pub(super) fn undo(hands: &Hands<'_>, service: &Service, memo: &Memo) -> Result<(), Failure> {
    let public = hands.layout.public_socket(&service.process);
    let put_back = match memo {
        Memo::Text { text: Some(target) } => files::replace_symlink(&public, Path::new(target)),
        _ => files::remove_file(&public),
    };
    put_back.trying(|| format!("cannot put back `{}`", public.display()))?;
    take_what_waits(hands, service);
    Ok(())
}

/// Lets the service take what waits in its socket. Also one that has just died: its supervisor starts it again, and
/// who waits need not know. One that is not there any more takes nothing.
fn take_what_waits(hands: &Hands<'_>, service: &Service) {
    let Ok(Some(supervisor)) = hands.supervisor_of(service) else { return };
    if let Ok(Some(_)) = hands.look_at(&supervisor, service) {
        drain::wait_until_quiet(&supervisor, service);
    }
}
