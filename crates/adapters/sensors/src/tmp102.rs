//! Texas Instruments TMP102 and TMP112: temperature, 0.0625 °C, over I2C.
//!
//! Datasheets SBOS397 and SBOS473. One-shot conversion and its arithmetic are the published
//! `tmp1x2` driver's.
//!
//! # Set up anew for every measurement
//!
//! Extended mode, shutdown, one conversion, as section 7.4.2 has it. There is no state to be wrong,
//! and a chip that just got its supply back does not give the 0 °C that it reads as until it has
//! converted. Afterwards the configuration is read back, because the part has no identity: bits
//! that no such chip shows are [`NoData::Corrupt`].
//!
//! # Deliberately absent
//!
//! The alert output, whose setting is reset.

use core::time::Duration;

use domain::{NoData, QuantityKind};
use embedded_hal::{
    delay::DelayNs,
    i2c::{I2c, SevenBitAddress},
};
use ports::{Device, Measurement, Sensor};
use tmp1x2::{Error, ModeChangeError, SlaveAddr, Tmp1x2, nb};

use crate::{
    Attachment, Entry, I2cPlace, Point, sensors_of,
    words::{only, read_pair, within},
};

/// The sensors, in the order of their indices.
const SENSORS: &[Point] = &[Point {
    name: "temperature",
    kind: QuantityKind::Temperature,
    resolution: 0.0625,
    low: -55.0,
    high: 150.0,
}];

pub(crate) const ENTRY: Entry = Entry {
    driver: "tmp102",
    part: "Texas Instruments TMP102, TMP112",
    summary: "temperature, ±0.5 °C",
    datasheet: "SBOS397; SBOS473",
    parameters: &[],
    sensors: SENSORS,
    attachments: &[Attachment::I2c {
        addresses: &[0x48, 0x49, 0x4A, 0x4B],
        make: |I2cPlace { bus, delay, address, bus_timeout }, _| {
            Ok(Box::new(Tmp102::new(bus, delay, Tmp102Options { address, bus_timeout })))
        },
    }],
};

const CONFIGURATION: u8 = 0x01;
/// Resolution (always ones), shutdown, 4 Hz, extended mode; the rest zero.
const SET_UP: u16 = 0x6190;
/// One-shot, which tells whether the conversion is over, and the alert bit.
const CHANGING: u16 = 0x8020;
/// What the part can show in extended mode, °C (table 3), from the lower end of operation (6.3).
const RANGE: core::ops::RangeInclusive<f64> = -55.0..=150.0;

/// 6.5: at most.
const CONVERSION_MS: u32 = 35;
/// 27 bytes at 100 kHz with their acknowledgements.
const TRANSFERS: Duration = Duration::from_millis(3);

/// Where the chip is, and what the bus promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tmp102Options {
    /// 0x48 to 0x4B: ADD0 to ground, supply, SDA, SCL. Only the two lowest bits are looked at.
    pub address: SevenBitAddress,
    /// How long the bus waits for a chip that holds it. The first wait ends the measurement.
    pub bus_timeout: Duration,
}

/// One TMP102 on a bus that it may share with other devices.
#[derive(Debug)]
pub struct Tmp102<I2C, D> {
    bus: I2C,
    delay: D,
    straps: (bool, bool),
    bus_timeout: Duration,
    sensors: Vec<Sensor>,
}

impl<I2C, D> Tmp102<I2C, D> {
    /// Takes the bus handle and the delay for good.
    pub fn new(bus: I2C, delay: D, options: Tmp102Options) -> Self {
        let Tmp102Options { address, bus_timeout } = options;
        let straps = (address & 0b10 != 0, address & 0b01 != 0);
        Self { bus, delay, straps, bus_timeout, sensors: sensors_of(SENSORS) }
    }
}

impl<I2C, D> Device for Tmp102<I2C, D>
where
    I2C: I2c<Error: Into<NoData>> + Send,
    D: DelayNs + Send,
{
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn worst_case(&self) -> Duration {
        // As much again for the kernel.
        self.time_on_bus() + TRANSFERS + self.bus_timeout
    }

    fn time_on_bus(&self) -> Duration {
        Duration::from_millis(CONVERSION_MS.into()) + TRANSFERS
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        let celsius = self.convert()?;
        let (a1, a0) = self.straps;
        let address = 0x48 | u8::from(a1) << 1 | u8::from(a0);
        let found = u16::from_be_bytes(read_pair(&mut self.bus, address, CONFIGURATION)?);
        if found & !CHANGING != SET_UP {
            return Err(NoData::Corrupt);
        }
        let celsius = celsius.ok_or(NoData::NotReady)?;
        Ok(only(within(QuantityKind::Temperature, celsius.into(), RANGE)))
    }
}

impl<I2C, D> Tmp102<I2C, D>
where
    I2C: I2c<Error: Into<NoData>>,
    D: DelayNs,
{
    /// The temperature, unless the conversion is not over when it should be.
    fn convert(&mut self) -> Result<Option<f32>, NoData> {
        let (a1, a0) = self.straps;
        let mut chip = Tmp1x2::new(&mut self.bus, SlaveAddr::Alternative(a1, a0));
        chip.enable_extended_mode().map_err(|Error::I2C(fault)| fault.into())?;
        let mut chip =
            chip.into_one_shot().map_err(|ModeChangeError::I2C(fault, _)| fault.into())?;
        let begun = outcome(chip.read_temperature())?;
        if begun.is_some() {
            return Ok(None); // It cannot be over as it begins.
        }
        self.delay.delay_ms(CONVERSION_MS);
        outcome(chip.read_temperature())
    }
}

fn outcome<E: Into<NoData>>(found: nb::Result<f32, Error<E>>) -> Result<Option<f32>, NoData> {
    match found {
        Ok(celsius) => Ok(Some(celsius)),
        Err(nb::Error::WouldBlock) => Ok(None),
        Err(nb::Error::Other(Error::I2C(fault))) => Err(fault.into()),
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

    const ADDRESS: u8 = 0x4A;

    /// Everything that crosses the bus in one measurement.
    #[track_caller]
    fn measure(ready: [u8; 2], temperature: Option<[u8; 2]>) -> Result<Measurement, NoData> {
        let mut script = vec![
            Transaction::write(ADDRESS, vec![1, 0x60, 0xB0]),
            Transaction::write(ADDRESS, vec![1, 0x61, 0xB0]),
            Transaction::write(ADDRESS, vec![1, 0xE1, 0xB0]),
            Transaction::write_read(ADDRESS, vec![1], ready.to_vec()),
        ];
        let read = |word: [u8; 2]| Transaction::write_read(ADDRESS, vec![0], word.to_vec());
        script.extend(temperature.map(read));
        script.push(Transaction::write_read(ADDRESS, vec![1], ready.to_vec()));
        let mut bus = Mock::new(&script);
        let options = Tmp102Options { address: ADDRESS, bus_timeout: Duration::from_secs(1) };
        let mut chip = Tmp102::new(Scripted(bus.clone()), NoopDelay::new(), options);
        let outcome = chip.measure(Duration::ZERO);
        bus.done();
        outcome
    }

    /// Table 3.
    #[test]
    fn words_become_the_temperatures_of_the_datasheet() {
        for (word, celsius) in [([0x4B, 0x01], 150.0), ([0xF3, 0x81], -25.0), ([0xFF, 0xE1], -0.25)]
        {
            let quantity = QuantityKind::Temperature.quantity(celsius).unwrap();
            assert_eq!(measure([0xE1, 0xB0], Some(word)), Ok(only(Ok(quantity))));
        }
    }

    #[test]
    fn what_the_part_cannot_measure_is_a_gap() {
        let hot = measure([0xE1, 0x90], Some([0x7F, 0xF9]));
        assert_eq!(hot, Ok(only(Err(NoData::Implausible))));
    }

    #[test]
    fn a_conversion_that_does_not_end_is_not_ready_and_another_chip_is_not_measured() {
        assert_eq!(measure([0x61, 0xB0], None), Err(NoData::NotReady));
        assert_eq!(measure([0x60, 0xA0], None), Err(NoData::Corrupt));
        assert_eq!(measure([0xFF, 0xFF], Some([0xFF, 0xFF])), Err(NoData::Corrupt));
    }
}
