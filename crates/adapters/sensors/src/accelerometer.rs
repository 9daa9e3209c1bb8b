//! What the accelerometers share that sample by a clock of their own: setting up, fresh samples, bursts.
//!
//! # Terms
//!
//! * **[`Part`]** — what one part number makes of its registers.
//! * **FIFO** — the chip's memory of its last 32 samples. With it on, a measurement gives them all: the
//!   newest, and the others as [`earlier`](Device::earlier).
//!
//! # Set up when it is not
//!
//! Each measurement reads the identity and the settings. If they are not as they shall be, because the
//! chip was just plugged in or lost its supply, they are written, and the turn-on time passes; only then
//! is the FIFO switched on. A burst is believed only if the settings are right after it, too: a chip
//! whose supply failed on the way gives zeros.
//!
//! # Nothing is lost silently
//!
//! A FIFO that has 31 samples or more when it is asked may have dropped some, or drop one before it is
//! read: a gap [`NoData::Overflow`] stands in front of what it has. A burst that fails is a gap, too. What
//! remains: a FIFO that has 30, on a machine that halts for more than two periods of the data rate between the
//! question and the burst; nobody can tell that from outside.
//!
//! # Times
//!
//! The newest sample was there when the burst began; the time on the bus since then is its age. From one
//! sample to the next it is the data rate's period, give or take the chip's clock, which is a
//! tenth off at most. [`sample_period_max`](Device::sample_period_max) says so, and the caller, who
//! knows when it asked, spreads them evenly.
//!
//! # Deliberately absent
//!
//! Interrupts, and so the watermark: the schedule decides when a FIFO is read. Asked again within 27
//! periods of the data rate, none is ever full, however fast its clock.

use core::time::Duration;

use domain::{NoData, Quantity};
use embedded_hal::delay::DelayNs;
use ports::{Device, Measurement, Sensor};

use crate::{
    Arguments, BadOptions, I2cPlace, Made, OverI2c, OverSpi, Parameter, Registers, SpiPlace, Value,
    motion::{self, AXES},
    sensors_of,
    settings::chosen,
    wait,
};

/// Whether the FIFO is used.
pub(crate) const FIFO: Parameter = Parameter {
    name: "fifo",
    summary: "whether a measurement gives all samples since the one before; the chip keeps 32, so the period should be at most 27 of its own (270 ms at 100 Hz)",
    value: Value::Flag { default: false },
};

/// How many samples a FIFO has room for.
const DEPTH: usize = 32;
/// How many nominal periods a FIFO has room for, however fast the clock.
const SAFE: u32 = 27;
/// The chips' clocks are off by a tenth at most. The ADXL345's datasheet is silent; others state it.
const SLOWEST: (u32, u32) = (11, 10);

/// What an accelerometer is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccelerometerOptions {
    /// Highest acceleration of either sign: 2, 4, 8 or 16 g.
    pub full_scale_g: u16,
    /// Samples a second, one of those that the part has.
    pub data_rate_hertz: u16,
    /// Whether a measurement gives all samples since the one before.
    pub fifo: bool,
}

/// What one part number makes of its registers.
pub trait Part: Send + Sized {
    /// The register that says what the chip is, and what it says.
    const IDENTITY: (u8, u8);
    /// Samples until the first that is right, after setting up.
    const TURN_ON_SAMPLES: u32;
    /// What passes before them.
    const TURN_ON: Duration;
    /// A measurement with setting up, at 100 kHz on I2C; but for a burst.
    const TRANSFERS: Duration;
    /// Bytes that a burst moves on I2C: besides the samples, and for each of them.
    const BURST_BYTES: (u32, u32);

    /// With these options.
    ///
    /// # Errors
    ///
    /// [`BadOptions`] if the chip has no such setting.
    fn with(options: AccelerometerOptions) -> Result<Self, BadOptions>;

    /// Whether all settings are as they shall be.
    ///
    /// # Errors
    ///
    /// Why a transaction failed; the same for all that follow.
    fn is_set_up(&self, chip: &mut impl Registers) -> Result<bool, NoData>;

    /// Writes all settings, but leaves the FIFO off.
    ///
    /// # Errors
    ///
    /// Why a transaction failed.
    fn set_up(&self, chip: &mut impl Registers) -> Result<(), NoData>;

    /// Switches the FIFO on, which is then empty.
    ///
    /// # Errors
    ///
    /// Why a transaction failed.
    fn start_fifo(&self, chip: &mut impl Registers) -> Result<(), NoData>;

    /// The counts of the newest sample, if it is fresh; with the FIFO off.
    ///
    /// # Errors
    ///
    /// Why a transaction failed.
    fn sample(&self, chip: &mut impl Registers) -> Result<Option<[i16; 3]>, NoData>;

    /// How many samples the FIFO has.
    ///
    /// # Errors
    ///
    /// Why a transaction failed.
    fn stored(&self, chip: &mut impl Registers) -> Result<usize, NoData>;

    /// Takes the counts of the `count` oldest samples out of the FIFO.
    ///
    /// # Errors
    ///
    /// Why a transaction failed.
    fn take(
        &self,
        chip: &mut impl Registers,
        delay: &mut impl DelayNs,
        count: usize,
    ) -> Result<Vec<[i16; 3]>, NoData>;

    /// What counts are in m/s².
    ///
    /// # Errors
    ///
    /// [`NoData::Implausible`] if they are at an end of the range.
    fn acceleration(&self, counts: i16) -> Result<Quantity, NoData>;
}

/// One accelerometer.
#[derive(Debug)]
pub struct Accelerometer<P, R, D> {
    part: P,
    chip: R,
    delay: D,
    has_fifo: bool,
    /// Between two samples, at the slowest.
    period_max: Duration,
    earlier: Vec<Measurement>,
    sensors: Vec<Sensor>,
}

fn options(arguments: &Arguments) -> Result<AccelerometerOptions, BadOptions> {
    Ok(AccelerometerOptions {
        full_scale_g: chosen(arguments, "full_scale_g")?,
        data_rate_hertz: chosen(arguments, "data_rate_hertz")?,
        fifo: arguments.flag("fifo")?,
    })
}

pub(crate) fn on_i2c<P: Part + 'static>(place: I2cPlace, arguments: &Arguments) -> Made {
    let chip = OverI2c::new(place.bus, place.address, place.bus_timeout);
    Ok(Box::new(Accelerometer::<P, _, _>::new(chip, place.delay, options(arguments)?)?))
}

pub(crate) fn on_spi<P: Part + 'static>(place: SpiPlace, arguments: &Arguments) -> Made {
    let chip = OverSpi::new(place.chip, place.clock_hz);
    Ok(Box::new(Accelerometer::<P, _, _>::new(chip, place.delay, options(arguments)?)?))
}

impl<P: Part, R, D> Accelerometer<P, R, D> {
    /// Takes the chip and the delay for good.
    ///
    /// # Errors
    ///
    /// [`BadOptions`] if the chip has no such setting.
    pub fn new(chip: R, delay: D, options: AccelerometerOptions) -> Result<Self, BadOptions> {
        let part = P::with(options)?;
        let (slower, than) = SLOWEST;
        Ok(Self {
            part,
            chip,
            delay,
            has_fifo: options.fifo,
            period_max: Duration::from_secs(slower.into())
                / than
                / u32::from(options.data_rate_hertz),
            earlier: Vec::new(),
            sensors: sensors_of(AXES),
        })
    }
}

impl<P: Part, R: Registers, D: DelayNs + Send> Accelerometer<P, R, D> {
    fn set_up(&mut self) -> Result<(), NoData> {
        self.part.set_up(&mut self.chip)?;
        wait(&mut self.delay, self.period_max * P::TURN_ON_SAMPLES + P::TURN_ON);
        if self.has_fifo {
            self.part.start_fifo(&mut self.chip)?;
        }
        if self.part.is_set_up(&mut self.chip)? { Ok(()) } else { Err(NoData::Corrupt) }
    }

    fn newest(&mut self) -> Result<Measurement, NoData> {
        let Self { part, chip, delay, .. } = self;
        let counts = motion::fresh(delay, self.period_max, || part.sample(chip))?;
        Ok(self.measurement(counts, Duration::ZERO))
    }

    /// All that the FIFO has.
    fn burst(&mut self) -> Result<Measurement, NoData> {
        let Self { part, chip, delay, .. } = self;
        let stored = motion::fresh(delay, self.period_max, || {
            let stored = part.stored(chip)?;
            Ok((stored > 0).then_some(stored))
        })?;
        let samples = part.take(chip, delay, stored)?;
        if !part.is_set_up(chip)? {
            return Err(NoData::Corrupt);
        }
        let period = self.period_max * SLOWEST.1 / SLOWEST.0;
        let (read, mut younger) = (self.time_of_burst(stored), 0..);
        let mut age = || read + period * younger.next().unwrap_or(u32::MAX);
        let mut found: Vec<_> =
            samples.into_iter().rev().map(|counts| self.measurement(counts, age())).collect();
        if stored + 1 >= DEPTH {
            let lost = (0..AXES.len()).map(|axis| (axis, Err(NoData::Overflow))).collect();
            found.push(Measurement { age: age(), outcomes: lost });
        }
        found.reverse();
        self.earlier = found;
        self.earlier.pop().ok_or(NoData::NotReady)
    }

    fn measurement(&self, counts: [i16; 3], age: Duration) -> Measurement {
        let outcomes = counts.map(|counts| self.part.acceleration(counts));
        Measurement { age, outcomes: outcomes.into_iter().enumerate().collect() }
    }

    fn time_of_burst(&self, samples: usize) -> Duration {
        let (besides, each) = P::BURST_BYTES;
        let samples = u32::try_from(samples).unwrap_or(u32::MAX);
        self.chip.span(each.saturating_mul(samples).saturating_add(besides))
    }
}

impl<P: Part, R: Registers, D: DelayNs + Send> Device for Accelerometer<P, R, D> {
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn worst_case(&self) -> Duration {
        // As much again for the kernel.
        self.period_max * (P::TURN_ON_SAMPLES + 1)
            + P::TURN_ON
            + self.time_on_bus() * 2
            + self.chip.timeout()
    }

    /// With a FIFO that is full.
    fn time_on_bus(&self) -> Duration {
        let burst = if self.has_fifo { self.time_of_burst(DEPTH) } else { Duration::ZERO };
        P::TRANSFERS + burst
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        self.earlier.clear();
        let (register, identity) = P::IDENTITY;
        self.chip.identify(register, identity)?;
        if !self.part.is_set_up(&mut self.chip)? {
            self.set_up()?;
        }
        if self.has_fifo { self.burst() } else { self.newest() }
    }

    fn earlier(&mut self) -> Vec<Measurement> {
        core::mem::take(&mut self.earlier)
    }

    fn sample_period_max(&self) -> Option<Duration> {
        self.has_fifo.then_some(self.period_max)
    }

    fn room_for(&self) -> Option<Duration> {
        let period = self.period_max * SLOWEST.1 / SLOWEST.0;
        self.has_fifo.then_some(period * SAFE)
    }
}
