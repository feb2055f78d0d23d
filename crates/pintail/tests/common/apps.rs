//! Real applications and a real web server for tests: what they need of this machine, how they are released,
//! and how they are asked.

use super::{PINTAIL, Ran, Stage, Traffic, ran, wait_for};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The seed's own kind of application.
pub const FCGI: &str = include_str!("../apps/fcgi.pl");
/// One that binds its socket itself.
pub const HTTP_BIND: &str = include_str!("../apps/http_bind.pl");

/// The seed's own command line, with all that waits made short.
pub const FCGI_WEB: &str = r#"
[processes.web]
run = "perl fcgi.pl --listen {listen} --nproc 5 --pidfile {pidfile}"
protocol = "fastcgi"
settle = "150ms"
stop_timeout = "10s"
health = { path = "/health", expect = 200, within = "10s", version = { json = "version" } }
"#;

/// Fails unless `program` can be run, and says which Debian package has it.
#[track_caller]
pub fn needs(program: &str, arguments: &[&str], packages: &str) {
    let there = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(
        there.is_ok_and(|ended| ended.success()),
        "this test runs `{program} {}`, which does not work here: `apt-get install {packages}`, or `./test`, which does it",
        arguments.join(" ")
    );
}

/// What `fcgi.pl` needs.
#[track_caller]
pub fn needs_fcgi() {
    needs(
        "perl",
        &["-MFCGI", "-MFCGI::ProcManager", "-e", "1"],
        "perl libfcgi-perl libfcgi-procmanager-perl",
    );
}

/// What is the same in all configurations of these tests; `host` goes into `[host]`, `rest` behind it.
pub fn config(root: &Path, host: &str, rest: &str) -> String {
    format!(
        "name = \"hello\"\n\n[targets.local]\nhosts = [\"local\"]\n\n[host]\nroot = \"{}\"\n{host}\n{rest}",
        root.display()
    )
}

/// The sample application as a process, with all that waits made short, and `more` in its table.
pub fn hello(more: &str) -> String {
    format!(
        "\n[processes.web]\nrun = \"bin/hello --workers 4\"\nsettle = \"150ms\"\nstop_timeout = \"10s\"\n\
         health = {{ path = \"/health\", within = \"5s\", version = {{ json = \"version\" }} }}\n{more}\n"
    )
}

/// Writes a file into a tree, with the folders above it.
pub fn write(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// A release whose application is the Perl program `text`, called `name`.
pub fn release_perl(stage: &Stage, version: &str, behaviour: &str, name: &str, text: &str) {
    stage.release_with(version, behaviour, |tree| {
        fs::remove_dir_all(tree.join("bin")).unwrap();
        write(&tree.join(name), text);
    });
}

/// A TCP port that nobody listens on, below those that the system gives to clients; another one at each call.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + std::process::id() as u16 % 5_000;
    let mut ports = (first..30_000).skip(usize::from(NEXT.fetch_add(20, Ordering::Relaxed)));
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

/// A release's folder name, by its version.
#[track_caller]
pub fn release_name(stage: &Stage, version: &str) -> String {
    let named = |name: &String| name.starts_with(&format!("{version}-"));
    stage.names("releases").into_iter().find(named).unwrap_or_else(|| panic!("no release {version}"))
}

/// Where the release of that version is.
#[track_caller]
pub fn release_folder(stage: &Stage, version: &str) -> PathBuf {
    stage.root.join("releases").join(release_name(stage, version))
}

impl Traffic {
    /// As [`Traffic::start`], at a TCP address.
    pub fn start_tcp(port: u16) -> Self {
        let mut command = Command::new(PINTAIL);
        command.args(["traffic", &format!("127.0.0.1:{port}"), "--pause-ms", "2"]);
        Self(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap())
    }

    /// Ends it; it must have asked something, and all must have been answered well.
    #[track_caller]
    pub fn none_failed(self, least: u64) -> Value {
        let tally = self.tally();
        assert_eq!(tally["failed"], 0, "{tally:#}");
        assert!(tally["requests"].as_u64().unwrap() >= least, "{tally:#}");
        tally
    }
}

/// One question over HTTP, the whole answer as text.
pub fn get(mut stream: impl Read + Write, path: &str) -> Result<String, String> {
    let asked = format!("GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    stream.write_all(asked.as_bytes()).map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|error| error.to_string())?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.trim().to_owned()),
        _ => Err(format!("no whole answer: {answer:?}")),
    }
}

pub fn get_unix(socket: &Path, path: &str) -> Result<String, String> {
    get(UnixStream::connect(socket).map_err(|error| error.to_string())?, path)
}

pub fn get_tcp(port: u16, path: &str) -> Result<String, String> {
    get(
        TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).map_err(|error| error.to_string())?,
        path,
    )
}

/// A request that takes `ms`, under way.
pub fn slow(socket: &Path, ms: u64) -> JoinHandle<Result<String, String>> {
    let socket = socket.to_path_buf();
    let started = std::thread::spawn(move || get_unix(&socket, &format!("/slow?ms={ms}")));
    // It shall be in the application, and not merely on its way.
    std::thread::sleep(Duration::from_millis(100));
    started
}

/// An nginx of its own, in front of `ROOT/run/web.sock`, never reloaded.
pub struct Nginx {
    child: Child,
    pub port: u16,
    config: PathBuf,
    text: String,
    workers: Vec<u32>,
}

impl Nginx {
    #[track_caller]
    pub fn before_fastcgi(stage: &Stage) -> Self {
        let params = [
            ("REQUEST_METHOD", "$request_method"),
            ("REQUEST_URI", "$request_uri"),
            ("SCRIPT_NAME", "\"\""),
            ("PATH_INFO", "$uri"),
            ("QUERY_STRING", "$query_string"),
            ("CONTENT_TYPE", "$content_type"),
            ("CONTENT_LENGTH", "$content_length"),
            ("SERVER_PROTOCOL", "$server_protocol"),
        ];
        let params: String = params.map(|(name, value)| format!("fastcgi_param {name} {value};\n")).concat();
        let location = format!("fastcgi_pass unix:{}/run/web.sock;\n{params}", stage.root.display());
        Self::start(stage.room(), &location)
    }

    /// Serves a folder's files, as the seed's nginx serves its depot.
    #[track_caller]
    pub fn before_folder(room: &Path, folder: &Path) -> Self {
        Self::start(room, &format!("root {};\nindex index.html;\n", folder.display()))
    }

    #[track_caller]
    fn start(room: &Path, location: &str) -> Self {
        // Debian has it where only root's PATH looks.
        let program = if Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" };
        needs(program, &["-v"], "nginx-light");
        let (port, room) = (free_port(), room.join("nginx"));
        fs::create_dir(&room).unwrap();
        let at = room.display();
        let text = format!(
            "daemon off;\nuser root;\nworker_processes 1;\npid {at}/pid;\nerror_log {at}/error.log;\n\
             events {{ worker_connections 512; }}\nhttp {{\naccess_log off;\nclient_body_temp_path {at}/body;\n\
             fastcgi_temp_path {at}/fastcgi;\nproxy_temp_path {at}/proxy;\nuwsgi_temp_path {at}/uwsgi;\n\
             scgi_temp_path {at}/scgi;\nserver {{\nlisten 127.0.0.1:{port};\nlocation / {{\n{location}}}\n}}\n}}\n"
        );
        let config = room.join("nginx.conf");
        fs::write(&config, &text).unwrap();
        let error_log = room.join("error.log");
        let mut child = Command::new(program)
            .arg("-c")
            .arg(&config)
            .arg("-e")
            .arg(&error_log)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        wait_for("nginx listens", Duration::from_secs(10), || {
            assert!(
                child.try_wait().unwrap().is_none(),
                "{}",
                fs::read_to_string(&error_log).unwrap_or_default()
            );
            // The socket takes connections before there is a worker to answer them.
            TcpStream::connect(("127.0.0.1", port)).is_ok() && !children(child.id()).is_empty()
        });
        let workers = children(child.id());
        Self { child, port, config, text, workers }
    }

    /// What it complained of.
    pub fn errors(&self) -> String {
        fs::read_to_string(self.config.with_file_name("error.log")).unwrap_or_default()
    }

    /// The very same nginx with the very same configuration serves as at the beginning.
    #[track_caller]
    pub fn is_untouched(&mut self) {
        assert!(self.child.try_wait().unwrap().is_none(), "nginx ended");
        assert_eq!(fs::read_to_string(&self.config).unwrap(), self.text);
        assert_eq!(children(self.child.id()), self.workers, "a reload makes new workers");
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        super::signal(self.child.id(), "TERM");
        let _ = self.child.wait();
    }
}

/// The processes that `parent` is the parent of.
pub fn children(parent: u32) -> Vec<u32> {
    let mut children: Vec<u32> = pids().into_iter().filter(|pid| parent_of(*pid) == Some(parent)).collect();
    children.sort_unstable();
    children
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat[stat.rfind(')')? + 1..].split_whitespace().nth(1)?.parse().ok()
}

/// Every process of this machine.
pub fn pids() -> Vec<u32> {
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// The process numbers of a process's instances, as status has them.
#[track_caller]
pub fn instances(stage: &Stage, process: &str) -> Vec<u32> {
    let status = stage.status();
    let all = status["processes"].as_array().unwrap();
    let ours = all.iter().filter(|there| there["process"] == process);
    ours.flat_map(|there| there["instances"].as_array().unwrap())
        .map(|instance| instance["pid"].as_u64().unwrap_or_else(|| panic!("{status:#}")) as u32)
        .collect()
}

/// The names of the processes that status tells of.
#[track_caller]
pub fn processes(stage: &Stage) -> Vec<String> {
    let status = stage.status();
    status["processes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|there| there["process"].as_str().unwrap().to_owned())
        .collect()
}

/// A process's environment.
#[track_caller]
pub fn environment(pid: u32) -> std::collections::BTreeMap<String, String> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    text.split('\0')
        .filter_map(|pair| pair.split_once('='))
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect()
}

/// Whether a process is there and no zombie.
pub fn is_alive(pid: u32) -> bool {
    super::state(pid).is_some_and(|state| state != 'Z')
}

impl Stage {
    /// Runs a command with something on its standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        super::finish(child)
    }

    /// The plan for a version, as JSON; its first host's part.
    #[track_caller]
    pub fn plan(&self, version: &str) -> Value {
        let ran = self.run(&["plan", "local", version, "--json"]);
        ran.expect(0);
        ran.json()["hosts"][0].clone()
    }

    /// The drift that status tells.
    #[track_caller]
    pub fn drift(&self) -> Vec<String> {
        self.status()["drift"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one.as_str().unwrap().to_owned())
            .collect()
    }
}

/// Runs git in `folder`, as nobody in particular.
#[track_caller]
pub fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args([
        "-c",
        "user.name=T",
        "-c",
        "user.email=t@example.org",
        "-c",
        "commit.gpgsign=false",
    ]);
    let ran = ran({
        command.args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        command
    });
    assert_eq!(ran.code, 0, "git {arguments:?}: {}", ran.all());
    ran.out.trim().to_owned()
}

/// Every file below `folder` with what it holds, for looking for a word in them.
pub fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            found.extend(files(&path));
        } else if kind.is_file() {
            found.push((path.clone(), fs::read(&path).unwrap_or_default()));
        }
    }
    found
}

/// Everything below `folder`: path, kind, mode, inode, times of change, content or where it leads.
pub fn listing(folder: &Path) -> Vec<String> {
    use std::os::unix::fs::MetadataExt;
    let mut lines = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let found = fs::symlink_metadata(&path).unwrap();
        let content = if found.is_symlink() {
            fs::read_link(&path).unwrap().display().to_string()
        } else if found.is_file() {
            format!("{:x?}", &fs::read(&path).unwrap())
        } else {
            String::new()
        };
        lines.push(format!(
            "{} mode {:o} inode {} mtime {}.{} ctime {}.{} {content}",
            path.display(),
            found.permissions().mode(),
            found.ino(),
            found.mtime(),
            found.mtime_nsec(),
            found.ctime(),
            found.ctime_nsec()
        ));
        if found.is_dir() {
            lines.extend(listing(&path));
        }
    }
    lines.sort();
    lines
}

/// How long `what` took.
pub fn timed<T>(what: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let made = what();
    (made, began.elapsed())
}
