//! Freeing an I2C bus that a chip holds.
//!
//! # What the kernel's interface allows
//!
//! `/dev/i2c-N` has no request for it: some adapters' drivers free the bus themselves when they time out
//! (`Documentation/i2c/i2c-protocol.rst`, "bus recovery"), and a node that failed is opened anew with the next transaction
//! anyhow. What is left takes GPIO lines:
//!
//! * **Clocks** — nine of them and a stop end the byte that a chip believes to be sending (UM10204, section
//!   3.1.16). Needs two lines that are wired to SCL and SDA besides the controller's pins: asking for those
//!   themselves takes them from the controller for good on some chips, a Raspberry Pi's among them.
//! * **Power** — off and on again of all that hangs on the bus, by one line. If there are lines for clocks, only
//!   when those did not free what was held.

use core::time::Duration;

use domain::NoData;
use embedded_hal::delay::DelayNs;
use ports::Unwedge;

use crate::GpioOutput;

/// Half of a clock at 100 kHz.
const HALF_CLOCK_US: u32 = 5;
/// A chip holds SDA for the rest of a byte and its acknowledgement at most.
const CLOCKS: u32 = 9;
/// Nine clocks as slow as a small machine makes them: four calls into the kernel each.
const CLOCKS_MAX: Duration = Duration::from_millis(20);

/// A wire that we can drive or let go.
trait Wire: Send {
    fn set(&mut self, level: bool) -> Result<(), NoData>;
    fn level(&mut self) -> Result<bool, NoData>;
}

impl Wire for GpioOutput {
    fn set(&mut self, level: bool) -> Result<(), NoData> {
        Self::set(self, level)
    }

    fn level(&mut self) -> Result<bool, NoData> {
        Self::level(self)
    }
}

/// The line that switches a bus's supply, and for how long.
#[derive(Debug)]
pub struct PowerLine {
    /// Active: the supply is on. It should be made so from the first.
    pub line: GpioOutput,
    /// How long it is off: until capacitors are empty.
    pub off: Duration,
    /// How long chips take afterwards until they answer.
    pub settling: Duration,
}

/// What there is to free one bus.
#[derive(Debug)]
pub struct I2cRecovery<D> {
    /// SCL and SDA, as outputs with open drain that are let go.
    clocks: Option<[GpioOutput; 2]>,
    power: Option<PowerLine>,
    delay: D,
}

impl<D: DelayNs> I2cRecovery<D> {
    /// Nothing but the new opening of the node.
    pub const fn new(delay: D) -> Self {
        Self { clocks: None, power: None, delay }
    }

    /// With lines wired to SCL and SDA, whose level is true when they are let go.
    #[must_use]
    pub fn with_clocks(mut self, scl: GpioOutput, sda: GpioOutput) -> Self {
        self.clocks = Some([scl.open_drain(), sda.open_drain()]);
        self
    }

    /// With a switched supply.
    #[must_use]
    pub fn with_power(mut self, power: PowerLine) -> Self {
        self.power = Some(power);
        self
    }
}

impl<D: DelayNs + Send> Unwedge for I2cRecovery<D> {
    fn worst_case(&self) -> Duration {
        let clocks = if self.clocks.is_some() { CLOCKS_MAX } else { Duration::ZERO };
        let power = self.power.as_ref().map_or(Duration::ZERO, |power| power.off + power.settling);
        clocks + power
    }

    fn unwedge(&mut self) -> Result<(), NoData> {
        let Self { clocks, power, delay } = self;
        let clocked = clocks.as_mut().map(|[scl, sda]| clock_out(scl, sda, delay));
        let Some(PowerLine { line, off, settling }) = power else {
            return clocked.map_or(Ok(()), |outcome| outcome.map(drop));
        };
        if clocked == Some(Ok(Held::LetGo)) {
            return Ok(());
        }
        cycle(line, *off, *settling, delay)?;
        clocks.as_mut().map_or(Ok(()), |[scl, sda]| are_high(scl, sda))
    }
}

/// Whether a chip held SDA before it was clocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Never,
    LetGo,
}

/// Clocks until nobody holds SDA, then a stop. Both wires are let go, whatever happened: one that we pull would
/// keep the bus stuck.
fn clock_out(
    scl: &mut impl Wire,
    sda: &mut impl Wire,
    delay: &mut impl DelayNs,
) -> Result<Held, NoData> {
    let clocked = clock(scl, sda, delay);
    let (scl_let_go, sda_let_go) = (scl.set(true), sda.set(true));
    delay.delay_us(HALF_CLOCK_US);
    let held = clocked?;
    scl_let_go?;
    sda_let_go?;
    are_high(scl, sda)?;
    Ok(held)
}

/// Clocks until nobody holds SDA, and prepares a stop: SDA is to rise while SCL is high.
fn clock(
    scl: &mut impl Wire,
    sda: &mut impl Wire,
    delay: &mut impl DelayNs,
) -> Result<Held, NoData> {
    sda.set(true)?;
    let held = if sda.level()? { Held::Never } else { Held::LetGo };
    for _ in 0..CLOCKS {
        if sda.level()? {
            break;
        }
        for level in [false, true] {
            scl.set(level)?;
            delay.delay_us(HALF_CLOCK_US);
        }
    }
    scl.set(false)?;
    delay.delay_us(HALF_CLOCK_US);
    sda.set(false)?;
    delay.delay_us(HALF_CLOCK_US);
    scl.set(true)?;
    delay.delay_us(HALF_CLOCK_US);
    Ok(held)
}

/// Whether nobody holds a wire. No clock gets past a chip that holds SCL.
fn are_high(scl: &mut impl Wire, sda: &mut impl Wire) -> Result<(), NoData> {
    if scl.level()? && sda.level()? { Ok(()) } else { Err(NoData::BusFault) }
}

/// Off and on. On again, whatever happened: a bus without supply is worse than a stuck one.
fn cycle(
    line: &mut impl Wire,
    off: Duration,
    settling: Duration,
    delay: &mut impl DelayNs,
) -> Result<(), NoData> {
    let went_off = line.set(false);
    if went_off.is_ok() {
        wait(delay, off);
    }
    line.set(true)?;
    went_off?;
    wait(delay, settling);
    Ok(())
}

fn wait(delay: &mut impl DelayNs, span: Duration) {
    delay.delay_ms(u32::try_from(span.as_millis()).unwrap_or(u32::MAX));
}

#[cfg(test)]
mod tests;
