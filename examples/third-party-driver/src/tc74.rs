//! Microchip TC74: temperature in whole degrees, over I2C.
//!
//! Datasheet DS21462. Register 0 is the temperature in two's complement (table 4-3), register 1 the
//! configuration; its bit 6 says that there has been a conversion since power-on (table 4-2).

use core::time::Duration;

use domain::{NoData, QuantityKind};
use embedded_hal::i2c::I2c;
use ports::{Device, Measurement, Sensor};
use sensors::{Attachment, Entry, Point, sensors_of};

/// What the gateway is told of it.
pub const ENTRY: Entry = Entry {
    driver: "tc74",
    part: "Microchip TC74",
    summary: "temperature in whole degrees, ±2 °C",
    datasheet: "Microchip DS21462",
    parameters: &[],
    sensors: SENSORS,
    attachments: &[Attachment::I2c {
        addresses: &[0x4D, 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4E, 0x4F],
        make: |place, _| {
            let sensors = sensors_of(SENSORS);
            Ok(Box::new(Tc74 {
                bus: place.bus,
                address: place.address,
                timeout: place.bus_timeout,
                sensors,
            }))
        },
    }],
};

const SENSORS: &[Point] = &[Point {
    name: "temperature",
    kind: QuantityKind::Temperature,
    resolution: 1.0,
    low: -65.0,
    high: 127.0,
}];

const DATA_READY: u8 = 0x40;
/// Two transactions of three bytes at 100 kHz.
const TRANSFERS: Duration = Duration::from_micros(600);

struct Tc74<I2C> {
    bus: I2C,
    address: u8,
    timeout: Duration,
    sensors: Vec<Sensor>,
}

impl<I2C: I2c<Error: Into<NoData>> + Send> Device for Tc74<I2C> {
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn worst_case(&self) -> Duration {
        TRANSFERS + self.timeout
    }

    fn time_on_bus(&self) -> Duration {
        TRANSFERS
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        let mut register = |number| {
            let mut byte = [0];
            self.bus.write_read(self.address, &[number], &mut byte).map_err(Into::into)?;
            Ok::<_, NoData>(u8::from_be_bytes(byte))
        };
        if register(1)? & DATA_READY == 0 {
            return Err(NoData::NotReady);
        }
        let celsius = f64::from(register(0)?.cast_signed());
        let quantity = QuantityKind::Temperature.quantity(celsius);
        let outcomes = vec![(0, quantity.map_err(|_| NoData::Implausible))];
        Ok(Measurement { age: Duration::ZERO, outcomes })
    }
}
