use domain::NoData;

use super::*;

const BOOTS: [BootId; 2] = [BootId::from_bytes([1; 16]), BootId::from_bytes([2; 16])];

/// Two boots; before the second everything up to number 5 was on the disk.
fn known() -> Known {
    Known { boots: vec![(BOOTS[0], 0), (BOOTS[1], 5)], ..Known::default() }
}

fn arrival(boot: usize, seq: u64, number: u64) -> Arrival {
    Arrival { boot: BOOTS[boot], seq, content: Content::Number(number), place: (0, 0) }
}

/// Ten samples, whose numbers are their sequence numbers.
fn ten() -> Vec<Arrival> {
    (1..=10).map(|seq| arrival(0, seq, seq)).collect()
}

/// One message each, over one cable.
fn over_one_cable(mut arrivals: Vec<Arrival>) -> Vec<Arrival> {
    for (message, arrival) in (0..).zip(&mut arrivals) {
        arrival.place = (0, message);
    }
    arrivals
}

fn span(holes: Holes, kept: u64, back: u64) -> Span {
    Span { why: "kill", kept, struck: kept + 2, back, holes }
}

#[test]
fn a_run_without_faults_is_clean() {
    let verdict = judge(&ten(), &Known { head: Some(10), last: 10, ..known() });
    assert_eq!((verdict.samples, verdict.lost, verdict.late), (10, 0, 0));
    assert!(verdict.violations.is_empty() && verdict.excused.is_empty(), "{verdict:?}");
}

#[test]
fn a_dropped_sample_is_found_at_the_start_in_the_middle_and_at_the_end() {
    for place in [0, 4, 9] {
        let mut arrivals = ten();
        arrivals.remove(place);
        let verdict = judge(&arrivals, &Known { head: Some(10), last: 10, ..known() });
        assert_eq!((verdict.lost, verdict.violations.len()), (1, 1), "{verdict:?}");
    }
}

#[test]
fn a_sample_that_is_gone_is_found_even_where_any_number_may_be_missing() {
    let mut arrivals = ten();
    arrivals.remove(4);
    let spans = vec![span(Holes::Any, 0, 10)];
    let verdict = judge(&arrivals, &Known { spans, head: Some(10), ..known() });
    assert_eq!((verdict.lost, verdict.violations.len()), (1, 1), "{verdict:?}");
}

#[test]
fn an_evicted_sample_is_no_loss_and_one_more_is() {
    let arrivals = [ten()[..3].to_vec(), ten()[5..].to_vec()].concat();
    let of = |evicted| judge(&arrivals, &Known { evicted, ..known() });
    assert_eq!((of(2).lost, of(2).excused["evicted"], of(2).violations.len()), (0, 2, 0));
    assert_eq!((of(1).lost, of(1).violations.len()), (1, 1));
    let mut jumping = arrivals.clone();
    (3..8).for_each(|place| jumping[place].content = Content::Number(place as u64 + 4));
    let verdict = judge(&jumping, &Known { evicted: 2, ..known() });
    assert_eq!((verdict.lost, verdict.violations.len()), (1, 1), "a third number: {verdict:?}");
}

#[test]
fn a_repetition_over_another_cable_is_counted_and_over_the_same_a_violation() {
    let mut again = arrival(0, 4, 4);
    again.place = (1, 0);
    let other_cable = judge(&[ten(), vec![again]].concat(), &known());
    assert_eq!((other_cable.repeated, other_cable.violations.len()), (1, 0));
    let same_cable = judge(&over_one_cable([ten(), vec![arrival(0, 10, 10)]].concat()), &known());
    assert_eq!((same_cable.duplicated, same_cable.violations.len()), (1, 1), "{same_cable:?}");
}

#[test]
fn one_identity_with_two_contents_is_a_violation() {
    let mut other = arrival(0, 10, 11);
    other.place = (1, 0);
    let verdict = judge(&[ten(), vec![other]].concat(), &known());
    assert_eq!((verdict.duplicated, verdict.violations.len()), (1, 2), "{verdict:?}");
}

#[test]
fn two_lanes_are_in_order_and_anything_else_is_not() {
    let order = |seqs: &[u64]| {
        let arrivals = seqs.iter().map(|&seq| arrival(0, seq, seq)).collect();
        let verdict = judge(&over_one_cable(arrivals), &known());
        (verdict.reordered, verdict.violations.len(), verdict.late)
    };
    assert_eq!(order(&[1, 2, 3, 4, 5, 6]), (0, 0, 0));
    assert_eq!(order(&[4, 5, 1, 2, 6, 3]), (0, 0, 3), "history after what is live");
    assert_eq!(order(&[4, 5, 2, 1, 6, 3]), (1, 1, 3), "history backwards");
    assert_eq!(order(&[5, 4, 1, 2, 6, 3]).0, 1, "what is live backwards");
    assert_eq!(order(&[2, 1, 4, 3, 6, 5]).0, 1, "each with its neighbour");
}

#[test]
fn swapped_contents_are_a_violation() {
    let mut swapped = ten();
    (swapped[3].seq, swapped[4].seq) = (5, 4);
    assert!(!judge(&swapped, &known()).violations.is_empty());
}

#[test]
fn a_power_cut_may_cost_what_is_too_young_to_be_safe_and_nothing_older() {
    let after = |first: u64| {
        let again = (first..first + 9).map(|seq| arrival(1, seq, seq + 100));
        let mut arrivals: Vec<_> = ten().into_iter().chain(again).collect();
        arrivals.remove(8); // Number 9 was not delivered when the power went.
        let spans = vec![Span { why: "power cut", ..span(Holes::Any, 5, 200) }];
        judge(&arrivals, &Known { spans, ..known() })
    };
    let verdict = after(6);
    assert!(verdict.violations.is_empty(), "{verdict:?}");
    assert_eq!((verdict.lost, verdict.excused["power cut"]), (0, 1 + 95));
    let too_far = after(5);
    assert_eq!((too_far.lost, too_far.violations.len()), (1, 1), "5 was safe: {too_far:?}");
    let hole = after(10);
    assert_eq!((hole.lost, hole.violations.len()), (1, 1), "9 is before what is there: {hole:?}");
}

#[test]
fn a_number_that_was_never_stored_needs_an_excuse() {
    let of = |spans: Vec<Span>| {
        let gap = Arrival { content: Content::Gap(NoData::Silent), ..arrival(0, 2, 0) };
        let arrivals = [arrival(0, 1, 1), gap, arrival(0, 3, 900)];
        judge(&arrivals, &Known { spans, ..known() })
    };
    assert_eq!((of(vec![]).lost, of(vec![]).violations.len()), (898, 1));
    assert_eq!(of(vec![span(Holes::One, 1, 800)]).excused["kill"], 898);
    assert_eq!(of(vec![span(Holes::One, 1, 800)]).cost["kill"], [1], "of 3 it was back to 2");
    assert_eq!(of(vec![span(Holes::One, 2, 800)]).lost, 1, "2 was in the spool");
    assert_eq!(of(vec![span(Holes::One, 1, 300)]).lost, 99, "it listened long before");
    let unsent = vec![Unsent { why: "nobody listened", from: 2, to: 899 }];
    let arrivals = [arrival(0, 1, 1), arrival(0, 2, 900)];
    let verdict = judge(&arrivals, &Known { unsent, ..known() });
    assert_eq!((verdict.lost, verdict.excused["nobody listened"]), (0, 898));
}

#[test]
fn a_span_is_good_for_one_hole_only() {
    let arrivals = [arrival(0, 1, 1), arrival(0, 2, 5), arrival(0, 3, 8)];
    let of = |spans| judge(&arrivals, &Known { spans, ..known() });
    let one = of(vec![span(Holes::One, 1, 10)]);
    assert_eq!((one.lost, one.excused["kill"]), (2, 3), "{one:?}");
    assert_eq!(of(vec![span(Holes::One, 1, 10); 2]).lost, 0);
    assert_eq!(of(vec![span(Holes::Any, 1, 10)]).lost, 0);
}

#[test]
fn what_was_sent_last_has_to_arrive() {
    let verdict = judge(&ten(), &Known { last: 12, ..known() });
    assert_eq!((verdict.lost, verdict.violations.len()), (2, 1), "{verdict:?}");
}
