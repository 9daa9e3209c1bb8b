//! A clock that is cheap enough to time every job: about 10 ns a reading, twice a job.
//!
//! # Terms
//!
//! * **Tick** — one step of the processor's own counter (`rdtsc` on x86-64, `cntvct_el0` on
//!   `AArch64`), or a nanosecond where there is none. Meaningful only within one process.
//!
//! The counter's rate is measured once per process against the monotonic clock, over one
//! millisecond: good to about 1 part in 10,000, finer than the histograms' buckets. Processors
//! without a constant counter rate (x86 before 2008) get wrong durations, never wrong results.

use std::{sync::OnceLock, time::Duration};

/// Ticks now.
#[cfg(all(target_arch = "x86_64", not(miri), not(loom)))]
#[expect(unsafe_code, reason = "the counter is read by an intrinsic")]
#[inline]
pub(crate) fn ticks() -> u64 {
    // SAFETY: every x86-64 processor has the instruction; it reads a counter and touches no memory.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Ticks now.
#[cfg(all(target_arch = "aarch64", not(miri), not(loom)))]
#[expect(unsafe_code, reason = "the counter is read by an instruction")]
#[inline]
pub(crate) fn ticks() -> u64 {
    let ticks: u64;
    // SAFETY: the virtual counter is readable from user space on every system with `std` threads;
    // reading it touches neither memory nor flags.
    unsafe {
        core::arch::asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack, preserves_flags));
    }
    ticks
}

/// Ticks now: nanoseconds since the first call.
#[cfg(all(not(loom), any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64")))))]
pub(crate) fn ticks() -> u64 {
    static START: OnceLock<std::time::Instant> = OnceLock::new();
    u64::try_from(now().duration_since(*START.get_or_init(now)).as_nanos()).unwrap_or(u64::MAX)
}

/// Time stands still in a model: nothing in the protocol may depend on it.
#[cfg(loom)]
pub(crate) fn ticks() -> u64 {
    1
}

/// Ticks in a nanosecond; measured at the first call, which spins for a millisecond.
fn ticks_per_nanosecond() -> f64 {
    static RATE: OnceLock<f64> = OnceLock::new();
    *RATE.get_or_init(measure_rate)
}

#[cfg(loom)]
fn measure_rate() -> f64 {
    1.0
}

#[cfg(not(loom))]
#[expect(clippy::cast_precision_loss, reason = "a millisecond's worth of ticks fits 53 bits")]
fn measure_rate() -> f64 {
    let (from, from_ticks) = both();
    while now().duration_since(from) < Duration::from_millis(1) {}
    let (to, to_ticks) = both();
    let elapsed = to.duration_since(from).as_nanos() as f64;
    let rate = to_ticks.wrapping_sub(from_ticks) as f64 / elapsed;
    if rate > 0.0 { rate } else { 1.0 }
}

/// Both clocks at one instant: of a few attempts the one in which least passed between them, because a
/// thread may be interrupted there.
#[cfg(not(loom))]
fn both() -> (std::time::Instant, u64) {
    let attempt = || {
        let (before, at, after) = (ticks(), now(), ticks());
        (after.wrapping_sub(before), at, before)
    };
    let narrower = |best: (u64, _, _), next: (u64, _, _)| if next.0 < best.0 { next } else { best };
    let (width, at, before) = (1..8).map(|_| attempt()).fold(attempt(), narrower);
    (at, before.wrapping_add(width / 2))
}

#[cfg(not(loom))]
#[expect(
    clippy::disallowed_methods,
    reason = "the executor knows no `ports::Clock`; durations of jobs are real time"
)]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// Measures the rate now rather than under the first job.
pub(crate) fn warm_up() {
    ticks_per_nanosecond();
}

/// How long `ticks` are.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "53 bits of nanoseconds are 104 days; a float cast saturates"
)]
pub(crate) fn duration(ticks: u64) -> Duration {
    Duration::from_nanos((ticks as f64 / ticks_per_nanosecond()) as u64)
}

/// How many ticks `duration` is.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "53 bits of nanoseconds are 104 days; a float cast saturates"
)]
pub(crate) fn to_ticks(duration: Duration) -> u64 {
    (duration.as_nanos() as f64 * ticks_per_nanosecond()) as u64
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_duration_survives_the_way_through_ticks() {
        for nanoseconds in [1_000, 1_000_000, 5_000_000_000] {
            let there_and_back = duration(to_ticks(Duration::from_nanos(nanoseconds)));
            let error = there_and_back.abs_diff(Duration::from_nanos(nanoseconds));
            assert!(error <= Duration::from_nanos(2), "{nanoseconds} ns came back {error:?} off");
        }
    }

    #[test]
    fn ticks_agree_with_the_monotonic_clock() {
        let (start, from) = both();
        std::thread::park_timeout(Duration::from_millis(20));
        let (end, to) = both();
        let (counted, elapsed) = (duration(to - from), end.duration_since(start));
        assert!(counted.abs_diff(elapsed) < elapsed / 50, "{counted:?} against {elapsed:?}");
    }
}
