use domain::SequenceNumber;

use super::*;

fn run(stream: &str, number: u64) -> Run {
    let stream = StreamName::new("held", stream).unwrap();
    let (first, last) = (SequenceNumber(number), SequenceNumber(number));
    Run { stream, first, last, samples: 1, restamped: 0 }
}

#[test]
fn what_all_of_them_owe_is_known_at_once_and_forgotten_when_none_of_them_does() {
    let now = Monotonic::default();
    let mut holds = Holds::new(Duration::from_secs(1), Duration::from_secs(1), 1);
    for (stream, place) in [("a", 0..10), ("b", 5..20), ("a", 40..50)] {
        holds.owe(&run(stream, place.start), place, now);
    }
    let places = |holds: &mut Holds| holds.places().runs().collect::<Vec<_>>();
    assert_eq!(places(&mut holds), [0..=19, 40..=49]);
    holds.get_mut(&run("b", 0).stream).unwrap().pass(5..20);
    assert_eq!(places(&mut holds), [0..=9, 40..=49], "what `a` owes is still owed");
    let probe = Probe { token: Token(1), run: run("a", 0), emptied: 0..10 };
    holds.get_mut(&run("a", 0).stream).unwrap().send(probe);
    assert_eq!(holds.land(Token(1), now), Some(1));
    assert_eq!(places(&mut holds), [40..=49]);
    holds.set_free(&run("a", 0).stream);
    assert_eq!(places(&mut holds), []);
}
