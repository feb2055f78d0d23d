//! runit and daemontools: a real service folder for each instance, below `ROOT/services`, made whole and then
//! linked into the folder that `runsvdir` or `svscan` reads. It is told to start and stop by the pipes of its
//! `supervise/`, and asked by their status file.
//!
//! The sockets are held by `pintail keep`, which is such a service too.

use super::service_folder::{self, Owner, Said, put, wrong};
use crate::supervise::folder::{Card, Life, instance};
use crate::supervise::group;
use crate::supervise::held::Held;
use crate::supervise::protocol::{Address, Refusal, ServiceId, ServiceSpec, ServiceStatus, Wanted};
use crate::supervise::scanned::{self, Word};
use pintail_core::layout::Layout;
use pintail_core::observed::Altered;
use pintail_core::plan::Supervisor as Named;
use pintail_core::supervision::{Names, Script, ended_script, holder_script, run_script};
use pintail_os::process::Signal;
use pintail_os::{files, process};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long `runsvdir` or `svscan` may take to see a new folder: both look every five seconds.
const SEEN_TIMEOUT: Duration = Duration::from_secs(20);
/// How long it may take to let go of a folder.
const LEFT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the holder may take from its start until it answers.
const HOLDER_TIMEOUT: Duration = Duration::from_secs(20);
const GLANCE: Duration = Duration::from_millis(10);
/// What members of a group get between TERM and KILL once their leader is gone, as the embedded supervisor gives.
const LEFTOVER_TIMEOUT: Duration = Duration::from_secs(2);

/// A root's services under runit or daemontools.
#[derive(Debug)]
pub(crate) struct Folders {
    layout: Layout,
    named: Named,
    names: Names,
    held: Held,
}

impl Folders {
    pub(super) fn new(layout: &Layout, named: &Named) -> Self {
        Self {
            layout: layout.clone(),
            named: named.clone(),
            names: Names::new(layout.root()),
            held: Held::new(layout.root()),
        }
    }

    pub(super) fn bind(&self, name: &str, address: &Address, mode: u32) -> Result<(), Refusal> {
        self.make_holder()?;
        self.held.bind(name, address, mode)?;
        self.give_record()?;
        if let Some(path) = address.path() {
            let owner = Owner::of(&self.layout)?;
            // The folder too: after a reboot it is the holder that binds the socket there, by another name first.
            for path in [path, &self.layout.run()] {
                owner.give(path).map_err(|error| wrong("give away", path, &error))?;
            }
        }
        Ok(())
    }

    /// The holder reads it when it comes back, and runs as the root's owner.
    fn give_record(&self) -> Result<(), Refusal> {
        let owner = Owner::of(&self.layout)?;
        for path in self.held.files().iter().filter(|path| path.exists()) {
            owner.give(path).map_err(|error| wrong("give away", path, &error))?;
        }
        Ok(())
    }

    pub(super) fn start(&self, spec: &ServiceSpec) -> Result<(), Refusal> {
        let owner = Owner::of(&self.layout)?;
        let folder = service_folder::place(&self.layout, spec);
        service_folder::make(&self.layout, &self.named, spec, &owner)?;
        let user = self.becomes(&owner);
        let script = Script { root: self.layout.root(), user: &user, log: &spec.log };
        for n in 1..=spec.instances {
            let place = instance(&folder, n);
            let failed = |error: io::Error| wrong("make", &place, &error);
            put(&place.join("run"), &run_script(&script, &folder, n), 0o755).map_err(failed)?;
            // runit calls it; daemontools does not.
            put(&place.join("finish"), &ended_script(self.layout.root(), &folder), 0o755).map_err(failed)?;
            files::remove_file(&place.join("down")).map_err(failed)?;
            self.link(&self.names.scanned(&spec.process, spec.generation, n), &place)?;
        }
        for n in 1..=spec.instances {
            let place = instance(&folder, n);
            self.await_watched(&place)?;
            // One that is up already takes no notice.
            scanned::tell(&place, Word::Up).map_err(|error| wrong("tell", &place, &error))?;
        }
        Ok(())
    }

    /// Tells all instances to end, and kills those that don't in time, with what they leave.
    pub(super) fn stop(&self, id: &ServiceId, timeout: Duration) -> Result<(), Refusal> {
        let folder = self.layout.service(&id.process, id.generation);
        let Some(card) = service_folder::lower(&folder)? else { return Ok(()) };
        let places: Vec<PathBuf> = (1..=card.spec.instances).map(|n| instance(&folder, n)).collect();
        for place in places.iter().filter(|place| place.exists()) {
            // Not after a reboot either.
            put(&place.join("down"), "", 0o644).map_err(|error| wrong("write to", place, &error))?;
            scanned::tell(place, Word::Down).map_err(|error| wrong("tell", place, &error))?;
        }
        let until = Instant::now() + timeout;
        for place in &places {
            while is_up(place) {
                if Instant::now() > until {
                    kill(place)?;
                    break;
                }
                std::thread::sleep(GLANCE);
            }
        }
        places.iter().for_each(|place| sweep(place));
        Ok(())
    }

    pub(super) fn forget(&self, id: &ServiceId) -> Result<(), Refusal> {
        let folder = self.layout.service(&id.process, id.generation);
        let Some(card) = Card::load(&folder).map_err(Refusal::new)? else {
            // What a crash left half made has no card and no link.
            return files::remove_tree(&folder).map_err(|error| wrong("remove", &folder, &error));
        };
        for n in 1..=card.spec.instances {
            let place = instance(&folder, n);
            // Stopped is what has no process; that runit runs `finish` yet is no matter of the caller's.
            let until = Instant::now() + LEFT_TIMEOUT;
            while is_up(&place) {
                if orphan(&place).is_some() || Instant::now() > until {
                    return Err(Refusal::new("it is not stopped"));
                }
                std::thread::sleep(GLANCE);
            }
            self.leave(&self.names.scanned(&id.process, id.generation, n), &place)?;
        }
        files::remove_tree(&folder).map_err(|error| wrong("remove", &folder, &error))
    }

    /// Closes a socket; with the last one its holder goes.
    pub(super) fn close(&self, name: &str) -> Result<(), Refusal> {
        service_folder::in_use(&self.layout, name)?;
        let folder = self.holder();
        if !folder.exists() {
            return Ok(());
        }
        self.held.close(name)?;
        self.give_record()?;
        if !self.held.sockets()?.is_empty() {
            return Ok(());
        }
        scanned::tell(&folder, Word::Down).map_err(|error| wrong("tell", &folder, &error))?;
        self.leave(&self.names.scanned_holder(), &folder)?;
        files::remove_tree(&folder).map_err(|error| wrong("remove", &folder, &error))
    }

    pub(super) fn pending(&self, name: &str) -> bool {
        self.held.pending(name).unwrap_or(false)
    }

    pub(super) fn service(&self, id: &ServiceId) -> Result<Option<ServiceStatus>, Refusal> {
        let folder = self.layout.service(&id.process, id.generation);
        let Some(card) = Card::load(&folder).map_err(Refusal::new)? else { return Ok(None) };
        let said = |n| {
            let place = instance(&folder, n);
            let seen = scanned::look(&place).filter(|_| scanned::is_watched(&place));
            match seen {
                Some(seen) => {
                    // What ends may still be written down.
                    let stops = seen.finishes && card.wanted == Wanted::Down;
                    // One that outlived its watcher is waited for by the next one's `enter`.
                    let pid = orphan(&place).or(seen.pid);
                    Said { pid, since_ms: seen.since_ms, stops, ..Said::default() }
                }
                None => Said { pid: orphan(&place), ..Said::default() },
            }
        };
        Ok(Some(service_folder::status(&self.layout, &card, &said)))
    }

    pub(super) fn sockets(&self) -> Result<Vec<(String, Address)>, Refusal> {
        match self.holder().exists() {
            true => self.held.sockets(),
            false => Ok(Vec::new()),
        }
    }

    /// Whether every instance has a `runsv` or `supervise`.
    pub(super) fn watches(&self, card: &Card) -> bool {
        let folder = service_folder::place(&self.layout, &card.spec);
        (1..=card.spec.instances).all(|n| scanned::is_watched(&instance(&folder, n)))
    }

    pub(super) fn altered(&self, card: &Card) -> Vec<Altered> {
        let folder = service_folder::place(&self.layout, &card.spec);
        let mut texts = vec![folder.join("ended")];
        for n in 1..=card.spec.instances {
            texts.extend(["run", "finish"].map(|script| instance(&folder, n).join(script)));
        }
        if card.spec.socket.is_some() {
            texts.push(self.holder().join("run"));
        }
        service_folder::altered(card, &texts)
    }

    fn holder(&self) -> PathBuf {
        self.layout.services().join("holder")
    }

    /// The folder that `runsvdir` or `svscan` reads.
    fn scan(&self) -> &Path {
        match &self.named {
            Named::Runit { services } | Named::Daemontools { services } => services,
            // Never made for these.
            Named::Embedded | Named::Systemd | Named::SystemdUser => Path::new("/"),
        }
    }

    /// What becomes the root's owner, where whoever deploys is somebody else.
    fn becomes<'a>(&self, owner: &'a Owner) -> Vec<&'a str> {
        match &self.named {
            _ if !owner.is_other() => vec![],
            Named::Daemontools { .. } => vec!["setuidgid", &owner.name],
            _ => vec!["chpst", "-u", &owner.name],
        }
    }

    /// Makes sure that the holder runs. It is not told to stop but when the last socket is closed.
    fn make_holder(&self) -> Result<(), Refusal> {
        let (folder, owner) = (self.holder(), Owner::of(&self.layout)?);
        let failed = |error: io::Error| wrong("make", &folder, &error);
        let log = self.layout.log().join("supervisor.log");
        let user = self.becomes(&owner);
        let script = Script { root: self.layout.root(), user: &user, log: &log };
        let text = holder_script(&script, &folder);
        if self.held.answers() && scanned::is_watched(&folder) {
            // What it is started by the next time.
            return put(&folder.join("run"), &text, 0o755).map(|_| ()).map_err(failed);
        }
        files::make_folder(&self.layout.log(), 0o755).map_err(failed)?;
        files::make_folder(&folder, 0o755).map_err(failed)?;
        owner.give(&folder).map_err(failed)?;
        service_folder::put_program(&folder).map_err(failed)?;
        put(&folder.join("run"), &text, 0o755).map_err(failed)?;
        self.link(&self.names.scanned_holder(), &folder)?;
        self.await_watched(&folder)?;
        scanned::tell(&folder, Word::Up).map_err(|error| wrong("tell", &folder, &error))?;
        let until = Instant::now() + HOLDER_TIMEOUT;
        while !self.held.answers() {
            if Instant::now() > until {
                return Err(Refusal::new(format!("the holder in `{}` does not answer", folder.display()))
                    .hint(format!("`{}` may say why", log.display())));
            }
            std::thread::sleep(GLANCE);
        }
        Ok(())
    }

    /// Shows `place` to the scan, by rename of a link.
    fn link(&self, name: &str, place: &Path) -> Result<(), Refusal> {
        let link = self.scan().join(name);
        if files::link_target(&link).is_ok_and(|there| there.as_deref() == Some(place)) {
            return Ok(());
        }
        if files::link_target(&link).is_ok_and(|there| there.is_some()) {
            return Err(Refusal::new(format!("`{}` is there and leads elsewhere", link.display()))
                .hint("another root has that name; move this one"));
        }
        files::replace_symlink(&link, place).map_err(|error| {
            let refusal = wrong("make the link", &link, &error);
            match error.kind() {
                io::ErrorKind::NotFound => refusal.hint(format!(
                    "`services` in `[host]` names the folder that {} reads; `{}` is not there",
                    self.reader(),
                    self.scan().display()
                )),
                io::ErrorKind::PermissionDenied => refusal.hint(format!(
                    "`services` in `[host]` names a folder that {} of this user's own reads; or let root deploy",
                    self.reader()
                )),
                _ => refusal,
            }
        })
    }

    fn reader(&self) -> &'static str {
        match self.named {
            Named::Daemontools { .. } => "`svscan`",
            _ => "`runsvdir`",
        }
    }

    fn await_watched(&self, place: &Path) -> Result<(), Refusal> {
        let until = Instant::now() + SEEN_TIMEOUT;
        while !scanned::is_watched(place) {
            if Instant::now() > until {
                let what =
                    format!("nobody watches `{}`: not within {} s", place.display(), SEEN_TIMEOUT.as_secs());
                return Err(Refusal::new(what).hint(format!(
                    "{} must run for `{}`, as this user or as root with root deploying",
                    self.reader(),
                    self.scan().display()
                )));
            }
            std::thread::sleep(GLANCE);
        }
        Ok(())
    }

    /// Takes `place` from the scan, and waits until nobody watches it.
    fn leave(&self, name: &str, place: &Path) -> Result<(), Refusal> {
        let link = self.scan().join(name);
        if files::link_target(&link).is_ok_and(|there| there.as_deref() == Some(place)) {
            files::remove_file(&link).map_err(|error| wrong("remove", &link, &error))?;
        }
        let until = Instant::now() + LEFT_TIMEOUT;
        while scanned::is_watched(place) {
            // Both end on it once the service is down; told in vain before that.
            scanned::tell(place, Word::Exit).map_err(|error| wrong("tell", place, &error))?;
            if Instant::now() > until {
                return Err(Refusal::new(format!("somebody still watches `{}`", place.display())));
            }
            std::thread::sleep(GLANCE);
        }
        Ok(())
    }
}

/// A process of the instance in `place` that outlived whoever watched it.
fn orphan(place: &Path) -> Option<u32> {
    let leader = Life::load(place)?.process()?;
    (process::identity(leader.pid) == Some(leader)).then_some(leader.pid)
}

fn is_up(place: &Path) -> bool {
    let seen = scanned::look(place).filter(|_| scanned::is_watched(place));
    if seen.is_some_and(|seen| seen.pid.is_some() || seen.finishes) {
        return true;
    }
    // Nobody else tells it any more.
    if let Some(pid) = orphan(place) {
        let _ = process::signal(pid, Signal::TERM);
    }
    orphan(place).is_some()
}

/// Kills the instance in `place` with its group. Not by runsv's own word for it: where that comes just behind the end,
/// runsv forgets that it is to run `finish`, and its status says for ever that it will.
fn kill(place: &Path) -> Result<(), Refusal> {
    let leader = Life::load(place).and_then(|life| life.process());
    let known =
        leader.filter(|leader| process::identity(leader.pid) == Some(*leader)).map(|leader| leader.pid);
    // It may be one that wrote no name yet.
    let Some(pid) = known.or_else(|| scanned::look(place)?.pid) else { return Ok(()) };
    let killed = process::signal_group(pid, Signal::KILL).and(process::signal(pid, Signal::KILL));
    killed.map_err(|error| Refusal::new(format!("cannot kill process {pid}: {error}")))
}

/// Ends what a leader that is gone left of its group.
fn sweep(place: &Path) {
    let Some(leader) = Life::load(place).and_then(|life| life.process()) else { return };
    let until = Instant::now() + LEFTOVER_TIMEOUT;
    let mut told = false;
    while process::identity(leader.pid).is_none() && group::is_alive(leader) {
        if !told {
            let _ = process::signal_group(leader.pid, Signal::TERM);
            told = true;
        }
        if Instant::now() > until {
            let _ = process::signal_group(leader.pid, Signal::KILL);
            return;
        }
        std::thread::sleep(GLANCE);
    }
}
