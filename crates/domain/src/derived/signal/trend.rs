//! The straight line through a window, and when it meets a threshold.

use super::{
    OF,
    rules::{RATED, rate},
    threshold::THRESHOLD,
};
use crate::{
    NoData, QuantityKind, Second,
    derived::{
        Entry, Group, Role,
        run::{level, only},
        window::{Finish, KIND, Line, SAMPLES, SPAN, Shape, not_of_one},
    },
};

pub(super) const TREND: Entry = Entry {
    function: "trend",
    group: Group::Signal,
    summary: "How fast the input changes on the whole: the slope of the straight line that fits a window best.",
    source: "sum (t - mean t)(x - mean x) / sum (t - mean t)^2, least squares, updated by Chan, Golub and LeVeque 1979",
    edges: "While all samples are of one moment there is none: a gap, `undefined`. A gap gives the same gap when sliding; a window with gaps, or not yet full, is uncertain. No frequency is negative: a count that falls is `implausible`.",
    roles: &[Role {
        name: "of",
        summary: "a stream of what changes at a known unit",
        kinds: RATED,
    }],
    parameters: &[KIND, SAMPLES, SPAN],
    example: "function = \"trend\"\nof = \"battery.voltage\"\nspan = \"1h\"\n",
    make: |kinds, arguments| {
        not_of_one(arguments)?;
        let (kind, factor) = rate(only(kinds)?)?;
        let of = |line: Line, factor| line.slope().map(|slope| slope * factor);
        Shape::folded(arguments, kind, Finish { of, parameter: factor })
    },
};

pub(super) const TIME_TO_THRESHOLD: Entry = Entry {
    function: "time_to_threshold",
    group: Group::Signal,
    summary: "In how many seconds the input is at a threshold, if it goes on along the straight line that fits a window best.",
    source: "(threshold - level) / slope, the level being that of the line at the window's last sample",
    edges: "Never, or past already: a gap, `undefined`. A gap gives the same gap when sliding; a window with gaps, or not yet full, is uncertain.",
    roles: &[OF],
    parameters: &[THRESHOLD, KIND, SAMPLES, SPAN],
    example: "function = \"time_to_threshold\"\nof = \"battery.voltage\"\nthreshold = 11.5\nspan = \"1h\"\n",
    make: |kinds, arguments| {
        not_of_one(arguments)?;
        level(kinds)?;
        let of = |line: Line, threshold| {
            time_to_threshold(line.level()?, line.slope()?, threshold).ok().map(Second::get)
        };
        let finish = Finish { of, parameter: arguments.number("threshold")? };
        Shape::folded(arguments, QuantityKind::Duration, finish)
    },
};

/// In how many seconds what is at `level` and changes by `slope` per second is at `threshold`.
///
/// At it already: 0, whatever the slope.
///
/// # Errors
///
/// [`NoData::Undefined`] if that is never, was in the past, or is more than 1e12 s away.
pub fn time_to_threshold(level: f64, slope: f64, threshold: f64) -> Result<Second, NoData> {
    let way = threshold - level;
    let seconds = if way == 0.0 { 0.0 } else { way / slope };
    if seconds < 0.0 {
        return Err(NoData::Undefined);
    }
    Second::new(seconds).map_err(|_| NoData::Undefined)
}
