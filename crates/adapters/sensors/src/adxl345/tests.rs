use embedded_hal_mock::eh1::{
    delay::NoopDelay,
    i2c::{Mock, Transaction},
};

use ports::Device as _;

use super::*;
use crate::{registers::OverI2c, scripted::Scripted};

const ADDRESS: u8 = 0x53;
const OPTIONS: AccelerometerOptions =
    AccelerometerOptions { full_scale_g: 4, data_rate_hertz: 100, fifo: false };
const FORMAT: u8 = 0x09;

fn read(register: u8, bytes: &[u8]) -> Transaction {
    Transaction::write_read(ADDRESS, vec![register], bytes.to_vec())
}

fn write(register: u8, byte: u8) -> Transaction {
    Transaction::write(ADDRESS, vec![register, byte])
}

fn settings(rate: u8, power: u8, format: u8, fifo: u8) -> [Transaction; 3] {
    [read(0x2C, &[rate, power]), read(0x31, &[format]), read(0x38, &[fifo])]
}

fn axes(flags: u8, format: u8, axes: [i16; 3]) -> Transaction {
    let bytes = axes.map(i16::to_le_bytes).concat();
    read(0x30, &[&[flags, format], &bytes[..]].concat())
}

fn exchange(last: Transaction) -> Vec<Transaction> {
    let mut script = vec![read(0x00, &[0xE5])];
    script.extend(settings(0x0A, 0x08, FORMAT, 0));
    script.push(last);
    script
}

#[track_caller]
fn measure(exchange: &[Transaction]) -> Result<Vec<Result<f64, NoData>>, NoData> {
    let mut bus = Mock::new(exchange);
    let chip = OverI2c::new(Scripted(bus.clone()), ADDRESS, Duration::from_secs(1));
    let outcome = Adxl345::new(chip, NoopDelay::new(), OPTIONS).unwrap().measure(Duration::ZERO);
    bus.done();
    let number = |(_, outcome): (usize, Result<domain::Quantity, NoData>)| {
        outcome.map(domain::Quantity::number)
    };
    Ok(outcome?.outcomes.into_iter().map(number).collect())
}

#[test]
fn counts_become_metres_per_second_squared() {
    let found = measure(&exchange(axes(0x83, FORMAT, [0, 256, -256])));
    assert_eq!(found, Ok(vec![Ok(0.0), Ok(9.8067), Ok(-9.8067)]));
}

#[test]
fn counts_at_an_end_of_the_range_are_gaps_axis_by_axis() {
    let found = measure(&exchange(axes(0x80, FORMAT, [1_023, -1_024, 1_022])));
    let end = Err(NoData::Implausible);
    assert_eq!(found.map(|found| found[..2] == [end, end] && found[2].is_ok()), Ok(true));
}

#[test]
fn what_was_read_before_is_waited_past_and_never_told_again() {
    let mut script = exchange(axes(0x02, FORMAT, [7; 3]));
    script.push(axes(0x82, FORMAT, [0; 3]));
    assert_eq!(measure(&script), Ok(vec![Ok(0.0); 3]));
    script[5] = axes(0x02, FORMAT, [7; 3]);
    assert_eq!(measure(&script), Err(NoData::Timeout));
}

#[test]
fn axes_of_another_range_are_not_measured() {
    assert_eq!(measure(&exchange(axes(0x80, 0x08, [1; 3]))), Err(NoData::Corrupt));
}

#[test]
fn each_setting_that_is_not_as_it_shall_be_is_set_up_again() {
    for forgotten in [
        (0x09, 0x08, FORMAT, 0),
        (0x0A, 0, FORMAT, 0),
        (0x0A, 0x08, 0, 0),
        (0x0A, 0x08, FORMAT, 0x80),
    ] {
        let (rate, power, format, fifo) = forgotten;
        let mut script = vec![read(0x00, &[0xE5])];
        script.extend(settings(rate, power, format, fifo));
        script.extend([
            write(0x2D, 0),
            write(0x31, FORMAT),
            write(0x38, 0),
            write(0x2C, 0x0A),
            write(0x2D, 0x08),
        ]);
        script.extend(settings(0x0A, 0x08, FORMAT, 0));
        script.push(axes(0x80, FORMAT, [0; 3]));
        assert!(measure(&script).is_ok(), "{forgotten:?}");
    }
}

#[test]
fn another_chip_at_the_address_is_not_written_to() {
    for identity in [0x00, 0xE4, 0xFF] {
        assert_eq!(measure(&[read(0x00, &[identity])]), Err(NoData::Corrupt));
    }
}

#[test]
fn a_setting_that_the_chip_does_not_have_is_refused() {
    for options in [
        AccelerometerOptions { full_scale_g: 3, ..OPTIONS },
        AccelerometerOptions { data_rate_hertz: 3_200, ..OPTIONS },
    ] {
        assert!(matches!(Adxl345::new((), (), options), Err(BadOptions::Unfit { .. })));
    }
}

#[test]
fn a_fifo_is_emptied_access_by_access_and_31_samples_may_be_more_than_it_could_hold() {
    for (stored, gaps) in [(30_u8, 0), (31, 1), (32, 1)] {
        let sample = [0, 256, -256_i16].map(i16::to_le_bytes).concat();
        let mut script = vec![read(0x00, &[0xE5])];
        script.extend(settings(0x0A, 0x08, FORMAT, 0x80));
        script.push(read(0x39, &[stored]));
        script.extend((0..stored).map(|_| read(0x32, &sample)));
        script.extend(settings(0x0A, 0x08, FORMAT, 0x80));
        let mut bus = Mock::new(&script);
        let chip = OverI2c::new(Scripted(bus.clone()), ADDRESS, Duration::from_secs(1));
        let options = AccelerometerOptions { fifo: true, ..OPTIONS };
        let mut device = Adxl345::new(chip, NoopDelay::new(), options).unwrap();
        let newest = device.measure(Duration::ZERO).unwrap();
        bus.done();
        let mut found = device.earlier();
        found.push(newest);
        let lost = vec![
            (0, Err(NoData::Overflow)),
            (1, Err(NoData::Overflow)),
            (2, Err(NoData::Overflow)),
        ];
        let is_gap = |measurement: &ports::Measurement| measurement.outcomes == lost;
        assert!(found.iter().take(gaps).all(is_gap));
        let (gap, samples) = found.split_at(gaps);
        assert_eq!((gap.len(), samples.len()), (gaps, usize::from(stored)));
        assert!(!samples.iter().any(is_gap));
        let step = Duration::from_millis(10);
        assert!(found.windows(2).all(|pair| pair[0].age == pair[1].age + step));
    }
}
