//! Asks an application one thing, over HTTP or FastCGI, and judges the answer. Knows no supervisor: only a
//! socket's address and what is expected.

mod fastcgi;
mod http;

use pintail_core::plan::{Address, Probe, Speaks, VersionAt};
use pintail_core::version::Version;
use std::io;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// The longest answer that is read, in bytes: a health answer is small, a broken one may be endless.
const ANSWER_MAX: usize = 1 << 20;

/// What an application answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

/// Asks what `probe` says at `address` and judges the answer; `Err` says in words what is not well.
/// Returns after `bound` at the latest.
pub fn is_well(address: &Address, probe: &Probe, version: &Version, bound: Duration) -> Result<(), String> {
    let until = Instant::now() + bound;
    let answer = get(address, probe, &probe.path, until)?;
    if !(probe.expect_from..=probe.expect_to).contains(&answer.status) {
        return Err(format!("{} answered {}{}", probe.path, answer.status, excerpt(&answer.body)));
    }
    let Some(at) = &probe.version else { return Ok(()) };
    let told = match at {
        VersionAt::Header(name) => answer
            .header(name)
            .map(str::to_owned)
            .ok_or_else(|| format!("{} has no header `{name}`", probe.path))?,
        VersionAt::Json(fields) => json_field(&answer.body, fields).ok_or_else(|| {
            format!("{} has no JSON field `{}`{}", probe.path, fields.join("."), excerpt(&answer.body))
        })?,
        VersionAt::Path(path) => {
            let answer = get(address, probe, path, until)?;
            if answer.status != 200 {
                return Err(format!("{path} answered {}", answer.status));
            }
            String::from_utf8_lossy(&answer.body).trim().to_owned()
        }
    };
    if told == version.to_string() {
        return Ok(());
    }
    Err(format!("it tells version `{told}`, not `{version}`"))
}

fn json_field(body: &[u8], fields: &[String]) -> Option<String> {
    let mut value: serde_json::Value = serde_json::from_slice(body).ok()?;
    for field in fields {
        value = value.get_mut(field)?.take();
    }
    match value {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The beginning of a body, for a message.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(200)]);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    if line.is_empty() { String::new() } else { format!(": {line}") }
}

fn get(address: &Address, probe: &Probe, path: &str, until: Instant) -> Result<Answer, String> {
    let asked = match address {
        Address::Unix(socket) => {
            let mut stream =
                Bounded { stream: pintail_os::socket::connect_unix(socket).map_err(|e| refused(&e))?, until };
            converse(&mut stream, probe, path)
        }
        Address::Tcp(address) => {
            let left = remaining(until).map_err(|e| refused(&e))?;
            let stream = TcpStream::connect_timeout(address, left).map_err(|e| refused(&e))?;
            converse(&mut Bounded { stream, until }, probe, path)
        }
    };
    asked.map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => format!("{path} did not answer in time"),
        _ => format!("{path}: {error}"),
    })
}

fn converse<S: io::Read + io::Write>(stream: &mut S, probe: &Probe, path: &str) -> io::Result<Answer> {
    match probe.speaks {
        Speaks::Http => http::get(stream, &probe.host, path),
        Speaks::Fastcgi => fastcgi::get(stream, &probe.host, path),
    }
}

fn refused(error: &io::Error) -> String {
    format!("nobody takes connections on its socket: {error}")
}

fn remaining(until: Instant) -> io::Result<Duration> {
    match until.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
        left => Ok(left),
    }
}

/// A stream whose every read and write ends at `until`, so that a peer that sends a byte a second doesn't
/// hold us for ever.
struct Bounded<S> {
    stream: S,
    until: Instant,
}

trait Timed {
    fn bound(&self, left: Duration) -> io::Result<()>;
}

impl Timed for UnixStream {
    fn bound(&self, left: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(left)).and_then(|()| self.set_write_timeout(Some(left)))
    }
}

impl Timed for TcpStream {
    fn bound(&self, left: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(left)).and_then(|()| self.set_write_timeout(Some(left)))
    }
}

impl<S: io::Read + Timed> io::Read for Bounded<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream.bound(remaining(self.until)?)?;
        self.stream.read(into)
    }
}

impl<S: io::Write + Timed> io::Write for Bounded<S> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.stream.bound(remaining(self.until)?)?;
        self.stream.write(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests;
