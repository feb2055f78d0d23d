//! Numbers and bytes of the structure: LEB128, seven bits a byte, the lowest first. Reading stays within the bytes
//! there are, and what isn't the shortest spelling is refused.

/// Appends `value`.
pub(super) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a number that may be below zero: 0, -1, 1, -2, … as 0, 1, 2, 3, …
pub(super) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Appends a length and as many bytes.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Bytes that are read from the front.
pub(super) struct Numbers<'a>(pub(super) &'a [u8]);

impl<'a> Numbers<'a> {
    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// The next number; nothing where the bytes end, it is above 64 bits, or is spelled with bytes to spare.
    pub(super) fn next(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for place in 0..10 {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            if place == 9 && bits > 1 {
                return None;
            }
            value |= bits << (7 * place);
            if byte & 0x80 == 0 {
                return (place == 0 || bits > 0).then_some(value);
            }
        }
        None
    }

    pub(super) fn next_signed(&mut self) -> Option<i64> {
        let value = self.next()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    pub(super) fn next_size(&mut self) -> Option<usize> {
        usize::try_from(self.next()?).ok()
    }

    pub(super) fn next_bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.next_size()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// So many bytes, without a length before them.
    pub(super) fn next_array<const COUNT: usize>(&mut self) -> Option<[u8; COUNT]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    pub(super) fn next_text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.next_bytes()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(values in proptest::collection::vec(any::<i64>(), 0..20)) {
            let mut out = Vec::new();
            for value in &values {
                put_signed(&mut out, *value);
                put(&mut out, *value as u64);
            }
            let mut numbers = Numbers(&out);
            for value in &values {
                prop_assert_eq!(numbers.next_signed(), Some(*value));
                prop_assert_eq!(numbers.next(), Some(*value as u64));
            }
            prop_assert!(numbers.is_at_end());
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut numbers = Numbers(&bytes);
            while numbers.next().is_some() {}
            let _ = Numbers(&bytes).next_text();
        }
    }

    #[test]
    fn one_number_has_one_spelling() {
        assert_eq!(Numbers(&[0x80, 0]).next(), None, "zero in two bytes");
        assert_eq!(Numbers(&[0x80]).next(), None, "cut");
        assert_eq!(Numbers(&[0xff; 11]).next(), None, "too long");
        assert_eq!(Numbers(&[5, 1]).next_bytes(), None, "cut");
    }
}
