//! The ports to what outlives the process besides samples: settings, the state of derived metrics,
//! what is known of wall time, and the audit of commands.

use domain::{Command, Correction, Kept, Outcome, Timestamp, derived::SavedState, time::TimeTable};

/// The medium did not take it.
#[derive(Debug, thiserror::Error)]
#[error("{what} cannot be kept")]
pub struct NotKept {
    /// What was to be kept.
    pub what: &'static str,
    /// What the system says.
    #[source]
    pub cause: std::io::Error,
}

/// Keeps settings over a restart.
///
/// # Contract
///
/// * **Whole** — after a crash at any instant there are the settings before or those after.
/// * **Durable** — what [`keep`](Self::keep) returned `Ok` for survives a power cut.
/// * **Failure** — the earlier settings are still kept then.
pub trait Keeper: Send {
    /// Keeps `settings` instead of what was kept before.
    ///
    /// # Errors
    ///
    /// [`NotKept`] if the medium fails.
    fn keep(&mut self, settings: &Kept) -> Result<(), NotKept>;
}

/// Keeps the state of the derived metrics over a restart.
///
/// # Contract
///
/// As for [`Keeper`]: whole, durable, and a failure leaves what was kept before.
pub trait StateKeeper: Send {
    /// Keeps `state` instead of what was kept before.
    ///
    /// # Errors
    ///
    /// [`NotKept`] if the medium fails.
    fn keep(&mut self, state: &SavedState) -> Result<(), NotKept>;
}

/// Keeps what is known of the wall time of the latest boots over a restart.
///
/// # Contract
///
/// As for [`Keeper`]: whole, durable, and a failure leaves what was kept before.
pub trait TimesKeeper: Send {
    /// Keeps `times` instead of what was kept before.
    ///
    /// # Errors
    ///
    /// [`NotKept`] if the medium fails.
    fn keep(&mut self, times: &TimeTable) -> Result<(), NotKept>;
}

/// One command, and what came of it.
#[derive(Clone, Copy, Debug)]
pub struct AuditRecord<'a> {
    /// When it was done, or refused.
    pub at: Timestamp,
    /// Who gave it, as far as the way it came by can tell.
    pub who: &'a str,
    /// What was asked for.
    pub command: &'a Command,
    /// What came of it.
    pub outcome: &'a Outcome,
    /// What a chip corrects by since its calibration procedure.
    pub correction: Option<Correction>,
}

/// Keeps the audit of commands: append-only, oldest first.
///
/// # Contract
///
/// * **Bounded** — the oldest records make room for the newest.
/// * **Failure** — a record that the medium does not take is lost; those before it are not.
pub trait Audit: Send {
    /// Appends one record.
    ///
    /// # Errors
    ///
    /// [`NotKept`] if the medium fails.
    fn record(&mut self, record: &AuditRecord<'_>) -> Result<(), NotKept>;
}
