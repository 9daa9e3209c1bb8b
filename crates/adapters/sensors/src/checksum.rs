//! Checksums of binary frames, bit by bit: a UART is slower than any of them.
//!
//! Parameters are those of the CRC catalogue (<https://reveng.sourceforge.io/crc-catalogue/>).

/// CRC-16/MODBUS: reflected polynomial 0x8005, initial 0xFFFF.
pub(crate) fn crc16_modbus(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, &byte| {
        (0..8).fold(
            crc ^ u16::from(byte),
            |crc, _| {
                if crc & 1 == 0 { crc >> 1 } else { crc >> 1 ^ 0xA001 }
            },
        )
    })
}

/// CRC-16/IBM-3740, known as CCITT-FALSE: polynomial 0x1021, initial 0xFFFF.
pub(crate) fn crc16_ccitt_false(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
        })
    })
}

/// CRC-32/ISO-HDLC, that of Ethernet and zip: reflected polynomial 0x04C11DB7, initial and final
/// 0xFFFFFFFF.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 0 { crc >> 1 } else { crc >> 1 ^ 0xEDB8_8320 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The catalogue's check: the CRC of these nine digits.
    const CHECK: &[u8] = b"123456789";

    #[test]
    fn each_has_the_check_value_of_the_catalogue() {
        assert_eq!(crc16_modbus(CHECK), 0x4B37);
        assert_eq!(crc16_ccitt_false(CHECK), 0x29B1);
        assert_eq!(crc32(CHECK), 0xCBF4_3926);
    }

    /// A frame without its CRC, and the CRC as it follows on the wire, low byte first.
    #[test]
    fn published_modbus_frames_have_their_crc() {
        let frames: &[(&[u8], [u8; 2])] = &[
            // Modbus over serial line V1.02, 6.2.2.
            (b"\x02\x07", [0x41, 0x12]),
            // Widely published examples of function codes 1 to 6 and 16, and of an exception.
            (b"\x11\x01\x00\x13\x00\x25", [0x0E, 0x84]),
            (b"\x11\x02\x00\xC4\x00\x16", [0xBA, 0xA9]),
            (b"\x11\x03\x00\x6B\x00\x03", [0x76, 0x87]),
            (b"\x01\x03\x00\x00\x00\x0A", [0xC5, 0xCD]),
            (b"\x11\x04\x00\x08\x00\x01", [0xB2, 0x98]),
            (b"\x11\x05\x00\xAC\xFF\x00", [0x4E, 0x8B]),
            (b"\x11\x06\x00\x01\x00\x03", [0x9A, 0x9B]),
            (b"\x11\x10\x00\x01\x00\x02\x04\x00\x0A\x01\x02", [0xC6, 0xF0]),
            (b"\x01\x83\x02", [0xC0, 0xF1]),
        ];
        for (frame, crc) in frames {
            assert_eq!(crc16_modbus(frame).to_le_bytes(), *crc, "{frame:02X?}");
        }
    }
}
