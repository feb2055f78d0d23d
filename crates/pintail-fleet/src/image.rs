//! This program's own bytes, as they go to a host that lacks them. Knows nothing of how they get there.

use flate2::Compression;
use flate2::write::GzEncoder;
use pintail_core::digest::Digest;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Where hosts keep agents, below the home of the user that ssh logs in as. One name for each digest, so that two
/// Pintails use a host side by side, and no running one is written over.
const SEATS: &str = ".pintail/bin";

/// This program's image; read when it is first asked for.
#[derive(Debug)]
pub struct Image {
    program: PathBuf,
    read: OnceLock<Result<Read, String>>,
    packed: OnceLock<Result<Vec<u8>, String>>,
}

#[derive(Debug)]
struct Read {
    bytes: Vec<u8>,
    digest: Digest,
}

impl Image {
    /// The image of the program at `program`.
    pub(crate) fn of(program: &Path) -> Self {
        Self { program: program.to_path_buf(), read: OnceLock::new(), packed: OnceLock::new() }
    }

    fn read(&self) -> io::Result<&Read> {
        let read = || {
            let bytes = fs::read(&self.program)?;
            Ok(Read { digest: Digest::of(&bytes), bytes })
        };
        let read = self.read.get_or_init(|| read().map_err(|error: io::Error| error.to_string()));
        read.as_ref()
            .map_err(|why| io::Error::other(format!("cannot read `{}`: {why}", self.program.display())))
    }

    /// Its digest.
    ///
    /// # Errors
    /// The program can't be read.
    pub(crate) fn digest(&self) -> io::Result<Digest> {
        Ok(self.read()?.digest)
    }

    /// Its place on a host, relative to the home there.
    ///
    /// # Errors
    /// The program can't be read.
    pub(crate) fn seat(&self) -> io::Result<String> {
        let digest = self.digest()?.to_string();
        Ok(format!("{SEATS}/pintail-{}", &digest[..16]))
    }

    /// Its bytes, as `gzip` unpacks them: every host has that.
    ///
    /// # Errors
    /// The program can't be read.
    pub(crate) fn packed(&self) -> io::Result<&[u8]> {
        let pack = || -> io::Result<Vec<u8>> {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
            encoder.write_all(&self.read()?.bytes)?;
            encoder.finish()
        };
        let packed = self.packed.get_or_init(|| pack().map_err(|error| error.to_string()));
        packed.as_deref().map_err(|why| io::Error::other(why.clone()))
    }

    /// Whether it runs on a Linux of its architecture whatever C library that has.
    ///
    /// # Errors
    /// The program can't be read.
    pub(crate) fn is_static(&self) -> io::Result<bool> {
        Ok(!asks_for_a_loader(&self.read()?.bytes))
    }
}

/// Whether an ELF program (64 bit, little-endian) has a program header of type `PT_INTERP`: elf(5).
fn asks_for_a_loader(elf: &[u8]) -> bool {
    const PT_INTERP: u32 = 3;
    let number = |at: usize, bytes: usize| -> Option<u64> {
        let field = elf.get(at..at + bytes)?;
        Some(field.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    };
    let found = || -> Option<bool> {
        let (start, size, count) =
            (number(32, 8)? as usize, number(54, 2)? as usize, number(56, 2)? as usize);
        let kind = |index: usize| number(start.checked_add(index.checked_mul(size)?)?, 4);
        Some((0..count).any(|index| kind(index) == Some(u64::from(PT_INTERP))))
    };
    found().unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_asks_for_a_loader_and_this_test_does_not() {
        assert!(asks_for_a_loader(&fs::read("/bin/sh").unwrap()));
        assert!(Image::of(Path::new("/proc/self/exe")).is_static().unwrap());
        assert!(asks_for_a_loader(b"#!/bin/sh\n"));
    }
}
