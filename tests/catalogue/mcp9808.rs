//! MCP9808.

use std::time::Duration;

use domain::NoData;
use sensors::{Mcp9808, Mcp9808Options};
use sim::{
    bus::{Effect, I2cBus},
    chips,
};

use crate::stand::{Dial, Stand, VirtualDelay, on_bus, virtual_time};

const RESOLUTION: f64 = 0.0625;

fn stand() -> Stand<Mcp9808<I2cBus, VirtualDelay>> {
    let (clock, delay) = virtual_time();
    let dial = Dial::at(21.0);
    let (bus, wiring) = on_bus(0x18, chips::Mcp9808::new(clock.elapsed(), dial.sensed()));
    let options = Mcp9808Options { address: 0x18, bus_timeout: Duration::from_millis(100) };
    Stand { device: Mcp9808::new(bus, delay.clone(), options), wiring, dial, delay }
}

#[test]
fn the_whole_range_comes_out() {
    stand().assert_sweeps(-40.0..=125.0, |_| RESOLUTION);
}

#[test]
fn below_zero_is_not_what_the_published_driver_makes_of_it() {
    stand().assert_shows(-0.25, 0.0);
}

#[test]
fn a_replugged_chip_is_right_at_once_and_not_at_zero() {
    let mut stand = stand();
    stand.assert_comes_back([21.0, 85.0], RESOLUTION);
    // Only a chip that was just powered is given time, so only then can the supply go meanwhile.
    stand.wiring.unplug();
    stand.wiring.replug();
    stand.assert_notices_a_cut(85.0, RESOLUTION);
}

#[test]
fn outside_of_the_range_is_a_gap() {
    for celsius in [-40.1, 125.1, 400.0] {
        assert_eq!(stand().ask_at(celsius), Err(NoData::Implausible));
    }
}

#[test]
fn distorted_bytes_are_refused() {
    let mut stand = stand();
    for effect in [Effect::StickAt(0), Effect::StickAt(0xFF), Effect::Flip(0x01)] {
        stand.assert_refuses(effect, NoData::Corrupt);
    }
    stand.assert_stays_within(&(-40.0..=125.0));
    stand.assert_shows(21.0, RESOLUTION);
}
