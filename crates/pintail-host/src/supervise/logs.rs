//! Logs that applications append to by themselves: rotated under their hands, and read at their end.
//!
//! An application writes straight to the file (`O_APPEND`), with nobody between who could die. So its log
//! can't be renamed away from it: what is old is copied out, and cut off at the front.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;

/// A log longer than this is rotated: long enough to look back, short enough to copy at once (some 10 ms).
pub(super) const ROTATE_AT_BYTES: u64 = 10 << 20;

/// The most that is moved out at once, in bytes: who writes faster than this is caught up with a second later.
const PIECE_LIMIT_BYTES: u64 = 64 << 20;

/// How many rotated pieces are kept: `NAME.1`, the youngest, to `NAME.5`.
pub(super) const PIECES_KEPT: u32 = 5;

/// How much of a log's end goes into a reason.
const TAIL_BYTES: u64 = 2048;
const TAIL_LINES: usize = 10;

/// Rotates the log when it is longer than [`ROTATE_AT_BYTES`]; says whether it did.
///
/// Where the file system can cut at the front (ext4, XFS: `FALLOC_FL_COLLAPSE_RANGE`), no byte is lost: the
/// piece ends at a block boundary, perhaps within a line, and the log goes on with the rest of it. Elsewhere
/// the log is copied and truncated; what is written between the last read and the truncation, some
/// microseconds, is lost. A crash between copy and cut leaves bytes twice, never none.
pub(super) fn rotate(log: &Path) -> io::Result<bool> {
    rotate_above(log, ROTATE_AT_BYTES, Cut::Best)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// At the front if the file system can, else by truncation.
    Best,
    /// By truncation: for tests on a file system that can cut.
    #[cfg_attr(not(test), expect(dead_code, reason = "chosen by tests only"))]
    Truncate,
}

fn rotate_above(log: &Path, limit: u64, cut: Cut) -> io::Result<bool> {
    let mut file = match OpenOptions::new().read(true).write(true).open(log) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other?,
    };
    let size = file.metadata()?.len();
    if size <= limit {
        return Ok(false);
    }
    let block = rustix::fs::fstatvfs(&file)?.f_bsize.max(1);
    // The cut must end before the end of the file, on a block boundary.
    let front = (size - 1).min(PIECE_LIMIT_BYTES) / block * block;
    let mut piece = fresh_piece(log)?;
    io::copy(&mut Read::by_ref(&mut file).take(front), &mut piece)?;
    // The piece has its name before the log is cut: what is cut off is always somewhere.
    shift(log)?;
    if cut != Cut::Best || !collapse(&file, front)? {
        io::copy(&mut file, &mut piece)?;
        file.set_len(0)?;
    }
    Ok(true)
}

fn fresh_piece(log: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(numbered(log, 0))
}

fn collapse(file: &File, front: u64) -> io::Result<bool> {
    use rustix::io::Errno;
    if front == 0 {
        return Ok(false);
    }
    match rustix::fs::fallocate(file, FallocateFlags::COLLAPSE_RANGE, 0, front) {
        Ok(()) => Ok(true),
        Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS | Errno::PERM) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Moves `NAME.4` to `NAME.5` and so on, and the fresh piece to `NAME.1`.
fn shift(log: &Path) -> io::Result<()> {
    for piece in (0..PIECES_KEPT).rev() {
        match fs::rename(numbered(log, piece), numbered(log, piece + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The piece's name; 0 is the fresh one, not yet in the row.
fn numbered(log: &Path, piece: u32) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(format!(".{piece}"));
    name.into()
}

/// The log's last lines, at most ten and 2 KiB; empty where nothing can be read.
pub(super) fn tail(log: &Path) -> String {
    let text = last_bytes(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

fn last_bytes(log: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(log)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn pieces(log: &Path) -> String {
        (1..=PIECES_KEPT)
            .rev()
            .map(|piece| fs::read_to_string(numbered(log, piece)).unwrap_or_default())
            .collect::<String>()
            + &fs::read_to_string(log).unwrap_or_default()
    }

    #[test]
    fn a_writer_at_work_loses_no_line() {
        let room = tempfile::tempdir().unwrap();
        let log = room.path().join("web.log");
        let mut writer = OpenOptions::new().append(true).create(true).open(&log).unwrap();
        let lines = 60_000;
        let writing = std::thread::spawn(move || {
            for n in 0..lines {
                writeln!(writer, "line {n}").unwrap();
            }
        });
        let mut rotations = 0;
        while !writing.is_finished() && rotations < PIECES_KEPT {
            rotations += u32::from(rotate_above(&log, 64 << 10, Cut::Best).unwrap());
        }
        writing.join().unwrap();
        assert!(rotations >= 2, "{rotations}");
        let expected: String = (0..lines).map(|n| format!("line {n}\n")).collect();
        assert!(pieces(&log) == expected, "a line is lost, doubled or torn after {rotations} rotations");
    }

    #[test]
    fn truncation_where_nothing_else_helps() {
        let room = tempfile::tempdir().unwrap();
        let log = room.path().join("web.log");
        let mut writer = OpenOptions::new().append(true).create(true).open(&log).unwrap();
        for round in 0..7 {
            writeln!(writer, "round {round} {}", "x".repeat(100)).unwrap();
            assert!(rotate_above(&log, 50, Cut::Truncate).unwrap());
        }
        writeln!(writer, "after").unwrap();
        assert!(!rotate_above(&log, 50, Cut::Truncate).unwrap());
        let text = pieces(&log);
        assert!(text.starts_with("round 2 ") && text.ends_with("after\n"), "the oldest went: {text}");
        assert_eq!(fs::read_dir(room.path()).unwrap().count(), 6);
    }

    #[test]
    fn the_tail_is_bounded() {
        let room = tempfile::tempdir().unwrap();
        let log = room.path().join("web.log");
        assert_eq!(tail(&log), "");
        let mut writer = OpenOptions::new().append(true).create(true).open(&log).unwrap();
        (0..50).for_each(|n| writeln!(writer, "line {n}").unwrap());
        assert_eq!(
            tail(&log).lines().collect::<Vec<_>>(),
            (40..50).map(|n| format!("line {n}")).collect::<Vec<_>>()
        );
        writeln!(writer, "{}", "x".repeat(100_000)).unwrap();
        assert!(tail(&log).len() <= 2048);
    }
}
