//! MAX6675.

use domain::NoData;
use sensors::Max6675;
use sim::{
    bus::{Effect, SpiLine},
    chips::{self, Junction, Thermocouple},
};

use crate::stand::{Dial, Stand, VirtualDelay, virtual_time};

const RESOLUTION: f64 = 0.25;

fn stand(junction: Junction) -> Stand<Max6675<SpiLine, VirtualDelay>> {
    let (clock, delay) = virtual_time();
    let dial = Dial::at(100.0);
    let sensed = dial.sensed();
    let chip = chips::Max6675::new(clock.elapsed(), move |time| Thermocouple {
        hot_celsius: sensed(time),
        cold_celsius: 25.0,
        junction,
    });
    let line = SpiLine::new(chip);
    let wiring = line.wiring();
    Stand { device: Max6675::new(line, delay.clone()), wiring, dial, delay }
}

#[test]
fn the_whole_range_comes_out() {
    stand(Junction::Sound).assert_sweeps(0.25..=1_023.5, |_| RESOLUTION);
}

#[test]
fn where_the_chip_clamps_is_a_gap() {
    let mut stand = stand(Junction::Sound);
    for celsius in [-50.0, 0.0, 1_023.75, 1_300.0] {
        assert_eq!(stand.ask_at(celsius), Err(NoData::Implausible), "{celsius}");
    }
}

#[test]
fn an_open_thermocouple_is_absent_and_not_hot() {
    assert_eq!(stand(Junction::Open).ask(), Ok(vec![Err(NoData::Absent)]));
}

#[test]
fn however_often_it_is_asked_the_temperature_is_of_now() {
    let mut stand = stand(Junction::Sound);
    for celsius in [100.0, 200.0, 300.0] {
        assert_eq!(stand.ask_at(celsius), Ok(celsius));
    }
}

#[test]
fn a_replugged_chip_is_right_at_once_and_not_at_zero() {
    stand(Junction::Sound).assert_comes_back([100.0, 800.0], RESOLUTION);
}

#[test]
fn a_supply_that_goes_during_the_conversion_is_noticed() {
    stand(Junction::Sound).assert_notices_a_cut(800.0, RESOLUTION);
}

#[test]
fn distorted_bytes_are_refused() {
    let mut stand = stand(Junction::Sound);
    stand.assert_refuses(Effect::StickAt(0xFF), NoData::Absent);
    stand.assert_refuses(Effect::StickAt(0), NoData::Implausible);
    for effect in [Effect::StickAt(0xAA), Effect::Flip(0x80), Effect::Flip(0x02)] {
        stand.assert_refuses(effect, NoData::Corrupt);
    }
    stand.assert_stays_within(&(0.25..=1_023.5));
    stand.assert_shows(100.0, RESOLUTION);
}
