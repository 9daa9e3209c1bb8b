//! Accelerometers that sample faster than they are asked: every sample comes once, at its time, or a gap
//! says that some are lost.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use domain::{Monotonic, NoData, Reading, Timestamp, WallTime};
use pipeline::{
    acquire::BusWorker,
    queue::{WhenFull, queue},
    telemetry::Counters,
};
use ports::{Clock as _, Device};
use sensors::{AccelerometerOptions, Adxl345, Lis3dh, OverI2c, OverSpi};
use sim::{
    bus::{I2cBus, SpiLine},
    chips,
    time::{Elapsed, VirtualClock},
};

use crate::world::{SECOND, START, VirtualDelay, plan};

/// m/s² from one sample to the next; they begin anew after so many.
const STEP: f64 = 0.08;
const ROUND: u32 = 200;

/// One device, asked each `period` for `span`: what the first of its sensors gave, and the clock.
fn acquired(
    clock: &VirtualClock,
    device: impl Device + 'static,
    period: Duration,
    span: Duration,
) -> Vec<Reading> {
    let plan = plan(0, "motor", device, period);
    let counters = Arc::new(Counters::default());
    let room = NonZeroUsize::new(1_000_000).unwrap();
    let (inlet, outlet) = queue(room, WhenFull::Block, Arc::clone(&counters));
    let mut worker = BusWorker::new(vec![plan], Arc::new(clock.clone()), inlet, &counters);
    let end = clock.now().monotonic + span;
    while let Some(due) = worker.next_due().filter(|due| *due < end) {
        let _ = clock.sleep_until(due);
        assert!(worker.step());
    }
    outlet.try_iter().map(|acquired| acquired.readings[0].reading).collect()
}

fn clock() -> VirtualClock {
    VirtualClock::starting_at(Timestamp::new(WallTime::from_nanos(START), Monotonic::from_nanos(0)))
}

/// What a chip of `rate` senses, so that each of its samples is known from those around it.
fn stairs(rate: u16) -> impl Fn(Duration) -> [f64; 3] + Send {
    let period = Duration::from_secs(1) / u32::from(rate);
    move |at| {
        let number = at.as_nanos() / period.as_nanos() % u128::from(ROUND);
        [STEP * f64::from(u32::try_from(number).unwrap()), 0.0, 0.0]
    }
}

/// The time of a chip whose clock runs at so many percent.
fn at_pace(clock: &VirtualClock, percent: u32) -> Elapsed {
    let time = clock.elapsed();
    Elapsed::from_fn(move || time.now() * percent / 100)
}

fn with_fifo(data_rate_hertz: u16) -> AccelerometerOptions {
    AccelerometerOptions { full_scale_g: 2, data_rate_hertz, fifo: true }
}

/// Which stair each reading is. Panics if there is a gap.
fn stairs_of(readings: &[Reading]) -> Vec<u32> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 200")]
    let stair = |reading: &Reading| (reading.outcome.unwrap().number() / STEP).round() as u32;
    readings.iter().map(stair).collect()
}

/// Each sample of `rate`, as often as it came in `percent` of `span`; and each in its turn, at about its time.
fn assert_each_comes_once(readings: &[Reading], rate: u16, percent: u32, span: Duration) {
    let stairs = stairs_of(readings);
    assert!(stairs.windows(2).all(|pair| pair[1] == (pair[0] + 1) % ROUND));
    let expected = (span * percent / 100).as_secs_f64() * f64::from(rate);
    let count = f64::from(u32::try_from(stairs.len()).unwrap());
    // What was sampled after the last slot, and before the first could be right.
    let missing = f64::from(rate) * 0.055 + 10.0;
    assert!((expected - missing..=expected).contains(&count), "{count} of {expected}");
    let nominal = 1.0 / f64::from(rate);
    for pair in readings.windows(2).skip(rate.into()) {
        let apart = pair[1].at.monotonic.saturating_since(pair[0].at.monotonic).as_secs_f64();
        assert!((0.8 * nominal..1.2 * nominal).contains(&apart), "{apart} s");
    }
}

#[test]
fn a_chip_of_400_hertz_asked_20_times_a_second_gives_every_sample_once_whatever_its_clock() {
    for percent in [91, 100, 109] {
        let clock = clock();
        let bus = I2cBus::new();
        bus.attach(0x18, chips::Lis3dh::new(at_pace(&clock, percent), stairs(400)));
        let chip = OverI2c::new(bus, 0x18, SECOND);
        let device = Lis3dh::new(chip, VirtualDelay(clock.clone()), with_fifo(400)).unwrap();
        let readings = acquired(&clock, device, SECOND / 20, 60 * SECOND);
        assert_each_comes_once(&readings, 400, percent, 60 * SECOND);
    }
}

#[test]
fn a_chip_of_1600_hertz_asked_100_times_a_second_gives_every_sample_once_whatever_its_clock() {
    for percent in [91, 100, 109] {
        let clock = clock();
        let line = SpiLine::new(chips::Adxl345::new(at_pace(&clock, percent), stairs(1_600)));
        let chip = OverSpi::new(line, 5_000_000);
        let device = Adxl345::new(chip, VirtualDelay(clock.clone()), with_fifo(1_600)).unwrap();
        let readings = acquired(&clock, device, SECOND / 100, 20 * SECOND);
        assert_each_comes_once(&readings, 1_600, percent, 20 * SECOND);
    }
}

#[test]
fn a_chip_of_1600_hertz_asked_20_times_a_second_loses_samples_and_says_so_each_time() {
    let clock = clock();
    let line = SpiLine::new(chips::Adxl345::new(clock.elapsed(), stairs(1_600)));
    let chip = OverSpi::new(line, 5_000_000);
    let device = Adxl345::new(chip, VirtualDelay(clock.clone()), with_fifo(1_600)).unwrap();
    let readings = acquired(&clock, device, SECOND / 20, 10 * SECOND);
    // The first of 200 slots finds one sample, the others a FIFO that is full.
    assert_eq!(stairs_of(&readings[..1]).len(), 1);
    let bursts: Vec<_> = readings[1..].chunks(33).collect();
    assert_eq!(bursts.len(), 199);
    for burst in bursts {
        assert_eq!(burst[0].outcome, Err(NoData::Overflow));
        let stairs = stairs_of(&burst[1..]);
        assert_eq!(stairs.len(), 32);
        assert!(stairs.windows(2).all(|pair| pair[1] == (pair[0] + 1) % ROUND));
    }
    let in_order = |pair: &[Reading]| pair[0].at.monotonic < pair[1].at.monotonic;
    assert!(readings.windows(2).all(in_order));
}
