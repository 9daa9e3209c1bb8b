//! Formulas without state, as metrics.

use super::{Input, Metric, Moment, Output};
use crate::{NoData, Quality, Quantity, QuantityKind};

/// A formula of `N` numbers, each in the unit of its role's kind, and of parameters that stay.
///
/// It gives a quantity, and whether its source vouches for it.
pub(super) type Formula<const N: usize, P> =
    fn([f64; N], &P) -> Result<(Quantity, Quality), NoData>;

/// Makes a metric that has no state: the `formula` of its inputs, which gives quantities of `kind`.
///
/// A gap in gives the same gap out, of several the first; the quality is the worst of all.
pub(super) fn pure<const N: usize, P: Send + 'static>(
    kind: QuantityKind,
    parameters: P,
    formula: Formula<N, P>,
) -> (QuantityKind, Box<dyn Metric>) {
    (kind, Box::new(Pure { formula, parameters }))
}

struct Pure<const N: usize, P> {
    formula: Formula<N, P>,
    parameters: P,
}

impl<const N: usize, P> Pure<N, P> {
    fn evaluate(&self, inputs: &[Input]) -> Result<(Quantity, Quality), NoData> {
        let (mut numbers, mut worst) = ([0.0; N], Quality::Good);
        for (number, input) in numbers.iter_mut().zip(inputs) {
            *number = input.number()?;
            worst = worst.and(input.quality);
        }
        let (quantity, quality) = (self.formula)(numbers, &self.parameters)?;
        Ok((quantity, quality.and(worst)))
    }
}

impl<const N: usize, P: Send> Metric for Pure<N, P> {
    fn next(&mut self, at: Moment, inputs: &[Input], out: &mut Vec<Output>) {
        out.push(match self.evaluate(inputs) {
            Ok((quantity, quality)) => Output { at, outcome: Ok(quantity), quality },
            Err(reason) => Output::gap(at, reason),
        });
    }
}
