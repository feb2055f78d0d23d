//! The supervisors, for tests: which of them work here, and a stage under each, on the real thing.

use super::{PINTAIL, Stage};
use pintail_host::supervise::client::Supervisor;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::ops::Deref;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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

    /// Whether it can be tried here: systemd wants a machine that was booted with it (see `lab/`). `PINTAIL_SUPERVISORS`,
    /// words parted by commas, says which shall be; one that is named there and doesn't work fails.
    #[track_caller]
    pub fn works(self) -> bool {
        let wanted = std::env::var("PINTAIL_SUPERVISORS").ok();
        if let Some(wanted) = &wanted {
            return wanted.split(',').any(|word| word == self.word());
        }
        match self {
            Kind::Embedded => true,
            Kind::Runit => {
                super::apps::needs("sh", &["-c", "command -v runsvdir"], "runit");
                true
            }
            Kind::Daemontools => {
                super::apps::needs("sh", &["-c", "command -v svscan"], "daemontools");
                true
            }
            Kind::Systemd => Path::new("/run/systemd/system").exists(),
            Kind::SystemdUser => user_manager().join("systemd/private").exists(),
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
        let room = tempfile::Builder::new().prefix("pt-").tempdir().unwrap();
        let stage = Stage::in_room(room, None, |_| String::new());
        let mut under = Self { ending: Ending(stage.root.clone()), scans: Vec::new(), stage, kind };
        under.to(kind, rest);
        under
    }

    /// The same project under another supervisor from now on.
    pub fn to(&mut self, kind: Kind, rest: &str) {
        if kind.has_folders() && !self.scans.iter().any(|scan| scan.kind == kind) {
            self.scans.push(Scan::start(kind, &self.stage.room().join(kind.word())));
        }
        self.kind = kind;
        self.configure(rest);
    }

    /// Other processes from now on.
    pub fn configure(&self, rest: &str) {
        let services = match self.kind.has_folders() {
            true => format!("services = \"{}\"\n", self.stage.room().join(self.kind.word()).display()),
            false => String::new(),
        };
        let host = format!("supervisor = \"{}\"\n{services}", self.kind.word());
        self.stage.set_config(&super::apps::config(&self.stage.root, &host, rest));
    }

    /// Kills everything that runs under runit or daemontools at once, and starts who reads the folder again, as after
    /// a power cut.
    pub fn cut_power(&mut self) {
        let kind = self.kind;
        let at = self.scans.iter().position(|scan| scan.kind == kind).unwrap();
        let mut all = vec![self.scans[at].reader.id()];
        let mut seen = 0;
        while seen < all.len() {
            all.extend(super::apps::children(all[seen]));
            seen += 1;
        }
        // Whoever starts others goes first.
        all.iter().for_each(|pid| super::signal(*pid, "KILL"));
        let _ = self.scans[at].reader.wait();
        super::wait_for("all are gone", Duration::from_secs(5), || {
            !all.iter().any(|pid| super::apps::is_alive(*pid))
        });
        self.scans[at].reader = Scan::read(kind, &self.scans[at].folder);
    }

    /// What is in the folders that a supervisor which is not ours is given: services, units, links of the scan.
    pub fn given(&self) -> Vec<String> {
        let mut given = self.stage.names("services");
        given.extend(self.stage.names("units"));
        for scan in &self.scans {
            given.extend(names(&scan.folder));
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

/// A `runsvdir` or `svscan` for a folder of its own.
struct Scan {
    kind: Kind,
    folder: PathBuf,
    reader: Child,
}

impl Scan {
    fn start(kind: Kind, folder: &Path) -> Self {
        fs::create_dir(folder).unwrap();
        Self { kind, folder: folder.to_path_buf(), reader: Self::read(kind, folder) }
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
}

impl Drop for Scan {
    fn drop(&mut self) {
        let _ = self.reader.kill();
        let _ = self.reader.wait();
        // Nobody starts another `runsv` or `supervise` now.
        let until = Instant::now() + Duration::from_secs(10);
        for name in names(&self.folder) {
            let folder = self.folder.join(name);
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
