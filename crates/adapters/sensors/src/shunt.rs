//! What the current monitors of one family share: a shunt, and a calibration that follows from it.
//!
//! # Terms
//!
//! * **Shunt voltage** — what the current drops over the shunt resistor; the chip clips it.
//! * **Calibration** — the number by which the chip multiplies the shunt voltage to get its current
//!   register. Volatile: zero after power-on, and then every current reads as zero.
//! * **Step** — the current that one count of that register stands for.
//!
//! # The step is taken from the calibration
//!
//! The datasheets choose the step, then cut the calibration to an integer. The cut shows in every
//! current, by up to a part in a few thousand. Here the step is computed back from the integer.

use domain::{NoData, Quantity, QuantityKind};

use crate::{BadOptions, Parameter, Point, Preset, Value, rounded, settings::limited};

/// The sensors of each of them, in the order of their indices. What the finest step of current and
/// power is depends on the shunt: these are of 0.1 Ω and 3.2 A.
pub(crate) const SENSORS: &[Point] = &[
    Point { name: "voltage", kind: QuantityKind::Voltage, resolution: 0.004, low: 0.0, high: 36.0 },
    Point { name: "current", kind: QuantityKind::Current, resolution: 1e-4, low: -1e4, high: 1e4 },
    Point { name: "power", kind: QuantityKind::Power, resolution: 4e-4, low: -3.6e5, high: 3.6e5 },
];

/// By A1 and A0, each at ground, supply, SDA or SCL.
pub(crate) const ADDRESSES: &[u8] = &[
    0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F,
];

/// What a shunt can be: from a copper trace to a resistor for microamperes.
const SHUNT_OHMS: (f64, f64) = (1e-5, 1e4);
/// The highest current that a shunt can be chosen for.
const CURRENT_MAX_AMPERES: (f64, f64) = (1e-6, 1e4);

/// The resistor.
pub(crate) const OHMS: Parameter = Parameter {
    name: "shunt_ohms",
    summary: "the resistor that the current flows through",
    value: Value::Number {
        unit: "Ohm",
        low: SHUNT_OHMS.0,
        high: SHUNT_OHMS.1,
        preset: Preset::Required(0.01),
    },
};

/// The range of the current.
pub(crate) const CURRENT_MAX: Parameter = Parameter {
    name: "current_max_amperes",
    summary: "the highest current to measure; the lower, the finer the steps",
    value: Value::Number {
        unit: "A",
        low: CURRENT_MAX_AMPERES.0,
        high: CURRENT_MAX_AMPERES.1,
        preset: Preset::Required(8.0),
    },
};

/// A nanoampere, a nanowatt and a millivolt: below one count of any calibration.
const STEPS_PER_AMPERE: f64 = 1e9;
const STEPS_PER_VOLT: f64 = 1e5;

/// One kind of chip.
pub(crate) struct Family {
    /// The internal constant of the calibration: 0.04096 or 0.00512.
    pub(crate) constant: f64,
    /// The highest calibration that the register takes.
    pub(crate) word_max: u16,
    /// Bits of the calibration that always read as zero.
    pub(crate) unused: u16,
    /// The highest shunt voltage that the chip can be set to take.
    pub(crate) shunt_volts_max: f64,
}

/// What is written to the chip, and what its counts then mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Calibration {
    pub(crate) word: u16,
    /// Amperes.
    pub(crate) step: f64,
    /// The drop at the highest current.
    pub(crate) shunt_volts: f64,
}

impl Calibration {
    pub(crate) fn new(family: &Family, ohms: f64, amperes: f64) -> Result<Self, BadOptions> {
        limited("shunt_ohms", ohms, SHUNT_OHMS)?;
        limited("current_max_amperes", amperes, CURRENT_MAX_AMPERES)?;
        // To the nanovolt: 0.1 Ω times 3.2 A is more than 0.32 V in binary fractions.
        let shunt_volts = rounded(ohms * amperes, 1e9);
        limited(
            "current_max_amperes",
            shunt_volts / ohms,
            (1e-9 / ohms, family.shunt_volts_max / ohms),
        )?;
        let word =
            floor(family.constant * 32_768.0 / shunt_volts).min(family.word_max) & !family.unused;
        Ok(Self { word, step: family.constant / (f64::from(word) * ohms), shunt_volts })
    }
}

/// The highest word that is not above `number`.
fn floor(number: f64) -> u16 {
    let (mut low, mut high) = (0, u16::MAX);
    while low < high {
        let middle = high - (high - low) / 2;
        if f64::from(middle) <= number {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

/// Voltage, current and their product, which the chip's own power register has without its sign.
pub(crate) fn outcomes(
    volts: Result<f64, NoData>,
    amperes: Result<f64, NoData>,
) -> Vec<(usize, Result<Quantity, NoData>)> {
    let quantity = |kind: QuantityKind, number: Result<f64, NoData>, steps| {
        kind.quantity(rounded(number?, steps)).map_err(|_| NoData::Implausible)
    };
    let watts = volts.and_then(|volts| Ok(volts * amperes?));
    vec![
        (0, quantity(QuantityKind::Voltage, volts, STEPS_PER_VOLT)),
        (1, quantity(QuantityKind::Current, amperes, STEPS_PER_AMPERE)),
        (2, quantity(QuantityKind::Power, watts, STEPS_PER_AMPERE)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const INA219: Family =
        Family { constant: 0.040_96, word_max: u16::MAX, unused: 1, shunt_volts_max: 0.32 };

    #[test]
    fn the_calibration_is_the_datasheets_and_its_cut_does_not_show_in_the_step() {
        // INA219, table 8: 2 mΩ and 15 A, for which the finest step is 457.7 µA.
        let calibration = Calibration::new(&INA219, 0.002, 15.0).unwrap();
        assert_eq!(calibration.word, 44_738);
        assert!((calibration.step * f64::from(calibration.word) * 0.002 - 0.040_96).abs() < 1e-15);
        assert!(calibration.step * 32_768.0 >= 15.0);
    }

    #[test]
    fn a_small_drop_takes_the_finest_step_there_is() {
        assert_eq!(Calibration::new(&INA219, 0.1, 1e-3).map(|found| found.word), Ok(65_534));
    }

    #[test]
    fn a_shunt_that_cannot_be_measured_is_refused() {
        for (ohms, amperes, name) in [
            (f64::NAN, 1.0, "shunt_ohms"),
            (0.0, 1.0, "shunt_ohms"),
            (0.1, f64::INFINITY, "current_max_amperes"),
            (0.1, -1.0, "current_max_amperes"),
            (0.1, 3.3, "current_max_amperes"),
            (1e-5, 1e-6, "current_max_amperes"),
        ] {
            let refused = Calibration::new(&INA219, ohms, amperes).unwrap_err();
            let BadOptions::Unfit { parameter: found, .. } = refused else { panic!("{refused}") };
            assert_eq!(found, name);
        }
    }

    #[test]
    fn power_has_the_sign_of_the_current_and_its_gap() {
        let watts = |volts, amperes| outcomes(volts, amperes)[2].1.map(Quantity::number);
        assert_eq!(watts(Ok(12.0), Ok(-0.5)), Ok(-6.0));
        assert_eq!(watts(Ok(12.0), Err(NoData::Implausible)), Err(NoData::Implausible));
        assert_eq!(watts(Ok(f64::INFINITY), Ok(0.0)), Err(NoData::Implausible));
    }
}
