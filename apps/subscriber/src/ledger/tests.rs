use std::collections::BTreeSet;

use domain::{BootId, Monotonic, QuantityKind, Reading, Stream, Timestamp, WallTime};
use proptest::{collection::vec, prelude::*};

use super::*;

fn gateway() -> GatewayId {
    GatewayId::new("greenhouse").unwrap()
}

fn stream() -> StreamName {
    StreamName::new("outdoor", "temperature").unwrap()
}

fn sample(number: u64, outcome: Result<f64, NoData>) -> Sample {
    let kind = QuantityKind::Temperature;
    let at = Timestamp::new(WallTime::from_nanos(0), Monotonic::default());
    Sample {
        stream: Stream { name: stream(), kind },
        boot: BootId::from_bytes([1; 16]),
        seq: SequenceNumber(number),
        reading: Reading::measured(at, outcome.map(|value| kind.quantity(value).unwrap())),
    }
}

fn status(state: State, head: u64) -> Status {
    let heads = [(stream(), SequenceNumber(head))].into();
    Status { state, heads, ..Status::lost(gateway()) }
}

fn ledger_of(origin: Origin, numbers: &[u64]) -> Ledger {
    let mut ledger = Ledger::new(origin);
    for &number in numbers {
        ledger.record(&gateway(), &sample(number, Ok(21.5)));
    }
    ledger
}

fn account(ledger: &Ledger) -> &Account {
    &ledger.accounts()[&(gateway(), stream())]
}

#[test]
fn a_number_given_again_in_the_next_boot_is_another_sample() {
    let mut ledger = ledger_of(Origin::FirstEver, &[1, 2, 3]);
    for number in [3, 4, 4] {
        let boot = BootId::from_bytes([2; 16]);
        ledger.record(&gateway(), &Sample { boot, ..sample(number, Ok(21.5)) });
    }
    let account = account(&ledger);
    assert_eq!((account.received, account.duplicates, account.out_of_order), (5, 1, 0));
    assert_eq!(account.missing_count(), 0);
}

#[test]
fn history_after_what_is_live_is_told_and_makes_nothing_incomplete() {
    for history in [[1, 2, 3, 4], [3, 4, 1, 2]] {
        let ledger = ledger_of(Origin::FirstEver, &[&[5, 6][..], &history, &[7]].concat());
        let report = crate::Report::new(&ledger, 0, crate::report::Demands::default(), None);
        assert_eq!(report.verdict, crate::Verdict::Complete);
        let told = report.to_string();
        assert!(told.ends_with("0 missing; 4 came after newer ones, as history does"), "{told}");
    }
}

proptest! {
    /// The dull model keeps every number that ever arrived, in order.
    #[test]
    fn it_counts_what_a_list_of_all_numbers_counts(
        numbers in vec(1..40_u64, 1..60), head in proptest::option::of(0..50_u64),
        from_first: bool,
    ) {
        let origin = if from_first { Origin::FirstEver } else { Origin::FirstSeen };
        let mut ledger = ledger_of(origin, &numbers);
        if let Some(head) = head {
            ledger.announce(&status(State::Online, head), true);
        }
        let distinct: BTreeSet<u64> = numbers.iter().copied().collect();
        let is_new = |i: usize| !numbers[..i].contains(&numbers[i]);
        let is_late = |i: usize| numbers[..i].iter().any(|earlier| *earlier > numbers[i]);
        let first = if from_first { 1 } else { numbers[0] };
        let last = distinct.last().copied().max(head).unwrap();
        let missing: Vec<u64> = (first..=last).filter(|n| !distinct.contains(n)).collect();

        let account = account(&ledger);
        prop_assert_eq!(account.received, distinct.len() as u64);
        prop_assert_eq!(account.duplicates, (numbers.len() - distinct.len()) as u64);
        let late = (0..numbers.len()).filter(|&i| is_new(i) && is_late(i)).count();
        prop_assert_eq!(account.out_of_order, late as u64);
        prop_assert_eq!(account.missing_count(), missing.len() as u64);
        prop_assert_eq!(ledger.is_short(), !missing.is_empty());
        prop_assert_eq!(account.missing().into_iter().flatten().collect::<Vec<_>>(), missing);
    }
}

#[test]
fn gaps_are_samples_and_counted_once_by_reason() {
    let mut ledger = Ledger::new(Origin::FirstSeen);
    for number in [1, 2, 2, 3] {
        ledger.record(&gateway(), &sample(number, Err(NoData::Absent)));
    }
    ledger.record(&gateway(), &sample(4, Err(NoData::Timeout)));
    let account = account(&ledger);
    assert_eq!(account.gaps, [(NoData::Absent, 3), (NoData::Timeout, 1)].into());
    assert_eq!((account.received, account.duplicates, account.missing_count()), (4, 1, 0));
}

#[test]
fn a_missing_tail_is_seen_once_the_gateway_has_announced_it() {
    let mut ledger = ledger_of(Origin::FirstSeen, &[5, 6]);
    assert!(!ledger.is_short());
    ledger.announce(&status(State::Online, 8), false);
    assert_eq!(account(&ledger).missing(), [7..=8]);
}

#[test]
fn a_head_kept_from_before_demands_nothing_of_a_stream_that_we_came_too_late_for() {
    let mut ledger = Ledger::new(Origin::FirstSeen);
    ledger.announce(&status(State::Online, 42), false);
    assert!(!ledger.is_short());
    ledger.record(&gateway(), &sample(51, Ok(1.0)));
    assert!(!ledger.is_short());
}

#[test]
fn a_stream_that_grows_while_we_hear_nothing_of_it_is_missing() {
    let mut ledger = Ledger::new(Origin::FirstSeen);
    ledger.announce(&status(State::Online, 42), true);
    assert!(!ledger.is_short());
    ledger.announce(&status(State::Online, 45), true);
    assert_eq!(account(&ledger).missing(), [43..=45]);
}

#[test]
fn the_word_of_the_broker_takes_neither_heads_nor_the_version_away() {
    let mut ledger = ledger_of(Origin::FirstSeen, &[1]);
    let online = Status { program: "0.1.0".to_owned(), ..status(State::Online, 3) };
    ledger.announce(&online, true);
    ledger.announce(&Status::lost(gateway()), true);
    assert_eq!(account(&ledger).missing(), [2..=3]);
    let known = &ledger.gateways()[&gateway()];
    assert_eq!((known.state, known.program.as_str()), (State::Lost, "0.1.0"));
}

#[test]
fn a_gateway_that_stopped_before_we_listened_has_not_stopped_for_us() {
    let mut ledger = Ledger::new(Origin::FirstSeen);
    assert!(!ledger.has_all_stopped());
    ledger.announce(&status(State::Stopped, 3), false);
    assert!(!ledger.has_all_stopped());
    ledger.announce(&status(State::Online, 3), true);
    assert!(!ledger.has_all_stopped());
    ledger.announce(&status(State::Stopped, 3), true);
    assert!(ledger.has_all_stopped());
    let mut other = Status::lost(GatewayId::new("cellar").unwrap());
    ledger.announce(&other, false);
    assert!(ledger.has_all_stopped(), "the other was gone before we came");
    other.state = State::Online;
    ledger.announce(&other, false);
    assert!(!ledger.has_all_stopped(), "the other still runs");
    other.state = State::Lost;
    ledger.announce(&other, true);
    assert!(!ledger.has_all_stopped(), "the other may come back");
}

#[test]
fn an_absurd_head_is_counted_without_overflow() {
    let mut ledger = ledger_of(Origin::FirstEver, &[]);
    ledger.announce(&status(State::Online, u64::MAX), true);
    assert_eq!(account(&ledger).missing_count(), u64::MAX);
}
