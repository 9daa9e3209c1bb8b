//! SCD41, SCD4x datasheet: 1 ppm; temperature and humidity to 0.01 °C and 0.01 %.

use domain::NoData;
use ports::{Clock as _, Device as _};
use sensors::{Scd41, Scd41Options};
use sim::{
    bus::{BusFault, Effect, FaultPlan, I2cBus, When, Wiring},
    chips::{self, BreathedAir},
    environment::Climate,
    time::VirtualClock,
};

use crate::sensirion::{Dial, SECOND, VirtualDelay, assert_close, clock, measured, on_bus, sweep};

struct Bench {
    device: Scd41<I2cBus, VirtualDelay>,
    dial: Dial<BreathedAir>,
    clock: VirtualClock,
    bus: I2cBus,
    wiring: Wiring,
}

fn breathed(carbon_dioxide_ppm: f64, celsius: f64, humidity_percent: f64) -> BreathedAir {
    let climate = Climate { celsius, humidity_percent, hectopascals: 900.0 };
    BreathedAir { climate, carbon_dioxide_ppm }
}

/// At 1000 m of height, and the chip is to be told so.
fn bench() -> Bench {
    let (clock, dial) = (clock(), Dial::at(breathed(700.0, 20.0, 50.0)));
    let sensed = dial.clone();
    let chip = chips::Scd41::new(clock.elapsed(), move |_| sensed.get());
    let (bus, wiring) = on_bus(0x62, chip);
    let device = driver(&bus, &clock);
    clock.advance(SECOND);
    Bench { device, dial, clock, bus, wiring }
}

fn driver(bus: &I2cBus, clock: &VirtualClock) -> Scd41<I2cBus, VirtualDelay> {
    let options = Scd41Options { ambient_hectopascals: 900, bus_timeout: SECOND };
    Scd41::new(bus.clone(), VirtualDelay(clock.clone()), options)
}

impl Bench {
    /// The outcome of one call per second, for so many.
    fn seconds(&mut self, count: usize) -> Vec<Result<f64, NoData>> {
        let outcome = |_| {
            self.clock.advance(SECOND);
            measured(&mut self.device).map(|outcomes| outcomes[0].unwrap())
        };
        (0..count).map(outcome).collect()
    }
}

#[test]
fn the_whole_range_is_measured_to_the_resolution() {
    let mut bench = bench();
    assert_eq!(measured(&mut bench.device), Err(NoData::NotReady), "it has just been started");
    let air = sweep(-10.0, 60.0, 2_000).zip(sweep(100.0, 0.0, 2_000));
    for (ppm, (celsius, humidity)) in sweep(0.0, 40_000.0, 2_000).zip(air) {
        bench.dial.set(breathed(ppm, celsius, humidity));
        bench.clock.advance(5 * SECOND);
        let expected = [(ppm, 1.0), (celsius, 0.01), (humidity, 0.01)];
        assert_close(&measured(&mut bench.device), &expected);
    }
}

#[test]
fn no_call_waits_for_the_chip() {
    let mut bench = bench();
    for _ in 0..100 {
        let start = bench.clock.now().monotonic;
        let _ = measured(&mut bench.device);
        let took = bench.clock.now().monotonic.saturating_since(start);
        assert!(took <= SECOND / 100, "{took:?}");
        bench.clock.advance(SECOND / 7);
    }
}

#[test]
fn each_measurement_is_given_once_and_not_ready_is_what_lies_between() {
    let mut bench = bench();
    let found = bench.seconds(60);
    let given = found.iter().filter(|outcome| outcome.is_ok()).count();
    let not_ready = found.iter().filter(|outcome| **outcome == Err(NoData::NotReady)).count();
    assert_eq!((given, not_ready), (11, 49), "{found:?}");
}

#[test]
fn a_chip_that_measures_since_an_earlier_life_goes_on() {
    let mut bench = bench();
    bench.seconds(7);
    bench.device = driver(&bench.bus, &bench.clock);
    let found = bench.seconds(5);
    assert_eq!(found.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{found:?}");
}

#[test]
fn an_unplugged_chip_is_absent_and_is_started_again_when_it_is_back() {
    let mut bench = bench();
    bench.seconds(7);
    bench.wiring.unplug();
    assert_eq!(bench.seconds(20), [Err(NoData::Absent); 20]);
    bench.wiring.replug();
    let found = bench.seconds(8);
    // Its supply comes up, it is started, and five seconds later there is something.
    assert_eq!(found[0], Err(NoData::Absent));
    assert_eq!(found[1..6], [Err(NoData::NotReady); 5]);
    assert_eq!(found[6], Ok(700.0));
}

#[test]
fn a_chip_that_lost_its_supply_unseen_is_started_again() {
    let mut bench = bench();
    bench.seconds(7);
    bench.wiring.unplug();
    bench.wiring.replug();
    let _ = bench.bus.transfer(0x62, &mut []); // It comes up between two calls.
    let found = bench.seconds(30);
    assert!(found.iter().all(|outcome| matches!(outcome, Ok(_) | Err(NoData::NotReady))));
    let first = found.iter().position(Result::is_ok).unwrap();
    // News took 5 polls, so 10 without are too many; then it starts, and measures for 5 s.
    assert!(first <= 10 + 6, "{found:?}");
    assert_eq!(found[first], Ok(700.0), "the pressure was told again, too");
}

#[test]
fn wrong_bytes_are_corrupt_and_the_next_measurement_is_sound() {
    for effect in [Effect::Flip(0x10), Effect::StickAt(0x00), Effect::StickAt(0xFF)] {
        let mut bench = bench();
        bench.seconds(7);
        bench.wiring.inject(FaultPlan { when: When::Always, effect });
        assert_eq!(bench.seconds(6), [Err(NoData::Corrupt); 6], "{effect:?}");
        bench.wiring.heal();
        assert!(bench.seconds(6).contains(&Ok(700.0)));
    }
}

#[test]
fn every_fault_has_its_reason_wherever_it_strikes() {
    let held = SECOND / 20;
    for (effect, reason) in [
        (Effect::Fail(BusFault::RemoteIo), NoData::Absent),
        (Effect::Fail(BusFault::Io), NoData::BusFault),
        (Effect::Stall(held), NoData::Timeout),
    ] {
        for struck in 0..6 {
            let mut bench = bench();
            // Pressure, start, data-ready and its read; five seconds later these two again, and more.
            bench.wiring.inject(FaultPlan { when: When::After(struck), effect });
            let mut found = bench.seconds(7);
            found.retain(|outcome| *outcome != Err(NoData::NotReady));
            assert!(!found.is_empty(), "{effect:?} in {struck}");
            assert!(found.iter().all(|outcome| *outcome == Err(reason)), "{found:?}");
            bench.wiring.heal();
            assert!(bench.seconds(7).contains(&Ok(700.0)), "{effect:?} in {struck}");
        }
    }
    assert!(bench().device.worst_case() <= SECOND + SECOND / 50);
}
