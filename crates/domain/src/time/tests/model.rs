//! A dull world that knows the true time, and holds every claim against it.

use proptest::{collection::vec, prelude::*};

use super::*;

/// What happens next.
#[derive(Clone, Debug)]
enum Event {
    /// Time passes, in seconds, while the crystal is wrong by so many ppm. The gateway looks and measures.
    Pass { seconds: u32, ppm: i64 },
    /// Somebody sets the wall clock, and nobody vouches for it any more.
    Set { seconds: i64 },
    /// NTP sets the wall clock right, to some milliseconds, or begins to vouch for one that is.
    Synchronise { error_ms: i64 },
    /// NTP is gone.
    Lose,
    /// The gateway starts again.
    Restart,
    /// The machine is off for so long, and wakes up with some idea of the time.
    Reboot { off: u32, wall: i64 },
}

fn events() -> impl Strategy<Value = Event> {
    let pass =
        || (1_u32..5_000, -400_i64..=400).prop_map(|(seconds, ppm)| Event::Pass { seconds, ppm });
    prop_oneof![
        pass(),
        pass(),
        pass(),
        (-90_000_i64..90_000).prop_map(|seconds| Event::Set { seconds }),
        (-50_i64..=50).prop_map(|error_ms| Event::Synchronise { error_ms }),
        Just(Event::Lose),
        Just(Event::Restart),
        (0_u32..90_000, prop_oneof![Just(0), NOON - 9..NOON + 900_000])
            .prop_map(|(off, wall)| Event::Reboot { off, wall }),
    ]
}

/// All in nanoseconds.
struct World {
    truth: i64,
    wall: i64,
    monotonic: u64,
    is_vouched: bool,
    boot: u8,
    before: Option<Look>,
    table: TimeTable,
    /// What was told, and when it really was.
    told: Vec<(BootId, Timestamp, i64)>,
}

impl World {
    fn new() -> Self {
        let table = TimeTable::default();
        let mut world = Self {
            truth: NOON * SECOND,
            wall: 0,
            monotonic: 1,
            is_vouched: false,
            boot: 0,
            before: None,
            table,
            told: Vec::new(),
        };
        world.look();
        world
    }

    fn boot(&self) -> BootId {
        BootId::from_bytes([self.boot; 16])
    }

    fn look(&mut self) {
        let wrong = Duration::from_nanos(self.wall.abs_diff(self.truth));
        let look = Look {
            wall: WallTime::from_nanos(self.wall),
            monotonic: Monotonic::from_nanos(self.monotonic),
            vouched: self.is_vouched.then_some(wrong),
            ..look(0, 0, None)
        };
        self.table.enter(self.boot(), look.monotonic);
        self.table.note(self.before.as_ref(), &look);
        self.before = Some(look);
    }

    /// Told by the clock as it was last looked at.
    fn measure(&mut self) {
        let trust = self.before.map_or(Trust::UNKNOWN, |look| self.table.trust(&look));
        let wall = WallTime::from_nanos(self.wall);
        let at = Timestamp { wall, monotonic: Monotonic::from_nanos(self.monotonic), trust };
        self.told.push((self.boot(), at, self.truth));
    }

    fn pass(&mut self, nanos: i64, ppm: i64) {
        // Discipline never makes a clock worse.
        let ppm =
            if self.is_vouched { -(self.wall - self.truth).signum() * ppm.abs() } else { ppm };
        self.truth += nanos;
        let shown = nanos + nanos / 1_000_000 * ppm;
        self.wall += shown;
        self.monotonic += shown.unsigned_abs();
    }

    fn meet(&mut self, event: &Event) {
        match *event {
            Event::Pass { seconds, ppm } => {
                let half = i64::from(seconds) * SECOND / 2;
                self.pass(half, ppm);
                self.measure();
                self.pass(half, ppm);
                self.look();
                self.measure();
            }
            Event::Set { seconds } => {
                self.wall += seconds * SECOND;
                self.is_vouched = false;
                self.measure();
            }
            Event::Synchronise { error_ms } => {
                if !self.is_vouched {
                    self.wall = self.truth + error_ms * 1_000_000;
                }
                self.is_vouched = true;
                self.measure();
            }
            Event::Lose => self.is_vouched = false,
            Event::Restart => {
                self.before = None;
                self.look();
            }
            Event::Reboot { off, wall } => {
                self.truth += i64::from(off) * SECOND;
                (self.wall, self.monotonic, self.is_vouched) = (wall * SECOND, 1, false);
                (self.boot, self.before) = (self.boot + 1, None);
                self.look();
            }
        }
    }
}

proptest! {
    #[test]
    fn no_corrected_time_is_wrong_by_more_than_it_claims(events in vec(events(), 1..60)) {
        let mut world = World::new();
        for event in &events {
            world.meet(event);
            for &(boot, at, truth) in &world.told {
                let corrected = world.table.correct(boot, at);
                prop_assert_eq!(corrected.monotonic, at.monotonic);
                let Some(error) = corrected.trust.error() else { continue };
                if !corrected.trust.is_corrected() {
                    continue;
                }
                let wrong = corrected.wall.as_nanos().abs_diff(truth);
                prop_assert!(
                    u128::from(wrong) <= error.as_nanos(),
                    "{corrected:?} is {wrong} ns off"
                );
            }
        }
    }

    /// What was synchronised is never touched unless the clock was set behind our back.
    #[test]
    fn nothing_is_corrected_that_was_right(events in vec(events(), 1..60)) {
        let mut world = World::new();
        for event in events.iter().filter(|event| !matches!(event, Event::Set { .. })) {
            world.meet(event);
        }
        for (boot, at, truth) in world.told {
            if at.trust.source() == TimeSource::Ntp {
                prop_assert_eq!(world.table.correct(boot, at), at, "{}", truth);
            }
        }
    }
}
