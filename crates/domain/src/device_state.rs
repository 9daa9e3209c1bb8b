//! How a device fares, and when it may be asked again.
//!
//! # Terms
//!
//! * **Idle** — well, and waiting for its time.
//! * **Measuring** — a transaction with it is on its way.
//! * **Error** — its last attempt failed; it is asked again when the back-off says so.
//! * **Safe state** — as many attempts in a row failed as the [`FaultPolicy`] allows. The bus is left
//!   alone, but for a probe at long intervals if the device [comes back](Return) by itself.
//! * **Standing** — the state but for the transaction on its way: idle, error or safe state.
//!
//! ```text
//!          begin                fail                 fail, the last one allowed
//!   Idle ─────────▶ Measuring ─────────▶ Error ──(begin)──▶ Measuring ─────────▶ SafeState
//!    ▲                  │                                       ▲                    │
//!    └──── succeed ─────┘      reset: from anywhere to Idle     └──(begin: probe)────┘
//! ```
//!
//! # Invariants
//!
//! 1. A success or a reset forgets every failure.
//! 2. Between two attempts of a failing device there is at least half the wait of its back-off.
//! 3. A device in its safe state that comes back only by a reset is never asked.
//!
//! # Deliberately absent
//!
//! Clocks: whoever asks says what time it is. Which failures count: the caller decides.

use core::{num::NonZeroU32, time::Duration};

use crate::{Backoff, Monotonic, NoData};

/// What a device is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceState {
    /// It is well and waits for its time.
    Idle,
    /// A transaction with it is on its way.
    Measuring,
    /// Its last attempt failed; it is asked again after a back-off.
    Error,
    /// Too many attempts in a row failed; its bus is left alone.
    SafeState,
}

impl DeviceState {
    /// Every state, in the order of declaration.
    pub const ALL: &[Self] = &[Self::Idle, Self::Measuring, Self::Error, Self::SafeState];

    /// The word that stands for this state in the status; it never changes its meaning.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Measuring => "measuring",
            Self::Error => "error",
            Self::SafeState => "safe_state",
        }
    }

    /// Finds the state that the status calls `code`.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.code() == code)
    }
}

/// How a device leaves its safe state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// By itself: it is probed at about this interval, jittered, and one success is enough.
    Automatic {
        /// The interval between two probes; each wait is from half of it to all of it.
        probe_every: Duration,
    },
    /// Only by a reset.
    OnReset,
}

/// How patient a gateway is with a device that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultPolicy {
    /// So many failures in a row lead to the safe state.
    pub failures_max: NonZeroU32,
    /// The first wait after a failure; it doubles up to `retry_max`.
    pub retry_first: Duration,
    /// The longest wait between two attempts before the safe state.
    pub retry_max: Duration,
    /// How it leaves the safe state.
    pub comes_back: Return,
}

impl Default for FaultPolicy {
    /// Ten failures, waits from one second to a minute, then a probe each minute.
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self {
            failures_max: NonZeroU32::MIN.saturating_add(9),
            retry_first: Duration::from_secs(1),
            retry_max: minute,
            comes_back: Return::Automatic { probe_every: minute },
        }
    }
}

/// The state machine of one device.
#[derive(Clone, Debug)]
pub struct DeviceHealth {
    policy: FaultPolicy,
    retries: Backoff,
    probes: Backoff,
    failures: u32,
    is_measuring: bool,
    outage: Option<Outage>,
}

/// The time from a failure to the next success.
#[derive(Clone, Copy, Debug)]
struct Outage {
    reason: NoData,
    /// When the device may be asked again; `None`: not before a reset.
    retry_at: Option<Monotonic>,
}

impl DeviceHealth {
    /// A device that is well. `seed` makes the jitter of its waits different from another's.
    pub const fn new(policy: FaultPolicy, seed: u64) -> Self {
        let probe_every = match policy.comes_back {
            Return::Automatic { probe_every } => probe_every,
            Return::OnReset => policy.retry_max,
        };
        Self {
            policy,
            retries: Backoff::new(policy.retry_first, policy.retry_max, seed),
            probes: Backoff::new(probe_every, probe_every, seed),
            failures: 0,
            is_measuring: false,
            outage: None,
        }
    }

    /// What it is doing.
    pub const fn state(&self) -> DeviceState {
        if self.is_measuring { DeviceState::Measuring } else { self.standing() }
    }

    /// Its state but for the transaction on its way: never [`DeviceState::Measuring`].
    pub const fn standing(&self) -> DeviceState {
        match self.outage {
            None => DeviceState::Idle,
            Some(_) if self.failures >= self.policy.failures_max.get() => DeviceState::SafeState,
            Some(_) => DeviceState::Error,
        }
    }

    /// How many attempts in a row have failed.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// Why its last attempt failed; `None` while it is well.
    pub fn reason(&self) -> Option<NoData> {
        self.outage.map(|outage| outage.reason)
    }

    /// When a failing device may be asked again; `None` if it is well, or not before a reset.
    pub fn retry_at(&self) -> Option<Monotonic> {
        self.outage.and_then(|outage| outage.retry_at)
    }

    /// Whether it may be asked at `now`.
    ///
    /// # Errors
    ///
    /// The reason of its last failure, while its bus is to be left alone.
    pub fn may_measure(&self, now: Monotonic) -> Result<(), NoData> {
        match self.outage {
            Some(Outage { reason, retry_at }) if retry_at.is_none_or(|at| now < at) => Err(reason),
            Some(_) | None => Ok(()),
        }
    }

    /// A transaction begins.
    pub const fn begin(&mut self) {
        self.is_measuring = true;
    }

    /// The device answered. True if that ends an outage.
    pub fn succeed(&mut self) -> bool {
        self.is_measuring = false;
        self.forget()
    }

    /// The device failed at `now`. Says how it stands.
    pub fn fail(&mut self, reason: NoData, now: Monotonic) -> DeviceState {
        self.is_measuring = false;
        self.failures = self.failures.saturating_add(1);
        let retry_at = if self.failures < self.policy.failures_max.get() {
            Some(now + self.retries.fail())
        } else {
            match self.policy.comes_back {
                Return::Automatic { .. } => Some(now + self.probes.fail()),
                Return::OnReset => None,
            }
        };
        self.outage = Some(Outage { reason, retry_at });
        self.standing()
    }

    /// Somebody vouches for the device: its failures are forgotten, and it is asked at its next time.
    /// True if it was failing.
    pub fn reset(&mut self) -> bool {
        self.forget()
    }

    fn forget(&mut self) -> bool {
        self.failures = 0;
        self.retries.succeed();
        self.probes.succeed();
        self.outage.take().is_some()
    }
}

#[cfg(test)]
mod tests;
