//! Steady traffic against one address, every answer checked and every failure counted with its cause. It runs as
//! a process of its own beside a deployment, and knows nothing of releases but the version an answer names.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, sockopt};
use serde::{Deserialize, Serialize};

/// A connection or an answer that takes longer has failed: more than an operator allows a process to stop in.
const PATIENCE: Duration = Duration::from_secs(40);
/// The pause after a failure: a server that is away is asked again soon, but not in a tight loop.
const AFTER_FAILURE: Duration = Duration::from_millis(10);
/// How soon a pause notices that the run is over.
const GLANCE: Duration = Duration::from_millis(20);
/// Failures beyond these are counted, not told.
const FAILURES_TOLD: usize = 20;
/// The longest body that is posted.
const BODY_MAX_BYTES: u64 = 48 << 10;
const HEAD_MAX_BYTES: usize = 16 << 10;
const HEADERS_MAX: usize = 64;
/// An answer longer than this counts as failed, so that no server can fill the memory.
const ANSWER_MAX_BYTES: usize = 16 << 20;
/// Times are counted in tenths of a millisecond, up to `PATIENCE`; the last slot takes all that is longer.
const SLOTS: usize = 10 * PATIENCE.as_millis() as usize + 1;

/// Where the traffic goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// A unix socket; the path may be longer than a socket address has room for (107 bytes).
    Unix(PathBuf),
    /// A TCP address and port.
    Tcp(SocketAddr),
}

impl FromStr for Address {
    type Err = String;

    /// Reads `unix:PATH`, a path with a slash, or `ADDRESS:PORT`.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:").or(text.contains('/').then_some(text)) {
            return match path {
                "" => Err(format!("`{text}` names no socket")),
                _ => Ok(Self::Unix(path.into())),
            };
        }
        let address = text.parse().map(Self::Tcp);
        address.map_err(|_| {
            format!("`{text}` is neither `unix:PATH` nor `ADDRESS:PORT`, such as `127.0.0.1:8080`")
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "{address}"),
        }
    }
}

/// When a run ends. SIGTERM and SIGINT end either; requests that are under way are finished and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// After this long.
    Elapsed(Duration),
    /// When standard input ends, so that a client never outlives whoever started it.
    StdinEnds,
}

/// What traffic to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Traffic {
    /// Where it goes.
    pub(crate) address: Address,
    /// How many clients ask at the same time, each with one request under way.
    pub(crate) clients: u32,
    /// Every so many-th request of a client is a POST of `/echo`, the others GET `/`; 0 for no POST.
    pub(crate) post_every: u32,
    /// Whether a client keeps its connection for the next request.
    pub(crate) keep_alive: bool,
    /// How long a client waits between an answer and its next request.
    pub(crate) pause: Duration,
    /// When it ends.
    pub(crate) until: Until,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// How many requests were begun; each is either `ok` or `failed`.
    pub(crate) requests: u64,
    /// How many were answered 2xx, whole, and with the right body.
    pub(crate) ok: u64,
    /// How many were not. None is ever tried again.
    pub(crate) failed: u64,
    /// The first twenty failures: time of day (UTC), client, request, cause.
    pub(crate) failures: Vec<String>,
    /// How many good answers named which version in `X-Version`.
    pub(crate) versions: BTreeMap<String, u64>,
    /// How many kept connections were found closed before anything was sent on them, and opened anew. Not
    /// failures; a server that announces its `Connection: close` causes none.
    pub(crate) reopened: u64,
    /// The slowest good answer, from connecting to the last byte, in milliseconds.
    pub(crate) slowest_ms: f64,
    /// Half of the good answers took no longer, in milliseconds.
    pub(crate) p50_ms: f64,
    /// 99 in 100 of the good answers took no longer, in milliseconds.
    pub(crate) p99_ms: f64,
    /// Bytes of the good answers' bodies.
    pub(crate) bytes: u64,
}

/// Makes the traffic until it is over, and tells what came of it.
///
/// # Errors
/// When the signals that end a run can't be heard, or a client can't be started.
pub(crate) fn run(traffic: &Traffic) -> io::Result<Tally> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    if traffic.until == Until::StdinEnds {
        let stop = Arc::clone(&stop);
        thread::Builder::new().spawn(move || {
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
            stop.store(true, Ordering::Relaxed);
        })?;
    }
    run_until(traffic, PATIENCE, &stop)
}

/// As `run`, but the caller says when to stop and how long to wait for an answer.
fn run_until(traffic: &Traffic, patience: Duration, stop: &AtomicBool) -> io::Result<Tally> {
    let end = match traffic.until {
        Until::Elapsed(limit) => Some(Instant::now() + limit),
        Until::StdinEnds => None,
    };
    let over = || stop.load(Ordering::Relaxed) || end.is_some_and(|end| Instant::now() >= end);
    let counts = thread::scope(|scope| {
        let start = |number| {
            let work = move || Client::new(traffic, number, patience).ask_until(&over);
            thread::Builder::new().spawn_scoped(scope, work)
        };
        let clients: Vec<_> = (0..traffic.clients).map(start).collect();
        if clients.iter().any(Result::is_err) {
            stop.store(true, Ordering::Relaxed); // Fewer clients than asked for would prove less than it seems.
        }
        let join = |client: io::Result<thread::ScopedJoinHandle<'_, Counts>>| {
            client?.join().map_err(|_| io::Error::other("a client of the traffic panicked"))
        };
        clients.into_iter().map(join).collect::<io::Result<Vec<_>>>()
    })?;
    let mut all = Counts::new();
    counts.into_iter().for_each(|one| all.add(one));
    Ok(all.tally())
}

/// What one client counts; kept apart for each, so that counting needs no lock.
struct Counts {
    /// All but the times and the failures.
    sums: Tally,
    /// When, in milliseconds since 1970, and what.
    failures: Vec<(u64, String)>,
    /// How many good answers took how many tenths of a millisecond.
    times: Vec<u64>,
    slowest: Duration,
}

impl Counts {
    fn new() -> Self {
        Counts { sums: Tally::default(), failures: vec![], times: vec![0; SLOTS], slowest: Duration::ZERO }
    }

    fn count_ok(&mut self, answer: &Answer, took: Duration) {
        self.sums.requests += 1;
        self.sums.ok += 1;
        self.sums.bytes += answer.body.len() as u64;
        if let Some(version) = &answer.version {
            *self.sums.versions.entry(version.clone()).or_default() += 1;
        }
        let slot = (took.as_micros() / 100).min(SLOTS as u128 - 1) as usize;
        self.times[slot] += 1;
        self.slowest = self.slowest.max(took);
    }

    fn count_failed(&mut self, failure: String) {
        self.sums.requests += 1;
        self.sums.failed += 1;
        if self.failures.len() < FAILURES_TOLD {
            self.failures.push((pintail_os::clock::now_ms(), failure));
        }
    }

    fn add(&mut self, other: Counts) {
        self.sums.requests += other.sums.requests;
        self.sums.ok += other.sums.ok;
        self.sums.failed += other.sums.failed;
        self.sums.reopened += other.sums.reopened;
        self.sums.bytes += other.sums.bytes;
        for (version, count) in other.sums.versions {
            *self.sums.versions.entry(version).or_default() += count;
        }
        self.times.iter_mut().zip(other.times).for_each(|(mine, more)| *mine += more);
        self.slowest = self.slowest.max(other.slowest);
        self.failures.extend(other.failures);
    }

    fn tally(mut self) -> Tally {
        self.failures.sort();
        self.failures.truncate(FAILURES_TOLD);
        let slowest_ms = tenths(self.slowest.as_micros().div_ceil(100) as usize);
        Tally {
            failures: self.failures.iter().map(|(at, text)| format!("{} {text}", time_of_day(*at))).collect(),
            slowest_ms,
            p50_ms: self.quantile(50).min(slowest_ms),
            p99_ms: self.quantile(99).min(slowest_ms),
            ..self.sums
        }
    }

    /// The time within which so many in a hundred good answers came.
    fn quantile(&self, percent: u64) -> f64 {
        let wanted = (self.sums.ok * percent).div_ceil(100);
        let mut seen = 0;
        let reached = |count: &u64| {
            seen += count;
            seen >= wanted
        };
        // A slot holds what took up to the next tenth.
        self.times.iter().position(reached).map_or(0.0, |slot| tenths(slot + 1))
    }
}

fn tenths(count: usize) -> f64 {
    count as f64 / 10.0
}

/// `14:03:07.123Z`, to be laid beside the logs.
fn time_of_day(at_ms: u64) -> String {
    let (seconds, ms) = (at_ms / 1000, at_ms % 1000);
    format!("{:02}:{:02}:{:02}.{ms:03}Z", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

struct Client<'a> {
    traffic: &'a Traffic,
    number: u32,
    patience: Duration,
    counts: Counts,
    /// The connection that the last answer left open.
    kept: Option<Connection>,
    /// State of the generator of bodies: different for every client, the same in every run.
    seed: u64,
}

impl<'a> Client<'a> {
    fn new(traffic: &'a Traffic, number: u32, patience: Duration) -> Self {
        let seed = 0x9E37_79B9_7F4A_7C15 ^ (u64::from(number) << 32);
        Client { traffic, number, patience, counts: Counts::new(), kept: None, seed }
    }

    fn ask_until(mut self, over: &impl Fn() -> bool) -> Counts {
        let mut sent = 0_u64;
        while !over() {
            sent += 1;
            let post = self.traffic.post_every > 0 && sent.is_multiple_of(u64::from(self.traffic.post_every));
            let body = post.then(|| self.next_body());
            let begun = Instant::now();
            let result = self.ask(body.as_deref(), begun + self.patience);
            let pause = match result {
                Ok(answer) => {
                    self.counts.count_ok(&answer, begun.elapsed());
                    self.traffic.pause
                }
                Err(cause) => {
                    let request = match &body {
                        Some(body) => format!("POST /echo ({} bytes)", body.len()),
                        None => "GET /".into(),
                    };
                    self.counts.count_failed(format!("client {}, {request}: {cause}", self.number));
                    self.traffic.pause.max(AFTER_FAILURE)
                }
            };
            let rested = Instant::now();
            while rested.elapsed() < pause && !over() {
                thread::sleep(GLANCE.min(pause.saturating_sub(rested.elapsed())));
            }
        }
        self.counts
    }

    /// One request and its whole answer; the error is the cause, in words.
    fn ask(&mut self, body: Option<&[u8]>, deadline: Instant) -> Result<Answer, String> {
        let mut connection = match self.kept.take() {
            Some(kept) if !kept.was_closed()? => kept,
            kept => {
                self.counts.sums.reopened += u64::from(kept.is_some());
                Connection::open(&self.traffic.address, self.patience).map_err(told("cannot connect"))?
            }
        };
        let request = request_bytes(&self.traffic.address, self.traffic.keep_alive, body);
        connection.send(&request, deadline).map_err(told("while sending the request"))?;
        let answer = connection.answer(deadline)?;
        if !(200..300).contains(&answer.status) {
            return Err(format!("answered with status {}", answer.status));
        }
        if let Some(sent) = body.filter(|sent| *sent != answer.body) {
            let (sent, got) = (sent.len(), answer.body.len());
            return Err(format!("the echo differs from what was sent ({sent} bytes sent, {got} came back)"));
        }
        if self.traffic.keep_alive && answer.keep_alive {
            self.kept = Some(connection);
        }
        Ok(answer)
    }

    /// A body of any length up to the longest, that no other request has.
    fn next_body(&mut self) -> Vec<u8> {
        let length = self.next_number() % (BODY_MAX_BYTES + 1);
        let mut body: Vec<u8> =
            (0..length.div_ceil(8)).flat_map(|_| self.next_number().to_le_bytes()).collect();
        body.truncate(length as usize);
        body
    }

    /// SplitMix64: enough to make bodies that can't be mistaken for one another.
    fn next_number(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

fn request_bytes(address: &Address, keep_alive: bool, body: Option<&[u8]>) -> Vec<u8> {
    let host = match address {
        Address::Unix(_) => "localhost".into(),
        Address::Tcp(address) => address.to_string(),
    };
    let connection = if keep_alive { "keep-alive" } else { "close" };
    let common = format!("Host: {host}\r\nUser-Agent: pintail-traffic\r\nConnection: {connection}\r\n");
    match body {
        None => format!("GET / HTTP/1.1\r\n{common}\r\n").into_bytes(),
        Some(body) => {
            let head = format!("POST /echo HTTP/1.1\r\n{common}Content-Length: {}\r\n\r\n", body.len());
            [head.as_bytes(), body].concat()
        }
    }
}

fn told(when: &'static str) -> impl Fn(io::Error) -> String {
    move |error| match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => format!("{when}: nothing for too long"),
        _ => format!("{when}: {error}"),
    }
}

struct Answer {
    status: u16,
    version: Option<String>,
    keep_alive: bool,
    body: Vec<u8>,
}

/// A socket of either family, with bounded waits; `std`'s types can't bound how long connecting to a unix socket
/// whose queue is full takes.
struct Connection(OwnedFd);

impl Connection {
    fn open(address: &Address, patience: Duration) -> io::Result<Self> {
        let family = match address {
            Address::Unix(_) => AddressFamily::UNIX,
            Address::Tcp(SocketAddr::V4(_)) => AddressFamily::INET,
            Address::Tcp(SocketAddr::V6(_)) => AddressFamily::INET6,
        };
        let socket = rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(patience))?;
        match address {
            Address::Unix(path) => connect_unix(&socket, path)?,
            Address::Tcp(address) => {
                sockopt::set_tcp_nodelay(&socket, true)?;
                rustix::net::connect(&socket, address)?;
            }
        }
        Ok(Connection(socket))
    }

    /// Whether the server has hung up in the meantime; a reset, or bytes that nobody asked for, are failures.
    fn was_closed(&self) -> Result<bool, String> {
        match rustix::net::recv(&self.0, &mut [0_u8; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
            Ok((_, 0)) => Ok(true),
            Ok(_) => Err("more bytes than announced came after the last answer".into()),
            Err(rustix::io::Errno::AGAIN) => Ok(false),
            Err(error) => Err(told("on the idle connection")(error.into())),
        }
    }

    fn send(&self, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
        while !bytes.is_empty() {
            sockopt::set_socket_timeout(&self.0, sockopt::Timeout::Send, Some(time_left(deadline)?))?;
            let sent = match rustix::net::send(&self.0, bytes, SendFlags::NOSIGNAL) {
                Err(rustix::io::Errno::INTR) => 0,
                sent => sent?,
            };
            bytes = &bytes[sent..];
        }
        Ok(())
    }

    fn receive(&self, into: &mut [u8], deadline: Instant) -> io::Result<usize> {
        loop {
            sockopt::set_socket_timeout(&self.0, sockopt::Timeout::Recv, Some(time_left(deadline)?))?;
            match rustix::net::recv(&self.0, &mut *into, RecvFlags::empty()) {
                Err(rustix::io::Errno::INTR) => {}
                received => return Ok(received?.0),
            }
        }
    }

    fn answer(&mut self, deadline: Instant) -> Result<Answer, String> {
        let mut received = Vec::new();
        let (mut answer, head_bytes, announced) = loop {
            if let Some(head) = parse_head(&received)? {
                break head;
            }
            if received.len() > HEAD_MAX_BYTES {
                return Err(format!("the head of the answer is longer than {HEAD_MAX_BYTES} bytes"));
            }
            self.receive_more(&mut received, deadline, "in the head of the answer")?;
        };
        let whole = head_bytes + announced;
        while received.len() < whole {
            self.receive_more(&mut received, deadline, &format!("in a body of {announced}"))?;
        }
        if received.len() > whole {
            let extra = received.len() - whole;
            return Err(format!("{extra} more bytes than the announced {announced} came"));
        }
        answer.body = received.split_off(head_bytes);
        Ok(answer)
    }

    fn receive_more(&self, received: &mut Vec<u8>, deadline: Instant, place: &str) -> Result<(), String> {
        let mut piece = [0; 16 << 10];
        let sofar = received.len();
        match self.receive(&mut piece, deadline) {
            Ok(0) if sofar == 0 => Err("closed without an answer".into()),
            Ok(0) => Err(format!("closed {place}, after {sofar} bytes in all")),
            Ok(count) => {
                received.extend_from_slice(&piece[..count]);
                Ok(())
            }
            Err(error) => {
                Err(told("while awaiting the answer")(error) + &format!(" ({place}, {sofar} bytes had come)"))
            }
        }
    }
}

fn time_left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    // To the kernel, a timeout of less than a microsecond is none at all.
    if left < Duration::from_micros(1) { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn connect_unix(socket: &OwnedFd, path: &Path) -> io::Result<()> {
    let Err(rustix::io::Errno::NAMETOOLONG) = SocketAddrUnix::new(path).map(|_| ()) else {
        return Ok(rustix::net::connect(socket, &SocketAddrUnix::new(path)?)?);
    };
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(ErrorKind::InvalidInput.into());
    };
    let folder = rustix::fs::open(folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let short = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name);
    Ok(rustix::net::connect(socket, &SocketAddrUnix::new(&short)?)?)
}

/// The head, its length, and the announced length of the body; None while the head is incomplete.
fn parse_head(bytes: &[u8]) -> Result<Option<(Answer, usize, usize)>, String> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Response::new(&mut headers);
    let parsed = head.parse(bytes).map_err(|e| format!("the answer is not HTTP: {e}"))?;
    let httparse::Status::Complete(head_bytes) = parsed else {
        return Ok(None);
    };
    let header = |name: &str| {
        let found = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| String::from_utf8_lossy(header.value).trim().to_owned())
    };
    let status = head.code.unwrap_or_default();
    let Some(length) = header("Content-Length") else {
        return Err(format!("answered with status {status} and no Content-Length"));
    };
    let announced = length.parse().ok().filter(|length| *length <= ANSWER_MAX_BYTES);
    let announced = announced.ok_or_else(|| format!("answered with Content-Length `{length}`"))?;
    let connection = header("Connection").unwrap_or_default().to_ascii_lowercase();
    let says = |word: &str| connection.split(',').any(|one| one.trim() == word);
    let keep_alive = if head.version == Some(1) { !says("close") } else { says("keep-alive") };
    let answer = Answer { status, version: header("X-Version"), keep_alive, body: vec![] };
    Ok(Some((answer, head_bytes, announced)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::os::unix::net::UnixListener;

    /// What the server does with the n-th request (from 0) of a connection; false: it is done with it.
    type Manner = fn(&mut TcpStream, usize, &[u8]) -> bool;

    fn serve(manner: Manner) -> Address {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                thread::spawn(move || {
                    for number in 0.. {
                        let Some(body) = read_request(&mut stream) else {
                            return;
                        };
                        if !manner(&mut stream, number, &body) {
                            return;
                        }
                    }
                });
            }
        });
        Address::Tcp(address)
    }

    /// The body of the next request, or that of GET: the word `page`.
    fn read_request(stream: &mut impl Read) -> Option<Vec<u8>> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).ok()?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let Some(length) = length else {
            return Some(b"page".to_vec());
        };
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).ok()?;
        Some(body)
    }

    fn send(stream: &mut impl Write, head: &str, body: &[u8]) {
        let head = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    }

    fn traffic(address: Address) -> Traffic {
        let until = Until::Elapsed(Duration::from_millis(150));
        Traffic {
            address,
            clients: 2,
            post_every: 2,
            keep_alive: true,
            pause: Duration::from_millis(1),
            until,
        }
    }

    fn tally(traffic: &Traffic) -> Tally {
        let tally = run_until(traffic, Duration::from_millis(300), &AtomicBool::new(false)).unwrap();
        assert!(tally.requests > 0);
        assert_eq!(tally.requests, tally.ok + tally.failed);
        assert_eq!(tally.failures.len() as u64, tally.failed.min(20), "{:?}", tally.failures);
        tally
    }

    /// Every request must have failed, each for this cause.
    fn fails(address: Address, cause: &str) {
        let tally = tally(&traffic(address));
        assert_eq!(tally.ok, 0, "{tally:?}");
        for failure in &tally.failures {
            assert!(failure.contains(cause), "expected `{cause}` in `{failure}`");
        }
    }

    #[test]
    fn a_good_server_fails_nothing() {
        let good = |stream: &mut TcpStream, _, body: &[u8]| {
            send(stream, "200 OK\r\nX-Version: 1.2.3", body);
            true
        };
        for keep_alive in [true, false] {
            let tally = tally(&Traffic { keep_alive, ..traffic(serve(good)) });
            assert_eq!((tally.failed, tally.reopened), (0, 0), "{tally:?}");
            assert_eq!(tally.versions, BTreeMap::from([("1.2.3".into(), tally.ok)]));
            assert!(tally.bytes > 0 && tally.slowest_ms > 0.0);
            assert!(tally.p50_ms <= tally.p99_ms && tally.p99_ms <= tally.slowest_ms, "{tally:?}");
            let text = serde_json::to_string(&tally).unwrap();
            assert_eq!(serde_json::from_str::<Tally>(&text).unwrap(), tally);
        }
    }

    #[test]
    fn refused() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        fails(Address::Tcp(address), "cannot connect: Connection refused");
        fails(Address::Unix("/nonexistent/socket".into()), "cannot connect: No such file or directory");
    }

    #[test]
    fn reset() {
        let reset = |stream: &mut TcpStream, _, _: &[u8]| {
            sockopt::set_socket_linger(stream, Some(Duration::ZERO)).unwrap();
            false
        };
        fails(serve(reset), "Connection reset by peer");
    }

    #[test]
    fn closed_without_an_answer() {
        fails(serve(|_, _, _| false), "closed without an answer");
    }

    #[test]
    fn closed_in_the_head() {
        let cut = |stream: &mut TcpStream, _, _: &[u8]| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Le").unwrap();
            false
        };
        fails(serve(cut), "closed in the head of the answer, after 27 bytes");
    }

    #[test]
    fn a_short_body() {
        let short = |stream: &mut TcpStream, _, _: &[u8]| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this").unwrap();
            false
        };
        fails(serve(short), "closed in a body of 100");
    }

    #[test]
    fn a_long_body() {
        let long = |stream: &mut TcpStream, _, _: &[u8]| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npages").unwrap();
            true
        };
        fails(serve(long), "1 more bytes than the announced 4");
    }

    #[test]
    fn no_length() {
        let none = |stream: &mut TcpStream, _, _: &[u8]| {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\npage").unwrap();
            false
        };
        fails(serve(none), "no Content-Length");
    }

    #[test]
    fn a_bad_status() {
        let maintenance = |stream: &mut TcpStream, _, _: &[u8]| {
            send(stream, "503 Service Unavailable", b"later");
            true
        };
        fails(serve(maintenance), "status 503");
    }

    #[test]
    fn not_http() {
        let other = |stream: &mut TcpStream, _, _: &[u8]| {
            stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n").unwrap();
            false
        };
        fails(serve(other), "not HTTP");
    }

    #[test]
    fn a_wrong_echo_fails_the_posts_only() {
        let wrong = |stream: &mut TcpStream, _, body: &[u8]| {
            let mut body = body.to_vec();
            if let Some(last) = body.last_mut() {
                *last ^= 1;
            }
            send(stream, "200 OK", &body);
            true
        };
        let tally = tally(&Traffic { clients: 1, ..traffic(serve(wrong)) });
        assert!(tally.failed > 0 && tally.failed.abs_diff(tally.ok) <= 1, "{tally:?}");
        assert!(tally.failures.iter().all(|f| f.contains("POST /echo") && f.contains("echo differs")));
    }

    #[test]
    fn no_answer_at_all() {
        let hang = |_: &mut TcpStream, _, _: &[u8]| {
            thread::sleep(Duration::from_secs(5));
            false
        };
        fails(serve(hang), "nothing for too long");
    }

    #[test]
    fn one_reset_among_many_is_told() {
        let once = |stream: &mut TcpStream, number: usize, body: &[u8]| {
            if number == 3 {
                sockopt::set_socket_linger(stream, Some(Duration::ZERO)).unwrap();
                return false;
            }
            send(stream, "200 OK", body);
            true
        };
        let tally = tally(&Traffic { clients: 1, ..traffic(serve(once)) });
        assert!(tally.failed >= 1 && tally.ok >= 3 * tally.failed, "{tally:?}");
    }

    #[test]
    fn an_announced_close_is_obeyed() {
        let closing = |stream: &mut TcpStream, number: usize, body: &[u8]| {
            let last = number == 2;
            send(stream, if last { "200 OK\r\nConnection: Close" } else { "200 OK" }, body);
            // A client that asked again on this connection would never be answered.
            !last
        };
        let tally = tally(&traffic(serve(closing)));
        assert_eq!((tally.failed, tally.reopened), (0, 0), "{tally:?}");
    }

    #[test]
    fn an_unannounced_close_of_an_idle_connection_is_reopened_and_told() {
        let closing = |stream: &mut TcpStream, _, body: &[u8]| {
            send(stream, "200 OK", body);
            stream.shutdown(Shutdown::Both).unwrap();
            false
        };
        let pause = Duration::from_millis(20);
        let tally = tally(&Traffic { clients: 1, pause, ..traffic(serve(closing)) });
        assert_eq!(tally.failed, 0, "{tally:?}");
        assert_eq!(tally.reopened, tally.requests - 1, "{tally:?}");
    }

    #[test]
    fn a_unix_socket_with_a_long_path() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("d".repeat(80)).join("e".repeat(80));
        std::fs::create_dir_all(&deep).unwrap();
        let bound = folder.path().join("s");
        let listener = UnixListener::bind(&bound).unwrap();
        std::fs::rename(&bound, deep.join("s")).unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                while let Some(body) = read_request(&mut stream) {
                    send(&mut stream, "200 OK", &body);
                }
            }
        });
        let tally = tally(&Traffic { clients: 1, ..traffic(Address::Unix(deep.join("s"))) });
        assert_eq!(tally.failed, 0, "{tally:?}");
    }

    #[test]
    fn a_stop_ends_a_pause() {
        let good = |stream: &mut TcpStream, _, body: &[u8]| {
            send(stream, "200 OK", body);
            true
        };
        let traffic =
            Traffic { pause: Duration::from_secs(60), until: Until::StdinEnds, ..traffic(serve(good)) };
        let stop = AtomicBool::new(false);
        let tally = thread::scope(|scope| {
            let running = scope.spawn(|| run_until(&traffic, PATIENCE, &stop));
            thread::sleep(Duration::from_millis(100));
            stop.store(true, Ordering::Relaxed);
            running.join().unwrap().unwrap()
        });
        assert_eq!((tally.requests, tally.failed), (2, 0), "{tally:?}");
    }

    #[test]
    fn addresses() {
        assert_eq!("unix:/run/web.sock".parse(), Ok(Address::Unix("/run/web.sock".into())));
        assert_eq!("run/web.sock".parse(), Ok(Address::Unix("run/web.sock".into())));
        assert_eq!("[::1]:80".parse(), Ok(Address::Tcp("[::1]:80".parse().unwrap())));
        let problem = "localhost".parse::<Address>().unwrap_err();
        assert_eq!(
            problem,
            "`localhost` is neither `unix:PATH` nor `ADDRESS:PORT`, such as `127.0.0.1:8080`"
        );
        assert!("unix:".parse::<Address>().is_err());
        assert_eq!("unix:/a/b".parse::<Address>().unwrap().to_string(), "unix:/a/b");
    }

    #[test]
    fn times_of_day() {
        assert_eq!(time_of_day(86_400_000 * 20_000 + 50_587_123), "14:03:07.123Z");
    }
}
