//! The moving average over a number of samples.

use std::{collections::VecDeque, num::NonZeroUsize};

use crate::{NoData, Quantity};

/// Arithmetic mean of the last *n* quantities of one stream.
///
/// * Before *n* quantities have come it is the mean of those there are.
/// * A gap in gives the same gap out and leaves the window as it is: absence is not averaged over.
/// * Unit and kind are those of the stream. State: *n* numbers of 8 bytes.
///
/// The mean is taken afresh from the window with compensated summation (Neumaier 1974), so that no
/// rounding error builds up over the years, as it would with a running sum.
#[derive(Clone, Debug)]
pub struct MovingAverage {
    window: VecDeque<f64>,
    length: NonZeroUsize,
}

impl MovingAverage {
    /// An empty window of `length` samples.
    pub fn new(length: NonZeroUsize) -> Self {
        Self { window: VecDeque::with_capacity(length.get()), length }
    }

    /// Takes the next outcome of the stream and gives the average at that time.
    ///
    /// # Errors
    ///
    /// The gap that came in, or [`NoData::Implausible`] if the mean leaves the kind's range.
    pub fn next(&mut self, outcome: Result<Quantity, NoData>) -> Result<Quantity, NoData> {
        let quantity = outcome?;
        if self.window.len() == self.length.get() {
            self.window.pop_front();
        }
        self.window.push_back(quantity.number());
        #[expect(clippy::cast_precision_loss, reason = "a window has far fewer than 2^52 samples")]
        let mean = sum(&self.window) / self.window.len() as f64;
        quantity.kind().quantity(mean).map_err(|_| NoData::Implausible)
    }
}

fn sum(numbers: &VecDeque<f64>) -> f64 {
    let (mut total, mut lost) = (0.0_f64, 0.0_f64);
    for &number in numbers {
        let next = total + number;
        let (large, small) =
            if total.abs() >= number.abs() { (total, number) } else { (number, total) };
        lost += (large - next) + small;
        total = next;
    }
    total + lost
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Celsius, QuantityKind};

    fn celsius(degrees: f64) -> Quantity {
        Celsius::new(degrees).unwrap().into()
    }

    fn average(length: usize) -> MovingAverage {
        MovingAverage::new(NonZeroUsize::new(length).unwrap())
    }

    #[test]
    fn averages_what_there_is_and_then_the_last_n() {
        let mut average = average(3);
        let means: Vec<_> = [1.0, 3.0, 5.0, 10.0]
            .map(|degrees| average.next(Ok(celsius(degrees))).unwrap().number())
            .into();
        assert_eq!(means, [1.0, 2.0, 3.0, 6.0]);
    }

    #[test]
    fn a_gap_passes_through_and_leaves_the_window_alone() {
        let mut average = average(2);
        average.next(Ok(celsius(4.0))).unwrap();
        assert_eq!(average.next(Err(NoData::Absent)), Err(NoData::Absent));
        assert_eq!(average.next(Ok(celsius(6.0))), Ok(celsius(5.0)));
    }

    #[test]
    fn a_small_signal_on_a_huge_offset_survives() {
        let mut average = average(4);
        let volts = |n| Ok(QuantityKind::Dimensionless.quantity(n).unwrap());
        let last = [1e16, 1.0, 1.0, -1e16].map(|n| average.next(volts(n)).unwrap())[3];
        assert_eq!(last.number().to_bits(), 0.5_f64.to_bits());
    }

    proptest! {
        #[test]
        fn stays_between_the_least_and_the_greatest_of_its_window(
            numbers in proptest::collection::vec(-200.0..200.0_f64, 1..40), length in 1..10_usize,
        ) {
            let mut average = average(length);
            for (end, &number) in numbers.iter().enumerate() {
                let mean = average.next(Ok(celsius(number))).unwrap().number();
                let window = &numbers[(end + 1).saturating_sub(length)..=end];
                let least = window.iter().copied().fold(f64::INFINITY, f64::min);
                let greatest = window.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                prop_assert!(mean >= least - 1e-9 && mean <= greatest + 1e-9);
            }
        }
    }
}
