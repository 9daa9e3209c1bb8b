//! The port to what can free a bus that a device holds.

use core::time::Duration;

use domain::NoData;

/// Frees one bus, by whatever means the machine has for it.
///
/// # Contract
///
/// * **Shape** — asked after a failure that may have left the bus stuck, by the bus's own worker while
///   none of its devices is being served.
/// * **Time** — returns within [`worst_case`](Self::worst_case).
/// * **Failure** — the means itself failed. Whether the bus is free, the next transaction tells.
pub trait Unwedge: Send {
    /// The longest that [`unwedge`](Self::unwedge) may take.
    fn worst_case(&self) -> Duration;

    /// Does what can be done.
    ///
    /// # Errors
    ///
    /// The reason that it could not be done.
    fn unwedge(&mut self) -> Result<(), NoData>;
}

impl<U: Unwedge + ?Sized> Unwedge for Box<U> {
    fn worst_case(&self) -> Duration {
        (**self).worst_case()
    }

    fn unwedge(&mut self) -> Result<(), NoData> {
        (**self).unwedge()
    }
}
