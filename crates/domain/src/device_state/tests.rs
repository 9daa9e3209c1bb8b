use proptest::prelude::*;

use super::{DeviceState::*, *};

const SECOND: Duration = Duration::from_secs(1);
const PROBE: Duration = Duration::from_secs(100);

fn policy(failures_max: u32, comes_back: Return) -> FaultPolicy {
    FaultPolicy {
        failures_max: NonZeroU32::new(failures_max).unwrap(),
        retry_first: SECOND,
        retry_max: 4 * SECOND,
        comes_back,
    }
}

fn at(seconds: u64) -> Monotonic {
    Monotonic::default() + Duration::from_secs(seconds)
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Begin,
    Succeed,
    Fail,
    Reset,
}

/// Three failures are too many; this device has had so many at second 0.
fn after(failures: u32, is_measuring: bool, comes_back: Return) -> DeviceHealth {
    let mut health = DeviceHealth::new(policy(3, comes_back), 1);
    for _ in 0..failures {
        health.begin();
        health.fail(NoData::Absent, at(0));
    }
    if is_measuring {
        health.begin();
    }
    health
}

/// Every state, split where the same event leads elsewhere, and every event that can happen there.
#[test]
fn every_transition_is_the_one_in_the_table() {
    use Event::{Begin, Fail, Reset, Succeed};
    let table = [
        // failures before, measuring, state, event, next state, next standing
        (0, false, Idle, Begin, Measuring, Idle),
        (0, false, Idle, Reset, Idle, Idle),
        (0, true, Measuring, Succeed, Idle, Idle),
        (0, true, Measuring, Fail, Error, Error),
        (0, true, Measuring, Reset, Measuring, Idle),
        (1, false, Error, Begin, Measuring, Error),
        (1, false, Error, Reset, Idle, Idle),
        (1, true, Measuring, Succeed, Idle, Idle),
        (1, true, Measuring, Fail, Error, Error),
        (1, true, Measuring, Reset, Measuring, Idle),
        (2, false, Error, Begin, Measuring, Error),
        (2, true, Measuring, Succeed, Idle, Idle),
        (2, true, Measuring, Fail, SafeState, SafeState),
        (3, false, SafeState, Begin, Measuring, SafeState),
        (3, false, SafeState, Reset, Idle, Idle),
        (3, true, Measuring, Succeed, Idle, Idle),
        (3, true, Measuring, Fail, SafeState, SafeState),
        (3, true, Measuring, Reset, Measuring, Idle),
    ];
    for comes_back in [Return::OnReset, Return::Automatic { probe_every: PROBE }] {
        for (failures, is_measuring, state, event, next, standing) in table {
            let mut health = after(failures, is_measuring, comes_back);
            assert_eq!(health.state(), state, "{failures} failures");
            match event {
                Begin => health.begin(),
                Succeed => assert_eq!(health.succeed(), failures > 0),
                Fail => assert_eq!(health.fail(NoData::Timeout, at(0)), standing),
                Reset => assert_eq!(health.reset(), failures > 0),
            }
            let row = format!("{state:?} after {failures} failures, {event:?}");
            assert_eq!((health.state(), health.standing()), (next, standing), "{row}");
        }
    }
}

#[test]
fn the_back_off_spaces_attempts_and_the_safe_state_spaces_them_further() {
    let mut health = after(0, false, Return::Automatic { probe_every: PROBE });
    let mut waits = Vec::new();
    for _ in 0..5 {
        health.fail(NoData::BusFault, at(1_000));
        let retry_at = health.retry_at().unwrap();
        assert_eq!(health.may_measure(retry_at), Ok(()));
        assert_eq!(health.may_measure(retry_at - Duration::from_nanos(1)), Err(NoData::BusFault));
        waits.push(retry_at.saturating_since(at(1_000)));
    }
    for (wait, nominal) in waits.iter().zip([SECOND, 2 * SECOND, PROBE, PROBE, PROBE]) {
        assert!(*wait >= nominal / 2 && *wait < nominal, "{wait:?} of {nominal:?}");
    }
    assert_ne!(waits[2], waits[3], "probes are jittered");
}

#[test]
fn without_automatic_return_only_a_reset_leads_out_of_the_safe_state() {
    let mut health = after(3, false, Return::OnReset);
    assert_eq!(health.may_measure(Monotonic::from_nanos(u64::MAX)), Err(NoData::Absent));
    assert_eq!((health.retry_at(), health.reason()), (None, Some(NoData::Absent)));
    assert!(health.reset() && !health.reset());
    assert_eq!(health.may_measure(at(0)), Ok(()));
    assert_eq!((health.failures(), health.reason()), (0, None));
}

#[test]
fn one_failure_is_enough_where_the_policy_says_so() {
    let mut health = DeviceHealth::new(policy(1, Return::OnReset), 1);
    assert_eq!(health.fail(NoData::Absent, at(0)), SafeState);
}

#[test]
fn every_state_is_found_by_its_code() {
    for &state in DeviceState::ALL {
        assert_eq!(DeviceState::from_code(state.code()), Some(state));
    }
    assert_eq!(DeviceState::from_code("tired"), None);
}

proptest! {
    /// Against a dull model: the failures since the last success or reset say everything.
    #[test]
    fn the_standing_is_what_the_failures_in_a_row_say(
        failures_max in 1..5_u32,
        events in proptest::collection::vec(0..4_u8, 0..60),
    ) {
        let mut health = DeviceHealth::new(policy(failures_max, Return::OnReset), 7);
        let mut failures = 0;
        for event in events {
            match event {
                0 | 1 => {
                    health.begin();
                    health.fail(NoData::Corrupt, at(5));
                    failures += 1;
                }
                2 => failures = if health.succeed() { 0 } else { failures },
                _ => failures = if health.reset() { 0 } else { failures },
            }
            let expected = match failures {
                0 => Idle,
                n if n < failures_max => Error,
                _ => SafeState,
            };
            prop_assert_eq!(health.standing(), expected);
            prop_assert_eq!(health.failures(), failures);
        }
    }
}
