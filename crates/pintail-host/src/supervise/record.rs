//! What a supervisor must know again after its own death: `run/supervisor.json`, described in
//! `docs/formats/supervisor.md`. Knows the form; not what is true now.

use std::io;
use std::path::Path;

use pintail_os::files;
use pintail_os::process::Identity;
use serde::{Deserialize, Serialize};

use super::protocol::{Address, ServiceSpec, Wanted};

/// The form's version; a file of a later one is refused, never guessed at.
pub(super) const RECORD_VERSION: u32 = 1;

/// The longest record, in bytes: a thousand services.
const LIMIT_BYTES: u64 = 64 << 20;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) v: u32,
    /// The boot and the process namespace in which the numbers below were processes; others mean a reboot.
    pub(super) boot: String,
    pub(super) sockets: Vec<SocketRecord>,
    pub(super) services: Vec<ServiceRecord>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SocketRecord {
    pub(super) name: String,
    pub(super) address: Address,
    pub(super) mode: u32,
    /// The socket's own number, by which it can be found in a process; `None`: it is to be bound.
    pub(super) number: Option<u64>,
    /// Device and inode of a unix socket's file.
    pub(super) file: Option<(u64, u64)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ServiceRecord {
    pub(super) spec: ServiceSpec,
    pub(super) wanted: Wanted,
    pub(super) instances: Vec<InstanceRecord>,
    /// Instances that others have replaced and that shall end.
    pub(super) replaced: Vec<InstanceRecord>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct InstanceRecord {
    pub(super) n: u32,
    pub(super) since_ms: u64,
    pub(super) restarts: u32,
    pub(super) quick_deaths: u32,
    pub(super) last_exit: Option<String>,
    pub(super) gave_up: bool,
    pub(super) leader: Option<LeaderRecord>,
    /// Dead leaders whose groups still have members.
    pub(super) leftovers: Vec<ProcessRecord>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LeaderRecord {
    pub(super) process: ProcessRecord,
    /// When it is killed, in milliseconds since 1970, if it was told to end.
    pub(super) kill_at_ms: Option<u64>,
}

/// The world in which process numbers mean what they meant: this boot, and this container's numbers.
pub(super) fn boot() -> io::Result<String> {
    let namespace = std::fs::read_link("/proc/self/ns/pid")?;
    Ok(format!("{} {}", pintail_os::process::boot_id()?, namespace.display()))
}

/// A process told apart from a later one of the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessRecord {
    pub(crate) pid: u32,
    /// `/proc/PID/stat`, field 22: clock ticks between boot and its start.
    pub(super) started: u64,
}

impl From<Identity> for ProcessRecord {
    fn from(identity: Identity) -> Self {
        Self { pid: identity.pid, started: identity.started }
    }
}

impl From<ProcessRecord> for Identity {
    fn from(record: ProcessRecord) -> Self {
        Self { pid: record.pid, started: record.started }
    }
}

impl Record {
    /// The record at `path`; `None` where none is.
    ///
    /// # Errors
    /// It can't be read, is damaged, or of a later version; the text says what to do.
    pub(super) fn load(path: &Path) -> Result<Option<Self>, String> {
        let bytes = match files::read_bounded(path, LIMIT_BYTES) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("cannot read `{}`: {error}", path.display())),
            Ok(bytes) => bytes,
        };
        parse(&bytes).map(Some).map_err(|why| format!("cannot use `{}`: {why}", path.display()))
    }

    /// Puts the record at `path`, whole and synced, readable by its owner only.
    pub(super) fn save(&self, path: &Path) -> io::Result<()> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        files::write_whole(path, &bytes, 0o600)
    }
}

fn parse(bytes: &[u8]) -> Result<Record, String> {
    #[derive(Deserialize)]
    struct Versioned {
        v: u32,
    }
    let damaged = |error: serde_json::Error| {
        format!("it is damaged ({error}). Hint: move it away; what it lists keeps running, unwatched")
    };
    // The version first: in a later form the rest may not be readable at all.
    let Versioned { v } = serde_json::from_slice(bytes).map_err(damaged)?;
    if v > RECORD_VERSION {
        return Err(format!(
            "it is of form {v}, this Pintail knows up to {RECORD_VERSION}. Hint: use the newer Pintail that wrote it"
        ));
    }
    serde_json::from_slice(bytes).map_err(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervise::protocol::{HeldSocket, Pass};

    fn example() -> Record {
        let leader = ProcessRecord { pid: 4711, started: 123_456 };
        let instance = InstanceRecord {
            n: 1,
            since_ms: 1_764_000_000_000,
            restarts: 1,
            quick_deaths: 0,
            last_exit: Some("killed by SIGSEGV".into()),
            gave_up: false,
            leader: Some(LeaderRecord { process: leader, kill_at_ms: None }),
            leftovers: vec![ProcessRecord { pid: 4700, started: 123_000 }],
        };
        let spec = ServiceSpec {
            process: "web".into(),
            generation: 7,
            release: "1.4.2-0a1b2c3d".into(),
            argv: vec!["script/app_fastcgi.pl".into(), "--nproc".into(), "5".into()],
            cwd: "/srv/blog/current".into(),
            env_file: Some("/srv/blog/env".into()),
            env: [("PINTAIL_RELEASE".to_owned(), "1.4.2-0a1b2c3d".to_owned())].into(),
            socket: Some(HeldSocket { held: "web".into(), pass: Pass::Stdin }),
            instances: 1,
            stop_timeout_ms: 30_000,
            log: "/srv/blog/log/web.log".into(),
        };
        let socket = SocketRecord {
            name: "web".into(),
            address: "unix:/srv/blog/run/web.sock".parse().unwrap(),
            mode: 0o660,
            number: Some(98_765),
            file: Some((65_024, 131_073)),
        };
        let service = ServiceRecord { spec, wanted: Wanted::Up, instances: vec![instance], replaced: vec![] };
        let boot = "0f1e2d3c-0000-4000-8000-000000000000 pid:[4026531836]".into();
        Record { v: RECORD_VERSION, boot, sockets: vec![socket], services: vec![service] }
    }

    #[test]
    fn the_form_on_disk() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&example()).unwrap());
    }

    #[test]
    fn it_comes_back_as_it_was() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("supervisor.json");
        assert_eq!(Record::load(&path), Ok(None));
        example().save(&path).unwrap();
        assert_eq!(Record::load(&path), Ok(Some(example())));
    }

    #[test]
    fn a_later_form_and_a_torn_one_are_refused() {
        insta::assert_snapshot!(parse(br#"{"v": 2, "services": "another form"}"#).unwrap_err());
        insta::assert_snapshot!(parse(br#"{"v": 1, "boot""#).unwrap_err());
    }
}
