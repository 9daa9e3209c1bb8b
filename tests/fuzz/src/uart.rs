//! What devices say on serial lines.
//!
//! The bytes are what one read after the other brings: a length, and so many bytes; a length of 0 is a
//! pause.

use core::time::Duration;

use domain::{NoData, QuantityKind};
use ports::{ByteSource, Device, Measurement, Received, SerialLine};
use sensors::{
    Checksum, CobsBinary, CobsBinaryOptions, Column, DelimitedText, DelimitedTextOptions,
    Endianness, Field, ModbusRtu, ModbusRtuOptions, Nmea0183, NumberType, Order, Pms7003, Register,
    RegisterType, Table,
};

const PATIENCE: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(1);

/// A line on which the bytes come.
struct Tape<'a>(&'a [u8]);

impl ByteSource for Tape<'_> {
    fn read(&mut self, buffer: &mut [u8], _patience: Duration) -> Result<Received, NoData> {
        let (&len, rest) = self.0.split_first().ok_or(NoData::Silent)?;
        let len = usize::from(len).min(rest.len()).min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        self.0 = &rest[len..];
        if len == 0 { Err(NoData::Silent) } else { Ok(Received { len, waited: TICK }) }
    }
}

impl SerialLine for Tape<'_> {
    fn write(&mut self, _bytes: &[u8], _patience: Duration) -> Result<(), NoData> {
        Ok(())
    }

    fn discard_input(&mut self) -> Result<(), NoData> {
        Ok(())
    }
}

/// Asks the device until all must have been heard. True if anything was measured.
fn listen(mut device: impl Device, bytes: &[u8]) -> bool {
    let kinds: Vec<_> = device.sensors().iter().map(|sensor| sensor.kind).collect();
    let mut measured = 0;
    for _ in 0..=bytes.len() {
        let Ok(Measurement { outcomes, .. }) = device.measure(PATIENCE) else { continue };
        measured += 1;
        for (sensor, outcome) in outcomes {
            let kind = kinds[sensor];
            let Ok(quantity) = outcome else { continue };
            assert_eq!(quantity.kind(), kind);
            assert!(quantity.number().is_finite());
        }
    }
    let frames = device.frames();
    let heard = frames.measured + frames.ignored + frames.corrupt;
    assert!(heard <= bytes.len() as u64, "more frames than bytes: {frames:?}");
    measured > 0
}

/// What a tape says in reads of these.
fn tape(reads: &[&[u8]]) -> Vec<u8> {
    let read = |bytes: &&[u8]| {
        let chunks = bytes.chunks(200).flat_map(|chunk| {
            let len = u8::try_from(chunk.len()).unwrap();
            std::iter::once(len).chain(chunk.iter().copied())
        });
        if bytes.is_empty() { vec![0] } else { chunks.collect() }
    };
    reads.iter().flat_map(read).collect()
}

pub(crate) fn nmea0183(bytes: &[u8]) -> bool {
    listen(Nmea0183::new(Tape(bytes)), bytes)
}

pub(crate) fn sentences() -> Vec<Vec<u8>> {
    let gga: &[u8] =
        b"\n$GPGGA,092750.000,5321.6802,N,00630.3372,W,1,8,1.03,61.7,M,55.2,M,,*76\r\n";
    let rmc: &[u8] = b"$GPRMC,092750.000,A,5321.6802,N,00630.3372,W,0.02,31.66,280511,,,A*43\r\n";
    vec![tape(&[gga, rmc]), tape(&[&gga[..20], b"", &gga[20..], rmc])]
}

pub(crate) fn pms7003(bytes: &[u8]) -> bool {
    listen(Pms7003::new(Tape(bytes)), bytes)
}

/// 32 bytes: 42 4D, the length, 13 words, and the sum of all before.
pub(crate) fn particles() -> Vec<Vec<u8>> {
    let mut frame = vec![0x42, 0x4D, 0, 28];
    frame.extend((0..26).map(|byte| byte % 2 * 10));
    let sum: u16 = frame.iter().map(|&byte| u16::from(byte)).sum();
    frame.extend(sum.to_be_bytes());
    vec![tape(&[&frame]), tape(&[&frame[..9], &frame[9..], &frame])]
}

pub(crate) fn delimited_text(bytes: &[u8]) -> bool {
    let column = |index: usize, kind| {
        let name = format!("c{index}");
        Column { name, index, kind, scale: 0.1, offset: -1.0 }
    };
    let options = DelimitedTextOptions {
        delimiter: ',',
        prefix: "W".to_owned(),
        line_bytes_max: 64,
        columns: vec![column(1, QuantityKind::Speed), column(3, QuantityKind::Count)],
    };
    listen(DelimitedText::new(Tape(bytes), options).expect("good options"), bytes)
}

pub(crate) fn lines() -> Vec<Vec<u8>> {
    vec![tape(&[b"\nW,12.5,x,34\r\n", b"W,1e3,,-7\n"]), tape(&[b"\n", b"", b"W,1,2,3\n"])]
}

pub(crate) fn cobs_binary(bytes: &[u8]) -> bool {
    let field = |at, number, endianness| Field {
        name: format!("f{at}"),
        at,
        number,
        endianness,
        kind: QuantityKind::Dimensionless,
        scale: 1.0,
        offset: 0.0,
    };
    let options = CobsBinaryOptions {
        frame_bytes_max: 32,
        checksum: Checksum::Crc16Modbus,
        checksum_endianness: Endianness::Little,
        fields: vec![
            field(0, NumberType::I16, Endianness::Big),
            field(2, NumberType::F32, Endianness::Little),
        ],
    };
    // The fuzzer is to get past the checksum, too: a tape that begins with 255 is one payload.
    let stuffed = bytes.split_first().filter(|(first, _)| **first == 255).map(|(_, payload)| {
        let mut frame = payload[..payload.len().min(40)].to_vec();
        frame.extend(crc16_modbus(&frame).to_le_bytes());
        tape(&[&[0], &stuff(&frame), &[0]])
    });
    let bytes = stuffed.as_deref().unwrap_or(bytes);
    listen(CobsBinary::new(Tape(bytes), options).expect("good options"), bytes)
}

pub(crate) fn frames() -> Vec<Vec<u8>> {
    let payload = [0x12, 0x34, 0, 0, 0x80, 0x3F];
    let mut frame = payload.to_vec();
    frame.extend(crc16_modbus(&frame).to_le_bytes());
    vec![[&[255], &payload[..]].concat(), tape(&[&[0], &stuff(&frame), &[0]])]
}

/// COBS without its end.
fn stuff(bytes: &[u8]) -> Vec<u8> {
    let run = |run: &[u8]| {
        let code = u8::try_from(run.len() + 1).unwrap();
        std::iter::once(code).chain(run.iter().copied()).collect::<Vec<_>>()
    };
    bytes.split(|&byte| byte == 0).flat_map(run).collect()
}

fn crc16_modbus(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte), |crc, _| (crc >> 1) ^ (0xA001 * (crc & 1)))
    })
}

/// A tape that begins with 255 is answers without their checksums.
pub(crate) fn modbus_rtu(bytes: &[u8]) -> bool {
    let register = |name: &str, table, address, holds| Register {
        name: name.to_owned(),
        table,
        address,
        holds,
        order: Order::BigSwapped,
        kind: QuantityKind::Dimensionless,
        scale: 1.0,
        offset: 0.0,
    };
    let options = ModbusRtuOptions {
        unit: 17,
        baud: 19_200,
        response_timeout: ModbusRtuOptions::RESPONSE_TIMEOUT,
        turnaround: Duration::ZERO,
        gap_max: 2,
        block_max: ModbusRtuOptions::BLOCK_MAX,
        registers: vec![
            register("coil", Table::Coil, 3, RegisterType::Bool),
            register("input", Table::Input, 10, RegisterType::Number(NumberType::F32)),
            register("bit", Table::Input, 13, RegisterType::Bit(5)),
        ],
    };
    let sealed = bytes.split_first().filter(|(first, _)| **first == 255).map(|(_, answers)| {
        let mut reads = Vec::new();
        let mut left = answers;
        while let Some((&len, rest)) = left.split_first() {
            let (answer, rest) = rest.split_at(usize::from(len).min(rest.len()).min(190));
            left = rest;
            let mut answer = answer.to_vec();
            answer.extend(crc16_modbus(&answer).to_le_bytes());
            reads.extend([Vec::new(), answer]);
        }
        tape(&reads.iter().map(Vec::as_slice).collect::<Vec<_>>())
    });
    let bytes = sealed.as_deref().unwrap_or(bytes);
    listen(ModbusRtu::new(Tape(bytes), options).expect("good options"), bytes)
}

pub(crate) fn answers() -> Vec<Vec<u8>> {
    let coil: &[u8] = &[17, 1, 1, 1];
    let input: &[u8] = &[17, 4, 8, 0, 0, 0x3F, 0x80, 0, 0, 0, 32];
    let refused: &[u8] = &[17, 0x84, 2];
    let sealed = |answers: &[&[u8]]| [&[255], &tape(answers)[..]].concat();
    vec![sealed(&[coil, input]), sealed(&[coil, refused])]
}
