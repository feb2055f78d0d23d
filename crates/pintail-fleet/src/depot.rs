//! The way to a depot on another machine: this very program, there, beside its folder. Knows how it is started and when
//! it counts as gone; does not know what is said.

use crate::image::Image;
use crate::transport::{Said, Transport};
use pintail_core::config::HostAddress;
use pintail_core::wire::Trouble;
use pintail_depot::{Remote, Wire};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// How long it may be silent: it reads a whole artifact, of whatever size and from whatever disk, before it answers.
/// A link that died is noticed long before, by ssh.
const SILENT_WITHIN: Duration = Duration::from_secs(600);
/// Bytes taken from the pipe at a time.
const PIECE: usize = 64 << 10;
/// Pieces read ahead: they bound what a far machine can make us hold.
const READ_AHEAD: usize = 16;

/// The depot in `folder` of the machine at `address`, called `place`; `program` is this program, of `version`.
/// Nothing is reached before something is asked.
pub fn remote(place: &str, address: &str, folder: &Path, program: &Path, version: &str) -> Remote {
    let host = HostAddress::Ssh(address.to_owned());
    let transport = Transport::to(&host, program, &Arc::new(Image::of(program)));
    let face = ["depot-serve", "--folder", &folder.display().to_string()].map(str::to_owned);
    Remote::new(place, version, move || dial(&transport, &face))
}

fn dial(transport: &Transport, face: &[String]) -> Result<Wire, Trouble> {
    let pipe = transport.become_there(face)?;
    let (sender, pieces) = sync_channel(READ_AHEAD);
    let mut from = pipe.from;
    std::thread::spawn(move || {
        let mut piece = vec![0; PIECE];
        loop {
            let read = from.read(&mut piece).map(|count| piece[..count].to_vec());
            let is_last = !matches!(&read, Ok(bytes) if !bytes.is_empty());
            if sender.send(read).is_err() || is_last {
                return;
            }
        }
    });
    let from = Patient { pieces, rest: io::Cursor::default(), said: pipe.said };
    // It ends when its input does; whatever is whole there by then stays.
    Ok(Wire { from: Box::new(from), to: Box::new(pipe.to), held: Box::new(pipe.child) })
}

/// What the far program says, as long as it says something.
struct Patient {
    pieces: Receiver<io::Result<Vec<u8>>>,
    rest: io::Cursor<Vec<u8>>,
    said: Said,
}

impl Read for Patient {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.rest.position() < self.rest.get_ref().len() as u64 {
            return self.rest.read(bytes);
        }
        match self.pieces.recv_timeout(SILENT_WITHIN) {
            Ok(Ok(piece)) if piece.is_empty() => Err(self.ended()),
            Ok(piece) => {
                self.rest = io::Cursor::new(piece?);
                self.rest.read(bytes)
            }
            Err(RecvTimeoutError::Disconnected) => Err(self.ended()),
            Err(RecvTimeoutError::Timeout) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("it said nothing for {} s", SILENT_WITHIN.as_secs()),
            )),
        }
    }
}

impl Patient {
    /// What ssh, or the program there, had to say about it.
    fn ended(&self) -> io::Error {
        let last = self.said.last_words().unwrap_or_else(|| "it ended".to_owned());
        io::Error::new(io::ErrorKind::UnexpectedEof, last)
    }
}
