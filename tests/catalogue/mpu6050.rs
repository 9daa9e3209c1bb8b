//! MPU-6050: every full scale and bandwidth.

use domain::NoData;
use proptest::{prelude::*, sample::select};
use sensors::{Mpu6050, Mpu6050Options, OverI2c};
use sim::{bus::I2cBus, chips, environment::Motion};

use crate::support::{
    ADDRESS, BUS_TIMEOUT, Stopwatch, World, assert_close, assert_comes_back,
    assert_corrupt_bytes_are_refused, assert_no_flicker_lies, flickering, measured, numbers,
    on_bus,
};

const G: f64 = 9.806_65;
const MOTION: Motion =
    Motion { acceleration: [0.5, -1.5, G], rotation: [10.0, -20.0, 30.0], celsius: 24.0 };

fn chip(stopwatch: &Stopwatch, world: &World<Motion>) -> chips::Mpu6050 {
    chips::Mpu6050::new(stopwatch.elapsed(), world.told())
}

fn driver(
    bus: I2cBus,
    stopwatch: &Stopwatch,
    full_scale_g: u16,
    full_scale_degrees: u16,
) -> Mpu6050<OverI2c<I2cBus>, Stopwatch> {
    let options = Mpu6050Options { full_scale_g, full_scale_degrees, bandwidth_hertz: 44 };
    Mpu6050::new(OverI2c::new(bus, ADDRESS, BUS_TIMEOUT), stopwatch.clone(), options).unwrap()
}

fn expected(motion: Motion) -> [f64; 7] {
    let Motion { acceleration: [x, y, z], rotation: [roll, pitch, yaw], celsius } = motion;
    [x, y, z, celsius, roll, pitch, yaw]
}

/// Half a count, and half of what is rounded.
fn bounds(scale_g: u16, scale_degrees: u16) -> [f64; 7] {
    let force = f64::from(scale_g) / 32_768.0 * G / 2.0 + 0.6e-4;
    let turn = f64::from(scale_degrees) / 32_750.0 / 2.0 + 0.6e-3;
    [force, force, force, 0.5 / 340.0 + 0.6e-3, turn, turn, turn]
}

proptest! {
    #[test]
    fn the_whole_range_comes_through(
        force in [-0.99..0.99_f64, -0.99..0.99, -0.99..0.99],
        turn in [-0.99..0.99_f64, -0.99..0.99, -0.99..0.99],
        celsius in -39.9..84.9_f64,
        scale_g in select(vec![2_u16, 4, 8, 16]),
        scale_degrees in select(vec![250_u16, 500, 1_000, 2_000]),
    ) {
        let acceleration = force.map(|part| part * f64::from(scale_g) * G);
        let rotation = turn.map(|part| part * f64::from(scale_degrees));
        let motion = Motion { acceleration, rotation, celsius };
        let (stopwatch, world) = (Stopwatch::default(), World::new(motion));
        let (bus, _) = on_bus(chip(&stopwatch, &world));
        let found = numbers(&mut driver(bus, &stopwatch, scale_g, scale_degrees));
        assert_close(&found, &expected(motion), &bounds(scale_g, scale_degrees));
    }
}

#[test]
fn beyond_the_range_there_is_no_number_and_the_others_have_theirs() {
    let acceleration = [3.0 * G, 0.0, -3.0 * G];
    let motion = Motion { acceleration, rotation: [0.0, 300.0, -300.0], celsius: 90.0 };
    let (stopwatch, world) = (Stopwatch::default(), World::new(motion));
    let (bus, _) = on_bus(chip(&stopwatch, &world));
    let found = measured(&mut driver(bus, &stopwatch, 2, 250)).unwrap();
    let is_gap = found.iter().map(|outcome| *outcome == Err(NoData::Implausible));
    assert!(is_gap.eq([true, false, true, true, false, true, true]), "{found:?}");
}

#[test]
fn a_chip_that_was_gone_is_a_gap_and_comes_back() {
    let (stopwatch, world) = (Stopwatch::default(), World::new(MOTION));
    let (bus, wiring) = on_bus(chip(&stopwatch, &world));
    let now = Motion { celsius: -10.0, rotation: [1.0, 2.0, 3.0], ..MOTION };
    let mut driver = driver(bus, &stopwatch, 2, 250);
    assert_comes_back(&mut driver, &wiring, || world.set(now), &expected(now), &bounds(2, 250));
    assert_corrupt_bytes_are_refused(&mut driver, &wiring);
}

#[test]
fn a_supply_that_fails_for_a_moment_never_makes_a_wrong_number() {
    let (stopwatch, world) = (Stopwatch::default(), World::new(MOTION));
    let (chip, flicker) = flickering(chip(&stopwatch, &world));
    let (bus, _) = on_bus(chip);
    let mut driver = driver(bus, &stopwatch, 2, 250);
    assert_no_flicker_lies(&mut driver, &flicker, &expected(MOTION), &bounds(2, 250));
}
