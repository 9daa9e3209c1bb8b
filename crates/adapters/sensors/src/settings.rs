//! Options that a chip has a code for, and numbers within limits.

use crate::{Arguments, BadOptions};

/// The chip's code for `number`, out of a table of both.
pub(crate) fn setting(
    parameter: &'static str,
    number: u16,
    table: &[(u16, u8)],
) -> Result<u8, BadOptions> {
    let found = table.iter().find(|(known, _)| *known == number);
    let unfit = || BadOptions::Unfit { parameter, message: format!("cannot be {number}") };
    found.map(|&(_, code)| code).ok_or_else(unfit)
}

/// A number that is written as one of a few words.
pub(crate) fn chosen(arguments: &Arguments, name: &'static str) -> Result<u16, BadOptions> {
    arguments.choice(name)?.parse().map_err(|_| domain::parameter::Undeclared { name }.into())
}

/// Admits a number that is within limits, which NaN is not.
pub(crate) fn limited(
    parameter: &'static str,
    number: f64,
    (low, high): (f64, f64),
) -> Result<(), BadOptions> {
    let message = || format!("{number} is not from {low} to {high}");
    let is_inside = (low..=high).contains(&number);
    is_inside.then_some(()).ok_or_else(|| BadOptions::Unfit { parameter, message: message() })
}
