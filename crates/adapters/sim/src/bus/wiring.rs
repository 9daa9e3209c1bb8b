//! One chip's connection to its bus, and what can go wrong with it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

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
    /// How long the bus was held before it reported. This crate's buses do not wait themselves.
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
    /// Each with this probability.
    Sometimes {
        /// From 0 (never) to 1 (always).
        probability: f64,
        /// Decides which ones.
        seed: u64,
    },
}

/// What befalls a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It fails at once and does not reach the chip.
    Fail(BusFault),
    /// The chip holds the bus this long; then it fails as timed out.
    Stall(Duration),
    /// Every byte read has these bits inverted.
    Flip(u8),
    /// Every byte read is this one.
    StickAt(u8),
}

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaultPlan {
    /// Which transactions.
    pub when: When,
    /// What happens to them.
    pub effect: Effect,
}

/// What a connection has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Transactions addressed to the chip.
    pub transactions: u64,
    /// Those of them that a plan spoilt, or that found the chip unplugged.
    pub spoilt: u64,
}

/// The handle to one chip's connection. Clones are the same connection.
#[derive(Clone, Debug)]
pub struct Wiring(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    is_plugged: bool,
    /// How often the chip was plugged in.
    plugged_count: u64,
    plans: Vec<Pending>,
    tally: Tally,
}

#[derive(Debug)]
struct Pending {
    plan: FaultPlan,
    seen: u64,
    chance: Chance,
}

impl Pending {
    fn befalls_next(&mut self) -> bool {
        let earlier = self.seen;
        self.seen += 1;
        match self.plan.when {
            When::Always => true,
            When::After(good) => earlier >= good,
            When::Sometimes { probability, .. } => self.chance.unit() < probability,
        }
    }
}

/// What happens to one transaction.
pub(super) enum Passage {
    /// Nobody is there.
    Absent,
    Fails(BusError),
    /// It reaches the chip; `plugged_count` tells whether that is the one of last time.
    Reaches {
        plugged_count: u64,
        distortion: Distortion,
    },
}

/// What the wire does to bytes read.
#[derive(Clone, Copy, Default)]
pub(super) struct Distortion {
    flip: u8,
    stuck_at: Option<u8>,
}

impl Distortion {
    pub(super) fn distort(self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.stuck_at.unwrap_or(*byte ^ self.flip);
        }
    }
}

impl Wiring {
    pub(super) fn plugged() -> Self {
        let state = State {
            is_plugged: true,
            plugged_count: 1,
            plans: Vec::new(),
            tally: Tally::default(),
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Takes the chip off the bus. It loses its supply, and so its registers.
    pub fn unplug(&self) {
        self.with(|state| state.is_plugged = false);
    }

    /// Puts the chip back, freshly powered. Does nothing if it is there.
    pub fn replug(&self) {
        self.with(|state| {
            state.plugged_count += u64::from(!state.is_plugged);
            state.is_plugged = true;
        });
    }

    /// From now on `plan` applies, besides those injected before; the first that fails a transaction
    /// decides how.
    pub fn inject(&self, plan: FaultPlan) {
        let seed = match plan.when {
            When::Sometimes { seed, .. } => seed,
            When::Always | When::After(_) => 0,
        };
        let pending = Pending { plan, seen: 0, chance: Chance::seeded(seed) };
        self.with(|state| state.plans.push(pending));
    }

    /// Drops every plan. An unplugged chip stays unplugged.
    pub fn heal(&self) {
        self.with(|state| state.plans.clear());
    }

    /// What the connection has seen.
    pub fn tally(&self) -> Tally {
        self.with(|state| state.tally)
    }

    /// Counts the next transaction and decides what happens to it.
    pub(super) fn pass(&self) -> Passage {
        self.with(|state| {
            let passage = state.decide();
            state.tally.transactions += 1;
            let is_clean = matches!(
                passage,
                Passage::Reaches { distortion: Distortion { flip: 0, stuck_at: None }, .. }
            );
            state.tally.spoilt += u64::from(!is_clean);
            passage
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn decide(&mut self) -> Passage {
        if !self.is_plugged {
            return Passage::Absent;
        }
        let mut distortion = Distortion::default();
        let mut failure = None;
        // Every plan sees every transaction, so that its counting does not depend on the others.
        for effect in
            self.plans.iter_mut().filter_map(|p| p.befalls_next().then_some(p.plan.effect))
        {
            match effect {
                Effect::Fail(fault) => failure = failure.or(Some(BusError::at_once(fault))),
                Effect::Stall(held) => {
                    failure = failure.or(Some(BusError { fault: BusFault::TimedOut, held }));
                }
                Effect::Flip(bits) => distortion.flip ^= bits,
                Effect::StickAt(byte) => distortion.stuck_at = Some(byte),
            }
        }
        failure.map_or(
            Passage::Reaches { plugged_count: self.plugged_count, distortion },
            Passage::Fails,
        )
    }
}
