//! Simulated time.
//!
//! # Terms
//!
//! * **Elapsed** — how long the simulation has run; what chips and the environment are told.
//! * **[`VirtualClock`]** — the port [`Clock`] without waiting: sleeping moves it on.
//!
//! # Invariants
//!
//! 1. Virtual monotonic time moves only by [`VirtualClock::advance`] and by sleeping on it, and never back.
//! 2. A step of the wall clock leaves monotonic time alone, and so does a wall clock that runs at a rate of
//!    its own: what the kernel's never does, and a smear by others might.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::{Monotonic, Timestamp, Trust, WallTime, time::Look};
use ports::{Clock, Discipline, Wake};

/// Tells how long the simulation has run.
#[derive(Clone)]
pub struct Elapsed(Arc<dyn Fn() -> Duration + Send + Sync>);

impl Elapsed {
    /// Time as `tell` tells it; it must never run backwards.
    pub fn from_fn(tell: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Real time, from now on.
    #[expect(
        clippy::disallowed_methods,
        reason = "chips behind device nodes live in the kernel's time, which is no port of the gateway"
    )]
    pub fn running() -> Self {
        let start = std::time::Instant::now();
        Self::from_fn(move || start.elapsed())
    }

    /// How long the simulation has run.
    pub fn now(&self) -> Duration {
        (self.0)()
    }
}

/// A clock for single-threaded simulation: whoever sleeps on it moves it to his deadline.
///
/// Clones tell the same time.
#[derive(Clone, Debug)]
pub struct VirtualClock(Arc<Mutex<Dials>>);

#[derive(Debug)]
struct Dials {
    started: Monotonic,
    /// How long the simulation ran before this boot.
    before: Duration,
    at: Timestamp,
    /// How much faster the wall clock runs than the monotonic one, in parts per thousand million.
    wall_ppb: i64,
    vouched: Option<Duration>,
    is_leap_near: bool,
    has_rtc: bool,
    is_interrupted: bool,
}

impl VirtualClock {
    /// A clock that stands at `start`. Nobody vouches for it.
    pub fn starting_at(start: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Dials {
            started: start.monotonic,
            before: Duration::ZERO,
            at: start,
            wall_ppb: 0,
            vouched: None,
            is_leap_near: false,
            has_rtc: false,
            is_interrupted: false,
        })))
    }

    /// Lets `span` pass on both clocks.
    pub fn advance(&self, span: Duration) {
        self.turn(|dials| dials.move_to(dials.at.monotonic + span));
    }

    /// Sets the wall clock, as NTP or an operator would; monotonic time does not notice.
    pub fn set_wall(&self, wall: WallTime) {
        self.turn(|dials| dials.at.wall = wall);
    }

    /// From now on somebody vouches for the wall clock, to `error`; or nobody does.
    pub fn set_vouched(&self, error: Option<Duration>) {
        self.turn(|dials| dials.vouched = error);
    }

    /// From now on a leap second is near, or is not.
    pub fn set_leap_near(&self, is_near: bool) {
        self.turn(|dials| dials.is_leap_near = is_near);
    }

    /// From now on the wall clock gains so many nanoseconds a second.
    pub fn set_wall_rate(&self, ppb: i64) {
        self.turn(|dials| dials.wall_ppb = ppb);
    }

    /// The machine starts anew, at `start`; nobody vouches for its clock, which a battery-backed one may
    /// have set.
    pub fn reboot(&self, start: Timestamp, has_rtc: bool) {
        self.turn(|dials| {
            dials.before = dials.elapsed();
            (dials.started, dials.at) = (start.monotonic, start);
            (dials.vouched, dials.is_leap_near, dials.has_rtc) = (None, false, has_rtc);
        });
    }

    /// Ends this sleep and every later one.
    pub fn interrupt(&self) {
        self.turn(|dials| dials.is_interrupted = true);
    }

    /// The same time as chips want it: since the clock was made.
    pub fn elapsed(&self) -> Elapsed {
        let clock = self.clone();
        Elapsed::from_fn(move || clock.turn(|dials| dials.elapsed()))
    }

    fn turn<T>(&self, turn: impl FnOnce(&mut Dials) -> T) -> T {
        turn(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Dials {
    fn elapsed(&self) -> Duration {
        self.before + self.at.monotonic.saturating_since(self.started)
    }

    fn move_to(&mut self, monotonic: Monotonic) {
        let passed = monotonic.saturating_since(self.at.monotonic).as_nanos();
        let passed = i64::try_from(passed).unwrap_or(i64::MAX);
        let gained = i128::from(passed) * i128::from(self.wall_ppb) / 1_000_000_000;
        let passed = passed.saturating_add(i64::try_from(gained).unwrap_or_default());
        self.at.wall = WallTime::from_nanos(self.at.wall.as_nanos().saturating_add(passed));
        self.at.monotonic = self.at.monotonic.max(monotonic);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.turn(|dials| dials.at)
    }

    fn sleep_until(&self, deadline: Monotonic) -> Wake {
        self.turn(|dials| {
            if dials.is_interrupted {
                return Wake::Interrupted;
            }
            dials.move_to(deadline);
            Wake::Due
        })
    }
}

impl Discipline for VirtualClock {
    fn look(&mut self) -> Look {
        self.turn(|dials| Look {
            wall: dials.at.wall,
            monotonic: dials.at.monotonic,
            width: Duration::ZERO,
            vouched: dials.vouched,
            is_leap_near: dials.is_leap_near,
            has_rtc: dials.has_rtc,
        })
    }

    fn tell(&mut self, trust: Trust) {
        self.turn(|dials| dials.at.trust = trust);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::new(WallTime::from_nanos(1_000), Monotonic::from_nanos(50));

    #[test]
    fn sleeping_moves_both_clocks_to_the_deadline_and_never_back() {
        let clock = VirtualClock::starting_at(START);
        assert_eq!(clock.sleep_until(Monotonic::from_nanos(80)), Wake::Due);
        assert_eq!(clock.sleep_until(Monotonic::from_nanos(60)), Wake::Due);
        let expected = Timestamp::new(WallTime::from_nanos(1_030), Monotonic::from_nanos(80));
        assert_eq!(clock.now(), expected);
        assert_eq!(clock.elapsed().now(), Duration::from_nanos(30));
    }

    #[test]
    fn a_wall_step_back_leaves_deadlines_alone() {
        let clock = VirtualClock::starting_at(START);
        clock.set_wall(WallTime::from_nanos(-7));
        clock.advance(Duration::from_nanos(10));
        assert_eq!(clock.now().wall, WallTime::from_nanos(3));
        assert_eq!(clock.now().monotonic, Monotonic::from_nanos(60));
    }

    #[test]
    fn a_reboot_begins_monotonic_time_anew_while_the_simulation_goes_on() {
        let clock = VirtualClock::starting_at(START);
        let elapsed = clock.elapsed();
        clock.set_vouched(Some(Duration::ZERO));
        clock.advance(Duration::from_nanos(10));
        let start = Timestamp::new(WallTime::from_nanos(7), Monotonic::from_nanos(3));
        clock.reboot(start, true);
        clock.advance(Duration::from_nanos(5));
        assert_eq!(elapsed.now(), Duration::from_nanos(15));
        let look = clock.clone().look();
        assert_eq!((look.wall.as_nanos(), look.monotonic.as_nanos()), (12, 8));
        assert_eq!((look.vouched, look.has_rtc), (None, true));
    }

    #[test]
    fn a_wall_clock_may_run_at_a_rate_of_its_own() {
        let clock = VirtualClock::starting_at(START);
        clock.set_wall_rate(1_000_000);
        clock.advance(Duration::from_micros(10));
        assert_eq!(clock.now().wall, WallTime::from_nanos(11_010));
        assert_eq!(clock.now().monotonic, Monotonic::from_nanos(10_050));
    }

    #[test]
    fn an_interrupted_clock_neither_waits_nor_moves() {
        let clock = VirtualClock::starting_at(START);
        clock.clone().interrupt();
        assert_eq!(clock.sleep_until(Monotonic::from_nanos(80)), Wake::Interrupted);
        assert_eq!(clock.now(), START);
    }
}
