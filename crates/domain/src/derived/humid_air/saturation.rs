//! How much vapour saturates air, over water and over ice.
//!
//! Sonntag 1990 (Z. Meteorol. 70, 340-344), `ln e = a/T + b + c T + d T² + f ln T`, in hPa and K. One
//! curve for all of humid air, and its inverse, so that air is at its dew point exactly when it is
//! saturated. Against Hyland and Wexler 1983 (ASHRAE) over water it is within 0.03 %, against the IAPWS
//! within 0.01 %, from 0 to 100 °C. The Magnus forms are fits of such curves: within 0.3 %.
//!
//! # Deliberately absent
//!
//! The enhancement factor: what saturates moist air is taken to be what saturates a vacuum (0.5 % more).

use core::ops::RangeInclusive;

use crate::{Celsius, NoData, Percent};

/// Where the source vouches for the curve over water, in °C.
pub(super) const VOUCHED: RangeInclusive<f64> = -100.0..=100.0;
/// Beyond this, in °C, the curve is not even a guess; at 200 °C it is 0.7 % high.
const MEANT: RangeInclusive<f64> = -100.0..=200.0;
/// Steps of Newton from the Magnus form, which is within 0.5 K: 10⁻³, 10⁻⁸, 10⁻¹⁵ K.
const STEPS: usize = 4;

/// A curve, with the Magnus form `ln (e / 6.112 hPa) = B t / (C + t)` near it.
pub(super) struct Saturation {
    a: f64,
    b: f64,
    c: f64,
    d: f64,
    f: f64,
    magnus_b: f64,
    magnus_c: f64,
}

/// Over water.
pub(super) const WATER: Saturation = Saturation {
    a: -6_096.938_5,
    b: 16.635_794,
    c: -2.711_193e-2,
    d: 1.673_952e-5,
    f: 2.433_502,
    magnus_b: 17.62,
    magnus_c: 243.12,
};

/// Over ice.
pub(super) const ICE: Saturation = Saturation {
    a: -6_024.528_2,
    b: 24.721_9,
    c: 1.061_386_8e-2,
    d: -1.319_882_5e-5,
    f: -0.493_825_77,
    magnus_b: 22.46,
    magnus_c: 272.62,
};

impl Saturation {
    /// What saturates air at that temperature, in hPa.
    pub(super) fn hpa(&self, celsius: f64) -> f64 {
        self.log_hpa(celsius).exp()
    }

    fn log_hpa(&self, celsius: f64) -> f64 {
        let kelvin = celsius + 273.15;
        self.a / kelvin + self.b + (self.c + self.d * kelvin) * kelvin + self.f * kelvin.ln()
    }

    /// The temperature at which `vapour` saturates air, in °C.
    ///
    /// # Errors
    ///
    /// `Undefined` below -100 °C, and so for no vapour.
    pub(super) fn celsius(&self, vapour_hpa: f64) -> Result<f64, NoData> {
        let log = vapour_hpa.ln();
        if log < self.log_hpa(*VOUCHED.start()) {
            return Err(NoData::Undefined);
        }
        let above = log - 6.112_f64.ln();
        let mut celsius = self.magnus_c * above / (self.magnus_b - above);
        for _ in 0..STEPS {
            let kelvin = celsius + 273.15;
            let slope =
                -self.a / (kelvin * kelvin) + self.c + 2.0 * self.d * kelvin + self.f / kelvin;
            celsius -= (self.log_hpa(celsius) - log) / slope;
        }
        Ok(celsius)
    }
}

/// The vapour in the air, in hPa.
///
/// # Errors
///
/// `Undefined` outside of -100 to 200 °C, where the curve means nothing.
pub(super) fn vapour_hpa(air: Celsius, humidity: Percent) -> Result<f64, NoData> {
    if !MEANT.contains(&air.get()) {
        return Err(NoData::Undefined);
    }
    Ok(humidity.get() / 100.0 * WATER.hpa(air.get()))
}
