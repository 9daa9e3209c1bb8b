//! Pulses on a digital input, counted by the kernel: a water or energy meter, an anemometer, a fan's tachometer.
//!
//! # Sensors
//!
//! * `count` — pulses since the line was opened; begins at 0 anew when it was gone. At 2³² − 1 it wraps
//!   in the kernel and goes on here.
//! * `rate` — pulses a second, from the last edge that an earlier measurement saw to the last one now, by the
//!   kernel's own timestamps: how late we ask does not matter. With no edge since the measurement before it
//!   is 0. Until a measurement has seen an edge there is nothing to tell it from: [`NoData::NotReady`].
//!
//! # Deliberately absent
//!
//! What a pulse is worth, and pulses while the gateway does not run.

use core::time::Duration;

use domain::{NoData, Quantity, QuantityKind};
use ports::{Device, Edge, InputLine, Measurement, Sensor};

use crate::{
    Arguments, Attachment, Edges, Entry, GpioPlace, Made, Parameter, Point, Preset, Value,
    attributes::quantity,
    catalogue::meant,
    digital_input::{ACTIVE_LOW, BIAS, DEBOUNCE, LINE, wish},
};

pub(crate) const ENTRY: Entry = Entry {
    driver: "gpio_counter",
    part: "pulses on a digital input",
    summary: "pulses counted by the kernel, and their rate: meters, anemometers, tachometers",
    datasheet: "linux/gpio.h, ABI v2",
    parameters: &[
        LINE,
        ACTIVE_LOW,
        BIAS,
        DEBOUNCE,
        Parameter {
            name: "edges",
            summary: "what is a pulse",
            value: Value::Choice {
                choices: &["rising", "falling", "both"],
                preset: Preset::Default("rising"),
            },
        },
    ],
    sensors: &[
        Point {
            name: "count",
            kind: QuantityKind::Count,
            resolution: 1.0,
            low: 0.0,
            high: 9.007_199_254_740_992e15,
        },
        Point {
            name: "rate",
            kind: QuantityKind::Frequency,
            resolution: 1e-6,
            low: 0.0,
            high: 1e6,
        },
    ],
    attachments: &[Attachment::Gpio { make }],
};

fn make(place: GpioPlace, arguments: &Arguments) -> Made {
    let edges = meant("edges", arguments.choice("edges")?, Edges::NAMES)?;
    Ok(Box::new(GpioCounter::new((place.input)(wish(arguments, edges)?))))
}

/// Two calls into the kernel.
const READ: Duration = Duration::from_micros(200);
/// A full buffer of events on a small machine.
const READ_MAX: Duration = Duration::from_millis(20);

/// One counter.
#[derive(Debug)]
pub struct GpioCounter<L> {
    line: L,
    sensors: Vec<Sensor>,
    /// The last edge.
    last: Option<Edge>,
    /// How many there were before the kernel's number began anew.
    wrapped: u64,
}

impl<L> GpioCounter<L> {
    /// Takes the line for good.
    pub fn new(line: L) -> Self {
        let sensor = |name: &str, kind| Sensor { name: name.to_owned(), kind };
        let sensors =
            vec![sensor("count", QuantityKind::Count), sensor("rate", QuantityKind::Frequency)];
        Self { line, sensors, last: None, wrapped: 0 }
    }

    fn take(&mut self, edges: &[Edge]) {
        for &edge in edges {
            let is_anew = self.last.is_some_and(|last| edge.number < last.number);
            self.wrapped += u64::from(is_anew) << 32;
            self.last = Some(edge);
        }
    }
}

impl<L: InputLine> Device for GpioCounter<L> {
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
        // A line that is not there any more is known by its level; its edges are just none.
        let edges = self.line.level().and_then(|_| self.line.edges(Duration::ZERO));
        let edges = edges.inspect_err(|_| (self.last, self.wrapped) = (None, 0))?;
        let rate = rate(self.last, edges.last());
        self.take(&edges);
        let count = self.wrapped + self.last.map_or(0, |edge| u64::from(edge.number));
        #[expect(clippy::cast_precision_loss, reason = "a kind that counts is refused past 2^53")]
        let count = quantity(QuantityKind::Count, count as f64);
        Ok(Measurement { age: Duration::ZERO, outcomes: vec![(0, count), (1, rate)] })
    }
}

/// From the last edge before to the last one now.
fn rate(before: Option<Edge>, now: Option<&Edge>) -> Result<Quantity, NoData> {
    let before = before.ok_or(NoData::NotReady)?;
    let Some(now) = now else { return quantity(QuantityKind::Frequency, 0.0) };
    let span = now.at.saturating_sub(before.at).as_secs_f64();
    if span <= 0.0 {
        return Err(NoData::Implausible);
    }
    let pulses = f64::from(now.number.wrapping_sub(before.number));
    quantity(QuantityKind::Frequency, pulses / span)
}

#[cfg(test)]
mod tests;
