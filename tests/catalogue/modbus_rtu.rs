//! Modbus slaves through their driver, on virtual time: every type over its range, and every fault.

use std::time::Duration;

use domain::{Monotonic, NoData, Quantity, QuantityKind, Timestamp, WallTime};
use ports::{Device as _, FrameCount};
use sensors::{ModbusRtu, ModbusRtuOptions, NumberType, Order, Register, RegisterType, Table};
use sim::{
    serial::{MemoryLine, ModbusSlave, SlaveFault, Space},
    time::VirtualClock,
};

const RESPONSE_TIMEOUT: Duration = Duration::from_millis(100);

fn clock() -> VirtualClock {
    let start = Timestamp::new(WallTime::from_nanos(0), Monotonic::from_nanos(0));
    VirtualClock::starting_at(start)
}

fn register(address: u16, number: NumberType, order: Order) -> Register {
    Register {
        name: format!("at_{address}"),
        table: Table::Input,
        address,
        holds: RegisterType::Number(number),
        order,
        kind: QuantityKind::Dimensionless,
        scale: 1.0,
        offset: 0.0,
    }
}

fn device(line: &MemoryLine, unit: u8, registers: Vec<Register>) -> ModbusRtu<MemoryLine> {
    let options = ModbusRtuOptions {
        unit,
        baud: 9_600,
        response_timeout: RESPONSE_TIMEOUT,
        turnaround: Duration::ZERO,
        gap_max: 0,
        block_max: ModbusRtuOptions::BLOCK_MAX,
        registers,
    };
    ModbusRtu::new(line.clone(), options).unwrap()
}

type Values = Vec<Result<f64, NoData>>;

fn ask(device: &mut ModbusRtu<MemoryLine>) -> Result<Values, NoData> {
    let outcomes = device.measure(Duration::ZERO)?.outcomes;
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome.map(Quantity::number)).collect())
}

/// The registers that hold these bytes, most significant first, in an order.
fn words(bytes: &[u8], order: Order) -> Vec<u16> {
    let mut words: Vec<u16> =
        bytes.chunks(2).map(|pair| u16::from(pair[0]) << 8 | u16::from(pair[1])).collect();
    if matches!(order, Order::Little | Order::BigSwapped) {
        words.reverse();
    }
    if matches!(order, Order::Little | Order::LittleSwapped) {
        for word in &mut words {
            *word = word.swap_bytes();
        }
    }
    words
}

#[test]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a double is what arrives, and a single what is sent"
)]
fn every_type_arrives_over_its_range_in_every_order() {
    let line = MemoryLine::new(&clock());
    let slave = ModbusSlave::new(17);
    line.attach(slave.clone());
    for &(_, order) in Order::NAMES {
        for step in 0..=64_i64 {
            // From the lowest number to the highest.
            let (wide, part) =
                ((step - 32) * (i64::MAX / 32), f64::from(i32::try_from(step).unwrap()));
            let (float, double) = ((part - 32.0) * 1e15, (part - 32.0) * 1e298);
            let [word, dword] = [wide >> 48, wide >> 32];
            let single = float as f32;
            let cases: [(NumberType, Vec<u8>, f64); 5] = [
                (NumberType::I16, word.to_be_bytes()[6..].to_vec(), word as f64),
                (NumberType::I32, dword.to_be_bytes()[4..].to_vec(), dword as f64),
                (NumberType::I64, wide.to_be_bytes().to_vec(), wide as f64),
                (NumberType::F32, single.to_be_bytes().to_vec(), f64::from(single)),
                (NumberType::F64, double.to_be_bytes().to_vec(), double),
            ];
            let mut registers = Vec::new();
            let mut address = 100;
            for (number, bytes, _) in &cases {
                slave.set(Space::Input, address, &words(bytes, order));
                registers.push(register(address, *number, order));
                address += u16::try_from(bytes.len() / 2).unwrap();
            }
            let expected = cases.into_iter().map(|(_, _, expected)| Ok(expected)).collect();
            assert_eq!(ask(&mut device(&line, 17, registers)), Ok(expected), "{order:?} {step}");
        }
    }
    assert_eq!(slave.requests(), 4 * 65, "neighbours share a request");
}

#[test]
fn each_fault_is_a_gap_with_its_reason_and_the_next_answer_is_read() {
    let clock = clock();
    let line = MemoryLine::new(&clock);
    let slave = ModbusSlave::new(17);
    line.attach(slave.clone());
    slave.set(Space::Input, 0, &[7]);
    let mut device = device(&line, 17, vec![register(0, NumberType::U16, Order::Big)]);
    let mut expected = FrameCount::default();
    for (fault, outcome, ignored, corrupt) in [
        (SlaveFault::Exception(4), Ok(vec![Err(NoData::NotReady)]), 1, 0),
        (SlaveFault::Silence, Err(NoData::Timeout), 0, 0),
        (SlaveFault::WrongCrc, Err(NoData::Corrupt), 0, 1),
        (SlaveFault::Truncated(6), Err(NoData::Corrupt), 0, 1),
        (SlaveFault::Late(RESPONSE_TIMEOUT * 2), Err(NoData::Timeout), 1, 0),
        (SlaveFault::Echo, Ok(vec![Ok(7.0)]), 1, 0),
        (SlaveFault::Split(Duration::from_millis(1)), Ok(vec![Ok(7.0)]), 0, 0),
    ] {
        slave.fail_once(fault.clone());
        expected.measured += 1 + u64::from(outcome == Ok(vec![Ok(7.0)]));
        expected.ignored += ignored;
        expected.corrupt += corrupt;
        assert_eq!(ask(&mut device), outcome, "{fault:?}");
        clock.advance(RESPONSE_TIMEOUT * 10);
        assert_eq!(ask(&mut device), Ok(vec![Ok(7.0)]), "after {fault:?}");
        assert_eq!(device.frames(), expected, "{fault:?}");
    }
}

#[test]
fn an_adapter_that_hears_itself_is_no_obstacle() {
    let line = MemoryLine::new(&clock());
    line.set_echo(true);
    let slave = ModbusSlave::new(17);
    line.attach(slave.clone());
    slave.set(Space::Input, 0, &[7]);
    let mut device = device(&line, 17, vec![register(0, NumberType::U16, Order::Big)]);
    for n in 1..5 {
        assert_eq!(ask(&mut device), Ok(vec![Ok(7.0)]));
        assert_eq!(device.frames(), FrameCount { measured: n, ignored: n, corrupt: 0 });
    }
}

#[test]
fn an_absent_slave_times_out_within_its_worst_case_and_a_pulled_line_repeats_nothing() {
    let clock = clock();
    let line = MemoryLine::new(&clock);
    let slave = ModbusSlave::new(17);
    slave.set(Space::Input, 0, &[7]);
    let registers = || vec![register(0, NumberType::U16, Order::Big)];
    let (mut device, mut absent) = (device(&line, 17, registers()), device(&line, 18, registers()));
    line.attach(slave);
    let began = clock.elapsed().now();
    assert_eq!(ask(&mut absent), Err(NoData::Timeout));
    assert!(clock.elapsed().now().saturating_sub(began) <= absent.worst_case());
    for _ in 0..2 {
        let began = clock.elapsed().now();
        assert_eq!(ask(&mut device), Ok(vec![Ok(7.0)]));
        assert!(clock.elapsed().now().saturating_sub(began) <= RESPONSE_TIMEOUT);
        line.unplug();
        assert_eq!(ask(&mut device), Err(NoData::Absent));
        line.replug();
    }
}
