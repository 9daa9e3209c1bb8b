//! Which kind is the rate of which, and which adds up to which.

use crate::{QuantityKind, QuantityKind as Kind, derived::BadMetric};

/// From a kind to another; the factor is from the unit of the first by seconds, or times seconds, to
/// the unit of the second.
pub(super) type Rule = (QuantityKind, QuantityKind, f64);

/// Seconds in an hour.
const HOUR: f64 = 3_600.0;

/// Joule in a kilowatt hour.
const KILOWATT_HOUR: f64 = 3.6e6;

const RATES: [Rule; 12] = [
    (Kind::Temperature, Kind::TemperatureRate, HOUR),
    (Kind::TemperatureDifference, Kind::TemperatureRate, HOUR),
    (Kind::Pressure, Kind::PressureRate, HOUR),
    (Kind::RelativeHumidity, Kind::HumidityRate, HOUR),
    (Kind::Voltage, Kind::VoltageRate, HOUR),
    (Kind::Energy, Kind::Power, KILOWATT_HOUR),
    (Kind::ElectricCharge, Kind::Current, HOUR),
    (Kind::Volume, Kind::VolumeFlow, HOUR),
    (Kind::Speed, Kind::Acceleration, 1.0),
    (Kind::Count, Kind::Frequency, 1.0),
    (Kind::Dimensionless, Kind::Frequency, 1.0),
    (Kind::Duration, Kind::Dimensionless, 1.0),
];

const INTEGRALS: [Rule; 8] = [
    (Kind::Power, Kind::Energy, 1.0 / KILOWATT_HOUR),
    (Kind::Current, Kind::ElectricCharge, 1.0 / HOUR),
    (Kind::VolumeFlow, Kind::Volume, 1.0 / HOUR),
    (Kind::Frequency, Kind::Count, 1.0),
    (Kind::RotationalSpeed, Kind::Count, 1.0 / 60.0),
    (Kind::Speed, Kind::Length, 1.0),
    (Kind::TemperatureRate, Kind::TemperatureDifference, 1.0 / HOUR),
    (Kind::Dimensionless, Kind::Duration, 1.0),
];

/// What changes at a rate that is a kind too.
pub(super) const RATED: &[QuantityKind] = &firsts(&RATES);

/// What adds up to a kind over time.
pub(super) const INTEGRATED: &[QuantityKind] = &firsts(&INTEGRALS);

/// The kind of the rate of `kind`, and the factor to its unit.
pub(super) fn rate(kind: QuantityKind) -> Result<(QuantityKind, f64), BadMetric> {
    find(&RATES, kind, "has no rate with a quantity of its own", "differentiated")
}

/// The kind of the integral of `kind` over time, and the factor to its unit.
pub(super) fn integral(kind: QuantityKind) -> Result<(QuantityKind, f64), BadMetric> {
    find(&INTEGRALS, kind, "adds up to nothing with a quantity of its own", "integrated")
}

fn find(
    rules: &[Rule],
    kind: QuantityKind,
    message: &str,
    done: &str,
) -> Result<(QuantityKind, f64), BadMetric> {
    let found = rules.iter().find(|(from, ..)| *from == kind);
    let unfit = || {
        let names: Vec<_> = rules.iter().map(|(from, ..)| from.name()).collect();
        BadMetric::Unfit {
            parameter: "of",
            message: format!("{} {message}", kind.name()),
            mend: format!("what can be {done}: {}", names.join(", ")),
        }
    };
    found.map(|&(_, to, factor)| (to, factor)).ok_or_else(unfit)
}

const fn firsts<const N: usize>(rules: &[Rule; N]) -> [QuantityKind; N] {
    let mut kinds = [QuantityKind::Dimensionless; N];
    let mut place = 0;
    while place < N {
        kinds[place] = rules[place].0;
        place += 1;
    }
    kinds
}
