use proptest::prelude::*;

use super::*;
use crate::{
    MetrePerSecond,
    derived::{Group, Input, Moment, entries, find},
    parameter::Arguments,
};

fn celsius(number: f64) -> Celsius {
    Celsius::new(number).unwrap()
}

fn percent(number: f64) -> Percent {
    Percent::new(number).unwrap()
}

fn dew(air: f64, humidity: f64) -> Result<f64, NoData> {
    dew_point(celsius(air), percent(humidity)).map(Celsius::get)
}

fn frost(air: f64, humidity: f64) -> Result<f64, NoData> {
    frost_point(celsius(air), percent(humidity)).map(Celsius::get)
}

fn bulb(air: f64, humidity: f64, pressure: f64) -> Result<f64, NoData> {
    let pressure = Hectopascal::new(pressure).unwrap();
    wet_bulb(celsius(air), percent(humidity), pressure).map(Celsius::get)
}

fn felt(air: f64, humidity: f64) -> f64 {
    heat_index(celsius(air), percent(humidity)).unwrap().get()
}

fn chill(air: f64, wind: f64) -> Result<f64, NoData> {
    wind_chill(celsius(air), MetrePerSecond::new(wind).unwrap()).map(Celsius::get)
}

/// What the metric of that function says of these inputs.
fn derive(function: &str, inputs: &[Input]) -> (Result<Quantity, NoData>, Quality) {
    let entry = find(function).unwrap();
    let kinds: Vec<_> = entry.roles.iter().map(|role| role.kinds[0]).collect();
    let (kind, mut metric) = (entry.make)(&kinds, &Arguments::example(entry.parameters)).unwrap();
    let mut out = Vec::new();
    metric.next(Moment::from_nanos(7), inputs, &mut out);
    assert_eq!((out.len(), out[0].at), (1, Moment::from_nanos(7)));
    assert!(out[0].outcome.is_err() || out[0].outcome.unwrap().kind() == kind, "{function}");
    (out[0].outcome, out[0].quality)
}

fn good(kind: QuantityKind, number: f64) -> Input {
    Input { outcome: Ok(kind.quantity(number).unwrap()), quality: Quality::Good }
}

fn of_air(function: &str, air: f64, humidity: f64) -> (Result<Quantity, NoData>, Quality) {
    let (t, rh) = (QuantityKind::Temperature, QuantityKind::RelativeHumidity);
    derive(function, &[good(t, air), good(rh, humidity)])
}

#[test]
fn dry_air_has_neither_dew_nor_frost_point_and_no_vapour() {
    assert_eq!(
        (dew(20.0, 0.0), frost(-20.0, 0.0)),
        (Err(NoData::Undefined), Err(NoData::Undefined))
    );
    let (air, dry) = (celsius(20.0), percent(0.0));
    assert_eq!(vapour_pressure(air, dry).unwrap().get().to_bits(), 0);
    assert_eq!(absolute_humidity(air, dry).unwrap().get().to_bits(), 0);
    let pressure = Hectopascal::new(1_000.0).unwrap();
    assert_eq!(mixing_ratio(air, dry, pressure).unwrap().get().to_bits(), 0);
    assert!((enthalpy(air, dry, pressure).unwrap().get() - 20.12).abs() < 1e-12);
    assert!(bulb(20.0, 0.0, 1_000.0).unwrap() < 7.0);
}

#[test]
fn frost_forms_above_the_dew_point_and_only_where_dew_does_not() {
    assert!((frost(-10.0, 100.0).unwrap() - -8.9).abs() < 0.1);
    assert!(frost(-40.0, 100.0).unwrap() - dew(-40.0, 100.0).unwrap() > 3.0);
    assert_eq!(frost(20.0, 50.0), Err(NoData::Undefined));
    assert!(frost(20.0, 20.0).unwrap() < 0.0);
    assert_eq!(
        (dew(0.0, 1e-9), dew(-100.0, 99.0)),
        (Err(NoData::Undefined), Err(NoData::Undefined))
    );
}

#[test]
fn air_in_which_water_boils_has_no_mixing_ratio_nor_wet_bulb() {
    let (hot, thin) = (celsius(60.0), Hectopascal::new(100.0).unwrap());
    assert_eq!(mixing_ratio(hot, percent(90.0), thin), Err(NoData::Undefined));
    assert_eq!(bulb(60.0, 90.0, 100.0), Err(NoData::Undefined));
    assert_eq!(bulb(20.0, 0.0, 0.0), Err(NoData::Undefined));
    assert!(bulb(60.0, 10.0, 100.0).unwrap() < 40.0);
}

#[test]
fn beyond_the_curve_there_is_nothing() {
    for air in [-273.15, -100.1, 200.1, 1e6] {
        for function in ["dew_point", "vapour_pressure", "vapour_pressure_deficit", "humidex"] {
            let (outcome, _) = of_air(function, air, 50.0);
            assert_eq!(outcome, Err(NoData::Undefined), "{function} at {air} °C");
        }
        assert_eq!(bulb(air, 50.0, 1_000.0), Err(NoData::Undefined), "{air} °C");
    }
}

#[test]
fn stull_is_silent_outside_of_his_range() {
    let outside =
        [(-20.1, 90.0), (50.1, 50.0), (20.0, 4.9), (20.0, 99.1), (-20.0, 70.0), (0.0, 27.0)];
    for (air, humidity) in outside {
        let found = wet_bulb_stull(celsius(air), percent(humidity));
        assert_eq!(found, Err(NoData::Undefined), "{air} °C {humidity} %");
    }
    let paper = wet_bulb_stull(celsius(20.0), percent(50.0)).unwrap().get();
    assert!((paper - 13.7).abs() < 0.05, "the paper's own example is 13.7 °C, not {paper}");
}

/// The chart of the US National Weather Service, in °F, to the whole degree.
#[test]
fn the_heat_index_is_that_of_the_chart() {
    for (air, humidity, expected) in [
        (80.0, 40.0, 80.0),
        (80.0, 80.0, 84.0),
        (90.0, 50.0, 95.0),
        (90.0, 95.0, 127.0),
        (100.0, 40.0, 109.0),
        (100.0, 65.0, 136.0),
        (110.0, 40.0, 136.0),
        (86.0, 90.0, 105.0),
    ] {
        let found = felt((air - 32.0) / 1.8, humidity) * 1.8 + 32.0;
        assert!((found - expected).abs() <= 1.0, "{air} °F {humidity} %: {found} °F");
    }
}

#[test]
fn dry_heat_feels_cooler_than_it_is_and_cold_air_as_it_is() {
    assert!(felt(35.0, 5.0) < 34.0);
    assert_eq!(felt(4.0, 80.0).to_bits(), 4.0_f64.to_bits());
    assert_eq!(of_air("heat_index", 59.0, 100.0).1, Quality::Uncertain);
    assert_eq!(of_air("heat_index", 1e5, 100.0).0, Err(NoData::Implausible));
}

#[test]
fn humidex_is_uncertain_where_canada_reports_none() {
    let (index, quality) = of_air("humidex", 30.0, 70.0);
    assert!((index.unwrap().number() - 41.0).abs() < 1.0 && quality == Quality::Good);
    assert_eq!(of_air("humidex", 19.0, 95.0).1, Quality::Uncertain);
    assert_eq!(of_air("humidex", 30.0, 10.0).1, Quality::Uncertain);
}

/// Table of Environment and Climate Change Canada, to the whole degree.
#[test]
fn wind_chill_is_that_of_the_table_and_not_defined_in_calm_or_warm_air() {
    for (air, kmh, expected) in
        [(0.0, 20.0, -5.0), (-10.0, 40.0, -21.0), (-20.0, 10.0, -27.0), (-40.0, 60.0, -64.0)]
    {
        let found = chill(air, kmh / 3.6).unwrap();
        assert!((found - expected).abs() < 0.6, "{air} °C {kmh} km/h: {found}");
    }
    for (air, wind) in [(10.1, 5.0), (0.0, 1.34), (0.0, 0.0)] {
        assert_eq!(chill(air, wind), Err(NoData::Undefined), "{air} °C {wind} m/s");
    }
    let beyond = [good(QuantityKind::Temperature, -50.0), good(QuantityKind::Speed, 5.0)];
    assert_eq!(derive("wind_chill", &beyond).1, Quality::Uncertain);
}

#[test]
fn the_first_gap_goes_through_every_function() {
    for entry in entries().filter(|entry| entry.group == Group::HumidAir) {
        let gap = |reason| Input { outcome: Err(reason), quality: Quality::Good };
        let mut inputs = vec![gap(NoData::Timeout); entry.roles.len()];
        inputs[0] = good(QuantityKind::Temperature, 5.0);
        assert_eq!(derive(entry.function, &inputs).0, Err(NoData::Timeout), "{}", entry.function);
        inputs[0] = gap(NoData::Absent);
        assert_eq!(derive(entry.function, &inputs).0, Err(NoData::Absent), "{}", entry.function);
    }
}

#[test]
fn an_uncertain_input_and_air_outside_of_the_curve_make_the_result_uncertain() {
    assert_eq!(of_air("dew_point", 20.0, 50.0).1, Quality::Good);
    assert_eq!(of_air("dew_point", 101.0, 50.0).1, Quality::Uncertain);
    let humidity = QuantityKind::RelativeHumidity.quantity(50.0);
    let doubtful = Input { outcome: Ok(humidity.unwrap()), quality: Quality::Uncertain };
    let inputs = [good(QuantityKind::Temperature, 20.0), doubtful];
    assert_eq!(derive("dew_point", &inputs).1, Quality::Uncertain);
}

proptest! {
    #[test]
    fn the_dew_point_is_never_above_the_air_and_rises_with_humidity(
        air in -60.0..100.0_f64, low in 0.1..99.0_f64, more in 0.01..1.0_f64,
    ) {
        let (dry, moist) = (dew(air, low).unwrap(), dew(air, low + more).unwrap());
        prop_assert!(dry < moist && moist <= air);
    }

    #[test]
    fn saturated_air_is_at_its_dew_point_and_at_its_wet_bulb(air in -90.0..100.0_f64) {
        prop_assert!((dew(air, 100.0).unwrap() - air).abs() < 1e-9);
        prop_assert!((bulb(air, 100.0, 2_000.0).unwrap() - air).abs() < 1e-9);
    }

    #[test]
    fn air_cooled_to_its_dew_point_is_saturated(air in -60.0..100.0_f64, humidity in 1.0..100.0_f64) {
        let vapour = vapour_pressure(celsius(air), percent(humidity)).unwrap().get();
        let there = saturation::WATER.hpa(dew(air, humidity).unwrap());
        prop_assert!((vapour / there - 1.0).abs() < 1e-9);
        let deficit = vapour_pressure_deficit(celsius(air), percent(humidity)).unwrap().get();
        let saturated = saturation::WATER.hpa(air);
        prop_assert!((vapour + 10.0 * deficit - saturated).abs() < 1e-9 * saturated);
    }

    #[test]
    fn the_wet_bulb_is_between_dew_point_and_air_and_rises_with_humidity(
        air in -40.0..60.0_f64, low in 1.0..98.0_f64, more in 0.1..2.0_f64, p in 700.0..1_060.0_f64,
    ) {
        let (dry, moist) = (bulb(air, low, p).unwrap(), bulb(air, low + more, p).unwrap());
        prop_assert!(dry <= moist && moist <= air && dew(air, low).unwrap() <= dry + 1e-9);
    }

    #[test]
    fn every_index_is_a_number_or_says_why_not(air in -273.15..1e6_f64, humidity in 0.0..=100.0_f64) {
        for function in ["heat_index", "humidex", "wet_bulb_stull", "frost_point", "absolute_humidity"] {
            let (outcome, _) = of_air(function, air, humidity);
            prop_assert!(!outcome.is_ok_and(|quantity| !quantity.number().is_finite()));
        }
    }
}
