use embedded_hal_mock::eh1::{
    delay::NoopDelay,
    i2c::{Mock, Transaction},
};

use super::*;
use crate::scripted::Scripted;

const ADDRESS: u8 = 0x40;
/// 0.1 Ω and 0.4 A: a drop of 40 mV, for which the range of 80 mV is the smallest.
const OPTIONS: Ina219Options = Ina219Options {
    address: ADDRESS,
    bus_timeout: Duration::from_secs(1),
    shunt_ohms: 0.1,
    current_max_amperes: 0.4,
    samples: 1,
};
/// 0.04096 x 32 768 / 0.04 V, cut to an even number.
const WORD: u16 = 33_554;
/// 32 V, 80 mV, 12 bits twice, shunt and bus triggered.
const CONFIGURATION_WORD: u16 = 0b0010_1001_1001_1011;

fn read(register: u8, word: u16) -> Transaction {
    Transaction::write_read(ADDRESS, vec![register], word.to_be_bytes().to_vec())
}

fn write(register: u8, word: u16) -> Transaction {
    let [high, low] = word.to_be_bytes();
    Transaction::write(ADDRESS, vec![register, high, low])
}

fn exchange(bus: u16, shunt: i16, current: i16, kept: [u16; 2]) -> Vec<Transaction> {
    vec![
        write(0x05, WORD),
        write(0x00, CONFIGURATION_WORD),
        read(0x02, bus),
        read(0x01, shunt.cast_unsigned()),
        read(0x04, current.cast_unsigned()),
        read(0x05, kept[0]),
        read(0x00, kept[1]),
    ]
}

#[track_caller]
fn measure(exchange: &[Transaction]) -> Result<Vec<Result<f64, NoData>>, NoData> {
    let mut bus = Mock::new(exchange);
    let mut chip = Ina219::new(Scripted(bus.clone()), NoopDelay::new(), OPTIONS).unwrap();
    let outcome = chip.measure(Duration::ZERO);
    bus.done();
    let number = |(_, outcome): (usize, Result<domain::Quantity, NoData>)| {
        outcome.map(domain::Quantity::number)
    };
    Ok(outcome?.outcomes.into_iter().map(number).collect())
}

#[test]
fn counts_become_volts_amperes_and_watts_of_either_sign() {
    // 12 V; -20 mV on the shunt, so -0.2 A: -2000 x 33 554 / 4096 = -16 383.
    let bus = 3_000 << 3 | CONVERSION_READY;
    let found = measure(&exchange(bus, -2_000, -16_383, [WORD, CONFIGURATION_WORD])).unwrap();
    let [volts, amperes, watts] = found.try_into().unwrap();
    assert_eq!(volts, Ok(12.0));
    assert!((amperes.unwrap() + 0.2).abs() < 1.3e-5, "{amperes:?}");
    assert!((watts.unwrap() + 2.4).abs() < 1.5e-4, "{watts:?}");
}

#[test]
fn an_overflow_or_a_clipped_shunt_takes_current_and_power_and_leaves_voltage() {
    let bus = 3_000 << 3 | CONVERSION_READY;
    for (flags, shunt) in [(OVERFLOW, 100), (0, 8_000), (0, -8_000)] {
        let kept = [WORD, CONFIGURATION_WORD];
        let found = measure(&exchange(bus | flags, shunt, 100, kept)).unwrap();
        assert_eq!(found, [Ok(12.0), Err(NoData::Implausible), Err(NoData::Implausible)]);
    }
}

#[test]
fn a_voltage_at_the_end_of_its_range_takes_power_too() {
    let bus = 8_000 << 3 | CONVERSION_READY;
    let found = measure(&exchange(bus, 0, 0, [WORD, CONFIGURATION_WORD])).unwrap();
    assert_eq!(found, [Err(NoData::Implausible), Ok(0.0), Err(NoData::Implausible)]);
}

#[test]
fn a_chip_that_was_reset_meanwhile_gives_no_zero_current() {
    for kept in [[0, CONFIGURATION_WORD], [WORD, 0x399F], [0, 0x399F]] {
        let exchange = exchange(3_000 << 3 | CONVERSION_READY, 0, 0, kept);
        assert_eq!(measure(&exchange), Err(NoData::Corrupt));
    }
}

#[test]
fn a_conversion_that_does_not_end_is_a_timeout() {
    let exchange = exchange(3_000 << 3, 0, 0, [WORD, CONFIGURATION_WORD]);
    assert_eq!(measure(&exchange), Err(NoData::Timeout));
}

#[test]
fn the_smallest_range_that_takes_the_drop_is_chosen() {
    assert_eq!(
        [0.039, 0.04, 0.081, 0.16, 0.32].map(shunt_range).map(|(code, _)| code),
        [0, 1, 2, 3, 3]
    );
}

#[test]
fn a_number_of_samples_that_the_chip_does_not_have_is_refused() {
    let options = Ina219Options { samples: 3, ..OPTIONS };
    let refused = Ina219::new((), (), options).unwrap_err();
    assert_eq!(refused.to_string(), "samples: cannot be 3");
}
