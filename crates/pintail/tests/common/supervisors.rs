//! The supervisors, for tests: a stage under each, on the real thing.

use super::{PINTAIL, Stage};
use pintail_host::supervise::client::Supervisor;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::ops::Deref;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The environment variable that names the folder which a machine's own `runsvdir` or `svscan` reads.
pub const SCANNED_FOLDER: &str = "PINTAIL_SCANNED_FOLDER";

/// One of the five.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Embedded,
    Runit,
    Daemontools,
    Systemd,
    SystemdUser,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Kind::Embedded => "embedded",
            Kind::Runit => "runit",
            Kind::Daemontools => "daemontools",
            Kind::Systemd => "systemd",
            Kind::SystemdUser => "systemd-user",
        }
    }

    pub fn is_systemd(self) -> bool {
        matches!(self, Kind::Systemd | Kind::SystemdUser)
    }

    /// Whether service folders are its.
    pub fn has_folders(self) -> bool {
        matches!(self, Kind::Runit | Kind::Daemontools)
    }

    /// Fails where it can't be tried: systemd wants a machine that was booted with it, as the hosts of `lab/` are.
    #[track_caller]
    pub fn must_work(self) {
        match self {
            Kind::Embedded => {}
            Kind::Runit => super::apps::needs("sh", &["-c", "command -v runsvdir"], "runit"),
            Kind::Daemontools => super::apps::needs("sh", &["-c", "command -v svscan"], "daemontools"),
            Kind::Systemd => assert!(Path::new("/run/systemd/system").exists(), "systemd does not run here"),
            Kind::SystemdUser => assert!(
                user_manager().join("systemd/private").exists(),
                "this user has no systemd: `loginctl enable-linger` starts it"
            ),
        }
    }
}

fn user_manager() -> PathBuf {
    let own = pintail_os::process::own_number();
    std::env::var("XDG_RUNTIME_DIR").map_or_else(|_| format!("/run/user/{own}").into(), PathBuf::from)
}

/// A stage under a supervisor. What runs there ends with it.
pub struct Under {
    // Dropped in this order: the processes, then who watches them, then the folders.
    ending: Ending,
    scans: Vec<Scan>,
    pub stage: Stage,
    pub kind: Kind,
}

impl Deref for Under {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

impl Under {
    /// A stage with the sample application's usual processes `rest` (see `apps::config`).
    pub fn new(kind: Kind, rest: &str) -> Self {
        kind.must_work();
        let room = tempfile::Builder::new().prefix("pt-").tempdir().unwrap();
        let stage = Stage::in_room(room, None, |_| String::new());
        let mut under = Self { ending: Ending(stage.root.clone()), scans: Vec::new(), stage, kind };
        under.to(kind, rest);
        under
    }

    /// The same project under another supervisor from now on.
    pub fn to(&mut self, kind: Kind, rest: &str) {
        if kind.has_folders() && !self.scans.iter().any(|scan| scan.kind == kind) {
            self.scans.push(Scan::start(kind, self.stage.room()));
        }
        self.kind = kind;
        self.configure(rest);
    }

    /// Other processes from now on.
    pub fn configure(&self, rest: &str) {
        let services = match self.scans.iter().find(|scan| scan.kind == self.kind) {
            Some(scan) => format!("services = \"{}\"\n", scan.folder.display()),
            None => String::new(),
        };
        let host = format!("supervisor = \"{}\"\n{services}", self.kind.word());
        self.stage.set_config(&super::apps::config(&self.stage.root, &host, rest));
    }

    /// Kills everything of this stage that runs under runit or daemontools at once, as a power cut does, and lets
    /// somebody read the folder again.
    pub fn cut_power(&mut self) {
        let kind = self.kind;
        let scan = self.scans.iter_mut().find(|scan| scan.kind == kind).unwrap();
        let mut all: Vec<u32> = scan.reader.iter().map(Child::id).collect();
        all.extend(scan.watchers());
        let mut seen = 0;
        while seen < all.len() {
            all.extend(
                super::apps::children(all[seen])
                    .into_iter()
                    .filter(|pid| !all.contains(pid))
                    .collect::<Vec<_>>(),
            );
            seen += 1;
        }
        // Whoever starts others goes first.
        all.iter().for_each(|pid| super::signal(*pid, "KILL"));
        if let Some(mut reader) = scan.reader.take() {
            let _ = reader.wait();
            scan.reader = Some(Scan::read(kind, &scan.folder));
        }
        super::wait_for("all are gone", Duration::from_secs(5), || {
            !all.iter().any(|pid| super::apps::is_alive(*pid))
        });
    }

    /// The `runsv`s or `supervise`s that watch the instances of a process.
    pub fn watchers(&self, process: &str) -> Vec<u32> {
        let services = self.stage.root.join("services");
        let scan = self.scans.iter().find(|scan| scan.kind == self.kind).unwrap();
        let ours = |pid: &u32| {
            let place = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
            place
                .strip_prefix(&services)
                .is_ok_and(|place| place.to_string_lossy().starts_with(&format!("{process}-")))
        };
        scan.watchers().into_iter().filter(ours).collect()
    }

    /// The one among them whose child that process is.
    pub fn watcher_of(&self, pid: u32) -> Option<u32> {
        let scan = self.scans.iter().find(|scan| scan.kind == self.kind).unwrap();
        scan.watchers().into_iter().find(|watcher| super::apps::children(*watcher).contains(&pid))
    }

    /// What is in the folders that a supervisor which is not ours is given: services, units, links of the scan.
    pub fn given(&self) -> Vec<String> {
        let mut given = self.stage.names("services");
        given.extend(self.stage.names("units"));
        for scan in &self.scans {
            given.extend(scan.links());
        }
        given.sort();
        given
    }
}

pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Ends everything of a root, whoever runs it.
struct Ending(PathBuf);

impl Drop for Ending {
    fn drop(&mut self) {
        let units: Vec<String> = names(&self.0.join("units"));
        for manager in [&["--system"][..], &["--user"]] {
            if units.is_empty() {
                break;
            }
            let instances = units.iter().flat_map(|unit| match unit.strip_suffix("@.service") {
                Some(name) => (1..=4).map(|n| format!("{name}@{n}.service")).collect(),
                None => vec![unit.clone()],
            });
            let quiet = |words: &[&str], units: &[String]| {
                let mut command = Command::new("systemctl");
                command.env("XDG_RUNTIME_DIR", user_manager());
                command.args(manager).args(words).args(units).stdout(Stdio::null()).stderr(Stdio::null());
                let _ = command.status();
            };
            let instances: Vec<String> = instances.collect();
            quiet(&["kill", "-s", "KILL"], &instances);
            quiet(&["disable", "--now"], &instances);
            quiet(&["disable"], &units);
            quiet(&["reset-failed"], &instances);
        }
        if self.0.join("run/supervisor.json").exists()
            && let Ok(supervisor) =
                Supervisor::ensure_program(Path::new(PINTAIL), &self.0, env!("CARGO_PKG_VERSION"))
        {
            let _ = supervisor.shutdown();
        }
    }
}

/// A `runsvdir` or `svscan` for a folder of its own; or, where `PINTAIL_SCANNED_FOLDER` names one, the machine's own.
struct Scan {
    kind: Kind,
    folder: PathBuf,
    /// What leads in here is this stage's.
    room: PathBuf,
    reader: Option<Child>,
}

impl Scan {
    fn start(kind: Kind, room: &Path) -> Self {
        let room = room.to_path_buf();
        if let Some(folder) = std::env::var_os(SCANNED_FOLDER) {
            return Self { kind, folder: folder.into(), room, reader: None };
        }
        let folder = room.join(kind.word());
        fs::create_dir(&folder).unwrap();
        let reader = Some(Self::read(kind, &folder));
        Self { kind, folder, room, reader }
    }

    fn read(kind: Kind, folder: &Path) -> Child {
        let mut command = match kind {
            Kind::Runit => Command::new("runsvdir"),
            _ => Command::new("svscan"),
        };
        // As at boot: nothing of ours is inherited.
        command.arg(folder).env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        let log = fs::File::create(folder.with_extension("log")).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        command.spawn().unwrap()
    }

    /// The names of this stage's services.
    fn links(&self) -> Vec<String> {
        let leads_here = |name: &String| {
            fs::read_link(self.folder.join(name)).is_ok_and(|place| place.starts_with(&self.room))
        };
        names(&self.folder).into_iter().filter(leads_here).collect()
    }

    /// The `runsv`s or `supervise`s of this stage.
    fn watchers(&self) -> Vec<u32> {
        let ours = |pid: &u32| {
            let place = fs::read_link(format!("/proc/{pid}/cwd"));
            let program = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            ["runsv", "supervise"].contains(&program.trim_end())
                && place.is_ok_and(|place| place.starts_with(&self.room))
        };
        super::apps::pids().into_iter().filter(ours).collect()
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        let folders: Vec<PathBuf> =
            self.links().iter().filter_map(|name| fs::read_link(self.folder.join(name)).ok()).collect();
        // Nobody starts another `runsv` or `supervise` afterwards.
        match &mut self.reader {
            Some(reader) => {
                let _ = reader.kill();
                let _ = reader.wait();
            }
            None => self.links().iter().for_each(|name| {
                let _ = fs::remove_file(self.folder.join(name));
            }),
        }
        let until = Instant::now() + Duration::from_secs(10);
        for folder in folders {
            while tell(&folder, if Instant::now() < until { b"dx" } else { b"kdx" }) {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Whether somebody watches `folder`; they are told.
fn tell(folder: &Path, words: &[u8]) -> bool {
    const NONBLOCK: i32 = 0o4000;
    let open = |name: &str| {
        OpenOptions::new().write(true).custom_flags(NONBLOCK).open(folder.join("supervise").join(name))
    };
    if open("ok").is_err() {
        return false;
    }
    let _ = open("control").and_then(|mut pipe| pipe.write_all(words));
    true
}
