//! Compressed bytes to plain ones: gzip and zstd, told apart by how they start, not by a file's name. Knows
//! nothing of what is compressed.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use crate::limits::Limits;

/// Bytes read from the source at once.
const BUFFER_BYTES: usize = 128 << 10;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// What the first bytes of a file say.
pub(crate) enum Opened<'a> {
    /// Compressed in a known way.
    Known(Box<dyn Read + 'a>),
    /// Nothing at all in it.
    Empty,
    /// Something else; the bytes it starts with, at most four.
    Unknown(Vec<u8>),
}

/// Opens `source`. Several gzip members or zstd frames behind each other are one stream, as `gzip` and `zstd` have
/// it; anything else behind them is an error of the reader.
pub(crate) fn open<'a>(source: impl Read + 'a, limits: &Limits) -> io::Result<Opened<'a>> {
    let mut start = Vec::new();
    let mut source = source;
    // Read as far as the longest magic goes: a pipe may give one byte at a time.
    source.by_ref().take(ZSTD_MAGIC.len() as u64).read_to_end(&mut start)?;
    let whole = io::Cursor::new(start.clone()).chain(source);
    let buffered = BufReader::with_capacity(BUFFER_BYTES, whole);
    if start.starts_with(&GZIP_MAGIC) {
        Ok(Opened::Known(Box::new(MultiGzDecoder::new(buffered))))
    } else if start == ZSTD_MAGIC {
        Ok(Opened::Known(Box::new(zstd_decoder(buffered, limits)?)))
    } else if start.is_empty() {
        Ok(Opened::Empty)
    } else {
        Ok(Opened::Unknown(start))
    }
}

fn zstd_decoder<R: BufRead>(source: R, limits: &Limits) -> io::Result<zstd::Decoder<'static, R>> {
    let mut decoder = zstd::Decoder::with_buffer(source)?;
    decoder.window_log_max(limits.zstd_window_log)?;
    Ok(decoder)
}
