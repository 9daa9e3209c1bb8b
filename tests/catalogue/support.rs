//! A bus with one chip on it, time that passes only when a driver waits, and what every driver
//! owes.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use domain::{NoData, Quantity};
use embedded_hal::delay::DelayNs;
use ports::Device;
use sim::{
    bus::{BusFault, Effect, FaultPlan, I2cBus, SpiLine, When, Wiring},
    chips::{I2cChip, Nak, SpiChip},
    time::Elapsed,
};

/// Where [`on_bus`] puts a chip.
pub(crate) const ADDRESS: u8 = 0x42;
/// What the drivers are told of the bus.
pub(crate) const BUS_TIMEOUT: Duration = Duration::from_secs(1);

/// A bus with `chip` at [`ADDRESS`].
pub(crate) fn on_bus(chip: impl I2cChip + 'static) -> (I2cBus, Wiring) {
    let bus = I2cBus::new();
    let wiring = bus.attach(ADDRESS, chip);
    (bus, wiring)
}

/// A chip select with `chip` behind it.
pub(crate) fn on_select(chip: impl SpiChip + 'static) -> (SpiLine, Wiring) {
    let line = SpiLine::new(chip);
    let wiring = line.wiring();
    (line, wiring)
}

/// Time that passes only when a driver waits.
#[derive(Clone, Default)]
pub(crate) struct Stopwatch(Arc<Mutex<Duration>>);

impl Stopwatch {
    pub(crate) fn elapsed(&self) -> Elapsed {
        let shared = self.clone();
        Elapsed::from_fn(move || shared.now())
    }

    pub(crate) fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    pub(crate) fn pass(&self, span: Duration) {
        *self.0.lock().unwrap() += span;
    }
}

impl DelayNs for Stopwatch {
    fn delay_ns(&mut self, nanos: u32) {
        self.pass(Duration::from_nanos(nanos.into()));
    }
}

/// What the outside sets and a chip is told: any state of the world, shared.
#[derive(Clone)]
pub(crate) struct World<T>(Arc<Mutex<T>>);

impl<T: Copy + Send + 'static> World<T> {
    pub(crate) fn new(state: T) -> Self {
        Self(Arc::new(Mutex::new(state)))
    }

    pub(crate) fn set(&self, state: T) {
        *self.0.lock().unwrap() = state;
    }

    /// The state as a function of time, as chips want it.
    pub(crate) fn told(&self) -> impl Fn(Duration) -> T + Send + use<T> {
        let shared = Arc::clone(&self.0);
        move |_| *shared.lock().unwrap()
    }
}

/// One measurement, sensor by sensor.
pub(crate) fn measured(device: &mut dyn Device) -> Result<Vec<Result<f64, NoData>>, NoData> {
    let found = device.measure(Duration::ZERO)?;
    assert!(found.outcomes.iter().map(|(index, _)| *index).eq(0..device.sensors().len()));
    Ok(found.outcomes.into_iter().map(|(_, outcome)| Ok(outcome?.number())).collect())
}

/// One measurement of which every sensor has a number.
#[track_caller]
pub(crate) fn numbers(device: &mut dyn Device) -> Vec<f64> {
    measured(device).unwrap().into_iter().map(Result::unwrap).collect()
}

/// Panics unless the numbers are as expected, each within its own bound.
#[track_caller]
pub(crate) fn assert_close(found: &[f64], expected: &[f64], bounds: &[f64]) {
    assert_eq!([found.len(), bounds.len()], [expected.len(); 2]);
    for ((found, expected), bound) in found.iter().zip(expected).zip(bounds) {
        assert!((found - expected).abs() <= *bound, "{found} for {expected} ± {bound}");
    }
}

/// What every driver owes: a gap with its reason while the chip is gone or the bus fails, and the
/// world as it is now as soon as the chip is back, with the same driver.
///
/// `turn` makes the world another one; `expected` and `bounds` are what is then measured.
#[track_caller]
pub(crate) fn assert_comes_back(
    device: &mut dyn Device,
    wiring: &Wiring,
    turn: impl FnOnce(),
    expected: &[f64],
    bounds: &[f64],
) {
    let _ = numbers(device);
    wiring.unplug();
    assert_eq!([measured(device), measured(device)], [Err(NoData::Absent), Err(NoData::Absent)]);
    turn();
    wiring.replug();
    assert_close(&numbers(device), expected, bounds);
    for (fault, reason) in [(BusFault::TimedOut, NoData::Timeout), (BusFault::Io, NoData::BusFault)]
    {
        wiring.inject(FaultPlan { when: When::Always, effect: Effect::Fail(fault) });
        assert_eq!(measured(device), Err(reason));
        wiring.heal();
        assert_close(&numbers(device), expected, bounds);
    }
    // Gone and back between two measurements: nobody noticed but the chip.
    wiring.unplug();
    wiring.replug();
    assert_close(&numbers(device), expected, bounds);
}

/// What every driver owes of a chip that it can tell from others: bytes that a bad wire changes are
/// corrupt.
#[track_caller]
pub(crate) fn assert_corrupt_bytes_are_refused(device: &mut dyn Device, wiring: &Wiring) {
    for effect in [Effect::Flip(0x81), Effect::StickAt(0x00)] {
        wiring.inject(FaultPlan { when: When::Always, effect });
        assert_eq!(measured(device), Err(NoData::Corrupt), "{effect:?}");
        wiring.heal();
        let _ = numbers(device);
    }
}

/// A chip whose supply fails for a moment, before the accesses that [`Flicker::before`] says.
pub(crate) struct Flickering<C>(C, Flicker);

/// When the supply fails: how many accesses from now.
#[derive(Clone, Default)]
pub(crate) struct Flicker(Arc<Mutex<Vec<u64>>>);

pub(crate) fn flickering<C>(chip: C) -> (Flickering<C>, Flicker) {
    let flicker = Flicker::default();
    (Flickering(chip, flicker.clone()), flicker)
}

impl Flicker {
    /// Let it fail before each of these accesses, counted from now.
    pub(crate) fn before(&self, accesses: &[u64]) {
        *self.0.lock().unwrap() = accesses.to_vec();
    }

    /// Whether it has not failed as often as it shall.
    pub(crate) fn is_pending(&self) -> bool {
        !self.0.lock().unwrap().is_empty()
    }

    fn strikes(&self) -> bool {
        let mut pending = self.0.lock().unwrap();
        let count = pending.len();
        pending.retain(|&left| left > 0);
        let strikes = pending.len() < count;
        pending.iter_mut().for_each(|left| *left -= 1);
        strikes
    }
}

impl<C: I2cChip> I2cChip for Flickering<C> {
    fn power_on(&mut self) {
        self.0.power_on();
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Nak> {
        if self.1.strikes() {
            self.0.power_on();
        }
        self.0.write(bytes)
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Nak> {
        self.0.read(bytes)
    }
}

impl<C: SpiChip> SpiChip for Flickering<C> {
    fn power_on(&mut self) {
        self.0.power_on();
    }

    fn transfer(&mut self, frame: &mut [u8]) {
        if self.1.strikes() {
            self.0.power_on();
        }
        self.0.transfer(frame);
    }
}

/// Panics if a supply that fails for a moment, at whatever access, ever makes a number that is
/// wrong. The measurement after it is right again.
#[track_caller]
pub(crate) fn assert_no_flicker_lies(
    device: &mut dyn Device,
    flicker: &Flicker,
    expected: &[f64],
    bounds: &[f64],
) {
    // A chip that was set up before, and one that the driver has to set up.
    for earlier in [None, Some(0)] {
        for access in 0.. {
            let accesses: Vec<_> = earlier.into_iter().chain([access]).collect();
            flicker.before(&accesses);
            match measured(device) {
                Ok(found) => {
                    let told: Vec<_> = found.into_iter().map(Result::unwrap).collect();
                    assert_close(&told, expected, bounds);
                    for earlier in device.earlier() {
                        let number = |(_, outcome): &(usize, Result<Quantity, NoData>)| {
                            outcome.unwrap().number()
                        };
                        let told: Vec<_> = earlier.outcomes.iter().map(number).collect();
                        assert_close(&told, expected, bounds);
                    }
                }
                Err(reason) => assert!(reason.is_device_failure(), "{reason:?} at {accesses:?}"),
            }
            if flicker.is_pending() {
                break; // The measurement was over before.
            }
            assert_close(&numbers(device), expected, bounds);
        }
        flicker.before(&[]);
    }
}
