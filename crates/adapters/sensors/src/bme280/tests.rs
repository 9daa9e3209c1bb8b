use embedded_hal::i2c::{ErrorKind, NoAcknowledgeSource};
use embedded_hal_mock::eh1::{
    delay::NoopDelay,
    i2c::{Mock, Transaction},
};

use super::*;
use crate::scripted::Scripted;

const ADDRESS: u8 = 0x76;
const OPTIONS: Bme280Options =
    Bme280Options { address: ADDRESS, bus_timeout: Duration::from_secs(1) };

/// Calibration and raw counts of the worked example that Bosch publishes for this compensation
/// (BMP280, BST-BMP280-DS001 section 3.12): 25.08 °C, 100 653 Pa.
const CALIBRATION: [i32; 12] =
    [27504, 26435, -1000, 36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000];
const PRESSURE_COUNTS: u32 = 415_148;
const TEMPERATURE_COUNTS: u32 = 519_888;

/// Control register 0xF4: temperature and pressure sampled once, and the mode.
const SLEEP: u8 = 0b0010_0100;
const FORCED: u8 = 0b0010_0101;

/// T1 … P9 little-endian, one byte unused, then H1.
fn calibration_low() -> Vec<u8> {
    let words = CALIBRATION.iter().flat_map(|word| word.to_le_bytes().into_iter().take(2));
    words.chain([0, 75]).collect()
}

/// H2 = 370, H3 = 0, H4 = 313, H5 = 50, H6 = 30: of the size that chips have.
fn calibration_high() -> Vec<u8> {
    vec![0x72, 0x01, 0x00, 19, 0x29, 0x03, 30]
}

fn data(pressure: u32, temperature: u32, humidity: u16) -> Vec<u8> {
    let [_, p2, p1, p0] = (pressure << 4).to_be_bytes();
    let [_, t2, t1, t0] = (temperature << 4).to_be_bytes();
    let [h1, h0] = humidity.to_be_bytes();
    vec![p2, p1, p0, t2, t1, t0, h1, h0]
}

fn read(register: u8, bytes: Vec<u8>) -> Transaction {
    Transaction::write_read(ADDRESS, vec![register], bytes)
}

fn write(register: u8, byte: u8) -> Transaction {
    Transaction::write(ADDRESS, vec![register, byte])
}

/// Everything that crosses the bus in one measurement.
fn exchange(id: u8, data: Vec<u8>) -> Vec<Transaction> {
    vec![
        read(0xD0, vec![id]),
        read(0xD0, vec![id]),
        write(0xE0, 0xB6),
        read(0x88, calibration_low()),
        read(0xE1, calibration_high()),
        read(0xF4, vec![0]),
        write(0xF2, 0b001),
        read(0xF4, vec![0]),
        write(0xF4, SLEEP),
        read(0xF5, vec![0]),
        write(0xF5, 0),
        read(0xF4, vec![SLEEP]),
        read(0xF4, vec![SLEEP]),
        write(0xF4, FORCED),
        read(0xF7, data),
    ]
}

#[track_caller]
fn measure(exchange: &[Transaction]) -> Result<Vec<Result<Quantity, NoData>>, NoData> {
    let mut bus = Mock::new(exchange);
    let mut chip = Bme280::new(Scripted(bus.clone()), NoopDelay::new(), OPTIONS);
    let outcome = chip.measure(Duration::ZERO);
    bus.done();
    Ok(outcome?.outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}

#[test]
fn the_makers_worked_example_comes_out() {
    let found = measure(&exchange(0x60, data(PRESSURE_COUNTS, TEMPERATURE_COUNTS, 30_000)));
    let found = found.unwrap();
    assert_eq!(found[0], QuantityKind::Temperature.quantity(25.08).map_err(|_| unreachable!()));
    let pressure = found[2].unwrap();
    assert_eq!(pressure.kind(), QuantityKind::Pressure);
    // Single precision in the driver: 2 Pa.
    assert!((pressure.number() - 1006.53).abs() <= 0.02, "{pressure:?}");
    let humidity = found[1].unwrap();
    assert_eq!(humidity.kind(), QuantityKind::RelativeHumidity);
    assert!((20.0..80.0).contains(&humidity.number()), "{humidity:?}");
}

#[test]
fn numbers_have_two_decimals_and_no_noise_behind_them() {
    let found = measure(&exchange(0x60, data(PRESSURE_COUNTS, TEMPERATURE_COUNTS, 30_000)));
    for quantity in found.unwrap().into_iter().map(Result::unwrap) {
        let text = quantity.number().to_string();
        let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        assert!(decimals <= 2, "{text}");
    }
}

#[test]
fn a_clamped_number_is_a_gap_not_a_very_cold_day() {
    let found = measure(&exchange(0x60, data(PRESSURE_COUNTS, 0, 30_000))).unwrap();
    assert_eq!(found[0], Err(NoData::Implausible));
    let found = measure(&exchange(0x60, data(0, TEMPERATURE_COUNTS, 30_000))).unwrap();
    assert_eq!(found[2], Err(NoData::Implausible));
}

#[test]
fn a_bmp280_sold_as_bme280_has_no_humidity_rather_than_none_in_the_air() {
    let found = measure(&exchange(0x58, data(PRESSURE_COUNTS, TEMPERATURE_COUNTS, 0))).unwrap();
    assert!(found[0].is_ok() && found[2].is_ok());
    assert_eq!(found[1], Err(NoData::Absent));
}

#[test]
fn another_chip_at_the_address_is_not_measured() {
    for id in [0x00, 0x61, 0xFF] {
        assert_eq!(measure(&[read(0xD0, vec![id])]), Err(NoData::Corrupt));
    }
}

#[test]
fn every_bus_fault_has_its_reason_wherever_it_strikes() {
    for (fault, reason) in [
        (ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address), NoData::Absent),
        (ErrorKind::Overrun, NoData::Timeout),
        (ErrorKind::ArbitrationLoss, NoData::BusFault),
    ] {
        let good = exchange(0x60, data(PRESSURE_COUNTS, TEMPERATURE_COUNTS, 30_000));
        for struck in 0..good.len() {
            let mut exchange = good[..=struck].to_vec();
            exchange[struck] = exchange[struck].clone().with_error(fault);
            assert_eq!(measure(&exchange), Err(reason), "{fault} in transaction {struck}");
        }
    }
}

#[test]
fn a_chip_that_comes_back_is_measured_without_being_made_anew() {
    let absent = ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address);
    let mut script = vec![read(0xD0, vec![0]).with_error(absent)];
    script.extend(exchange(0x60, data(PRESSURE_COUNTS, TEMPERATURE_COUNTS, 30_000)));
    let mut bus = Mock::new(&script);
    let mut chip = Bme280::new(Scripted(bus.clone()), NoopDelay::new(), OPTIONS);
    assert_eq!(chip.measure(Duration::ZERO), Err(NoData::Absent));
    assert!(chip.measure(Duration::ZERO).is_ok());
    bus.done();
}
