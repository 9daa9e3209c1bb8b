//! Formulas without state, as metrics.

use super::{Input, Metric, Moment, Output};
use crate::{NoData, Quality, Quantity};

/// The metric of a `formula` that has no state.
///
/// It gets `N` numbers, each in the unit of its role's kind, and gives a quantity, and whether its source
/// vouches for it. A gap in gives the same gap out, of several the first; the quality is the worst of all.
pub(super) fn pure<const N: usize>(
    formula: impl Fn([f64; N]) -> Result<(Quantity, Quality), NoData> + Send + 'static,
) -> Box<dyn Metric> {
    Box::new(Pure { formula })
}

struct Pure<const N: usize, F> {
    formula: F,
}

impl<const N: usize, F: Fn([f64; N]) -> Result<(Quantity, Quality), NoData>> Pure<N, F> {
    fn evaluate(&self, inputs: &[Input]) -> Result<(Quantity, Quality), NoData> {
        let inputs: &[Input; N] = inputs.try_into().map_err(|_| NoData::Internal)?;
        let (mut numbers, mut worst) = ([0.0; N], Quality::Good);
        for (number, input) in numbers.iter_mut().zip(inputs) {
            *number = input.number()?;
            worst = worst.and(input.quality);
        }
        let (quantity, quality) = (self.formula)(numbers)?;
        Ok((quantity, quality.and(worst)))
    }
}

impl<const N: usize, F> Metric for Pure<N, F>
where
    F: Fn([f64; N]) -> Result<(Quantity, Quality), NoData> + Send,
{
    fn next(&mut self, at: Moment, inputs: &[Input], out: &mut Vec<Output>) {
        out.push(match self.evaluate(inputs) {
            Ok((quantity, quality)) => Output { at, outcome: Ok(quantity), quality },
            Err(reason) => Output::gap(at, reason),
        });
    }
}
