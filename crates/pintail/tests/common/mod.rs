//! A stage for tests: a project and a host's root in a folder of their own, with the sample application, and
//! this program run on them as an operator would. Everything that runs there ends with it.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test binary uses a part")]
#![allow(clippy::disallowed_methods, reason = "tests start programs and write files by hand")]

pub mod apps;
pub mod lab;
pub mod supervisors;

use pintail_depot::Depot;
use pintail_host::supervise::client::Supervisor;
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The sample application, as it is in `pintail` itself.
pub const HELLO: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hello"));
/// The program under test.
pub const PINTAIL: &str = env!("CARGO_BIN_EXE_pintail");

/// How a command ended.
#[derive(Debug, Clone)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Both outputs, for messages.
    pub fn all(&self) -> String {
        format!("exit {}\n--- stdout\n{}--- stderr\n{}", self.code, self.out, self.err)
    }

    #[track_caller]
    pub fn expect(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "{}", self.all());
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}\n{}", self.all()))
    }
}

pub struct Stage {
    room: tempfile::TempDir,
    pub project: PathBuf,
    pub root: PathBuf,
}

/// What stands behind `[processes.web]` in most tests.
pub const HANDOVER: &str = "change = \"handover\"\n";
pub const RESTART: &str = "change = \"restart\"\n";

impl Stage {
    /// A stage whose project has the usual configuration, with `process` added to `[processes.web]`.
    pub fn new(process: &str) -> Self {
        Self::with(|root| config(root, process))
    }

    /// A stage with the configuration that `config` makes for a root.
    pub fn with(config: impl FnOnce(&Path) -> String) -> Self {
        Self::in_room(tempfile::Builder::new().prefix("pintail-test-").tempdir().unwrap(), None, config)
    }

    /// The same, with the host's root elsewhere.
    pub fn in_room(
        room: tempfile::TempDir,
        root: Option<PathBuf>,
        config: impl FnOnce(&Path) -> String,
    ) -> Self {
        let project = room.path().join("project");
        let root = root.unwrap_or_else(|| room.path().join("root"));
        fs::create_dir(&project).unwrap();
        fs::write(project.join("pintail.toml"), config(&root)).unwrap();
        Self { room, project, root }
    }

    pub fn room(&self) -> &Path {
        self.room.path()
    }

    pub fn depot(&self) -> Depot {
        Depot::new(self.project.join(".pintail/depot"))
    }

    pub fn set_config(&self, text: &str) {
        fs::write(self.project.join("pintail.toml"), text).unwrap();
    }

    /// A release of the sample application that behaves so, in the depot.
    pub fn release(&self, version: &str, behaviour: &str) {
        self.release_with(version, behaviour, |_| ());
    }

    /// The same, with its tree changed by `change` before it is packed.
    pub fn release_with(&self, version: &str, behaviour: &str, change: impl FnOnce(&Path)) {
        let tree = self.room.path().join(format!("hello-{version}"));
        for (path, content, mode) in [
            ("bin/hello", HELLO, 0o755),
            ("VERSION", version.as_bytes(), 0o644),
            ("content/message.txt", format!("this is {version}").as_bytes(), 0o644),
            ("content/behaviour.txt", behaviour.as_bytes(), 0o644),
            ("static/hello.css", format!("/* {version} */").as_bytes(), 0o644),
        ] {
            let path = tree.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        change(&tree);
        let (name, parsed) = ("hello".parse().unwrap(), version.parse().unwrap());
        self.depot().publish_tree(&tree, &name, &parsed, None, 1_700_000_000_000).unwrap();
        fs::remove_dir_all(&tree).unwrap();
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PINTAIL);
        command.arg("-C").arg(&self.project).args(arguments).stdin(Stdio::null());
        command.env("USER", "tester").env("TZ", "UTC");
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments))
    }

    #[track_caller]
    pub fn deploy(&self, version: &str) -> Ran {
        self.run(&["deploy", "local", version, "--yes"])
    }

    /// Starts a command, its outputs kept for [`finish`].
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    #[track_caller]
    pub fn status(&self) -> Value {
        let ran = self.run(&["status", "local", "--json"]);
        ran.expect(0);
        ran.json()["targets"][0]["hosts"][0].clone()
    }

    /// The version that status says is live.
    #[track_caller]
    pub fn live(&self) -> Option<String> {
        self.status()["live"]["version"].as_str().map(str::to_owned)
    }

    pub fn public_socket(&self) -> PathBuf {
        self.root.join("run/web.sock")
    }

    /// The version that answers on the public socket.
    pub fn served(&self) -> Result<String, String> {
        ask(&self.public_socket())
    }

    /// The process number of the agent that holds the lock, once it has stopped itself.
    pub fn stopped_agent(&self, within: Duration) -> Option<u32> {
        let until = Instant::now() + within;
        while Instant::now() < until {
            let holder = fs::read(self.root.join("journal/holder.json")).unwrap_or_default();
            let pid = serde_json::from_slice::<Value>(&holder).ok().and_then(|holder| holder["pid"].as_u64());
            if let Some(pid) = pid.filter(|pid| state(*pid as u32) == Some('T')) {
                return Some(pid as u32);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }

    pub fn supervisor_pid(&self) -> Option<u32> {
        Supervisor::connect(&self.root)
            .ok()
            .flatten()
            .and_then(|there| there.status().ok())
            .map(|status| status.pid)
    }

    /// Names in a folder of the root.
    pub fn names(&self, folder: &str) -> Vec<String> {
        self.names_in(&self.root.join(folder))
    }

    /// Names in any folder; none where there is no folder.
    pub fn names_in(&self, folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// After whatever happened, the next deploy works, with nothing unlocked by hand, and leaves nothing behind.
    pub fn check_next_deploy(&self, to: &str, after: &str) {
        let next = self.deploy(to);
        assert_eq!(next.code, 0, "{after}\nnext: {}", next.all());
        let status = self.status();
        assert_eq!(status["live"]["version"], to, "{after}\n{status:#}");
        assert!(status["unfinished"].is_null(), "{after}\n{status:#}");
        assert_eq!(status["drift"], serde_json::json!([]), "{after}\n{status:#}");
        assert_eq!(status["maintenance"]["is"], "off", "{after}\n{status:#}");
        assert_eq!(status["processes"].as_array().unwrap().len(), 1, "{after}\n{status:#}");
        assert_eq!(self.served().as_deref(), Ok(to), "{after}");
        let left: Vec<String> =
            self.names("releases").into_iter().filter(|name| name.starts_with('.')).collect();
        assert!(left.is_empty(), "{after}: {left:?}");
    }

    /// Replaces what differs from run to run: paths, process numbers, times, digests.
    pub fn plain(&self, text: &str) -> String {
        let text = text.replace(&self.root.display().to_string(), "ROOT");
        let text = text.replace(&self.room.path().display().to_string(), "ROOM");
        // A machine may be called anything, `a` too: its name is replaced only where it stands as one.
        let machine = pintail_os::process::host();
        let places = ["@NAME", "(NAME)", "on `NAME`", "\"machine\": \"NAME\""];
        let named = places.iter().fold(text, |text, place| {
            text.replace(&place.replace("NAME", &machine), &place.replace("NAME", "MACHINE"))
        });
        // The kernel begins anew at 300: process numbers may be short.
        let named = ["pid ", "\"pid\": "].iter().fold(named, |text, before| after_each(&text, before));
        numbers(&named)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Also when the supervisor was killed: its holder and its processes may live.
        if self.root.join("run/supervisor.json").exists()
            && let Ok(supervisor) =
                Supervisor::ensure_program(Path::new(PINTAIL), &self.root, env!("CARGO_PKG_VERSION"))
        {
            let _ = supervisor.shutdown();
        }
    }
}

/// The usual configuration. Everything that waits is short.
pub fn config(root: &Path, process: &str) -> String {
    format!(
        r#"name = "hello"

[targets.local]
hosts = ["local"]

[host]
root = "{}"
shared = ["log"]
cache = ["cache"]
publish = [{{ from = "static", to = "docroot" }}]

[processes.web]
run = "bin/hello --workers 4"
settle = "150ms"
stop_timeout = "10s"
health = {{ path = "/health", expect = 200, within = "3s", version = {{ json = "version" }} }}
{process}"#,
        root.display()
    )
}

pub fn ran(mut command: Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// What is told from the error on: before it stand the plan and how far it came.
#[track_caller]
pub fn error(ran: &Ran) -> &str {
    ran.err[ran.err.find("error: ").unwrap_or_else(|| panic!("{}", ran.all()))..].trim_end()
}

/// Waits for a command that was started; one killed by a signal has code -1.
pub fn finish(child: Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The state letter of a process: `T` stopped, `Z` zombie.
pub fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat[stat.rfind(')')? + 1..].trim_start().chars().next()
}

pub fn signal(pid: u32, name: &str) {
    let _ = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).stderr(Stdio::null()).status();
}

/// The version that answers at a unix socket.
pub fn ask(socket: &Path) -> Result<String, String> {
    let mut stream = UnixStream::connect(socket).map_err(|error| error.to_string())?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
        .write_all(b"GET /version HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
        .map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|error| error.to_string())?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.trim().to_owned()),
        _ => Err(format!("no whole answer: {answer:?}")),
    }
}

/// Waits until `wanted` holds.
#[track_caller]
pub fn wait_for(what: &str, within: Duration, mut wanted: impl FnMut() -> bool) {
    let until = Instant::now() + within;
    while !wanted() {
        assert!(Instant::now() < until, "{what}: not within {within:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A separate client process that asks all the while.
pub struct Traffic(Child);

impl Traffic {
    pub fn start(socket: &Path, keep_alive: bool) -> Self {
        let mut command = Command::new(PINTAIL);
        command.arg("traffic").arg(format!("unix:{}", socket.display())).args(["--pause-ms", "2"]);
        if keep_alive {
            command.arg("--keep-alive");
        }
        Self(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap())
    }

    /// Ends it and gives what it counted.
    pub fn tally(mut self) -> Value {
        drop(self.0.stdin.take());
        serde_json::from_str(&finish(self.0).out).unwrap()
    }
}

/// A deployment whose agent has stopped itself at a line of its journal. Dropped unfinished, it ends with its agent.
pub struct Paused {
    operator: Option<Child>,
    pub agent: u32,
}

impl Paused {
    pub fn operator(&self) -> u32 {
        self.operator.as_ref().map_or(0, Child::id)
    }

    /// Lets the agent go on, and waits for the operator's end and the agent's.
    pub fn go_on(mut self) -> Ran {
        signal(self.agent, "CONT");
        let ended = finish(self.operator.take().unwrap());
        wait_for("the agent's end", Duration::from_secs(30), || {
            matches!(state(self.agent), None | Some('Z'))
        });
        ended
    }

    /// Kills the operator; its agent stays stopped.
    pub fn kill_operator(&mut self) {
        if let Some(mut operator) = self.operator.take() {
            let _ = operator.kill();
            let _ = operator.wait();
        }
    }

    /// Kills the agent and waits for the operator's end.
    pub fn kill_agent(mut self) -> Ran {
        signal(self.agent, "KILL");
        finish(self.operator.take().unwrap())
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        if let Some(mut operator) = self.operator.take() {
            signal(self.agent, "KILL");
            let _ = operator.kill();
            let _ = operator.wait();
        }
    }
}

impl Stage {
    /// Deploys `version`, and stops its agent after `line` lines of its journal. Fewer lines: how it ended.
    #[track_caller]
    pub fn paused(&self, version: &str, line: u64) -> Result<Paused, Ran> {
        let mut operator =
            self.start(&["deploy", "local", version, "--yes", "--pause-at", &line.to_string()]);
        let mut agent = None;
        wait_for(&format!("line {line} of the deployment of {version}"), Duration::from_secs(20), || {
            agent = self.stopped_agent(Duration::from_millis(20));
            agent.is_some() || operator.try_wait().unwrap().is_some()
        });
        match agent {
            Some(agent) => Ok(Paused { operator: Some(operator), agent }),
            None => Err(finish(operator)),
        }
    }

    /// The same at a step of the plan, as `plan --json` has it: after it has looked (recorded, not acted).
    #[track_caller]
    pub fn paused_before(&self, version: &str, step: &str) -> Paused {
        self.paused(version, 2 * self.step(version, step) + 1).unwrap_or_else(|ran| panic!("{}", ran.all()))
    }

    /// The same after it has acted.
    #[track_caller]
    pub fn paused_after(&self, version: &str, step: &str) -> Paused {
        self.paused(version, 2 * self.step(version, step) + 2).unwrap_or_else(|ran| panic!("{}", ran.all()))
    }

    /// The index of the first such step in the plan for `version`.
    #[track_caller]
    fn step(&self, version: &str, step: &str) -> u64 {
        let plan = self.run(&["plan", "local", version, "--json"]);
        let steps = plan.expect(0).json()["hosts"][0]["plan"]["steps"].clone();
        let at = steps.as_array().and_then(|steps| steps.iter().position(|there| there["step"] == step));
        at.unwrap_or_else(|| panic!("no step `{step}` in {steps:#}")) as u64
    }

    /// Everything on the host that an operation may change, but for journal and logs: paths, kinds, link targets,
    /// sizes, modes.
    pub fn picture(&self) -> Vec<String> {
        let mut seen = Vec::new();
        picture(&self.root, &self.root, &mut seen);
        seen.sort();
        seen
    }

    /// `version` is live, serves and answers, the host is as its journal says, and nothing half is left.
    #[track_caller]
    pub fn check_well(&self, version: &str, at: &str) {
        let status = self.status();
        assert_eq!(status["live"]["version"], version, "{at}\n{status:#}");
        assert!(status["unfinished"].is_null(), "{at}\n{status:#}");
        assert!(status["running"].is_null(), "{at}\n{status:#}");
        assert_eq!(status["drift"], serde_json::json!([]), "{at}\n{status:#}");
        assert_eq!(status["maintenance"]["is"], "off", "{at}\n{status:#}");
        assert_eq!(status["processes"].as_array().unwrap().len(), 1, "{at}\n{status:#}");
        assert_eq!(self.served().as_deref(), Ok(version), "{at}");
        for folder in ["releases", "store", "shared", "run", "."] {
            let left: Vec<String> = self.names(folder);
            let half = |name: &&String| name.starts_with('.') && name.as_str() != ".";
            assert_eq!(left.iter().find(half), None, "{at}: in {folder}: {left:?}");
        }
        assert_eq!(self.names("store"), [""; 0], "{at}");
    }

    /// The host no longer knows what its releases hold, so the next one travels whole.
    pub fn forget_bases(&self) {
        for release in self.names("releases") {
            let folder = self.root.join("releases").join(release).join(".pintail");
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
            let _ = fs::remove_file(folder.join("held.json"));
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
        }
    }

    /// What the last deployment's commands said, as it is kept.
    pub fn kept_output(&self) -> String {
        let last = self.names("journal").into_iter().rfind(|name| name.parse::<u64>().is_ok()).unwrap();
        fs::read_to_string(self.root.join("journal").join(last).join("output")).unwrap()
    }

    /// The folder of the journal of operation `id`.
    pub fn operation(&self, id: u64) -> PathBuf {
        self.root.join(format!("journal/{id:06}"))
    }
}

fn picture(folder: &Path, root: &Path, seen: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let inner = path.strip_prefix(root).unwrap().display().to_string();
        // What only tells, and what each operation makes and takes away of its own.
        if ["journal", "log"].contains(&inner.as_str()) || inner.contains("supervis") {
            continue;
        }
        let Ok(found) = fs::symlink_metadata(&path) else { continue };
        let mode = found.permissions().mode() & 0o7777;
        if found.is_symlink() {
            seen.push(format!("{inner} -> {}", fs::read_link(&path).unwrap().display()));
        } else if found.is_dir() {
            let before = seen.len();
            picture(&path, root, seen);
            // Folders that the layout has anyway may be made and left empty.
            if seen.len() > before
                || !["backups", "cache", "releases", "run", "shared", "store"].contains(&inner.as_str())
            {
                seen.push(format!("{inner}/ {mode:o}"));
            }
        } else {
            // The application's own log in `shared` grows by itself.
            let size = if inner.ends_with(".log") { 0 } else { found.len() };
            seen.push(format!("{inner} {mode:o} {size}"));
        }
    }
}

/// A file system of its own size, gone when dropped.
pub struct Small(tempfile::TempDir);

impl Small {
    /// `None` where mounting is not allowed.
    pub fn of_mib(mib: u32) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("pintail-small-").tempdir().unwrap();
        let options = format!("size={mib}m,mode=755");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).output();
        mount.is_ok_and(|mount| mount.status.success()).then_some(Self(folder))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Leaves no byte free.
    pub fn fill(&self) {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(self.ballast()).unwrap();
        let mut piece = vec![b'x'; 1 << 20];
        while !piece.is_empty() {
            while file.write_all(&piece).is_ok() {}
            piece.truncate(piece.len() / 2);
        }
    }

    pub fn free(&self) {
        let _ = fs::remove_file(self.ballast());
    }

    fn ballast(&self) -> PathBuf {
        self.0.path().join("ballast")
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// The digits after each `before` become `N`.
fn after_each(text: &str, before: &str) -> String {
    let mut parts = text.split(before);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        let number = if rest.len() < part.len() { "N" } else { "" };
        format!("{plain}{before}{number}{rest}")
    })
}

/// Runs of digits that are times, process numbers and the like become `N`; digests become `DIGEST`.
fn numbers(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word: usize = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
        let before = plain.chars().last().is_some_and(|c| c.is_ascii_alphanumeric());
        let after = rest[word..].chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
        let lone = !before && !after;
        if lone && (word == 8 || word == 64 || word == 40) && rest[..word].bytes().any(|b| b.is_ascii_digit())
        {
            plain.push_str("DIGEST");
            rest = &rest[word..];
            continue;
        }
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        if digits >= 4 {
            plain.push('N');
            rest = &rest[digits..];
            continue;
        }
        let step = first.len_utf8().max(digits).max(if before { 0 } else { 1 });
        plain.push_str(&rest[..step]);
        rest = &rest[step..];
    }
    plain
}

/// What this machine is called.
pub fn machine() -> String {
    pintail_os::process::host()
}
