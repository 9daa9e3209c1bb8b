//! LM75, LM75B and TMP105.

use std::time::Duration;

use domain::NoData;
use sensors::{Lm75, Lm75Options, Lm75Resolution};
use sim::{
    bus::{Effect, I2cBus},
    chips::{self, Lm75Part},
};

use crate::stand::{Dial, Stand, VirtualDelay, on_bus, virtual_time};

fn stand(part: Lm75Part, resolution: Lm75Resolution) -> Stand<Lm75<I2cBus, VirtualDelay>> {
    let (clock, delay) = virtual_time();
    let dial = Dial::at(21.0);
    let chip = chips::Lm75::new(part, clock.elapsed(), dial.sensed());
    let (bus, wiring) = on_bus(0x48, chip);
    let options =
        Lm75Options { address: 0x48, resolution, bus_timeout: Duration::from_millis(100) };
    Stand { device: Lm75::new(bus, delay.clone(), options), wiring, dial, delay }
}

const FAMILY: [(Lm75Part, Lm75Resolution, f64); 4] = [
    (Lm75Part::Lm75, Lm75Resolution::Bits9, 0.5),
    (Lm75Part::Tmp105, Lm75Resolution::Bits9, 0.5),
    (Lm75Part::Lm75b, Lm75Resolution::Bits11, 0.125),
    (Lm75Part::Tmp105, Lm75Resolution::Bits12, 0.0625),
];

#[test]
fn the_whole_range_comes_out() {
    for (part, resolution, degrees) in FAMILY {
        stand(part, resolution).assert_sweeps(-55.0..=125.0, |_| degrees);
    }
}

#[test]
fn a_replugged_chip_is_right_at_once_and_not_at_zero() {
    for (part, resolution, degrees) in FAMILY {
        let mut stand = stand(part, resolution);
        stand.assert_comes_back([21.0, 85.0], degrees);
        // Only a chip that was just powered is given time, so only then can the supply go meanwhile.
        stand.wiring.unplug();
        stand.wiring.replug();
        stand.assert_notices_a_cut(-10.25, degrees);
    }
}

#[test]
fn a_tmp105_keeps_the_four_bits_that_the_published_driver_drops() {
    let mut stand = stand(Lm75Part::Tmp105, Lm75Resolution::Bits12);
    stand.assert_shows(-10.25, 0.0);
    stand.assert_shows(0.0625, 0.0);
}

#[test]
fn a_chip_without_the_bits_that_are_asked_of_it_is_refused() {
    assert_eq!(stand(Lm75Part::Lm75, Lm75Resolution::Bits12).ask(), Err(NoData::Corrupt));
}

#[test]
fn above_the_range_is_a_gap() {
    let mut stand = stand(Lm75Part::Lm75, Lm75Resolution::Bits9);
    stand.assert_shows(125.0, 0.0);
    stand.dial.turn(127.0);
    stand.pass(Duration::from_secs(1));
    assert_eq!(stand.ask_at(127.0), Err(NoData::Implausible));
}

#[test]
fn distorted_bytes_are_refused() {
    let mut stand = stand(Lm75Part::Lm75, Lm75Resolution::Bits9);
    stand.assert_shows(21.0, 0.5);
    for effect in [Effect::StickAt(0), Effect::StickAt(0xFF), Effect::Flip(0x40)] {
        stand.assert_refuses(effect, NoData::Corrupt);
    }
    stand.assert_stays_within(&(-55.0..=125.0));
    stand.assert_shows(21.0, 0.5);
}
