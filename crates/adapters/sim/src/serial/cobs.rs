//! A device that sends binary frames, stuffed by COBS.
//!
//! Written from Cheshire and Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM Transactions on
//! Networking 7(2), 1999, section III: blocks of up to 254 bytes that are not zero, each behind a code
//! that is its length plus one; a code below 255 stands for a zero behind its block, but for the last.

/// Which CRC of the payload closes a frame, least significant byte first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CobsCrc {
    /// CRC-16/IBM-3740, known as CCITT-FALSE.
    Crc16CcittFalse,
    /// CRC-32/ISO-HDLC, that of Ethernet.
    Crc32,
}

/// The bytes on the wire for `payload`, with the zero that ends them.
pub fn cobs_frame(payload: &[u8], crc: CobsCrc) -> Vec<u8> {
    let mut frame = payload.to_vec();
    match crc {
        CobsCrc::Crc16CcittFalse => frame.extend(crc16(payload).to_le_bytes()),
        CobsCrc::Crc32 => frame.extend(crc32(payload).to_le_bytes()),
    }
    let mut wire = stuff(&frame);
    wire.push(0);
    wire
}

fn stuff(frame: &[u8]) -> Vec<u8> {
    let mut wire = vec![1];
    let mut code_at = 0;
    for (number, &byte) in frame.iter().enumerate() {
        if byte == 0 {
            code_at = wire.len();
            wire.push(1);
            continue;
        }
        wire.push(byte);
        wire[code_at] += 1;
        if wire[code_at] == 255 && number + 1 < frame.len() {
            code_at = wire.len();
            wire.push(1);
        }
    }
    wire
}

/// By long division, most significant bit first.
fn crc16(bytes: &[u8]) -> u16 {
    let mut remainder = 0xFFFF_u16;
    for byte in bytes {
        for bit in (0..8).rev() {
            let is_set = (remainder >> 15 == 1) != (byte >> bit & 1 == 1);
            remainder = remainder << 1 ^ if is_set { 0x1021 } else { 0 };
        }
    }
    remainder
}

/// By long division of the reflected bits.
fn crc32(bytes: &[u8]) -> u32 {
    let mut remainder = u32::MAX;
    for byte in bytes {
        for bit in 0..8 {
            let is_set = (remainder >> 31 == 1) != (byte >> bit & 1 == 1);
            remainder = remainder << 1 ^ if is_set { 0x04C1_1DB7 } else { 0 };
        }
    }
    !remainder.reverse_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_stuffed_as_the_paper_and_its_well_known_examples_have_it() {
        for (frame, wire) in [
            (&b""[..], &b"\x01"[..]),
            (b"\0", b"\x01\x01"),
            (b"\0\0", b"\x01\x01\x01"),
            (b"\x11\x22\0\x33", b"\x03\x11\x22\x02\x33"),
            (b"\x11\0\0\0", b"\x02\x11\x01\x01\x01"),
        ] {
            assert_eq!(stuff(frame), wire, "{frame:02X?}");
        }
        let run: Vec<u8> = (1..=254).collect();
        assert_eq!(stuff(&run), [&[255], &run[..]].concat());
        let longer: Vec<u8> = (1..=255).collect();
        assert_eq!(stuff(&longer), [&[255], &run[..], &[2, 255]].concat());
    }

    #[test]
    fn checksums_have_the_check_values_of_the_catalogue() {
        assert_eq!(crc16(b"123456789"), 0x29B1);
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }
}
