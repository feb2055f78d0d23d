//! What of a file's old content is in its new one: pieces to copy, and bytes to bring. Knows nothing of files or
//! forms; whatever it finds is right, how much it finds is its only quality.

use std::ops::Range;

/// A piece of new content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Bytes to bring: this range of the new content.
    Bring(Range<usize>),
    /// Bytes that the old content has.
    Copy {
        /// Where in the old content they begin.
        from: usize,
        /// How many.
        length: usize,
    },
}

/// Bytes looked up at once in a small file. A copy costs about four bytes, so this pays; much less would find words.
const BLOCK_SMALL: usize = 16;
/// The same in a large one, whose table has to stay small.
const BLOCK_LARGE: usize = 64;
/// Above so many bytes of old content, blocks are large ones.
const LARGE: usize = 1 << 20;
/// How far around the changed part of a large file old content is looked for, in bytes: what moved further is brought
/// anew. Otherwise one changed line would cost a table of the whole file.
const AROUND: usize = 1 << 20;
/// Odd, and its bits are well mixed: the multiplier of the rolling sum.
const MULTIPLIER: u32 = 0x9e37_79b1;

/// The pieces that make `new`, in order.
pub(super) fn pieces(old: &[u8], new: &[u8]) -> Vec<Piece> {
    let before = common_start(old, new);
    let most = old.len().min(new.len()) - before;
    let after = common_end(&old[old.len() - most..], &new[new.len() - most..]);
    let mut out = Out::default();
    out.copy(0, before);
    let changed = before..new.len() - after;
    let span = changed.len().saturating_mul(4).max(AROUND);
    let ground = before.saturating_sub(span)..(old.len() - after).saturating_add(span).min(old.len());
    search(old, ground, new, changed, &mut out);
    out.copy(old.len() - after, after);
    out.pieces
}

#[derive(Default)]
struct Out {
    pieces: Vec<Piece>,
}

impl Out {
    fn copy(&mut self, from: usize, length: usize) {
        if length > 0 {
            self.pieces.push(Piece::Copy { from, length });
        }
    }

    fn bring(&mut self, range: Range<usize>) {
        if !range.is_empty() {
            self.pieces.push(Piece::Bring(range));
        }
    }
}

fn common_start(a: &[u8], b: &[u8]) -> usize {
    const STRIDE: usize = 256;
    let strides = a.chunks_exact(STRIDE).zip(b.chunks_exact(STRIDE)).take_while(|(a, b)| a == b).count();
    let at = strides * STRIDE;
    at + a[at..].iter().zip(&b[at..]).take_while(|(a, b)| a == b).count()
}

fn common_end(a: &[u8], b: &[u8]) -> usize {
    const STRIDE: usize = 256;
    let strides = a.rchunks_exact(STRIDE).zip(b.rchunks_exact(STRIDE)).take_while(|(a, b)| a == b).count();
    let rest = |of: &[u8]| of.len() - strides * STRIDE;
    let (a, b) = (&a[..rest(a)], &b[..rest(b)]);
    strides * STRIDE + a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count()
}

/// Finds blocks of `old[ground]` in `new[changed]`, grown as far as they go.
fn search(old: &[u8], ground: Range<usize>, new: &[u8], changed: Range<usize>, out: &mut Out) {
    let block = if ground.len() > LARGE { BLOCK_LARGE } else { BLOCK_SMALL };
    if changed.len() < block || ground.len() < block {
        return out.bring(changed);
    }
    let table = Table::of(old, ground.clone(), block);
    let (mut brought, mut at) = (changed.start, changed.start);
    let mut sum = Sum::of(&new[at..at + block]);
    while at + block <= changed.end {
        let found = table.find(sum.value).filter(|from| old[*from..from + block] == new[at..at + block]);
        let Some(from) = found else {
            if at + block < changed.end {
                sum.roll(new[at], new[at + block]);
            }
            at += 1;
            continue;
        };
        let most = (at - brought).min(from);
        let back = common_end(&old[from - most..from], &new[at - most..at]);
        let length = block + common_start(&old[from + block..], &new[at + block..changed.end]);
        out.bring(brought..at - back);
        out.copy(from - back, back + length);
        at += length;
        brought = at;
        if at + block <= changed.end {
            sum = Sum::of(&new[at..at + block]);
        }
    }
    out.bring(brought..changed.end);
}

/// The sum of a window of bytes, moved byte by byte.
struct Sum {
    value: u32,
    /// What the byte that leaves was multiplied with.
    oldest: u32,
}

impl Sum {
    fn of(window: &[u8]) -> Sum {
        let add =
            |sum: u32, byte: &u8| sum.wrapping_mul(MULTIPLIER).wrapping_add(u32::from(*byte).wrapping_add(1));
        let oldest = (1..window.len()).fold(1_u32, |power, _| power.wrapping_mul(MULTIPLIER));
        Sum { value: window.iter().fold(0, add), oldest }
    }

    fn roll(&mut self, leaves: u8, comes: u8) {
        let leaves = u32::from(leaves).wrapping_add(1).wrapping_mul(self.oldest);
        let rest = self.value.wrapping_sub(leaves).wrapping_mul(MULTIPLIER);
        self.value = rest.wrapping_add(u32::from(comes).wrapping_add(1));
    }
}

/// Where blocks with a given sum begin: the first of each, since a copy from there is as good as from another.
struct Table {
    /// Offset plus one; zero where nothing is.
    slots: Vec<u32>,
    bits: u32,
    start: usize,
}

impl Table {
    fn of(old: &[u8], ground: Range<usize>, block: usize) -> Table {
        let blocks = ground.len() / block;
        let bits = (blocks * 2).next_power_of_two().trailing_zeros().max(4);
        let mut table = Table { slots: vec![0; 1 << bits], bits, start: ground.start };
        for at in (ground.start..=ground.end - block).step_by(block) {
            let slot = table.slot(Sum::of(&old[at..at + block]).value);
            if table.slots[slot] == 0 {
                // Contents are bounded far below 4 GiB.
                table.slots[slot] = u32::try_from(at - ground.start + 1).unwrap_or(0);
            }
        }
        table
    }

    fn slot(&self, sum: u32) -> usize {
        (sum.wrapping_mul(0x85eb_ca6b) >> (32 - self.bits)) as usize
    }

    fn find(&self, sum: u32) -> Option<usize> {
        match self.slots[self.slot(sum)] {
            0 => None,
            offset => Some(self.start + offset as usize - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    fn text(lines: usize) -> Vec<u8> {
        (0..lines).flat_map(|line| format!("line {line} of {}\n", line * line).into_bytes()).collect()
    }

    #[test]
    fn what_did_not_change_is_not_brought() {
        let old = text(2000);
        let at = old.len() / 2;
        let grown = [&old[..at], b"and this is new", &old[at..]].concat();
        let moved = [&old[at..], &old[..at]].concat();
        let twice = [&old[..100], b"X", &old[101..at], b"YY", &old[at..], b"Z"].concat();
        for (new, most) in [(&old, 0), (&grown, 15), (&moved, 16), (&twice, 24), (&old[10..].to_vec(), 0)] {
            let pieces = pieces(&old, new);
            assert_eq!(made(&old, new, &pieces), *new);
            assert!(brought(&pieces) <= most, "{} for {most}", brought(&pieces));
        }
        assert_eq!(pieces(b"", b"new"), [Piece::Bring(0..3)]);
        assert_eq!(pieces(b"old", b""), []);
    }

    #[test]
    fn a_large_file_is_searched_around_its_change() {
        let old: Vec<u8> =
            (0..5_000_000_u32).flat_map(|n| (n.wrapping_mul(MULTIPLIER) >> 8).to_le_bytes()).collect();
        let mut new = [&old[..9_000_000], b"new", &old[9_000_000..]].concat();
        new[9_500_000] ^= 1;
        let pieces = pieces(&old, &new);
        assert_eq!(made(&old, &new, &pieces), new);
        assert!(brought(&pieces) < 200, "{}", brought(&pieces));
    }

    proptest! {
        #[test]
        fn pieces_make_the_new_content(
            old in proptest::collection::vec(0_u8..4, 0..600),
            cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), proptest::collection::vec(any::<u8>(), 0..9)), 0..6),
        ) {
            let mut new = old.clone();
            for (at, until, put) in cuts {
                let (a, b) = (at.index(new.len() + 1), until.index(new.len() + 1));
                new.splice(a.min(b)..a.max(b), put);
            }
            prop_assert_eq!(made(&old, &new, &pieces(&old, &new)), new);
        }
    }
}
