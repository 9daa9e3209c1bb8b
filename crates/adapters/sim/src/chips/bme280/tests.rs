use std::sync::{Arc, Mutex};

use embedded_hal::delay::DelayNs;
use proptest::prelude::*;

use super::*;
use crate::bus::I2cBus;

const ADDRESS: u8 = 0x76;
/// The data registers before the first conversion.
const RESET: [u8; 8] = [0x80, 0, 0, 0x80, 0, 0, 0x80, 0];

/// Time that passes only when a driver waits.
#[derive(Clone, Default)]
struct Stopwatch(Arc<Mutex<Duration>>);

impl Stopwatch {
    fn elapsed(&self) -> Elapsed {
        let shared = Arc::clone(&self.0);
        Elapsed::from_fn(move || *shared.lock().unwrap())
    }
}

impl DelayNs for Stopwatch {
    fn delay_ns(&mut self, nanos: u32) {
        *self.0.lock().unwrap() += Duration::from_nanos(nanos.into());
    }
}

fn still_air(celsius: f64, humidity_percent: f64, hectopascals: f64) -> Climate {
    Climate { celsius, humidity_percent, hectopascals }
}

fn powered(climate: Climate) -> (Bme280, Stopwatch) {
    let stopwatch = Stopwatch::default();
    let mut chip = Bme280::new(stopwatch.elapsed(), move |_| climate);
    stopwatch.clone().delay_ms(2);
    chip.catch_up();
    (chip, stopwatch)
}

fn registers<const N: usize>(chip: &mut Bme280, first: u8) -> [u8; N] {
    let mut bytes = [0; N];
    chip.write(&[first]).unwrap();
    chip.read(&mut bytes).unwrap();
    bytes
}

/// What the published driver makes of the chip: °C, %, hPa.
fn driven(climate: Climate) -> [f64; 3] {
    let mut stopwatch = Stopwatch::default();
    let bus = I2cBus::new();
    bus.attach(ADDRESS, Bme280::new(stopwatch.elapsed(), move |_| climate));
    let mut driver = ::bme280::i2c::BME280::new_primary(bus);
    driver.init(&mut stopwatch).unwrap();
    stopwatch.delay_ms(1);
    let found = driver.measure(&mut stopwatch).unwrap();
    [found.temperature, found.humidity, found.pressure / 100.0].map(f64::from)
}

#[track_caller]
fn assert_close(found: [f64; 3], expected: [f64; 3]) {
    let bounds = [0.0005, 0.006, 0.003]; // °C, %, hPa
    for ((found, expected), bound) in found.into_iter().zip(expected).zip(bounds) {
        assert!((found - expected).abs() < bound, "{found} for {expected}");
    }
}

/// Worked example of Bosch's datasheet BST-BMP280-DS001, 3.12, whose calibration is `TYPICAL`.
#[test]
fn compensation_gives_the_worked_example_of_the_datasheet() {
    let chip = Calibration::TYPICAL;
    assert!((chip.celsius(519_888) - 25.082).abs() < 0.001, "{}", chip.celsius(519_888));
    // Only with the fraction of `t_fine` kept does the formula round to the example's figure; the
    // published code drops it, which makes 0.009 Pa here.
    let pascals = chip.pascals(415_148, chip.fine_temperature(519_888));
    assert!((pascals - 100_653.27).abs() < 0.005, "{pascals}");
}

#[test]
fn the_state_of_the_worked_example_gives_its_counts() {
    let exact = Calibration::TYPICAL.celsius(519_888);
    let counts = Calibration::TYPICAL.counts(still_air(exact, 50.0, 1_006.532_7));
    assert_eq!((counts.temperature, counts.pressure), (519_888, 415_148));
}

proptest! {
    /// The whole range of the datasheet (1.2) through the driver's own compensation, with its
    /// settings of x2, x16, x1 and the filter. Half a count is 0.00016 °C, 0.09 Pa or 0.003 %; the
    /// rest of the bounds is room for the driver's arithmetic in single precision.
    #[test]
    fn the_published_driver_finds_the_state_of_the_air(
        celsius in -40.0..=85.0_f64, humidity in 0.0..=100.0_f64, pressure in 300.0..=1100.0_f64,
    ) {
        assert_close(driven(still_air(celsius, humidity, pressure)), [celsius, humidity, pressure]);
    }

    #[test]
    fn counts_are_those_whose_value_is_nearest(celsius in -40.0..=85.0_f64) {
        let chip = Calibration::TYPICAL;
        let counts = chip.counts(still_air(celsius, 50.0, 1_000.0)).temperature;
        let miss = |counts| (chip.celsius(counts) - celsius).abs();
        prop_assert!(miss(counts) <= miss(counts - 1) && miss(counts) <= miss(counts + 1));
    }
}

#[test]
fn the_corners_of_the_range_do_not_saturate() {
    for celsius in [-40.0, 0.0, 85.0] {
        for humidity in [0.0, 100.0] {
            for pressure in [300.0, 1_100.0] {
                let climate = still_air(celsius, humidity, pressure);
                assert_close(driven(climate), [celsius, humidity, pressure]);
            }
        }
    }
}

#[test]
fn identifies_itself_and_packs_the_shared_calibration_nibbles() {
    let (mut chip, _) = powered(still_air(20.0, 50.0, 1_000.0));
    assert_eq!(registers(&mut chip, 0xD0), [0x60]);
    // h2 = 0x016F, h3 = 0, h4 = 0x12D, h5 = 0x032, h6 = 30
    assert_eq!(registers(&mut chip, 0xE1), [0x6F, 0x01, 0x00, 0x12, 0x2D, 0x03, 0x1E]);
    let negative = Calibration { h4: -2, h5: -3, ..Calibration::TYPICAL };
    assert_eq!(negative.high_block()[3..6], [0xFF, 0xDE, 0xFF]);
}

#[test]
fn data_hold_their_reset_values_until_the_conversion_has_had_its_time() {
    let (mut chip, mut stopwatch) = powered(still_air(20.0, 50.0, 1_000.0));
    assert_eq!(registers(&mut chip, 0xF7), RESET);
    // x1 for all, forced: 1 + 2 + 2.5 + 2.5 = 8 ms (9.1)
    chip.write(&[0xF2, 0x01, 0xF4, 0x25]).unwrap();
    stopwatch.delay_us(7_999);
    assert_eq!(registers(&mut chip, 0xF7), RESET);
    assert_eq!(registers(&mut chip, 0xF3), [0x08, 0x25]);
    stopwatch.delay_us(1);
    assert_ne!(registers(&mut chip, 0xF7), RESET);
    assert_eq!(registers(&mut chip, 0xF3), [0x00, 0x24], "idle, and asleep again");
}

#[test]
fn humidity_settings_wait_for_ctrl_meas() {
    let (mut chip, mut stopwatch) = powered(still_air(20.0, 50.0, 1_000.0));
    chip.write(&[0xF4, 0x24, 0xF2, 0x01]).unwrap();
    assert_eq!(chip.state.humidity, Oversampling(0), "written, not yet in effect");
    chip.write(&[0xF4, 0x25]).unwrap();
    stopwatch.delay_ms(8);
    assert_ne!(registers(&mut chip, 0xFD), [0x80, 0x00]);
}

#[test]
fn what_is_skipped_reads_as_its_reset_value() {
    let (mut chip, mut stopwatch) = powered(still_air(20.0, 50.0, 1_000.0));
    chip.write(&[0xF4, 0x21]).unwrap(); // Temperature only.
    stopwatch.delay_ms(3);
    let data: [u8; 8] = registers(&mut chip, 0xF7);
    assert_eq!((&data[..3], &data[6..]), (&[0x80, 0, 0][..], &[0x80, 0][..]));
    assert_ne!(data[3..6], [0x80, 0, 0]);
}

#[test]
fn without_the_filter_one_sample_has_sixteen_bits() {
    for (ctrl_meas, mask) in [(0x21, 0xF0), (0x41, 0x70), (0xA1, 0x00)] {
        let (mut chip, mut stopwatch) = powered(still_air(20.3, 50.0, 1_000.0));
        chip.write(&[0xF4, ctrl_meas]).unwrap();
        stopwatch.delay_ms(100);
        assert_eq!(registers::<1>(&mut chip, 0xFC)[0] & mask, 0, "ctrl_meas {ctrl_meas:#04X}");
    }
}

/// Table 6: with coefficient 16 it takes 22 samples to follow three quarters of a step.
#[test]
fn the_filter_follows_a_step_as_the_datasheet_says() {
    let mut stopwatch = Stopwatch::default();
    let step =
        |at: Duration| still_air(if at < Duration::from_secs(1) { 0.0 } else { 10.0 }, 50.0, 1e3);
    let mut chip = Bme280::new(stopwatch.elapsed(), step);
    chip.write(&[0xF5, 0x10]).unwrap();
    let mut sample = |wait_ms| {
        stopwatch.delay_ms(wait_ms);
        chip.write(&[0xF4, 0x21]).unwrap();
        stopwatch.delay_ms(3);
        let [high, middle, low] = registers(&mut chip, 0xFA);
        chip.calibration.celsius(u32::from_be_bytes([0, high, middle, low]) >> 4)
    };
    assert!(sample(2).abs() < 0.001, "the first passes unchanged");
    let first = sample(1_000);
    assert!((first - 10.0 / 16.0).abs() < 0.01, "{first}");
    let followed = (1..22).map(|_| sample(1)).last().unwrap();
    assert!((7.4..7.7).contains(&followed), "{followed}");
}

#[test]
fn normal_mode_goes_on_converting_without_being_asked() {
    let mut stopwatch = Stopwatch::default();
    let warming = |at: Duration| still_air(at.as_secs_f64(), 50.0, 1_000.0);
    let mut chip = Bme280::new(stopwatch.elapsed(), warming);
    chip.write(&[0xF4, 0xA3]).unwrap();
    for second in 1..=3 {
        stopwatch.delay_ms(1_000);
        let [high, middle, low] = registers(&mut chip, 0xFA);
        let found = chip.calibration.celsius(u32::from_be_bytes([0, high, middle, low]) >> 4);
        assert!((found - f64::from(second)).abs() < 0.04, "{found} after {second} s");
    }
    assert_eq!(registers::<1>(&mut chip, 0xF4), [0xA3], "it does not fall asleep");
}

#[test]
fn a_reset_takes_everything_back_and_announces_the_copying() {
    let (mut chip, mut stopwatch) = powered(still_air(20.0, 50.0, 1_000.0));
    chip.write(&[0xF2, 0x05, 0xF4, 0xFC, 0xF5, 0x10, 0xE0, 0xB6]).unwrap();
    assert_eq!(registers(&mut chip, 0xF2), [0, 0x01, 0, 0]);
    stopwatch.delay_ms(2);
    assert_eq!(registers(&mut chip, 0xF2), [0, 0, 0, 0]);
    chip.write(&[0xF2, 0x05, 0xE0, 0x00]).unwrap();
    assert_eq!(registers(&mut chip, 0xF2), [0x05], "only 0xB6 resets");
}
