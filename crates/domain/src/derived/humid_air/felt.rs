//! What the weather feels like: heat index, humidex, wind chill.

use super::{HUMIDITY, TEMPERATURE, dew_point, of_air};
use crate::{
    Celsius, MetrePerSecond, NoData, Percent, Quality, QuantityKind, Ratio,
    derived::{Entry, Group, Role, pure::pure},
};

/// The top of the service's chart, 137 °F, in °C.
const HEAT_INDEX_CHARTED: f64 = 58.4;

pub(super) const HEAT_INDEX: Entry = Entry {
    function: "heat_index",
    group: Group::HumidAir,
    summary: "How hot it feels in the shade.",
    source: "Steadman's simple form below 80 °F, else Rothfusz 1990 with both adjustments: the \
             procedure of the US National Weather Service, `The Heat Index Equation`; the rule for 40 °F \
             is of its calculator, as Anderson, Bell and Peng 2013 (Environ. Health Perspect. 121) give it",
    edges: "Up to 40 °F (4.4 °C) the air's temperature. Uncertain above 58 °C, the top of the service's \
            chart. A gap in is the same gap out.",
    roles: &[TEMPERATURE, HUMIDITY],
    parameters: &[],
    example: "function = \"heat_index\"\ntemperature = \"outdoor.temperature\"\n\
              humidity = \"outdoor.humidity\"\n",
    make: |_, _| {
        Ok(of_air(QuantityKind::Temperature, |_, index| index <= HEAT_INDEX_CHARTED, heat_index))
    },
};

pub(super) const HUMIDEX: Entry = Entry {
    function: "humidex",
    group: Group::HumidAir,
    summary: "The Canadian index of humid heat; a number without a unit, near degrees Celsius.",
    source: "T + 5/9 (e - 10), e = 6.11 exp(5417.753 (1/273.16 - 1/(273.15 + Td))) hPa: Masterton \
             and Richardson 1979, as Environment and Climate Change Canada has it; Td by dew_point",
    edges: "Uncertain where the Canadian service does not report it: below 20 °C of air or less \
            than 1 above the air's temperature. Undefined where dew_point is. A gap in is the same \
            gap out.",
    roles: &[TEMPERATURE, HUMIDITY],
    parameters: &[],
    example: "function = \"humidex\"\ntemperature = \"outdoor.temperature\"\n\
              humidity = \"outdoor.humidity\"\n",
    make: |_, _| {
        let vouched = |air, index| air >= 20.0 && index >= air + 1.0;
        Ok(of_air(QuantityKind::Dimensionless, vouched, humidex))
    },
};

pub(super) const WIND_CHILL: Entry = Entry {
    function: "wind_chill",
    group: Group::HumidAir,
    summary: "How cold wind makes it feel.",
    source: "13.12 + 0.6215 T - 11.37 V^0.16 + 0.3965 T V^0.16, V in km/h: Joint Action Group on \
             Temperature Indices 2001, used by the US and Canadian services",
    edges: "Undefined above 10 °C and up to 3 mph (4.83 km/h) of wind, as the US National Weather \
            Service defines it; uncertain below -45 °F and above 60 mph, beyond its chart. A gap \
            in is the same gap out.",
    roles: &[
        TEMPERATURE,
        Role {
            name: "wind",
            summary: "speed of the wind 10 m above ground",
            kinds: &[QuantityKind::Speed],
        },
    ],
    parameters: &[],
    example: "function = \"wind_chill\"\ntemperature = \"outdoor.temperature\"\n\
              wind = \"mast.wind_speed\"\n",
    make: |_, _| {
        let metric = pure(|[air, wind]| {
            let chill = wind_chill(Celsius::new(air)?, MetrePerSecond::new(wind)?)?;
            let charted = air >= fahrenheit_to_celsius(-45.0) && wind <= 60.0 * MPH;
            Ok((chill.into(), Quality::good_if(charted)))
        });
        Ok((QuantityKind::Temperature, metric))
    },
};

/// A mile per hour in metres per second.
const MPH: f64 = 0.447_04;

/// How hot it feels in the shade, by the whole procedure of the US National Weather Service.
///
/// Up to 40 °F it is the air's temperature: that is not in *The Heat Index Equation*, but in the service's
/// calculator as Anderson, Bell and Peng (2013, Environ. Health Perspect. 121:1111) give it, in their R package
/// `weathermetrics`, and in `MetPy`. Else Steadman's simple form, averaged with the air's temperature,
/// `1.1 T - 10.3 + 0.047 RH` (in °F); from 80 °F of this on the regression of Rothfusz (1990,
/// SR 90-23), less `(13 - RH)/4 · √((17 - |T - 95|)/17)` up to 13 % and from 80 to 112 °F, plus
/// `(RH - 85)/10 · (87 - T)/5` above 85 % and from 80 to 87 °F. Charted up to 137 °F.
///
/// # Errors
///
/// [`NoData::Implausible`] for air so hot that the regression gives no temperature.
pub fn heat_index(air: Celsius, humidity: Percent) -> Result<Celsius, NoData> {
    let (t, rh) = (air.get() * 1.8 + 32.0, humidity.get());
    let simple = 1.1 * t - 10.3 + 0.047 * rh;
    let fahrenheit = if t <= 40.0 {
        return Ok(air);
    } else if simple < 80.0 {
        simple
    } else {
        rothfusz(t, rh) + adjustment(t, rh)
    };
    Ok(Celsius::new(fahrenheit_to_celsius(fahrenheit))?)
}

fn rothfusz(t: f64, rh: f64) -> f64 {
    -42.379 + 2.049_015_23 * t + 10.143_331_27 * rh
        - 0.224_755_41 * t * rh
        - 6.837_83e-3 * t * t
        - 5.481_717e-2 * rh * rh
        + 1.228_74e-3 * t * t * rh
        + 8.5282e-4 * t * rh * rh
        - 1.99e-6 * t * t * rh * rh
}

fn adjustment(t: f64, rh: f64) -> f64 {
    if rh < 13.0 && (80.0..=112.0).contains(&t) {
        -(13.0 - rh) / 4.0 * ((17.0 - (t - 95.0).abs()) / 17.0).sqrt()
    } else if rh > 85.0 && (80.0..=87.0).contains(&t) {
        (rh - 85.0) / 10.0 * ((87.0 - t) / 5.0)
    } else {
        0.0
    }
}

fn fahrenheit_to_celsius(fahrenheit: f64) -> f64 {
    (fahrenheit - 32.0) / 1.8
}

/// The Canadian index of humid heat: `T + 5/9 (e - 10)` with
/// `e = 6.11 exp(5417.753 (1/273.16 - 1/(273.15 + Td)))` hPa of the [`dew_point`].
///
/// Masterton and Richardson 1979. The service gives it without a unit, for air from 20 °C on and where
/// it is at least 1 above the air's temperature. In dry air it is below that.
///
/// # Errors
///
/// As [`dew_point`].
pub fn humidex(air: Celsius, humidity: Percent) -> Result<Ratio, NoData> {
    let dew_kelvin = dew_point(air, humidity)?.get() + 273.15;
    let vapour_hpa = 6.11 * (5_417.753 * (1.0 / 273.16 - 1.0 / dew_kelvin)).exp();
    Ok(Ratio::new(air.get() + 5.0 / 9.0 * (vapour_hpa - 10.0))?)
}

/// How cold `wind`, 10 m above ground, makes `air` feel:
/// `13.12 + 0.6215 T - 11.37 V^0.16 + 0.3965 T V^0.16` with `V` in km/h.
///
/// Joint Action Group on Temperature Indices 2001. The charts end at -45 °F and 60 mph.
///
/// # Errors
///
/// [`NoData::Undefined`] above 10 °C and in wind up to 3 mph (4.83 km/h), where the US National Weather
/// Service defines no wind chill: the air's temperature in its place would look like one.
pub fn wind_chill(air: Celsius, wind: MetrePerSecond) -> Result<Celsius, NoData> {
    if air.get() > 10.0 || wind.get() <= 3.0 * MPH {
        return Err(NoData::Undefined);
    }
    let v = (wind.get() * 3.6).powf(0.16);
    let chill = 13.12 + 0.6215 * air.get() - 11.37 * v + 0.3965 * air.get() * v;
    Ok(Celsius::new(chill)?)
}
