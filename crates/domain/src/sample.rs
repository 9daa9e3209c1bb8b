//! Samples: readings with an identity.

use core::fmt;

use crate::{Reading, Stream};

/// Which number a sample has in its stream. The first sample ever is number 1.
///
/// Numbers go on across restarts and reboots; a hole in them is a lost sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SequenceNumber(pub u64);

impl SequenceNumber {
    /// The number of the first sample of a stream.
    pub const FIRST: Self = Self(1);

    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Identifies one boot of the machine: monotonic times compare only within it.
///
/// Written as the kernel writes it in `/proc/sys/kernel/random/boot_id` (RFC 9562 text form).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootId([u8; 16]);

/// The text is not a boot id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a boot id: 32 hexadecimal digits are wanted, with or without dashes")]
pub struct NotABootId {
    /// The text as offered.
    pub text: String,
}

impl BootId {
    /// From its 16 bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its 16 bytes.
    pub const fn as_bytes(self) -> [u8; 16] {
        self.0
    }

    /// Reads 32 hexadecimal digits; dashes and surrounding space do not count.
    ///
    /// # Errors
    ///
    /// [`NotABootId`] if there are not exactly 32 of them.
    pub fn parse(text: &str) -> Result<Self, NotABootId> {
        let refused = || NotABootId { text: text.to_owned() };
        let digits: String = text.trim().chars().filter(|&c| c != '-').collect();
        let is_hex = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let number = is_hex.then(|| u128::from_str_radix(&digits, 16).ok()).flatten();
        number.map(|n| Self(n.to_be_bytes())).ok_or_else(refused)
    }
}

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BootId({self})")
    }
}

/// What travels: a reading, its stream, the boot it was taken in and its number in the stream.
///
/// `(gateway, boot, stream, seq)` identifies a sample. Numbers go on from boot to boot, but those that
/// were not yet safe on disk when the power was cut are given again in the next one.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The stream it belongs to.
    pub stream: Stream,
    /// The boot of the machine in which it was taken.
    pub boot: BootId,
    /// Its number in the stream.
    pub seq: SequenceNumber,
    /// What was found, and when.
    pub reading: Reading,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_id_reads_the_kernels_text_and_writes_it_back() {
        let text = "0f5a1c9e-7d42-4c61-9b7e-3a2d5e8f0011";
        let boot = BootId::parse(&format!("{text}\n")).unwrap();
        assert_eq!(boot.to_string(), text);
        assert_eq!(BootId::parse(&text.replace('-', "")), Ok(boot));
        for bad in ["", "xyz", &text[1..], "+f5a1c9e7d424c619b7e3a2d5e8f0011"] {
            assert!(BootId::parse(bad).is_err(), "{bad}");
        }
    }
}
