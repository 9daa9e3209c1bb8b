//! Pressure of the air and height.
//!
//! Two forms of the pressure at sea level, which differ by up to 8 hPa at 500 m; each is named after
//! what it assumes of the air between the station and the sea.
//!
//! # Deliberately absent
//!
//! Humidity of the column of air (less than 0.5 hPa at 500 m), and the many national rules of reduction.

use super::{Entry, Group, Role, pure::pure};
use crate::{
    Celsius, Hectopascal, Metre, NoData, Quality, QuantityKind,
    parameter::{Parameter, Preset, Value},
};

pub(super) const ENTRIES: &[Entry] = &[ALTITUDE, SEA_LEVEL_PRESSURE_STANDARD, SEA_LEVEL_PRESSURE];

/// Standard gravity, m/s².
const GRAVITY: f64 = 9.806_65;
/// Specific gas constant of dry air, J/(kg K): ICAO.
const DRY_AIR: f64 = 287.052_87;
/// How much colder it gets with height in the ICAO standard atmosphere, K/m.
const LAPSE: f64 = 0.006_5;
/// The temperature at sea level of the ICAO standard atmosphere, K.
const SEA_LEVEL_KELVIN: f64 = 288.15;
/// Where the ICAO standard atmosphere begins, and where its lapse ends, m.
const TROPOSPHERE_METRES: core::ops::RangeInclusive<f64> = -5_000.0..=11_000.0;

/// The air of a place.
pub(super) const PRESSURE: Role = Role {
    name: "pressure",
    summary: "pressure of the air where it is, not reduced to sea level",
    kinds: &[QuantityKind::Pressure],
};
const ELEVATION: Parameter = Parameter {
    name: "elevation_m",
    summary: "height of the barometer above mean sea level",
    value: Value::Number { unit: "m", low: -500.0, high: 9_000.0, preset: Preset::Required(120.0) },
};

const ALTITUDE: Entry = Entry {
    function: "altitude",
    group: Group::Pressure,
    summary: "The height above where the reference pressure is, in the ICAO standard atmosphere.",
    source: "288.15 K / L · (1 - (p/p0)^(R L / g)), L = 0.0065 K/m, R = 287.05287 J/(kg K), g = \
             9.80665 m/s2: ICAO Doc 7488 (1993)",
    edges: "-5,000 to 11,000 m, the troposphere; undefined outside. With 1013.25 hPa it is the \
            pressure altitude. A gap in is the same gap out.",
    roles: &[PRESSURE],
    parameters: &[Parameter {
        name: "reference_hpa",
        summary: "pressure at height 0",
        value: Value::Number {
            unit: "hPa",
            low: 800.0,
            high: 1_200.0,
            preset: Preset::Default(1_013.25),
        },
    }],
    example: "function = \"altitude\"\npressure = \"balloon.pressure\"\nreference_hpa = 1018.4\n",
    make: |_, arguments| {
        let reference = arguments.number("reference_hpa")?;
        let metric = pure(move |[pressure]| {
            let metres = altitude(Hectopascal::new(pressure)?, Hectopascal::new(reference)?)?;
            Ok((metres.into(), Quality::Good))
        });
        Ok((QuantityKind::Altitude, metric))
    },
};

const SEA_LEVEL_PRESSURE_STANDARD: Entry = Entry {
    function: "sea_level_pressure_standard",
    group: Group::Pressure,
    summary: "The pressure at sea level, if the air were as in the standard atmosphere.",
    source: "p / (1 - h/44330)^5.255: Bosch Sensortec, BMP180 datasheet, section 3.7",
    edges: "-500 to 9,000 m. Knows no temperature: at 500 m up to 8 hPa off in frost. A gap in is \
            the same gap out.",
    roles: &[PRESSURE],
    parameters: &[ELEVATION],
    example: "function = \"sea_level_pressure_standard\"\npressure = \"station.pressure\"\n\
              elevation_m = 212.0\n",
    make: |_, arguments| {
        let elevation = arguments.number("elevation_m")?;
        let metric = pure(move |[pressure]| {
            let station = Hectopascal::new(pressure)?;
            let sea = sea_level_pressure_standard(station, Metre::new(elevation)?)?;
            Ok((sea.into(), Quality::Good))
        });
        Ok((QuantityKind::Pressure, metric))
    },
};

const SEA_LEVEL_PRESSURE: Entry = Entry {
    function: "sea_level_pressure",
    group: Group::Pressure,
    summary: "The pressure at sea level, by the temperature at the station.",
    source: "p exp(g h / (R (T + L h / 2))), T in K, L = 0.0065 K/m, R = 287.05287 J/(kg K), g = \
             9.80665 m/s2: the hypsometric equation",
    edges: "-500 to 9,000 m; uncertain above 750 m, where a column of air through the ground means \
            little, and outside of -60 to 60 °C; undefined below -150 °C. A gap in is the same gap \
            out.",
    roles: &[
        PRESSURE,
        Role {
            name: "temperature",
            summary: "temperature of the air at the station",
            kinds: &[QuantityKind::Temperature],
        },
    ],
    parameters: &[ELEVATION],
    example: "function = \"sea_level_pressure\"\npressure = \"station.pressure\"\n\
              temperature = \"station.temperature\"\nelevation_m = 212.0\n",
    make: |_, arguments| {
        let elevation = arguments.number("elevation_m")?;
        let metric = pure(move |[pressure, air]| {
            let station = Hectopascal::new(pressure)?;
            let sea = sea_level_pressure(station, Celsius::new(air)?, Metre::new(elevation)?)?;
            let vouched = elevation <= 750.0 && (-60.0..=60.0).contains(&air);
            Ok((sea.into(), Quality::good_if(vouched)))
        });
        Ok((QuantityKind::Pressure, metric))
    },
};

/// The height in the ICAO standard atmosphere (Doc 7488, 1993) above where `reference` is:
/// `288.15 / L · (1 - (p / p0)^(R L / g))` m, of geopotential.
///
/// # Errors
///
/// [`NoData::Undefined`] outside of -5,000 to 11,000 m, where the lapse of 6.5 K/km ends.
pub fn altitude(pressure: Hectopascal, reference: Hectopascal) -> Result<Metre, NoData> {
    let ratio = pressure.get() / reference.get();
    let metres = SEA_LEVEL_KELVIN / LAPSE * (1.0 - ratio.powf(DRY_AIR * LAPSE / GRAVITY));
    if !TROPOSPHERE_METRES.contains(&metres) {
        return Err(NoData::Undefined);
    }
    Ok(Metre::new(metres)?)
}

/// The pressure at sea level if the air were as in the standard atmosphere, which has 15 °C there:
/// `p / (1 - h / 44330)^5.255` (Bosch Sensortec, BMP180 datasheet, section 3.7). From -500 to 9,000 m.
///
/// # Errors
///
/// [`NoData::Undefined`] from 44,330 m on, where there is no air.
pub fn sea_level_pressure_standard(
    station: Hectopascal,
    elevation: Metre,
) -> Result<Hectopascal, NoData> {
    let base = 1.0 - elevation.get() / 44_330.0;
    if base <= 0.0 {
        return Err(NoData::Undefined);
    }
    Ok(Hectopascal::new(station.get() / base.powf(5.255))?)
}

/// The pressure at sea level by the hypsometric equation: `p exp(g h / (R Tm))`, where the mean
/// temperature of the column `Tm` is that of the air at the station and 6.5 K/km of half the height more.
/// Dry air. Within 0.04 hPa of `psychrolib` (ASHRAE), which takes rounder constants.
///
/// # Errors
///
/// [`NoData::Undefined`] if the column is colder than -150 °C.
pub fn sea_level_pressure(
    station: Hectopascal,
    air: Celsius,
    elevation: Metre,
) -> Result<Hectopascal, NoData> {
    let column_kelvin = air.get() + 273.15 + LAPSE * elevation.get() / 2.0;
    if column_kelvin < 123.15 {
        return Err(NoData::Undefined);
    }
    let exponent = GRAVITY * elevation.get() / (DRY_AIR * column_kelvin);
    Ok(Hectopascal::new(station.get() * exponent.exp())?)
}

#[cfg(test)]
mod tests;
