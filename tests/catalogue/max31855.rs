//! MAX31855, at whose cold junction it is 25 °C unless a test says otherwise.

use domain::NoData;
use sensors::Max31855;
use sim::{
    bus::{Effect, SpiLine},
    chips::{self, Junction, Thermocouple},
};

use crate::stand::{Dial, Stand, VirtualDelay, virtual_time};

const RESOLUTION: f64 = 0.25;

fn stand_with(
    thermocouple: impl Fn(f64) -> Thermocouple + Send + 'static,
) -> Stand<Max31855<SpiLine, VirtualDelay>> {
    let (clock, delay) = virtual_time();
    let dial = Dial::at(100.0);
    let sensed = dial.sensed();
    let chip = chips::Max31855::new(clock.elapsed(), move |time| thermocouple(sensed(time)));
    let line = SpiLine::new(chip);
    let wiring = line.wiring();
    Stand { device: Max31855::new(line, delay.clone()), wiring, dial, delay }
}

fn stand(junction: Junction) -> Stand<Max31855<SpiLine, VirtualDelay>> {
    stand_with(move |hot_celsius| Thermocouple { hot_celsius, cold_celsius: 25.0, junction })
}

#[test]
fn the_whole_range_comes_out_at_both_junctions() {
    stand(Junction::Sound).assert_sweeps(-270.0..=1_768.0, |_| RESOLUTION);
    let junction = Junction::Sound;
    let mut stand =
        stand_with(move |cold_celsius| Thermocouple { hot_celsius: 300.0, cold_celsius, junction });
    for step in -400..=1_250 {
        let celsius = f64::from(step) / 10.0;
        stand.dial.turn(celsius);
        let found = stand.ask().unwrap();
        assert_eq!(found[0], Ok(300.0));
        assert!((found[1].unwrap() - celsius).abs() <= 0.0625, "{found:?} at {celsius}");
    }
}

#[test]
fn a_broken_thermocouple_is_a_gap_and_the_cold_junction_goes_on() {
    for (junction, reason) in [
        (Junction::Open, NoData::Absent),
        (Junction::ShortToGround, NoData::Implausible),
        (Junction::ShortToSupply, NoData::Implausible),
    ] {
        assert_eq!(stand(junction).ask(), Ok(vec![Err(reason), Ok(25.0)]), "{junction:?}");
    }
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
    for effect in [Effect::StickAt(0), Effect::StickAt(0xAA), Effect::Flip(0x08)] {
        stand.assert_refuses(effect, NoData::Corrupt);
    }
    stand.assert_stays_within(&(-270.0..=1_768.0));
    stand.assert_shows(100.0, RESOLUTION);
}
