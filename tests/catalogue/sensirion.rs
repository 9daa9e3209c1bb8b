//! A bus with one chip on it, on virtual time, and what every driver must do with it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use domain::{Monotonic, NoData, Quantity, Timestamp, WallTime};
use ports::{Clock as _, Device};
use sim::{
    bus::{BusFault, Effect, FaultPlan, I2cBus, When, Wiring},
    chips::I2cChip,
    environment::Climate,
    time::VirtualClock,
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A bus with `chip` at `address` and nobody else.
pub(crate) fn on_bus(address: u8, chip: impl I2cChip + 'static) -> (I2cBus, Wiring) {
    let bus = I2cBus::new();
    let wiring = bus.attach(address, chip);
    (bus, wiring)
}

/// A clock that stands still but for whoever waits on it.
pub(crate) fn clock() -> VirtualClock {
    VirtualClock::starting_at(Timestamp::new(WallTime::from_nanos(0), Monotonic::from_nanos(0)))
}

/// The delay of a driver, on virtual time.
pub(crate) struct VirtualDelay(pub(crate) VirtualClock);

impl embedded_hal::delay::DelayNs for VirtualDelay {
    fn delay_ns(&mut self, nanos: u32) {
        self.0.advance(Duration::from_nanos(nanos.into()));
    }
}

/// A physical state that the test sets and the chip senses.
#[derive(Clone)]
pub(crate) struct Dial<T>(Arc<Mutex<T>>);

impl<T: Copy> Dial<T> {
    pub(crate) fn at(state: T) -> Self {
        Self(Arc::new(Mutex::new(state)))
    }

    pub(crate) fn set(&self, state: T) {
        *self.0.lock().unwrap() = state;
    }

    pub(crate) fn get(&self) -> T {
        *self.0.lock().unwrap()
    }
}

pub(crate) fn air(celsius: f64, humidity_percent: f64) -> Climate {
    Climate { celsius, humidity_percent, hectopascals: 1013.0 }
}

/// `steps + 1` numbers from `low` to `high`, both included.
pub(crate) fn sweep(low: f64, high: f64, steps: u32) -> impl Iterator<Item = f64> {
    (0..=steps).map(move |step| low + (high - low) * f64::from(step) / f64::from(steps))
}

/// The outcomes of one call, by the index of the sensor.
pub(crate) fn measured(device: &mut dyn Device) -> Result<Vec<Result<f64, NoData>>, NoData> {
    let found = device.measure(Duration::ZERO)?;
    let indices: Vec<_> = found.outcomes.iter().map(|&(index, _)| index).collect();
    assert_eq!(indices, (0..device.sensors().len()).collect::<Vec<_>>());
    Ok(found.outcomes.into_iter().map(|(_, outcome)| outcome.map(Quantity::number)).collect())
}

/// Panics unless each of `found` is within the tolerance of what is expected.
#[track_caller]
pub(crate) fn assert_close(
    found: &Result<Vec<Result<f64, NoData>>, NoData>,
    expected: &[(f64, f64)],
) {
    let found = found.as_ref().unwrap_or_else(|reason| panic!("{reason:?} for {expected:?}"));
    assert_eq!(found.len(), expected.len());
    for (found, (expected, tolerance)) in found.iter().zip(expected) {
        let found = found.unwrap_or_else(|reason| panic!("{reason:?} for {expected}"));
        assert!((found - expected).abs() <= *tolerance, "{found} for {expected}");
    }
}

/// Sweeps temperature and humidity, each while the other goes the other way.
pub(crate) fn sweep_air(
    device: &mut dyn Device,
    dial: &Dial<Climate>,
    clock: &VirtualClock,
    (low, high): (f64, f64),
    tolerances: [f64; 2],
) {
    clock.advance(SECOND);
    for (celsius, humidity) in sweep(low, high, 2_000).zip(sweep(100.0, 0.0, 2_000)) {
        dial.set(air(celsius, humidity));
        let expected = [(celsius, tolerances[0]), (humidity, tolerances[1])];
        assert_close(&measured(device), &expected);
    }
    for celsius in [low - 0.1, high + 0.1] {
        dial.set(air(celsius, 50.0));
        let found = measured(device).unwrap();
        assert_eq!(found[0], Err(NoData::Implausible), "{celsius} is out of its range");
        assert!(found[1].is_ok());
    }
}

/// What every driver of a chip that answers at once must do: `device`'s chip is behind `wiring`.
pub(crate) fn assert_honest(device: &mut dyn Device, wiring: &Wiring, clock: &VirtualClock) {
    let is_sound = |found: Result<Vec<Result<f64, NoData>>, NoData>| {
        found.is_ok_and(|outcomes| outcomes.iter().any(Result::is_ok))
    };
    clock.advance(SECOND);
    assert!(is_sound(measured(device)));
    for effect in [Effect::Flip(0x10), Effect::StickAt(0x00), Effect::StickAt(0xFF)] {
        wiring.inject(FaultPlan { when: When::Always, effect });
        assert_eq!(measured(device), Err(NoData::Corrupt), "{effect:?}");
        wiring.heal();
        clock.advance(SECOND);
        assert!(is_sound(measured(device)), "after {effect:?}");
    }
    wiring.unplug();
    for _ in 0..3 {
        assert_eq!(measured(device), Err(NoData::Absent), "nothing is repeated");
        clock.advance(SECOND);
    }
    wiring.replug();
    assert_eq!(measured(device), Err(NoData::Absent), "its supply comes up first");
    clock.advance(SECOND);
    assert!(is_sound(measured(device)), "the same driver works again");
    wiring.unplug();
    wiring.replug();
    let _ = measured(device); // The chip lost its supply and nobody saw it.
    clock.advance(SECOND);
    assert!(is_sound(measured(device)), "after a glitch of the supply");
    assert_faults_have_reasons(device, wiring, clock);
}

/// Strikes each transaction of a measurement with each fault. What comes of it is the fault's reason,
/// in no more than the worst case, or a sound measurement if it did not matter.
fn assert_faults_have_reasons(device: &mut dyn Device, wiring: &Wiring, clock: &VirtualClock) {
    let before = wiring.tally().transactions;
    measured(device).unwrap();
    let transactions = wiring.tally().transactions - before;
    let held = SECOND;
    for struck in 0..transactions {
        for (effect, reason) in [
            (Effect::Fail(BusFault::RemoteIo), NoData::Absent),
            (Effect::Fail(BusFault::Io), NoData::BusFault),
            (Effect::Stall(held), NoData::Timeout),
        ] {
            wiring.inject(FaultPlan { when: When::After(struck), effect });
            let (start, spoilt) = (clock.now().monotonic, wiring.tally().spoilt);
            let found = measured(device);
            let waits = u32::try_from(wiring.tally().spoilt - spoilt).unwrap();
            assert_eq!(waits, 1, "the first fault ends the measurement");
            let took = clock.now().monotonic.saturating_since(start);
            assert!(took + held <= device.worst_case(), "{took:?} and {held:?}");
            let is_last = struck + 1 == transactions;
            assert!(found == Err(reason) || is_last && found.is_ok(), "{found:?} in {struck}");
            wiring.heal();
            clock.advance(SECOND);
        }
    }
    assert!(measured(device).is_ok());
}
