//! BH1750.

use std::time::Duration;

use domain::NoData;
use sensors::{Bh1750, Bh1750Options, Bh1750Resolution};
use sim::{
    bus::{Effect, I2cBus},
    chips,
};

use crate::stand::{Dial, Stand, VirtualDelay, on_bus, virtual_time};

fn stand(
    resolution: Bh1750Resolution,
    measurement_time: u8,
) -> Stand<Bh1750<I2cBus, VirtualDelay>> {
    let (clock, delay) = virtual_time();
    let dial = Dial::at(500.0);
    let (bus, wiring) = on_bus(0x23, chips::Bh1750::new(clock.elapsed(), dial.sensed()));
    let bus_timeout = Duration::from_millis(100);
    let options = Bh1750Options { address: 0x23, resolution, measurement_time, bus_timeout };
    Stand { device: Bh1750::new(bus, delay.clone(), options), wiring, dial, delay }
}

/// One count.
fn lux(resolution: Bh1750Resolution, measurement_time: u8) -> f64 {
    let finer = if resolution == Bh1750Resolution::High2 { 2.0 } else { 1.0 };
    69.0 / (1.2 * finer * f64::from(measurement_time))
}

#[test]
fn the_whole_range_comes_out_at_every_sensitivity() {
    for resolution in [Bh1750Resolution::High, Bh1750Resolution::High2] {
        for measurement_time in [31, 69, 138, 254] {
            let count = lux(resolution, measurement_time);
            let brightest = 65_534.0 * count;
            stand(resolution, measurement_time).assert_sweeps(0.0..=brightest, |_| count);
        }
    }
}

#[test]
fn more_light_than_it_can_count_is_a_gap() {
    let mut stand = stand(Bh1750Resolution::High, 69);
    stand.assert_shows(54_600.0, 1.0);
    for lux in [54_613.0, 1e6] {
        assert_eq!(stand.ask_at(lux), Err(NoData::Implausible));
    }
}

#[test]
fn a_replugged_chip_is_right_at_once_though_it_forgot_its_measurement_time() {
    stand(Bh1750Resolution::High2, 254).assert_comes_back([500.0, 3_000.0], 0.2);
}

#[test]
fn a_line_that_is_stuck_high_is_not_full_sun() {
    let mut stand = stand(Bh1750Resolution::High, 69);
    stand.assert_refuses(Effect::StickAt(0xFF), NoData::Implausible);
    stand.assert_stays_within(&(0.0..=54_612.5));
    stand.assert_shows(500.0, 1.0);
}
