//! How runit's and daemontools' folders are looked at and told: two pipes and a file in `supervise/`. The same words
//! for both, for runit took them over. Knows the files; not what runs there.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use pintail_os::files;

/// What is told, as `sv` and `svc` write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// Run, and run again when it ends.
    Up,
    /// TERM and CONT, and don't run again.
    Down,
    /// TERM.
    Term,
    /// End yourself, once the service is down.
    Exit,
}

impl Word {
    fn byte(self) -> u8 {
        match self {
            Word::Up => b'u',
            Word::Down => b'd',
            Word::Term => b't',
            Word::Exit => b'x',
        }
    }
}

/// Whether a `runsv` or `supervise` runs for `folder`: it has the pipe `supervise/ok` open.
pub(crate) fn is_watched(folder: &Path) -> bool {
    let pipe = folder.join("supervise/ok");
    OpenOptions::new().write(true).custom_flags(NONBLOCK).open(pipe).is_ok()
}

/// Opening a pipe that nobody reads fails at once.
const NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;

/// Tells whoever watches `folder`. Where nobody does, that is fine: nothing runs there then.
pub(crate) fn tell(folder: &Path, word: Word) -> io::Result<()> {
    let pipe = folder.join("supervise/control");
    match OpenOptions::new().write(true).custom_flags(NONBLOCK).open(pipe) {
        Ok(mut pipe) => pipe.write_all(&[word.byte()]),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => Ok(()),
        Err(error) => Err(error),
    }
}

/// What `supervise/status` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The process, while there is one.
    pub(crate) pid: Option<u32>,
    /// It has ended, and runit's `finish` runs.
    pub(crate) finishes: bool,
    /// Since when it is as it is, in milliseconds since 1970.
    pub(crate) since_ms: u64,
}

/// daemontools writes 18 bytes: time, process number, paused, wanted. runit writes two more: told to end; and 1 when
/// the process is `run`, 2 when it is `finish`. 2 without a process is nothing to wait for: after `sv kill` just behind
/// an end it stays so.
const STATUS_BYTES: std::ops::RangeInclusive<usize> = 18..=20;
/// TAI64 counts from 1970 at 2^62, and is ten seconds ahead of UTC by the definition that both programs use.
const TAI_1970: u64 = (1 << 62) + 10;

/// What is said of `folder`; `None` where it was never watched.
pub(crate) fn look(folder: &Path) -> Option<Seen> {
    parse(&files::read_bounded(&folder.join("supervise/status"), 64).ok()?)
}

fn parse(bytes: &[u8]) -> Option<Seen> {
    if !STATUS_BYTES.contains(&bytes.len()) {
        return None;
    }
    let seconds = u64::from_be_bytes(bytes[..8].try_into().ok()?);
    let nanos = u32::from_be_bytes(bytes[8..12].try_into().ok()?);
    let pid = u32::from_le_bytes(bytes[12..16].try_into().ok()?);
    let since_ms = seconds.saturating_sub(TAI_1970).saturating_mul(1000) + u64::from(nanos / 1_000_000);
    let finish = bytes.get(19) == Some(&2);
    Some(Seen { pid: (pid != 0 && !finish).then_some(pid), finishes: finish && pid != 0, since_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let mut bytes = (TAI_1970 + 1_764_000_000).to_be_bytes().to_vec();
        bytes.extend(250_000_000u32.to_be_bytes());
        bytes.extend(4711u32.to_le_bytes());
        bytes.extend([0, b'u']);
        let seen = Seen { pid: Some(4711), finishes: false, since_ms: 1_764_000_000_250 };
        assert_eq!(parse(&bytes), Some(seen));
        bytes.extend([0, 1]);
        assert_eq!(parse(&bytes), Some(seen));
        bytes[19] = 2;
        assert_eq!(parse(&bytes), Some(Seen { pid: None, finishes: true, ..seen }));
        bytes[12..16].fill(0);
        assert_eq!(parse(&bytes), Some(Seen { pid: None, finishes: false, ..seen }));
        assert_eq!(parse(&bytes[..12]), None);
    }

    #[test]
    fn where_nobody_watches_nobody_is_told() {
        let room = tempfile::tempdir().unwrap();
        tell(room.path(), Word::Down).unwrap();
        assert!(!is_watched(room.path()));
        assert_eq!(look(room.path()), None);
    }
}
