//! Aosong AHT20: temperature and relative humidity, over I2C.
//!
//! AHT20 product manuals, version 1.1. Range -40 to 85 °C and 0 to 100 %, in steps of 0.01; the chip's
//! humidity has steps of 0.024 %. Address 0x38.
//!
//! Registers are our own: the published `aht20-driver` 2.0 repeats for ever on a wrong checksum, on a
//! chip that stays busy and on one that does not calibrate.
//!
//! # Set up when it says so
//!
//! A chip without its calibration bit is initialised (5.4), which costs 10 ms, and measured in the
//! same call. If the bit is still off in the answer, the chip lost its supply meanwhile or has no
//! calibration: [`NoData::NotReady`], as is a chip that is busy for longer than it may.
//!
//! # Deliberately absent
//!
//! Waiting for a chip after power-up (40 ms): it is absent so long, and present at the next call.

use core::time::Duration;

use domain::NoData;
use embedded_hal::{
    delay::DelayNs,
    i2c::{I2c, SevenBitAddress},
};
use ports::{Device, Measurement, Sensor};

use crate::{
    Attachment, Entry, I2cPlace, Point,
    hygrometer::{Air, points},
    sensirion::checksum,
    sensors_of,
};

const ADDRESS: SevenBitAddress = 0x38;
/// Operating range (table 2), °C.
const TEMPERATURE_RANGE: (f64, f64) = (-40.0, 85.0);
/// The sensors, in the order of their indices.
const SENSORS: &[Point] = &points(TEMPERATURE_RANGE, 0.024);

pub(crate) const ENTRY: Entry = Entry {
    driver: "aht20",
    part: "Aosong AHT20",
    summary: "temperature, ±0.3 °C, and relative humidity, ±2 %",
    datasheet: "Aosong AHT20 product manuals, version 1.1",
    parameters: &[],
    sensors: SENSORS,
    attachments: &[Attachment::I2c {
        addresses: &[ADDRESS],
        make: |I2cPlace { bus, delay, bus_timeout, .. }, _| {
            Ok(Box::new(Aht20::new(bus, delay, Aht20Options { bus_timeout })))
        },
    }],
};

const INITIALISE: [u8; 3] = [0xBE, 0x08, 0x00];
const MEASURE: [u8; 3] = [0xAC, 0x33, 0x00];
/// 5.4: how long each takes.
const INITIALISE_TAKES: Duration = Duration::from_millis(10);
const MEASURE_TAKES: Duration = Duration::from_millis(80);
/// 18 bytes with their acknowledgements at 100 kHz.
const TRANSFERS: Duration = Duration::from_millis(2);

/// Status bits (table 10).
const BUSY: u8 = 0x80;
const CALIBRATED: u8 = 0x08;
/// 6: both quantities have 20 bits.
const FULL: f64 = 1_048_576.0;

/// What the bus promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aht20Options {
    /// How long the bus waits for a chip that holds it. The first wait ends the measurement.
    pub bus_timeout: Duration,
}

/// One AHT20 on a bus that it may share with other devices.
#[derive(Debug)]
pub struct Aht20<I2C, D> {
    bus: I2C,
    delay: D,
    options: Aht20Options,
    sensors: Vec<Sensor>,
}

impl<I2C, D> Aht20<I2C, D> {
    /// Takes the bus handle and the delay for good.
    pub fn new(bus: I2C, delay: D, options: Aht20Options) -> Self {
        Self { bus, delay, options, sensors: sensors_of(SENSORS) }
    }
}

impl<I2C, D> Aht20<I2C, D>
where
    I2C: I2c<Error: Into<NoData>>,
    D: DelayNs,
{
    fn execute(&mut self, command: [u8; 3], takes: Duration) -> Result<(), NoData> {
        self.bus.write(ADDRESS, &command).map_err(Into::into)?;
        self.delay.delay_us(u32::try_from(takes.as_micros()).unwrap_or(u32::MAX));
        Ok(())
    }

    fn read<const N: usize>(&mut self) -> Result<[u8; N], NoData> {
        let mut bytes = [0; N];
        self.bus.read(ADDRESS, &mut bytes).map_err(Into::into)?;
        Ok(bytes)
    }
}

impl<I2C, D> Device for Aht20<I2C, D>
where
    I2C: I2c<Error: Into<NoData>> + Send,
    D: DelayNs + Send,
{
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn worst_case(&self) -> Duration {
        // As much again for the kernel.
        INITIALISE_TAKES + self.time_on_bus() + TRANSFERS + self.options.bus_timeout
    }

    fn time_on_bus(&self) -> Duration {
        MEASURE_TAKES + TRANSFERS
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        let [status] = self.read()?;
        if status & CALIBRATED == 0 {
            self.execute(INITIALISE, INITIALISE_TAKES)?;
        }
        self.execute(MEASURE, MEASURE_TAKES)?;
        air(self.read()?).map(|air| air.measurement(TEMPERATURE_RANGE))
    }
}

/// 5.4 and 6: status, 20 bits of humidity, 20 bits of temperature, checksum.
fn air(answer: [u8; 7]) -> Result<Air, NoData> {
    let [frame @ .., check] = answer;
    if checksum(&frame) != check {
        return Err(NoData::Corrupt);
    }
    let [status, h0, h1, both, t0, t1] = frame;
    if status & BUSY != 0 || status & CALIBRATED == 0 {
        return Err(NoData::NotReady);
    }
    let humidity = u32::from_be_bytes([0, h0, h1, both]) >> 4;
    let temperature = u32::from_be_bytes([0, both & 0x0F, t0, t1]);
    Ok(Air {
        celsius: f64::from(temperature) / FULL * 200.0 - 50.0,
        humidity_percent: f64::from(humidity) / FULL * 100.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(frame: [u8; 6]) -> [u8; 7] {
        let mut answer = [checksum(&frame); 7];
        answer[..6].copy_from_slice(&frame);
        answer
    }

    fn numbers(frame: [u8; 6]) -> Result<(f64, f64), NoData> {
        air(answer(frame)).map(|air| (air.celsius, air.humidity_percent))
    }

    #[test]
    fn twenty_bits_each_share_a_byte_in_the_middle() {
        assert_eq!(numbers([0x08, 0x40, 0x00, 0x08, 0x00, 0x00]), Ok((50.0, 25.0)));
        assert_eq!(numbers([0x1C, 0x00, 0x00, 0x10, 0x00, 0x00]), Ok((-50.0, 100.0 / FULL)));
    }

    #[test]
    fn a_busy_chip_and_one_without_calibration_are_not_ready_however_good_the_data_look() {
        assert_eq!(numbers([0x88, 0x40, 0x00, 0x08, 0x00, 0x00]), Err(NoData::NotReady));
        assert_eq!(numbers([0x00, 0x40, 0x00, 0x08, 0x00, 0x00]), Err(NoData::NotReady));
    }

    #[test]
    fn one_wrong_bit_in_any_byte_is_corrupt() {
        let good = answer([0x1C, 0x65, 0xB4, 0x25, 0xCD, 0x26]);
        assert!(air(good).is_ok());
        for bit in 0..56 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(air(bad).map(|air| air.celsius), Err(NoData::Corrupt), "bit {bit}");
        }
    }

    #[test]
    fn a_line_that_is_stuck_is_corrupt() {
        for byte in [0x00, 0xFF] {
            assert_eq!(air([byte; 7]).map(|air| air.celsius), Err(NoData::Corrupt));
        }
    }
}
