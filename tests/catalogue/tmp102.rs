//! TMP102.

use std::time::Duration;

use domain::NoData;
use sensors::{Tmp102, Tmp102Options};
use sim::{
    bus::{Effect, I2cBus},
    chips,
};

use crate::stand::{Dial, Stand, VirtualDelay, on_bus, virtual_time};

const RESOLUTION: f64 = 0.0625;

fn stand() -> Stand<Tmp102<I2cBus, VirtualDelay>> {
    let (clock, delay) = virtual_time();
    let dial = Dial::at(21.0);
    let (bus, wiring) = on_bus(0x49, chips::Tmp102::new(clock.elapsed(), dial.sensed()));
    let options = Tmp102Options { address: 0x49, bus_timeout: Duration::from_millis(100) };
    Stand { device: Tmp102::new(bus, delay.clone(), options), wiring, dial, delay }
}

#[test]
fn the_whole_range_comes_out() {
    stand().assert_sweeps(-55.0..=150.0, |_| RESOLUTION);
}

#[test]
fn a_replugged_chip_is_right_at_once_and_not_at_zero() {
    stand().assert_comes_back([21.0, 85.0], RESOLUTION);
}

#[test]
fn a_supply_that_goes_during_the_conversion_is_noticed() {
    stand().assert_notices_a_cut(85.0, RESOLUTION);
}

#[test]
fn outside_of_the_range_is_a_gap() {
    for celsius in [-56.0, 150.1, 400.0] {
        assert_eq!(stand().ask_at(celsius), Err(NoData::Implausible));
    }
}

#[test]
fn the_alert_bit_of_a_hot_chip_does_not_make_it_another_chip() {
    let mut stand = stand();
    stand.assert_shows(90.0, RESOLUTION);
    stand.assert_shows(20.0, RESOLUTION);
}

#[test]
fn distorted_bytes_are_refused() {
    let mut stand = stand();
    for effect in [Effect::StickAt(0), Effect::StickAt(0xFF), Effect::Flip(0x41)] {
        stand.assert_refuses(effect, NoData::Corrupt);
    }
    stand.assert_stays_within(&(-55.0..=150.0));
    stand.assert_shows(21.0, RESOLUTION);
}
