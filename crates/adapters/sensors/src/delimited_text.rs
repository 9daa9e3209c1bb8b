//! Devices that send one line of text per measurement: numbers with a delimiter between them.
//!
//! ```text
//! W,12.5,230,,OK
//! ```
//!
//! # Rules
//!
//! * Columns count from 0, the prefix's own included. Blanks around a number do not matter.
//! * A line that does not begin with the prefix is ignored, and counted.
//! * A line with fewer columns than are mapped, with control characters other than tab, or that is not
//!   UTF-8, is corrupt: nothing in it is believed.
//! * A cell that is empty or says `nan` is [`NoData::NotReady`]: the device has nothing to say there.
//!   One that holds something else than a number is [`NoData::Corrupt`]; if every mapped cell does,
//!   the line is.
//! * The first line after opening is only taken once a line end has been seen: it may be the tail of
//!   one.
//!
//! There is no checksum: a digit that the wire turned into another digit cannot be noticed.

use core::{str, time::Duration};

use domain::{NoData, Quantity, QuantityKind};
use ports::{ByteSource, Device, FrameCount, Measurement, Pacing, Sensor};

use crate::{
    BadOptions,
    lines::{Listener, Verdict},
};

/// What a call takes beyond its patience: the last read and one line's work.
const BEYOND_PATIENCE: Duration = Duration::from_millis(100);

/// One column and what it measures: the number times `scale` plus `offset`, in the kind's unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The sensor's name.
    pub name: String,
    /// Which column, from 0.
    pub index: usize,
    /// What it measures, and so the unit.
    pub kind: QuantityKind,
    /// 1, or what turns the device's unit into the kind's.
    pub scale: f64,
    /// 0, or what is added after scaling.
    pub offset: f64,
}

/// What the lines look like.
#[derive(Clone, Debug, PartialEq)]
pub struct DelimitedTextOptions {
    /// What stands between two cells.
    pub delimiter: char,
    /// What the lines for us begin with; empty for all lines.
    pub prefix: String,
    /// The longest line, in bytes, without its end.
    pub line_bytes_max: usize,
    /// The columns in use: the sensors, in this order. Two sensors may share a column.
    pub columns: Vec<Column>,
}

impl DelimitedTextOptions {
    /// Long enough for 20 numbers or so.
    pub const LINE_BYTES_MAX: usize = 256;
}

/// One device on a line of its own.
#[derive(Debug)]
pub struct DelimitedText<S> {
    listener: Listener<S>,
    options: DelimitedTextOptions,
    sensors: Vec<Sensor>,
}

impl<S: ByteSource> DelimitedText<S> {
    /// Takes the source for good.
    ///
    /// # Errors
    ///
    /// [`BadOptions`] if there is no column, or the delimiter is part of numbers or lines.
    pub fn new(source: S, options: DelimitedTextOptions) -> Result<Self, BadOptions> {
        let delimiter = options.delimiter;
        let is_line_end = matches!(delimiter, '\r' | '\n');
        if delimiter.is_ascii_alphanumeric() || matches!(delimiter, '.' | '+' | '-') || is_line_end
        {
            return Err(BadOptions::Delimiter { delimiter });
        }
        if options.columns.is_empty() {
            return Err(BadOptions::NoSensors);
        }
        let sensor = |column: &Column| Sensor { name: column.name.clone(), kind: column.kind };
        let sensors = options.columns.iter().map(sensor).collect();
        let listener = Listener::new(source, options.line_bytes_max, None);
        Ok(Self { listener, options, sensors })
    }
}

impl<S: ByteSource> Device for DelimitedText<S> {
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn pacing(&self) -> Pacing {
        Pacing::Speaks
    }

    fn worst_case(&self) -> Duration {
        BEYOND_PATIENCE
    }

    fn measure(&mut self, patience: Duration) -> Result<Measurement, NoData> {
        let Self { listener, options, .. } = self;
        listener.listen(patience, |line| interpret(line, options))
    }

    fn frames(&self) -> FrameCount {
        self.listener.frames()
    }
}

fn interpret(line: &[u8], options: &DelimitedTextOptions) -> Verdict {
    let is_text = |text: &&str| !text.contains(|c: char| c.is_control() && c != '\t');
    let Some(text) = str::from_utf8(line).ok().filter(is_text) else { return Verdict::Corrupt };
    if !text.starts_with(&options.prefix) {
        return Verdict::Ignored;
    }
    let cells: Vec<&str> = text.split(options.delimiter).collect();
    let outcome = |column: &Column| cells.get(column.index).map(|cell| quantity(cell, column));
    let outcomes: Option<Vec<_>> = options.columns.iter().map(outcome).collect();
    match outcomes {
        Some(outcomes) if outcomes.iter().any(|outcome| *outcome != Err(NoData::Corrupt)) => {
            let outcomes = outcomes.into_iter().enumerate().collect();
            Verdict::Measured(Measurement { age: Duration::ZERO, outcomes })
        }
        Some(_) | None => Verdict::Corrupt,
    }
}

fn quantity(cell: &str, column: &Column) -> Result<Quantity, NoData> {
    let cell = cell.trim();
    if cell.is_empty() {
        return Err(NoData::NotReady);
    }
    let number: f64 = cell.parse().map_err(|_| NoData::Corrupt)?;
    if number.is_nan() {
        return Err(NoData::NotReady);
    }
    let number = number * column.scale + column.offset;
    column.kind.quantity(number).map_err(|_| NoData::Implausible)
}

#[cfg(test)]
mod tests;
