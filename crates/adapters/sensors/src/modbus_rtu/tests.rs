use domain::{Quantity, QuantityKind};
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    checksum::crc16_modbus,
    number::NumberType,
    scripted::{Line, Utterance},
};

const NOW: Duration = Duration::ZERO;

fn register(table: Table, address: u16, holds: RegisterType) -> Register {
    Register {
        name: format!("at_{address}"),
        table,
        address,
        holds,
        order: Order::Big,
        kind: QuantityKind::Dimensionless,
        scale: 1.0,
        offset: 0.0,
    }
}

fn holding(address: u16, number: NumberType, order: Order) -> Register {
    Register { order, ..register(Table::Holding, address, RegisterType::Number(number)) }
}

fn asking(registers: Vec<Register>) -> ModbusRtuOptions {
    ModbusRtuOptions {
        unit: 0x11,
        baud: 19_200,
        response_timeout: Duration::from_millis(200),
        turnaround: NOW,
        gap_max: 0,
        block_max: ModbusRtuOptions::BLOCK_MAX,
        registers,
    }
}

fn word() -> ModbusRtuOptions {
    asking(vec![holding(0x6B, NumberType::U16, Order::Big)])
}

fn with_crc(body: &[u8]) -> Vec<u8> {
    [body, &crc16_modbus(body).to_le_bytes()].concat()
}

#[expect(clippy::unnecessary_wraps, reason = "faults stand beside it in scripts")]
fn said(bytes: &[u8]) -> Utterance {
    Ok((Duration::from_millis(1), bytes.to_vec()))
}

/// The answer to [`word`] that says `number`.
fn answer(number: u16) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    with_crc(&[0x11, 3, 2, high, low])
}

type Values = Vec<Result<f64, NoData>>;

fn values(measurement: Measurement) -> Values {
    let value = |(_, outcome): (usize, Result<Quantity, _>)| outcome.map(Quantity::number);
    measurement.outcomes.into_iter().map(value).collect()
}

/// Asks once a slave that answers with `utterances`.
fn ask(
    options: ModbusRtuOptions,
    utterances: Vec<Utterance>,
) -> (Result<Values, NoData>, FrameCount) {
    let mut answers = Some(utterances);
    let line = Line::to(move |_: &[u8]| answers.take().unwrap_or_default());
    let mut device = ModbusRtu::new(line, options).unwrap();
    let outcome = device.measure(NOW).map(values);
    (outcome, device.frames())
}

#[test]
fn each_table_is_asked_by_its_function_as_the_standard_s_examples_have_it() {
    // V1.1b3, 6.1 to 6.4, to unit 0x11: addresses and counts of the published frames.
    for (table, address, count, request) in [
        (Table::Coil, 0x13, 0x25, &b"\x11\x01\x00\x13\x00\x25\x0E\x84"[..]),
        (Table::Discrete, 0xC4, 0x16, b"\x11\x02\x00\xC4\x00\x16\xBA\xA9"),
        (Table::Holding, 0x6B, 3, b"\x11\x03\x00\x6B\x00\x03\x76\x87"),
        (Table::Input, 0x08, 1, b"\x11\x04\x00\x08\x00\x01\xB2\x98"),
    ] {
        let registers = (0..count).map(|n| register(table, address + n, RegisterType::Bool));
        let mut device =
            ModbusRtu::new(Line::to(|_: &[u8]| Vec::new()), asking(registers.collect()));
        let device = device.as_mut().unwrap();
        assert_eq!(device.measure(NOW), Err(NoData::Timeout));
        assert_eq!(device.line.requests, [request], "{table:?}");
    }
}

#[test]
fn bits_are_counted_from_the_least_significant_one() {
    // The answer of V1.1b3, 6.1: coils 20 to 38.
    let registers = [0x13, 0x14, 0x15, 0x1B, 0x25];
    let registers = registers.map(|at| register(Table::Coil, at, RegisterType::Bool));
    let options = ModbusRtuOptions { gap_max: 1, ..asking(registers.to_vec()) };
    let (found, _) = ask(options, vec![said(&with_crc(&[0x11, 1, 3, 0xCD, 0x6B, 0x05]))]);
    assert_eq!(found, Ok(vec![Ok(1.0), Ok(0.0), Ok(1.0), Ok(1.0), Ok(1.0)]));
}

#[test]
fn every_type_is_read_in_every_order() {
    let orders = [Order::Big, Order::Little, Order::BigSwapped, Order::LittleSwapped];
    let cases: [(NumberType, f64, [&[u8]; 4]); 8] = [
        (NumberType::U16, 4_660.0, [b"\x12\x34", b"\x34\x12", b"\x12\x34", b"\x34\x12"]),
        (NumberType::I16, -2.0, [b"\xFF\xFE", b"\xFE\xFF", b"\xFF\xFE", b"\xFE\xFF"]),
        (
            NumberType::U32,
            2_882_343_476.0,
            [b"\xAB\xCD\x12\x34", b"\x34\x12\xCD\xAB", b"\x12\x34\xAB\xCD", b"\xCD\xAB\x34\x12"],
        ),
        (
            NumberType::I32,
            -65_534.0,
            [b"\xFF\xFF\x00\x02", b"\x02\x00\xFF\xFF", b"\x00\x02\xFF\xFF", b"\xFF\xFF\x02\x00"],
        ),
        (
            NumberType::F32,
            -12.5,
            [b"\xC1\x48\x00\x00", b"\x00\x00\x48\xC1", b"\x00\x00\xC1\x48", b"\x48\xC1\x00\x00"],
        ),
        (
            NumberType::U64,
            283_686_952_306_183.0,
            [
                b"\x00\x01\x02\x03\x04\x05\x06\x07",
                b"\x07\x06\x05\x04\x03\x02\x01\x00",
                b"\x06\x07\x04\x05\x02\x03\x00\x01",
                b"\x01\x00\x03\x02\x05\x04\x07\x06",
            ],
        ),
        (
            NumberType::I64,
            -72_057_594_037_927_936.0,
            [
                b"\xFF\x00\x00\x00\x00\x00\x00\x00",
                b"\x00\x00\x00\x00\x00\x00\x00\xFF",
                b"\x00\x00\x00\x00\x00\x00\xFF\x00",
                b"\x00\xFF\x00\x00\x00\x00\x00\x00",
            ],
        ),
        (
            NumberType::F64,
            1.5,
            [
                b"\x3F\xF8\x00\x00\x00\x00\x00\x00",
                b"\x00\x00\x00\x00\x00\x00\xF8\x3F",
                b"\x00\x00\x00\x00\x00\x00\x3F\xF8",
                b"\xF8\x3F\x00\x00\x00\x00\x00\x00",
            ],
        ),
    ];
    for (number, expected, wires) in cases {
        for (order, wire) in orders.into_iter().zip(wires) {
            let count = u8::try_from(wire.len()).unwrap();
            let frame = with_crc(&[&[0x11, 3, count], wire].concat());
            let (found, _) = ask(asking(vec![holding(0, number, order)]), vec![said(&frame)]);
            assert_eq!(found, Ok(vec![Ok(expected)]), "{number:?} {order:?}");
        }
    }
}

#[test]
fn a_register_is_scaled_split_into_bits_or_asked_whether_it_is_zero() {
    let scaled = Register {
        kind: QuantityKind::Temperature,
        scale: 0.1,
        offset: -40.0,
        ..holding(0, NumberType::U16, Order::Big)
    };
    let bit = |bit| register(Table::Holding, 0, RegisterType::Bit(bit));
    let any = register(Table::Holding, 0, RegisterType::Bool);
    let little = Register { order: Order::Little, ..bit(0) };
    let options = asking(vec![scaled, bit(0), bit(9), bit(15), any, little]);
    let (found, _) = ask(options, vec![said(&answer(0x0204))]);
    let found = found.unwrap();
    assert!((found[0].unwrap() - 11.6).abs() < 1e-9);
    assert_eq!(found[1..], [Ok(0.0), Ok(1.0), Ok(0.0), Ok(1.0), Ok(0.0)]);
}

#[test]
fn not_a_number_is_implausible_and_its_neighbours_stand() {
    let registers =
        vec![holding(0, NumberType::F32, Order::Big), holding(2, NumberType::F32, Order::Big)];
    for odd in [f32::NAN, f32::INFINITY] {
        let body = [&[0x11, 3, 8][..], &odd.to_be_bytes(), &2.5_f32.to_be_bytes()].concat();
        let (found, counted) = ask(asking(registers.clone()), vec![said(&with_crc(&body))]);
        assert_eq!(found, Ok(vec![Err(NoData::Implausible), Ok(2.5)]));
        assert_eq!(counted.measured, 1);
    }
}

#[test]
fn an_answer_split_at_any_byte_is_read_and_one_cut_there_is_not() {
    let whole = answer(0x1234);
    for at in 1..whole.len() {
        let (first, rest) = whole.split_at(at);
        let split = vec![said(first), said(rest)];
        assert_eq!(ask(word(), split).0, Ok(vec![Ok(4_660.0)]), "split at {at}");
        let (found, counted) = ask(word(), vec![said(first)]);
        assert_eq!(found, Err(NoData::Corrupt), "cut at {at}");
        assert_eq!(counted, FrameCount { corrupt: 1, ..FrameCount::default() });
    }
}

#[test]
fn a_damaged_answer_is_refused_wherever_the_damage_is() {
    for at in 0..7 {
        for bit in 0..8 {
            let mut damaged = answer(0x1234);
            damaged[at] ^= 1 << bit;
            let (found, counted) = ask(word(), vec![said(&damaged)]);
            assert_eq!(found, Err(NoData::Corrupt), "byte {at} bit {bit}");
            assert_eq!((counted.measured, counted.ignored), (0, 0), "byte {at} bit {bit}");
            assert!(counted.corrupt >= 1);
        }
    }
}

#[test]
fn frames_of_others_are_ignored_and_ours_behind_them_is_read() {
    let echo = Request::new(0x11, &blocks::plan(&word().registers, 0, 125)[0]).bytes().to_vec();
    for (before, ignored, corrupt) in [
        (echo, 1, 0),
        (with_crc(&[0x12, 3, 2, 9, 9]), 1, 0),
        (with_crc(&[0x11, 4, 2, 9, 9]), 1, 0),
        (with_crc(&[0x11, 3, 4, 9, 9, 9, 9]), 1, 0),
        (with_crc(&[0x12, 0x83, 2]), 1, 0),
        (vec![0xFF, 0x00, 0x11, 0x03, 0x02], 0, 1),
    ] {
        let expected = FrameCount { measured: 1, ignored, corrupt };
        let (found, counted) = ask(word(), vec![said(&before), said(&answer(7))]);
        assert_eq!((found, counted), (Ok(vec![Ok(7.0)]), expected), "{before:02X?}");
        let (found, counted) = ask(word(), vec![said(&before)]);
        let alone = if corrupt > 0 { NoData::Corrupt } else { NoData::Timeout };
        assert_eq!(found, Err(alone), "{before:02X?}");
        assert_eq!(counted, FrameCount { measured: 0, ..expected }, "{before:02X?}");
    }
}

#[test]
fn each_exception_has_its_reason_and_is_counted() {
    for (code, reason) in [
        (1, NoData::Absent),
        (2, NoData::Absent),
        (3, NoData::Absent),
        (4, NoData::NotReady),
        (5, NoData::NotReady),
        (6, NoData::NotReady),
        (7, NoData::NotReady),
        (8, NoData::Corrupt),
        (10, NoData::BusFault),
        (11, NoData::Timeout),
        (99, NoData::Corrupt),
    ] {
        let (found, counted) = ask(word(), vec![said(&with_crc(&[0x11, 0x83, code]))]);
        assert_eq!(found, Ok(vec![Err(reason)]), "exception {code}");
        assert_eq!(counted, FrameCount { ignored: 1, ..FrameCount::default() });
    }
}

#[test]
fn a_refused_block_costs_only_its_own_sensors_and_silence_ends_the_measurement() {
    let registers = [5, 50, 500].map(|at| holding(at, NumberType::U16, Order::Big)).to_vec();
    let ask = |second: Vec<Utterance>| {
        let mut answers = vec![vec![said(&answer(3))], second, vec![said(&answer(1))]];
        let line = Line::to(move |_: &[u8]| answers.pop().unwrap_or_default());
        let mut device = ModbusRtu::new(line, asking(registers.clone())).unwrap();
        (device.measure(NOW).map(values), device.line.requests.len())
    };
    let (refused, requests) = ask(vec![said(&with_crc(&[0x11, 0x83, 2]))]);
    assert_eq!(refused, Ok(vec![Ok(1.0), Err(NoData::Absent), Ok(3.0)]));
    assert_eq!(requests, 3);
    let (silent, requests) = ask(Vec::new());
    assert_eq!(silent, Ok(vec![Ok(1.0), Err(NoData::Timeout), Err(NoData::Timeout)]));
    assert_eq!(requests, 2, "a slave that is gone is not asked again");
}

#[test]
fn a_late_answer_is_counted_and_never_taken_for_the_next_one() {
    let mut answers = vec![vec![said(&answer(2))], vec![Ok((Duration::from_secs(1), answer(1)))]];
    let line = Line::to(move |_: &[u8]| answers.pop().unwrap_or_default());
    let mut device = ModbusRtu::new(line, word()).unwrap();
    assert_eq!(device.measure(NOW), Err(NoData::Timeout));
    // It comes before the next request is due.
    if let Some(Ok((pause, _))) = device.line.coming.front_mut() {
        *pause = NOW;
    }
    assert_eq!(device.measure(NOW).map(values), Ok(vec![Ok(2.0)]));
    assert_eq!(device.frames(), FrameCount { measured: 1, ignored: 1, corrupt: 0 });
}

#[test]
fn a_line_that_never_falls_silent_is_a_fault_and_is_not_spoken_on() {
    let line = Line::to(|_: &[u8]| Vec::new());
    let mut device = ModbusRtu::new(line, word()).unwrap();
    device.line.coming.extend((0..10_000).map(|_| Ok((Duration::from_millis(1), vec![0x55]))));
    assert_eq!(device.measure(NOW), Err(NoData::BusFault));
    assert_eq!(device.frames().corrupt, 1);
    assert_eq!(device.line.requests.len(), 0);
}

#[test]
fn a_fault_of_the_line_comes_through_and_the_device_works_afterwards() {
    let mut answers =
        vec![vec![said(&answer(5))], vec![said(&answer(4)[..3]), Err(NoData::Absent)]];
    let line = Line::to(move |_: &[u8]| answers.pop().unwrap_or_default());
    let mut device = ModbusRtu::new(line, word()).unwrap();
    assert_eq!(device.measure(NOW), Err(NoData::Absent));
    assert_eq!(device.measure(NOW).map(values), Ok(vec![Ok(5.0)]));
    assert_eq!(device.frames(), FrameCount { measured: 1, ignored: 0, corrupt: 1 });
}

#[test]
fn times_are_those_of_the_standard() {
    let of = |baud, turnaround| {
        let options = ModbusRtuOptions { baud, turnaround, ..word() };
        ModbusRtu::new(Line::to(|_: &[u8]| Vec::new()), options).unwrap()
    };
    // 3.5 characters of 11 bits.
    assert_eq!(of(9_600, NOW).silence().as_micros(), 4_010);
    assert_eq!(of(115_200, NOW).silence().as_micros(), 1_750);
    assert_eq!(of(9_600, Duration::from_millis(20)).silence().as_millis(), 20);
    // 15 characters and one silence.
    let device = of(9_600, NOW);
    assert_eq!(device.time_on_bus().as_millis(), 4 + 17);
    assert!(device.worst_case() > device.time_on_bus() + Duration::from_millis(200));
}

#[test]
fn options_that_make_no_device_are_refused() {
    let refused = |options| ModbusRtu::new(Line::to(|_: &[u8]| Vec::new()), options).err();
    for unit in [0, 248] {
        let options = ModbusRtuOptions { unit, ..word() };
        assert_eq!(refused(options), Some(BadOptions::Unit { unit }));
    }
    for registers in [0, 126] {
        let options = ModbusRtuOptions { block_max: registers, ..word() };
        assert_eq!(refused(options), Some(BadOptions::Block { registers }));
    }
    assert_eq!(refused(ModbusRtuOptions { baud: 0, ..word() }), Some(BadOptions::Baud));
    assert_eq!(refused(asking(Vec::new())), Some(BadOptions::NoSensors));
    for impossible in [
        holding(0xFFFF, NumberType::U32, Order::Big),
        holding(1, NumberType::U8, Order::Big),
        register(Table::Coil, 1, RegisterType::Number(NumberType::U16)),
        register(Table::Discrete, 1, RegisterType::Bit(0)),
        register(Table::Input, 1, RegisterType::Bit(16)),
    ] {
        let address = impossible.address;
        assert_eq!(refused(asking(vec![impossible])), Some(BadOptions::Register { address }));
    }
    assert_eq!(refused(asking(vec![holding(0xFFFF, NumberType::U16, Order::Big)])), None);
}

proptest! {
    /// Whatever is heard: no panic, a measurement only if a sound answer is in it, and then its number;
    /// and the next exchange works.
    #[test]
    fn no_soup_measures_unless_a_sound_answer_is_in_it_and_the_next_answer_is_read(
        soup in vec(prop_oneof![
            vec(any::<u8>(), 0..40),
            Just(vec![0x11, 3, 2]),
            (any::<u16>(), 0_usize..7, any::<u8>()).prop_map(|(number, at, flip)| {
                let mut frame = answer(number);
                frame[at] ^= flip;
                frame
            }),
            (1_u8..20, any::<u8>()).prop_map(|(unit, code)| with_crc(&[unit, 0x83, code])),
        ], 0..6),
    ) {
        let all = soup.concat();
        let sound: Vec<f64> = all
            .windows(7)
            .filter(|w| w.starts_with(&[0x11, 3, 2]) && with_crc(&w[..5]) == *w)
            .map(|w| f64::from(w[3]) * 256.0 + f64::from(w[4]))
            .collect();
        let mut answers = vec![vec![said(&answer(42))], soup.iter().map(|one| said(one)).collect()];
        answers[1].retain(|one: &Utterance| one.as_ref().is_ok_and(|(_, bytes)| !bytes.is_empty()));
        let line = Line::to(move |_: &[u8]| answers.pop().unwrap_or_default());
        let mut device = ModbusRtu::new(line, word()).unwrap();
        if let Ok(measurement) = device.measure(NOW) {
            for value in values(measurement).into_iter().flatten() {
                prop_assert!(sound.contains(&value), "{value} is not among {sound:?}");
            }
        }
        prop_assert_eq!(device.measure(NOW).map(values), Ok(vec![Ok(42.0)]));
    }

    /// Unasked bytes in front of a request change nothing but the counts.
    #[test]
    fn what_is_heard_before_the_request_is_never_believed(soup in vec(any::<u8>(), 1..200)) {
        let line = Line::to(|_: &[u8]| vec![said(&answer(1))]);
        let mut device = ModbusRtu::new(line, word()).unwrap();
        device.line.coming.push_back(Ok((NOW, [soup, answer(9)].concat())));
        prop_assert_eq!(device.measure(NOW).map(values), Ok(vec![Ok(1.0)]));
        let FrameCount { measured, ignored, corrupt } = device.frames();
        prop_assert!(measured == 1 && ignored + corrupt >= 1);
    }
}
