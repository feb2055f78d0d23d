//! `pintail supervise`: one thread, one poll loop. It records, then does; so that whoever comes after it, even
//! after SIGKILL at any line, finds every process and every socket again.
//!
//! Knows services, sockets and the record; not what the services are for.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use pintail_os::lock::Lock;
use pintail_os::{files, process};
use rustix::event::{PollFd, PollFlags, Timespec};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

mod adoption;
mod requests;
mod upkeep;

pub use super::patience::Patience;

use super::control::Control;
use super::holder_link::HolderLink;
use super::instance::Instance;
use super::launch;
use super::place::Place;
use super::protocol::{Refusal, ServiceId, ServiceSpec};
use super::record::{RECORD_VERSION, Record};
use super::service::Service;
use super::sockets::{Socket, Sockets};
use super::tell::tell;

/// How long a new supervisor waits for the lock of one that is just leaving.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
const LOCK_GLANCE: Duration = Duration::from_millis(10);

/// How often logs are measured, lost sockets tried again and a lost holder replaced.
const ROUND: Duration = Duration::from_secs(1);

/// Supervises `root` until told to leave or to shut down. `version` is what [`Status::version`](super::protocol::Status::version) tells, and what
/// [`Supervisor::ensure`](super::client::Supervisor::ensure) compares with its own.
///
/// It leaves the caller's session; TERM and INT let it leave (services keep running), HUP is ignored.
///
/// # Errors
/// Another supervises this root, its record is of a later version or damaged, or `ROOT/run` can't be used.
pub fn run(root: &Path, version: &str) -> Result<(), Refusal> {
    run_with(root, version, Patience::default())
}

/// The same with another policy of restarts.
///
/// # Errors
/// See [`run`].
pub fn run_with(root: &Path, version: &str, patience: Patience) -> Result<(), Refusal> {
    process::leave_session();
    let place = Place::new(root);
    let failed = |what: &str, why: String| {
        Refusal::new(format!("cannot supervise `{}`: {what}: {why}", root.display()))
    };
    place.make_folders().map_err(|error| failed("no folder", error.to_string()))?;
    let _lock = take_lock(&place).map_err(|why| failed("no lock", why))?;
    let signals = Signals::listen().map_err(|error| failed("no signals", error.to_string()))?;
    let mut server = Server::adopt(place, version, patience).map_err(|why| failed("no record", why))?;
    server.tick();
    let control = Control::open(server.place.control_socket());
    let mut control = control.map_err(|error| failed("no control socket", error.to_string()))?;
    tell(&format!("supervisor {version} begins"));
    server.watch(&mut control, &signals).map_err(|error| failed("poll", error.to_string()))?;
    control.door().close();
    control.farewell();
    tell("the supervisor ends");
    Ok(())
}

fn take_lock(place: &Place) -> Result<Lock, String> {
    let until = Instant::now() + LOCK_TIMEOUT;
    loop {
        match Lock::try_take(&place.supervisor_lock()) {
            Err(error) => return Err(error.to_string()),
            Ok(Some(lock)) => return Ok(lock),
            Ok(None) if Instant::now() > until => return Err("another supervisor has it".into()),
            Ok(None) => std::thread::sleep(LOCK_GLANCE),
        }
    }
}

/// TERM and INT as something to poll.
struct Signals {
    came: UnixStream,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        let (came, sender) = UnixStream::pair()?;
        for signal in [SIGTERM, SIGINT] {
            signal_hook::low_level::pipe::register(signal, sender.try_clone()?)?;
        }
        // A handler that does nothing, not SIG_IGN: that would be inherited by the applications.
        signal_hook::flag::register(SIGHUP, std::sync::Arc::default())?;
        came.set_nonblocking(true)?;
        Ok(Self { came })
    }

    fn came(&self) -> bool {
        io::Read::read(&mut &self.came, &mut [0; 16]).is_ok()
    }
}

/// How the supervisor is about to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// At once; everything else stays.
    Leave,
    /// Once every service is stopped.
    Shutdown,
}

struct Server {
    place: Place,
    version: String,
    patience: Patience,
    boot: String,
    since_ms: u64,
    services: BTreeMap<ServiceId, Service>,
    sockets: Sockets,
    holder: Option<HolderLink>,
    ending: Option<Ending>,
    /// Something changed that is not recorded yet.
    dirty: bool,
    next_round: Instant,
}

impl Server {
    /// The loop: does what is due, waits for what comes.
    fn watch(&mut self, control: &mut Control, signals: &Signals) -> io::Result<()> {
        loop {
            control.serve(|request| self.answer(request));
            if signals.came() {
                self.ending = Some(Ending::Leave);
            }
            if self.next_round <= Instant::now() {
                self.round(control);
            }
            self.tick();
            if self.is_over() {
                return Ok(());
            }
            self.wait(control, signals)?;
        }
    }

    fn wait(&self, control: &Control, signals: &Signals) -> io::Result<()> {
        let mut fds = vec![PollFd::new(&signals.came, PollFlags::IN)];
        control.watch(&mut fds);
        fds.extend(self.holder.iter().map(|holder| PollFd::new(holder.stream(), PollFlags::IN)));
        self.services.values().flat_map(Service::everyone).for_each(|instance| instance.watch(&mut fds));
        let wait = self.deadline().saturating_duration_since(Instant::now());
        let timeout = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) };
        match rustix::event::poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn deadline(&self) -> Instant {
        let instances = self.services.values().flat_map(Service::everyone);
        instances.filter_map(Instance::deadline).min().unwrap_or(self.next_round).min(self.next_round)
    }

    fn tick(&mut self) {
        let now = Instant::now();
        for service in self.services.values_mut() {
            self.dirty |= service.tick(now, &self.patience);
        }
        // Whoever comes next replaces what ended together with us.
        let leaves = self.ending == Some(Ending::Leave);
        if !leaves && self.holder.as_mut().is_some_and(HolderLink::is_gone) {
            self.replace_holder();
        }
        if let Err(why) = self.commit() {
            tell(&why);
        }
    }

    /// Makes processes for all instances that are due, records them, and only then lets them run.
    fn commit(&mut self) -> Result<(), String> {
        let begun = self.begin_due();
        if !begun && !self.dirty {
            return Ok(());
        }
        let saved = self.save();
        for service in self.services.values_mut() {
            match &saved {
                Ok(()) => service.release(),
                Err(why) => service.withhold(why),
            }
        }
        saved
    }

    fn begin_due(&mut self) -> bool {
        if self.ending == Some(Ending::Leave) {
            return false;
        }
        let now = Instant::now();
        let is_due = |service: &Service| {
            service.is_up() && service.instances.iter().any(|instance| instance.is_due(now))
        };
        if !self.services.values().any(is_due) {
            return false;
        }
        let again =
            |service: &Service| service.instances.iter().any(|one| one.is_due(now) && one.has_lived());
        if self.services.values().any(again) && self.leaves_with_machine() {
            return false;
        }
        self.make_plain_what_rests();
        let mut begun = false;
        for service in self.services.values_mut().filter(|service| service.is_up()) {
            let Service { spec, instances, .. } = service;
            for instance in instances.iter_mut().filter(|instance| instance.is_due(now)) {
                begin(instance, spec, &self.sockets, &self.patience);
                begun = true;
            }
        }
        begun
    }

    /// What has ended by itself may have been told to, with us next: what is begun then is told nothing any more, and the
    /// machine waits for it, 90 s under systemd.
    fn leaves_with_machine(&mut self) -> bool {
        let stopping = pintail_os::program::machine_is_stopping();
        if stopping {
            self.ending = Some(Ending::Leave);
        }
        stopping
    }

    /// What an application sets on the socket stays on it. The next one may be of another make: libfcgi takes a
    /// `WouldBlock` that Node's or ours wanted for the end of its worker. So a socket that nobody accepts from
    /// at the moment is given on as it was made.
    fn make_plain_what_rests(&self) {
        for (name, socket) in self.sockets.iter() {
            let in_use =
                |service: &Service| uses(service, name) && service.everyone().any(Instance::is_alive);
            if !self.services.values().any(in_use) {
                socket.make_plain();
            }
        }
    }

    fn save(&mut self) -> Result<(), String> {
        let record = Record {
            v: RECORD_VERSION,
            boot: self.boot.clone(),
            sockets: self.sockets.record(),
            services: self.services.values().map(Service::record).collect(),
        };
        let path = self.place.record();
        record.save(&path).map_err(|error| format!("cannot write `{}`: {error}", path.display()))?;
        self.dirty = false;
        Ok(())
    }

    /// Whether the supervisor may exit now; a shutdown closes the sockets then.
    fn is_over(&mut self) -> bool {
        match self.ending {
            None => false,
            Some(Ending::Leave) => true, // What changed was recorded by the tick before.
            Some(Ending::Shutdown) => {
                let over = self.services.values().all(Service::is_stopped);
                if over {
                    self.end_everything();
                }
                over
            }
        }
    }

    fn end_everything(&mut self) {
        let names: Vec<String> = self.sockets.iter().map(|(name, _)| name.to_owned()).collect();
        names.iter().for_each(|name| self.drop_socket(name));
        if let Some(Err(error)) = self.holder.take().map(HolderLink::shutdown) {
            tell(&format!("the holder did not end: {error}"));
        }
        // Last: while there is a record, there may be something to shut down.
        if let Err(error) = files::remove_file(&self.place.record()) {
            tell(&format!("cannot remove `{}`: {error}", self.place.record().display()));
        }
    }
}

fn begin(instance: &mut Instance, spec: &ServiceSpec, sockets: &Sockets, patience: &Patience) {
    let socket = spec.socket.as_ref().and_then(|wanted| sockets.find(&wanted.held));
    let listener = socket.and_then(Socket::listener);
    if let Some(wanted) = &spec.socket
        && listener.is_none()
    {
        return instance.put_off(&format!("not started: socket `{}` can't be bound", wanted.held));
    }
    match launch::gated(spec, instance.n(), listener) {
        Ok(leader) => instance.begin(leader),
        Err(why) => instance.died(format!("not started: {why}"), Duration::ZERO, patience, &spec.log),
    }
}

fn uses(service: &Service, name: &str) -> bool {
    service.spec.socket.as_ref().is_some_and(|socket| socket.held == name)
}
