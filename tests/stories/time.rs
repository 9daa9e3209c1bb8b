//! The wall clock is wrong; order, number and spacing are not, and times are right or say that they are not.

use core::time::Duration;

use domain::{BootId, Monotonic, Sample, TimeSource, WallTime};
use ports::Clock as _;
use proptest::prelude::*;

use crate::world::{BOOT, SECOND, START, Setup, VOUCHED, World};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: i64 = 3_600_000_000_000;
const OTHER: BootId = BootId::from_bytes([0x43; 16]);

/// Nobody vouches for its clock, which begins in 1970.
fn without_clock(wait_max: Option<Duration>) -> World {
    let wall = WallTime::from_nanos(1_000_000_000);
    World::with(1, Setup { is_synchronised: false, wall, wait_max, ..Setup::default() })
}

/// Really, if the world began at [`START`], and `mono` has gone on since it stood at a second.
fn truth(mono: Monotonic) -> i64 {
    START + i64::try_from(mono.as_nanos()).unwrap() - 1_000_000_000
}

/// NTP sets the clock right, and vouches for it.
fn synchronise(world: &World) {
    world.clock.set_wall(WallTime::from_nanos(truth(world.clock.now().monotonic)));
    world.clock.set_vouched(Some(VOUCHED));
}

/// Panics unless each time is right within what it claims, and claims to be known.
fn assert_right(samples: &[Sample]) {
    for sample in samples {
        let at = sample.reading.at;
        assert_eq!(at.trust.source(), TimeSource::Ntp, "{sample:?}");
        let error = at.trust.error().unwrap_or(VOUCHED).as_nanos();
        let wrong = at.wall.as_nanos().abs_diff(truth(at.monotonic));
        // Payloads have whole microseconds.
        assert!(u128::from(wrong) <= error + 1_000, "{sample:?} is {wrong} ns off");
    }
}

/// Panics unless nothing is missing, and nothing came twice or out of order.
fn assert_order(world: &World) {
    world.assert_nothing_is_missing();
    let mut newest = std::collections::BTreeMap::new();
    for sample in world.arrivals() {
        let before = newest.insert(sample.stream.name.clone(), sample.seq);
        assert!(before < Some(sample.seq), "{sample:?} after {before:?}");
    }
}

#[test]
fn a_wall_clock_that_steps_back_neither_reorders_nor_doubles_nor_delays() {
    let mut world = World::new(1);
    world.run(30 * SECOND);
    world.clock.set_wall(WallTime::from_nanos(START - HOUR));
    world.run(30 * SECOND);
    assert!(world.drain());
    world.assert_nothing_is_missing();
    let delivered = world.delivered();
    let temperatures = &delivered["outdoor.temperature"];
    assert_eq!(temperatures.len(), 60);
    let steps: Vec<_> = temperatures
        .windows(2)
        .map(|pair| {
            let (earlier, later) = (pair[0].reading.at, pair[1].reading.at);
            later.monotonic.saturating_since(earlier.monotonic).as_millis()
        })
        .collect();
    assert!(steps.iter().all(|step| (980..=1_020).contains(step)), "{steps:?}");
    // Whoever vouches for the clock has set it.
    assert!(temperatures[59].reading.at.wall < temperatures[0].reading.at.wall);
}

#[test]
fn without_a_clock_of_its_own_times_that_wait_for_the_broker_are_right_after_ntp_came() {
    let mut world = without_clock(None);
    world.broker.set_up(false);
    world.run(10 * MINUTE);
    synchronise(&world);
    world.run(MINUTE);
    world.broker.set_up(true);
    world.run(MINUTE);
    assert!(world.drain());
    assert_order(&world);
    let arrivals = world.arrivals();
    assert_right(&arrivals);
    let corrected = arrivals.iter().filter(|sample| sample.reading.at.trust.is_corrected()).count();
    // Ten minutes of them, and what was told between the step and the next look.
    let minutes = arrivals.len() / 12;
    assert!((10 * minutes..11 * minutes).contains(&corrected), "{corrected} of {}", arrivals.len());
    assert_eq!(world.count("samples_restamped"), corrected as u64);
    assert_eq!((world.count("clock_steps"), world.count("clock_synchronised")), (1, 1));
}

#[test]
fn without_a_clock_times_travel_marked_while_there_is_a_broker() {
    let mut world = without_clock(None);
    world.run(MINUTE);
    let marked = world.arrivals();
    assert!(marked.len() > 300, "{} have arrived", marked.len());
    for sample in &marked {
        assert_eq!(sample.reading.at.trust.source(), TimeSource::Unsynchronised);
        assert!(sample.reading.at.wall < WallTime::from_nanos(HOUR), "as the clock told it");
    }
    synchronise(&world);
    // Until it is looked at.
    world.run(2 * SECOND);
    let marked = world.arrivals().len();
    world.run(MINUTE);
    assert!(world.drain());
    assert_order(&world);
    let right = world.arrivals().split_off(marked);
    assert!(right.len() > 300);
    assert_right(&right);
}

#[test]
fn or_wait_until_ntp_comes_after_ten_minutes() {
    let mut world = without_clock(Some(60 * MINUTE));
    world.run(10 * MINUTE);
    assert!(world.arrivals().is_empty());
    assert!(world.count("clock_waits_s") > 49 * 60);
    synchronise(&world);
    world.run(MINUTE);
    assert!(world.drain());
    assert_order(&world);
    assert_right(&world.arrivals());
    assert_eq!(world.count("samples_waiting"), 0);
}

#[test]
fn and_do_not_wait_for_an_ntp_that_never_comes() {
    let mut world = without_clock(Some(5 * MINUTE));
    world.run(4 * MINUTE);
    assert!(world.arrivals().is_empty());
    world.run(2 * MINUTE);
    assert!(world.drain());
    assert_order(&world);
    let arrivals = world.arrivals();
    let is_marked =
        |sample: &Sample| sample.reading.at.trust.source() == TimeSource::Unsynchronised;
    assert!(arrivals.iter().all(is_marked));
}

#[test]
fn an_hour_back_by_hand_while_the_broker_is_away_is_corrected() {
    let mut world = World::new(1);
    world.run(MINUTE);
    world.broker.set_up(false);
    world.run(MINUTE);
    let now = world.clock.now();
    world.clock.set_wall(WallTime::from_nanos(now.wall.as_nanos() - HOUR));
    world.clock.set_vouched(None);
    world.run(10 * MINUTE);
    world.broker.set_up(true);
    world.run(MINUTE);
    assert!(world.drain());
    assert_order(&world);
    assert_right(&world.arrivals());
    assert_eq!(world.count("clock_steps"), 1);
}

#[test]
fn a_leap_smear_is_no_step_and_changes_no_time() {
    let mut world = World::new(1);
    // A second within an hour, by the wall clock alone: 278 ppm.
    world.clock.set_wall_rate(-277_778);
    world.run(60 * MINUTE);
    world.clock.set_wall_rate(0);
    world.run(MINUTE);
    assert!(world.drain());
    assert_order(&world);
    assert_eq!((world.count("clock_steps"), world.count("samples_restamped")), (0, 0));
    let delivered = world.delivered();
    let last = delivered["outdoor.temperature"].last().unwrap().reading.at;
    let behind = truth(last.monotonic) - last.wall.as_nanos();
    assert!((999_000_000..1_001_000_000).contains(&behind), "{behind}");
}

#[test]
fn a_leap_second_is_a_step_that_changes_no_time() {
    let mut world = World::new(1);
    world.clock.set_leap_near(true);
    world.run(MINUTE);
    let now = world.clock.now();
    world.clock.set_wall(WallTime::from_nanos(now.wall.as_nanos() - 1_000_000_000));
    world.run(MINUTE);
    world.clock.set_leap_near(false);
    world.run(MINUTE);
    assert!(world.drain());
    assert_order(&world);
    assert_eq!((world.count("clock_steps"), world.count("samples_restamped")), (1, 0));
}

/// The samples of a boot, and the truth of each.
fn of(world: &World, boot: BootId) -> Vec<Sample> {
    world.arrivals().into_iter().filter(|sample| sample.boot == boot).collect()
}

#[test]
fn a_reboot_before_ntp_came_leaves_times_marked_and_those_of_the_next_boot_right() {
    let mut world = without_clock(None);
    world.broker.set_up(false);
    world.run(5 * MINUTE);
    world.reboot(OTHER, WallTime::from_nanos(1_000_000_000));
    world.run(5 * MINUTE);
    // Five minutes, and the second that is there at each boot.
    let wall = WallTime::from_nanos(truth(world.clock.now().monotonic));
    world.clock.set_wall(wall);
    world.clock.set_vouched(Some(VOUCHED));
    world.run(MINUTE);
    world.broker.set_up(true);
    world.run(MINUTE);
    assert!(world.drain());
    world.assert_nothing_is_missing();
    let (before, after) = (of(&world, BOOT), of(&world, OTHER));
    assert!(before.len() > 1_000 && after.len() > 1_000);
    let is_marked = |sample: &Sample| {
        let at = sample.reading.at;
        (at.trust.source(), at.trust.error()) == (TimeSource::Unsynchronised, None)
    };
    assert!(before.iter().all(is_marked), "nothing is claimed");
    assert_right(&after);
}

#[test]
fn a_reboot_between_two_boots_with_ntp_is_known_to_lie_between_them() {
    let mut world = World::new(1);
    world.run(MINUTE);
    world.broker.set_up(false);
    world.store();
    // Off for ten minutes each time; all of it is 21 minutes and more after the beginning.
    let off = 600_000_000_000;
    world.reboot(OTHER, WallTime::from_nanos(1_000_000_000));
    world.run(MINUTE);
    let third = BootId::from_bytes([0x44; 16]);
    let wall = START + 2 * off + 120_000_000_000;
    world.reboot(third, WallTime::from_nanos(wall));
    world.clock.set_vouched(Some(VOUCHED));
    world.run(MINUTE);
    world.broker.set_up(true);
    world.run(MINUTE);
    assert!(world.drain());
    let between = of(&world, OTHER);
    assert!(between.len() > 200, "{}", between.len());
    for sample in between {
        let at = sample.reading.at;
        assert_eq!(at.trust.source(), TimeSource::Unsynchronised);
        let really = truth(at.monotonic) + off + 60_000_000_000;
        let wrong = at.wall.as_nanos().abs_diff(really);
        assert!(u128::from(wrong) <= at.trust.error().unwrap().as_nanos(), "{sample:?}");
        assert!(at.trust.error().unwrap() < 30 * MINUTE);
    }
}

/// What may happen to a clock.
#[derive(Clone, Debug)]
enum Event {
    Set(i64),
    Vouch(bool),
    Restart,
}

fn events() -> impl Strategy<Value = Event> {
    let walls = proptest::sample::select(vec![
        i64::MIN / 2,
        -HOUR,
        0,
        START - HOUR,
        START + HOUR,
        i64::MAX - HOUR,
    ]);
    prop_oneof![
        walls.prop_map(Event::Set),
        any::<bool>().prop_map(Event::Vouch),
        Just(Event::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_clock_reorders_doubles_or_loses_a_sample(
        events in proptest::collection::vec(events(), 1..12),
        wait_max in proptest::option::of(Just(20 * SECOND)),
        is_away: bool,
    ) {
        let mut world = World::with(1, Setup { is_synchronised: false, wait_max, ..Setup::default() });
        world.broker.set_up(!is_away);
        let mut restarts = 0;
        for event in events {
            match event {
                Event::Set(wall) => world.clock.set_wall(WallTime::from_nanos(wall)),
                Event::Vouch(does) => world.clock.set_vouched(does.then_some(VOUCHED)),
                Event::Restart => {
                    world.store();
                    world.crash();
                    restarts += 1;
                }
            }
            world.run(5 * SECOND);
        }
        world.broker.set_up(true);
        world.run(60 * SECOND);
        prop_assert!(world.drain());
        // What was on its way at a restart may come twice.
        if is_away || restarts == 0 {
            assert_order(&world);
        }
        world.assert_nothing_is_missing();
    }
}
