use embedded_hal_mock::eh1::{
    delay::NoopDelay,
    i2c::{Mock, Transaction},
};

use super::*;
use crate::scripted::Scripted;

const ADDRESS: u8 = 0x40;
/// Of the datasheet's example (6.5.1): 2 mΩ and 15 A.
const OPTIONS: Ina226Options = Ina226Options {
    address: ADDRESS,
    bus_timeout: Duration::from_secs(1),
    shunt_ohms: 0.002,
    current_max_amperes: 15.0,
    samples: 4,
};
/// 0.00512 x 32 768 / 0.03 V.
const WORD: u16 = 5_592;
const CONFIGURATION_WORD: u16 = 0x4323;

fn read(register: u8, word: u16) -> Transaction {
    Transaction::write_read(ADDRESS, vec![register], word.to_be_bytes().to_vec())
}

fn write(register: u8, word: u16) -> Transaction {
    let [high, low] = word.to_be_bytes();
    Transaction::write(ADDRESS, vec![register, high, low])
}

fn exchange(flags: u16, bus: u16, shunt: i16, kept: [u16; 2]) -> Vec<Transaction> {
    // 2048 is the divisor of equation 3.
    let current = i32::from(shunt) * i32::from(WORD) / 2_048;
    vec![
        read(0xFE, 0x5449),
        read(0xFF, 0x2260),
        write(0x05, WORD),
        write(0x00, CONFIGURATION_WORD),
        read(0x06, flags),
        read(0x02, bus),
        read(0x01, shunt.cast_unsigned()),
        read(0x04, i16::try_from(current).unwrap_or(i16::MAX).cast_unsigned()),
        read(0x05, kept[0]),
        read(0x00, kept[1]),
    ]
}

#[track_caller]
fn measure(exchange: &[Transaction]) -> Result<Vec<Result<f64, NoData>>, NoData> {
    let mut bus = Mock::new(exchange);
    let mut chip = Ina226::new(Scripted(bus.clone()), NoopDelay::new(), OPTIONS).unwrap();
    let outcome = chip.measure(Duration::ZERO);
    bus.done();
    let number = |(_, outcome): (usize, Result<domain::Quantity, NoData>)| {
        outcome.map(domain::Quantity::number)
    };
    Ok(outcome?.outcomes.into_iter().map(number).collect())
}

const KEPT: [u16; 2] = [WORD, CONFIGURATION_WORD];

#[test]
fn the_datasheets_example_comes_out() {
    // Table 6-2: 11.98 V and 10 A, a drop of 20 mV; 8 000 and 9 584 counts.
    let found = measure(&exchange(CONVERSION_READY, 9_584, 8_000, KEPT)).unwrap();
    let [volts, amperes, watts] = found.try_into().unwrap();
    assert_eq!(volts, Ok(11.98));
    assert!((amperes.unwrap() - 10.0).abs() < 5e-4, "{amperes:?}");
    assert!((watts.unwrap() - 119.8).abs() < 6e-3, "{watts:?}");
}

#[test]
fn an_overflow_or_a_clipped_shunt_takes_current_and_power_and_leaves_voltage() {
    for (flags, shunt) in [(OVERFLOW, 100), (0, i16::MAX), (0, i16::MIN)] {
        let found = measure(&exchange(CONVERSION_READY | flags, 9_600, shunt, KEPT)).unwrap();
        assert_eq!(found, [Ok(12.0), Err(NoData::Implausible), Err(NoData::Implausible)]);
    }
}

#[test]
fn a_voltage_that_would_destroy_the_chip_is_implausible() {
    let found = measure(&exchange(CONVERSION_READY, 28_801, 0, KEPT)).unwrap();
    assert_eq!(found[..2], [Err(NoData::Implausible), Ok(0.0)]);
}

#[test]
fn another_chip_at_the_address_is_not_written_to() {
    for (maker, die) in [(0x5449, 0x2270), (0x5448, 0x2260), (0, 0)] {
        let mut exchange = vec![read(0xFE, maker)];
        if maker == 0x5449 {
            exchange.push(read(0xFF, die));
        }
        assert_eq!(measure(&exchange), Err(NoData::Corrupt));
    }
}

#[test]
fn a_chip_that_was_reset_meanwhile_gives_no_zero_current() {
    for kept in [[0, CONFIGURATION_WORD], [WORD, 0x4127]] {
        assert_eq!(measure(&exchange(CONVERSION_READY, 9_600, 0, kept)), Err(NoData::Corrupt));
    }
}

#[test]
fn a_conversion_that_does_not_end_is_a_timeout() {
    assert_eq!(measure(&exchange(0, 9_600, 0, KEPT)), Err(NoData::Timeout));
}

#[test]
fn a_calibration_never_spills_over_its_fifteen_bits() {
    let options = Ina226Options { current_max_amperes: 1e-3, ..OPTIONS };
    assert_eq!(Ina226::new((), (), options).unwrap().calibration.word, 0x7FFF);
}
