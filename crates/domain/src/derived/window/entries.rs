//! The functions of this group.

use super::{
    aggregate::{Extremes, Spread, Total},
    fold::Finish,
    shape::{KIND, SAMPLES, SPAN, Shape, not_of_one},
};
use crate::{
    QuantityKind,
    derived::{
        Entry, Group, Role,
        run::{level, only},
    },
    parameter::{Parameter, Preset, Value},
};

const SHAPE: &[Parameter] = &[KIND, SAMPLES, SPAN];

/// Any stream.
pub(in crate::derived) const OF: Role = Role { name: "of", summary: "any stream", kinds: &[] };

const EDGES: &str = "A gap gives the same gap when sliding, and takes no part when tumbling; a window with gaps, or not yet full, is uncertain.";

/// What several of which have a meaningful sum.
const AMOUNTS: &[QuantityKind] = &[
    QuantityKind::Count,
    QuantityKind::Dimensionless,
    QuantityKind::Energy,
    QuantityKind::ElectricCharge,
    QuantityKind::Volume,
    QuantityKind::Mass,
    QuantityKind::Length,
    QuantityKind::Duration,
];

/// In the order of the page.
pub(in crate::derived) const ENTRIES: &[Entry] = &[
    MOVING_AVERAGE,
    MEDIAN,
    PERCENTILE,
    MINIMUM,
    MAXIMUM,
    RANGE,
    STANDARD_DEVIATION,
    SUM,
    SAMPLE_COUNT,
];

const MOVING_AVERAGE: Entry = Entry {
    function: "moving_average",
    group: Group::Window,
    summary: "The arithmetic mean of a window.",
    source: "sum / n, summed in twice the precision of f64 (Dekker 1971)",
    edges: EDGES,
    roles: &[OF],
    parameters: SHAPE,
    example: "function = \"moving_average\"\nof = \"air.temperature\"\nsamples = 10\n",
    make: |kinds, arguments| {
        let finish = Finish { of: |total: Total, _| total.mean(), parameter: 0.0 };
        Shape::folded(arguments, level(kinds)?, finish)
    },
};

const MEDIAN: Entry = Entry {
    function: "median",
    group: Group::Window,
    summary: "The middle of a window in order: half of the samples are below, half above.",
    source: "the mean of both middle samples if their number is even (Hyndman and Fan 1996, type 7)",
    edges: EDGES,
    roles: &[OF],
    parameters: SHAPE,
    example: "function = \"median\"\nof = \"air.pressure\"\nsamples = 5\n",
    make: |kinds, arguments| Shape::ordered(arguments, level(kinds)?, 0.5),
};

const PERCENTILE: Entry = Entry {
    function: "percentile",
    group: Group::Window,
    summary: "What so many percent of a window's samples are below.",
    source: "linear between the samples next to place (n - 1) percent / 100 (Hyndman and Fan 1996, type 7; numpy's default)",
    edges: EDGES,
    roles: &[OF],
    parameters: &[
        Parameter {
            name: "percent",
            summary: "how many percent; 0 is the minimum, 50 the median, 100 the maximum",
            value: Value::Number {
                unit: "%",
                low: 0.0,
                high: 100.0,
                preset: Preset::Required(95.0),
            },
        },
        KIND,
        SAMPLES,
        SPAN,
    ],
    example: "function = \"percentile\"\nof = \"mains.power\"\npercent = 95\nspan = \"15min\"\n",
    make: |kinds, arguments| {
        let part = arguments.number("percent")? / 100.0;
        Shape::ordered(arguments, level(kinds)?, part)
    },
};

const MINIMUM: Entry = Entry {
    function: "minimum",
    group: Group::Window,
    summary: "The least of a window.",
    source: "min x",
    edges: EDGES,
    roles: &[OF],
    parameters: SHAPE,
    example: "function = \"minimum\"\nof = \"mains.voltage\"\nkind = \"tumbling\"\nspan = \"1h\"\n",
    make: |kinds, arguments| {
        let finish = Finish { of: |extremes: Extremes, _| extremes.least(), parameter: 0.0 };
        Shape::folded(arguments, level(kinds)?, finish)
    },
};

const MAXIMUM: Entry = Entry {
    function: "maximum",
    group: Group::Window,
    summary: "The greatest of a window.",
    source: "max x",
    edges: EDGES,
    roles: &[OF],
    parameters: SHAPE,
    example: "function = \"maximum\"\nof = \"mains.power\"\nkind = \"tumbling\"\nspan = \"1h\"\n",
    make: |kinds, arguments| {
        let finish = Finish { of: |extremes: Extremes, _| extremes.greatest(), parameter: 0.0 };
        Shape::folded(arguments, level(kinds)?, finish)
    },
};

const RANGE: Entry = Entry {
    function: "range",
    group: Group::Window,
    summary: "The greatest of a window less the least; of temperatures a difference in K.",
    source: "max x - min x",
    edges: EDGES,
    roles: &[OF],
    parameters: SHAPE,
    example: "function = \"range\"\nof = \"air.temperature\"\nspan = \"24h\"\n",
    make: |kinds, arguments| {
        let finish = Finish { of: |extremes: Extremes, _| extremes.range(), parameter: 0.0 };
        Shape::folded(arguments, distance(level(kinds)?), finish)
    },
};

const STANDARD_DEVIATION: Entry = Entry {
    function: "standard_deviation",
    group: Group::Window,
    summary: "How far a window's samples scatter about their mean; of temperatures in K.",
    source: "sqrt(sum (x - mean)^2 / (n - ddof)), updated by Chan, Golub and LeVeque 1979",
    edges: "The variance is its square; no quantity has the unit of that. Of no more samples than `ddof` there is none: a gap, `undefined`. A gap gives the same gap when sliding, and takes no part when tumbling; a window with gaps, or not yet full, is uncertain.",
    roles: &[OF],
    parameters: &[
        Parameter {
            name: "ddof",
            summary: "1: of what the window is a sample of; 0: of the window itself",
            value: Value::Integer { unit: "", low: 0, high: 1, preset: Preset::Default(1) },
        },
        KIND,
        SAMPLES,
        SPAN,
    ],
    example: "function = \"standard_deviation\"\nof = \"mains.voltage\"\nsamples = 60\n",
    make: |kinds, arguments| {
        let of = |spread: Spread, ddof| spread.variance(ddof).map(f64::sqrt);
        let ddof = arguments.integer::<u8>("ddof")?;
        if ddof == 1 {
            not_of_one(arguments)?;
        }
        let finish = Finish { of, parameter: ddof.into() };
        Shape::folded(arguments, distance(level(kinds)?), finish)
    },
};

const SUM: Entry = Entry {
    function: "sum",
    group: Group::Window,
    summary: "The sum of a window's samples, each of which is an amount by itself, such as the turns since the sample before.",
    source: "sum x, in twice the precision of f64 (Dekker 1971)",
    edges: EDGES,
    roles: &[Role { name: "of", summary: "a stream of amounts", kinds: AMOUNTS }],
    parameters: SHAPE,
    example: "function = \"sum\"\nof = \"rain.count\"\nkind = \"tumbling\"\nspan = \"1h\"\n",
    make: |kinds, arguments| {
        let of = |total: Total, _| (total.count() > 0.0).then(|| total.sum());
        Shape::folded(arguments, only(kinds)?, Finish { of, parameter: 0.0 })
    },
};

const SAMPLE_COUNT: Entry = Entry {
    function: "sample_count",
    group: Group::Window,
    summary: "How many samples a window has, gaps not counted.",
    source: "n",
    edges: EDGES,
    roles: &[OF],
    parameters: SHAPE,
    example: "function = \"sample_count\"\nof = \"air.temperature\"\nkind = \"tumbling\"\nspan = \"1h\"\n",
    make: |kinds, arguments| {
        only(kinds)?;
        let of = |total: Total, _| (total.count() > 0.0).then(|| total.count());
        Shape::folded(arguments, QuantityKind::Count, Finish { of, parameter: 0.0 })
    },
};

/// The kind of differences between quantities of `kind`.
fn distance(kind: QuantityKind) -> QuantityKind {
    if kind == QuantityKind::Temperature {
        QuantityKind::TemperatureDifference
    } else if kind == QuantityKind::Altitude {
        QuantityKind::Length
    } else {
        kind
    }
}
