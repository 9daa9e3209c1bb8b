//! How much vapour there is, and the heat in moist air.

use super::{HUMIDITY, PRESSURE, TEMPERATURE, of_air, of_moist_air, saturation};
use crate::{
    Celsius, GramPerCubicMetre, GramPerKilogram, Hectopascal, KilojoulePerKilogram, Kilopascal,
    NoData, Percent, QuantityKind,
    derived::{Entry, Group},
};

/// Mass of a mole of water by that of dry air: ASHRAE Fundamentals (2017), chapter 1.
const WATER_BY_AIR: f64 = 0.621_945;

pub(super) const VAPOUR_PRESSURE: Entry = Entry {
    function: "vapour_pressure",
    group: Group::HumidAir,
    summary: "The partial pressure of the water vapour.",
    source: "e = RH/100 e_w(T), ln e_w = -6096.9385/T + 16.635794 - 0.02711193 T + 1.673952e-5 T^2 \
             + 2.433502 ln T in hPa and K, over water: Sonntag 1990, Z. Meteorol. 70",
    edges: "-100 to 100 °C of air, uncertain up to 200 °C, undefined outside. 0 hPa at 0 %. A gap \
            in is the same gap out.",
    roles: &[TEMPERATURE, HUMIDITY],
    parameters: &[],
    example: "function = \"vapour_pressure\"\ntemperature = \"room.temperature\"\n\
              humidity = \"room.humidity\"\n",
    make: |_, _| Ok(of_air(QuantityKind::Pressure, |_, _| true, vapour_pressure)),
};

pub(super) const VAPOUR_PRESSURE_DEFICIT: Entry = Entry {
    function: "vapour_pressure_deficit",
    group: Group::HumidAir,
    summary: "How much more vapour the air could hold, at the temperature of the air, not of a \
              leaf.",
    source: "(1 - RH/100) · e_w(T), with e_w over water as for vapour_pressure",
    edges: "As vapour_pressure; 0 kPa at 100 %.",
    roles: &[TEMPERATURE, HUMIDITY],
    parameters: &[],
    example: "function = \"vapour_pressure_deficit\"\ntemperature = \"room.temperature\"\n\
              humidity = \"room.humidity\"\n",
    make: |_, _| {
        Ok(of_air(QuantityKind::VapourPressureDeficit, |_, _| true, vapour_pressure_deficit))
    },
};

pub(super) const ABSOLUTE_HUMIDITY: Entry = Entry {
    function: "absolute_humidity",
    group: Group::HumidAir,
    summary: "The mass of water vapour in a cubic metre of air.",
    source: "216.68 e / T, with e in hPa as for vapour_pressure and T in K: ideal gas, 461.5 J/(kg \
             K)",
    edges: "As vapour_pressure; 0 g/m3 at 0 %.",
    roles: &[TEMPERATURE, HUMIDITY],
    parameters: &[],
    example: "function = \"absolute_humidity\"\ntemperature = \"room.temperature\"\n\
              humidity = \"room.humidity\"\n",
    make: |_, _| Ok(of_air(QuantityKind::AbsoluteHumidity, |_, _| true, absolute_humidity)),
};

pub(super) const MIXING_RATIO: Entry = Entry {
    function: "mixing_ratio",
    group: Group::HumidAir,
    summary: "The mass of water vapour per kilogram of dry air.",
    source: "621.945 e / (p - e) g/kg, with e as for vapour_pressure: ASHRAE Fundamentals (2017), \
             chapter 1, eq. 20",
    edges: "As vapour_pressure; 0 g/kg at 0 %, undefined where the vapour alone has the whole \
            pressure.",
    roles: &[TEMPERATURE, HUMIDITY, PRESSURE],
    parameters: &[],
    example: "function = \"mixing_ratio\"\ntemperature = \"room.temperature\"\n\
              humidity = \"room.humidity\"\npressure = \"room.pressure\"\n",
    make: |_, _| Ok(of_moist_air(QuantityKind::MixingRatio, mixing_ratio)),
};

pub(super) const ENTHALPY: Entry = Entry {
    function: "enthalpy",
    group: Group::HumidAir,
    summary: "The heat in moist air per kilogram of dry air, from 0 °C and liquid water.",
    source: "1.006 T + w (2501 + 1.86 T) kJ/kg, with w as for mixing_ratio in kg/kg: ASHRAE \
             Fundamentals (2017), chapter 1, eq. 30",
    edges: "As mixing_ratio; at 0 % the heat of dry air.",
    roles: &[TEMPERATURE, HUMIDITY, PRESSURE],
    parameters: &[],
    example: "function = \"enthalpy\"\ntemperature = \"room.temperature\"\n\
              humidity = \"room.humidity\"\npressure = \"room.pressure\"\n",
    make: |_, _| Ok(of_moist_air(QuantityKind::SpecificEnthalpy, enthalpy)),
};

/// The partial pressure of the water vapour in air: `e = RH / 100 · e_w(T)`, with
/// `ln e_w = -6096.9385 / T + 16.635794 - 0.02711193 T + 1.673952·10⁻⁵ T² + 2.433502 ln T` in hPa and K.
///
/// Over *water* at all temperatures, as sensors report relative humidity. Vouched for from -100 to
/// 100 °C (Sonntag 1990, Z. Meteorol. 70). 0 hPa at 0 %.
///
/// # Errors
///
/// [`NoData::Undefined`] outside of -100 to 200 °C.
pub fn vapour_pressure(air: Celsius, humidity: Percent) -> Result<Hectopascal, NoData> {
    Ok(Hectopascal::new(saturation::vapour_hpa(air, humidity)?)?)
}

/// What lacks in the vapour pressure for saturation over water at the air's temperature:
/// `(1 - RH / 100) · e_w(T)`, in kPa. See [`vapour_pressure`]. Leaves are cooler than the air or warmer;
/// theirs is another.
///
/// # Errors
///
/// [`NoData::Undefined`] outside of -100 to 200 °C.
pub fn vapour_pressure_deficit(air: Celsius, humidity: Percent) -> Result<Kilopascal, NoData> {
    let vapour = saturation::vapour_hpa(air, humidity)?;
    Ok(Kilopascal::new((saturation::WATER.hpa(air.get()) - vapour) / 10.0)?)
}

/// The mass of water vapour in a volume of air: `216.68 e / T` g/m³, with [`vapour_pressure`] `e` in hPa
/// and `T` in K. Vapour as an ideal gas of 461.5 J/(kg K); a real one has up to 0.8 % more.
///
/// # Errors
///
/// [`NoData::Undefined`] outside of -100 to 200 °C.
pub fn absolute_humidity(air: Celsius, humidity: Percent) -> Result<GramPerCubicMetre, NoData> {
    let vapour = vapour_pressure(air, humidity)?.get();
    Ok(GramPerCubicMetre::new(216.68 * vapour / (air.get() + 273.15))?)
}

/// The mass of water vapour per mass of dry air: `621.945 e / (p - e)` g/kg, with [`vapour_pressure`] `e`
/// (ASHRAE Fundamentals 2017, chapter 1, eq. 20). Without the enhancement factor, as all here.
///
/// # Errors
///
/// [`NoData::Undefined`] outside of -100 to 200 °C, and if `e` is the whole pressure or more.
pub fn mixing_ratio(
    air: Celsius,
    humidity: Percent,
    pressure: Hectopascal,
) -> Result<GramPerKilogram, NoData> {
    let vapour = vapour_pressure(air, humidity)?;
    Ok(GramPerKilogram::new(1e3 * ratio(vapour.get(), pressure).ok_or(NoData::Undefined)?)?)
}

/// Enthalpy of moist air per mass of dry air: `1.006 T + w (2501 + 1.86 T)` kJ/kg, with the
/// [`mixing_ratio`] `w` in kg/kg (ASHRAE Fundamentals 2017, chapter 1, eq. 30). Zero is dry air at 0 °C
/// and liquid water at 0 °C.
///
/// # Errors
///
/// As [`mixing_ratio`].
pub fn enthalpy(
    air: Celsius,
    humidity: Percent,
    pressure: Hectopascal,
) -> Result<KilojoulePerKilogram, NoData> {
    let (t, w) = (air.get(), mixing_ratio(air, humidity, pressure)?.get() / 1e3);
    Ok(KilojoulePerKilogram::new(1.006 * t + w * (2501.0 + 1.86 * t))?)
}

/// Mass of vapour per mass of dry air in kg/kg; nothing if the vapour alone has the whole pressure.
pub(super) fn ratio(vapour_hpa: f64, pressure: Hectopascal) -> Option<f64> {
    let dry = pressure.get() - vapour_hpa;
    (dry > 0.0).then(|| WATER_BY_AIR * vapour_hpa / dry)
}
