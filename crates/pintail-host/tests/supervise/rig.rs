//! A root with a supervisor of its own, an application to run in it, and clients that count what fails.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pintail_host::supervise::client::Supervisor;
use pintail_host::supervise::protocol::{Address, HeldSocket, Pass, ServiceId, ServiceSpec, ServiceStatus};
use pintail_os::{process, socket};
use rustix::process::Signal;

/// The binary with the three faces.
pub(crate) const FACES: &str = env!("CARGO_BIN_EXE_pintail-faces");

/// Everything here happens within a second; a loaded machine has this long.
const PATIENCE: Duration = Duration::from_secs(15);

pub(crate) struct Rig {
    _room: tempfile::TempDir,
    pub(crate) root: PathBuf,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::below("root")
    }

    pub(crate) fn below(path: &str) -> Self {
        let room = tempfile::tempdir().unwrap();
        let root = room.path().join(path);
        fs::create_dir_all(root.join("run")).unwrap();
        fs::create_dir_all(root.join("log")).unwrap();
        Self { _room: room, root }
    }

    pub(crate) fn ensure(&self) -> Supervisor {
        Supervisor::ensure_program(Path::new(FACES), &self.root, "1").unwrap()
    }

    pub(crate) fn unix(&self, name: &str) -> Address {
        Address::Unix(self.root.join("run").join(format!("{name}.sock")))
    }

    /// The application, on the socket `web` as descriptor 0.
    pub(crate) fn app(&self, generation: u64) -> ServiceSpec {
        let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/supervise/app.pl");
        let argv = ["perl", app.to_str().unwrap(), self.root.to_str().unwrap(), "{instance}"];
        ServiceSpec {
            socket: Some(HeldSocket { held: "web".into(), pass: Pass::Stdin }),
            ..self.command(generation, &argv)
        }
    }

    /// A command without a socket.
    pub(crate) fn command(&self, generation: u64, argv: &[&str]) -> ServiceSpec {
        ServiceSpec {
            process: "web".into(),
            generation,
            release: format!("1.0.{generation}"),
            argv: argv.iter().map(|argument| (*argument).to_owned()).collect(),
            cwd: self.root.clone(),
            env_file: None,
            env: [].into(),
            socket: None,
            instances: 1,
            stop_timeout_ms: 5000,
            log: self.root.join("log/web.log"),
        }
    }

    pub(crate) fn shell(&self, generation: u64, script: &str) -> ServiceSpec {
        self.command(generation, &["sh", "-c", script])
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.root.join("log/web.log")).unwrap_or_default()
    }

    pub(crate) fn own_log(&self) -> String {
        fs::read_to_string(self.root.join("log/supervisor.log")).unwrap_or_default()
    }

    pub(crate) fn record(&self) -> PathBuf {
        self.root.join("run/supervisor.json")
    }

    /// Processes whose command line names this root, zombies not counted: applications, holder, supervisor.
    pub(crate) fn processes(&self) -> Vec<(u32, String)> {
        let root = self.root.to_str().unwrap();
        let pids = fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter_map(|pid: u32| {
            let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let words = String::from_utf8_lossy(&words).replace('\0', " ");
            (words.contains(root) && process::identity(pid).is_some()).then_some((pid, words))
        })
        .collect()
    }

    pub(crate) fn holder_pid(&self) -> u32 {
        until("the holder is there", || {
            self.processes()
                .into_iter()
                .find(|(_, words)| words.starts_with("pintail hold"))
                .map(|(pid, _)| pid)
        })
    }

    pub(crate) fn kill_supervisor(&self, supervisor: &Supervisor) {
        kill(supervisor.status().unwrap().pid);
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Ok(Some(supervisor)) = Supervisor::connect(&self.root) {
            let _ = supervisor.shutdown();
        }
        // What a failed test left, and what no supervisor knows.
        for (pid, _) in self.processes() {
            let _ = process::signal(pid, Signal::KILL);
        }
    }
}

pub(crate) fn kill(pid: u32) {
    let identity = process::identity(pid);
    process::signal(pid, Signal::KILL).unwrap();
    until("a killed process is gone", || {
        (process::identity(pid) != identity || identity.is_none()).then_some(())
    });
}

pub(crate) fn is_alive(pid: u32) -> bool {
    process::identity(pid).is_some()
}

/// Waits until `look` finds something.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "it never came: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn id(generation: u64) -> ServiceId {
    ServiceId::new("web", generation)
}

pub(crate) fn service(supervisor: &Supervisor, generation: u64) -> ServiceStatus {
    supervisor.status().unwrap().service(&id(generation)).unwrap().clone()
}

#[track_caller]
pub(crate) fn until_running(supervisor: &Supervisor, generation: u64) -> Vec<u32> {
    until("every instance runs", || {
        let service = service(supervisor, generation);
        service.is_running().then(|| service.instances.iter().map(|one| one.pid.unwrap()).collect())
    })
}

#[track_caller]
pub(crate) fn until_stopped(supervisor: &Supervisor, generation: u64) {
    until("every instance is stopped", || service(supervisor, generation).is_stopped().then_some(()));
}

/// Asks the application one line.
pub(crate) fn ask(address: &Address, line: &str) -> std::io::Result<String> {
    match address {
        Address::Unix(path) => converse(socket::connect_unix(path)?, line),
        Address::Tcp(address) => converse(TcpStream::connect(address)?, line),
    }
}

fn converse(mut stream: impl Read + Write, line: &str) -> std::io::Result<String> {
    stream.write_all(format!("{line}\n").as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    if answer.ends_with('\n') {
        Ok(answer.trim_end().to_owned())
    } else {
        Err(std::io::Error::other("cut short"))
    }
}

/// Clients that ask without a pause.
pub(crate) struct Load {
    end: Arc<AtomicBool>,
    asked: Arc<AtomicU32>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    pub(crate) fn on(address: &Address, clients: usize) -> Self {
        let (end, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let client = || {
            let (end, asked, address) = (end.clone(), asked.clone(), address.clone());
            std::thread::spawn(move || {
                let mut failed = Vec::new();
                while !end.load(Ordering::Relaxed) {
                    if let Err(error) = ask(&address, "ping") {
                        failed.push(error.to_string());
                    }
                    asked.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(1));
                }
                failed
            })
        };
        let clients = (0..clients).map(|_| client()).collect();
        Self { end, asked, clients }
    }

    /// Waits until some more were answered.
    #[track_caller]
    pub(crate) fn go_on(&self, more: u32) {
        let before = self.asked.load(Ordering::Relaxed);
        until("more answers", || (self.asked.load(Ordering::Relaxed) >= before + more).then_some(()));
    }

    /// Ends, and asserts that not one request failed.
    #[track_caller]
    pub(crate) fn end_without_failure(self) {
        self.end.store(true, Ordering::Relaxed);
        let failed: Vec<String> =
            self.clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
        assert_eq!(failed, Vec::<String>::new(), "of {} requests", self.asked.load(Ordering::Relaxed));
        assert!(self.asked.load(Ordering::Relaxed) > 0);
    }
}

/// A face run by hand.
pub(crate) fn face(arguments: &[&str], stdin: Stdio) -> Child {
    Command::new(FACES)
        .args(arguments)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}
