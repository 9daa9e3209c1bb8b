//! What the chips have in common that measure temperature and relative humidity.

use core::time::Duration;

use domain::{NoData, Quantity, QuantityKind};
use ports::Measurement;

use crate::{Point, rounded};

/// 0.01 °C and 0.01 %: what the datasheets give as resolution.
const STEPS_PER_UNIT: f64 = 100.0;

/// The sensors, in the order of their indices, of a part whose temperature has `range` and whose
/// humidity has this resolution.
pub(crate) const fn points((low, high): (f64, f64), humidity_resolution: f64) -> [Point; 2] {
    [
        Point { name: "temperature", kind: QuantityKind::Temperature, resolution: 0.01, low, high },
        Point {
            name: "humidity",
            kind: QuantityKind::RelativeHumidity,
            resolution: humidity_resolution,
            low: 0.0,
            high: 100.0,
        },
    ]
}

/// What a chip says of the air.
pub(crate) struct Air {
    pub(crate) celsius: f64,
    pub(crate) humidity_percent: f64,
}

impl Air {
    /// Both outcomes. A temperature outside of `range`, the operating range with its ends, is
    /// [`NoData::Implausible`]; the humidity is the chip's, within 0 to 100 %.
    pub(crate) fn outcomes(&self, range: (f64, f64)) -> [Result<Quantity, NoData>; 2] {
        let humidity = rounded(self.humidity_percent, STEPS_PER_UNIT);
        [
            temperature(self.celsius, range),
            QuantityKind::RelativeHumidity.quantity(humidity).map_err(|_| NoData::Implausible),
        ]
    }

    /// The two as a measurement made just now.
    pub(crate) fn measurement(&self, range: (f64, f64)) -> Measurement {
        let outcomes = self.outcomes(range).into_iter().enumerate().collect();
        Measurement { age: Duration::ZERO, outcomes }
    }
}

fn temperature(celsius: f64, (low, high): (f64, f64)) -> Result<Quantity, NoData> {
    let celsius = rounded(celsius, STEPS_PER_UNIT);
    let is_inside = (low..=high).contains(&celsius);
    let quantity = QuantityKind::Temperature.quantity(celsius);
    quantity.ok().filter(|_| is_inside).ok_or(NoData::Implausible)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(celsius: f64, humidity_percent: f64) -> [Option<f64>; 2] {
        Air { celsius, humidity_percent }
            .outcomes((-40.0, 125.0))
            .map(|outcome| outcome.ok().map(Quantity::number))
    }

    #[test]
    fn numbers_have_two_decimals_and_no_noise_behind_them() {
        assert_eq!(outcomes(25.004_9, 49.995_1), [Some(25.0), Some(50.0)]);
    }

    #[test]
    fn the_ends_of_the_range_are_in_it_and_beyond_is_a_gap_for_that_sensor_alone() {
        assert_eq!(outcomes(125.001, 100.0), [Some(125.0), Some(100.0)]);
        assert_eq!(outcomes(-40.01, 0.0), [None, Some(0.0)]);
        assert_eq!(outcomes(20.0, 100.01), [Some(20.0), None]);
        assert_eq!(outcomes(f64::NAN, f64::NAN), [None, None]);
    }
}
