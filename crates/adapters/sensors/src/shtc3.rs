//! Sensirion SHTC3: temperature and relative humidity, over I2C.
//!
//! SHTC3 datasheet, version 3. Commands are the published `shtcx` driver's, whose raw words are
//! used. Range -40 to 125 °C and 0 to 100 %, both in steps of 0.01. Address 0x70.
//!
//! # Asleep between measurements
//!
//! The chip is woken for each measurement and sent to sleep after it, which also spares it from
//! warming itself. If that last command fails the measurement is as good, and the next one wakes the
//! chip whether it sleeps or not.
//!
//! # Deliberately absent
//!
//! The identifier is not asked for: its other bits differ from chip to chip, and the checksums tell.

use core::time::Duration;

use domain::NoData;
use embedded_hal::{
    delay::DelayNs,
    i2c::{self, I2c},
};
use ports::{Device, Measurement, Sensor};
use shtcx::{Error, LowPower as _, PowerMode, RawMeasurement};

use crate::{
    Attachment, Entry, I2cPlace, Parameter, Point, Value,
    hygrometer::{Air, points},
    sensors_of,
};

/// Operating range (2.2), °C.
const TEMPERATURE_RANGE: (f64, f64) = (-40.0, 125.0);
/// The sensors, in the order of their indices.
const SENSORS: &[Point] = &points(TEMPERATURE_RANGE, 0.01);

pub(crate) const ENTRY: Entry = Entry {
    driver: "shtc3",
    part: "Sensirion SHTC3",
    summary: "temperature, ±0.2 °C, and relative humidity, ±2 %",
    datasheet: "Sensirion SHTC3, version 3",
    parameters: &[Parameter {
        name: "low_power",
        summary: "measures in 1 ms instead of 13, with more noise",
        value: Value::Flag { default: false },
    }],
    sensors: SENSORS,
    attachments: &[Attachment::I2c {
        addresses: &[0x70],
        make: |I2cPlace { bus, delay, bus_timeout, .. }, arguments| {
            let is_low_power = arguments.flag("low_power")?;
            let options = Shtc3Options { is_low_power, bus_timeout };
            Ok(Box::new(Shtc3::new(bus, delay, options)))
        },
    }],
};

/// Table 3: the chip wakes within 240 µs.
const WAKES: Duration = Duration::from_micros(240);
/// 16 bytes with their acknowledgements at 100 kHz.
const TRANSFERS: Duration = Duration::from_millis(2);

/// What the chip spends on a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shtc3Options {
    /// Takes 0.8 ms instead of 12.1 ms, with more noise.
    pub is_low_power: bool,
    /// How long the bus waits for a chip that holds it. The first wait ends the measurement.
    pub bus_timeout: Duration,
}

impl Shtc3Options {
    const fn mode(self) -> PowerMode {
        if self.is_low_power { PowerMode::LowPower } else { PowerMode::NormalMode }
    }

    /// Table 3: the longest that a measurement takes.
    const fn takes(self) -> Duration {
        Duration::from_micros(if self.is_low_power { 800 } else { 12_100 })
    }
}

/// One SHTC3 on a bus that it may share with other devices.
#[derive(Debug)]
pub struct Shtc3<I2C, D> {
    bus: I2C,
    delay: D,
    options: Shtc3Options,
    sensors: Vec<Sensor>,
}

impl<I2C, D> Shtc3<I2C, D> {
    /// Takes the bus handle and the delay for good.
    pub fn new(bus: I2C, delay: D, options: Shtc3Options) -> Self {
        Self { bus, delay, options, sensors: sensors_of(SENSORS) }
    }
}

impl<I2C: I2c, D: DelayNs> Shtc3<I2C, D> {
    fn words(&mut self) -> Result<RawMeasurement, Error<I2C::Error>> {
        let mut chip = shtcx::shtc3(&mut self.bus);
        let mode = self.options.mode();
        chip.wakeup(&mut self.delay)?;
        chip.start_measurement(mode)?;
        chip.wait_for_measurement(mode, &mut self.delay);
        let words = chip.get_raw_measurement_result();
        if !matches!(words, Err(Error::I2c(_))) {
            // Awake it measures as well: see the module's header.
            let _ = chip.sleep();
        }
        words
    }
}

impl<I2C, D> Device for Shtc3<I2C, D>
where
    I2C: I2c<Error: Into<NoData>> + Send,
    D: DelayNs + Send,
{
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn worst_case(&self) -> Duration {
        // As much again for the kernel.
        self.time_on_bus() + TRANSFERS + self.options.bus_timeout
    }

    fn time_on_bus(&self) -> Duration {
        WAKES + self.options.takes() + TRANSFERS
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        let words = self.words().map_err(reason)?;
        // 5.11.
        let air = Air {
            celsius: f64::from(words.temperature) * 175.0 / 65_536.0 - 45.0,
            humidity_percent: f64::from(words.humidity) * 100.0 / 65_536.0,
        };
        Ok(air.measurement(TEMPERATURE_RANGE))
    }
}

fn reason<E: i2c::Error + Into<NoData>>(fault: Error<E>) -> NoData {
    match fault {
        Error::I2c(fault) => fault.into(),
        Error::Crc => NoData::Corrupt,
    }
}

#[cfg(test)]
mod tests {
    use domain::Quantity;
    use embedded_hal::i2c::{ErrorKind, NoAcknowledgeSource};
    use embedded_hal_mock::eh1::{
        delay::NoopDelay,
        i2c::{Mock, Transaction},
    };

    use super::*;
    use crate::{scripted::Scripted, sensirion::framed};

    fn exchange(command: [u8; 2], answer: Vec<u8>) -> Vec<Transaction> {
        vec![
            Transaction::write(0x70, vec![0x35, 0x17]),
            Transaction::write(0x70, command.to_vec()),
            Transaction::read(0x70, answer),
            Transaction::write(0x70, vec![0xB0, 0x98]),
        ]
    }

    fn measure(is_low_power: bool, script: &[Transaction]) -> Result<[f64; 2], NoData> {
        let mut bus = Mock::new(script);
        let options = Shtc3Options { is_low_power, bus_timeout: Duration::from_secs(1) };
        let mut chip = Shtc3::new(Scripted(bus.clone()), NoopDelay::new(), options);
        let found = chip.measure(Duration::ZERO);
        bus.done();
        let outcomes = found?.outcomes;
        Ok([0, 1].map(|index| outcomes[index].1.map_or(f64::NAN, Quantity::number)))
    }

    /// 5.11: 0x6466 is 23.6 °C and 0xA133 is 63 %.
    #[test]
    fn the_example_of_the_datasheet_is_measured_and_the_chip_sleeps_again() {
        let answer = [framed(0x6466), framed(0xA133)].concat();
        for (is_low_power, command) in [(false, [0x78, 0x66]), (true, [0x60, 0x9C])] {
            let script = exchange(command, answer.clone());
            assert_eq!(measure(is_low_power, &script), Ok([23.63, 62.97]));
        }
    }

    #[test]
    fn a_corrupt_answer_sends_it_to_sleep_too_and_a_failed_sleep_costs_no_measurement() {
        let corrupt = exchange([0x78, 0x66], vec![0; 6]);
        assert_eq!(measure(false, &corrupt), Err(NoData::Corrupt));
        let mut insomniac = exchange([0x78, 0x66], [framed(0x8000); 2].concat());
        let absent = ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address);
        insomniac[3] = insomniac[3].clone().with_error(absent);
        assert_eq!(measure(false, &insomniac), Ok([42.5, 50.0]));
    }
}
