//! The shape of a window, as configured: sliding or tumbling, by samples or by time.

use core::time::Duration;

use super::{
    Gather, Slide,
    aggregate::Aggregate,
    fold::{Finish, Folded, Gathered},
    ordered::Ordered,
    sliding::Sliding,
    tumbling::Tumbling,
};
use crate::{
    Quality, QuantityKind,
    derived::{BadMetric, Entry, Made, Metric, Moment, run::Run},
    parameter::{Arguments, Parameter, Preset, Value},
};

/// No window by time holds more samples.
pub const MOST_BY_SPAN: usize = 100_000;

/// What holds the samples of its `span` whatever the shape of the window.
const HOLDING: [&str; 3] = ["median", "percentile", "rate_of_change"];

/// How many samples a metric of `entry` as `arguments` shape it has to hold, of a stream that has one each
/// `pace`, if they are more than [`MOST_BY_SPAN`]: then the oldest give way, and what it tells is uncertain.
pub fn beyond_room(entry: &Entry, arguments: &Arguments, pace: Duration) -> Option<u128> {
    let span = arguments.duration("span").ok()?;
    let is_sliding = arguments.choice("kind").is_ok_and(|kind| kind == "sliding");
    let samples = span.as_nanos() / pace.as_nanos().max(1);
    let holds = is_sliding || HOLDING.contains(&entry.function);
    (holds && samples > MOST_BY_SPAN as u128).then_some(samples)
}

/// Whether windows overlap.
pub(in crate::derived) const KIND: Parameter = Parameter {
    name: "kind",
    summary: "sliding: the newest samples, a result for each; tumbling: one after the other, a result at the end of each",
    value: Value::Choice { choices: &["sliding", "tumbling"], preset: Preset::Default("sliding") },
};

/// Size by number.
pub(in crate::derived) const SAMPLES: Parameter = Parameter {
    name: "samples",
    summary: "how many samples make a window; 0: it goes by `span`",
    value: Value::Integer { unit: "", low: 0, high: 1_000_000, preset: Preset::Default(0) },
};

/// Size by time.
pub(in crate::derived) const SPAN: Parameter = Parameter {
    name: "span",
    summary: "how long a window is; 0: it goes by `samples`. What holds samples (sliding, median, percentile) holds the newest 100,000, and is uncertain without the older ones",
    value: Value::Duration {
        low: Duration::ZERO,
        high: Duration::from_secs(366 * 86_400),
        preset: Preset::Default(Duration::ZERO),
    },
};

/// How far a window reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::derived) enum Reach {
    /// So many samples, one at least.
    Samples(usize),
    /// So much time, which is not zero.
    Span(Duration),
}

/// A window as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::derived) struct Shape {
    is_tumbling: bool,
    reach: Reach,
}

impl Reach {
    /// How many samples the window may hold, and for how many there is room from the start.
    const fn room(self) -> (usize, usize) {
        match self {
            Self::Samples(samples) => (samples, samples),
            Self::Span(_) => (MOST_BY_SPAN, 0),
        }
    }

    /// Good if a window that ends at `end` is full and whole.
    pub(in crate::derived) fn quality(self, run: Run, end: Moment) -> Quality {
        match self {
            Self::Samples(samples) => run.covers(samples as u64),
            Self::Span(span) => run.covers_from(end.before(span)),
        }
    }
}

impl Shape {
    /// What `arguments` say with [`KIND`], [`SAMPLES`] and [`SPAN`].
    ///
    /// # Errors
    ///
    /// The window has no size, or two.
    fn of(arguments: &Arguments) -> Result<Self, BadMetric> {
        let reach = match (arguments.integer::<usize>("samples")?, arguments.duration("span")?) {
            (0, Duration::ZERO) => return Err(unfit("samples", "the window has no size")),
            (samples, Duration::ZERO) => Reach::Samples(samples),
            (0, span) => Reach::Span(span),
            _ => return Err(unfit("span", "the window has two sizes")),
        };
        Ok(Self { is_tumbling: arguments.choice("kind")? == "tumbling", reach })
    }

    /// The metric that reads `finish` from an aggregate of each window, as `arguments` shape it.
    ///
    /// # Errors
    ///
    /// The window has no size, or two.
    pub(in crate::derived) fn folded<A: Aggregate>(
        arguments: &Arguments,
        kind: QuantityKind,
        finish: Finish<A>,
    ) -> Made {
        let shape = Self::of(arguments)?;
        if shape.is_tumbling {
            return Ok((kind, shape.tumbling(kind, Gathered::new(finish))));
        }
        let (most, room) = shape.reach.room();
        Ok((kind, shape.sliding(kind, Folded::new(finish, most, room))))
    }

    /// The metric that gives the percentile `100 × part` of each window, as `arguments` shape it.
    ///
    /// # Errors
    ///
    /// The window has no size, or two.
    pub(in crate::derived) fn ordered(
        arguments: &Arguments,
        kind: QuantityKind,
        part: f64,
    ) -> Made {
        let shape = Self::of(arguments)?;
        let (most, room) = shape.reach.room();
        let ordered = Ordered::new(part, most, room);
        let metric = if shape.is_tumbling {
            shape.tumbling(kind, ordered)
        } else {
            shape.sliding(kind, ordered)
        };
        Ok((kind, metric))
    }

    fn tumbling(self, kind: QuantityKind, gather: impl Gather + 'static) -> Box<dyn Metric> {
        Box::new(Tumbling::new(kind, self.reach, gather))
    }

    fn sliding(self, kind: QuantityKind, slide: impl Slide + 'static) -> Box<dyn Metric> {
        Box::new(Sliding::new(kind, self.reach, slide))
    }
}

/// Refuses a window of one sample, for what one sample does not have.
pub(in crate::derived) fn not_of_one(arguments: &Arguments) -> Result<(), BadMetric> {
    if arguments.integer::<usize>("samples")? == 1 {
        let message = "of one sample there is none".to_owned();
        let mend = "write 2 or more".to_owned();
        return Err(BadMetric::Unfit { parameter: "samples", message, mend });
    }
    Ok(())
}

fn unfit(parameter: &'static str, message: &str) -> BadMetric {
    let mend = "write either `samples` or `span`, such as samples = 10 or span = \"10min\"";
    BadMetric::Unfit { parameter, message: message.to_owned(), mend: mend.to_owned() }
}
