//! The primitives that records are made of: variable-length integers (LEB128), texts, lists.

use super::{NUMBER_MAX, StreamId};

/// What is left to read. Every method takes from the front, or gives `None` and is done for.
pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    /// At most ten bytes, seven bits each, the low ones first.
    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7F);
            if bits.leading_zeros() < shift {
                return None; // Bits beyond the sixty-fourth.
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// A position, or the number of a sample.
    pub(super) fn number(&mut self) -> Option<u64> {
        self.varint().filter(|&number| number <= NUMBER_MAX)
    }

    pub(super) fn stream_id(&mut self) -> Option<StreamId> {
        u32::try_from(self.varint()?).ok().map(StreamId)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let [len] = self.array()?;
        let (text, rest) = self.0.split_at_checked(usize::from(len))?;
        self.0 = rest;
        str::from_utf8(text).ok()
    }

    /// A count, and so many items of at least `bytes_min` bytes each.
    pub(super) fn list<T>(
        &mut self,
        bytes_min: usize,
        mut item: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let count = usize::try_from(self.varint()?).ok()?;
        if count > self.0.len() / bytes_min {
            return None; // Before anything is reserved for a count that cannot be true.
        }
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(item(self)?);
        }
        Some(items)
    }
}

pub(super) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// For texts of up to 255 bytes: names, whose alphabet and length the domain limits to 97.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    debug_assert!(text.len() < 256, "a name is at most 97 bytes long");
    out.push(text.len().to_le_bytes()[0]);
    out.extend(text.as_bytes());
}

/// Makes small negative numbers small: 0, -1, 1, -2 become 0, 1, 2, 3.
pub(super) const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

pub(super) const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}
