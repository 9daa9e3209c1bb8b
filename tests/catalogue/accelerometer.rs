//! What every accelerometer is put through: each full scale and data rate, over both buses, with its
//! FIFO and without.

use std::time::Duration;

use domain::{NoData, Quantity};
use embedded_hal::delay::DelayNs as _;
use ports::{Device, Measurement};
use proptest::{prelude::*, sample::select, test_runner::TestRunner};
use sensors::{Accelerometer, AccelerometerOptions, OverI2c, OverSpi, Part, Registers};
use sim::{
    bus::{BusFault, Effect, FaultPlan, When, Wiring},
    chips::{I2cChip, SpiChip},
    time::Elapsed,
};

use crate::support::{
    ADDRESS, BUS_TIMEOUT, Stopwatch, World, assert_close, assert_comes_back,
    assert_corrupt_bytes_are_refused, assert_no_flicker_lies, flickering, measured, numbers,
    on_bus, on_select,
};

pub(crate) const G: f64 = 9.806_65;
const REST: [f64; 3] = [0.5, -1.5, G];
const CLOCK_HZ: u32 = 5_000_000;

/// A part number, its driver and its model.
pub(crate) trait Subject {
    type Part: Part + 'static;
    type Chip: I2cChip + SpiChip + 'static;
    /// Samples a second.
    const RATES: &[u16];

    fn chip(
        time: Elapsed,
        acceleration: impl Fn(Duration) -> [f64; 3] + Send + 'static,
    ) -> Self::Chip;

    /// What one count is, in m/s².
    fn count(full_scale_g: u16) -> f64;
}

/// Half a count, and half of what is rounded.
fn bounds<S: Subject>(full_scale_g: u16) -> [f64; 3] {
    [S::count(full_scale_g) / 2.0 + 0.6e-4; 3]
}

fn options(full_scale_g: u16, data_rate_hertz: u16) -> AccelerometerOptions {
    AccelerometerOptions { full_scale_g, data_rate_hertz, fifo: false }
}

fn with_fifo(data_rate_hertz: u16) -> AccelerometerOptions {
    AccelerometerOptions { full_scale_g: 2, data_rate_hertz, fifo: true }
}

fn driver<S: Subject, R: Registers>(
    chip: R,
    stopwatch: &Stopwatch,
    options: AccelerometerOptions,
) -> Accelerometer<S::Part, R, Stopwatch> {
    Accelerometer::new(chip, stopwatch.clone(), options).unwrap()
}

/// A chip that senses `acceleration`, over I2C and over SPI.
fn on_either<S: Subject>(
    stopwatch: &Stopwatch,
    options: AccelerometerOptions,
    acceleration: impl Fn(Duration) -> [f64; 3] + Send + Clone + 'static,
) -> [(Box<dyn Device>, Wiring); 2] {
    let (bus, on_i2c) = on_bus(S::chip(stopwatch.elapsed(), acceleration.clone()));
    let over_i2c = OverI2c::new(bus, ADDRESS, BUS_TIMEOUT);
    let (line, on_spi) = on_select(S::chip(stopwatch.elapsed(), acceleration));
    let over_spi = OverSpi::new(line, CLOCK_HZ);
    [
        (Box::new(driver::<S, _>(over_i2c, stopwatch, options)), on_i2c),
        (Box::new(driver::<S, _>(over_spi, stopwatch, options)), on_spi),
    ]
}

pub(crate) fn the_whole_range_comes_through_either_bus<S: Subject>() {
    let part = || -0.99..0.99_f64;
    let inputs = (
        [part(), part(), part()],
        select(vec![2_u16, 4, 8, 16]),
        select(S::RATES.to_vec()),
        any::<bool>(),
    );
    let sweep = |(parts, scale, rate, fifo): ([f64; 3], u16, u16, bool)| {
        let truth = parts.map(|part| part * f64::from(scale) * G);
        let options = AccelerometerOptions { fifo, ..options(scale, rate) };
        for (mut device, _) in on_either::<S>(&Stopwatch::default(), options, move |_| truth) {
            assert_close(&numbers(&mut *device), &truth, &bounds::<S>(scale));
        }
        Ok(())
    };
    TestRunner::default().run(&inputs, sweep).unwrap();
}

pub(crate) fn beyond_the_full_scale_there_is_no_number<S: Subject>() {
    for fifo in [false, true] {
        let options = AccelerometerOptions { fifo, ..options(2, 100) };
        let truth = |_| [2.1 * G, 0.0, -30.0 * G];
        for (mut device, _) in on_either::<S>(&Stopwatch::default(), options, truth) {
            let found = measured(&mut *device).unwrap();
            assert_eq!(found, [Err(NoData::Implausible), Ok(0.0), Err(NoData::Implausible)]);
        }
    }
}

pub(crate) fn a_chip_that_was_gone_is_a_gap_and_comes_back<S: Subject>() {
    for fifo in [false, true] {
        let (stopwatch, now) = (Stopwatch::default(), [1.0, 2.0, -G]);
        let options = AccelerometerOptions { fifo, ..options(4, 100) };
        let world = World::new(REST);
        let (bus, wiring) = on_bus(S::chip(stopwatch.elapsed(), world.told()));
        let mut device =
            driver::<S, _>(OverI2c::new(bus, ADDRESS, BUS_TIMEOUT), &stopwatch, options);
        let turn = || world.set(now);
        if fifo {
            assert_comes_back_with_fifo(
                &mut device,
                &wiring,
                &stopwatch,
                turn,
                &now,
                &bounds::<S>(4),
            );
        } else {
            assert_comes_back(&mut device, &wiring, turn, &now, &bounds::<S>(4));
        }
        assert_corrupt_bytes_are_refused(&mut device, &wiring);

        let world = World::new(REST);
        let (line, wiring) = on_select(S::chip(stopwatch.elapsed(), world.told()));
        let mut device = driver::<S, _>(OverSpi::new(line, CLOCK_HZ), &stopwatch, options);
        wiring.unplug();
        assert_eq!(measured(&mut device), Err(NoData::Absent));
        wiring.replug();
        assert_close(&numbers(&mut device), &REST, &bounds::<S>(4));
        assert_corrupt_bytes_are_refused(&mut device, &wiring);
    }
}

/// As `support::assert_comes_back`; but what was sampled while the bus failed is told afterwards.
fn assert_comes_back_with_fifo(
    device: &mut dyn Device,
    wiring: &Wiring,
    stopwatch: &Stopwatch,
    turn: impl FnOnce(),
    expected: &[f64],
    bounds: &[f64],
) {
    assert!(device.measure(Duration::ZERO).is_ok());
    wiring.unplug();
    assert_eq!([measured(device), measured(device)], [Err(NoData::Absent), Err(NoData::Absent)]);
    assert!(device.earlier().is_empty(), "a failure leaves nothing");
    turn();
    wiring.replug();
    assert_close(&numbers(device), expected, bounds);
    for (fault, reason) in [(BusFault::TimedOut, NoData::Timeout), (BusFault::Io, NoData::BusFault)]
    {
        wiring.inject(FaultPlan { when: When::Always, effect: Effect::Fail(fault) });
        stopwatch.pass(Duration::from_millis(100));
        assert_eq!(measured(device), Err(reason));
        wiring.heal();
        assert_close(&numbers(device), expected, bounds);
        assert!(device.earlier().len() >= 9, "the chip went on sampling");
    }
    wiring.unplug();
    wiring.replug();
    assert_close(&numbers(device), expected, bounds);
}

pub(crate) fn a_supply_that_fails_for_a_moment_never_makes_a_wrong_number<S: Subject>() {
    for fifo in [false, true] {
        let stopwatch = Stopwatch::default();
        let (chip, flicker) = flickering(S::chip(stopwatch.elapsed(), |_| REST));
        let (bus, _) = on_bus(chip);
        let options = AccelerometerOptions { fifo, ..options(8, 200) };
        let over_i2c = OverI2c::new(bus, ADDRESS, BUS_TIMEOUT);
        let mut device = driver::<S, _>(over_i2c, &stopwatch, options);
        assert_no_flicker_lies(&mut device, &flicker, &REST, &bounds::<S>(8));
    }
}

pub(crate) fn who_asks_faster_than_the_chip_samples_gets_a_new_sample_each_time<S: Subject>() {
    for fifo in [false, true] {
        let mut stopwatch = Stopwatch::default();
        // Rises by 5 m/s² per second.
        let rising = |at: Duration| [5.0 * at.as_secs_f64(), 0.0, 0.0];
        let options = AccelerometerOptions { fifo, ..options(2, 50) };
        for (mut device, _) in on_either::<S>(&stopwatch.clone(), options, rising) {
            let mut earlier = -1.0;
            for _ in 0..50 {
                let now = numbers(&mut *device)[0];
                assert!(earlier < now, "{now} after {earlier}");
                earlier = now;
                stopwatch.delay_ms(1);
            }
        }
    }
}

/// m/s² from one sample to the next; they begin anew after so many.
const STEP: f64 = 0.08;
const ROUND: u32 = 200;

/// Tells each sample of a chip of `rate` from those before and after.
fn stairs(rate: u16) -> impl Fn(Duration) -> [f64; 3] + Send + Clone {
    let period = Duration::from_secs(1) / u32::from(rate);
    move |at| {
        let number = at.as_nanos() / period.as_nanos() % u128::from(ROUND);
        [STEP * f64::from(u32::try_from(number).unwrap()), 0.0, G]
    }
}

/// Which stair each sample of a burst is, oldest first; a reason for those that were lost.
fn burst(device: &mut dyn Device) -> Vec<Result<u32, NoData>> {
    let newest = device.measure(Duration::ZERO).unwrap();
    let mut found = device.earlier();
    found.push(newest);
    assert!(found.iter().rev().is_sorted_by(|one, older| one.age < older.age), "{found:?}");
    let stair = |measurement: Measurement| {
        let x = measurement.outcomes[0].1.map(Quantity::number)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 200")]
        Ok((x / STEP).round() as u32)
    };
    found.into_iter().map(stair).collect()
}

fn assert_consecutive(stairs: &[u32]) {
    for pair in stairs.windows(2) {
        assert_eq!(pair[1], (pair[0] + 1) % ROUND, "{stairs:?}");
    }
}

/// Each data rate, asked each 20 samples or so for ten thousand of them.
pub(crate) fn every_sample_comes_once<S: Subject>() {
    for &rate in S::RATES {
        let stopwatch = Stopwatch::default();
        for (mut device, _) in on_either::<S>(&stopwatch, with_fifo(rate), stairs(rate)) {
            let mut found = burst(&mut *device);
            let begin = stopwatch.now();
            let first = found.len();
            let pause = Duration::from_secs(20) / u32::from(rate) + Duration::from_micros(17);
            for asked in 1..=500 {
                // Whatever the last burst took.
                stopwatch.pass((begin + pause * asked).saturating_sub(stopwatch.now()));
                found.extend(burst(&mut *device));
            }
            let found: Vec<_> = found.into_iter().map(Result::unwrap).collect();
            assert_consecutive(&found);
            let expected = (pause * 500).as_secs_f64() * f64::from(rate);
            let count = f64::from(u32::try_from(found.len() - first).unwrap());
            assert!((count - expected).abs() <= 1.0, "{count} instead of {expected}");
        }
    }
}

pub(crate) fn a_full_fifo_is_a_gap_in_front_of_what_it_has<S: Subject>() {
    let stopwatch = Stopwatch::default();
    for (mut device, _) in on_either::<S>(&stopwatch, with_fifo(400), stairs(400)) {
        let _ = burst(&mut *device);
        stopwatch.pass(Duration::from_secs(1));
        let mut found = burst(&mut *device);
        assert_eq!(found.remove(0), Err(NoData::Overflow));
        assert_eq!(found.len(), 32);
        stopwatch.pass(Duration::from_millis(50));
        found.extend(burst(&mut *device));
        let found: Vec<_> = found.into_iter().map(Result::unwrap).collect();
        assert_consecutive(&found);
        assert!((51..=53).contains(&found.len()), "{}", found.len());
    }
}

pub(crate) fn a_burst_is_reckoned_with_whatever_it_goes_over<S: Subject>() {
    let stopwatch = Stopwatch::default();
    let plain = on_either::<S>(&stopwatch, options(2, 400), |_| REST);
    let [i2c, spi] = on_either::<S>(&stopwatch, with_fifo(400), |_| REST);
    // 32 samples of six bytes at least, with their acknowledgements at 100 kHz; or at 5 MHz.
    let (on_i2c, on_spi) =
        (Duration::from_micros(32 * 6 * 90), Duration::from_nanos(32 * 6 * 1_600));
    let base = plain[0].0.time_on_bus();
    let more = |(device, _): &(Box<dyn Device>, _)| device.time_on_bus().saturating_sub(base);
    assert!((on_i2c..on_i2c * 2).contains(&more(&i2c)), "{:?}", more(&i2c));
    assert!((on_spi..on_spi * 2).contains(&more(&spi)), "{:?}", more(&spi));
    for (mut device, _) in [i2c, spi] {
        assert!(device.worst_case() > device.time_on_bus());
        assert_eq!(device.sample_period_max(), Some(Duration::from_micros(2_750)));
        for pause in [0, 40, 1_000] {
            stopwatch.pass(Duration::from_millis(pause));
            let begin = stopwatch.now();
            assert!(device.measure(Duration::ZERO).is_ok());
            assert!(stopwatch.now() <= begin + device.worst_case());
        }
    }
}
