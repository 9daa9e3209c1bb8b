use std::collections::BTreeMap;

use domain::{GatewayId, SequenceNumber, StreamName};
use wire::status::{State, Status};

use super::*;

const START: Monotonic = Monotonic::from_nanos(1_000_000_000);

fn begin(duration: Option<u64>) -> Verification {
    let plan = Plan {
        origin: Origin::FirstEver,
        duration: duration.map(Duration::from_secs),
        settle: Duration::from_secs(5),
        demands: Demands::default(),
        replay: None,
        json: None,
    };
    Verification::begin(&plan, START)
}

fn at(seconds: u64) -> Monotonic {
    START + Duration::from_secs(seconds)
}

/// A gateway's word that a stream has reached `head`; nothing of it has arrived.
fn says(verification: &mut Verification, state: State, head: u64) {
    let stream = StreamName::new("outdoor", "temperature").unwrap();
    let heads = BTreeMap::from([(stream, SequenceNumber(head))]);
    let status = Status { state, heads, ..Status::lost(GatewayId::new("greenhouse").unwrap()) };
    let news = News::Arrived { arrival: Arrival::Status(status), is_live: true };
    verification.note(&news, &mut io::sink());
}

#[test]
fn with_nothing_missing_it_ends_with_the_duration_and_not_before() {
    let mut verification = begin(Some(60));
    assert!(!verification.is_over(at(59), 0));
    assert!(verification.is_over(at(60), 0));
}

#[test]
fn without_a_duration_it_ends_when_the_gateway_has_stopped() {
    let mut verification = begin(None);
    says(&mut verification, State::Online, 0);
    assert!(!verification.is_over(at(1_000_000), 0));
    says(&mut verification, State::Stopped, 0);
    assert!(verification.is_over(at(1_000_000), 0));
}

#[test]
fn what_is_missing_at_the_end_gets_the_time_to_settle() {
    let mut verification = begin(None);
    says(&mut verification, State::Stopped, 3);
    assert!(!verification.is_over(at(10), 0));
    assert!(!verification.is_over(at(14), 0));
    assert!(verification.is_over(at(15), 0));
}

#[test]
fn a_gateway_that_starts_again_while_settling_is_heard_on() {
    let mut verification = begin(None);
    says(&mut verification, State::Stopped, 3);
    assert!(!verification.is_over(at(10), 0));
    says(&mut verification, State::Online, 3);
    assert!(!verification.is_over(at(15), 0));
    says(&mut verification, State::Stopped, 3);
    assert!(!verification.is_over(at(16), 0), "the time to settle begins anew");
}

#[test]
fn asked_once_it_settles_and_asked_twice_it_ends() {
    let mut verification = begin(Some(60));
    says(&mut verification, State::Online, 3);
    assert!(!verification.is_over(at(1), 1));
    assert!(verification.is_over(at(2), 2));
}

#[test]
fn one_outage_with_many_attempts_is_one_lost_connection() {
    let mut verification = begin(None);
    let down = || News::Disconnected(ports::PublishError::Closed);
    for news in [down(), News::Connected, down(), down(), News::Connected, down()] {
        verification.note(&news, &mut io::sink());
    }
    assert_eq!(verification.connections_lost, 2, "there was none to lose at first");
}
