//! What can go wrong with one transaction.

use std::time::Duration;

use domain::NoData;
use embedded_hal::{
    i2c::{self, NoAcknowledgeSource},
    spi,
};

use super::Chance;

/// What a controller reports of a transaction that went wrong.
///
/// The kernel's meaning of each code is in its `Documentation/i2c/fault-codes.rst`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusFault {
    /// No acknowledge as bcm2835 reports it: EREMOTEIO.
    RemoteIo,
    /// No acknowledge as i2c-tiny-usb and most others report it: ENXIO.
    NoAcknowledge,
    /// Another controller won the bus: EAGAIN.
    ArbitrationLost,
    /// The clock line was held too long: ETIMEDOUT.
    TimedOut,
    /// Anything else that the controller noticed: EIO.
    Io,
}

/// A transaction failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bus transaction failed: {fault:?}")]
pub struct BusError {
    /// What the controller reports.
    pub fault: BusFault,
    /// How long the bus was held before it reported.
    pub held: Duration,
}

impl BusError {
    pub(super) const fn at_once(fault: BusFault) -> Self {
        Self { fault, held: Duration::ZERO }
    }
}

/// As the gateway's own bus adapter classifies the errno of each.
impl From<BusError> for NoData {
    fn from(error: BusError) -> Self {
        match error.fault {
            BusFault::RemoteIo | BusFault::NoAcknowledge => Self::Absent,
            BusFault::TimedOut => Self::Timeout,
            BusFault::ArbitrationLost | BusFault::Io => Self::BusFault,
        }
    }
}

impl i2c::Error for BusError {
    fn kind(&self) -> i2c::ErrorKind {
        match self.fault {
            BusFault::RemoteIo | BusFault::NoAcknowledge => {
                i2c::ErrorKind::NoAcknowledge(NoAcknowledgeSource::Unknown)
            }
            BusFault::ArbitrationLost => i2c::ErrorKind::ArbitrationLoss,
            BusFault::Io => i2c::ErrorKind::Bus,
            BusFault::TimedOut => i2c::ErrorKind::Other,
        }
    }
}

impl spi::Error for BusError {
    fn kind(&self) -> spi::ErrorKind {
        spi::ErrorKind::Other
    }
}

/// Which transactions a fault befalls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// Every one.
    Always,
    /// Every one after this many more.
    After(u64),
    /// This many, from the next one on.
    Next(u64),
    /// Each with this probability.
    Sometimes {
        /// From 0 (never) to 1 (always).
        probability: f64,
        /// Decides which ones.
        seed: u64,
    },
}

/// A [`When`] that goes on.
#[derive(Clone, Debug)]
pub(crate) struct Occasion {
    when: When,
    seen: u64,
    chance: Chance,
}

impl Occasion {
    pub(crate) fn new(when: When) -> Self {
        let seed = match when {
            When::Sometimes { seed, .. } => seed,
            When::Always | When::After(_) | When::Next(_) => 0,
        };
        Self { when, seen: 0, chance: Chance::seeded(seed) }
    }

    /// Whether it is the turn of the next one.
    pub(crate) fn befalls_next(&mut self) -> bool {
        let earlier = self.seen;
        self.seen += 1;
        match self.when {
            When::Always => true,
            When::After(good) => earlier >= good,
            When::Next(bad) => earlier < bad,
            When::Sometimes { probability, .. } => self.chance.unit() < probability,
        }
    }
}

/// What befalls a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It fails at once and does not reach the chip.
    Fail(BusFault),
    /// The chip holds the bus this long; then it fails as timed out.
    Stall(Duration),
    /// The chip stretches the clock: the bus is held so much longer, and then all is well.
    Stretch(Duration),
    /// Each byte takes so much longer, as on a slow clock, and then all is well.
    SlowDown(Duration),
    /// Every byte read has these bits inverted.
    Flip(u8),
    /// One byte read, counted from 0 in its transaction, has these bits inverted. A transaction that
    /// reads less is left alone.
    FlipAt {
        /// Which byte.
        index: usize,
        /// Which bits of it.
        bits: u8,
    },
    /// Every byte read is this one.
    StickAt(u8),
}

impl Effect {
    /// Whether it changes nothing but bytes read.
    pub(super) const fn is_of_reads(self) -> bool {
        matches!(self, Self::Flip(_) | Self::FlipAt { .. } | Self::StickAt(_))
    }
}

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaultPlan {
    /// Which transactions.
    pub when: When,
    /// What happens to them.
    pub effect: Effect,
}
