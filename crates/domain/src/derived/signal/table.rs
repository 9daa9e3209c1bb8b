//! Straight lines between the points of a table.

use super::{
    OF,
    map::{TO, finite, kind_to},
};
use crate::{
    NoData, Quality,
    derived::{BadMetric, Entry, Group, pure::pure, run::only},
    parameter::{Parameter, Preset, Value},
};

/// No table has more points.
const MOST_POINTS: usize = 1_000;

pub(super) const TABLE: Entry = Entry {
    function: "table",
    group: Group::Signal,
    summary: "The input looked up in a table, with straight lines between its points.",
    source: "y0 + (x - x0) (y1 - y0) / (x1 - x0) between the points next to x",
    edges: "Outside of the table: that of its end, uncertain, or a gap, `undefined`, as `outside` says. A gap gives the same gap.",
    roles: &[OF],
    parameters: &[
        Parameter {
            name: "points",
            summary: "two points or more, x: y with commas between them, x rising, in the units of input and result; 1000 at the most",
            value: Value::Text { preset: Preset::Required("0: 0, 10: 100") },
        },
        Parameter {
            name: "outside",
            summary: "what holds outside of the table",
            value: Value::Choice {
                choices: &["clamp", "undefined"],
                preset: Preset::Default("clamp"),
            },
        },
        TO,
    ],
    example: "function = \"table\"\nof = \"tank.voltage\"\npoints = \"0.5: 0, 2.5: 0.8, 4.5: 2.0\"\nto = \"length\"\n",
    make: |kinds, arguments| {
        let kind = kind_to(arguments, only(kinds)?)?;
        let points = points(arguments.text("points")?)?;
        let clamps = arguments.choice("outside")? == "clamp";
        let of = move |[x]: [f64; 1]| match interpolate(&points, x) {
            (_, false) if !clamps => Err(NoData::Undefined),
            (y, is_inside) => Ok((kind.quantity(y)?, Quality::good_if(is_inside))),
        };
        Ok((kind, pure(of)))
    },
};

/// `y` on the straight lines between `points`, which are `(x, y)` with `x` rising, and whether `x` is
/// within them: before the first and after the last it is that one's `y`.
///
/// Units are those of the points. Of no points it is 0, and not within them.
pub fn interpolate(points: &[(f64, f64)], x: f64) -> (f64, bool) {
    let next = points.partition_point(|point| point.0 <= x);
    match (next.checked_sub(1).and_then(|last| points.get(last)), points.get(next)) {
        (Some(&(x0, y0)), Some(&(x1, y1))) => (y0 + (x - x0) / (x1 - x0) * (y1 - y0), true),
        (Some(&(last, y)), None) => (y, x <= last),
        (None, Some(&(_, y))) => (y, false),
        (None, None) => (0.0, false),
    }
}

fn points(text: &str) -> Result<Vec<(f64, f64)>, BadMetric> {
    let unfit = |message: String| BadMetric::Unfit {
        parameter: "points",
        message,
        mend: "write two points or more, such as \"0.5: 0, 2.5: 0.8, 4.5: 2.0\"".to_owned(),
    };
    let point = |word: &str| {
        let (x, y) = word.split_once(':')?;
        Some((finite(x)?, finite(y)?))
    };
    let points = text
        .split(',')
        .map(|word| point(word).ok_or_else(|| unfit(format!("`{}` is not a point", word.trim()))));
    let points: Vec<_> = points.collect::<Result<_, _>>()?;
    if !(2..=MOST_POINTS).contains(&points.len()) {
        return Err(unfit(format!("a table has 2 to {MOST_POINTS} points, not {}", points.len())));
    }
    match points.windows(2).find(|pair| pair[1].0 <= pair[0].0) {
        Some(pair) => Err(unfit(format!("x does not rise from {} to {}", pair[0].0, pair[1].0))),
        None => Ok(points),
    }
}
