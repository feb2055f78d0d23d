//! Who keeps services running: Pintail's own supervisor, systemd, runit, daemontools. Steps say the same to each;
//! which one it is, a service says. All speak of specifications and states as the embedded one does.
//!
//! Knows services and sockets of one root; nothing of releases, deployments or health.

mod service_folder;

mod folders;
mod systemctl;
mod systemd;

use folders::Folders;
use systemd::Systemd;

use crate::supervise::client::{self, SupervisorError};
use crate::supervise::folder::Card;
use crate::supervise::protocol::{
    Address, InstanceState, Refusal, ServiceId, ServiceSpec, ServiceStatus, Status, Wanted,
};
use crate::supervise::unwatched;
use pintail_core::layout::Layout;
use pintail_core::observed::Altered;
use pintail_core::plan::Supervisor as Named;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How often a service that ends is looked at.
const GLANCE: Duration = Duration::from_millis(10);
/// What a supervisor may need beyond a service's own stop timeout, for leftovers of its group.
const STOP_GRACE: Duration = Duration::from_secs(15);
/// Whoever is on the machine may connect, as to a port of 127.0.0.1: a front runs as a user of its own (nginx as
/// `www-data`), and should need no group. Who wants less closes `run/`.
const SOCKET_MODE: u32 = 0o666;

/// A root's supervisor.
#[derive(Debug)]
pub(crate) enum Supervisor {
    /// Pintail's own.
    Embedded(client::Supervisor),
    /// systemd, the system's or the user's.
    Systemd(Systemd),
    /// runit or daemontools, by service folders.
    Folders(Folders),
}

impl Supervisor {
    /// The supervisor `named`; the embedded one is started where none runs.
    pub(crate) fn ensure(layout: &Layout, named: &Named, version: &str) -> Result<Self, Refusal> {
        Ok(match named {
            Named::Embedded => {
                Self::Embedded(client::Supervisor::ensure(layout.root(), version).map_err(refused)?)
            }
            other => Self::foreign(layout, other),
        })
    }

    /// The one that knows the service `id`: an embedded one that died comes back for it, since its processes may
    /// live. `None` when there never was one, or it left no word of the service.
    pub(crate) fn of(
        layout: &Layout,
        named: &Named,
        id: &ServiceId,
        version: &str,
    ) -> Result<Option<Self>, Refusal> {
        let root = layout.root();
        if !named.is_embedded() {
            return Ok(Some(Self::foreign(layout, named)));
        }
        if let Some(there) = client::Supervisor::connect(root).map_err(refused)? {
            return Ok(Some(Self::Embedded(there)));
        }
        match unwatched::status(root) {
            Ok(None) => Ok(None),
            Ok(Some(left)) if left.service(id).is_none() => Ok(None),
            // Also when its record can't be read: then starting it says why.
            Ok(Some(_)) | Err(_) => Self::ensure(layout, named, version).map(Some),
        }
    }

    /// The one that runs at this moment; `None` where the embedded one doesn't.
    pub(crate) fn running(layout: &Layout, named: &Named) -> Result<Option<Self>, Refusal> {
        match named {
            Named::Embedded => {
                Ok(client::Supervisor::connect(layout.root()).map_err(refused)?.map(Self::Embedded))
            }
            other => Ok(Some(Self::foreign(layout, other))),
        }
    }

    fn foreign(layout: &Layout, named: &Named) -> Self {
        match named {
            Named::Systemd | Named::SystemdUser | Named::Embedded => {
                Self::Systemd(Systemd::new(layout, named))
            }
            Named::Runit { .. } | Named::Daemontools { .. } => Self::Folders(Folders::new(layout, named)),
        }
    }

    /// Listens at `address` under `name`, whatever becomes of the services.
    pub(crate) fn bind(&self, name: &str, address: &Address) -> Result<(), Refusal> {
        match self {
            Self::Embedded(there) => there.bind_with_mode(name, address, SOCKET_MODE).map_err(refused),
            Self::Systemd(there) => there.bind(name, address, SOCKET_MODE),
            Self::Folders(there) => there.bind(name, address, SOCKET_MODE),
        }
    }

    /// Starts a service; returns when its processes are made, not when they answer. One that was stopped is started
    /// afresh.
    pub(crate) fn start(&self, spec: &ServiceSpec) -> Result<(), Refusal> {
        match self {
            Self::Embedded(there) => there.start(spec).map_err(refused),
            Self::Systemd(there) => there.start(spec),
            Self::Folders(there) => there.start(spec),
        }
    }

    /// Stops a service (TERM, and KILL after `timeout`) and returns when it is gone. One that isn't here is fine.
    pub(crate) fn stop(&self, id: &ServiceId, timeout: Duration) -> Result<(), Refusal> {
        match self {
            Self::Embedded(there) => there.stop(id).map_err(refused)?,
            Self::Systemd(there) => there.stop(id, timeout)?,
            Self::Folders(there) => there.stop(id, timeout)?,
        }
        let until = Instant::now() + timeout + STOP_GRACE;
        loop {
            match self.service(id)? {
                None => return Ok(()),
                Some(there) if there.is_stopped() => return Ok(()),
                Some(_) if Instant::now() > until => {
                    return Err(Refusal::new("it does not end, not even killed"));
                }
                Some(_) => std::thread::sleep(GLANCE),
            }
        }
    }

    /// Removes all that is left of a stopped service. One that isn't here is fine.
    pub(crate) fn forget(&self, id: &ServiceId) -> Result<(), Refusal> {
        match self {
            Self::Embedded(there) => there.forget(id).map_err(refused),
            Self::Systemd(there) => there.forget(id),
            Self::Folders(there) => there.forget(id),
        }
    }

    /// Closes a socket. One that isn't held is fine.
    pub(crate) fn close(&self, name: &str) -> Result<(), Refusal> {
        match self {
            Self::Embedded(there) => there.close(name).map_err(refused),
            Self::Systemd(there) => there.close(name),
            Self::Folders(there) => there.close(name),
        }
    }

    /// Whether connections wait in a socket that nobody has accepted. In one that isn't held none do.
    pub(crate) fn pending(&self, name: &str) -> bool {
        match self {
            Self::Embedded(there) => there.pending(name).unwrap_or(false),
            Self::Systemd(there) => there.pending(name),
            Self::Folders(there) => there.pending(name),
        }
    }

    /// What is known of a service, if it is here.
    pub(crate) fn service(&self, id: &ServiceId) -> Result<Option<ServiceStatus>, Refusal> {
        match self {
            Self::Embedded(there) => Ok(there.status().map_err(refused)?.service(id).cloned()),
            Self::Systemd(there) => there.service(id),
            Self::Folders(there) => there.service(id),
        }
    }

    /// The held sockets: name and address.
    pub(crate) fn sockets(&self) -> Result<Vec<(String, Address)>, Refusal> {
        match self {
            Self::Embedded(there) => {
                let sockets = there.status().map_err(refused)?.sockets;
                Ok(sockets.into_iter().map(|socket| (socket.name, socket.address)).collect())
            }
            Self::Systemd(there) => there.sockets(),
            Self::Folders(there) => there.sockets(),
        }
    }
}

fn refused(error: SupervisorError) -> Refusal {
    let refusal = Refusal::new(error.to_string());
    match error.hint() {
        Some(hint) => refusal.hint(hint),
        None => refusal,
    }
}

/// Every supervisor that has something of this root: where an address may be held.
pub(crate) fn present(layout: &Layout) -> Vec<Named> {
    let (cards, _) = Card::all(&layout.services());
    let mut named: Vec<Named> = cards.into_iter().map(|(_, card)| card.supervisor).collect();
    named.push(Named::Embedded);
    named.sort();
    named.dedup();
    named
}

/// Ends the embedded supervisor where it has nothing left to do and another has taken over.
pub(crate) fn end_idle(layout: &Layout) -> Result<(), Refusal> {
    let (cards, _) = Card::all(&layout.services());
    if cards.is_empty() {
        return Ok(());
    }
    let Some(there) = client::Supervisor::connect(layout.root()).map_err(refused)? else { return Ok(()) };
    let status = there.status().map_err(refused)?;
    match status.services.is_empty() && status.sockets.is_empty() {
        true => there.shutdown().map_err(refused),
        false => Ok(()),
    }
}

/// The generations of all services that a supervisor knows, stopped ones too.
pub(crate) fn generations(layout: &Layout) -> Result<BTreeSet<u64>, Refusal> {
    let mut remarks = Vec::new();
    let (embedded, _) = embedded(layout, &mut remarks);
    let (cards, wrong) = Card::all(&layout.services());
    remarks.extend(wrong);
    if let Some(remark) = remarks.pop() {
        return Err(Refusal::new(remark));
    }
    let theirs = cards.into_iter().map(|(_, card)| card.spec.generation);
    let ours = embedded.into_iter().flat_map(|status| status.services).map(|service| service.generation);
    Ok(theirs.chain(ours).collect())
}

/// What a root's services are, under all supervisors together.
#[derive(Debug, Default)]
pub(crate) struct Everything {
    /// Those that are wanted up, with their supervisor.
    pub(crate) services: Vec<(Named, ServiceStatus)>,
    /// Whether all of them are watched: without that, what ends stays down.
    pub(crate) watched: bool,
    /// Files by which they run that are not as they were written.
    pub(crate) altered: Vec<Altered>,
    /// What went wrong in asking.
    pub(crate) remarks: Vec<String>,
}

/// Looks at every service that is wanted up. Starts nothing.
pub(crate) fn everything(layout: &Layout) -> Everything {
    let mut all = Everything::default();
    let (embedded, runs) = embedded(layout, &mut all.remarks);
    let up = |there: &ServiceStatus| there.wanted == Wanted::Up;
    let services = embedded.into_iter().flat_map(|status| status.services).filter(up);
    all.services.extend(services.map(|there| (Named::Embedded, there)));
    let (cards, wrong) = Card::all(&layout.services());
    all.remarks.extend(wrong);
    let cards: Vec<Card> =
        cards.into_iter().map(|(_, card)| card).filter(|card| card.wanted == Wanted::Up).collect();
    let mut watched = runs || all.services.is_empty() && !cards.is_empty();
    for card in cards {
        let supervisor = Supervisor::foreign(layout, &card.supervisor);
        all.altered.extend(supervisor.altered(&card));
        match supervisor.service(&card.spec.id()) {
            Ok(there) => {
                let there = there.unwrap_or_else(|| service_folder::unknown(&card));
                watched &= supervisor.watches(&card);
                all.services.push((card.supervisor, there));
            }
            Err(refusal) => {
                watched = false;
                all.remarks.push(refusal.what);
                all.services.push((card.supervisor.clone(), service_folder::unknown(&card)));
            }
        }
    }
    all.services.sort_by(|(_, one), (_, other)| {
        (&one.process, one.generation).cmp(&(&other.process, other.generation))
    });
    all.watched = watched;
    all
}

impl Supervisor {
    /// The files by which the service of `card` runs, and its socket, that are not as they were written.
    fn altered(&self, card: &Card) -> Vec<Altered> {
        match self {
            // It runs nothing by files.
            Self::Embedded(_) => Vec::new(),
            Self::Systemd(there) => there.altered(card),
            Self::Folders(there) => there.altered(card),
        }
    }

    /// Whether somebody watches the service of `card`, of a supervisor that is not ours.
    fn watches(&self, card: &Card) -> bool {
        match self {
            Self::Embedded(_) => true,
            Self::Systemd(there) => there.answers(),
            Self::Folders(there) => there.watches(card),
        }
    }
}

/// What the embedded supervisor says, and whether it runs. When it does not, its record tells what it ran.
fn embedded(layout: &Layout, remarks: &mut Vec<String>) -> (Option<Status>, bool) {
    let root = layout.root();
    let asked =
        client::Supervisor::connect(root).and_then(|there| there.map(|there| there.status()).transpose());
    match asked {
        Ok(Some(status)) => (Some(status), true),
        Ok(None) => {
            let left = unwatched::status(root).unwrap_or_else(|why| {
                remarks.push(why);
                None
            });
            (left, false)
        }
        Err(error) => {
            remarks.push(error.to_string());
            (None, false)
        }
    }
}

/// Whether a state is one in which nothing is tried any more.
pub(crate) fn gave_up(status: &ServiceStatus) -> Option<&str> {
    status.instances.iter().find_map(|instance| match &instance.state {
        InstanceState::GaveUp { reason } => Some(reason.as_str()),
        _ => None,
    })
}
