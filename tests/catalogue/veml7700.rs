//! VEML7700.

use std::time::Duration;

use domain::NoData;
use sensors::{Veml7700, Veml7700Gain, Veml7700Integration, Veml7700Options};
use sim::{
    bus::{Effect, I2cBus},
    chips,
};

use crate::stand::{Dial, Stand, VirtualDelay, on_bus, virtual_time};

type Gain = Veml7700Gain;
type Integration = Veml7700Integration;

fn stand(gain: Gain, integration: Integration) -> Stand<Veml7700<I2cBus, VirtualDelay>> {
    let (clock, delay) = virtual_time();
    let dial = Dial::at(500.0);
    let (bus, wiring) = on_bus(0x10, chips::Veml7700::new(clock.elapsed(), dial.sensed()));
    let options = Veml7700Options { gain, integration, bus_timeout: Duration::from_millis(100) };
    Stand { device: Veml7700::new(bus, delay.clone(), options), wiring, dial, delay }
}

/// The light of one count, where the polynomial is as steep as it gets below `lux`.
fn count(resolution: f64, lux: f64) -> f64 {
    resolution * (1.01 + lux * 1.7e-4)
}

#[test]
fn from_darkness_to_full_sun_automatic_gain_finds_the_light() {
    let mut stand = stand(Gain::Automatic, Integration::Ms100);
    let resolution = |lux| if lux < 1_000.0 { count(0.0336, lux) } else { count(0.5376, lux) };
    stand.assert_sweeps(0.0..=120_000.0, resolution);
    stand.assert_sweeps(0.0..=2_000.0, |lux| if lux < 1_000.0 { 0.04 } else { count(0.5376, lux) });
    stand.assert_sweeps(0.0..=1.0, |_| 0.04);
}

#[test]
fn each_gain_and_time_covers_its_range() {
    for (gain, integration, resolution) in [
        (Gain::Two, Integration::Ms800, 0.0042),
        (Gain::Two, Integration::Ms200, 0.0168),
        (Gain::One, Integration::Ms400, 0.0168),
        (Gain::Quarter, Integration::Ms50, 0.5376),
        (Gain::Eighth, Integration::Ms25, 2.1504),
    ] {
        let brightest = f64::min(resolution * 65_500.0, 120_000.0);
        let mut stand = stand(gain, integration);
        stand.assert_sweeps(0.0..=brightest, |lux| count(resolution, lux));
    }
}

#[test]
fn more_light_than_it_can_count_is_a_gap() {
    assert_eq!(stand(Gain::Two, Integration::Ms800).ask_at(400.0), Err(NoData::Implausible));
    assert_eq!(stand(Gain::Automatic, Integration::Ms100).ask_at(1e6), Err(NoData::Implausible));
}

#[test]
fn a_replugged_chip_is_right_at_once_and_not_dark() {
    stand(Gain::Automatic, Integration::Ms100).assert_comes_back([500.0, 30_000.0], 3.0);
    stand(Gain::One, Integration::Ms100).assert_comes_back([500.0, 900.0], 0.1);
}

#[test]
fn a_supply_that_goes_during_the_conversion_is_noticed() {
    stand(Gain::Automatic, Integration::Ms100).assert_notices_a_cut(5_000.0, 1.0);
}

#[test]
fn distorted_bytes_are_refused() {
    let mut stand = stand(Gain::One, Integration::Ms100);
    for effect in [Effect::StickAt(0), Effect::StickAt(0xFF), Effect::Flip(0x40)] {
        stand.assert_refuses(effect, NoData::Corrupt);
    }
    stand.assert_stays_within(&(0.0..=140_000.0));
    stand.assert_shows(500.0, 0.1);
}
