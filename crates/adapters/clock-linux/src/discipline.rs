//! What the kernel knows of whoever disciplines its clock: `adjtimex(2)`.
//!
//! # Terms
//!
//! * **Vouched for** — the flag `STA_UNSYNC` is clear and the state is not `TIME_ERROR`: an NTP client has set
//!   the clock, and has told the kernel something in the last hours. Setting the clock by hand raises
//!   the flag (`clock_settime(2)`), and so does the kernel itself when it has heard nothing until its
//!   estimate of the error has grown to 16 s.
//! * **Error** — the kernel's `maxerror`, which grows by 500 µs a second between two words of
//!   the client, and what is still to be slewed (`offset`). A client that tells no error, such as
//!   systemd-timesyncd, makes it begin at zero each time: hence [`ERROR_MIN`].
//!
//! # Deliberately absent
//!
//! Changing anything about the clock.

#![expect(unsafe_code, reason = "the kernel's view of its clock has no safe call")]

use core::time::Duration;
use std::{fs, io, mem, path::Path};

use domain::{Monotonic, Trust, WallTime, time::Look};
use ports::Discipline;
use rustix::time::{ClockId, clock_gettime};

use crate::{LinuxClock, nanos};

/// No clock that was set over a network is better known.
const ERROR_MIN: Duration = Duration::from_millis(1);

/// Both clocks are read so often for one look, because a thread may be interrupted in between; the
/// narrowest reading counts.
const READINGS: usize = 8;

/// Where the kernel lists battery-backed clocks (`Documentation/ABI/testing/sysfs-class-rtc`).
const RTC_CLASS: &str = "/sys/class/rtc";

/// The kernel's discipline of its clock.
#[derive(Debug)]
pub struct KernelDiscipline {
    clock: LinuxClock,
    has_rtc: bool,
}

impl KernelDiscipline {
    /// Marks the times of `clock` and of all that [share its mark](LinuxClock::beside).
    pub fn new(clock: &LinuxClock) -> Self {
        Self { clock: clock.clone(), has_rtc: set_the_clock(Path::new(RTC_CLASS)) }
    }
}

impl Discipline for KernelDiscipline {
    fn look(&mut self) -> Look {
        let (wall, monotonic, width) = both();
        // A kernel that does not answer vouches for nothing.
        let state = state().unwrap_or_default();
        Look {
            wall,
            monotonic,
            width,
            vouched: state.vouched,
            is_leap_near: state.is_leap_near,
            has_rtc: self.has_rtc,
        }
    }

    fn tell(&mut self, trust: Trust) {
        self.clock.mark(trust);
    }
}

/// Both clocks at one instant, and how far apart they were read at most.
fn both() -> (WallTime, Monotonic, Duration) {
    let reading = |_| {
        let before = nanos(clock_gettime(ClockId::Boottime));
        let wall = nanos(clock_gettime(ClockId::Realtime));
        let width = nanos(clock_gettime(ClockId::Boottime)).abs_diff(before);
        (width, wall, before)
    };
    let narrowest = (0..READINGS).map(reading).min().unwrap_or_default();
    let (width, wall, before) = narrowest;
    let monotonic = Monotonic::from_nanos(before.unsigned_abs().saturating_add(width / 2));
    (WallTime::from_nanos(wall), monotonic, Duration::from_nanos(width.div_ceil(2)))
}

/// What the kernel says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    vouched: Option<Duration>,
    is_leap_near: bool,
}

fn state() -> io::Result<State> {
    // SAFETY: `timex` is a plain structure of integers, of which all may be zero.
    let mut clock: libc::timex = unsafe { mem::zeroed() };
    // SAFETY: no `modes` are set, so nothing is changed; `clock` is a whole `timex` that the call may write.
    match unsafe { libc::adjtimex(&raw mut clock) } {
        -1 => Err(io::Error::last_os_error()),
        state => Ok(of(state, &clock)),
    }
}

fn of(state: libc::c_int, clock: &libc::timex) -> State {
    let is_vouched = state != libc::TIME_ERROR && clock.status & libc::STA_UNSYNC == 0;
    let error = Duration::from_micros(u64::try_from(clock.maxerror).unwrap_or_default());
    let offset = u64::try_from(clock.offset.saturating_abs()).unwrap_or_default();
    let is_nanos = clock.status & libc::STA_NANO != 0;
    let offset =
        if is_nanos { Duration::from_nanos(offset) } else { Duration::from_micros(offset) };
    let is_leap_near = [libc::TIME_INS, libc::TIME_DEL, libc::TIME_OOP, libc::TIME_WAIT];
    State {
        vouched: is_vouched.then(|| error.saturating_add(offset).max(ERROR_MIN)),
        is_leap_near: is_leap_near.contains(&state),
    }
}

/// Whether the kernel has set its clock by one of the battery-backed ones in `class`.
fn set_the_clock(class: &Path) -> bool {
    let Ok(clocks) = fs::read_dir(class) else { return false };
    let says_so = |path: &Path| fs::read_to_string(path).is_ok_and(|text| text.trim() == "1");
    clocks.flatten().any(|clock| says_so(&clock.path().join("hctosys")))
}

#[cfg(test)]
mod tests {
    use ports::Clock as _;

    use super::*;

    fn timex(status: libc::c_int, maxerror: libc::c_long, offset: libc::c_long) -> libc::timex {
        // SAFETY: as above.
        let clock: libc::timex = unsafe { mem::zeroed() };
        libc::timex { status, maxerror, offset, ..clock }
    }

    #[test]
    fn the_error_is_the_kernels_bound_and_what_is_still_to_be_slewed() {
        let vouched = |clock: &libc::timex| of(libc::TIME_OK, clock).vouched;
        let micros = |n| Some(Duration::from_micros(n));
        assert_eq!(vouched(&timex(0, 2_000, -300)), micros(2_300));
        assert_eq!(vouched(&timex(libc::STA_NANO, 2_000, -300_000)), micros(2_300));
        assert_eq!(vouched(&timex(0, 0, 0)), Some(ERROR_MIN), "a client that tells none");
        assert_eq!(vouched(&timex(libc::STA_UNSYNC, 16_000_000, 0)), None);
        assert_eq!(of(libc::TIME_ERROR, &timex(0, 5, 0)).vouched, None);
    }

    #[test]
    fn a_leap_second_is_near_from_its_announcement_until_it_is_cleared() {
        let near = |state| of(state, &timex(0, 0, 0)).is_leap_near;
        assert!(
            [libc::TIME_INS, libc::TIME_DEL, libc::TIME_OOP, libc::TIME_WAIT].map(near)
                == [true; 4]
        );
        assert!(!near(libc::TIME_OK) && !near(libc::TIME_ERROR));
    }

    #[test]
    fn the_kernel_answers_and_times_have_the_mark_that_was_told() {
        let clock = LinuxClock::new();
        let mut discipline = KernelDiscipline::new(&clock);
        assert!(state().is_ok());
        let look = discipline.look();
        let passed = clock.now().monotonic.saturating_since(look.monotonic);
        assert!(passed < Duration::from_secs(60), "{passed:?}");
        assert_eq!(clock.now().trust, Trust::UNKNOWN);
        let trust = Trust::found(domain::TimeSource::Ntp, Some(Duration::from_millis(7)));
        let beside = clock.beside();
        discipline.tell(trust);
        assert_eq!([clock.now().trust, beside.now().trust], [trust; 2]);
        assert_eq!(LinuxClock::new().now().trust, Trust::UNKNOWN);
    }

    #[test]
    fn a_battery_backed_clock_counts_if_it_set_the_kernels() {
        let class = tempfile::tempdir().unwrap();
        assert!(!set_the_clock(&class.path().join("none")));
        for (name, text) in [("rtc0", "0\n"), ("rtc1", "1\n")] {
            fs::create_dir(class.path().join(name)).unwrap();
            fs::write(class.path().join(name).join("hctosys"), text).unwrap();
            assert_eq!(set_the_clock(class.path()), name == "rtc1");
        }
    }
}
