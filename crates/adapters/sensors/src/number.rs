//! Numbers as devices lay them out in bytes.

/// How a number is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberType {
    /// Unsigned, 8 bits.
    U8,
    /// Two's complement, 8 bits.
    I8,
    /// Unsigned, 16 bits.
    U16,
    /// Two's complement, 16 bits.
    I16,
    /// Unsigned, 32 bits.
    U32,
    /// Two's complement, 32 bits.
    I32,
    /// Unsigned, 64 bits.
    U64,
    /// Two's complement, 64 bits.
    I64,
    /// IEEE 754, single precision.
    F32,
    /// IEEE 754, double precision.
    F64,
}

impl NumberType {
    /// Each with the word that configuration has for it.
    pub const NAMES: &[(&str, Self)] = &[
        ("u8", Self::U8),
        ("i8", Self::I8),
        ("u16", Self::U16),
        ("i16", Self::I16),
        ("u32", Self::U32),
        ("i32", Self::I32),
        ("u64", Self::U64),
        ("i64", Self::I64),
        ("f32", Self::F32),
        ("f64", Self::F64),
    ];

    /// How many bytes it takes.
    pub const fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// The number in `bytes`, most significant first; `None` if they are not exactly as many as it
    /// takes. Past 2^53 an integer is rounded to the nearest number that has a double.
    pub(crate) fn decode(self, bytes: &[u8]) -> Option<f64> {
        Some(match self {
            Self::U8 => f64::from(u8::from_be_bytes(bytes.try_into().ok()?)),
            Self::I8 => f64::from(i8::from_be_bytes(bytes.try_into().ok()?)),
            Self::U16 => f64::from(u16::from_be_bytes(bytes.try_into().ok()?)),
            Self::I16 => f64::from(i16::from_be_bytes(bytes.try_into().ok()?)),
            Self::U32 => f64::from(u32::from_be_bytes(bytes.try_into().ok()?)),
            Self::I32 => f64::from(i32::from_be_bytes(bytes.try_into().ok()?)),
            #[expect(clippy::cast_precision_loss, reason = "said so above")]
            Self::U64 => u64::from_be_bytes(bytes.try_into().ok()?) as f64,
            #[expect(clippy::cast_precision_loss, reason = "said so above")]
            Self::I64 => i64::from_be_bytes(bytes.try_into().ok()?) as f64,
            Self::F32 => f64::from(f32::from_be_bytes(bytes.try_into().ok()?)),
            Self::F64 => f64::from_be_bytes(bytes.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_reads_its_own_bytes_and_no_other_count() {
        for (number, bytes, expected) in [
            (NumberType::U8, &[0xFF][..], 255.0),
            (NumberType::I8, &[0xFF], -1.0),
            (NumberType::U16, &[0xFF, 0xFE], 65_534.0),
            (NumberType::I16, &[0xFF, 0xFE], -2.0),
            (NumberType::U32, &[0xFF, 0, 0, 1], 4_278_190_081.0),
            (NumberType::I32, &[0xFF, 0xFF, 0xFF, 0], -256.0),
            (NumberType::F32, &[0xC0, 0x20, 0, 0], -2.5),
            (NumberType::U64, &[0, 0, 0, 1, 0, 0, 0, 0], 4_294_967_296.0),
            (NumberType::I64, &[0xFF; 8], -1.0),
            (NumberType::F64, &[0x3F, 0xF8, 0, 0, 0, 0, 0, 0], 1.5),
        ] {
            assert_eq!(number.decode(bytes), Some(expected), "{number:?}");
            assert_eq!(number.bytes(), bytes.len());
            assert_eq!(number.decode(&bytes[1..]), None);
            assert_eq!(number.decode(&[bytes, &[0]].concat()), None);
        }
    }
}
