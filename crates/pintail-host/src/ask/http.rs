//! One GET over HTTP/1.1, the answer read whole. The parsing is `httparse`'s; chunks are put together here.

use super::{ANSWER_MAX, Answer};
use std::io::{self, Read, Write};

/// More headers than any health answer has.
const HEADERS_MAX: usize = 64;

/// Asks for `path` of `host` over `stream`.
pub(super) fn get<S: Read + Write>(stream: &mut S, host: &str, path: &str) -> io::Result<Answer> {
    let agent = concat!("pintail/", env!("CARGO_PKG_VERSION"));
    let asked = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(asked.as_bytes())?;
    let mut taken = Vec::new();
    let mut piece = [0; 8192];
    loop {
        if let Some(answer) = parse(&taken, false)? {
            return Ok(answer);
        }
        match stream.read(&mut piece)? {
            0 => return parse(&taken, true)?.ok_or_else(|| broken("the answer ended in its middle")),
            count if taken.len() + count > ANSWER_MAX => {
                return Err(broken("the answer is longer than 1 MiB"));
            }
            count => taken.extend_from_slice(&piece[..count]),
        }
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// The answer in `taken`, once it is whole; at `end` a body without a length is whole too.
fn parse(taken: &[u8], end: bool) -> io::Result<Option<Answer>> {
    let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Response::new(&mut fields);
    let length = match head.parse(taken) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(broken(&format!("the answer is no HTTP: {error}"))),
    };
    let headers: Vec<(String, String)> = head
        .headers
        .iter()
        .map(|field| {
            (field.name.to_ascii_lowercase(), String::from_utf8_lossy(field.value).trim().to_owned())
        })
        .collect();
    let mut answer = Answer { status: head.code.unwrap_or(0), headers, body: Vec::new() };
    let rest = &taken[length..];
    let body =
        if answer.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            chunks(rest)?
        } else if let Some(announced) =
            answer.header("content-length").and_then(|value| value.parse::<usize>().ok())
        {
            rest.get(..announced).map(<[u8]>::to_vec)
        } else {
            Some(rest.to_vec()).filter(|_| end)
        };
    Ok(body.map(|body| {
        answer.body = body;
        answer
    }))
}

/// The body in `rest`'s chunks, once the last one is there.
fn chunks(mut rest: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    loop {
        match httparse::parse_chunk_size(rest) {
            Err(_) => return Err(broken("the answer's chunks are no HTTP")),
            Ok(httparse::Status::Partial) => return Ok(None),
            Ok(httparse::Status::Complete((_, 0))) => return Ok(Some(body)),
            Ok(httparse::Status::Complete((start, size))) => {
                let size = usize::try_from(size).unwrap_or(usize::MAX).min(ANSWER_MAX);
                let Some(chunk) = rest.get(start..start + size) else { return Ok(None) };
                body.extend_from_slice(chunk);
                let Some(after) = rest.get(start + size + 2..) else { return Ok(None) };
                rest = after;
            }
        }
    }
}
