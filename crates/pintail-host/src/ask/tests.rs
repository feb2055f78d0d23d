//! Applications that answer well, wrongly, half or never.

use super::*;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::thread;

fn probe(speaks: Speaks, version: Option<VersionAt>) -> Probe {
    Probe {
        speaks,
        path: "/health".into(),
        host: "localhost".into(),
        expect_from: 200,
        expect_to: 200,
        within_ms: 1000,
        version,
    }
}

/// What is said of an HTTP application that answers every request with `answer` and closes.
fn said(answer: &'static [u8], version: Option<VersionAt>) -> Result<(), String> {
    let room = tempfile::tempdir().unwrap();
    let path = room.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer);
        }
    });
    is_well(
        &Address::Unix(path),
        &probe(Speaks::Http, version),
        &"1.2".parse().unwrap(),
        Duration::from_millis(300),
    )
}

#[test]
fn answers_are_judged() {
    let json = || Some(VersionAt::Json(vec!["app".into(), "version".into()]));
    let header = || Some(VersionAt::Header("x-version".into()));
    for (answer, version, expected) in [
        (&b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"[..], None, Ok(())),
        (b"HTTP/1.1 200 OK\r\n\r\nok", None, Ok(())),
        (b"HTTP/1.1 500 No\r\nContent-Length: 8\r\n\r\n\n broken", None, Err("/health answered 500: broken")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", None, Err("/health: the answer ended in its middle")),
        (b"", None, Err("/health: the answer ended in its middle")),
        (b"SSH-2.0-OpenSSH_9.2\r\n", None, Err("/health: the answer is no HTTP: invalid HTTP version")),
        (b"HTTP/1.1 200 OK\r\nX-Version: 1.2\r\n\r\n", header(), Ok(())),
        (b"HTTP/1.1 200 OK\r\nX-Version: 1.1\r\n\r\n", header(), Err("it tells version `1.1`, not `1.2`")),
        (b"HTTP/1.1 200 OK\r\n\r\n", header(), Err("/health has no header `x-version`")),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"app\":{\r\n10\r\n\"version\":\"1.2\"}\r\n1\r\n}\r\n0\r\n\r\n", json(), Ok(())),
        (b"HTTP/1.1 200 OK\r\n\r\n{}", json(), Err("/health has no JSON field `app.version`: {}")),
    ] {
        assert_eq!(said(answer, version), expected.map_err(str::to_owned), "{}", String::from_utf8_lossy(answer));
    }
}

#[test]
fn who_never_answers_is_not_waited_for() {
    let room = tempfile::tempdir().unwrap();
    let path = room.path().join("s");
    let _listener = UnixListener::bind(&path).unwrap();
    let ask = |path: std::path::PathBuf| {
        is_well(
            &Address::Unix(path),
            &probe(Speaks::Http, None),
            &"1".parse().unwrap(),
            Duration::from_millis(100),
        )
        .unwrap_err()
    };
    assert_eq!(ask(path.clone()), "/health did not answer in time");
    assert!(ask(path.with_extension("none")).starts_with("nobody takes connections on its socket: "));
}

/// Whatever comes back, it is judged and does not panic.
#[test]
fn nonsense_is_no_answer() {
    use proptest::prelude::*;
    proptest!(|(bytes in proptest::collection::vec(any::<u8>(), 0..300))| {
        let mut taken = std::io::Cursor::new(Vec::new());
        let _ = http::get(&mut Played { answer: &bytes, heard: &mut taken }, "h", "/");
        let mut whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        whole.extend_from_slice(&bytes);
        let _ = http::get(&mut Played { answer: &whole, heard: &mut taken }, "h", "/");
        let _ = fastcgi::get(&mut Played { answer: &bytes, heard: &mut taken }, "h", "/");
    });
}

struct Played<'a> {
    answer: &'a [u8],
    heard: &'a mut std::io::Cursor<Vec<u8>>,
}

impl Read for Played<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.answer.read(into)
    }
}

impl Write for Played<'_> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.heard.write(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
