//! Words and checksums of Sensirion's chips on I2C, for the drivers that are written here.
//!
//! Datasheets: SHT3x-DIS 4.12, SGP40 4.1. A word is 16 bits, high byte first, then CRC-8 over the two:
//! polynomial 0x31, initial value 0xFF, not reflected.

use domain::NoData;
use embedded_hal::i2c::{I2c, SevenBitAddress};

/// Reads the `N` words that the last command left. Bytes of which any fails its checksum are
/// [`NoData::Corrupt`].
pub(crate) fn read_words<const N: usize, I2C>(
    bus: &mut I2C,
    address: SevenBitAddress,
) -> Result<[u16; N], NoData>
where
    I2C: I2c<Error: Into<NoData>>,
{
    let mut framed = [[0; 3]; N];
    bus.read(address, framed.as_flattened_mut()).map_err(Into::into)?;
    let is_sound = framed.iter().all(|&[high, low, check]| checksum(&[high, low]) == check);
    let words = framed.map(|[high, low, _]| u16::from_be_bytes([high, low]));
    is_sound.then_some(words).ok_or(NoData::Corrupt)
}

/// One word as it crosses the bus.
pub(crate) fn framed(word: u16) -> [u8; 3] {
    let [high, low] = word.to_be_bytes();
    [high, low, checksum(&[high, low])]
}

/// CRC-8, polynomial 0x31, initial value 0xFF.
pub(crate) fn checksum(bytes: &[u8]) -> u8 {
    let mut rest = 0xFF;
    for byte in bytes {
        rest ^= byte;
        for _ in 0..8 {
            rest = if rest & 0x80 == 0 { rest << 1 } else { rest << 1 ^ 0x31 };
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHT3x-DIS 4.12 and SGP40 table 12.
    #[test]
    fn words_are_framed_as_in_the_datasheets_examples() {
        assert_eq!(framed(0xBEEF), [0xBE, 0xEF, 0x92]);
        assert_eq!(framed(0x8000), [0x80, 0x00, 0xA2]);
        assert_eq!(framed(0x6666), [0x66, 0x66, 0x93]);
    }
}
