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
//! 2. A step of the wall clock leaves monotonic time alone.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::{Monotonic, Timestamp, WallTime};
use ports::{Clock, Wake};

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
    at: Timestamp,
    is_interrupted: bool,
}

impl VirtualClock {
    /// A clock that stands at `start`.
    pub fn starting_at(start: Timestamp) -> Self {
        let dials = Dials { started: start.monotonic, at: start, is_interrupted: false };
        Self(Arc::new(Mutex::new(dials)))
    }

    /// Lets `span` pass on both clocks.
    pub fn advance(&self, span: Duration) {
        self.turn(|dials| dials.move_to(dials.at.monotonic + span));
    }

    /// Sets the wall clock, as NTP or an operator would; monotonic time does not notice.
    pub fn set_wall(&self, wall: WallTime) {
        self.turn(|dials| dials.at.wall = wall);
    }

    /// Ends this sleep and every later one.
    pub fn interrupt(&self) {
        self.turn(|dials| dials.is_interrupted = true);
    }

    /// The same time as chips want it: since the clock was made.
    pub fn elapsed(&self) -> Elapsed {
        let clock = self.clone();
        Elapsed::from_fn(move || {
            clock.turn(|dials| dials.at.monotonic.saturating_since(dials.started))
        })
    }

    fn turn<T>(&self, turn: impl FnOnce(&mut Dials) -> T) -> T {
        turn(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Dials {
    fn move_to(&mut self, monotonic: Monotonic) {
        let passed = monotonic.saturating_since(self.at.monotonic).as_nanos();
        let passed = i64::try_from(passed).unwrap_or(i64::MAX);
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

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp =
        Timestamp { wall: WallTime::from_nanos(1_000), monotonic: Monotonic::from_nanos(50) };

    #[test]
    fn sleeping_moves_both_clocks_to_the_deadline_and_never_back() {
        let clock = VirtualClock::starting_at(START);
        assert_eq!(clock.sleep_until(Monotonic::from_nanos(80)), Wake::Due);
        assert_eq!(clock.sleep_until(Monotonic::from_nanos(60)), Wake::Due);
        let expected =
            Timestamp { wall: WallTime::from_nanos(1_030), monotonic: Monotonic::from_nanos(80) };
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
    fn an_interrupted_clock_neither_waits_nor_moves() {
        let clock = VirtualClock::starting_at(START);
        clock.clone().interrupt();
        assert_eq!(clock.sleep_until(Monotonic::from_nanos(80)), Wake::Interrupted);
        assert_eq!(clock.now(), START);
    }
}
