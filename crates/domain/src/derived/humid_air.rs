//! Humid air.
//!
//! Relative humidity is **over water** at all temperatures, as sensors report it; what is over ice says
//! so: the frost point, and the bulb of ice below 0 °C.
//!
//! # Deliberately absent
//!
//! Relative humidity over ice (ASHRAE's reading of it below 0 °C), and leaves.

mod dew;
mod felt;
mod saturation;
mod vapour;
mod wet_bulb;

pub use dew::{dew_point, frost_point};
pub use felt::{heat_index, humidex, wind_chill};
pub use vapour::{
    absolute_humidity, enthalpy, mixing_ratio, vapour_pressure, vapour_pressure_deficit,
};
pub use wet_bulb::{wet_bulb, wet_bulb_stull};

use super::{Entry, Metric, Role, pressure::PRESSURE, pure::pure};
use crate::{Celsius, Hectopascal, NoData, Percent, Quality, Quantity, QuantityKind};

pub(super) const ENTRIES: &[Entry] = &[
    dew::DEW_POINT,
    dew::FROST_POINT,
    vapour::VAPOUR_PRESSURE,
    vapour::VAPOUR_PRESSURE_DEFICIT,
    vapour::ABSOLUTE_HUMIDITY,
    vapour::MIXING_RATIO,
    vapour::ENTHALPY,
    wet_bulb::WET_BULB,
    wet_bulb::WET_BULB_STULL,
    felt::HEAT_INDEX,
    felt::HUMIDEX,
    felt::WIND_CHILL,
];

const TEMPERATURE: Role = Role {
    name: "temperature",
    summary: "temperature of the air",
    kinds: &[QuantityKind::Temperature],
};
const HUMIDITY: Role = Role {
    name: "humidity",
    summary: "relative humidity, over water",
    kinds: &[QuantityKind::RelativeHumidity],
};

/// A metric of temperature and humidity. Good where the curve over water is vouched for at the air's
/// temperature, and `vouched` holds of the air's temperature in °C and the result's number.
fn of_air<U: Into<Quantity> + 'static>(
    kind: QuantityKind,
    vouched: fn(f64, f64) -> bool,
    formula: fn(Celsius, Percent) -> Result<U, NoData>,
) -> (QuantityKind, Box<dyn Metric>) {
    let metric = pure(move |[air, humidity]| {
        let result = formula(Celsius::new(air)?, Percent::new(humidity)?)?.into();
        let is_vouched = saturation::VOUCHED.contains(&air) && vouched(air, result.number());
        Ok((result, Quality::good_if(is_vouched)))
    });
    (kind, metric)
}

/// A metric of temperature, humidity and pressure. Good where the curve over water is vouched for at
/// the air's temperature.
fn of_moist_air<U: Into<Quantity> + 'static>(
    kind: QuantityKind,
    formula: fn(Celsius, Percent, Hectopascal) -> Result<U, NoData>,
) -> (QuantityKind, Box<dyn Metric>) {
    let metric = pure(move |[air, humidity, pressure]| {
        let air = Celsius::new(air)?;
        let result = formula(air, Percent::new(humidity)?, Hectopascal::new(pressure)?)?;
        Ok((result.into(), Quality::good_if(saturation::VOUCHED.contains(&air.get()))))
    });
    (kind, metric)
}

#[cfg(test)]
mod tests;
