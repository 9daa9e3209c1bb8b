//! A formula as a program for a stack, which computes without allocating.

use super::{function::Function, parse::Operator};

/// One step. Operands are on top of the stack, the last one uppermost.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operation {
    Number(f64),
    Input(usize),
    Negate,
    Scale(f64),
    Binary(Operator),
    Call(&'static Function),
}

/// Steps, and the stack that they use.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    operations: Vec<Operation>,
    stack: Vec<f64>,
}

impl Operator {
    pub(super) fn apply(self, one: f64, other: f64) -> f64 {
        match self {
            Self::Plus => one + other,
            Self::Minus => one - other,
            Self::Times => one * other,
            Self::Over => one / other,
            Self::Power => one.powf(other),
        }
    }
}

impl Program {
    pub(super) fn push(&mut self, operation: Operation) {
        self.operations.push(operation);
    }

    /// What the formula gives for `inputs`; `None` if that, or anything on the way to it, is no number:
    /// `min` and `1 / x` would make one of it again.
    pub(super) fn run(&mut self, inputs: &[f64]) -> Option<f64> {
        self.stack.clear();
        for operation in &self.operations {
            let number = match *operation {
                Operation::Number(number) => number,
                Operation::Input(input) => *inputs.get(input)?,
                Operation::Negate => -self.stack.pop()?,
                Operation::Scale(factor) => self.stack.pop()? * factor,
                Operation::Binary(operator) => {
                    let other = self.stack.pop()?;
                    operator.apply(self.stack.pop()?, other)
                }
                Operation::Call(function) => {
                    let first = self.stack.len().checked_sub(function.arguments)?;
                    let mut arguments = [0.0; 3];
                    for (argument, number) in arguments.iter_mut().zip(self.stack.drain(first..)) {
                        *argument = number;
                    }
                    (function.apply)(arguments)
                }
            };
            if !number.is_finite() {
                return None;
            }
            self.stack.push(number);
        }
        self.stack.pop()
    }
}
