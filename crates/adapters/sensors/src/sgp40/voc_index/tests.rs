use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Hours of quiet, an hour of cooking, quiet again.
fn kitchen(second: u32) -> u16 {
    let wave = (f64::from(second) / 700.0).sin() * 30.0;
    let cooking = if (14_000..17_600).contains(&second) { -3_500.0 } else { 0.0 };
    super::super::word((30_000.0 + wave + cooking) / 65_535.0)
}

/// The index of each second.
fn indices(seconds: u32, ticks: impl Fn(u32) -> u16) -> Vec<f64> {
    let mut index = VocIndex::every(SECOND);
    (0..seconds).map(|second| index.after(ticks(second)).unwrap_or(0.0)).collect()
}

#[test]
fn there_is_no_index_for_45_seconds_and_air_that_does_not_change_is_100_after_that() {
    let found = indices(20_000, |_| 30_000);
    assert_eq!(found[45].to_bits(), 0.0_f64.to_bits());
    assert!(found[46] >= 1.0);
    assert!(found[3_000..].iter().all(|index| (99.5..100.5).contains(index)));
}

#[test]
fn gas_is_more_than_100_and_is_not_learnt_and_fresh_air_is_less() {
    let found = indices(20_000, kitchen);
    assert!((found[13_900] - 100.0).abs() < 25.0, "{}", found[13_900]);
    assert!(found[14_100] > 400.0 && found[17_500] > 400.0, "{}", found[17_500]);
    assert!((found[19_900] - 100.0).abs() < 25.0, "{}", found[19_900]);
    let airing = indices(8_000, |second| if second < 7_000 { 30_000 } else { 30_400 });
    assert!(airing[7_500] < 50.0, "{}", airing[7_500]);
}

#[test]
fn air_that_stays_bad_becomes_the_average_in_the_end() {
    let found = indices(48 * 3_600, |second| if second < 7_200 { 30_000 } else { 29_000 });
    assert!(found[9_000] > 400.0, "{}", found[9_000]);
    assert!(found[172_000] < 200.0, "{}", found[172_000]);
}

#[test]
fn a_longer_interval_learns_as_much_in_the_same_time() {
    let mut coarse = VocIndex::every(10 * SECOND);
    let mut fine = VocIndex::every(SECOND);
    let mut last = (0.0, 0.0);
    for second in 0..14_400 {
        let found = fine.after(kitchen(second));
        if second % 10 == 0 {
            last = (found.unwrap_or(0.0), coarse.after(kitchen(second)).unwrap_or(0.0));
        }
    }
    assert!((last.0 - last.1).abs() < 20.0, "{last:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_sequence_of_ticks_leaves_the_scale(
        steps in prop::collection::vec((any::<u16>(), 1..400_usize), 1..20), interval in 0..20_u64,
    ) {
        let mut index = VocIndex::every(Duration::from_secs(interval));
        for ticks in steps.into_iter().flat_map(|(ticks, times)| std::iter::repeat_n(ticks, times)) {
            if let Some(found) = index.after(ticks) {
                prop_assert!((1.0..=500.0).contains(&found), "{found}");
            }
        }
    }
}
