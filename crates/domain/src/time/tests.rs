mod model;

use core::time::Duration;

use super::*;
use crate::{BootId, Monotonic, Timestamp, WallTime};

const SECOND: i64 = 1_000_000_000;
/// 2026-11-23T09:15:00Z.
const NOON: i64 = 1_795_425_300;
const FIRST: BootId = BootId::from_bytes([1; 16]);
const SECOND_BOOT: BootId = BootId::from_bytes([2; 16]);
const THIRD: BootId = BootId::from_bytes([3; 16]);

fn mono(seconds: u64) -> Monotonic {
    Monotonic::from_nanos(seconds * 1_000_000_000)
}

/// At `monotonic` seconds after boot the wall clock says `wall`, in seconds; somebody may vouch for it,
/// to some milliseconds.
fn look(wall: i64, monotonic: u64, vouched_ms: Option<u64>) -> Look {
    Look {
        wall: WallTime::from_nanos(wall.saturating_mul(SECOND)),
        monotonic: mono(monotonic),
        width: Duration::ZERO,
        vouched: vouched_ms.map(Duration::from_millis),
        is_leap_near: false,
        has_rtc: false,
    }
}

/// A time that a clock told after that look.
fn told(look: Look, table: &TimeTable) -> Timestamp {
    Timestamp { wall: look.wall, monotonic: look.monotonic, trust: table.trust(&look) }
}

fn seconds(at: Timestamp) -> i64 {
    at.wall.as_nanos().div_euclid(SECOND)
}

fn error_ms(at: Timestamp) -> Option<u32> {
    at.trust.error_ms().map(Into::into)
}

/// A table in `boot` that has seen these looks.
fn table(boot: BootId, looks: &[Look]) -> TimeTable {
    let mut table = TimeTable::default();
    follow(&mut table, boot, looks);
    table
}

/// How many steps there were.
fn follow(table: &mut TimeTable, boot: BootId, looks: &[Look]) -> usize {
    table.enter(boot, looks[0].monotonic);
    let mut before = None;
    let mut steps = 0;
    for look in looks {
        steps += usize::from(table.note(before.as_ref(), look).is_step);
        before = Some(*look);
    }
    steps
}

#[test]
fn without_a_clock_at_boot_times_are_right_after_ntp_came() {
    let mut table = TimeTable::default();
    let early = look(10, 10, None);
    assert_eq!(follow(&mut table, FIRST, &[early]), 0);
    let at = told(early, &table);
    assert_eq!((at.trust, table.correct(FIRST, at)), (Trust::UNKNOWN, at));
    assert!(!table.is_anchored(FIRST));

    assert_eq!(
        follow(&mut table, FIRST, &[look(599, 599, None), look(NOON + 600, 600, Some(5))]),
        1
    );
    let corrected = table.correct(FIRST, at);
    assert_eq!((seconds(corrected), corrected.monotonic), (NOON + 10, at.monotonic));
    assert_eq!(corrected.trust.source(), TimeSource::Ntp);
    // 590 s at 500 ppm, and what NTP vouches for.
    assert_eq!((error_ms(corrected), corrected.trust.is_corrected()), (Some(300), true));
    assert!(table.is_anchored(FIRST));
}

#[test]
fn a_clock_that_somebody_vouches_for_is_left_alone() {
    let table = table(FIRST, &[look(NOON, 100, Some(5)), look(NOON + 50, 150, Some(5))]);
    let at = told(look(NOON + 20, 120, Some(5)), &table);
    assert_eq!(table.correct(FIRST, at), at);
    assert_eq!((at.trust.source(), error_ms(at)), (TimeSource::Ntp, Some(5)));
}

#[test]
fn an_hour_back_is_corrected_before_anybody_has_looked_and_afterwards() {
    let mut table = table(FIRST, &[look(NOON, 100, Some(5))]);
    // Told by the look before the step.
    let stepped = Timestamp {
        wall: WallTime::from_nanos((NOON - 3_599) * SECOND),
        ..told(look(0, 101, Some(5)), &table)
    };
    assert_eq!(seconds(table.correct(FIRST, stepped)), NOON + 1);
    let looks = [look(NOON, 100, Some(5)), look(NOON - 3_590, 110, None)];
    assert_eq!(follow(&mut table, FIRST, &looks), 1);
    let later = told(look(NOON - 3_500, 200, None), &table);
    let corrected = table.correct(FIRST, later);
    assert_eq!((seconds(corrected), error_ms(corrected)), (NOON + 100, Some(55)));
}

#[test]
fn a_step_by_those_who_know_the_time_is_kept_on_either_side() {
    let looks = [look(NOON, 100, Some(5)), look(NOON - 3_599, 101, Some(5))];
    let mut table = TimeTable::default();
    assert_eq!(follow(&mut table, FIRST, &looks), 1);
    for at in looks.map(|look| told(look, &table)) {
        assert_eq!(table.correct(FIRST, at), at);
    }
    // Told after the step, before anybody had looked.
    let mut table = TimeTable::default();
    let looks = [look(NOON, 100, Some(5)), look(NOON - 3_590, 110, Some(5))];
    follow(&mut table, FIRST, &looks);
    let between = told(look(NOON - 3_595, 105, Some(5)), &table);
    assert_eq!(table.correct(FIRST, between), between);
}

/// Of the times that are told between a leap second and the next look nobody claims more than a second.
#[test]
fn a_leap_second_is_no_reason_to_correct_anything() {
    let near = |look| Look { is_leap_near: true, ..look };
    let table = table(FIRST, &[near(look(NOON, 100, Some(5)))]);
    let after = told(look(NOON + 9, 110, Some(5)), &table);
    assert_eq!(table.correct(FIRST, after), after);
}

#[test]
fn a_smear_is_followed() {
    // A second in 24 hours, by the wall clock alone: 11.6 ppm.
    let wall =
        |t: u64| WallTime::from_nanos(NOON * SECOND + 999_988_426 * i64::try_from(t).unwrap());
    let at = |t| Look { wall: wall(t), ..look(0, t, Some(5)) };
    let looks: Vec<_> = (0..=86_400).step_by(60).map(at).collect();
    let mut table = TimeTable::default();
    assert_eq!(follow(&mut table, FIRST, &looks), 0);
    assert_eq!(table.boots()[0].stretches.len(), 1);
    let told = told(at(43_210), &table);
    assert_eq!(table.correct(FIRST, told), told);
    // Of a time within it that nobody vouched for it is not known when the clock was smeared.
    let corrected = table.correct(FIRST, Timestamp { trust: Trust::UNKNOWN, ..told });
    assert!((1_000..1_100).contains(&error_ms(corrected).unwrap()), "{corrected:?}");
    assert!(corrected.wall.as_nanos().abs_diff(told.wall.as_nanos()) < 1_000_000);
}

#[test]
fn a_battery_backed_clock_is_believed_while_nothing_speaks_against_it() {
    let with_rtc = |look| Look { has_rtc: true, ..look };
    let mut table = table(FIRST, &[look(NOON, 100, Some(5))]);
    table.enter(SECOND_BOOT, mono(1));
    let source = |look: Look, table: &TimeTable| table.trust(&with_rtc(look)).source();
    assert_eq!(source(look(NOON + 60, 1, None), &table), TimeSource::Rtc);
    assert_eq!(table.trust(&with_rtc(look(NOON + 60, 1, None))).error_ms(), None);
    assert_eq!(table.trust(&look(NOON + 60, 1, None)), Trust::UNKNOWN, "there is none");
    for wrong in [NOON - 60, 946_684_800, 0, -1] {
        assert_eq!(source(look(wrong, 1, None), &table), TimeSource::Unsynchronised, "{wrong}");
    }
    let set = [look(NOON + 60, 1, None), look(NOON + 5_000, 2, None)];
    assert_eq!(follow(&mut table, SECOND_BOOT, &set), 1);
    assert_eq!(source(look(NOON + 5_001, 3, None), &table), TimeSource::Unsynchronised);
}

#[test]
fn a_boot_without_ntp_lies_between_those_with_it() {
    let mut table = table(FIRST, &[look(NOON, 100, Some(0))]);
    follow(&mut table, SECOND_BOOT, &[look(5, 5, None), look(300, 300, None)]);
    let at = told(look(100, 100, None), &table);
    // Nobody knows yet when it ended.
    let soonest = table.correct(SECOND_BOOT, at);
    assert_eq!((seconds(soonest), error_ms(soonest)), (NOON + 99, None));
    assert_eq!(soonest.trust.source(), TimeSource::Unsynchronised);

    follow(&mut table, THIRD, &[look(NOON + 1_010, 10, Some(0))]);
    // It began at NOON or later, and ended at NOON + 1000 or sooner: 300 s of it are known.
    let corrected = table.correct(SECOND_BOOT, at);
    assert_eq!(
        (seconds(corrected), corrected.trust.source()),
        (NOON + 99, TimeSource::Unsynchronised)
    );
    let error = error_ms(corrected).unwrap();
    assert!((700_000..701_000).contains(&error), "{error}");
    // A clock that went on from where it was is not moved; how wrong it can be is told.
    let kept = Timestamp { wall: WallTime::from_nanos((NOON + 400) * SECOND), ..at };
    let corrected = table.correct(SECOND_BOOT, kept);
    assert_eq!(seconds(corrected), NOON + 400);
    assert!((400_000..401_000).contains(&error_ms(corrected).unwrap()));
    // What NTP vouched for to ten seconds may be ten seconds earlier, and later.
    let mut vague = TimeTable::default();
    follow(&mut vague, FIRST, &[look(NOON, 100, Some(10_000))]);
    follow(&mut vague, SECOND_BOOT, &[look(300, 300, None)]);
    follow(&mut vague, THIRD, &[look(NOON + 1_010, 10, Some(10_000))]);
    let wide = vague.correct(SECOND_BOOT, at);
    assert_eq!(seconds(wide), NOON + 89);
    assert!((720_000..721_000).contains(&error_ms(wide).unwrap()), "{wide:?}");
    let future = Timestamp { wall: WallTime::from_nanos((NOON + 9_000) * SECOND), ..at };
    assert_eq!(seconds(table.correct(SECOND_BOOT, future)), NOON + 800);
}

#[test]
fn what_was_before_the_boot_or_of_another_machine_stays_as_it_was_told() {
    let table = table(FIRST, &[look(NOON, 100, Some(5))]);
    let before_boot = Timestamp::new(WallTime::from_nanos(7), Monotonic::default());
    assert_eq!(table.correct(FIRST, before_boot), before_boot);
    let elsewhere = Timestamp::new(WallTime::from_nanos(7), mono(50));
    assert_eq!(table.correct(THIRD, elsewhere), elsewhere);
}

#[test]
fn a_boot_that_is_entered_again_is_the_latest_and_keeps_what_is_known() {
    let mut table = table(FIRST, &[look(NOON, 100, Some(5))]);
    table.enter(SECOND_BOOT, mono(1));
    table.enter(FIRST, mono(200));
    table.note(None, &look(NOON + 200, 300, Some(5)));
    let boots: Vec<_> = table.boots().iter().map(|times| times.boot).collect();
    assert_eq!(boots, [SECOND_BOOT, FIRST]);
    assert_eq!((table.boots()[1].stretches.len(), table.boots()[1].seen), (1, mono(300)));
    assert!(!table.is_anchored(SECOND_BOOT));
}

#[test]
fn the_table_stays_small_and_forgets_the_oldest() {
    let mut table = TimeTable::default();
    for boot in 0..40 {
        let looks = (0..40_u32).map(|n| look(NOON + i64::from(n) * 7_000, u64::from(n), Some(5)));
        follow(&mut table, BootId::from_bytes([boot; 16]), &looks.collect::<Vec<_>>());
    }
    assert_eq!(table.boots().len(), BOOTS_MAX);
    assert_eq!(table.boots()[0].boot, BootId::from_bytes([24; 16]));
    assert!(table.boots().iter().all(|boot| boot.stretches.len() == STRETCHES_MAX));
    assert_eq!(table.boots()[15].stretches[0].first.monotonic, mono(32));
    let newest = table.boots()[15].stretches[7].first;
    assert_eq!((newest.monotonic, newest.offset), (mono(39), (NOON + 39 * 7_000 - 39) * SECOND));
    // Told in a stretch that is forgotten: nothing speaks against it.
    let boot = BootId::from_bytes([39; 16]);
    let old = told(look(NOON + 7_000, 1, Some(5)), &table);
    assert_eq!(table.correct(boot, old), old);
}

#[test]
fn the_ends_of_time_are_no_panic() {
    let ends = [i64::MIN, -1, 0, i64::from(i32::MAX) + 1, i64::MAX];
    let monotonics = [0, 1, u64::MAX];
    let mut table = TimeTable::default();
    for wall in ends.map(WallTime::from_nanos) {
        for monotonic in monotonics.map(Monotonic::from_nanos) {
            let look = Look { wall, monotonic, vouched: Some(Duration::MAX), ..look(0, 0, None) };
            table.enter(FIRST, monotonic);
            table.note(Some(&Look { vouched: None, ..look }), &look);
            table.note(None, &Look { vouched: Some(Duration::ZERO), width: Duration::MAX, ..look });
            table.enter(SECOND_BOOT, monotonic);
            for boot in [FIRST, SECOND_BOOT] {
                table.correct(boot, Timestamp::new(wall, monotonic));
                table.correct(boot, told(look, &table));
            }
        }
    }
}

#[test]
fn an_error_is_rounded_up_and_a_word_has_all_of_it() {
    let trust = |error| Trust::found(TimeSource::Ntp, error);
    let ms = |nanos| trust(Some(Duration::from_nanos(nanos))).error_ms().map(u32::from);
    assert_eq!([0, 1, 1_000_000, 1_000_001].map(ms), [Some(1), Some(1), Some(1), Some(2)]);
    assert_eq!(trust(Some(Duration::MAX)).error_ms(), None);
    for error in
        [None, Some(Duration::from_millis(7)), Some(Duration::from_millis(u32::MAX.into()))]
    {
        for source in TimeSource::ALL {
            let trust = Trust::found(source, error);
            assert_eq!((Trust::from_word(trust.to_word()), trust.error()), (trust, error));
            assert_eq!(TimeSource::from_code(source.code()), Some(source));
        }
    }
    assert_eq!(Trust::from_word(u64::MAX), Trust::UNKNOWN);
}
