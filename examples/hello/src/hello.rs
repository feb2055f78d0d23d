//! hello: the sample application that Pintail deploys. A small HTTP/1.1 server in one file, standard library only.
//!
//! It shows what an application owes to be changed without losing a request: it serves on a listening socket that
//! somebody else holds, tells which version it is, and on TERM drains instead of dying. It knows nothing of
//! Pintail beyond the conventions of systemd's socket activation and the `PINTAIL_…` environment.

use std::env;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{ExitCode, exit, id};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a wait in the kernel lasts before the thread looks whether it should stop.
const GLANCE: Duration = Duration::from_millis(50);
/// After TERM, connections that still arrive are taken for at most this long, if they never pause for a `GLANCE`.
const ACCEPT_AFTER_TERM: Duration = Duration::from_millis(500);
/// After TERM, a kept-alive connection may send one last request for this long.
const LAST_REQUEST: Duration = Duration::from_millis(500);
/// After TERM, a connection that never sent a request gets this long: its client has been promised an answer.
const FIRST_REQUEST: Duration = Duration::from_secs(2);
/// An idle kept-alive connection is closed after this long.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A request that has begun must be complete, and an answer be taken, within this long.
const TRANSFER: Duration = Duration::from_secs(10);
/// `/slow` sleeps no longer than this.
const SLOWEST: Duration = Duration::from_secs(30);
/// After the last answer, how long the client may take to notice that the connection is over.
const FAREWELL: Duration = Duration::from_millis(500);
const HEAD_MAX_BYTES: usize = 16 << 10;
const BODY_MAX_BYTES: usize = 1 << 20;
/// More connections than this wait in the kernel's queue, where another process may take them.
const CONNECTIONS_MAX: usize = 256;

const USAGE: &str = "\
usage: hello [--workers N] [--listen ADDRESS:PORT | --listen unix:PATH]
  serves on fd 3 if LISTEN_FDS and LISTEN_PID say so, else on fd 0 if that is a listening socket, else on --listen
  reads VERSION, content/message.txt and content/behaviour.txt in the working directory";

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("hello: {problem}");
            ExitCode::from(2)
        }
    }
}

fn start() -> Result<(), String> {
    let arguments = Arguments::read(env::args().skip(1))?;
    drain_on_term();
    let app: &'static App = Box::leak(Box::new(App::read(arguments.workers)?));
    app.behave_at_start();
    let (listener, whence) = Listener::find(arguments.listen.as_deref())?;
    listener
        .wait_at_most(GLANCE)
        .map_err(|e| format!("cannot prepare the listening socket: {e}"))?;
    app.log(&format!(
        "serves on {whence}, {} requests at once",
        arguments.workers
    ));
    serve(app, &listener);
    app.log(&format!(
        "drained, {} requests answered",
        app.answered.load(Ordering::Relaxed)
    ));
    Ok(())
}

// ---------------------------------------------------------------------------------------------- arguments

struct Arguments {
    workers: usize,
    listen: Option<String>,
}

impl Arguments {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Arguments {
            workers: 4,
            listen: None,
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("`{word}` needs a value\n{USAGE}"));
            match word.as_str() {
                "--listen" => arguments.listen = Some(value()?),
                "--workers" => {
                    let text = value()?;
                    let workers = text.parse().ok().filter(|n| (1..=64).contains(n));
                    arguments.workers = workers.ok_or(format!("`--workers {text}`: it takes 1 to 64"))?;
                }
                "--help" | "-h" => {
                    println!("{USAGE}");
                    exit(0);
                }
                _ => return Err(format!("unknown argument `{word}`\n{USAGE}")),
            }
        }
        Ok(arguments)
    }
}

// ------------------------------------------------------------------------------------------------- signals

static TERM: AtomicBool = AtomicBool::new(false);

extern "C" fn on_term(_: i32) {
    TERM.store(true, Ordering::Relaxed); // All that a signal handler may safely do; `App::draining` sees it.
}

// Safe to declare: `signal` of the C library has this signature on Linux, takes any handler that is itself
// async-signal-safe, and `on_term` is. The standard library has no way to hear a signal.
unsafe extern "C" {
    safe fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
}

fn drain_on_term() {
    const SIGINT: i32 = 2;
    const SIGTERM: i32 = 15;
    signal(SIGINT, on_term);
    signal(SIGTERM, on_term);
}

// --------------------------------------------------------------------------------------------- application

/// What `content/behaviour.txt` asks for, so that trials can have a release that misbehaves.
#[derive(Clone, Copy, PartialEq)]
enum Behaviour {
    Healthy,
    Unhealthy,
    WrongVersion,
    Hang,
    DiesAtStart,
    DiesAfter(Duration),
    SlowStart(Duration),
    IgnoresTerm,
}

impl Behaviour {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let kind = words.next().unwrap_or("healthy");
        let mut duration = || Some(Duration::from_millis(words.next()?.parse().ok()?));
        Some(match kind {
            "healthy" => Self::Healthy,
            "unhealthy" => Self::Unhealthy,
            "wrong-version" => Self::WrongVersion,
            "hang" => Self::Hang,
            "dies-at-start" => Self::DiesAtStart,
            "dies-after" => Self::DiesAfter(duration()?),
            "slow-start" => Self::SlowStart(duration()?),
            "ignores-term" => Self::IgnoresTerm,
            _ => return None,
        })
    }
}

/// What is read once, at the start: a release never changes, and the next one has a process of its own.
struct App {
    version: String,
    release: String,
    message: String,
    behaviour: Behaviour,
    /// How many more requests may be worked on now.
    seats: Count,
    /// How many connections are open.
    connections: Count,
    answered: AtomicU64,
    draining_since: OnceLock<Instant>,
}

impl App {
    fn read(workers: usize) -> Result<Self, String> {
        let version = fs::read_to_string("VERSION")
            .ok()
            .or_else(|| env::var("PINTAIL_VERSION").ok());
        let behaviour = fs::read_to_string("content/behaviour.txt").unwrap_or_default();
        Ok(App {
            version: version.map_or("unversioned".into(), |text| plain(&text)),
            release: env::var("PINTAIL_RELEASE").map_or("none".into(), |text| plain(&text)),
            message: fs::read_to_string("content/message.txt").unwrap_or_else(|_| "Hello.".into()),
            behaviour: Behaviour::parse(&behaviour)
                .ok_or_else(|| format!("content/behaviour.txt: unknown behaviour `{}`", behaviour.trim()))?,
            seats: Count::new(workers),
            connections: Count::new(0),
            answered: AtomicU64::new(0),
            draining_since: OnceLock::new(),
        })
    }

    fn behave_at_start(&'static self) {
        match self.behaviour {
            Behaviour::DiesAtStart => {
                self.log("dies at start, as content/behaviour.txt says");
                exit(7);
            }
            Behaviour::DiesAfter(delay) => {
                thread::spawn(move || {
                    thread::sleep(delay);
                    self.log("dies now, as content/behaviour.txt says");
                    exit(7);
                });
            }
            Behaviour::SlowStart(delay) => {
                let begin = Instant::now();
                while begin.elapsed() < delay && self.draining().is_none() {
                    thread::sleep(GLANCE.min(delay));
                }
            }
            _ => {}
        }
    }

    /// When TERM was heard, if it was.
    fn draining(&self) -> Option<Instant> {
        let told = TERM.load(Ordering::Relaxed) && self.behaviour != Behaviour::IgnoresTerm;
        told.then(|| *self.draining_since.get_or_init(Instant::now))
    }

    /// To stderr, which a supervisor keeps, and to the shared folder `log`, which survives releases.
    fn log(&self, event: &str) {
        let line = format!("hello {} (pid {}): {event}\n", self.version, id());
        let _ = io::stderr().write_all(line.as_bytes()); // Not `eprint!`: it panics when the reader has died.
        if let Ok(mut file) = File::options().append(true).create(true).open("log/hello.log") {
            let _ = file.write_all(line.as_bytes()); // A full disk must not stop the service.
        }
    }
}

/// Keeps what may stand in a header, in JSON and in HTML without quoting.
fn plain(text: &str) -> String {
    text.trim()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || ".+-_~/".contains(*c))
        .collect()
}

/// A count that threads wait on.
struct Count {
    count: Mutex<usize>,
    changed: Condvar,
}

impl Count {
    fn new(count: usize) -> Self {
        Count {
            count: Mutex::new(count),
            changed: Condvar::new(),
        }
    }

    fn up(&self) {
        *self.lock() += 1;
        self.changed.notify_all();
    }

    fn down(&self) {
        *self.lock() -= 1;
        self.changed.notify_all();
    }

    /// Waits until the count meets the condition, then takes one away.
    fn take(&self) {
        let waiting = self.changed.wait_while(self.lock(), |count| *count == 0);
        *waiting.unwrap_or_else(PoisonError::into_inner) -= 1;
    }

    /// Waits until the count is at most `most`, but no longer than `limit`; tells whether it is.
    fn falls_to(&self, most: usize, limit: Duration) -> bool {
        let waiting = self
            .changed
            .wait_timeout_while(self.lock(), limit, |count| *count > most);
        *waiting.unwrap_or_else(PoisonError::into_inner).0 <= most
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// ------------------------------------------------------------------------------------------------- serving

/// Until TERM, then until every connection has had its answer.
fn serve(app: &'static App, listener: &Listener) {
    loop {
        if app
            .draining()
            .is_some_and(|since| since.elapsed() > ACCEPT_AFTER_TERM)
        {
            break;
        }
        if !app.connections.falls_to(CONNECTIONS_MAX - 1, GLANCE) {
            continue;
        }
        let asked = Instant::now();
        match listener.accept() {
            Ok(stream) => {
                app.connections.up();
                let work = move || {
                    converse(app, stream);
                    app.connections.down();
                };
                if let Err(problem) = thread::Builder::new().stack_size(128 << 10).spawn(work) {
                    app.connections.down();
                    app.log(&format!("lost a connection, cannot start a thread: {problem}"));
                }
            }
            // Nobody came for a while: what was in the queue at TERM has been taken.
            Err(_) if app.draining().is_some_and(|since| since.elapsed() >= GLANCE) => break,
            // Without a wait in between (no free descriptors; or whoever shares the socket made it
            // non-blocking) the loop would spin.
            Err(_) if asked.elapsed() < GLANCE / 2 => thread::sleep(Duration::from_millis(2)),
            Err(_) => {}
        }
    }
    // No limit here: every conversation has its own, and whoever sent TERM may send KILL.
    while !app.connections.falls_to(0, KEEP_ALIVE) {}
}

/// One connection, from its first request to its farewell.
fn converse(app: &App, stream: Stream) {
    let mut connection = Connection {
        stream,
        received: Vec::new(),
    };
    if connection.stream.limits(GLANCE, TRANSFER).is_err() {
        return;
    }
    let mut first = true;
    loop {
        let (answer, request) = match connection.next_request(app, first) {
            Ok(request) => {
                app.seats.take();
                let answer = app.answer(&request);
                app.seats.up();
                (answer, Some(request))
            }
            Err(Refusal::Silence) => break,
            Err(Refusal::Status(status, why)) => (Some(Answer::text(status, why)), None),
        };
        let Some(answer) = answer else {
            connection.await_end(Duration::from_secs(3600), app); // Asked to hang.
            return;
        };
        // Asked after the work, so that a TERM during a slow request already shows in its answer.
        let keep = request.as_ref().is_some_and(|r| r.keep_alive) && app.draining().is_none();
        let with_body = request.is_none_or(|r| r.method != "HEAD");
        if connection
            .stream
            .write_all(&answer.bytes(&app.told_version(), keep, with_body))
            .is_err()
        {
            return;
        }
        app.answered.fetch_add(1, Ordering::Relaxed);
        if !keep {
            break;
        }
        first = false;
    }
    // Closing while the client's bytes lie unread resets the connection and may destroy the answer on its
    // way. So: say that no more will come, then read until the client hangs up.
    if connection.stream.shutdown_write().is_ok() {
        connection.await_end(FAREWELL, app);
    }
}

struct Connection {
    stream: Stream,
    /// Bytes that came after the last complete request.
    received: Vec<u8>,
}

enum Refusal {
    /// The client hung up, or said nothing for too long: nobody waits for an answer.
    Silence,
    Status(u16, &'static str),
}

struct Request {
    method: String,
    path: String,
    query: String,
    body: Vec<u8>,
    keep_alive: bool,
}

impl Connection {
    fn next_request(&mut self, app: &App, first: bool) -> Result<Request, Refusal> {
        let waiting_since = Instant::now();
        while self.received.is_empty() {
            let limit = match app.draining() {
                None => KEEP_ALIVE.saturating_sub(waiting_since.elapsed()),
                Some(told) => {
                    let grace = if first { FIRST_REQUEST } else { LAST_REQUEST };
                    grace.saturating_sub(told.max(waiting_since).elapsed())
                }
            };
            if !self.receive()? && limit.is_zero() {
                return Err(Refusal::Silence);
            }
        }
        let begun = Instant::now();
        let head_end = loop {
            let end = self.received.windows(4).position(|w| w == b"\r\n\r\n");
            match end {
                Some(at) if at <= HEAD_MAX_BYTES => break at,
                None if self.received.len() <= HEAD_MAX_BYTES => self.receive_before(begun + TRANSFER)?,
                _ => return Err(Refusal::Status(431, "the head of the request is too long")),
            }
        };
        let head = Head::parse(&self.received[..head_end])?;
        let body_begin = head_end + 4;
        let body_end = body_begin + head.content_length;
        if head.expects_continue && self.received.len() < body_end {
            let go_on = self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
            go_on.map_err(|_| Refusal::Silence)?;
        }
        while self.received.len() < body_end {
            self.receive_before(begun + TRANSFER)?;
        }
        let rest = self.received.split_off(body_end);
        let body = std::mem::replace(&mut self.received, rest).split_off(body_begin);
        let (path, query) = head.target.split_once('?').unwrap_or((&head.target, ""));
        Ok(Request {
            path: path.into(),
            query: query.into(),
            body,
            method: head.method,
            keep_alive: head.keep_alive,
        })
    }

    fn receive_before(&mut self, deadline: Instant) -> Result<(), Refusal> {
        if !self.receive()? && Instant::now() > deadline {
            return Err(Refusal::Status(408, "the request took too long"));
        }
        Ok(())
    }

    /// Adds what arrives within a glance; false when nothing did.
    fn receive(&mut self) -> Result<bool, Refusal> {
        let mut piece = [0; 16 << 10];
        match self.stream.read(&mut piece) {
            Ok(0) => Err(Refusal::Silence),
            Ok(n) => {
                self.received.extend_from_slice(&piece[..n]);
                Ok(true)
            }
            Err(e) => match e.kind() {
                // Interrupted: this thread was the one to be told of TERM.
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => Ok(false),
                _ => Err(Refusal::Silence),
            },
        }
    }

    /// Reads and forgets until the client hangs up, at most for `limit`, or `FAREWELL` once draining.
    fn await_end(&mut self, limit: Duration, app: &App) {
        let begun = Instant::now();
        let over = |since: Instant, limit| since.elapsed() > limit;
        while !over(begun, limit) && !app.draining().is_some_and(|told| over(told.max(begun), FAREWELL)) {
            if self.receive().is_err() {
                return;
            }
            self.received.clear();
        }
    }
}

struct Head {
    method: String,
    target: String,
    content_length: usize,
    keep_alive: bool,
    expects_continue: bool,
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let bad = |why| Refusal::Status(400, why);
        let text = std::str::from_utf8(bytes).map_err(|_| bad("the head of the request is not text"))?;
        let mut lines = text.trim_start_matches("\r\n").split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (Some(method), Some(target), Some(protocol), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(bad("the first line of the request is not HTTP"));
        };
        let mut head = Head {
            method: method.into(),
            target: target.into(),
            content_length: 0,
            keep_alive: match protocol {
                "HTTP/1.1" => true,
                "HTTP/1.0" => false,
                _ => return Err(Refusal::Status(505, "this server speaks HTTP/1.1")),
            },
            expects_continue: false,
        };
        let mut length_seen = None;
        for line in lines {
            let (name, value) = line.split_once(':').ok_or(bad("a header without a colon"))?;
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => {
                    if !value.bytes().all(|b| b.is_ascii_digit()) || length_seen.is_some_and(|v| v != value) {
                        return Err(bad("Content-Length makes no sense"));
                    }
                    length_seen = Some(value);
                    head.content_length = match value.parse() {
                        Ok(n) if n <= BODY_MAX_BYTES => n,
                        _ => return Err(Refusal::Status(413, "the body may have 1 MiB")),
                    };
                }
                "transfer-encoding" => return Err(Refusal::Status(411, "send a Content-Length")),
                "expect" => head.expects_continue = value.eq_ignore_ascii_case("100-continue"),
                "connection" => {
                    for word in value.split(',').map(str::trim) {
                        head.keep_alive |= word.eq_ignore_ascii_case("keep-alive");
                        if word.eq_ignore_ascii_case("close") {
                            head.keep_alive = false;
                            break;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(head)
    }
}

// ------------------------------------------------------------------------------------------------- answers

struct Answer {
    status: u16,
    kind: &'static str,
    body: Vec<u8>,
    allow: Option<&'static str>,
}

impl Answer {
    fn new(status: u16, kind: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Answer {
            status,
            kind,
            body: body.into(),
            allow: None,
        }
    }

    fn text(status: u16, text: impl std::fmt::Display) -> Self {
        Self::new(status, "text/plain; charset=utf-8", format!("{text}\n"))
    }

    fn bytes(&self, version: &str, keep: bool, with_body: bool) -> Vec<u8> {
        let reason = match self.status {
            200 => "OK",
            400 => "Bad Request",
            404 => "Not Found",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            411 => "Length Required",
            413 => "Content Too Large",
            431 => "Request Header Fields Too Large",
            505 => "HTTP Version Not Supported",
            _ => "Internal Server Error",
        };
        let allow = self
            .allow
            .map_or(String::new(), |methods| format!("Allow: {methods}\r\n"));
        let mut bytes = format!(
            "HTTP/1.1 {} {reason}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
             X-Version: {version}\r\n{allow}Connection: {}\r\n\r\n",
            self.status,
            self.kind,
            self.body.len(),
            if keep { "keep-alive" } else { "close" },
        )
        .into_bytes();
        if with_body {
            bytes.extend_from_slice(&self.body); // One write: no half answer waits for an acknowledgement.
        }
        bytes
    }
}

impl App {
    /// None: this request is never answered.
    fn answer(&self, request: &Request) -> Option<Answer> {
        let allowed = if request.path == "/echo" {
            "POST"
        } else {
            "GET, HEAD"
        };
        let known = ["/", "/health", "/version", "/slow", "/echo", "/crash"].contains(&request.path.as_str());
        if known && !allowed.split(", ").any(|method| method == request.method) {
            let refused = Answer::text(405, format_args!("{} takes {allowed}", request.path));
            return Some(Answer {
                allow: Some(allowed),
                ..refused
            });
        }
        Some(match request.path.as_str() {
            "/" => Answer::new(200, "text/html; charset=utf-8", self.page()),
            "/health" => return self.health(),
            "/version" => Answer::text(200, &self.version),
            "/slow" => {
                let ms = request.query.split('&').find_map(|pair| pair.strip_prefix("ms="));
                match ms.unwrap_or("1000").parse() {
                    Ok(ms) => {
                        let pause = Duration::from_millis(ms).min(SLOWEST);
                        thread::sleep(pause);
                        Answer::text(200, format_args!("slept {} ms", pause.as_millis()))
                    }
                    Err(_) => Answer::text(400, "/slow?ms=N takes a number of milliseconds"),
                }
            }
            "/echo" => Answer::new(200, "application/octet-stream", request.body.clone()),
            "/crash" => {
                self.log("crashes, as it was asked to");
                exit(9);
            }
            _ => Answer::text(404, "there is nothing here"),
        })
    }

    fn health(&self) -> Option<Answer> {
        let (status, word) = match self.behaviour {
            Behaviour::Hang => return None,
            Behaviour::Unhealthy => (500, "failing"),
            _ => (200, "ok"),
        };
        let version = self.told_version();
        let body = format!("{{\"status\":\"{word}\",\"version\":\"{version}\"}}\n");
        Some(Answer::new(status, "application/json", body))
    }

    fn told_version(&self) -> String {
        if self.behaviour == Behaviour::WrongVersion {
            "0.0.0".into()
        } else {
            self.version.clone()
        }
    }

    fn page(&self) -> String {
        let quoted = self
            .message
            .trim()
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        PAGE.replace("{version}", &self.version)
            .replace("{release}", &self.release)
            .replace("{pid}", &id().to_string())
            .replace("{message}", &quoted)
    }
}

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>hello {version}</title>
<style>
  :root { color-scheme: light dark; --ink: #16302b; --soft: #5b736d; --paper: #f4f7f5; --card: #fff; --line: #dbe5e1; --leaf: #1d7a5f }
  @media (prefers-color-scheme: dark) {
    :root { --ink: #e4efeb; --soft: #93aaa3; --paper: #101917; --card: #18231f; --line: #2a3833; --leaf: #5cc7a4 } }
  * { box-sizing: border-box }
  body { margin: 0; min-height: 100vh; display: flex; flex-direction: column; background: var(--paper); color: var(--ink);
         font: 17px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif }
  main { flex: 1; display: grid; place-items: center; padding: 2rem 1.25rem }
  article { width: min(38rem, 100%); background: var(--card); border: 1px solid var(--line); border-top: 4px solid var(--leaf);
            border-radius: 10px; padding: 2.25rem 2.5rem; box-shadow: 0 10px 30px rgb(0 0 0 / .06) }
  h1 { margin: 0; font-size: 2.1rem; line-height: 1.2; letter-spacing: -.02em }
  h1 small { font-size: 1rem; font-weight: 600; letter-spacing: 0; color: var(--leaf); margin-left: .5rem }
  .message { margin: 1.1rem 0 1.75rem; font-size: 1.15rem; white-space: pre-line }
  dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.5rem; margin: 0; padding-top: 1.25rem; border-top: 1px solid var(--line) }
  dt { color: var(--soft) }
  dd { margin: 0; font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .92rem; overflow-wrap: anywhere; align-self: center }
  footer { padding: 1rem 1.25rem 1.5rem; text-align: center; font-size: .85rem; color: var(--soft) }
  a { color: var(--leaf) }
</style>
</head>
<body>
<main>
<article>
<h1>Hello<small>{version}</small></h1>
<p class="message">{message}</p>
<dl>
<dt>version</dt><dd>{version}</dd>
<dt>release</dt><dd>{release}</dd>
<dt>process</dt><dd>{pid}</dd>
</dl>
</article>
</main>
<footer>hello {version} · deployed by Pintail · <a href="/health">health</a> · <a href="/version">version</a></footer>
</body>
</html>
"#;

// ------------------------------------------------------------------------------------------------- sockets

enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Listener {
    /// The held socket if there is one, else a new one; and where it came from.
    fn find(listen: Option<&str>) -> Result<(Self, String), String> {
        if let Some(descriptor) = socket_of_activation()? {
            let listener = Self::from_descriptor(descriptor).ok_or("fd 3 is not a stream socket")?;
            return Ok((listener, "the held socket, fd 3".into()));
        }
        let stdin = io::stdin().as_fd().try_clone_to_owned().ok();
        if let Some(listener) = stdin.and_then(Self::from_descriptor).filter(Self::is_listening) {
            return Ok((listener, "the held socket, fd 0".into()));
        }
        let address = listen.ok_or(format!(
            "no held socket on fd 3 or fd 0, and no `--listen`\n{USAGE}"
        ))?;
        let bound = match address.strip_prefix("unix:") {
            Some(path) => bind_unix(Path::new(path)).map(Self::Unix),
            None => TcpListener::bind(address).map(Self::Tcp),
        };
        Ok((
            bound.map_err(|e| format!("cannot listen on `{address}`: {e}"))?,
            address.into(),
        ))
    }

    /// None if it is no socket of a family that is spoken here.
    fn from_descriptor(descriptor: OwnedFd) -> Option<Self> {
        let tcp = TcpListener::from(descriptor);
        if tcp.local_addr().is_ok() {
            return Some(Self::Tcp(tcp));
        }
        let unix = UnixListener::from(OwnedFd::from(tcp));
        unix.local_addr().is_ok().then_some(Self::Unix(unix))
    }

    /// Asks the kernel's tables, because the standard library doesn't offer `SO_ACCEPTCONN`.
    fn is_listening(&self) -> bool {
        let descriptor = match self {
            Self::Unix(listener) => listener.as_raw_fd(),
            Self::Tcp(listener) => listener.as_raw_fd(),
        };
        let link = fs::read_link(format!("/proc/self/fd/{descriptor}")).unwrap_or_default();
        let inode = link.to_string_lossy().replace("socket:[", "").replace(']', "");
        // For each table: which column holds the inode, which the state, and which state means listening.
        let tables = [
            ("unix", 6, 3, "00010000"),
            ("tcp", 9, 3, "0A"),
            ("tcp6", 9, 3, "0A"),
        ];
        tables.iter().any(|(table, inode_at, state_at, listening)| {
            let text = fs::read_to_string(format!("/proc/self/net/{table}")).unwrap_or_default();
            text.lines().any(|line| {
                let column = |at: usize| line.split_whitespace().nth(at);
                column(*inode_at) == Some(&inode) && column(*state_at) == Some(listening)
            })
        })
    }

    /// Makes `accept` give up after `limit`. Standard Rust can only wait for ever or not at all, but Linux obeys
    /// a receive timeout here too. It belongs to the socket: every process that shares it has it now.
    fn wait_at_most(&self, limit: Duration) -> io::Result<()> {
        match self {
            Self::Unix(listener) => {
                UnixStream::from(OwnedFd::from(listener.try_clone()?)).set_read_timeout(Some(limit))
            }
            Self::Tcp(listener) => {
                TcpStream::from(OwnedFd::from(listener.try_clone()?)).set_read_timeout(Some(limit))
            }
        }
    }

    fn accept(&self) -> io::Result<Stream> {
        Ok(match self {
            Self::Unix(listener) => Stream::Unix(listener.accept()?.0),
            Self::Tcp(listener) => Stream::Tcp(listener.accept()?.0),
        })
    }
}

/// fd 3, if LISTEN_FDS and LISTEN_PID say that it is for this very process (`man sd_listen_fds`).
fn socket_of_activation() -> Result<Option<OwnedFd>, String> {
    let number = |name| env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    if number("LISTEN_PID") != Some(id()) || number("LISTEN_FDS").unwrap_or(0) == 0 {
        return Ok(None);
    }
    fs::metadata("/proc/self/fd/3").map_err(|e| format!("LISTEN_FDS promises fd 3, but: {e}"))?;
    // SAFETY: fd 3 is open, as just seen; by the convention it was opened for this process alone, and
    // nothing else in it has touched fd 3.
    Ok(Some(unsafe { OwnedFd::from_raw_fd(3) }))
}

/// Binds under another name and renames, so that no client ever finds the path missing.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    let name = path.file_name().ok_or(ErrorKind::InvalidInput)?;
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    // By way of the descriptor, because a socket address ends after 107 bytes and folders may be deep.
    let handle = File::open(folder)?;
    let short = Path::new("/proc/self/fd").join(handle.as_raw_fd().to_string());
    let new = short.join(format!(".{}.{}", name.to_string_lossy(), id()));
    let _ = fs::remove_file(&new); // Left by an earlier process that had the same id.
    let listener = UnixListener::bind(&new)?;
    fs::rename(&new, folder.join(name))?;
    Ok(listener)
}

enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    fn limits(&self, reading: Duration, writing: Duration) -> io::Result<()> {
        match self {
            Self::Unix(stream) => {
                stream.set_nonblocking(false)?;
                stream.set_read_timeout(Some(reading))?;
                stream.set_write_timeout(Some(writing))
            }
            Self::Tcp(stream) => {
                stream.set_nonblocking(false)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(reading))?;
                stream.set_write_timeout(Some(writing))
            }
        }
    }

    fn shutdown_write(&self) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
        }
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(into),
            Self::Tcp(stream) => stream.read(into),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.write_all(bytes),
            Self::Tcp(stream) => stream.write_all(bytes),
        }
    }
}
