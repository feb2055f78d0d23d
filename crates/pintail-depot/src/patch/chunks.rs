//! Content cut into chunks where the content itself says so: what did not change between two versions of a file is cut
//! at the same places wherever it went, so that one side finds by short digests which of it the other has. Knows
//! neither files nor forms.

use std::collections::HashMap;
use std::io::{self, Read};

use fastcdc::v2020::{self, FastCDC, StreamCDC};

use super::CHANGED_BYTES_MAX;
use super::ops::Piece;

/// Bytes of BLAKE3 that tell a chunk. Compared are chunks of the same length in two versions of one file, some
/// thousands with some thousands: two that differ meet once in 2^40 files. Then the file comes out with another digest
/// than its manifest says, and nothing is deployed.
pub(super) const CHUNK_DIGEST_BYTES: usize = 8;

/// The smallest file that is cut, in bytes: below, its chunks would be as long as it is when it is packed.
const CHUNKED_BYTES_MIN: u64 = 2 << 10;

/// Shortest and longest average of a file's chunks, in bytes.
const AVERAGE_MIN: u64 = 512;
const AVERAGE_MAX: u64 = 64 << 10;

/// A chunk, and no content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Chunk {
    /// In bytes.
    pub(super) length: u32,
    pub(super) digest: [u8; CHUNK_DIGEST_BYTES],
}

impl Chunk {
    fn of(content: &[u8]) -> Chunk {
        let mut digest = [0; CHUNK_DIGEST_BYTES];
        digest.copy_from_slice(&blake3::hash(content).as_bytes()[..CHUNK_DIGEST_BYTES]);
        // A chunk is at most four averages long.
        Chunk { length: u32::try_from(content.len()).unwrap_or(u32::MAX), digest }
    }
}

/// Whether files of so many bytes are cut.
pub(super) fn is_chunked(size_bytes: u64) -> bool {
    (CHUNKED_BYTES_MIN..=CHANGED_BYTES_MAX).contains(&size_bytes)
}

/// How a version of a file of which the old one has `size_bytes` is cut: shortest, average and longest chunk. Short
/// chunks bring little around a change and cost more to tell: both are least together where the average is about the
/// root of the size times sixteen.
fn lengths(size_bytes: u64) -> (usize, usize, usize) {
    let average = size_bytes.saturating_mul(16).isqrt().next_power_of_two().clamp(AVERAGE_MIN, AVERAGE_MAX);
    let average = average as usize;
    (average / 4, average, average * 4)
}

/// Cuts a file of `size_bytes` as it is read; each chunk is handed on with its content.
pub(super) fn cut(file: impl Read, size_bytes: u64, mut hand: impl FnMut(Chunk, &[u8])) -> io::Result<()> {
    let (shortest, average, longest) = lengths(size_bytes);
    for chunk in StreamCDC::new(file, shortest, average, longest) {
        match chunk {
            Ok(chunk) => hand(Chunk::of(&chunk.data), &chunk.data),
            Err(v2020::Error::IoError(error)) => return Err(error),
            Err(error) => return Err(io::Error::other(error.to_string())),
        }
    }
    Ok(())
}

/// The pieces that make `new` of a content that was cut into the chunks `old`.
pub(super) fn pieces(old: &[Chunk], new: &[u8]) -> Vec<Piece> {
    let mut starts = Vec::with_capacity(old.len());
    let mut size_bytes = 0_usize;
    for chunk in old {
        starts.push(size_bytes);
        size_bytes += chunk.length as usize;
    }
    let mut first = HashMap::with_capacity(old.len());
    for (index, chunk) in old.iter().enumerate() {
        first.entry(*chunk).or_insert(index);
    }
    let (shortest, average, longest) = lengths(size_bytes as u64);
    let (mut pieces, mut next) = (Vec::new(), 0);
    for cut in FastCDC::new(new, shortest, average, longest) {
        let range = cut.offset..cut.offset + cut.length;
        let chunk = Chunk::of(&new[range.clone()]);
        // The one behind the last copied first: of many that are the same it makes the longer copy.
        let goes_on = old.get(next).is_some_and(|old| *old == chunk).then_some(next);
        let found = goes_on.or_else(|| first.get(&chunk).copied());
        match (found, pieces.last_mut()) {
            (None, Some(Piece::Bring(before))) => before.end = range.end,
            (None, _) => pieces.push(Piece::Bring(range)),
            (Some(index), Some(Piece::Copy { from, length })) if *from + *length == starts[index] => {
                *length += range.len();
            }
            (Some(index), _) => pieces.push(Piece::Copy { from: starts[index], length: range.len() }),
        }
        next = found.map_or(next, |index| index + 1);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn noise(count: usize, seed: u64) -> Vec<u8> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        (0..count).map(|_| next()).collect()
    }

    fn chunks(content: &[u8]) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        cut(content, content.len() as u64, |chunk, _| chunks.push(chunk)).unwrap();
        chunks
    }

    fn made(old: &[u8], new: &[u8], pieces: &[Piece]) -> Vec<u8> {
        let one = |piece: &Piece| match piece {
            Piece::Bring(range) => new[range.clone()].to_vec(),
            Piece::Copy { from, length } => old[*from..from + length].to_vec(),
        };
        pieces.iter().flat_map(one).collect()
    }

    fn brought(pieces: &[Piece]) -> usize {
        pieces.iter().map(|piece| if let Piece::Bring(range) = piece { range.len() } else { 0 }).sum()
    }

    /// Where a content is cut is a promise between two Pintails: if it changes, they find nothing in common.
    #[test]
    fn golden() {
        let content = noise(20_000, 1);
        let lengths: Vec<u32> = chunks(&content).iter().map(|chunk| chunk.length).collect();
        assert_eq!(
            lengths,
            [
                1279, 1168, 1050, 293, 1415, 3080, 315, 618, 1318, 465, 1227, 746, 872, 755, 2303, 1474, 716,
                343, 563
            ]
        );
        let digest = chunks(&content)[0].digest;
        assert_eq!(digest, blake3::hash(&content[..lengths[0] as usize]).as_bytes()[..8]);
    }

    #[test]
    fn what_is_brought_lies_around_the_change() {
        for size in [3_000, 100_000, 5_000_000] {
            let old = noise(size, 2);
            let chunks = chunks(&old);
            let average = lengths(size as u64).1;
            let at = size / 2;
            let grown = [&old[..at], b"and this is new", &old[at..]].concat();
            let moved = [&old[at..], &old[..at]].concat();
            let cut_off = old[..at].to_vec();
            for new in [&old, &grown, &moved, &cut_off] {
                let pieces = pieces(&chunks, new);
                assert_eq!(made(&old, new, &pieces), *new);
                assert!(brought(&pieces) <= 8 * average, "{} of {size}", brought(&pieces));
            }
            assert_eq!(pieces(&chunks, &old), [Piece::Copy { from: 0, length: size }]);
            assert_eq!(pieces(&chunks, b""), []);
        }
    }

    #[test]
    fn many_that_are_the_same_are_one_copy() {
        let old = vec![0; 1 << 20];
        assert_eq!(pieces(&chunks(&old), &old), [Piece::Copy { from: 0, length: old.len() }]);
    }

    proptest! {
        #[test]
        fn pieces_make_the_new_content(
            seed: u64,
            size in 0_usize..40_000,
            cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), proptest::collection::vec(any::<u8>(), 0..9)), 0..6),
        ) {
            let old = noise(size, seed);
            let mut new = old.clone();
            for (at, until, put) in cuts {
                let (a, b) = (at.index(new.len() + 1), until.index(new.len() + 1));
                new.splice(a.min(b)..a.max(b), put);
            }
            prop_assert_eq!(made(&old, &new, &pieces(&chunks(&old), &new)), new);
        }
    }
}
