use proptest::{collection::vec, prelude::*};

use super::*;
use crate::scripted::Tape;

const PATIENCE: Duration = Duration::from_secs(1);

fn field(name: &str, at: usize, number: NumberType, endianness: Endianness) -> Field {
    let kind = QuantityKind::Temperature;
    Field { name: name.to_owned(), at, number, endianness, kind, scale: 1.0, offset: 0.0 }
}

/// A node that sends `u8 kind, i16 hundredths (little), f32 (big)`.
fn node() -> CobsBinaryOptions {
    let hundredths = Field {
        scale: 0.01,
        offset: 1.0,
        ..field("inside", 1, NumberType::I16, Endianness::Little)
    };
    CobsBinaryOptions {
        frame_bytes_max: CobsBinaryOptions::FRAME_BYTES_MAX,
        checksum: Checksum::Crc16CcittFalse,
        checksum_endianness: Endianness::Big,
        fields: vec![hundredths, field("outside", 3, NumberType::F32, Endianness::Big)],
    }
}

fn payload_of(hundredths: i16, outside: f32) -> Vec<u8> {
    let mut payload = vec![7];
    payload.extend(hundredths.to_le_bytes());
    payload.extend(outside.to_be_bytes());
    payload
}

/// The paper's algorithm, written out: blocks of up to 254 bytes, each with its length plus one.
fn stuff(frame: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::new();
    let mut block = Vec::new();
    for byte in frame.iter().copied().chain([0]) {
        if byte != 0 {
            block.push(byte);
        }
        if byte == 0 || block.len() == 254 {
            stuffed.push(u8::try_from(block.len() + 1).unwrap());
            stuffed.append(&mut block);
        }
    }
    stuffed.push(0);
    stuffed
}

fn sent(payload: &[u8]) -> Vec<u8> {
    let crc = crc16_ccitt_false(payload).to_be_bytes();
    stuff(&[payload, &crc].concat())
}

type Values = Vec<Result<f64, NoData>>;

fn hear(bytes: &[u8], options: CobsBinaryOptions) -> (Vec<Values>, FrameCount) {
    let mut device = CobsBinary::new(Tape::of(bytes, 7), options).unwrap();
    let mut heard = Vec::new();
    while let Ok(measurement) = device.measure(PATIENCE) {
        let value = |(_, outcome): (usize, Result<Quantity, _>)| outcome.map(Quantity::number);
        heard.push(measurement.outcomes.into_iter().map(value).collect());
    }
    (heard, device.frames())
}

#[test]
fn fields_become_quantities() {
    let bytes = [vec![0], sent(&payload_of(-250, 21.5)), sent(&payload_of(0, 0.0))].concat();
    let (heard, counted) = hear(&bytes, node());
    assert_eq!(heard, [vec![Ok(-1.5), Ok(21.5)], vec![Ok(1.0), Ok(0.0)]]);
    assert_eq!(counted, FrameCount { measured: 2, ..FrameCount::default() });
}

#[test]
fn each_checksum_is_taken_in_each_order() {
    let payload = payload_of(100, 3.0);
    for (checksum, crc) in [
        (Checksum::Crc16CcittFalse, crc16_ccitt_false(&payload).to_be_bytes().to_vec()),
        (Checksum::Crc16Modbus, crc16_modbus(&payload).to_be_bytes().to_vec()),
        (Checksum::Crc32, crc32(&payload).to_be_bytes().to_vec()),
    ] {
        let reversed: Vec<u8> = crc.iter().rev().copied().collect();
        for (checksum_endianness, crc, other) in
            [(Endianness::Big, &crc, &reversed), (Endianness::Little, &reversed, &crc)]
        {
            let options = CobsBinaryOptions { checksum, checksum_endianness, ..node() };
            let of = |crc: &[u8]| stuff(&[&payload, crc].concat());
            let (heard, counted) = hear(&[vec![0], of(crc), of(other)].concat(), options);
            assert_eq!(heard, [vec![Ok(2.0), Ok(3.0)]]);
            let expected = FrameCount { measured: 1, ignored: 0, corrupt: 1 };
            assert_eq!(counted, expected, "{checksum:?} {checksum_endianness:?}");
        }
    }
}

#[test]
fn what_a_sensor_cannot_have_is_a_gap_among_values() {
    for odd in [f32::NAN, f32::INFINITY, -300.0] {
        let (heard, _) = hear(&[vec![0], sent(&payload_of(0, odd))].concat(), node());
        assert_eq!(heard, [vec![Ok(1.0), Err(NoData::Implausible)]]);
    }
}

#[test]
fn a_sound_frame_of_another_kind_is_ignored_and_a_broken_one_is_corrupt() {
    let good = sent(&payload_of(0, 1.0));
    let mut wrong_crc = good.clone();
    wrong_crc[5] ^= 2;
    let cut = [&good[..6], &[0]].concat();
    let overlong = sent(&[1; 300]);
    for (bytes, counted) in [
        (sent(&[1, 2, 3]), FrameCount { measured: 1, ignored: 1, corrupt: 0 }),
        (wrong_crc, FrameCount { measured: 1, ignored: 0, corrupt: 1 }),
        (cut, FrameCount { measured: 1, ignored: 0, corrupt: 1 }),
        (overlong, FrameCount { measured: 1, ignored: 0, corrupt: 1 }),
        (stuff(&[]), FrameCount { measured: 1, ignored: 0, corrupt: 1 }),
        (vec![0, 0], FrameCount { measured: 1, ignored: 0, corrupt: 0 }),
    ] {
        let found = hear(&[&[0], &bytes[..], &good].concat(), node());
        assert_eq!(found, (vec![vec![Ok(1.0), Ok(1.0)]], counted), "{bytes:02X?}");
    }
}

#[test]
fn an_overlong_frame_is_not_taken_for_its_beginning() {
    // The first bytes of the long frame are a whole one, but for its zero.
    let options = CobsBinaryOptions { frame_bytes_max: 9, ..node() };
    let payload = payload_of(0x0101, 1.1);
    let crc = crc16_ccitt_false(&payload).to_be_bytes();
    let long = [&payload[..], &crc, &[1, 2, 3]].concat();
    let (heard, counted) = hear(&[vec![0], stuff(&long)].concat(), options);
    assert_eq!((heard.len(), counted.corrupt), (0, 1));
}

#[test]
fn the_tail_of_a_frame_is_neither_taken_nor_counted() {
    let good = sent(&payload_of(0, 1.0));
    let tape = Tape::of(&good, 3).then(Err(NoData::Absent)).then(Ok(&good)).then(Ok(&good));
    let mut device = CobsBinary::new(tape, node()).unwrap();
    assert_eq!(device.measure(PATIENCE), Err(NoData::Absent));
    assert!(device.measure(PATIENCE).is_ok());
    assert_eq!(device.frames(), FrameCount { measured: 1, ..FrameCount::default() });
}

#[test]
fn options_that_make_no_device_are_refused() {
    let refused = |options| CobsBinary::new(Tape::default(), options).err();
    assert_eq!(
        refused(CobsBinaryOptions { fields: Vec::new(), ..node() }),
        Some(BadOptions::NoSensors)
    );
    let beyond = BadOptions::BeyondFrame { end: 7, payload_bytes_max: 6 };
    assert_eq!(refused(CobsBinaryOptions { frame_bytes_max: 8, ..node() }), Some(beyond));
    assert_eq!(refused(CobsBinaryOptions { frame_bytes_max: 9, ..node() }), None);
}

proptest! {
    #[test]
    fn whatever_is_stuffed_comes_out(frame in vec(prop_oneof![Just(0), any::<u8>()], 0..700)) {
        let mut cutter = Unstuffer::new(700);
        let stuffed = [vec![0], stuff(&frame)].concat();
        let out: Vec<_> = stuffed.iter().filter_map(|&byte| cutter.push(byte)).collect();
        prop_assert_eq!(out, [Ok(frame)]);
    }

    /// A frame with a wrong CRC never measures, and after anything the next good one is read.
    #[test]
    fn after_any_soup_the_next_good_frame_is_read_and_nothing_else(
        soup in vec(prop_oneof![
            vec(any::<u8>(), 0..300),
            (any::<i16>(), 0_usize..11, 1_u8..).prop_map(|(number, at, flip)| {
                let mut damaged = sent(&payload_of(number, 1.0));
                let at = at % damaged.len();
                damaged[at] ^= flip;
                damaged
            }),
        ], 0..6),
    ) {
        let bytes = [soup.concat(), vec![0], sent(&payload_of(4_200, 1.0))].concat();
        let (heard, counted) = hear(&bytes, node());
        prop_assert_eq!(heard.last(), Some(&vec![Ok(43.0), Ok(1.0)]));
        let sound = bytes.split(|&byte| byte == 0).filter(|stuffed| is_sound(stuffed)).count();
        prop_assert_eq!(counted.measured, heard.len() as u64);
        prop_assert!(heard.len() <= sound, "{} of {}", heard.len(), sound);
    }
}

/// Whether a frame, unstuffed by a dull reading of the paper, has its CRC.
fn is_sound(mut stuffed: &[u8]) -> bool {
    let mut frame = Vec::new();
    while let Some((&code, rest)) = stuffed.split_first() {
        let Some((block, rest)) = rest.split_at_checked(usize::from(code) - 1) else {
            return false;
        };
        frame.extend_from_slice(block);
        if code < 255 && !rest.is_empty() {
            frame.push(0);
        }
        stuffed = rest;
    }
    let Some((payload, crc)) = frame.split_last_chunk::<2>() else { return false };
    crc16_ccitt_false(payload).to_be_bytes() == *crc
}
