//! The stand that a driver and the model of its chip are put on: wires, virtual time, and a dial for
//! what the chip senses.

use std::{
    ops::RangeInclusive,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use domain::{Monotonic, NoData, Timestamp, WallTime};
use embedded_hal::delay::DelayNs;
use ports::{Clock as _, Device};
use sim::{
    bus::{Effect, FaultPlan, I2cBus, When, Wiring},
    chips::I2cChip,
    time::VirtualClock,
};

/// A number that a test turns and a chip senses.
#[derive(Clone)]
pub(crate) struct Dial(Arc<AtomicU64>);

impl Dial {
    pub(crate) fn at(number: f64) -> Self {
        Self(Arc::new(AtomicU64::new(number.to_bits())))
    }

    pub(crate) fn turn(&self, number: f64) {
        self.0.store(number.to_bits(), Ordering::Relaxed);
    }

    pub(crate) fn number(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }

    /// The dial as chips want it.
    pub(crate) fn sensed(&self) -> impl Fn(Duration) -> f64 + Send + use<> {
        let dial = self.clone();
        move |_| dial.number()
    }
}

/// The delay of a driver, on virtual time. While a wiring is in it, the next delay cuts that chip's
/// supply for a moment.
#[derive(Clone)]
pub(crate) struct VirtualDelay {
    clock: VirtualClock,
    cut: Arc<Mutex<Option<Wiring>>>,
}

impl DelayNs for VirtualDelay {
    fn delay_ns(&mut self, ns: u32) {
        if let Some(wiring) = self.cut.lock().unwrap().take() {
            wiring.unplug();
            wiring.replug();
        }
        self.clock.advance(Duration::from_nanos(ns.into()));
    }
}

/// Time for a stand that is being built.
pub(crate) fn virtual_time() -> (VirtualClock, VirtualDelay) {
    let clock = VirtualClock::starting_at(Timestamp::new(
        WallTime::from_nanos(0),
        Monotonic::from_nanos(0),
    ));
    let delay = VirtualDelay { clock: clock.clone(), cut: Arc::default() };
    (clock, delay)
}

/// The chip alone on a bus.
pub(crate) fn on_bus(address: u8, chip: impl I2cChip + 'static) -> (I2cBus, Wiring) {
    let bus = I2cBus::new();
    let wiring = bus.attach(address, chip);
    (bus, wiring)
}

/// A driver, its chip, and what can be done to them.
pub(crate) struct Stand<D> {
    pub(crate) device: D,
    pub(crate) wiring: Wiring,
    pub(crate) dial: Dial,
    pub(crate) delay: VirtualDelay,
}

impl<D: Device> Stand<D> {
    /// One measurement: a number or a gap for each sensor. Panics if it takes longer than it may.
    #[track_caller]
    pub(crate) fn ask(&mut self) -> Result<Vec<Result<f64, NoData>>, NoData> {
        let begin = self.delay.clock.now().monotonic;
        let measured = self.device.measure(Duration::ZERO);
        let took = self.delay.clock.now().monotonic.saturating_since(begin);
        assert!(took <= self.device.worst_case(), "took {took:?}");
        let outcomes = measured?.outcomes;
        let indices: Vec<_> = outcomes.iter().map(|(index, _)| *index).collect();
        assert!(indices.iter().copied().eq(0..self.device.sensors().len()), "{indices:?}");
        Ok(outcomes.into_iter().map(|(_, outcome)| Ok(outcome?.number())).collect())
    }

    /// One measurement of the first sensor, with the dial turned to `number`.
    #[track_caller]
    pub(crate) fn ask_at(&mut self, number: f64) -> Result<f64, NoData> {
        self.dial.turn(number);
        self.ask()?[0]
    }

    /// Panics unless what comes out is what the dial is at, give or take the resolution there.
    #[track_caller]
    pub(crate) fn assert_sweeps(
        &mut self,
        range: RangeInclusive<f64>,
        resolution: impl Fn(f64) -> f64,
    ) {
        let (low, high) = range.into_inner();
        for step in 0..=1_000 {
            let number = low + (high - low) * f64::from(step) / 1_000.0;
            self.assert_shows(number, resolution(number));
        }
    }

    #[track_caller]
    pub(crate) fn assert_shows(&mut self, number: f64, resolution: f64) {
        // A chip that converts by itself shows what was a while ago.
        self.dial.turn(number);
        self.pass(Duration::from_secs(2));
        let found = self.ask_at(number).unwrap();
        assert!((found - number).abs() <= resolution, "{found} instead of {number}");
    }

    /// Panics unless the chip is absent while unplugged, and right at once when it is back.
    #[track_caller]
    pub(crate) fn assert_comes_back(&mut self, [before, after]: [f64; 2], resolution: f64) {
        self.assert_shows(before, resolution);
        self.wiring.unplug();
        for _ in 0..3 {
            assert_eq!(self.ask_at(after), Err(NoData::Absent), "no value is repeated");
            self.pass(Duration::from_secs(1));
        }
        self.wiring.replug();
        let found = self.ask_at(after).unwrap();
        assert!((found - after).abs() <= resolution, "{found} instead of {after}");
        // Replugged between two measurements, unnoticed.
        self.wiring.unplug();
        self.wiring.replug();
        let found = self.ask_at(before).unwrap();
        assert!((found - before).abs() <= resolution, "{found} instead of {before}");
    }

    /// Panics if a supply that goes for a moment during the first delay makes a wrong number.
    #[track_caller]
    pub(crate) fn assert_notices_a_cut(&mut self, number: f64, resolution: f64) {
        self.dial.turn(number);
        *self.delay.cut.lock().unwrap() = Some(self.wiring.clone());
        if let Ok(found) = self.ask_at(number) {
            assert!((found - number).abs() <= resolution, "{found} instead of {number}");
        }
        assert!(self.delay.cut.lock().unwrap().is_none(), "there was no delay");
        self.assert_shows(number, resolution);
    }

    /// Panics unless bytes read that are distorted so give this reason.
    #[track_caller]
    pub(crate) fn assert_refuses(&mut self, effect: Effect, reason: NoData) {
        self.wiring.inject(FaultPlan { when: When::Always, effect });
        let found = self.ask().and_then(|outcomes| outcomes[0]);
        self.wiring.heal();
        assert_eq!(found, Err(reason), "{effect:?}");
    }

    /// Panics if a distorted byte, whichever, makes a number that the part cannot measure.
    pub(crate) fn assert_stays_within(&mut self, range: &RangeInclusive<f64>) {
        let flips = (1..=u8::MAX).map(Effect::Flip);
        for effect in flips.chain((0..=u8::MAX).map(Effect::StickAt)) {
            for skipped in 0..6 {
                self.wiring.inject(FaultPlan { when: When::After(skipped), effect });
                for number in self.ask().into_iter().flatten().flatten() {
                    assert!(range.contains(&number), "{effect:?} after {skipped}: {number}");
                }
                self.wiring.heal();
            }
        }
    }

    pub(crate) fn pass(&self, span: Duration) {
        self.delay.clock.advance(span);
    }
}
