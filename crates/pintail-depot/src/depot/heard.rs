//! A file that is read once, from its beginning to its end, by more than one: what takes it apart, and what hears all of its
//! bytes. So what is judged by one is what is judged by the other, whoever writes to the file or puts another in its place
//! meanwhile. Knows no artifact.

use std::io::{self, Read};

/// Bytes read at once behind what takes the file apart.
const PIECE_BYTES: usize = 256 << 10;

/// A file on its way to who takes it apart; `hear` hears the same bytes.
pub(super) struct Heard<R, F> {
    file: R,
    hear: F,
    count: u64,
}

impl<R: Read, F: FnMut(&[u8]) -> io::Result<()>> Heard<R, F> {
    /// `file`, from where it stands.
    pub(super) fn new(file: R, hear: F) -> Self {
        Heard { file, hear, count: 0 }
    }

    /// Reads on to the end; says how many bytes there were in all.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        let mut piece = vec![0; PIECE_BYTES];
        while self.read(&mut piece)? > 0 {}
        Ok(self.count)
    }
}

impl<R: Read, F: FnMut(&[u8]) -> io::Result<()>> Read for Heard<R, F> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = loop {
            match self.file.read(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        (self.hear)(&bytes[..count])?;
        self.count += count as u64;
        Ok(count)
    }
}
