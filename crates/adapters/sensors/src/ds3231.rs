//! Maxim DS3231: the thermometer of the real-time clock, over I2C.
//!
//! Datasheet 19-5170. Conversion and temperature are the published `ds323x` driver's.
//!
//! # One conversion for every measurement
//!
//! By itself the clock converts once in 64 s, and does not say when. So a conversion is begun and
//! waited for each time, after one that may be in progress. It also trims the oscillator, which
//! does no harm. The other bits of the control register stay as they are; the time and the alarms
//! are not touched.
//!
//! Status bits that no such chip shows, and a conversion bit that does not stay, are
//! [`NoData::Corrupt`].
//!
//! # Deliberately absent
//!
//! Telling and setting the time: the machine's kernel does that, and while it has the address for
//! itself this device is a bus fault.

use core::time::Duration;

use domain::{NoData, QuantityKind};
use ds323x::{Ds323x, Error};
use embedded_hal::{delay::DelayNs, i2c::I2c};
use ports::{Device, Measurement, Sensor};

use crate::{
    Attachment, Entry, I2cPlace, Point, sensors_of,
    words::{only, read_byte, within},
};

/// The sensors, in the order of their indices.
const SENSORS: &[Point] = &[Point {
    name: "temperature",
    kind: QuantityKind::Temperature,
    resolution: 0.25,
    low: -40.0,
    high: 85.0,
}];

pub(crate) const ENTRY: Entry = Entry {
    driver: "ds3231",
    part: "Maxim DS3231",
    summary: "temperature of a real-time clock, ±3 °C",
    datasheet: "19-5170",
    parameters: &[],
    sensors: SENSORS,
    attachments: &[Attachment::I2c {
        addresses: &[ADDRESS],
        make: |I2cPlace { bus, delay, bus_timeout, .. }, _| {
            Ok(Box::new(Ds3231::new(bus, delay, Ds3231Options { bus_timeout })))
        },
    }],
};

/// The only one.
const ADDRESS: u8 = 0x68;
const CONTROL: u8 = 0x0E;
const STATUS: u8 = 0x0F;
const CONVERTING: u8 = 0x20;
const BUSY: u8 = 0x04;
/// They read as zero.
const UNUSED: u8 = 0x70;
/// The operating range of the industrial part, °C.
const RANGE: core::ops::RangeInclusive<f64> = -40.0..=85.0;

/// A conversion takes 200 ms at most, 125 ms typically; the chip is asked each 20 ms.
const POLL_MS: u32 = 20;
const POLLS: u32 = 11;
/// 30 bytes at 100 kHz with their acknowledgements.
const TRANSFERS: Duration = Duration::from_millis(3);
/// 4 bytes for each question.
const QUESTION: Duration = Duration::from_micros(400);

/// What the bus promises. The chip's address is always 0x68.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ds3231Options {
    /// How long the bus waits for a chip that holds it. The first wait ends the measurement.
    pub bus_timeout: Duration,
}

/// One DS3231 on a bus that it may share with other devices.
#[derive(Debug)]
pub struct Ds3231<I2C, D> {
    bus: I2C,
    delay: D,
    options: Ds3231Options,
    sensors: Vec<Sensor>,
}

impl<I2C, D> Ds3231<I2C, D> {
    /// Takes the bus handle and the delay for good.
    pub fn new(bus: I2C, delay: D, options: Ds3231Options) -> Self {
        Self { bus, delay, options, sensors: sensors_of(SENSORS) }
    }
}

/// For one conversion.
fn waiting() -> Duration {
    (Duration::from_millis(POLL_MS.into()) + QUESTION) * POLLS
}

impl<I2C, D> Device for Ds3231<I2C, D>
where
    I2C: I2c<Error: Into<NoData>> + Send,
    D: DelayNs + Send,
{
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn worst_case(&self) -> Duration {
        // A conversion in progress, ours, and one after a reset; and as much again for the kernel.
        waiting() * 3 + TRANSFERS * 2 + self.options.bus_timeout
    }

    fn time_on_bus(&self) -> Duration {
        // One conversion of the slowest chip.
        waiting() + TRANSFERS
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        if read_byte(&mut self.bus, ADDRESS, STATUS)? & UNUSED != 0 {
            return Err(NoData::Corrupt);
        }
        self.wait_while(STATUS, BUSY)?;
        Ds323x::new_ds3231(&mut self.bus).convert_temperature().map_err(reason)?;
        if read_byte(&mut self.bus, ADDRESS, CONTROL)? & CONVERTING == 0 {
            return Err(NoData::Corrupt);
        }
        self.wait_while(CONTROL, CONVERTING)?;
        // A chip that lost its supply meanwhile converts again.
        self.wait_while(STATUS, BUSY)?;
        let celsius = Ds323x::new_ds3231(&mut self.bus).temperature().map_err(reason)?;
        Ok(only(within(QuantityKind::Temperature, celsius.into(), RANGE)))
    }
}

impl<I2C, D> Ds3231<I2C, D>
where
    I2C: I2c<Error: Into<NoData>>,
    D: DelayNs,
{
    /// Waits until the bit is clear, no longer than a conversion takes.
    fn wait_while(&mut self, register: u8, bit: u8) -> Result<(), NoData> {
        for _ in 0..POLLS {
            if read_byte(&mut self.bus, ADDRESS, register)? & bit == 0 {
                return Ok(());
            }
            self.delay.delay_ms(POLL_MS);
        }
        Err(NoData::Timeout)
    }
}

fn reason<E: Into<NoData>>(fault: Error<E>) -> NoData {
    match fault {
        Error::Comm(fault) => fault.into(),
        // Of calls about the time, which are not made.
        Error::InvalidInputData | Error::InvalidDeviceState => NoData::Internal,
    }
}

#[cfg(test)]
mod tests {
    use embedded_hal_mock::eh1::{
        delay::NoopDelay,
        i2c::{Mock, Transaction},
    };

    use super::*;
    use crate::scripted::Scripted;

    fn read(register: u8, byte: u8) -> Transaction {
        Transaction::write_read(ADDRESS, vec![register], vec![byte])
    }

    #[track_caller]
    fn measure(script: &[Transaction]) -> Result<Measurement, NoData> {
        let mut bus = Mock::new(script);
        let options = Ds3231Options { bus_timeout: Duration::from_secs(1) };
        let outcome =
            Ds3231::new(Scripted(bus.clone()), NoopDelay::new(), options).measure(Duration::ZERO);
        bus.done();
        outcome
    }

    #[test]
    fn a_conversion_is_begun_without_touching_the_alarms_and_waited_for() {
        let found = measure(&[
            read(STATUS, 0x8C),
            read(STATUS, 0x8C),
            read(STATUS, 0x88),
            read(CONTROL, 0x07),
            Transaction::write(ADDRESS, vec![CONTROL, 0x27]),
            read(CONTROL, 0x27),
            read(CONTROL, 0x27),
            read(CONTROL, 0x07),
            read(STATUS, 0x88),
            Transaction::write_read(ADDRESS, vec![0x11], vec![0xF5, 0xC0]),
        ]);
        let expected = QuantityKind::Temperature.quantity(-10.25).unwrap();
        assert_eq!(found, Ok(only(Ok(expected))));
    }

    #[test]
    fn a_conversion_that_never_ends_is_a_timeout() {
        let mut script = vec![
            read(STATUS, 0x88),
            read(STATUS, 0x88),
            read(CONTROL, 0x1C),
            Transaction::write(ADDRESS, vec![CONTROL, 0x3C]),
        ];
        script.extend((0..=POLLS).map(|_| read(CONTROL, 0x3C)));
        assert_eq!(measure(&script), Err(NoData::Timeout));
    }
}
