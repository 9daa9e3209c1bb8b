//! Humid air.

use crate::{Celsius, NoData, Percent};

/// Magnus coefficients over water: Sonntag 1990, as in WMO-No. 8 (2018) annex 4.B; -45 to 60 °C.
const B: f64 = 17.62;
const C: f64 = 243.12;

/// The temperature to which air must be cooled, at constant pressure, for dew to form.
///
/// Magnus form over *water*: `Td = C γ / (B - γ)` with `γ = ln(RH / 100) + B T / (C + T)`,
/// `B = 17.62`, `C = 243.12 °C`. Below 0 °C this is still the dew point, not the frost point, because
/// humidity sensors report relative humidity over water. Against other formulations it agrees
/// within 0.2 °C between 0 and 50 °C. At 100 % it is the air temperature.
///
/// # Errors
///
/// [`NoData::Undefined`] for perfectly dry air, which has no dew point, and below -100 °C, where the
/// formula means nothing.
pub fn dew_point(air: Celsius, humidity: Percent) -> Result<Celsius, NoData> {
    if humidity.get() <= 0.0 || air.get() < -100.0 {
        return Err(NoData::Undefined);
    }
    let gamma = (humidity.get() / 100.0).ln() + B * air.get() / (C + air.get());
    // Rounding may lift saturated air above its own temperature by an ulp; physics does not.
    let degrees = (C * gamma / (B - gamma)).min(air.get());
    Celsius::new(degrees).map_err(|_| NoData::Undefined)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dew(air: f64, humidity: f64) -> Result<f64, NoData> {
        dew_point(Celsius::new(air).unwrap(), Percent::new(humidity).unwrap()).map(Celsius::get)
    }

    /// Psychrometric tables (ASHRAE Fundamentals, chapter 1, via `psychrolib` 2.5): dew point in °C.
    #[test]
    fn agrees_with_the_psychrometric_tables_within_a_tenth_of_a_degree() {
        for (air, humidity, expected) in
            [(25.0, 50.0, 13.86), (20.0, 60.0, 12.01), (30.0, 80.0, 26.17), (10.0, 70.0, 4.78)]
        {
            let found = dew(air, humidity).unwrap();
            assert!((found - expected).abs() < 0.1, "{air} °C {humidity} %: {found} °C");
        }
    }

    #[test]
    fn dry_air_has_no_dew_point() {
        assert_eq!(dew(20.0, 0.0), Err(NoData::Undefined));
    }

    proptest! {
        #[test]
        fn never_above_the_air_and_rising_with_humidity(
            air in -45.0..60.0_f64, low in 0.1..99.0_f64, more in 0.01..1.0_f64,
        ) {
            let (dry, moist) = (dew(air, low).unwrap(), dew(air, low + more).unwrap());
            prop_assert!(dry < moist && moist <= air);
        }

        #[test]
        fn saturated_air_is_at_its_dew_point(air in -45.0..60.0_f64) {
            prop_assert!((dew(air, 100.0).unwrap() - air).abs() < 1e-9);
        }
    }
}
