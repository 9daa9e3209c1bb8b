//! TMP117.

use std::time::Duration;

use domain::NoData;
use sensors::{Tmp117, Tmp117Averages, Tmp117Options};
use sim::{
    bus::{Effect, I2cBus},
    chips,
};

use crate::stand::{Dial, Stand, VirtualDelay, on_bus, virtual_time};

const RESOLUTION: f64 = 0.007_812_5;

fn stand_of(averages: Tmp117Averages) -> Stand<Tmp117<I2cBus, VirtualDelay>> {
    let (clock, delay) = virtual_time();
    let dial = Dial::at(21.0);
    let (bus, wiring) = on_bus(0x48, chips::Tmp117::new(clock.elapsed(), dial.sensed()));
    let options =
        Tmp117Options { address: 0x48, averages, bus_timeout: Duration::from_millis(100) };
    Stand { device: Tmp117::new(bus, delay.clone(), options), wiring, dial, delay }
}

fn stand() -> Stand<Tmp117<I2cBus, VirtualDelay>> {
    stand_of(Tmp117Averages::Eight)
}

#[test]
fn the_whole_range_comes_out() {
    stand().assert_sweeps(-55.0..=150.0, |_| RESOLUTION);
}

#[test]
fn every_number_of_averages_gives_a_result_in_its_time() {
    for averages in [
        Tmp117Averages::One,
        Tmp117Averages::Eight,
        Tmp117Averages::ThirtyTwo,
        Tmp117Averages::SixtyFour,
    ] {
        stand_of(averages).assert_shows(-40.0, RESOLUTION);
    }
}

#[test]
fn a_replugged_chip_is_right_at_once_and_not_at_minus_256() {
    stand().assert_comes_back([21.0, 85.0], RESOLUTION);
}

#[test]
fn a_supply_that_goes_during_the_conversion_is_noticed() {
    stand().assert_notices_a_cut(85.0, RESOLUTION);
}

#[test]
fn outside_of_the_range_is_a_gap() {
    for celsius in [-55.1, 150.1, 400.0] {
        assert_eq!(stand().ask_at(celsius), Err(NoData::Implausible));
    }
}

#[test]
fn distorted_bytes_are_refused() {
    let mut stand = stand();
    for effect in [Effect::StickAt(0), Effect::StickAt(0xFF), Effect::Flip(0x01)] {
        stand.assert_refuses(effect, NoData::Corrupt);
    }
    stand.assert_stays_within(&(-55.0..=150.0));
    stand.assert_shows(21.0, RESOLUTION);
}
