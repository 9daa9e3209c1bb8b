//! Samples that are as bad as they come.

use domain::{
    NoData, Quality, QuantityKind,
    derived::{Input, Moment},
};

/// What all inputs say at one time.
#[derive(Clone)]
pub(crate) struct Sample {
    pub(crate) at: Moment,
    pub(crate) inputs: Vec<Input>,
}

/// How many there are of them.
pub(crate) const COUNT: usize = 3_000;

/// How many come at an even rate, and then how many as they like.
const STRETCH: usize = 150;

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3_600 * SECOND;
const BEGIN: i64 = 1_764_000_000 * SECOND;

/// They end before so long: whole days, so that what goes by the clock can be repeated.
pub(crate) const SPAN: i64 = 100 * 24 * HOUR;

/// Knuth's MMIX generator.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// 0 up to, but without, `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    /// `low` up to, but without, `high`.
    fn between(&mut self, low: f64, high: f64) -> f64 {
        let part = f64::from(u32::try_from(self.below(1 << 31)).unwrap()) / f64::from(1_u32 << 31);
        low + (high - low) * part
    }

    fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[usize::try_from(self.below(among.len() as u64)).unwrap()]
    }
}

/// Stretches of 150 samples: even ones, one a second, and such with gaps, uncertain readings, equal times,
/// jumps of hours and extreme numbers.
pub(crate) fn samples(kinds: &[QuantityKind], seed: u64) -> Vec<Sample> {
    let mut random = Random(seed);
    let mut nanos = BEGIN;
    let sample = |place: usize| {
        let is_even = (place / STRETCH).is_multiple_of(2);
        nanos += if is_even { SECOND } else { step(&mut random) };
        let inputs = kinds.iter().map(|&kind| {
            if is_even { good(kind, ordinary(&mut random, kind)) } else { any(&mut random, kind) }
        });
        Sample { at: Moment::from_nanos(nanos), inputs: inputs.collect() }
    };
    (0..COUNT).map(sample).collect()
}

fn step(random: &mut Random) -> i64 {
    match random.below(40) {
        0 => random.below(5).cast_signed() * HOUR + HOUR,
        1..8 => 0,
        _ => random.below(3_000).cast_signed() * (SECOND / 1_000),
    }
}

fn any(random: &mut Random, kind: QuantityKind) -> Input {
    let number = match random.below(30) {
        0 => random.pick(&[0.0, -0.0, 5e-324, 100.0, -273.15, 1e9, 1e15, 1e300, -1e300]),
        _ => ordinary(random, kind),
    };
    match random.below(20) {
        0 => Input { outcome: Err(random.pick(NoData::ALL)), quality: Quality::Good },
        1 => Input { quality: Quality::Uncertain, ..good(kind, number) },
        _ => good(kind, number),
    }
}

/// `number`, or 1 if the kind has no such.
fn good(kind: QuantityKind, number: f64) -> Input {
    let quantity = kind.quantity(number).or_else(|_| kind.quantity(1.0));
    Input { outcome: Ok(quantity.unwrap()), quality: Quality::Good }
}

/// What a sensor may well say; now and then the same again.
fn ordinary(random: &mut Random, kind: QuantityKind) -> f64 {
    let (low, high) = match kind.name() {
        "temperature" => (-50.0, 60.0),
        "pressure" => (300.0, 1_100.0),
        "count" => (0.0, 70_000.0),
        _ => (-50.0, 100.0),
    };
    let number = random.between(low, high);
    let is_whole = random.below(4) == 0 || kind == QuantityKind::Count;
    if is_whole { number.floor() } else { number }
}
