//! What runit, daemontools and systemd have in common: the service's folder is made, and what its files say of an
//! instance is put together with what the supervisor says.

use crate::supervise::folder::{Card, Life, instance, last_exit};
use crate::supervise::group;
use crate::supervise::protocol::{
    Address, InstanceState, InstanceStatus, Refusal, ServiceSpec, ServiceStatus, Wanted,
};
use pintail_core::layout::Layout;
use pintail_core::observed::{Alteration, Altered};
use pintail_core::plan::Supervisor;
use pintail_core::supervision::{ended_script, is_as_written};
use pintail_os::process::Account;
use pintail_os::{clock, files, process};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What an instance inherits of whoever deploys it: the same after a reboot, where that one isn't there.
const INHERITED: [&str; 5] = ["PATH", "HOME", "USER", "LANG", "TZ"];

/// The longest text of ours, in bytes, a root's path many times in it.
const TEXT_LIMIT_BYTES: u64 = 256 << 10;

/// Who owns a root, and so whom its services run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) number: u32,
    pub(super) group: u32,
    pub(super) name: String,
    pub(super) home: String,
}

impl Owner {
    pub(super) fn of(layout: &Layout) -> Result<Self, Refusal> {
        let root = layout.root();
        let found = fs::metadata(root)
            .map_err(|error| Refusal::new(format!("cannot look at `{}`: {error}", root.display())))?;
        // Who deploys knows who they are, also where `/etc/passwd` does not.
        let own = (found.uid() == process::own_number())
            .then(|| Account { name: process::user(), home: std::env::var("HOME").unwrap_or_default() });
        let account = process::account(found.uid()).or(own).ok_or_else(|| {
            let what = format!("the owner of `{}`, user {}, has no name", root.display(), found.uid());
            Refusal::new(what).hint("services run as the owner of the root: give it to a user of /etc/passwd")
        })?;
        Ok(Self { number: found.uid(), group: found.gid(), name: account.name, home: account.home })
    }

    /// Whether it is somebody else than whoever deploys.
    pub(super) fn is_other(&self) -> bool {
        self.number != process::own_number()
    }

    /// Gives `path` to it.
    pub(super) fn give(&self, path: &Path) -> io::Result<()> {
        match self.is_other() {
            true => std::os::unix::fs::chown(path, Some(self.number), Some(self.group)),
            false => Ok(()),
        }
    }

    fn inherited(&self) -> BTreeMap<String, String> {
        let own = |name: &&str| Some(((*name).to_owned(), std::env::var(name).ok()?));
        let mut inherited: BTreeMap<String, String> = INHERITED.iter().filter_map(own).collect();
        if self.is_other() {
            inherited.insert("USER".to_owned(), self.name.clone());
            inherited.insert("HOME".to_owned(), self.home.clone());
        }
        inherited
    }
}

/// Failed on `path`.
pub(super) fn wrong(what: &str, path: &Path, error: &io::Error) -> Refusal {
    let refusal = Refusal::new(format!("cannot {what} `{}`: {error}", path.display()));
    match crate::trouble::io_hint(error) {
        Some(hint) => refusal.hint(hint),
        None => refusal,
    }
}

/// The folder of the service of `spec`, with everything but what its supervisor alone wants. Its card says that it is
/// wanted up from here on.
pub(super) fn make(
    layout: &Layout,
    supervisor: &Supervisor,
    spec: &ServiceSpec,
    owner: &Owner,
) -> Result<Card, Refusal> {
    let folder = layout.service(&spec.process, spec.generation);
    let failed = |error: io::Error| wrong("make", &folder, &error);
    let card = Card::new(layout.root(), supervisor, spec, owner.inherited());
    let before = Card::load(&folder).map_err(Refusal::new)?;
    if let Some(before) = &before
        && (before.spec != card.spec || before.supervisor != card.supervisor)
    {
        return Err(Refusal::new(format!("`{}` is here with another specification", spec.id()))
            .hint("stop and forget it, or take a new generation"));
    }
    files::make_folder(&folder, 0o755).map_err(failed)?;
    files::make_folder(&layout.log(), 0o755).map_err(failed)?;
    put_program(&folder).map_err(failed)?;
    put(&folder.join("ended"), &ended_script(layout.root(), &folder), 0o755).map_err(failed)?;
    for n in 1..=spec.instances {
        let place = instance(&folder, n);
        files::make_folder(&place, 0o755).map_err(failed)?;
        // One that was stopped, or was never started, begins anew.
        if before.as_ref().is_none_or(|before| before.wanted == Wanted::Down) {
            Life::forget(&place).map_err(failed)?;
        }
        owner.give(&place).map_err(failed)?;
    }
    let log = fs::OpenOptions::new().append(true).create(true).open(&spec.log);
    log.and_then(|_| owner.give(&spec.log)).map_err(|error| wrong("write to", &spec.log, &error))?;
    if let Some(settings) = spec.env_file.as_deref().filter(|path| path.exists()) {
        owner.give(settings).map_err(|error| wrong("give away", settings, &error))?;
    }
    card.save(&folder).map_err(failed)?;
    Ok(card)
}

/// Puts this very program into `folder`, where no upgrade takes it away.
pub(super) fn put_program(folder: &Path) -> io::Result<()> {
    let place = folder.join("pintail");
    if place.exists() {
        return Ok(());
    }
    // By its name where it has one still: a link takes no room.
    let named = fs::read_link("/proc/self/exe").ok().filter(|path| path.is_file());
    match named.map(|path| files::link_whole(&path, &place)) {
        Some(Ok(())) => Ok(()),
        // A file of somebody else's may not be linked to, and an unlinked one can't.
        _ => files::copy_whole(Path::new("/proc/self/exe"), &place),
    }
}

/// Puts `text` at `path`, whole, unless it is there already. Says whether it was not.
pub(super) fn put(path: &Path, text: &str, mode: u32) -> io::Result<bool> {
    if fs::read(path).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(false);
    }
    files::write_whole(path, text.as_bytes(), mode).map(|()| true)
}

/// How the text at `path`, which Pintail wrote with its mark, was changed since; `None` when it wasn't.
pub(super) fn alteration(path: &Path) -> Option<Alteration> {
    match files::read_bounded(path, TEXT_LIMIT_BYTES) {
        Err(_) => Some(Alteration::Missing),
        Ok(bytes) if std::str::from_utf8(&bytes).is_ok_and(is_as_written) => None,
        Ok(_) => Some(Alteration::Changed),
    }
}

/// The same for each of `paths`, told as the service's of `card`.
pub(super) fn altered(card: &Card, paths: &[PathBuf]) -> Vec<Altered> {
    let one = |path: &PathBuf| Some(told(card, path, alteration(path)?));
    paths.iter().filter_map(one).collect()
}

/// `path` of the service of `card` was changed by hand.
pub(super) fn told(card: &Card, path: &Path, how: Alteration) -> Altered {
    Altered { service: card.spec.id().to_string(), path: path.display().to_string(), how }
}

/// Says in the card of `folder` that it is wanted down from here on; gives it, where there is one.
pub(super) fn lower(folder: &Path) -> Result<Option<Card>, Refusal> {
    let Some(mut card) = Card::load(folder).map_err(Refusal::new)? else { return Ok(None) };
    if card.wanted == Wanted::Up {
        card.wanted = Wanted::Down;
        card.save(folder).map_err(|error| wrong("write to", folder, &error))?;
    }
    Ok(Some(card))
}

/// What a supervisor says of an instance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// Its process, while there is one.
    pub(super) pid: Option<u32>,
    /// Since when, in milliseconds since 1970, as far as the supervisor knows.
    pub(super) since_ms: u64,
    /// It is being stopped.
    pub(super) stops: bool,
    /// Nothing is tried any more: why.
    pub(super) gave_up: Option<String>,
    /// How it ended last, where the supervisor knows.
    pub(super) ended: Option<String>,
}

/// What a service is, from what its supervisor says of each instance, and from what the instances wrote themselves.
pub(super) fn status(layout: &Layout, card: &Card, said: &dyn Fn(u32) -> Said) -> ServiceStatus {
    let folder = layout.service(&card.spec.process, card.spec.generation);
    let instances = (1..=card.spec.instances).map(|n| one(card, n, &instance(&folder, n), said(n)));
    ServiceStatus {
        process: card.spec.process.clone(),
        generation: card.spec.generation,
        release: card.spec.release.clone(),
        wanted: card.wanted,
        stop_timeout_ms: card.spec.stop_timeout_ms,
        instances: instances.collect(),
    }
}

fn one(card: &Card, n: u32, place: &Path, said: Said) -> InstanceStatus {
    let life = Life::load(place);
    let down = card.wanted == Wanted::Down;
    let given_up = life.as_ref().and_then(|life| life.gave_up.clone());
    let waits = life.as_ref().and_then(|life| life.waits_until_ms).filter(|until| *until > clock::now_ms());
    let is_own = |pid| life.as_ref().is_some_and(|life| life.process.pid == pid);
    let left = life.as_ref().and_then(Life::process).is_some_and(group::is_alive);
    let state = match said.pid {
        _ if said.stops => InstanceState::Stopping,
        Some(_) if down => InstanceState::Stopping,
        Some(_) if waits.is_some() => InstanceState::Backoff { until_ms: waits.unwrap_or_default() },
        // Where it may not tell its supervisor to leave it, it stays.
        Some(pid) if is_own(pid) && given_up.is_some() => {
            InstanceState::GaveUp { reason: given_up.unwrap_or_default() }
        }
        Some(pid) if is_own(pid) => InstanceState::Running,
        // The script, or `pintail enter` before it wrote its name.
        Some(_) => InstanceState::Starting,
        None if down && left => InstanceState::Stopping,
        None if down => InstanceState::Stopped,
        None => match given_up.or(said.gave_up) {
            Some(reason) => InstanceState::GaveUp { reason },
            None => InstanceState::Backoff { until_ms: clock::now_ms() },
        },
    };
    InstanceStatus {
        n,
        pid: said.pid,
        state,
        since_ms: life.as_ref().map_or(said.since_ms, |life| life.since_ms),
        restarts: life.as_ref().map_or(0, |life| life.restarts),
        last_exit: last_exit(place).or(said.ended).or_else(|| {
            let again = life.is_some_and(|life| life.restarts > 0);
            again.then(|| format!("ended; {} does not tell how", card.supervisor))
        }),
    }
}

/// A service of which its supervisor says nothing.
pub(super) fn unknown(card: &Card) -> ServiceStatus {
    let instances = (1..=card.spec.instances).map(|n| InstanceStatus {
        n,
        pid: None,
        state: InstanceState::Stopped,
        since_ms: 0,
        restarts: 0,
        last_exit: None,
    });
    ServiceStatus {
        process: card.spec.process.clone(),
        generation: card.spec.generation,
        release: card.spec.release.clone(),
        wanted: card.wanted,
        stop_timeout_ms: card.spec.stop_timeout_ms,
        instances: instances.collect(),
    }
}

/// Whether a service that is wanted up uses the socket `name`; then it can't be closed.
pub(super) fn in_use(layout: &Layout, name: &str) -> Result<(), Refusal> {
    let (cards, _) = Card::all(&layout.services());
    let uses = |card: &&Card| {
        card.wanted == Wanted::Up && card.spec.socket.as_ref().is_some_and(|socket| socket.held == name)
    };
    match cards.iter().map(|(_, card)| card).find(uses) {
        None => Ok(()),
        Some(user) => {
            Err(Refusal::new(format!("cannot close socket `{name}`: `{}` uses it", user.spec.id()))
                .hint("stop it first"))
        }
    }
}

/// An address as the plan has it.
pub(super) fn planned(address: &Address) -> pintail_core::plan::Address {
    match address {
        Address::Unix(path) => pintail_core::plan::Address::Unix(path.clone()),
        Address::Tcp(tcp) => pintail_core::plan::Address::Tcp(*tcp),
    }
}

/// Where the folder of `spec`'s service is.
pub(super) fn place(layout: &Layout, spec: &ServiceSpec) -> PathBuf {
    layout.service(&spec.process, spec.generation)
}
