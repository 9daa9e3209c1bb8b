//! The kernel's clocks, boot id and interruptible sleep; and what makes a thread punctual.
//!
//! Wall time is `CLOCK_REALTIME`; monotonic time is `CLOCK_BOOTTIME`, which counts from boot and goes
//! on while the machine is suspended, so that together with the boot id it names an instant
//! (`clock_gettime(2)`).
//!
//! # Deliberately absent
//!
//! Any judgement whether the wall clock is right: [`KernelDiscipline`] tells what the kernel knows, and times
//! get the mark that they are told to have.

mod discipline;
mod realtime;

use std::{
    fs, io,
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use domain::{BootId, Monotonic, NotABootId, Timestamp, Trust, WallTime};
use ports::{Clock, Wake};
use rustix::time::{ClockId, Timespec, clock_gettime};

pub use discipline::KernelDiscipline;
pub use realtime::{Denied, Realtime, lock_memory};

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The kernel's clocks. Clones share one interrupt and one mark.
#[derive(Clone, Debug, Default)]
pub struct LinuxClock {
    interrupt: Arc<Interrupt>,
    /// How far the wall clock can be trusted, as a [word](Trust::to_word).
    trust: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Interrupt {
    is_raised: Mutex<bool>,
    raised: Condvar,
}

impl LinuxClock {
    /// A clock with an interrupt of its own.
    pub fn new() -> Self {
        Self::default()
    }

    /// A clock with an interrupt of its own whose times have the same mark.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self { interrupt: Arc::default(), trust: Arc::clone(&self.trust) }
    }

    /// From now on times have this mark. It stands alone: nothing is read after it.
    fn mark(&self, trust: Trust) {
        self.trust.store(trust.to_word(), Relaxed);
    }

    /// Ends every present and future sleep on this clock and its clones.
    pub fn interrupt(&self) {
        *self.interrupt.is_raised.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.interrupt.raised.notify_all();
    }

    /// Whether [`interrupt`](Self::interrupt) was called.
    pub fn is_interrupted(&self) -> bool {
        *self.interrupt.is_raised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for LinuxClock {
    fn now(&self) -> Timestamp {
        let (wall, monotonic) =
            (clock_gettime(ClockId::Realtime), clock_gettime(ClockId::Boottime));
        Timestamp {
            wall: WallTime::from_nanos(nanos(wall)),
            monotonic: Monotonic::from_nanos(nanos(monotonic).unsigned_abs()),
            trust: Trust::from_word(self.trust.load(Relaxed)),
        }
    }

    fn sleep_until(&self, deadline: Monotonic) -> Wake {
        let mut is_raised = self.interrupt.is_raised.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if *is_raised {
                return Wake::Interrupted;
            }
            let left = deadline.saturating_since(self.now().monotonic);
            if left.is_zero() {
                return Wake::Due;
            }
            (is_raised, _) = self
                .interrupt
                .raised
                .wait_timeout(is_raised, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Nanoseconds of a kernel time; an `i64` of them lasts until the year 2262.
const fn nanos(time: Timespec) -> i64 {
    time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec)
}

/// Why the boot id is not known.
#[derive(Debug, thiserror::Error)]
pub enum BootIdError {
    /// The kernel's file cannot be read.
    #[error("failed to read {}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// It holds something else.
    #[error("{} holds no boot id", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: NotABootId,
    },
}

/// The id that the kernel drew at this boot (`random(4)`).
///
/// # Errors
///
/// [`BootIdError`] where `/proc` is not mounted.
pub fn boot_id() -> Result<BootId, BootIdError> {
    let path = || PathBuf::from(BOOT_ID);
    let text = fs::read_to_string(BOOT_ID)
        .map_err(|cause| BootIdError::Unreadable { path: path(), cause })?;
    BootId::parse(&text).map_err(|cause| BootIdError::Malformed { path: path(), cause })
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn a_sleep_is_never_over_early() {
        let clock = LinuxClock::new();
        let deadline = clock.now().monotonic + Duration::from_millis(3);
        assert_eq!(clock.sleep_until(deadline), Wake::Due);
        assert!(clock.now().monotonic >= deadline);
    }

    #[test]
    fn an_interrupt_reaches_sleepers_of_today_and_tomorrow() {
        let clock = LinuxClock::new();
        let far = clock.now().monotonic + Duration::from_secs(3_600);
        let sleeper = clock.clone();
        let thread = std::thread::Builder::new().spawn(move || sleeper.sleep_until(far)).unwrap();
        clock.interrupt();
        assert_eq!(thread.join().unwrap(), Wake::Interrupted);
        assert_eq!(clock.sleep_until(far), Wake::Interrupted);
        assert!(clock.is_interrupted() && !LinuxClock::new().is_interrupted());
    }

    #[test]
    fn the_boot_id_stays_the_same_and_time_since_boot_is_the_kernels() {
        assert_eq!(boot_id().unwrap(), boot_id().unwrap());
        let uptime = fs::read_to_string("/proc/uptime").unwrap();
        let seconds: f64 = uptime.split_whitespace().next().unwrap().parse().unwrap();
        let ours = LinuxClock::new().now().monotonic;
        let kernels = Monotonic::default() + Duration::from_secs_f64(seconds);
        assert!(ours >= kernels && ours.saturating_since(kernels) < Duration::from_secs(60));
    }
}
