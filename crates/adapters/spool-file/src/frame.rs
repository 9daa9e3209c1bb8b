//! Frames: what makes a stretch of bytes whole or absent.
//!
//! A frame is `kind[4] length[4] crc32[4] payload`, integers little-endian. The CRC-32 (IEEE 802.3)
//! covers kind, length and payload, so that a frame cannot be taken for one of another kind or size.

use thiserror::Error;

/// How much a frame takes up beside its payload, in bytes.
pub(crate) const OVERHEAD: usize = 12;

/// The longest payload, in bytes: bounds what a damaged length may make us read.
pub(crate) const PAYLOAD_MAX: usize = 1 << 20;

/// What a frame holds; also what a search for the next whole frame looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind([u8; 4]);

impl Kind {
    pub(crate) const HEADER: Self = Self(*b"\xF5Hdr");
    pub(crate) const RECORD: Self = Self(*b"\xF5Rec");
    pub(crate) const CURSOR: Self = Self(*b"\xF5Cur");
}

/// The payload does not fit into a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{bytes} bytes are more than the {limit} that can be stored as one")]
pub(crate) struct TooLong {
    pub(crate) bytes: usize,
    pub(crate) limit: usize,
}

/// Appends one frame to `out`, with whatever `encode` appends as its payload.
pub(crate) fn seal(
    kind: Kind,
    out: &mut Vec<u8>,
    encode: impl FnOnce(&mut Vec<u8>),
) -> Result<(), TooLong> {
    let start = out.len();
    out.extend([0; OVERHEAD]);
    encode(out);
    let bytes = out.len() - start - OVERHEAD;
    let length = u32::try_from(bytes).ok().filter(|_| bytes <= PAYLOAD_MAX);
    let length = length.ok_or(TooLong { bytes, limit: PAYLOAD_MAX })?.to_le_bytes();
    let crc = checksum(kind, length, &out[start + OVERHEAD..]);
    for (place, part) in [kind.0, length, crc].into_iter().enumerate() {
        out[start + 4 * place..][..4].copy_from_slice(&part);
    }
    Ok(())
}

/// How long the whole frame would be that these bytes begin, if they can begin one.
pub(crate) fn length(kind: Kind, head: &[u8]) -> Option<usize> {
    let rest = head.strip_prefix(&kind.0)?;
    let length = u32::from_le_bytes(*rest.first_chunk()?);
    let length = usize::try_from(length).ok()?;
    (head.len() >= OVERHEAD && length <= PAYLOAD_MAX).then_some(OVERHEAD + length)
}

/// The payload of the frame at the beginning of `bytes`, if it is whole.
pub(crate) fn payload(kind: Kind, bytes: &[u8]) -> Option<&[u8]> {
    let frame = bytes.get(..length(kind, bytes)?)?;
    let payload = &frame[OVERHEAD..];
    let crc = checksum(kind, *frame[4..].first_chunk()?, payload);
    (frame[8..OVERHEAD] == crc).then_some(payload)
}

/// Where the next frame of this kind may begin: the first place in `bytes` with the kind's mark.
pub(crate) fn find(kind: Kind, bytes: &[u8]) -> Option<usize> {
    bytes.windows(kind.0.len()).position(|window| window == kind.0)
}

fn checksum(kind: Kind, length: [u8; 4], payload: &[u8]) -> [u8; 4] {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&kind.0);
    crc.update(&length);
    crc.update(payload);
    crc.finalize().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        seal(Kind::RECORD, &mut out, |out| out.extend(payload)).unwrap();
        out
    }

    #[test]
    fn the_bytes_of_a_frame_are_frozen() {
        // The check value of CRC-32 for "123456789" is CBF43926; here kind and length come first.
        assert_eq!(crc32fast::hash(b"123456789"), 0xCBF4_3926);
        let frozen = [0xF5, b'R', b'e', b'c', 3, 0, 0, 0, 0x49, 0xCD, 0xEF, 0x9D, b'a', b'b', b'c'];
        assert_eq!(frame(b"abc"), frozen);
    }

    #[test]
    fn a_payload_beyond_the_limit_is_refused() {
        let refused = seal(Kind::RECORD, &mut Vec::new(), |out| {
            out.resize(OVERHEAD + PAYLOAD_MAX + 1, 0);
        });
        assert_eq!(refused, Err(TooLong { bytes: PAYLOAD_MAX + 1, limit: PAYLOAD_MAX }));
    }

    proptest! {
        #[test]
        fn a_frame_is_whole_or_absent(
            content in vec(any::<u8>(), 0..100),
            flip: prop::sample::Index,
            cut: prop::sample::Index,
        ) {
            let mut bytes = frame(&content);
            prop_assert_eq!(payload(Kind::RECORD, &bytes), Some(&content[..]));
            prop_assert_eq!(payload(Kind::HEADER, &bytes), None);
            prop_assert_eq!(payload(Kind::RECORD, &bytes[..cut.index(bytes.len())]), None);
            let bit = flip.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(payload(Kind::RECORD, &bytes), None);
        }

        #[test]
        fn any_bytes_are_a_frame_or_none(bytes in vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(payload(Kind::RECORD, &bytes), None);
        }
    }
}
