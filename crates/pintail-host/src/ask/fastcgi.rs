//! One GET over FastCGI 1.0, as a responder is asked. Written here because the crate there is writes a whole
//! body before it reads, and is async; this is one request with an empty body.

use super::{ANSWER_MAX, Answer};
use std::io::{self, Read, Write};

const VERSION: u8 = 1;
const BEGIN_REQUEST: u8 = 1;
const END_REQUEST: u8 = 3;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
const STDOUT: u8 = 6;
const STDERR: u8 = 7;
const ROLE_RESPONDER: [u8; 8] = [0, 1, 0, 0, 0, 0, 0, 0];
/// The only request on the connection.
const REQUEST: [u8; 2] = [0, 1];

/// Asks for `path` of `host` over `stream`.
pub(super) fn get<S: Read + Write>(stream: &mut S, host: &str, path: &str) -> io::Result<Answer> {
    let mut asked = Vec::new();
    record(&mut asked, BEGIN_REQUEST, &ROLE_RESPONDER);
    record(&mut asked, PARAMS, &params(host, path));
    record(&mut asked, PARAMS, &[]);
    record(&mut asked, STDIN, &[]);
    stream.write_all(&asked)?;
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    loop {
        let (kind, content) = read_record(stream)?;
        match kind {
            STDOUT => output.extend_from_slice(&content),
            STDERR => errors.extend_from_slice(&content),
            END_REQUEST => break,
            _ => {}
        }
        if output.len() + errors.len() > ANSWER_MAX {
            return Err(broken("the answer is longer than 1 MiB"));
        }
    }
    parse(&output).ok_or_else(|| broken(&format!("no CGI answer{}", super::excerpt(&errors))))
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn params(host: &str, path: &str) -> Vec<u8> {
    let (script, query) = path.split_once('?').unwrap_or((path, ""));
    let mut pairs = Vec::new();
    for (name, value) in [
        ("REQUEST_METHOD", "GET"),
        ("REQUEST_URI", path),
        ("SCRIPT_NAME", ""),
        ("PATH_INFO", script),
        ("QUERY_STRING", query),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SERVER_NAME", host),
        ("SERVER_PORT", "80"),
        ("HTTP_HOST", host),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("HTTP_USER_AGENT", concat!("pintail/", env!("CARGO_PKG_VERSION"))),
    ] {
        for part in [name, value] {
            pairs.extend_from_slice(&length(part.len()));
        }
        pairs.extend_from_slice(name.as_bytes());
        pairs.extend_from_slice(value.as_bytes());
    }
    pairs
}

/// One byte up to 127, four with the highest bit set beyond.
fn length(length: usize) -> Vec<u8> {
    match u8::try_from(length) {
        Ok(short @ 0..=127) => vec![short],
        _ => (length as u32 | 0x8000_0000).to_be_bytes().to_vec(),
    }
}

fn record(into: &mut Vec<u8>, kind: u8, content: &[u8]) {
    let size = (content.len() as u16).to_be_bytes();
    into.extend_from_slice(&[VERSION, kind, REQUEST[0], REQUEST[1], size[0], size[1], 0, 0]);
    into.extend_from_slice(content);
}

fn read_record<S: Read>(stream: &mut S) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 8];
    stream.read_exact(&mut head)?;
    if head[0] != VERSION {
        return Err(broken("the answer is no FastCGI"));
    }
    let (size, padding) = (usize::from(u16::from_be_bytes([head[4], head[5]])), usize::from(head[6]));
    let mut content = vec![0; size + padding];
    stream.read_exact(&mut content)?;
    content.truncate(size);
    Ok((head[1], content))
}

/// A CGI answer: headers, an empty line, the body; the status is a header, 200 when missing.
fn parse(output: &[u8]) -> Option<Answer> {
    let mut headers = Vec::new();
    let mut rest = output;
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let line = String::from_utf8_lossy(&rest[..end]).trim_end_matches('\r').to_owned();
        rest = &rest[end + 1..];
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
    let status = headers
        .iter()
        .find(|(name, _)| name == "status")
        .map_or(Some(200), |(_, value)| value.get(..3)?.parse().ok())?;
    Some(Answer { status, headers, body: rest.to_vec() })
}
