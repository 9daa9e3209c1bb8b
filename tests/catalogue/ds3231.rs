//! DS3231.

use std::time::Duration;

use domain::NoData;
use sensors::{Ds3231, Ds3231Options};
use sim::{
    bus::{Effect, I2cBus},
    chips,
};

use crate::stand::{Dial, Stand, VirtualDelay, on_bus, virtual_time};

const RESOLUTION: f64 = 0.25;

fn stand() -> Stand<Ds3231<I2cBus, VirtualDelay>> {
    let (clock, delay) = virtual_time();
    let dial = Dial::at(21.0);
    let (bus, wiring) = on_bus(0x68, chips::Ds3231::new(clock.elapsed(), dial.sensed()));
    let options = Ds3231Options { bus_timeout: Duration::from_millis(100) };
    Stand { device: Ds3231::new(bus, delay.clone(), options), wiring, dial, delay }
}

#[test]
fn the_whole_range_comes_out() {
    stand().assert_sweeps(-40.0..=85.0, |_| RESOLUTION);
}

#[test]
fn the_temperature_is_of_now_and_not_of_up_to_64_s_ago() {
    let mut stand = stand();
    for celsius in [20.0, 21.0, 22.0] {
        assert_eq!(stand.ask_at(celsius), Ok(celsius));
    }
}

#[test]
fn a_replugged_chip_is_right_at_once_and_not_at_zero() {
    stand().assert_comes_back([21.0, 80.0], RESOLUTION);
}

#[test]
fn a_supply_that_goes_during_the_conversion_is_noticed() {
    stand().assert_notices_a_cut(80.0, RESOLUTION);
}

#[test]
fn a_conversion_in_progress_is_waited_for() {
    let mut stand = stand();
    // It converts by itself at 64.2 s: begin while it does.
    stand.pass(Duration::from_millis(64_050));
    let found = stand.ask_at(30.0);
    assert_eq!(found, Ok(30.0));
}

#[test]
fn outside_of_the_range_is_a_gap() {
    for celsius in [-41.0, 85.5, 400.0] {
        assert_eq!(stand().ask_at(celsius), Err(NoData::Implausible));
    }
}

#[test]
fn distorted_bytes_are_refused() {
    let mut stand = stand();
    for effect in [Effect::StickAt(0), Effect::StickAt(0xFF), Effect::Flip(0x40)] {
        stand.assert_refuses(effect, NoData::Corrupt);
    }
    stand.assert_stays_within(&(-40.0..=85.0));
    stand.assert_shows(21.0, RESOLUTION);
}
