//! ADXL345: every full scale and data rate, over both buses.

use domain::NoData;
use embedded_hal::delay::DelayNs as _;
use proptest::{prelude::*, sample::select};
use sensors::{Adxl345, Adxl345Options, OverI2c, OverSpi, Registers};
use sim::chips;

use crate::support::{
    ADDRESS, BUS_TIMEOUT, Stopwatch, World, assert_close, assert_comes_back,
    assert_corrupt_bytes_are_refused, assert_no_flicker_lies, flickering, measured, numbers,
    on_bus, on_select,
};

const G: f64 = 9.806_65;
const REST: [f64; 3] = [0.5, -1.5, G];

fn chip(stopwatch: &Stopwatch, world: &World<[f64; 3]>) -> chips::Adxl345 {
    chips::Adxl345::new(stopwatch.elapsed(), world.told())
}

fn driver<R: Registers>(
    chip: R,
    stopwatch: &Stopwatch,
    full_scale_g: u16,
    data_rate_hertz: u16,
) -> Adxl345<R, Stopwatch> {
    let options = Adxl345Options { full_scale_g, data_rate_hertz };
    Adxl345::new(chip, stopwatch.clone(), options).unwrap()
}

/// Half a count, and half of what is rounded.
fn bounds() -> [f64; 3] {
    [1.0 / 256.0 * G / 2.0 + 0.6e-4; 3]
}

proptest! {
    #[test]
    fn the_whole_range_comes_through_either_bus(
        parts in [-0.99..0.99_f64, -0.99..0.99, -0.99..0.99],
        scale in select(vec![2_u16, 4, 8, 16]),
        rate in select(vec![25_u16, 50, 100, 200, 400, 800, 1_600]),
    ) {
        let truth = parts.map(|part| part * f64::from(scale) * G);
        let (stopwatch, world) = (Stopwatch::default(), World::new(truth));
        let (bus, _) = on_bus(chip(&stopwatch, &world));
        let over_i2c = OverI2c::new(bus, ADDRESS, BUS_TIMEOUT);
        let found = numbers(&mut driver(over_i2c, &stopwatch, scale, rate));
        assert_close(&found, &truth, &bounds());
        let (line, _) = on_select(chip(&stopwatch, &world));
        let found = numbers(&mut driver(OverSpi::new(line), &stopwatch, scale, rate));
        assert_close(&found, &truth, &bounds());
    }
}

#[test]
fn beyond_the_full_scale_there_is_no_number_and_the_other_axes_have_theirs() {
    let (stopwatch, world) = (Stopwatch::default(), World::new([2.1 * G, 0.0, -30.0 * G]));
    let (line, _) = on_select(chip(&stopwatch, &world));
    let found = measured(&mut driver(OverSpi::new(line), &stopwatch, 2, 100)).unwrap();
    assert_eq!(found, [Err(NoData::Implausible), Ok(0.0), Err(NoData::Implausible)]);
}

#[test]
fn a_chip_that_was_gone_is_a_gap_and_comes_back_on_either_bus() {
    let stopwatch = Stopwatch::default();
    let now = [1.0, 2.0, -G];
    let world = World::new(REST);
    let (bus, wiring) = on_bus(chip(&stopwatch, &world));
    let mut on_i2c = driver(OverI2c::new(bus, ADDRESS, BUS_TIMEOUT), &stopwatch, 4, 100);
    assert_comes_back(&mut on_i2c, &wiring, || world.set(now), &now, &bounds());
    assert_corrupt_bytes_are_refused(&mut on_i2c, &wiring);

    let world = World::new(REST);
    let (line, wiring) = on_select(chip(&stopwatch, &world));
    let mut on_spi = driver(OverSpi::new(line), &stopwatch, 4, 100);
    wiring.unplug();
    assert_eq!(measured(&mut on_spi), Err(NoData::Absent));
    wiring.replug();
    assert_close(&numbers(&mut on_spi), &REST, &bounds());
    assert_corrupt_bytes_are_refused(&mut on_spi, &wiring);
}

#[test]
fn a_supply_that_fails_for_a_moment_never_makes_a_wrong_number() {
    let (stopwatch, world) = (Stopwatch::default(), World::new(REST));
    let (chip, flicker) = flickering(chip(&stopwatch, &world));
    let (bus, _) = on_bus(chip);
    let mut driver = driver(OverI2c::new(bus, ADDRESS, BUS_TIMEOUT), &stopwatch, 8, 200);
    assert_no_flicker_lies(&mut driver, &flicker, &REST, &bounds());
}

#[test]
fn who_asks_faster_than_the_chip_samples_waits_and_gets_a_new_sample_each_time() {
    let mut stopwatch = Stopwatch::default();
    // Rises by 5 m/s² per second.
    let rising = |at: std::time::Duration| [5.0 * at.as_secs_f64(), 0.0, 0.0];
    let (bus, _) = on_bus(chips::Adxl345::new(stopwatch.elapsed(), rising));
    let mut driver = driver(OverI2c::new(bus, ADDRESS, BUS_TIMEOUT), &stopwatch, 2, 50);
    let mut earlier = -1.0;
    for _ in 0..50 {
        let now = numbers(&mut driver)[0];
        assert!(earlier < now, "{now} after {earlier}");
        earlier = now;
        stopwatch.delay_ms(1);
    }
}
