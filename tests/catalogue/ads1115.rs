//! ADS1115: every input, full scale and data rate.

use domain::NoData;
use proptest::{prelude::*, sample::select};
use sensors::{Ads1115, Ads1115Channel, Ads1115Input, Ads1115Options};
use sim::{bus::I2cBus, chips};

use crate::support::{
    ADDRESS, BUS_TIMEOUT, Stopwatch, World, assert_close, assert_comes_back,
    assert_corrupt_bytes_are_refused, assert_no_flicker_lies, flickering, measured, numbers,
    on_bus,
};

/// The pins that have a voltage against each other.
const PAIRS: [(u8, u8); 4] = [(0, 1), (0, 3), (1, 3), (2, 3)];

fn chip(stopwatch: &Stopwatch, pins: &World<[f64; 4]>) -> chips::Ads1115 {
    let told = pins.told();
    chips::Ads1115::new(stopwatch.elapsed(), move |pin, at| told(at)[usize::from(pin)])
}

fn channel(name: &str, input: Option<Ads1115Input>, millivolts: u16) -> Ads1115Channel {
    Ads1115Channel {
        name: name.to_owned(),
        input: input.unwrap(),
        full_scale_millivolts: millivolts,
        scale: 1.0,
        offset: 0.0,
    }
}

/// All single-ended inputs, then all pairs.
fn driver(
    bus: I2cBus,
    stopwatch: &Stopwatch,
    millivolts: u16,
    rate: u16,
) -> Ads1115<I2cBus, Stopwatch> {
    let single = (0..4).map(Ads1115Input::single_ended);
    let pairs = PAIRS.into_iter().map(|(plus, minus)| Ads1115Input::differential(plus, minus));
    let channels = single.chain(pairs).map(|input| channel("pin", input, millivolts)).collect();
    let (address, bus_timeout, data_rate_hertz) = (ADDRESS, BUS_TIMEOUT, rate);
    let options = Ads1115Options { address, bus_timeout, data_rate_hertz, channels };
    Ads1115::new(bus, stopwatch.clone(), options).unwrap()
}

fn expected(pins: [f64; 4]) -> [f64; 8] {
    let pair = |index: usize| {
        let (plus, minus) = PAIRS[index];
        pins[usize::from(plus)] - pins[usize::from(minus)]
    };
    [pins[0], pins[1], pins[2], pins[3], pair(0), pair(1), pair(2), pair(3)]
}

/// Half a code, and half of what is rounded.
fn bounds(millivolts: u16) -> [f64; 8] {
    [f64::from(millivolts) / 1e3 / 32_768.0 / 2.0 + 0.6e-7; 8]
}

proptest! {
    #[test]
    fn the_whole_range_comes_through(
        parts in [0.0..0.999_f64, 0.0..0.999, 0.0..0.999, 0.0..0.999],
        millivolts in select(vec![6_144_u16, 4_096, 2_048, 1_024, 512, 256]),
        rate in select(vec![8_u16, 16, 32, 64, 128, 250, 475, 860]),
    ) {
        let pins = parts.map(|part| part * f64::from(millivolts) / 1e3);
        let (stopwatch, world) = (Stopwatch::default(), World::new(pins));
        let (bus, _) = on_bus(chip(&stopwatch, &world));
        let found = numbers(&mut driver(bus, &stopwatch, millivolts, rate));
        assert_close(&found, &expected(pins), &bounds(millivolts));
    }
}

#[test]
fn beyond_the_full_scale_there_is_no_number_and_the_other_inputs_have_theirs() {
    let (stopwatch, world) = (Stopwatch::default(), World::new([2.1, 1.0, 0.0, 4.0]));
    let (bus, _) = on_bus(chip(&stopwatch, &world));
    let found = measured(&mut driver(bus, &stopwatch, 2_048, 860)).unwrap();
    let is_gap = found.iter().map(|outcome| *outcome == Err(NoData::Implausible));
    assert!(is_gap.eq([true, false, false, true, false, false, true, true]), "{found:?}");
}

#[test]
fn a_chip_that_was_gone_is_a_gap_and_comes_back() {
    let (stopwatch, world) = (Stopwatch::default(), World::new([0.1, 0.2, 0.3, 0.4]));
    let (bus, wiring) = on_bus(chip(&stopwatch, &world));
    let now = [1.1, 0.2, 1.3, 0.4];
    let mut driver = driver(bus, &stopwatch, 4_096, 128);
    assert_comes_back(&mut driver, &wiring, || world.set(now), &expected(now), &bounds(4_096));
    assert_corrupt_bytes_are_refused(&mut driver, &wiring);
}

#[test]
fn a_supply_that_fails_for_a_moment_never_makes_a_wrong_number() {
    let pins = [0.1, 0.2, 0.3, 0.4];
    let (stopwatch, world) = (Stopwatch::default(), World::new(pins));
    let (chip, flicker) = flickering(chip(&stopwatch, &world));
    let (bus, _) = on_bus(chip);
    // The full scale and the data rate that the chip has after power-on.
    let mut driver = driver(bus, &stopwatch, 2_048, 128);
    assert_no_flicker_lies(&mut driver, &flicker, &expected(pins), &bounds(2_048));
}
