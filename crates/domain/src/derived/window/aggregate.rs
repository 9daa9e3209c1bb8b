//! What windows are folded into: numbers that say enough of a row of samples, and that two rows put
//! together say enough of both.
//!
//! An **aggregate** is such a number or two. Joining is all that is ever done with aggregates: nothing
//! is subtracted when a sample leaves, so that no rounding error and no outlier outlives its window.

use crate::derived::{Words, double::Double, run::Held};

/// What a row of samples is folded into.
pub(in crate::derived) trait Aggregate: Copy + Send + 'static {
    /// Of no sample.
    const EMPTY: Self;

    /// Of one sample.
    fn of(sample: Held) -> Self;

    /// Of the samples of this and then those of `later`.
    #[must_use]
    fn and(self, later: Self) -> Self;

    /// Appends itself to `words`.
    fn save(self, words: &mut Vec<u64>);

    /// What [`save`](Self::save) wrote.
    fn restore(words: &mut Words<'_>) -> Option<Self>;
}

/// How many, and their sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::derived) struct Total {
    count: f64,
    sum: Double,
}

impl Total {
    const fn one(sum: Double) -> Self {
        Self { count: 1.0, sum }
    }

    /// How many there are.
    pub(in crate::derived) const fn count(self) -> f64 {
        self.count
    }

    /// Their sum.
    pub(in crate::derived) fn sum(self) -> f64 {
        self.sum.number()
    }

    /// Their mean; of none there is none.
    pub(in crate::derived) fn mean(self) -> Option<f64> {
        (self.count > 0.0).then(|| self.sum.over(self.count).number())
    }

    /// How far the mean of `later` is above this one's; neither is empty.
    fn step_to(self, later: Self) -> f64 {
        later.sum.over(later.count).minus(self.sum.over(self.count)).number()
    }

    /// The weight of the squared step between the means in the squares of both together.
    fn weight(self, later: Self) -> f64 {
        self.count / (self.count + later.count) * later.count
    }
}

impl Aggregate for Total {
    const EMPTY: Self = Self { count: 0.0, sum: Double::new(0.0) };

    fn of(sample: Held) -> Self {
        Self::one(Double::new(sample.number))
    }

    fn and(self, later: Self) -> Self {
        Self { count: self.count + later.count, sum: self.sum.plus(later.sum) }
    }

    fn save(self, words: &mut Vec<u64>) {
        words.push(self.count.to_bits());
        self.sum.save(words);
    }

    fn restore(words: &mut Words<'_>) -> Option<Self> {
        Some(Self { count: words.number()?, sum: Double::restore(words)? })
    }
}

/// How far the samples are from their mean (Chan, Golub and `LeVeque` 1979, with means as doubles).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::derived) struct Spread {
    total: Total,
    /// The sum of the squared distances from the mean.
    squares: f64,
}

impl Spread {
    /// How many samples there are.
    pub(in crate::derived) const fn count(self) -> f64 {
        self.total.count
    }

    /// Their mean; of none there is none.
    pub(in crate::derived) fn mean(self) -> Option<f64> {
        self.total.mean()
    }

    /// The sum of squares over `count - ddof`; none if that is not above 0.
    pub(in crate::derived) fn variance(self, ddof: f64) -> Option<f64> {
        let freedom = self.total.count - ddof;
        (freedom > 0.0).then(|| self.squares / freedom)
    }
}

impl Aggregate for Spread {
    const EMPTY: Self = Self { total: Total::EMPTY, squares: 0.0 };

    fn of(sample: Held) -> Self {
        Self { total: Total::of(sample), squares: 0.0 }
    }

    fn and(self, later: Self) -> Self {
        if self.total.count == 0.0 || later.total.count == 0.0 {
            return if self.total.count == 0.0 { later } else { self };
        }
        let (step, weight) = (self.total.step_to(later.total), self.total.weight(later.total));
        Self {
            total: self.total.and(later.total),
            squares: self.squares + later.squares + step * step * weight,
        }
    }

    fn save(self, words: &mut Vec<u64>) {
        self.total.save(words);
        words.push(self.squares.to_bits());
    }

    fn restore(words: &mut Words<'_>) -> Option<Self> {
        Some(Self { total: Total::restore(words)?, squares: f64::from_bits(words.word()?) })
    }
}

/// The least and the greatest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::derived) struct Extremes {
    /// Infinity if there is no sample.
    least: f64,
    greatest: f64,
}

impl Extremes {
    /// The least; of none there is none.
    pub(in crate::derived) fn least(self) -> Option<f64> {
        self.least.is_finite().then_some(self.least)
    }

    /// The greatest; of none there is none.
    pub(in crate::derived) fn greatest(self) -> Option<f64> {
        self.greatest.is_finite().then_some(self.greatest)
    }

    /// The greatest less the least; of none there is none.
    pub(in crate::derived) fn range(self) -> Option<f64> {
        Some(self.greatest()? - self.least()?)
    }
}

impl Aggregate for Extremes {
    const EMPTY: Self = Self { least: f64::INFINITY, greatest: f64::NEG_INFINITY };

    fn of(sample: Held) -> Self {
        Self { least: sample.number, greatest: sample.number }
    }

    fn and(self, later: Self) -> Self {
        Self { least: self.least.min(later.least), greatest: self.greatest.max(later.greatest) }
    }

    fn save(self, words: &mut Vec<u64>) {
        words.extend([self.least.to_bits(), self.greatest.to_bits()]);
    }

    fn restore(words: &mut Words<'_>) -> Option<Self> {
        let (least, greatest) = (f64::from_bits(words.word()?), f64::from_bits(words.word()?));
        (!least.is_nan() && !greatest.is_nan()).then_some(Self { least, greatest })
    }
}

/// The straight line that fits best: least squares of the numbers over their times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::derived) struct Line {
    numbers: Total,
    /// The moments, in nanoseconds.
    times: Total,
    /// The latest moment, in nanoseconds.
    last: Double,
    /// The sum of the squared distances of the times from their mean, in s².
    squares: f64,
    /// The sum of the products of both distances from the means, in s and the unit.
    products: f64,
}

impl Line {
    /// Unit per second; none while all samples are of one time.
    pub(in crate::derived) fn slope(self) -> Option<f64> {
        (self.squares > 0.0).then(|| self.products / self.squares)
    }

    /// What the line has at the latest moment.
    pub(in crate::derived) fn level(self) -> Option<f64> {
        let since_mean = self.last.minus(self.times.sum.over(self.times.count)).number() / 1e9;
        Some(self.numbers.mean()? + self.slope()? * since_mean)
    }
}

impl Aggregate for Line {
    const EMPTY: Self = Self {
        numbers: Total::EMPTY,
        times: Total::EMPTY,
        last: Double::new(0.0),
        squares: 0.0,
        products: 0.0,
    };

    fn of(sample: Held) -> Self {
        let last = Double::whole(sample.at.as_nanos());
        Self { numbers: Total::of(sample), times: Total::one(last), last, ..Self::EMPTY }
    }

    fn and(self, later: Self) -> Self {
        if self.numbers.count == 0.0 || later.numbers.count == 0.0 {
            return if self.numbers.count == 0.0 { later } else { self };
        }
        let seconds = self.times.step_to(later.times) / 1e9;
        let step = self.numbers.step_to(later.numbers);
        let weight = self.times.weight(later.times);
        Self {
            numbers: self.numbers.and(later.numbers),
            times: self.times.and(later.times),
            last: later.last,
            squares: self.squares + later.squares + seconds * seconds * weight,
            products: self.products + later.products + seconds * step * weight,
        }
    }

    fn save(self, words: &mut Vec<u64>) {
        self.numbers.save(words);
        self.times.save(words);
        self.last.save(words);
        words.extend([self.squares.to_bits(), self.products.to_bits()]);
    }

    fn restore(words: &mut Words<'_>) -> Option<Self> {
        Some(Self {
            numbers: Total::restore(words)?,
            times: Total::restore(words)?,
            last: Double::restore(words)?,
            squares: f64::from_bits(words.word()?),
            products: f64::from_bits(words.word()?),
        })
    }
}
