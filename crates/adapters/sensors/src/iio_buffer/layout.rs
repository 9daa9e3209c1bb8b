//! Where the channels are in a scan.
//!
//! `Documentation/iio/iio_devbuf.rst`: enabled channels by their `_index`, each at a multiple of its own size; a scan is as
//! long as a multiple of its largest channel.

use domain::NoData;

/// How one number is stored: `_type`, such as `le:s12/16>>4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    is_big_endian: bool,
    is_signed: bool,
    bits: u32,
    bytes: usize,
    shift: u32,
}

impl Format {
    /// Several numbers in one channel (`X2`) are [`NoData::Corrupt`], as is everything that is no format.
    pub(super) fn parse(text: &str) -> Result<Self, NoData> {
        Self::read(text.trim()).ok_or(NoData::Corrupt)
    }

    fn read(text: &str) -> Option<Self> {
        let (order, rest) = text.split_once(':')?;
        let (bits, rest) = rest.get(1..)?.split_once('/')?;
        let (storage, shift) = rest.split_once(">>").unwrap_or((rest, "0"));
        let (bits, storage, shift) =
            (bits.parse().ok()?, storage.parse().ok()?, shift.parse().ok()?);
        let is_sound = matches!(storage, 8 | 16 | 32 | 64) && bits > 0;
        let fits = is_sound && u32::checked_add(bits, shift).is_some_and(|all| all <= storage);
        let is_big_endian = match order {
            "be" => true,
            "le" => false,
            _ => return None,
        };
        let is_signed = match text.as_bytes().get(3)? {
            b's' => true,
            b'u' => false,
            _ => return None,
        };
        let bytes = usize::try_from(storage / 8).ok()?;
        fits.then_some(Self { is_big_endian, is_signed, bits, bytes, shift })
    }

    /// The number in its bytes.
    fn number(self, stored: &[u8]) -> i128 {
        let push = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        let word = if self.is_big_endian {
            stored.iter().fold(0, push)
        } else {
            stored.iter().rev().fold(0, push)
        };
        let mask = u64::MAX >> (64 - self.bits);
        let number = i128::from(word >> self.shift & mask);
        let is_negative = self.is_signed && number >> (self.bits - 1) & 1 == 1;
        if is_negative { number - (1 << self.bits) } else { number }
    }
}

/// Where each of the channels is, and how long a scan is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// In the order in which they were given.
    places: Vec<(usize, Format)>,
    pub(super) bytes: usize,
}

impl Layout {
    /// Of channels with their indices.
    pub(super) fn of(channels: &[(u32, Format)]) -> Self {
        let mut order: Vec<_> = channels.iter().enumerate().collect();
        order.sort_by_key(|(_, (index, _))| *index);
        let (mut end, mut largest) = (0_usize, 1);
        let mut places: Vec<_> = channels.iter().map(|(_, format)| (0, *format)).collect();
        for (nth, (_, format)) in order {
            let start = end.next_multiple_of(format.bytes);
            if let Some(place) = places.get_mut(nth) {
                place.0 = start;
            }
            end = start + format.bytes;
            largest = largest.max(format.bytes);
        }
        Self { places, bytes: end.next_multiple_of(largest) }
    }

    /// The numbers in a scan, in the order in which the channels were given.
    pub(super) fn numbers(&self, scan: &[u8]) -> Vec<i128> {
        let stored = |start: usize, format: Format| scan.get(start..start + format.bytes);
        let number = |&(start, format): &(usize, Format)| {
            format.number(stored(start, format).unwrap_or_default())
        };
        self.places.iter().map(number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(format: &str, stored: &[u8]) -> i128 {
        Format::parse(format).unwrap().number(stored)
    }

    #[test]
    fn numbers_are_shifted_cut_and_signed_as_their_type_says() {
        assert_eq!(number("le:s12/16>>4", &[0xF0, 0xFF]), -1);
        assert_eq!(number("le:s12/16>>4", &[0x0F, 0x80]), -2048);
        assert_eq!(number("be:u12/16>>0", &[0xFA, 0xBC]), 0xABC);
        assert_eq!(number("be:s24/32>>8", &[0x7F, 0xFF, 0xFF, 0x55]), 0x7F_FFFF);
        assert_eq!(number("le:s64/64>>0", &[0xFF; 8]), -1);
        assert_eq!(number("le:u64/64", &[0xFF; 8]), i128::from(u64::MAX));
        assert_eq!(number("be:u8/8>>0", &[200]), 200);
    }

    #[test]
    fn what_is_no_type_is_corrupt() {
        for text in [
            "",
            "le",
            "le:",
            "le:s",
            "le:s12/12>>0",
            "xe:s8/8",
            "le:x8/8",
            "le:s0/8",
            "le:s8/8>>1",
            "le:s16/16X2>>0",
            "le:s99/64>>0",
            "le:s8/8>>4294967295",
            "le:\u{fc}8/8",
        ] {
            assert_eq!(Format::parse(text), Err(NoData::Corrupt), "{text}");
        }
    }

    #[test]
    fn channels_lie_by_index_at_multiples_of_their_size() {
        let format = |text| Format::parse(text).unwrap();
        let (time, x, y) = (format("le:s64/64>>0"), format("le:s16/16>>0"), format("be:u8/8>>0"));
        let layout = Layout::of(&[(3, time), (0, x), (1, y)]);
        assert_eq!(layout.bytes, 16);
        let scan = [0xFE, 0xFF, 7, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(layout.numbers(&scan), [1, -2, 7]);
        assert_eq!(Layout::of(&[(0, x), (1, y)]).bytes, 4);
        assert_eq!(layout.numbers(&[]), [0, 0, 0], "too short a scan is no panic");
    }
}
