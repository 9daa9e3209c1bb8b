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
    Arguments, Attachment, BadOptions, Entry, Made, Parameter, Preset, UartPlace, Value,
    lines::Splitter,
    listener::{Listener, Verdict},
};

pub(crate) const ENTRY: Entry = Entry {
    driver: "delimited_text",
    part: "delimited text",
    summary: "one line of numbers per measurement, each column a sensor",
    datasheet: "RFC 4180 without quoting",
    parameters: &[
        Parameter {
            name: "delimiter",
            summary: "what stands between two columns",
            value: Value::Character { among: ",;\t |:/!\"#$%&'()*<=>?@[\\]^_`{}~", default: ',' },
        },
        Parameter {
            name: "prefix",
            summary: "what a line begins with to count; it is part of column 0",
            value: Value::Text { preset: Preset::Default("") },
        },
        Parameter {
            name: "line_bytes_max",
            summary: "the longest line, without its end",
            value: Value::Integer { unit: "By", low: 8, high: 4096, preset: Preset::Default(256) },
        },
        Parameter {
            name: "columns",
            summary: "the columns in use by the names of their sensors; the quantity is \
                      number × scale + offset, in the unit of its kind",
            value: Value::Named {
                one: "column",
                fields: COLUMN,
                distinct: &["index", "quantity"],
                example: "speed",
            },
        },
    ],
    sensors: &[],
    attachments: &[Attachment::Uart { pacing: Pacing::Speaks, station: None, make }],
};

const COLUMN: &[Parameter] = &[
    Parameter {
        name: "index",
        summary: "which column, from 0; two sensors of one quantity cannot share one",
        value: Value::Integer { unit: "", low: 0, high: 255, preset: Preset::Required(0) },
    },
    Parameter {
        name: "quantity",
        summary: "what it measures",
        value: Value::Quantity { example: QuantityKind::Speed },
    },
    Parameter {
        name: "scale",
        summary: "what the number is multiplied by, such as 0.27778 from km/h to m/s",
        value: Value::Factor { default: 1.0 },
    },
    Parameter {
        name: "offset",
        summary: "what is added then, in the unit of the quantity",
        value: Value::Number {
            unit: "",
            low: f64::MIN,
            high: f64::MAX,
            preset: Preset::Default(0.0),
        },
    },
];

fn make(place: UartPlace, arguments: &Arguments) -> Made {
    let column = |(name, of): &(String, Arguments)| -> Result<Column, BadOptions> {
        Ok(Column {
            name: name.clone(),
            index: of.integer("index")?,
            kind: of.quantity("quantity")?,
            scale: of.number("scale")?,
            offset: of.number("offset")?,
        })
    };
    let options = DelimitedTextOptions {
        delimiter: arguments.character("delimiter")?,
        prefix: arguments.text("prefix")?.to_owned(),
        line_bytes_max: arguments.integer("line_bytes_max")?,
        columns: arguments.named("columns")?.iter().map(column).collect::<Result<_, _>>()?,
    };
    Ok(Box::new(DelimitedText::new(place.line, options)?))
}

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
    listener: Listener<S, Splitter>,
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
        let listener = Listener::new(source, Splitter::new(options.line_bytes_max, None));
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

    fn time_on_bus(&self) -> Duration {
        Duration::ZERO
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
