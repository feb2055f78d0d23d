//! Desired × Observed → HostPlan: the only place that decides what happens to a host.

use super::asks::{Said, between, due, key};
use super::goal::{Refusal, Wish, goal, known, live, was_good};
use super::shell::word;
use super::{
    Address, FORMAT, HostPlan, Lost, Pass, Patch, Probe, Release, Service, Socket, Speaks, Step, Supervisor,
    VersionAt,
};
use crate::config::{
    self, Change, Config, Endpoint, KEPT_NAMES, Listen, LostOperator, Placeholder, Process, Protocol,
    SocketHandling, Target, VersionProbe,
};
use crate::history::{Kind, prunable};
use crate::layout::Layout;
use crate::name::ReleaseName;
use crate::notes::Run;
use crate::observed::{Altered, Maintenance, Observed, ObservedService};
use crate::version::Version;
use std::path::Path;
use std::time::Duration;

/// Room that stays free beside what a release takes: journals, logs and sockets need some too.
const ROOM_LEFT_BYTES: u64 = 1 << 20;

/// Bytes of a unix socket's path that fit into `sockaddr_un`, without its closing NUL.
const SOCKET_PATH_MAX: usize = 107;

/// What a host should be.
#[derive(Debug, Clone, Copy)]
pub struct Desired<'a> {
    /// The project's configuration.
    pub config: &'a Config,
    /// The target the host belongs to.
    pub target: &'a Target,
    /// What is wished.
    pub wish: &'a Wish,
    /// What makes the wished release of others.
    pub patches: &'a [Patch],
    /// What the releases say of themselves.
    pub said: &'a Said,
}

/// Who shall keep the processes of `config` running in `root`.
pub fn supervisor(config: &Config, root: &Path) -> Supervisor {
    let placed = |services: &Path| root.join(services);
    match &config.host.supervisor {
        config::Supervisor::Embedded => Supervisor::Embedded,
        config::Supervisor::Systemd => Supervisor::Systemd,
        config::Supervisor::SystemdUser => Supervisor::SystemdUser,
        config::Supervisor::Runit { services } => Supervisor::Runit { services: placed(services) },
        config::Supervisor::Daemontools { services } => {
            Supervisor::Daemontools { services: placed(services) }
        }
    }
}

/// What each of a target's hosts must do to be as desired: `None` when it already is.
///
/// What is run once for all is run by the first of them, but where the release is proven on any: then it was run.
///
/// # Errors
/// A [`Refusal`] when one can't be brought there from where it is.
pub fn make_all(desired: Desired<'_>, hosts: &[&Observed]) -> Result<Vec<Option<HostPlan>>, Refusal> {
    let proven = match desired.wish {
        Wish::Release(release) => hosts.iter().any(|host| is_proven(&release.name, host)),
        Wish::Back(_) => true,
    };
    // What commits ask to be run once for the target is the affair of the first host that has anything to do.
    let mut tasks = match desired.wish {
        Wish::Release(_) => due(desired.said, &desired.target.name, hosts),
        Wish::Back(_) => Vec::new(),
    };
    let mut plans = Vec::new();
    for (number, host) in hosts.iter().enumerate() {
        let plan = make(desired, host, Leads { once: number == 0 && !proven, tasks: &tasks })?;
        if plan.as_ref().is_some_and(|plan| plan.kind == Kind::Deploy) {
            tasks.clear();
        }
        plans.push(plan);
    }
    Ok(plans)
}

/// The release that `wish` goes back to on a host, if that is what it is.
pub fn going_back(wish: &Wish, target: &str, observed: &Observed) -> Option<ReleaseName> {
    let Wish::Back(_) = wish else { return None };
    let live = live(observed).ok()?;
    Some(goal(wish, target, observed, live).ok()?.0.name)
}

/// What one host runs for all of its target.
#[derive(Debug, Clone, Copy)]
struct Leads<'a> {
    /// What `prepare` runs once for all hosts.
    once: bool,
    /// What commits ask for.
    tasks: &'a [Run],
}

/// What the host must do, and what it `leads`.
fn make(desired: Desired<'_>, observed: &Observed, leads: Leads<'_>) -> Result<Option<HostPlan>, Refusal> {
    same_app(desired.config, observed)?;
    let live = live(observed)?;
    let (release, kind) = goal(desired.wish, &desired.target.name, observed, live)?;
    let layout = Layout::new(&observed.root);
    let maker = Maker { desired, observed, release: &release, leads, layout };
    maker.settings_are_readable()?;
    let wanted = maker.services();
    maker.sockets_fit(&wanted)?;
    if live == Some(&release.name) && maker.serves(&wanted) {
        return Ok(None);
    }
    let kind = if live == Some(&release.name) { Kind::Restart } else { kind };
    maker.settings()?;
    maker.published()?;
    maker.room(kind)?;
    let steps = maker.steps(kind, wanted);
    let pivot = steps.iter().position(|step| matches!(step, Step::Record { .. })).unwrap_or(steps.len());
    Ok(Some(HostPlan {
        format: FORMAT,
        app: desired.config.name.clone(),
        target: desired.target.name.clone(),
        kind,
        id: observed.next,
        basis: observed.basis(),
        release: release.clone(),
        from: live.cloned(),
        from_commit: live.and_then(|live| known(live, &observed.deployments).commit),
        lost_operator: Lost::from(desired.target.lost_operator),
        token: None,
        acknowledged: None,
        steps,
        pivot,
    }))
}

/// A root is one application's: another one's releases, processes and settings are not ours to replace.
fn same_app(config: &Config, observed: &Observed) -> Result<(), Refusal> {
    let Some(app) = observed.app.as_ref().filter(|app| **app != config.name) else { return Ok(()) };
    let (name, root) = (&config.name, &observed.root);
    Err(Refusal::new(
        format!("will not change `{root}` on `{}` for `{name}`", observed.machine),
        format!("it is the root of `{app}`: its journal says so"),
        format!(
            "give `{name}` a `root` of its own; if it is the same application, it is called `name = \"{app}\"`"
        ),
    ))
}

struct Maker<'a> {
    desired: Desired<'a>,
    observed: &'a Observed,
    release: &'a Release,
    /// What this host runs for all.
    leads: Leads<'a>,
    layout: Layout,
}

/// Whether the release is there and was live and healthy before: nothing in it is to be made again.
fn is_proven(release: &ReleaseName, host: &Observed) -> bool {
    host.releases.contains(release) && was_good(release, &host.deployments)
}

/// A new service beside the old one of the same process.
struct Pair<'a> {
    process: &'a Process,
    new: Service,
    old: Option<&'a Service>,
    /// Whether the public name leads to the old one's socket.
    public: bool,
}

impl Pair<'_> {
    fn is_handover(&self) -> bool {
        self.process.change == Change::Handover && !self.is_blocked()
    }

    /// The new one needs the very port that the old one's supervisor holds, which can't be handed to another
    /// supervisor: the old one goes first.
    fn is_blocked(&self) -> bool {
        let port = |service: &Service| service.socket.as_ref().and_then(|socket| socket.address.tcp());
        self.old.is_some_and(|old| {
            old.supervisor != self.new.supervisor && port(old).is_some() && port(old) == port(&self.new)
        })
    }

    /// The new one goes on with a TCP socket that is held already, where the old one would answer for it: it is
    /// tried on a socket of its own first.
    fn needs_trial(&self) -> bool {
        let goes_on = |socket: &Socket| {
            socket.address.tcp().is_some()
                && socket.name != fresh_name(&self.new.process, self.new.generation)
        };
        self.is_handover() && self.new.socket.as_ref().is_some_and(goes_on)
    }

    fn trial(&self, layout: &Layout) -> Service {
        let mut trial = self.new.clone();
        trial.process = format!("{}.trial", self.new.process);
        trial.instances = 1;
        if let Some(socket) = &mut trial.socket {
            socket.name = fresh_name(&trial.process, trial.generation);
            socket.address = Address::Unix(layout.socket(&socket.name));
            trial.line = fill(
                self.process,
                &trial.process,
                trial.generation,
                Some(&socket.address),
                &trial.release,
                layout,
            );
        }
        trial
    }

    fn moves_name(&self) -> bool {
        let Some(socket) = &self.new.socket else { return false };
        let goes_on = self.public && self.old.and_then(|old| old.socket.as_ref()) == Some(socket);
        matches!(socket.address, Address::Unix(_)) && !goes_on
    }
}

impl<'a> Maker<'a> {
    /// Whether the live release's services already are what is wanted.
    fn serves(&self, wanted: &[Pair<'_>]) -> bool {
        let alike = |pair: &Pair<'_>| {
            self.observed.services.iter().any(|there| {
                there.service.is_same_as(&pair.new)
                    && there.public
                    && there.is_up()
                    && there.environment == self.observed.environment
            })
        };
        let watched = self.observed.supervised || wanted.is_empty();
        let explained = self.observed.unexplained.is_empty();
        let as_written = !self.observed.altered.iter().any(Altered::is_mended);
        watched
            && explained
            && as_written
            && wanted.len() == self.observed.services.len()
            && wanted.iter().all(alike)
    }

    fn services(&self) -> Vec<Pair<'a>> {
        self.desired.config.processes.iter().map(|process| self.pair(process)).collect()
    }

    fn supervisor(&self) -> Supervisor {
        supervisor(self.desired.config, self.layout.root())
    }

    fn pair(&self, process: &'a Process) -> Pair<'a> {
        // Where two generations are up, the one that the public name leads to serves; of several, the newest.
        let there = self.all_of(&process.name).max_by_key(|there| (there.public, there.service.generation));
        let old = there.map(|there| &there.service);
        let generation = self.observed.next;
        let socket = process.endpoint.as_ref().map(|endpoint| self.socket(process, endpoint, old));
        let line = fill(
            process,
            &process.name,
            generation,
            socket.as_ref().map(|socket| &socket.address),
            &self.release.name,
            &self.layout,
        );
        let new = Service {
            process: process.name.clone(),
            generation,
            release: self.release.name.clone(),
            supervisor: self.supervisor(),
            typed: process.run.as_typed().to_owned(),
            line,
            instances: u32::from(process.instances),
            socket,
            health: process.endpoint.as_ref().map(probe),
            settle_ms: ms(process.settle),
            stop_timeout_ms: ms(process.stop_timeout),
            drain_ms: ms(process.drain),
        };
        Pair { process, new, old, public: there.is_some_and(|there| there.public) }
    }

    /// A handed-over unix socket is a new one each time; a fixed TCP address, or a socket over a restart,
    /// goes on being held, so that connections wait in it.
    fn socket(&self, process: &Process, endpoint: &Endpoint, old: Option<&Service>) -> Socket {
        let pass = match endpoint.socket {
            SocketHandling::Stdin => Pass::Stdin,
            SocketHandling::ListenFds => Pass::ListenFds,
            SocketHandling::Bind => Pass::Bind,
        };
        let name = fresh_name(&process.name, self.observed.next);
        let held = |socket: &&Socket| socket.pass != Pass::Bind && pass != Pass::Bind;
        // A listening socket can't go from one supervisor to another.
        let supervisor = self.supervisor();
        let stays = |old: &&Service| old.supervisor == supervisor;
        let old = match endpoint.listen {
            Listen::Unix => old.filter(stays).and_then(|old| old.socket.as_ref()).filter(held),
            // Whose it was does not matter: a process that is called otherwise now keeps its port.
            Listen::Tcp(address) => {
                let services = self.observed.services.iter().map(|there| &there.service).filter(stays);
                let mut sockets = services.filter_map(|service| service.socket.as_ref()).filter(held);
                sockets.find(|socket| socket.address.tcp() == Some(address))
            }
        };
        match (endpoint.listen, old) {
            (Listen::Tcp(_), Some(old)) => Socket { pass, ..old.clone() },
            (Listen::Tcp(address), _) => Socket { name, address: Address::Tcp(address), pass },
            (Listen::Unix, Some(old)) if old.address.tcp().is_none() && process.change == Change::Restart => {
                Socket { pass, ..old.clone() }
            }
            (Listen::Unix, _) => Socket { address: Address::Unix(self.layout.socket(&name)), name, pass },
        }
    }

    /// Whether all socket paths can be connected to. The supervisor could bind longer ones; no front can reach them.
    fn sockets_fit(&self, pairs: &[Pair<'_>]) -> Result<(), Refusal> {
        let trials = pairs.iter().filter(|pair| pair.needs_trial()).map(|pair| pair.trial(&self.layout));
        for service in pairs.iter().map(|pair| pair.new.clone()).chain(trials) {
            let Some(Address::Unix(path)) = service.socket.map(|socket| socket.address) else { continue };
            let bytes = path.as_os_str().len();
            if bytes > SOCKET_PATH_MAX {
                return Err(Refusal::new(
                    format!("cannot give `{}` a socket on `{}`", service.process, self.observed.machine),
                    format!(
                        "`{}` has {bytes} bytes, and the path of a unix socket at most {SOCKET_PATH_MAX}",
                        path.display()
                    ),
                    "a shorter `root`, or `listen = \"127.0.0.1:PORT\"`",
                ));
            }
        }
        Ok(())
    }

    /// Whether it can be told which settings the processes should have: an operation would fail at its step `env`.
    fn settings_are_readable(&self) -> Result<(), Refusal> {
        let Some(fault) = &self.observed.settings_fault else { return Ok(()) };
        let hint = format!("mend that line; `pintail doctor {}` looks again", self.desired.target.name);
        Err(Refusal {
            what: fault.what.clone(),
            why: fault.why.clone(),
            hint: Some(fault.hint.clone().unwrap_or(hint)),
        })
    }

    /// Whether the host has the settings that the application needs.
    fn settings(&self) -> Result<(), Refusal> {
        let is_missing = |name: &&String| !self.observed.settings.contains(name);
        let missing: Vec<&str> =
            self.desired.config.host.env_required.iter().filter(is_missing).map(String::as_str).collect();
        let Some(first) = missing.first() else { return Ok(()) };
        Err(Refusal::new(
            format!("cannot start `{}` on `{}`", self.desired.config.name, self.observed.machine),
            format!(
                "its settings in `{}/env` lack what `env_required` names; not set: {}",
                self.observed.root,
                missing.join(", ")
            ),
            format!(
                "`pintail env set {} {first}` reads the value from standard input",
                self.desired.target.name
            ),
        ))
    }

    /// Whether what is published stays out of what Pintail keeps in the root, however the place is spelt. (The
    /// configuration's reader can't know the root of every host.)
    fn published(&self) -> Result<(), Refusal> {
        for publish in &self.desired.config.host.publish {
            let place = self.layout.root().join(&publish.to);
            let inner = place.strip_prefix(self.layout.root()).ok();
            let first = inner.and_then(|inner| inner.components().next());
            let kept = match (inner, first.and_then(|first| first.as_os_str().to_str())) {
                (Some(_), Some(first)) => KEPT_NAMES.contains(&first),
                (Some(_), None) => true,
                (None, _) => false,
            };
            if kept {
                return Err(Refusal::new(
                    format!("will not publish `{}` to `{}`", publish.from, publish.to.display()),
                    format!("Pintail keeps its own there, below `{}`", self.observed.root),
                    "choose a name of its own, such as `docroot`",
                ));
            }
        }
        Ok(())
    }

    fn room(&self, kind: Kind) -> Result<(), Refusal> {
        if kind != Kind::Deploy || is_proven(&self.release.name, self.observed) {
            return Ok(());
        }
        let travels = self.patch().map_or(self.release.packed_bytes, |patch| patch.bytes);
        let needed = travels + self.release.unpacked_bytes + ROOM_LEFT_BYTES;
        if self.observed.free_bytes >= needed {
            return Ok(());
        }
        Err(Refusal::new(
            format!("cannot bring release `{}` to `{}`", self.release.version, self.observed.machine),
            format!(
                "`{}` has {} free and the release takes {}",
                self.observed.root,
                super::told::bytes(self.observed.free_bytes),
                super::told::bytes(needed)
            ),
            "make room there; nothing was changed",
        ))
    }

    /// The smallest patch on a release that the host can build upon, if that is less than the artifact.
    fn patch(&self) -> Option<&'a Patch> {
        let fits = |patch: &&Patch| {
            patch.bytes < self.release.packed_bytes
                && self.observed.bases.iter().any(|base| base.release == patch.base)
        };
        self.desired.patches.iter().filter(fits).min_by_key(|patch| patch.bytes)
    }

    fn steps(&self, kind: Kind, pairs: Vec<Pair<'_>>) -> Vec<Step> {
        let mut steps = self.prepare(kind);
        let version = &self.release.version;
        let gone: Vec<&Service> = self.gone(&pairs);
        let (handover, restart): (Vec<&Pair<'_>>, Vec<&Pair<'_>>) =
            pairs.iter().partition(|pair| pair.is_handover());
        let asked = kind == Kind::Deploy && self.asks_for_maintenance();
        if asked {
            steps.push(Step::MaintenanceOn);
        }
        steps.extend(self.tasks(kind, true));
        for pair in &handover {
            self.stand_beside(pair, version, &mut steps);
        }
        let pause = asked || self.pauses(&restart);
        if pause && !asked {
            steps.push(Step::MaintenanceOn);
        }
        for pair in &restart {
            steps.extend(self.standing(pair).map(|old| Step::Stop { service: old.clone() }));
        }
        for pair in &pairs {
            if pair.moves_name() {
                steps.push(Step::Route { service: pair.new.clone() });
            }
        }
        if self.observed.current.release() != Some(&self.release.name) {
            steps.push(Step::Switch { release: self.release.name.clone() });
        }
        for pair in &restart {
            steps.push(Step::Start { service: pair.new.clone() });
            steps.push(Step::Health { service: pair.new.clone(), version: version.clone() });
        }
        let new: Vec<Service> = pairs.iter().map(|pair| pair.new.clone()).collect();
        // A rollback goes to what has lived already, and away from what hurts: it does not wait to see.
        let longest = new.iter().map(|service| service.settle_ms).max().filter(|_| kind != Kind::Rollback);
        if let Some(for_ms) = longest.filter(|for_ms| *for_ms > 0) {
            steps.push(Step::Settle { services: new, for_ms });
        }
        steps.extend(self.tasks(kind, false));
        if pause {
            steps.push(Step::MaintenanceOff);
        }
        let leaving = handover.iter().flat_map(|pair| self.standing(pair)).chain(gone.iter().copied());
        for old in leaving {
            if old
                .socket
                .as_ref()
                .is_some_and(|socket| matches!(socket.address, Address::Unix(_)) && socket.pass != Pass::Bind)
            {
                steps.push(Step::Drain { service: old.clone() });
            }
            steps.push(Step::Stop { service: old.clone() });
        }
        if self.is_confirmed() {
            steps.push(Step::Confirm { silence_ms: ms(self.desired.target.confirm_within) });
        }
        steps.push(Step::Record { release: self.release.name.clone(), kind });
        steps.push(self.prune(&pairs));
        steps
    }

    /// Whether other hosts are led through the same deployment: nothing becomes visible on one before all can.
    fn is_one_of_many(&self) -> bool {
        self.desired.target.hosts.len() > 1
    }

    /// Whether the operator has to say so before the release counts as good: other hosts may have failed, or the
    /// operator be cut off from a host that shall then go back.
    fn is_confirmed(&self) -> bool {
        self.is_one_of_many() || self.desired.target.lost_operator == LostOperator::Revert
    }

    /// Whether a commit wants the front to show its maintenance page, and it does not yet.
    fn asks_for_maintenance(&self) -> bool {
        let Desired { said, target, .. } = self.desired;
        self.observed.maintenance == Maintenance::Off
            && between(said, self.observed.current.release(), &target.name).notes.maintenance
    }

    /// What commits ask to be run before the switch, or behind it, by this host for all.
    fn tasks(&self, kind: Kind, before: bool) -> impl Iterator<Item = Step> {
        let tasks =
            self.leads.tasks.iter().filter(move |run| kind == Kind::Deploy && run.call.before == before);
        tasks.map(|run| Step::Task {
            release: self.release.name.clone(),
            task: run.call.to_string(),
            line: [&[run.task.run.as_str()], &*run.call.args.iter().map(String::as_str).collect::<Vec<_>>()]
                .concat()
                .join(" "),
            within_ms: run.task.within_ms,
            of: run.from.iter().map(key).collect(),
        })
    }

    /// What happens before anything is visible.
    fn prepare(&self, kind: Kind) -> Vec<Step> {
        let release = &self.release.name;
        let host = &self.desired.config.host;
        let mut steps = Vec::new();
        let fresh = kind == Kind::Deploy && !is_proven(release, self.observed);
        if fresh {
            let Release { digest, packed_bytes, unpacked_bytes, .. } = self.release.clone();
            steps.push(Step::Deliver { digest, packed_bytes, patch: self.patch().cloned() });
            steps.push(Step::Unpack { release: release.clone(), digest, unpacked_bytes });
        }
        if fresh && !host.shared.is_empty() {
            steps.push(Step::LinkShared { release: release.clone(), paths: host.shared.clone() });
        }
        if kind != Kind::Restart && !host.cache.is_empty() {
            steps.push(Step::FreshCache { release: release.clone(), paths: host.cache.clone() });
        }
        steps.push(Step::Environment { required: host.env_required.clone() });
        if fresh {
            let here = host.prepare.iter().filter(|command| self.leads.once || !command.once);
            steps.extend(here.map(|command| Step::Prepare {
                release: release.clone(),
                line: command.run.clone(),
                within_ms: ms(command.within),
                once: command.once && self.is_one_of_many(),
            }));
            steps.push(Step::Seal { release: release.clone() });
        }
        if self.is_one_of_many() {
            steps.push(Step::AwaitTurn { silence_ms: ms(self.desired.target.confirm_within) });
        }
        if kind != Kind::Restart {
            steps.extend(host.publish.iter().map(|publish| Step::Publish {
                release: release.clone(),
                from: publish.from.clone(),
                to: publish.to.clone(),
            }));
        }
        steps
    }

    /// The new service beside the old one, up and well, before anybody is sent to it.
    fn stand_beside(&self, pair: &Pair<'_>, version: &Version, steps: &mut Vec<Step>) {
        if pair.needs_trial() {
            let trial = pair.trial(&self.layout);
            steps.push(Step::Start { service: trial.clone() });
            steps.push(Step::Health { service: trial.clone(), version: version.clone() });
            steps.push(Step::Stop { service: trial });
        }
        steps.push(Step::Start { service: pair.new.clone() });
        steps.push(Step::Health { service: pair.new.clone(), version: version.clone() });
    }

    /// Whether the front must show its maintenance page: something that answers is stopped before its
    /// successor starts, and nobody raised the flag already.
    fn pauses(&self, restart: &[&Pair<'_>]) -> bool {
        let stops = |pair: &&Pair<'_>| pair.old.is_some_and(|old| old.socket.is_some());
        restart.iter().any(stops) && self.observed.maintenance == Maintenance::Off
    }

    /// Every generation of `process` that is up: an operation that could not undo itself may have left two.
    fn all_of(&self, process: &str) -> impl Iterator<Item = &'a ObservedService> {
        self.observed.services.iter().filter(move |there| there.service.process == process)
    }

    /// What `pair`'s new service takes the place of.
    fn standing(&self, pair: &Pair<'_>) -> impl Iterator<Item = &'a Service> {
        self.all_of(&pair.new.process).map(|there| &there.service)
    }

    /// Services of processes that the configuration no longer has.
    fn gone(&self, pairs: &[Pair<'_>]) -> Vec<&'a Service> {
        let kept =
            |there: &&ObservedService| !pairs.iter().any(|pair| pair.new.process == there.service.process);
        self.observed.services.iter().filter(kept).map(|there| &there.service).collect()
    }

    fn prune(&self, pairs: &[Pair<'_>]) -> Step {
        let keep = self.desired.config.host.keep as usize;
        let mut present = self.observed.releases.clone();
        if !present.contains(&self.release.name) {
            present.push(self.release.name.clone());
        }
        let releases = prunable(&self.release.name, &present, &self.observed.deployments, keep);
        let mut services: Vec<Service> =
            self.observed.services.iter().map(|there| there.service.clone()).collect();
        services.extend(self.observed.unexplained.iter().cloned());
        services.extend(pairs.iter().filter(|pair| pair.needs_trial()).map(|pair| pair.trial(&self.layout)));
        Step::Prune { releases, services }
    }
}

/// What a socket that operation `id` makes is called at the supervisor.
fn fresh_name(process: &str, id: u64) -> String {
    format!("{process}.{id}")
}

fn fill(
    process: &Process,
    name: &str,
    generation: u64,
    address: Option<&Address>,
    release: &ReleaseName,
    layout: &Layout,
) -> String {
    process.run.fill(|placeholder| {
        word(&match placeholder {
            Placeholder::Listen => address.map(Address::listen).unwrap_or_default(),
            Placeholder::Port => {
                address.and_then(Address::tcp).map(|tcp| tcp.port().to_string()).unwrap_or_default()
            }
            Placeholder::Pidfile => layout.pid_file(name, generation).display().to_string(),
            Placeholder::Release => layout.release(release).display().to_string(),
            Placeholder::Root => layout.root().display().to_string(),
        })
    })
}

fn probe(endpoint: &Endpoint) -> Probe {
    let health = &endpoint.health;
    Probe {
        speaks: match endpoint.protocol {
            Protocol::Http => Speaks::Http,
            Protocol::Fastcgi => Speaks::Fastcgi,
        },
        path: health.path.clone(),
        host: health.host.clone(),
        expect_from: *health.expect.0.start(),
        expect_to: *health.expect.0.end(),
        within_ms: ms(health.within),
        version: health.version.as_ref().map(|probe| match probe {
            VersionProbe::Header(name) => VersionAt::Header(name.clone()),
            VersionProbe::Json(fields) => VersionAt::Json(fields.clone()),
            VersionProbe::Path(path) => VersionAt::Path(path.clone()),
        }),
    }
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
