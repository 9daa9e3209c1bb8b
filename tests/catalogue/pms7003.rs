//! The PMS7003's range through its driver, on virtual time.

use std::time::Duration;

use domain::{Monotonic, NoData, Quantity, Timestamp, WallTime};
use ports::Device as _;
use sensors::Pms7003;
use sim::{serial::MemoryLine, time::VirtualClock};

/// The longest pause between two frames.
const PATIENCE: Duration = Duration::from_secs(3);
/// 1 µg/m³, rounded to.
const TOLERANCE: f64 = 0.5;

fn clock() -> VirtualClock {
    let start = Timestamp::new(WallTime::from_nanos(0), Monotonic::from_nanos(0));
    VirtualClock::starting_at(start)
}

#[test]
fn the_whole_range_arrives_within_the_resolution() {
    let air = |at: Duration| {
        let pm2_5 = at.as_secs_f64() * 0.73;
        [pm2_5 / 2.0, pm2_5, pm2_5 * 1.5]
    };
    let sensor = sim::chips::Pms7003::new(air);
    let line = MemoryLine::new(&clock());
    let mut device = Pms7003::new(line.clone());
    assert_eq!(device.measure(Duration::ZERO), Err(NoData::Silent));
    // Up to 1460 µg/m³ of PM2.5: past the largest that the manual promises.
    for second in 0..2_000 {
        let at = Duration::from_secs(second);
        line.say(Duration::from_millis(800), &sensor.frame(at));
        let outcomes = device.measure(PATIENCE).unwrap().outcomes;
        for ((_, outcome), expected) in outcomes.into_iter().zip(air(at)) {
            let found = outcome.map(Quantity::number).unwrap();
            assert!((found - expected).abs() <= TOLERANCE, "{found} for {expected}");
        }
    }
    assert_eq!(device.frames().measured, 2_000);
}

#[test]
fn an_absent_sensor_is_silent_a_pulled_one_absent_and_neither_repeats_a_value() {
    let sensor = sim::chips::Pms7003::new(|_| [1.0, 2.0, 3.0]);
    let line = MemoryLine::new(&clock());
    let mut device = Pms7003::new(line.clone());
    assert_eq!(device.measure(PATIENCE), Err(NoData::Silent));
    for _ in 0..2 {
        line.say(Duration::ZERO, &sensor.frame(Duration::ZERO));
        assert!(device.measure(PATIENCE).is_ok());
        assert_eq!(device.measure(PATIENCE), Err(NoData::Silent));
        line.unplug();
        assert_eq!(device.measure(PATIENCE), Err(NoData::Absent));
        line.replug();
        assert_eq!(device.measure(PATIENCE), Err(NoData::Silent));
    }
}
