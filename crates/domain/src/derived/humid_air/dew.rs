//! Where dew and hoar frost form.

use super::{HUMIDITY, TEMPERATURE, of_air, saturation};
use crate::{
    Celsius, NoData, Percent, QuantityKind,
    derived::{Entry, Group},
};

pub(super) const DEW_POINT: Entry = Entry {
    function: "dew_point",
    group: Group::HumidAir,
    summary: "The temperature at which dew would form, over water also in frost.",
    source: "e_w(Td) = RH/100 e_w(T), solved for Td; e_w over water by Sonntag 1990",
    edges: "-100 to 100 °C of air, uncertain up to 200 °C; undefined outside, at 0 % and where it \
            would be below -100 °C. At 100 % it is the air's temperature. A gap in is the same gap \
            out.",
    roles: &[TEMPERATURE, HUMIDITY],
    parameters: &[],
    example: "function = \"dew_point\"\ntemperature = \"outdoor.temperature\"\n\
              humidity = \"outdoor.humidity\"\n",
    make: |_, _| Ok(of_air(QuantityKind::Temperature, |_, _| true, dew_point)),
};

pub(super) const FROST_POINT: Entry = Entry {
    function: "frost_point",
    group: Group::HumidAir,
    summary: "The temperature at which hoar frost would form.",
    source: "e_i(Tf) = RH/100 e_w(T), solved for Tf; e_i over ice and e_w over water by Sonntag \
             1990",
    edges: "As dew_point, but undefined where the dew point is above 0 °C. Above the air's \
            temperature where the air is supersaturated over ice.",
    roles: &[TEMPERATURE, HUMIDITY],
    parameters: &[],
    example: "function = \"frost_point\"\ntemperature = \"outdoor.temperature\"\n\
              humidity = \"outdoor.humidity\"\n",
    make: |_, _| Ok(of_air(QuantityKind::Temperature, |_, _| true, frost_point)),
};

/// The temperature to which air must be cooled, at constant pressure, for dew to form.
///
/// That at which its vapour, `RH / 100 · e_w(T)`, saturates air over *water*: `e_w(Td)`, Sonntag 1990.
/// Below 0 °C this is still the dew point, not the [frost point](frost_point), because humidity sensors
/// report relative humidity over water. Against other formulations it agrees within 0.1 °C. At 100 % it
/// is the air temperature.
///
/// # Errors
///
/// [`NoData::Undefined`] for perfectly dry air, which has no dew point, below -100 °C, and for air
/// outside of -100 to 200 °C.
pub fn dew_point(air: Celsius, humidity: Percent) -> Result<Celsius, NoData> {
    let dew = saturation::WATER.celsius(saturation::vapour_hpa(air, humidity)?)?;
    // Rounding may lift saturated air above its own temperature by an ulp; physics does not.
    Ok(Celsius::new(dew.min(air.get()))?)
}

/// The temperature to which air must be cooled, at constant pressure, for hoar frost to form.
///
/// As [`dew_point`], but that at which its vapour saturates air over *ice*. The relative humidity is the
/// one over water that sensors report. It is above the dew point by about a tenth of its degrees below
/// zero, and above the air temperature where the air is supersaturated over ice: -8.9 °C at -10 °C and
/// 100 %.
///
/// # Errors
///
/// As [`dew_point`]; and [`NoData::Undefined`] where the dew point is above 0 °C: dew forms, not frost.
pub fn frost_point(air: Celsius, humidity: Percent) -> Result<Celsius, NoData> {
    let vapour = saturation::vapour_hpa(air, humidity)?;
    if vapour > saturation::WATER.hpa(0.0) {
        return Err(NoData::Undefined);
    }
    // The two curves meet at 0.01 °C, the triple point.
    Ok(Celsius::new(saturation::ICE.celsius(vapour)?.min(0.0))?)
}
