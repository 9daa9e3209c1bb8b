//! What small drivers have in common: registers behind a pointer byte, and one quantity in its range.

use core::{ops::RangeInclusive, time::Duration};

use domain::{NoData, Quantity, QuantityKind};
use embedded_hal::i2c::{I2c, SevenBitAddress};
use ports::Measurement;

/// Reads a register of one byte.
pub(crate) fn read_byte<I2C>(
    bus: &mut I2C,
    address: SevenBitAddress,
    register: u8,
) -> Result<u8, NoData>
where
    I2C: I2c<Error: Into<NoData>>,
{
    let mut byte = [0];
    bus.write_read(address, &[register], &mut byte).map_err(Into::into)?;
    Ok(byte[0])
}

/// Reads a register of two bytes, as they come.
pub(crate) fn read_pair<I2C>(
    bus: &mut I2C,
    address: SevenBitAddress,
    register: u8,
) -> Result<[u8; 2], NoData>
where
    I2C: I2c<Error: Into<NoData>>,
{
    let mut pair = [0; 2];
    bus.write_read(address, &[register], &mut pair).map_err(Into::into)?;
    Ok(pair)
}

/// Sends bytes: mostly a register and what is to be in it.
pub(crate) fn write<I2C>(
    bus: &mut I2C,
    address: SevenBitAddress,
    bytes: &[u8],
) -> Result<(), NoData>
where
    I2C: I2c<Error: Into<NoData>>,
{
    bus.write(address, bytes).map_err(Into::into)
}

/// The quantity, if the part can measure such a number.
pub(crate) fn within(
    kind: QuantityKind,
    number: f64,
    range: RangeInclusive<f64>,
) -> Result<Quantity, NoData> {
    let is_measurable = range.contains(&number);
    let quantity = is_measurable.then(|| kind.quantity(number).ok()).flatten();
    quantity.ok_or(NoData::Implausible)
}

/// A measurement of the only sensor, taken just now.
pub(crate) fn only(outcome: Result<Quantity, NoData>) -> Measurement {
    Measurement { age: Duration::ZERO, outcomes: vec![(0, outcome)] }
}
