//! Slaves and speaking devices at the far end of a real pseudo-terminal, each with everything that it can
//! do wrong: what is refused is counted, and the next good frame is read.
#![expect(clippy::unwrap_used, reason = "what cannot be opened or written here fails the test")]

use core::time::Duration;
use std::{os::unix::fs::symlink, path::Path};

use bus_linux::{SharedTty, Tty, TtySettings};
use domain::{NoData, Quantity, QuantityKind};
use ports::{Device, FrameCount};
use sensors::{
    Checksum, CobsBinary, CobsBinaryOptions, Endianness, Field, ModbusRtu, ModbusRtuOptions,
    NumberType, Order, Pms7003, Register, RegisterType, Table,
};
use sim::{
    serial::{CobsCrc, ModbusSlave, SlaveFault, Space, cobs_frame},
    tty::{Attendant, Pty},
};

/// Waited out by the faults that end in silence.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(250);
/// Far more than any test takes: it is never waited out.
const LONG: Duration = Duration::from_secs(60);

const FAST: TtySettings = TtySettings {
    baud: 115_200,
    parity: bus_linux::Parity::None,
    data_bits: bus_linux::DataBits::Eight,
    stop_bits: bus_linux::StopBits::One,
    rs485: None,
    has_echo: false,
};

fn meter(unit: u8, line: &SharedTty) -> ModbusRtu<SharedTty> {
    let register = |name: &str, address, number, kind, scale| Register {
        name: name.to_owned(),
        table: Table::Holding,
        address,
        holds: RegisterType::Number(number),
        order: Order::BigSwapped,
        kind,
        scale,
        offset: 0.0,
    };
    let registers = vec![
        register("voltage", 10, NumberType::U16, QuantityKind::Voltage, 0.1),
        register("power", 11, NumberType::F32, QuantityKind::Power, 1.0),
    ];
    let options = ModbusRtuOptions {
        unit,
        baud: FAST.baud,
        response_timeout: RESPONSE_TIMEOUT,
        turnaround: Duration::ZERO,
        gap_max: 0,
        block_max: ModbusRtuOptions::BLOCK_MAX,
        registers,
    };
    ModbusRtu::new(line.clone(), options).unwrap()
}

/// Three registers: tenths of a volt, and a power in swapped words.
fn slave(unit: u8, decivolts: u16) -> ModbusSlave {
    let slave = ModbusSlave::new(unit);
    slave.set(Space::Holding, 10, &[decivolts, 0x4000, 0x44BB]); // 1498 W
    slave
}

fn attend(line: &Pty, slaves: &[&ModbusSlave]) -> Attendant {
    let devices = slaves.iter().map(|&slave| Box::new(slave.clone()) as _).collect();
    line.attach(devices).unwrap()
}

fn values(device: &mut impl Device) -> Result<Vec<f64>, NoData> {
    let outcomes = device.measure(Duration::ZERO)?.outcomes;
    outcomes.into_iter().map(|(_, outcome)| outcome.map(Quantity::number)).collect()
}

#[test]
fn slaves_share_a_line_and_each_answers_for_itself() {
    let line = Pty::open().unwrap();
    let (first, second) = (slave(1, 2_300), slave(247, 2_315));
    let _attendant = attend(&line, &[&first, &second]);
    let tty = SharedTty::new(Tty::new(line.terminal().unwrap(), FAST));
    let (mut one, mut other, mut missing) = (meter(1, &tty), meter(247, &tty), meter(9, &tty));
    for _ in 0..3 {
        assert_eq!(values(&mut one), Ok(vec![230.0, 1_498.0]));
        assert_eq!(values(&mut other), Ok(vec![231.5, 1_498.0]));
    }
    assert_eq!(values(&mut missing), Err(NoData::Timeout));
    assert_eq!(values(&mut one), Ok(vec![230.0, 1_498.0]));
    assert_eq!((first.requests(), second.requests()), (4, 3), "neighbours came in one request");
}

#[test]
fn each_fault_is_refused_and_counted_and_the_next_answer_is_read() {
    let line = Pty::open().unwrap();
    let slave = slave(1, 2_300);
    let _attendant = attend(&line, &[&slave]);
    let tty = SharedTty::new(Tty::new(line.terminal().unwrap(), FAST));
    let good = Ok(vec![230.0, 1_498.0]);
    // What the faulty one gives, then what both together count besides one good frame.
    for (fault, expected, ignored, corrupt) in [
        (SlaveFault::Exception(2), Err(NoData::Absent), 1, 0),
        (SlaveFault::Exception(6), Err(NoData::NotReady), 1, 0),
        (SlaveFault::Silence, Err(NoData::Timeout), 0, 0),
        (SlaveFault::WrongCrc, Err(NoData::Corrupt), 0, 1),
        (SlaveFault::Truncated(4), Err(NoData::Corrupt), 0, 1),
        (SlaveFault::Split(Duration::from_millis(2)), good.clone(), 0, 0),
        (SlaveFault::Echo, good.clone(), 1, 0),
        (SlaveFault::Behind(b"\x00\xFF".to_vec()), good.clone(), 0, 1),
        (SlaveFault::Behind(b"\x01\x03\x06\x00".to_vec()), good.clone(), 0, 1),
        (SlaveFault::Late(Duration::from_millis(50)), good.clone(), 0, 0),
    ] {
        let mut device = meter(1, &tty);
        slave.fail_once(fault.clone());
        assert_eq!(values(&mut device), expected, "{fault:?}");
        assert_eq!(values(&mut device), good, "after {fault:?}");
        let measured = if expected.is_ok() { 2 } else { 1 };
        assert_eq!(device.frames(), FrameCount { measured, ignored, corrupt }, "{fault:?}");
    }
}

#[test]
fn an_answer_that_comes_after_its_time_is_not_that_of_the_next_request() {
    let line = Pty::open().unwrap();
    let slave = slave(1, 2_300);
    let _attendant = attend(&line, &[&slave]);
    let tty = SharedTty::new(Tty::new(line.terminal().unwrap(), FAST));
    let (mut device, mut nobody) = (meter(1, &tty), meter(2, &tty));
    slave.fail_once(SlaveFault::Late(RESPONSE_TIMEOUT * 3 / 2));
    assert_eq!(values(&mut device), Err(NoData::Timeout));
    slave.set(Space::Holding, 10, &[1_000]);
    // It falls into the wait for another unit.
    assert_eq!(values(&mut nobody), Err(NoData::Timeout));
    assert_eq!(nobody.frames(), FrameCount { ignored: 1, ..FrameCount::default() });
    assert_eq!(values(&mut device), Ok(vec![100.0, 1_498.0]));
}

#[test]
fn a_line_pulled_and_put_back_works_again_with_the_same_devices() {
    let folder = tempfile::tempdir().unwrap();
    let by_id = folder.path().join("usb-FTDI_FT232R-if00-port0");
    let line = Pty::open().unwrap();
    let slave = slave(1, 2_300);
    let _attendant = attend(&line, &[&slave]);
    let tty = SharedTty::new(Tty::new(&by_id, FAST));
    let mut device = meter(1, &tty);
    assert_eq!(values(&mut device), Err(NoData::Absent));
    for _ in 0..2 {
        plug(&line, &by_id);
        assert_eq!(values(&mut device), Ok(vec![230.0, 1_498.0]));
        line.unplug();
        std::fs::remove_file(&by_id).unwrap();
        assert_eq!(values(&mut device), Err(NoData::Absent), "nothing stale");
        line.replug().unwrap();
    }
}

fn plug(line: &Pty, by_id: &Path) {
    symlink(line.terminal().unwrap(), by_id).unwrap();
}

#[test]
fn a_pms7003_is_heard_through_noise() {
    let line = Pty::open().unwrap();
    let sensor = sim::chips::Pms7003::new(|at| [1.0, 2.0, at.as_secs_f64()]);
    let frame = move |n: u64| match n % 3 {
        0 => b"\x42\x4D\x00noise".to_vec(),
        1 => {
            let mut damaged = sensor.frame(Duration::from_secs(n));
            damaged[20] ^= 4;
            damaged
        }
        _ => sensor.frame(Duration::from_secs(n)),
    };
    let mut device = Pms7003::new(Tty::new(line.terminal().unwrap(), TtySettings::default()));
    assert_eq!(device.measure(Duration::ZERO), Err(NoData::Silent));
    let _player = line.play(Duration::ZERO, (2..99).map(frame)).unwrap();
    for n in (2..99).step_by(3) {
        let outcomes = device.measure(LONG).unwrap().outcomes;
        assert_eq!(outcomes[2].1.map(Quantity::number), Ok(f64::from(n)));
    }
    assert_eq!(device.frames(), FrameCount { measured: 33, ignored: 0, corrupt: 64 });
}

#[test]
fn cobs_frames_are_heard_through_noise() {
    let line = Pty::open().unwrap();
    let field = Field {
        name: "level".to_owned(),
        at: 2,
        number: NumberType::U32,
        endianness: Endianness::Little,
        kind: QuantityKind::Dimensionless,
        scale: 1.0,
        offset: 0.0,
    };
    let options = CobsBinaryOptions {
        frame_bytes_max: 64,
        checksum: Checksum::Crc32,
        checksum_endianness: Endianness::Little,
        fields: vec![field],
    };
    let terminal = Tty::new(line.terminal().unwrap(), TtySettings::default());
    let mut device = CobsBinary::new(terminal, options).unwrap();
    assert_eq!(device.measure(Duration::ZERO), Err(NoData::Silent));
    let frame = |n: u32| {
        let mut sent = cobs_frame(&[&[0, 1][..], &n.to_le_bytes()].concat(), CobsCrc::Crc32);
        if n % 2 == 1 {
            sent[4] ^= 0x20;
        }
        sent
    };
    let _player =
        line.play(Duration::ZERO, [vec![0]].into_iter().chain((0..60).map(frame))).unwrap();
    for n in (0..60).step_by(2) {
        let outcomes = device.measure(LONG).unwrap().outcomes;
        assert_eq!(outcomes[0].1.map(Quantity::number), Ok(f64::from(n)));
    }
    assert_eq!(device.frames(), FrameCount { measured: 30, ignored: 0, corrupt: 29 });
}
