//! What the thermocouple converters share: a read starts a conversion, and the next one gives its result.
//!
//! A frame of one byte, of which nobody takes notice, ends what was converted since and starts anew: so a
//! number is never older than the measurement that gives it.

use core::{marker::PhantomData, time::Duration};

use domain::{NoData, Quantity};
use embedded_hal::{delay::DelayNs, spi::SpiDevice};
use ports::{Device, Measurement, Sensor};

use crate::{Point, sensors_of};

/// What one part number makes of its frame.
pub trait Junctions: Send {
    /// Its sensors.
    const SENSORS: &'static [Point];
    /// How long a conversion takes at most, in milliseconds.
    const CONVERSION_MS: u32;
    /// What is read of it.
    type Frame: AsMut<[u8]> + Default;

    /// The outcome of each sensor, in their order.
    ///
    /// # Errors
    ///
    /// Why the frame says nothing at all.
    fn outcomes(frame: Self::Frame) -> Result<Vec<Result<Quantity, NoData>>, NoData>;
}

/// One converter behind a chip select of its own.
#[derive(Debug)]
pub struct ThermocoupleConverter<P, SPI, D> {
    chip: SPI,
    delay: D,
    sensors: Vec<Sensor>,
    part: PhantomData<P>,
}

impl<P: Junctions, SPI, D> ThermocoupleConverter<P, SPI, D> {
    /// Takes the chip select and the delay for good.
    pub fn new(chip: SPI, delay: D) -> Self {
        Self { chip, delay, sensors: sensors_of(P::SENSORS), part: PhantomData }
    }
}

impl<P, SPI, D> Device for ThermocoupleConverter<P, SPI, D>
where
    P: Junctions,
    SPI: SpiDevice<Error: Into<NoData>> + Send,
    D: DelayNs + Send,
{
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn worst_case(&self) -> Duration {
        // Two calls of the kernel.
        self.time_on_bus() + Duration::from_millis(2)
    }

    /// The conversion, and a byte more than the frame at 100 kHz. A bus that is set to less takes up to 4 ms more.
    fn time_on_bus(&self) -> Duration {
        let bytes = u32::try_from(size_of::<P::Frame>()).unwrap_or(u32::MAX).saturating_add(1);
        Duration::from_millis(P::CONVERSION_MS.into()) + Duration::from_micros(100) * bytes
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        self.chip.read(&mut [0]).map_err(Into::into)?;
        self.delay.delay_ms(P::CONVERSION_MS);
        let mut frame = P::Frame::default();
        self.chip.read(frame.as_mut()).map_err(Into::into)?;
        let outcomes = P::outcomes(frame)?.into_iter().enumerate().collect();
        Ok(Measurement { age: Duration::ZERO, outcomes })
    }
}
