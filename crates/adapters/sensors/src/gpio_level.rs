//! The state of a digital input: a door contact, an alarm output, a float switch.
//!
//! `level` is 1 when the line is active and 0 when it is not; `edges` counts its changes since the line was
//! opened, so that a pulse between two measurements is not overlooked.

use core::time::Duration;

use domain::{NoData, QuantityKind};
use ports::{Device, InputLine, Measurement, Sensor};

use crate::{
    Arguments, Attachment, Edges, Entry, GpioPlace, Made, Point,
    attributes::quantity,
    digital_input::{ACTIVE_LOW, BIAS, DEBOUNCE, LINE, wish},
};

pub(crate) const ENTRY: Entry = Entry {
    driver: "gpio_level",
    part: "level of a digital input",
    summary: "whether a contact, a float switch or a door is active, and how often it has changed",
    datasheet: "linux/gpio.h, ABI v2",
    parameters: &[LINE, ACTIVE_LOW, BIAS, DEBOUNCE],
    sensors: &[
        Point {
            name: "level",
            kind: QuantityKind::Dimensionless,
            resolution: 1.0,
            low: 0.0,
            high: 1.0,
        },
        Point {
            name: "edges",
            kind: QuantityKind::Count,
            resolution: 1.0,
            low: 0.0,
            high: 4_294_967_295.0,
        },
    ],
    attachments: &[Attachment::Gpio { make }],
};

fn make(place: GpioPlace, arguments: &Arguments) -> Made {
    Ok(Box::new(GpioLevel::new((place.input)(wish(arguments, Edges::Both)?))))
}

/// Two calls into the kernel.
const READ: Duration = Duration::from_micros(200);
/// A full buffer of events on a small machine.
const READ_MAX: Duration = Duration::from_millis(20);

/// One input. Its edge detector should take both edges.
#[derive(Debug)]
pub struct GpioLevel<L> {
    line: L,
    sensors: Vec<Sensor>,
    edges: u32,
}

impl<L> GpioLevel<L> {
    /// Takes the line for good.
    pub fn new(line: L) -> Self {
        let sensor = |name: &str, kind| Sensor { name: name.to_owned(), kind };
        let sensors = vec![
            sensor("level", QuantityKind::Dimensionless),
            sensor("edges", QuantityKind::Count),
        ];
        Self { line, sensors, edges: 0 }
    }
}

impl<L: InputLine> Device for GpioLevel<L> {
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn worst_case(&self) -> Duration {
        READ_MAX
    }

    fn time_on_bus(&self) -> Duration {
        READ
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        // The edges first: a level that changes in between is then one more edge next time.
        let edges = self.line.edges(Duration::ZERO);
        let found = edges.and_then(|edges| Ok((edges, self.line.level()?)));
        let (edges, level) = found.inspect_err(|_| self.edges = 0)?;
        self.edges = edges.last().map_or(self.edges, |edge| edge.number);
        let outcomes = vec![
            (0, quantity(QuantityKind::Dimensionless, f64::from(u8::from(level)))),
            (1, quantity(QuantityKind::Count, f64::from(self.edges))),
        ];
        Ok(Measurement { age: Duration::ZERO, outcomes })
    }
}

#[cfg(test)]
mod tests {
    use domain::Quantity;
    use ports::Edge;

    use super::*;

    /// A line with this level and so many edges, or none at all.
    struct Door(Option<(bool, u32)>);

    impl InputLine for Door {
        fn level(&mut self) -> Result<bool, NoData> {
            self.0.map(|(level, _)| level).ok_or(NoData::Absent)
        }

        fn edges(&mut self, _: Duration) -> Result<Vec<Edge>, NoData> {
            let (level, number) = self.0.ok_or(NoData::Absent)?;
            Ok(vec![Edge { level, number, at: Duration::ZERO }])
        }
    }

    fn numbers(device: &mut GpioLevel<Door>) -> Result<Vec<f64>, NoData> {
        let outcomes = device.measure(Duration::ZERO)?.outcomes;
        outcomes.into_iter().map(|(_, outcome)| outcome.map(Quantity::number)).collect()
    }

    #[test]
    fn a_door_that_was_opened_and_closed_between_two_looks_has_been_noticed() {
        let mut device = GpioLevel::new(Door(Some((true, 1))));
        assert_eq!(numbers(&mut device), Ok(vec![1.0, 1.0]));
        device.line = Door(Some((true, 3)));
        assert_eq!(numbers(&mut device), Ok(vec![1.0, 3.0]));
        device.line = Door(None);
        assert_eq!(numbers(&mut device), Err(NoData::Absent));
        device.line = Door(Some((false, 1)));
        assert_eq!(numbers(&mut device), Ok(vec![0.0, 1.0]));
    }
}
