//! INA226: 0 to 36 V, either direction of current.

use domain::NoData;
use proptest::prelude::*;
use sensors::{Ina226, Ina226Options};
use sim::{bus::I2cBus, chips, environment::Load};

use crate::support::{
    ADDRESS, BUS_TIMEOUT, Stopwatch, World, assert_close, assert_comes_back,
    assert_corrupt_bytes_are_refused, assert_no_flicker_lies, flickering, measured, numbers,
    on_bus,
};

const OHMS: f64 = 0.02;
const LOAD: Load = Load { volts: 12.0, amperes: -1.25 };

fn options(current_max_amperes: f64) -> Ina226Options {
    let (address, bus_timeout) = (ADDRESS, BUS_TIMEOUT);
    Ina226Options { address, bus_timeout, shunt_ohms: OHMS, current_max_amperes, samples: 4 }
}

fn chip(stopwatch: &Stopwatch, world: &World<Load>) -> chips::Ina226 {
    chips::Ina226::new(stopwatch.elapsed(), OHMS, world.told())
}

fn driver(bus: I2cBus, stopwatch: &Stopwatch, amperes: f64) -> Ina226<I2cBus, Stopwatch> {
    Ina226::new(bus, stopwatch.clone(), options(amperes)).unwrap()
}

fn expected(load: Load) -> [f64; 3] {
    [load.volts, load.amperes, load.volts * load.amperes]
}

/// Half of 1.25 mV; half of 2.5 µV on the shunt and one step of the current that the chip cuts off.
fn bounds(load: Load, amperes_max: f64) -> [f64; 3] {
    let amperes = 1.25e-6 / OHMS + amperes_max.max(0.256) / 32_000.0;
    [0.000_65, amperes, 0.000_65 * load.amperes.abs() + (load.volts + 0.01) * amperes]
}

proptest! {
    #[test]
    fn the_whole_range_comes_through(
        volts in 0.0..36.0_f64, part in -0.999..0.999_f64, amperes_max in 0.01..4.09_f64,
    ) {
        let load = Load { volts, amperes: part * amperes_max };
        let (stopwatch, world) = (Stopwatch::default(), World::new(load));
        let (bus, _) = on_bus(chip(&stopwatch, &world));
        let found = numbers(&mut driver(bus, &stopwatch, amperes_max));
        assert_close(&found, &expected(load), &bounds(load, amperes_max));
    }
}

#[test]
fn beyond_the_range_there_is_no_number() {
    let (stopwatch, world) = (Stopwatch::default(), World::new(LOAD));
    let (bus, _) = on_bus(chip(&stopwatch, &world));
    let mut driver = driver(bus, &stopwatch, 4.096);
    for amperes in [4.2, -4.2, 100.0] {
        world.set(Load { volts: 12.0, amperes });
        let [volts, current, power] = measured(&mut driver).unwrap().try_into().unwrap();
        assert_eq!(
            (volts, current, power),
            (Ok(12.0), Err(NoData::Implausible), Err(NoData::Implausible))
        );
    }
    world.set(Load { volts: 37.0, amperes: 1.0 });
    assert_eq!(measured(&mut driver).unwrap()[0], Err(NoData::Implausible));
}

#[test]
fn an_overflow_of_the_chips_arithmetic_is_no_number_either() {
    let (stopwatch, world) =
        (Stopwatch::default(), World::new(Load { volts: 12.0, amperes: 0.45 }));
    let (bus, _) = on_bus(chip(&stopwatch, &world));
    // The current register ends at 8.2 mV, the shunt's range at 82.
    let found = measured(&mut driver(bus, &stopwatch, 0.41)).unwrap();
    assert_eq!(found[1..], [Err(NoData::Implausible); 2]);
}

#[test]
fn a_chip_that_was_gone_is_a_gap_and_comes_back() {
    let (stopwatch, world) = (Stopwatch::default(), World::new(LOAD));
    let (bus, wiring) = on_bus(chip(&stopwatch, &world));
    let now = Load { volts: 5.0, amperes: 0.5 };
    let mut driver = driver(bus, &stopwatch, 2.0);
    assert_comes_back(&mut driver, &wiring, || world.set(now), &expected(now), &bounds(now, 2.0));
    assert_corrupt_bytes_are_refused(&mut driver, &wiring);
}

#[test]
fn a_supply_that_fails_for_a_moment_never_makes_a_wrong_number() {
    let (stopwatch, world) = (Stopwatch::default(), World::new(LOAD));
    let (chip, flicker) = flickering(chip(&stopwatch, &world));
    let (bus, _) = on_bus(chip);
    let mut driver = driver(bus, &stopwatch, 2.0);
    assert_no_flicker_lies(&mut driver, &flicker, &expected(LOAD), &bounds(LOAD, 2.0));
}
