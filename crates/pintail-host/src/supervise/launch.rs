//! Makes the gated process of an instance: its environment, its log, its listener.
//! Knows a specification; not when to start it.

use std::collections::BTreeMap;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use super::env_file;
use super::face;
use super::gate::Order;
use super::leader::Leader;
use super::protocol::ServiceSpec;

/// A process for instance `n` that waits to be released. Nothing of the application runs yet.
///
/// # Errors
/// Its settings can't be read, its log not opened, or the machine has no room for a process.
pub(super) fn gated(spec: &ServiceSpec, n: u32, listener: Option<BorrowedFd<'_>>) -> Result<Leader, String> {
    let order = order(spec, n, face::inherited())?;
    let listener = listener
        .map(|fd| fd.try_clone_to_owned())
        .transpose()
        .map_err(|error| format!("no descriptor: {error}"))?;
    let log = face::append_to(&spec.log)
        .map_err(|error| format!("cannot open the log `{}`: {error}", spec.log.display()))?;
    let (here, there) = UnixStream::pair().map_err(|error| format!("no socket: {error}"))?;
    let child = face::start_gate(OwnedFd::from(there), log)
        .map_err(|error| format!("cannot make a process: {error}"))?;
    Leader::gated(child, here, order, listener).map_err(|error| format!("cannot watch the process: {error}"))
}

/// What instance `n` is to become. Of its settings the later ones win: what the supervisor has (`inherited`), the
/// host's file, the specification, the instance's number.
pub(super) fn order(
    spec: &ServiceSpec,
    n: u32,
    inherited: BTreeMap<String, String>,
) -> Result<Order, String> {
    let argv = spec.argv.iter().map(|argument| argument.replace("{instance}", &n.to_string())).collect();
    let pass = spec.socket.as_ref().map(|socket| (socket.pass, socket.held.clone()));
    let mut env = inherited;
    if let Some(path) = &spec.env_file {
        env.extend(env_file::read(path)?);
    }
    env.extend(spec.env.clone());
    env.insert("PINTAIL_INSTANCE".into(), n.to_string());
    Ok(Order { argv, cwd: spec.cwd.clone(), env, pass })
}
