use embedded_hal::i2c::{ErrorKind, NoAcknowledgeSource};
use embedded_hal_mock::eh1::{
    delay::NoopDelay,
    i2c::{Mock, Transaction},
    spi::{Mock as SpiMock, Transaction as SpiTransaction},
};

use ports::Device as _;

use super::*;
use crate::{
    registers::{OverI2c, OverSpi},
    scripted::Scripted,
};

const ADDRESS: u8 = 0x19;
const OPTIONS: AccelerometerOptions =
    AccelerometerOptions { full_scale_g: 4, data_rate_hertz: 400, fifo: false };
const CONTROL: [u8; 6] = [0x77, 0, 0, 0x98, 0, 0];

fn read(register: u8, bytes: &[u8]) -> Transaction {
    Transaction::write_read(ADDRESS, vec![register], bytes.to_vec())
}

/// Identity, control registers, flag and axes of a chip that is set up.
fn exchange(status: u8, axes: [u8; 6]) -> Vec<Transaction> {
    let [xl, xh, yl, yh, zl, zh] = axes;
    vec![read(0x0F, &[0x33]), read(0xA0, &CONTROL), read(0xA7, &[status, xl, xh, yl, yh, zl, zh])]
}

#[track_caller]
fn measure(exchange: &[Transaction]) -> Result<Vec<Result<f64, NoData>>, NoData> {
    let mut bus = Mock::new(exchange);
    let chip = OverI2c::new(Scripted(bus.clone()), ADDRESS, Duration::from_secs(1));
    let outcome = Lis3dh::new(chip, NoopDelay::new(), OPTIONS).unwrap().measure(Duration::ZERO);
    bus.done();
    let number = |(_, outcome): (usize, Result<domain::Quantity, NoData>)| {
        outcome.map(domain::Quantity::number)
    };
    Ok(outcome?.outcomes.into_iter().map(number).collect())
}

/// 0 g, 1 g and -1 g: 0, 500 and -500 counts of 2 mg, left-justified.
const STILL: [u8; 6] = [0x00, 0x00, 0x40, 0x1F, 0xC0, 0xE0];

#[test]
fn counts_become_metres_per_second_squared() {
    let found = measure(&exchange(0x0F, STILL));
    assert_eq!(found, Ok(vec![Ok(0.0), Ok(9.8067), Ok(-9.8067)]));
}

#[test]
fn counts_at_an_end_of_the_range_are_gaps_axis_by_axis() {
    let found = measure(&exchange(0x0F, [0xF0, 0x7F, 0, 0, 0, 0x80]));
    assert_eq!(found, Ok(vec![Err(NoData::Implausible), Ok(0.0), Err(NoData::Implausible)]));
}

#[test]
fn what_was_read_before_is_waited_past_and_never_told_again() {
    let mut script = exchange(0x07, STILL);
    script.push(read(0xA7, &[0x08, 0, 0, 0, 0, 0, 0]));
    assert_eq!(measure(&script), Ok(vec![Ok(0.0); 3]));
    script[3] = read(0xA7, &[0x00, 0, 0, 0, 0, 0, 0]);
    assert_eq!(measure(&script), Err(NoData::Timeout));
}

#[test]
fn a_chip_that_forgot_its_settings_gets_them_again_and_is_asked_whether_it_has_them() {
    let write = |register, byte| Transaction::write(ADDRESS, vec![register, byte]);
    let mut script = vec![read(0x0F, &[0x33]), read(0xA0, &[0x07, 0, 0, 0, 0, 0])];
    script.extend((0x20..=0x25).zip(CONTROL).rev().map(|(register, byte)| write(register, byte)));
    script.push(read(0xA0, &CONTROL));
    script.push(exchange(0x0F, STILL).remove(2));
    assert!(measure(&script).is_ok());
    script.truncate(8);
    script.push(read(0xA0, &[0x07, 0, 0, 0, 0, 0]));
    assert_eq!(measure(&script), Err(NoData::Corrupt));
}

#[test]
fn another_chip_at_the_address_is_not_written_to() {
    for identity in [0x00, 0x32, 0xFF] {
        assert_eq!(measure(&[read(0x0F, &[identity])]), Err(NoData::Corrupt));
    }
}

#[test]
fn every_bus_fault_has_its_reason_wherever_it_strikes() {
    for (fault, reason) in [
        (ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address), NoData::Absent),
        (ErrorKind::Overrun, NoData::Timeout),
    ] {
        for struck in 0..3 {
            let mut script = exchange(0x0F, STILL)[..=struck].to_vec();
            script[struck] = script[struck].clone().with_error(fault);
            assert_eq!(measure(&script), Err(reason), "{fault} in transaction {struck}");
        }
    }
}

#[test]
fn over_spi_the_address_says_read_and_burst_and_a_floating_line_is_an_absent_chip() {
    let frame = |command: u8, answer: Vec<u8>| {
        [
            SpiTransaction::transaction_start(),
            SpiTransaction::write_vec(vec![command]),
            SpiTransaction::read_vec(answer),
            SpiTransaction::transaction_end(),
        ]
    };
    let measure = |script: &[SpiTransaction<u8>]| {
        let mut bus = SpiMock::new(script);
        let chip = OverSpi::new(Scripted(bus.clone()), 1_000_000);
        let outcome = Lis3dh::new(chip, NoopDelay::new(), OPTIONS).unwrap().measure(Duration::ZERO);
        bus.done();
        outcome.map(|measurement| measurement.outcomes.len())
    };
    let good = [
        frame(0x8F, vec![0x33]),
        frame(0xE0, CONTROL.to_vec()),
        frame(0xE7, vec![0x08, 0, 0, 0, 0, 0, 0]),
    ];
    assert_eq!(measure(&good.concat()), Ok(3));
    assert_eq!(measure(&frame(0x8F, vec![0xFF])), Err(NoData::Absent));
    assert_eq!(measure(&frame(0x8F, vec![0x00])), Err(NoData::Corrupt));
}

#[test]
fn a_setting_that_the_chip_does_not_have_is_refused() {
    let options = AccelerometerOptions { full_scale_g: 3, ..OPTIONS };
    let refused = Lis3dh::new((), (), options).unwrap_err();
    assert_eq!(refused.to_string(), "full_scale_g: cannot be 3");
    assert!(Lis3dh::new((), (), AccelerometerOptions { data_rate_hertz: 1, ..OPTIONS }).is_err());
}

#[test]
fn a_fifo_is_emptied_in_one_burst_and_believed_if_the_settings_are_right_after_it() {
    let control = [0x77, 0, 0, 0x98, 0x40, 0];
    let settings = [read(0xA0, &control), read(0x2E, &[0x80])];
    let mut script = vec![read(0x0F, &[0x33])];
    script.extend(settings.clone());
    script.push(read(0x2F, &[0x02]));
    script.push(read(0xA8, &[[0; 6], STILL].concat()));
    script.extend(settings);
    let mut script = [script.clone(), script].concat();
    let last = script.len() - 1;
    script[last] = read(0x2E, &[0x00]);
    let mut bus = Mock::new(&script);
    let chip = OverI2c::new(Scripted(bus.clone()), ADDRESS, Duration::from_secs(1));
    let options = AccelerometerOptions { fifo: true, ..OPTIONS };
    let mut device = Lis3dh::new(chip, NoopDelay::new(), options).unwrap();
    let newest = device.measure(Duration::ZERO).unwrap();
    // 36 bytes and two samples of six, at 100 kHz; a sample before that, one period of 400 Hz.
    let read = Duration::from_micros(48 * 90);
    assert_eq!(newest.age, read);
    let ages: Vec<_> = device.earlier().iter().map(|earlier| earlier.age).collect();
    assert_eq!(ages, [read + Duration::from_micros(2_500)]);
    assert!(device.earlier().is_empty(), "they are handed out once");
    assert_eq!(device.measure(Duration::ZERO), Err(NoData::Corrupt), "its supply failed");
    assert!(device.earlier().is_empty());
    bus.done();
}

#[test]
fn a_fifo_is_switched_on_when_the_first_sample_is_right() {
    let control = [0x77, 0, 0, 0x98, 0x40, 0];
    let write = |register, byte| Transaction::write(ADDRESS, vec![register, byte]);
    let mut script = vec![read(0x0F, &[0x33]), read(0xA0, &control), read(0x2E, &[0x00])];
    script.push(write(0x2E, 0x00));
    script.extend((0x20..=0x25).zip(control).rev().map(|(register, byte)| write(register, byte)));
    script.push(write(0x2E, 0x80));
    script.extend([read(0xA0, &control), read(0x2E, &[0x80])]);
    // Empty twice, a period apart: it does not sample.
    script.extend([read(0x2F, &[0x20]), read(0x2F, &[0x20])]);
    let mut bus = Mock::new(&script);
    let chip = OverI2c::new(Scripted(bus.clone()), ADDRESS, Duration::from_secs(1));
    let options = AccelerometerOptions { fifo: true, ..OPTIONS };
    let mut device = Lis3dh::new(chip, NoopDelay::new(), options).unwrap();
    assert_eq!(device.measure(Duration::ZERO), Err(NoData::Timeout));
    bus.done();
}
