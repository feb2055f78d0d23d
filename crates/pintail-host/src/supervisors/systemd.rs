//! systemd, the system's or the user's: unit files in `ROOT/units`, linked into systemd. A socket has a unit of its
//! own; a service has a template, of which each instance is one. systemd watches, and passes the socket.
//!
//! What is read back is read from the files: which sockets there are, and which services are wanted.

use super::service_folder::{self, Owner, Said, planned, put, wrong};
use super::systemctl::{self, Whose};
use crate::supervise::folder::Card;
use crate::supervise::protocol::{Address, Refusal, ServiceId, ServiceSpec, ServiceStatus};
use pintail_core::layout::Layout;
use pintail_core::observed::{Alteration, Altered};
use pintail_core::plan::Supervisor as Named;
use pintail_core::supervision::{
    Manager, Names, ServiceUnit, SocketUnit, anchor_unit, service_unit, socket_unit,
};
use pintail_os::{files, process, socket};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// A root's services under systemd.
#[derive(Debug)]
pub(crate) struct Systemd {
    layout: Layout,
    named: Named,
    whose: Whose,
    names: Names,
}

/// The longest path that fits into a `sockaddr_un`, its final NUL not counted.
const PATH_LIMIT_BYTES: usize = 107;
/// What is asked of an instance's unit.
const PROPERTIES: &str = "Id,LoadState,ActiveState,SubState,MainPID,Result";

impl Systemd {
    pub(super) fn new(layout: &Layout, named: &Named) -> Self {
        let whose = if *named == Named::SystemdUser { Whose::User } else { Whose::System };
        Self { layout: layout.clone(), named: named.clone(), whose, names: Names::new(layout.root()) }
    }

    pub(super) fn bind(&self, name: &str, address: &Address, mode: u32) -> Result<(), Refusal> {
        let (unit, anchor) = (self.names.socket_unit(name), self.names.anchor_unit(name));
        if let Some(path) = address.path().filter(|path| path.as_os_str().len() > PATH_LIMIT_BYTES) {
            let what = format!("`{}` is too long a path for a socket of systemd's", path.display());
            return Err(Refusal::new(what)
                .hint(format!("it has {PATH_LIMIT_BYTES} bytes at most: choose a shorter `root`")));
        }
        let owner = Owner::of(&self.layout)?;
        let text = socket_unit(&SocketUnit {
            root: self.layout.root(),
            name,
            address: &planned(address),
            mode,
            manager: self.manager(&owner),
        });
        let anchor_text = anchor_unit(self.layout.root(), name, &unit);
        self.install(&[(&anchor, anchor_text), (&unit, text)])?;
        if self.is_active(&unit)? {
            return Ok(());
        }
        // One that failed before is tried anew.
        let _ = self.change(&["reset-failed", &unit], Duration::ZERO);
        self.change(&["enable", "--now", &unit], Duration::ZERO).map_err(|refusal| {
            let what = format!("cannot listen on `{address}` for `{name}`: {}", refusal.what);
            let hint = refusal.hint.unwrap_or_else(|| format!("`journalctl -u {unit}` may say why"));
            Refusal::new(what).hint(hint)
        })
    }

    pub(super) fn start(&self, spec: &ServiceSpec) -> Result<(), Refusal> {
        let owner = Owner::of(&self.layout)?;
        service_folder::make(&self.layout, &self.named, spec, &owner)?;
        let socket = spec.socket.as_ref().map(|socket| self.names.socket_unit(&socket.held));
        let text = service_unit(&ServiceUnit {
            root: self.layout.root(),
            what: &format!("{} ({})", spec.id(), spec.release),
            folder: &service_folder::place(&self.layout, spec),
            release: &spec.cwd,
            log: &spec.log,
            socket: socket.as_deref(),
            stop_timeout_ms: spec.stop_timeout_ms,
            manager: self.manager(&owner),
        });
        let template = self.names.service_unit(&spec.process, spec.generation);
        self.install(&[(&template, text)])?;
        let units = self.instances(&spec.id(), spec.instances);
        let _ = self.change(&words(&["reset-failed"], &units), Duration::ZERO);
        self.change(&words(&["enable"], &units), Duration::ZERO)?;
        match self.change(&words(&["start"], &units), Duration::ZERO) {
            // One that ended at once is started again by and by; that it does not stay is the health check's to say.
            Err(refusal) if !self.is_loaded(&spec.id())? => Err(refusal),
            _ => Ok(()),
        }
    }

    /// systemd kills what does not end in time, and all that is left in the service's control group.
    pub(super) fn stop(&self, id: &ServiceId, timeout: Duration) -> Result<(), Refusal> {
        let folder = self.layout.service(&id.process, id.generation);
        let Some(card) = service_folder::lower(&folder)? else { return Ok(()) };
        let units = self.instances(id, card.spec.instances);
        if !self.is_loaded(id)? {
            return Ok(());
        }
        // Not after a reboot either.
        self.change(&words(&["disable"], &units), Duration::ZERO)?;
        self.change(&words(&["stop"], &units), timeout)
    }

    pub(super) fn forget(&self, id: &ServiceId) -> Result<(), Refusal> {
        let folder = self.layout.service(&id.process, id.generation);
        let template = self.names.service_unit(&id.process, id.generation);
        let card = Card::load(&folder).map_err(Refusal::new)?;
        let instances = card.map_or(1, |card| card.spec.instances);
        if self.is_loaded(id)? {
            let units = self.instances(id, instances);
            let _ = self.change(&words(&["reset-failed"], &units), Duration::ZERO);
        }
        self.remove(&[&template])?;
        files::remove_tree(&folder).map_err(|error| wrong("remove", &folder, &error))
    }

    pub(super) fn close(&self, name: &str) -> Result<(), Refusal> {
        service_folder::in_use(&self.layout, name)?;
        let (unit, anchor) = (self.names.socket_unit(name), self.names.anchor_unit(name));
        if !self.layout.units().join(&unit).exists() {
            return Ok(());
        }
        // Stopped first: a unit that is disabled is unlinked, and forgets that its file goes with it.
        for unit in [&unit, &anchor].into_iter().filter(|unit| self.is_linked(unit)) {
            self.change(&["stop", unit], Duration::ZERO)?;
        }
        self.remove(&[&unit, &anchor])
    }

    /// The kernel says how many wait; where it doesn't, some may.
    pub(super) fn pending(&self, name: &str) -> bool {
        let sockets = self.sockets().unwrap_or_default();
        let Some((_, address)) = sockets.into_iter().find(|(there, _)| there == name) else { return false };
        match address {
            Address::Unix(path) => socket::waiting_at_path(&path).unwrap_or(true),
            Address::Tcp(address) => socket::waiting_at_port(address).unwrap_or(true),
        }
    }

    pub(super) fn service(&self, id: &ServiceId) -> Result<Option<ServiceStatus>, Refusal> {
        let folder = self.layout.service(&id.process, id.generation);
        let Some(card) = Card::load(&folder).map_err(Refusal::new)? else { return Ok(None) };
        let units = self.instances(id, card.spec.instances);
        let answer = systemctl::ask(self.whose, &words(&["show", "-p", PROPERTIES], &units))?;
        let told = told(&answer);
        let said = |n: u32| {
            let unit = self.names.instance_unit(&id.process, id.generation, n);
            told.get(&unit).map(said).unwrap_or_default()
        };
        Ok(Some(service_folder::status(&self.layout, &card, &said)))
    }

    /// The sockets that have a unit.
    pub(super) fn sockets(&self) -> Result<Vec<(String, Address)>, Refusal> {
        let folder = self.layout.units();
        let begin = format!("{}-", self.names.prefix());
        let mut sockets = Vec::new();
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let file = entry.file_name().to_string_lossy().into_owned();
            let Some(name) = file.strip_prefix(&begin).and_then(|name| name.strip_suffix(".socket")) else {
                continue;
            };
            let text =
                fs::read_to_string(entry.path()).map_err(|error| wrong("read", &entry.path(), &error))?;
            let address = text.lines().find_map(|line| line.strip_prefix("ListenStream="));
            sockets.extend(address.and_then(listens).map(|address| (name.to_owned(), address)));
        }
        sockets.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(sockets)
    }

    /// Looked at in the folders: what was written there and not loaded yet counts too.
    pub(super) fn altered(&self, card: &Card) -> Vec<Altered> {
        let id = card.spec.id();
        let template = self.names.service_unit(&id.process, id.generation);
        let held = card.spec.socket.iter().map(|socket| &socket.held);
        let sockets: Vec<String> =
            held.flat_map(|held| [self.names.socket_unit(held), self.names.anchor_unit(held)]).collect();
        let units: Vec<&String> = [&template].into_iter().chain(&sockets).collect();
        let mut texts = vec![service_folder::place(&self.layout, &card.spec).join("ended")];
        texts.extend(units.iter().map(|unit| self.layout.units().join(unit)));
        let mut altered = service_folder::altered(card, &texts);
        // `systemctl edit --full` puts a file in the place of the link.
        let links = units
            .iter()
            .filter(|unit| !self.is_linked(unit))
            .filter_map(|unit| Some(self.folders().into_iter().next()?.join(unit)));
        altered.extend(links.map(|link| service_folder::told(card, &link, Alteration::Missing)));
        let of_service: Vec<String> =
            self.instances(&id, card.spec.instances).into_iter().chain([template.clone()]).collect();
        for (units, how) in [(of_service, Alteration::Added), (sockets, Alteration::AddedToSocket)] {
            let added = units.iter().flat_map(|unit| self.added(unit));
            altered.extend(added.map(|path| service_folder::told(card, &path, how)));
        }
        altered
    }

    /// What somebody put beside a unit's own file, as `systemctl edit` and `systemctl set-property` do.
    fn added(&self, unit: &str) -> Vec<PathBuf> {
        let beside = |folder: PathBuf| fs::read_dir(folder.join(format!("{unit}.d"))).into_iter().flatten();
        let entries = self.folders().into_iter().flat_map(beside).flatten().map(|entry| entry.path());
        let mut paths: Vec<PathBuf> =
            entries.filter(|path| path.extension().is_some_and(|is| is == "conf")).collect();
        paths.sort();
        paths
    }

    /// The folders that systemd reads units from and whose content is made on this machine; first where ours are linked.
    fn folders(&self) -> Vec<PathBuf> {
        let (lasting, until_reboot) = match self.whose {
            Whose::System => {
                (Some(PathBuf::from("/etc/systemd/system")), Some(PathBuf::from("/run/systemd/system")))
            }
            Whose::User => {
                let run = PathBuf::from(format!("/run/user/{}/systemd/user", process::own_number()));
                (user_units(), Some(run))
            }
        };
        // What `systemctl set-property` writes has a folder of its own.
        let all = [lasting, until_reboot].into_iter().flatten();
        all.flat_map(|folder| [folder.clone(), folder.with_extension("control")]).collect()
    }

    /// Whether systemd can be asked at all.
    pub(super) fn answers(&self) -> bool {
        systemctl::ask(self.whose, &["show", "-p", "Version"]).is_ok()
    }

    fn manager<'a>(&self, owner: &'a Owner) -> Manager<'a> {
        match self.whose {
            Whose::System => Manager::System { user: &owner.name },
            Whose::User => Manager::User,
        }
    }

    fn instances(&self, id: &ServiceId, count: u32) -> Vec<String> {
        (1..=count).map(|n| self.names.instance_unit(&id.process, id.generation, n)).collect()
    }

    fn change(&self, words: &[&str], more: Duration) -> Result<(), Refusal> {
        systemctl::change(self.whose, words, more)
    }

    /// Writes unit files whole, and links those that systemd doesn't know into it.
    fn install(&self, units: &[(&String, String)]) -> Result<(), Refusal> {
        let folder = self.layout.units();
        files::make_folder(&folder, 0o755).map_err(|error| wrong("make", &folder, &error))?;
        let mut changed = false;
        for (name, text) in units {
            let path = folder.join(name);
            changed |= put(&path, text, 0o644).map_err(|error| wrong("write", &path, &error))?;
        }
        let paths: Vec<String> =
            units.iter().map(|(name, _)| folder.join(name).display().to_string()).collect();
        let known = units.iter().all(|(name, _)| self.is_linked(name));
        if !known {
            return self.change(&words(&["link"], &paths), Duration::ZERO);
        }
        match changed {
            true => self.change(&["daemon-reload"], Duration::ZERO),
            false => Ok(()),
        }
    }

    /// Takes unit files from systemd, and away.
    fn remove(&self, units: &[&String]) -> Result<(), Refusal> {
        let linked: Vec<&str> =
            units.iter().filter(|unit| self.is_linked(unit)).map(|unit| unit.as_str()).collect();
        if !linked.is_empty() {
            self.change(&[&["disable"], linked.as_slice()].concat(), Duration::ZERO)?;
        }
        for unit in units {
            let path = self.layout.units().join(unit);
            files::remove_file(&path).map_err(|error| wrong("remove", &path, &error))?;
        }
        Ok(())
    }

    /// Whether systemd's folder has a link to the unit file of ours.
    fn is_linked(&self, unit: &str) -> bool {
        let link = self.folders().first().map(|folder| folder.join(unit));
        let leads_to = link.and_then(|link| files::link_target(&link).ok().flatten());
        leads_to == Some(self.layout.units().join(unit))
    }

    fn is_loaded(&self, id: &ServiceId) -> Result<bool, Refusal> {
        let unit = self.names.instance_unit(&id.process, id.generation, 1);
        let answer = systemctl::ask(self.whose, &["show", "-p", "LoadState", &unit])?;
        Ok(answer.trim() == "LoadState=loaded")
    }

    fn is_active(&self, unit: &str) -> Result<bool, Refusal> {
        let answer = systemctl::ask(self.whose, &["show", "-p", "ActiveState", unit])?;
        Ok(answer.trim() == "ActiveState=active")
    }
}

fn user_units() -> Option<PathBuf> {
    let configured = std::env::var("XDG_CONFIG_HOME").ok().filter(|folder| !folder.is_empty());
    let folder = configured.or_else(|| std::env::var("HOME").ok().map(|home| format!("{home}/.config")))?;
    Some(format!("{folder}/systemd/user").into())
}

fn words<'a>(first: &[&'a str], then: &'a [String]) -> Vec<&'a str> {
    first.iter().copied().chain(then.iter().map(String::as_str)).collect()
}

/// What `ListenStream=` says, as we wrote it.
fn listens(text: &str) -> Option<Address> {
    let text = text.replace("%%", "%");
    match text.starts_with('/') {
        true => Some(Address::Unix(text.into())),
        false => text.parse().ok().map(Address::Tcp),
    }
}

/// The blocks of `systemctl show`, by unit.
fn told(answer: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let block = |text: &str| -> BTreeMap<String, String> {
        text.lines()
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    };
    answer.split("\n\n").map(block).filter_map(|block| Some((block.get("Id")?.clone(), block))).collect()
}

fn said(unit: &BTreeMap<String, String>) -> Said {
    let value = |key: &str| unit.get(key).map(String::as_str).unwrap_or_default();
    let pid = value("MainPID").parse().ok().filter(|pid| *pid != 0);
    Said {
        pid,
        stops: value("ActiveState") == "deactivating" || value("SubState").starts_with("stop"),
        gave_up: (value("ActiveState") == "failed").then(|| format!("systemd says: {}", value("Result"))),
        ..Said::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_says_is_read() {
        let answer = "MainPID=4711\nResult=success\nId=a@1.service\nActiveState=active\nSubState=running\n\n\
                      MainPID=0\nResult=exit-code\nId=a@2.service\nActiveState=failed\nSubState=failed\n";
        let told = told(answer);
        assert_eq!(said(&told["a@1.service"]), Said { pid: Some(4711), ..Said::default() });
        let failed = Said { gave_up: Some("systemd says: exit-code".into()), ..Said::default() };
        assert_eq!(said(&told["a@2.service"]), failed);
    }

    #[test]
    fn addresses_are_read_back() {
        for (text, address) in [
            ("/srv/100%%/run/web.1.sock", "unix:/srv/100%/run/web.1.sock"),
            ("127.0.0.1:8989", "tcp:127.0.0.1:8989"),
            ("[::1]:8989", "tcp:[::1]:8989"),
        ] {
            assert_eq!(listens(text).unwrap().to_string(), address);
        }
    }
}
