//! What the agent says goes out on a thread of its own: an operator that is suspended, or whose line hangs, takes
//! nothing from the pipe, and what runs on the host must not wait for that.

use pintail_core::wire::frame;
use serde::Serialize;
use std::io::{self, Write};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Frames that may wait for the operator to take them.
const WAITING_MAX: usize = 256;
/// How long an operator may take nothing, with so many frames waiting, before it counts as gone; and how long the
/// last words are waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked whether there is room.
const GLANCE: Duration = Duration::from_millis(10);

pub(super) struct Mouth {
    words: SyncSender<Vec<u8>>,
    speaker: JoinHandle<()>,
}

impl Mouth {
    pub(super) fn new(mut out: impl Write + Send + 'static) -> Self {
        let (words, waiting) = sync_channel::<Vec<u8>>(WAITING_MAX);
        let speaker = std::thread::spawn(move || {
            for frame in waiting {
                if out.write_all(&frame).and_then(|()| out.flush()).is_err() {
                    break;
                }
            }
        });
        Self { words, speaker }
    }

    /// Says `value`; an error when nobody hears any more.
    pub(super) fn say<T: Serialize>(&mut self, value: &T) -> io::Result<()> {
        let mut bytes = Vec::new();
        frame::send(&mut bytes, value)?;
        self.put(bytes)
    }

    /// Says `data`, at most as much as fits into a frame.
    pub(super) fn send_data(&mut self, data: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::new();
        frame::send_data(&mut bytes, data)?;
        self.put(bytes)
    }

    fn put(&mut self, mut bytes: Vec<u8>) -> io::Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.words.try_send(bytes) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(back)) if Instant::now() < until => bytes = back,
                Err(_) => return Err(io::ErrorKind::BrokenPipe.into()),
            }
            std::thread::sleep(GLANCE);
        }
    }

    /// Waits until everything is said, as far as somebody takes it.
    pub(super) fn close(self) {
        drop(self.words);
        let until = Instant::now() + PATIENCE;
        while !self.speaker.is_finished() && Instant::now() < until {
            std::thread::sleep(GLANCE);
        }
    }
}
