use proptest::prelude::*;

use super::*;

fn hpa(number: f64) -> Hectopascal {
    Hectopascal::new(number).unwrap()
}

fn metres(number: f64) -> Metre {
    Metre::new(number).unwrap()
}

fn height(pressure: f64) -> Result<f64, NoData> {
    altitude(hpa(pressure), hpa(1_013.25)).map(Metre::get)
}

fn reduced(pressure: f64, air: f64, elevation: f64) -> f64 {
    sea_level_pressure(hpa(pressure), Celsius::new(air).unwrap(), metres(elevation)).unwrap().get()
}

/// ICAO Doc 7488, table 1: pressure at geopotential heights.
#[test]
fn heights_are_those_of_the_standard_atmosphere() {
    for (expected, pressure) in
        [(0.0, 1_013.25), (1_000.0, 898.745_6), (5_000.0, 540.199_0), (10_000.0, 264.362_4)]
    {
        let found = height(pressure).unwrap();
        assert!((found - expected).abs() < 0.01, "{pressure} hPa: {found} m");
    }
}

#[test]
fn there_is_no_height_above_the_troposphere_nor_without_air() {
    for pressure in [220.0, 1e-9, 0.0, 1_800.0, 1e9] {
        assert_eq!(height(pressure), Err(NoData::Undefined), "{pressure} hPa");
    }
    assert_eq!(altitude(hpa(0.0), hpa(0.0)), Err(NoData::Undefined));
    assert_eq!(altitude(hpa(1_000.0), hpa(0.0)), Err(NoData::Undefined));
}

/// The difference is what the standard form does not know: the temperature.
#[test]
fn the_two_forms_agree_in_standard_air_and_not_in_frost() {
    let standard = sea_level_pressure_standard(hpa(964.0), metres(500.0)).unwrap().get();
    assert!((reduced(964.0, 11.75, 500.0) - standard).abs() < 0.1);
    assert!(reduced(964.0, -20.0, 500.0) - standard > 7.0);
}

#[test]
fn no_sea_level_pressure_without_a_column_of_air() {
    assert_eq!(sea_level_pressure_standard(hpa(1.0), metres(44_330.0)), Err(NoData::Undefined));
    let frozen = Celsius::new(-273.15).unwrap();
    assert_eq!(sea_level_pressure(hpa(1_000.0), frozen, metres(0.0)), Err(NoData::Undefined));
    assert_eq!(sea_level_pressure(hpa(1_000.0), frozen, metres(-1e4)), Err(NoData::Undefined));
    let sky = sea_level_pressure(hpa(1_000.0), Celsius::new(0.0).unwrap(), metres(1e9));
    assert!(sky.is_ok(), "{sky:?}");
}

proptest! {
    #[test]
    fn height_falls_with_pressure_and_leads_back_to_it(p in 300.0..1_100.0_f64, more in 0.1..10.0_f64) {
        let (low, high) = (height(p + more).unwrap(), height(p).unwrap());
        prop_assert!(low < high);
        let back = sea_level_pressure_standard(hpa(p), metres(high)).unwrap().get();
        prop_assert!((back - 1_013.25).abs() < 0.35, "{back}");
    }

    #[test]
    fn sea_level_pressure_scales_with_that_of_the_station_and_falls_with_warmth(
        p in 300.0..1_100.0_f64, air in -60.0..60.0_f64, h in 1.0..9_000.0_f64,
    ) {
        prop_assert!((reduced(2.0 * p, air, h) / reduced(p, air, h) - 2.0).abs() < 1e-12);
        prop_assert!(reduced(p, air + 1.0, h) < reduced(p, air, h));
        prop_assert!((reduced(p, air, 0.0) - p).abs() < 1e-9);
    }
}
