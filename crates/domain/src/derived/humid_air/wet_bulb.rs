//! What a wetted thermometer shows: from the psychrometric equation, and by Stull's fit.

use super::{
    HUMIDITY, PRESSURE, TEMPERATURE, mixing_ratio, of_air, of_moist_air, saturation, vapour,
};
use crate::{
    Celsius, Hectopascal, NoData, Percent, QuantityKind,
    derived::{Entry, Group},
};

/// Halvings of the span from -100 °C to the air's temperature: 300 K to 3·10⁻¹⁰ K.
const HALVINGS: u32 = 40;
/// Below every wet bulb of air that is not below -100 °C.
const COLDEST_CELSIUS: f64 = -101.0;

pub(super) const WET_BULB: Entry = Entry {
    function: "wet_bulb",
    group: Group::HumidAir,
    summary: "The thermodynamic wet-bulb temperature: of a water bulb from 0 °C, of an ice bulb \
              below.",
    source: "w = ((2501 - 2.326 t) w_s(t) - 1.006 (T - t)) / (2501 + 1.86 T - 4.186 t), over ice \
             ((2830 - 0.24 t) w_s(t) - 1.006 (T - t)) / (2830 + 1.86 T - 2.1 t), solved for t: \
             ASHRAE Fundamentals (2017), chapter 1, eq. 33 and 35",
    edges: "-100 to 100 °C of air, uncertain up to 200 °C; undefined outside and where vapour \
            alone has the whole pressure. Never above the air's temperature. Within 0.5 K of 0 °C \
            both bulbs can be; then it is the water bulb. A gap in is the same gap out.",
    roles: &[TEMPERATURE, HUMIDITY, PRESSURE],
    parameters: &[],
    example: "function = \"wet_bulb\"\ntemperature = \"outdoor.temperature\"\n\
              humidity = \"outdoor.humidity\"\npressure = \"outdoor.pressure\"\n",
    make: |_, _| Ok(of_moist_air(QuantityKind::Temperature, wet_bulb)),
};

pub(super) const WET_BULB_STULL: Entry = Entry {
    function: "wet_bulb_stull",
    group: Group::HumidAir,
    summary: "The wet-bulb temperature near sea level, by a fit that needs no pressure.",
    source: "T atan(0.151977 (RH + 8.313659)^½) + atan(T + RH) - atan(RH - 1.676331) + 0.00391838 \
             RH^1.5 atan(0.023101 RH) - 4.686035: Stull 2011, J. Appl. Meteor. Climatol. 50, eq. 1",
    edges: "1013 hPa, -20 to 50 °C, 5 to 99 %, without air both cold and dry, which is here RH below \
            27.7 - 2.27 T (73 % at -20 °C, 5 % at 10 °C): undefined elsewhere. \
            Errs by -1.2 to 1.2 K against wet_bulb. A gap in is the same gap out.",
    roles: &[TEMPERATURE, HUMIDITY],
    parameters: &[],
    example: "function = \"wet_bulb_stull\"\ntemperature = \"outdoor.temperature\"\n\
              humidity = \"outdoor.humidity\"\n",
    make: |_, _| Ok(of_air(QuantityKind::Temperature, |_, _| true, wet_bulb_stull)),
};

/// The temperature to which air cools when water evaporates into it until it is saturated, at constant
/// pressure and with no heat but its own: what an aspirated wet thermometer comes near to.
///
/// Solves the psychrometric equation of ASHRAE Fundamentals 2017 (chapter 1, eq. 33) by halving, 40
/// times. Where it has no solution from 0 °C, the bulb is of *ice* (eq. 35, saturated over ice); close
/// to 0 °C, where both have one (they are up to 0.5 K apart), the bulb is of water. Air that is
/// supersaturated over ice is its own wet bulb. The relative humidity is over water. Within
/// 0.01 K of `psychrolib` from -40 to 60 °C and 700 to 1060 hPa.
///
/// # Errors
///
/// [`NoData::Undefined`] outside of -100 to 200 °C, and if the vapour alone has the whole pressure.
pub fn wet_bulb(air: Celsius, humidity: Percent, pressure: Hectopascal) -> Result<Celsius, NoData> {
    let t = air.get();
    let actual = mixing_ratio(air, humidity, pressure)?.get() / 1e3;
    let is_water = t >= 0.0 && water_bulb_ratio(0.0, t, pressure) <= actual;
    let (ratio, low, high): (fn(f64, f64, Hectopascal) -> f64, _, _) = if is_water {
        (water_bulb_ratio, 0.0, t)
    } else {
        (ice_bulb_ratio, COLDEST_CELSIUS, t.min(0.0))
    };
    let (mut low, mut high) = (low, high);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if ratio(middle, t, pressure) > actual {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(Celsius::new(high)?)
}

/// The mixing ratio in kg/kg of air of `t` whose water bulb is at `bulb`; infinite where it boils.
fn water_bulb_ratio(bulb: f64, t: f64, pressure: Hectopascal) -> f64 {
    let saturated = vapour::ratio(saturation::WATER.hpa(bulb), pressure);
    saturated.map_or(f64::INFINITY, |saturated| {
        ((2501.0 - 2.326 * bulb) * saturated - 1.006 * (t - bulb))
            / (2501.0 + 1.86 * t - 4.186 * bulb)
    })
}

/// As [`water_bulb_ratio`], of ice.
fn ice_bulb_ratio(bulb: f64, t: f64, pressure: Hectopascal) -> f64 {
    let saturated = vapour::ratio(saturation::ICE.hpa(bulb), pressure);
    saturated.map_or(f64::INFINITY, |saturated| {
        ((2830.0 - 0.24 * bulb) * saturated - 1.006 * (t - bulb)) / (2830.0 + 1.86 * t - 2.1 * bulb)
    })
}

/// The wet-bulb temperature near sea level (1013 hPa), by Stull's fit: no pressure needed, but it errs by
/// -1.2 to 1.2 K. See [`wet_bulb`] for the truth.
///
/// Stull 2011, "Wet-Bulb Temperature from Relative Humidity and Air Temperature", J. Appl. Meteor.
/// Climatol. 50, eq. 1.
///
/// # Errors
///
/// [`NoData::Undefined`] outside of its range: -20 to 50 °C and 5 to 99 %, "except for situations having both
/// low humidity and cold temperature" (the abstract, which gives no line). The line here is straight from 73 %
/// at -20 °C to 5 % at 10 °C, `27.7 - 2.27 T`: beyond it the fit errs by up to 3.9 K against the psychrometric
/// equation, on this side by no more than it does elsewhere.
pub fn wet_bulb_stull(air: Celsius, humidity: Percent) -> Result<Celsius, NoData> {
    let (t, rh) = (air.get(), humidity.get());
    let in_range = (-20.0..=50.0).contains(&t) && (5.0..=99.0).contains(&rh);
    if !in_range || rh < 27.7 - 2.27 * t {
        return Err(NoData::Undefined);
    }
    let bulb = t * (0.151_977 * (rh + 8.313_659).sqrt()).atan() + (t + rh).atan()
        - (rh - 1.676_331).atan()
        + 0.003_918_38 * rh.powf(1.5) * (0.023_101 * rh).atan()
        - 4.686_035;
    Ok(Celsius::new(bulb)?)
}
