//! The driver against a chip that is written from the datasheet.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{process::Command, time::Duration};

use domain::{NoData, Quantity};
use ports::Device;
use sensors::{Arguments, Attachment, DelayHandle, I2cHandle, I2cPlace};
use sim::{
    bus::I2cBus,
    chips::{I2cChip, Nak},
};
use tc74::ENTRY;

/// A TC74 after its first conversion, at so many degrees.
struct Chip {
    celsius: i8,
    register: u8,
}

impl I2cChip for Chip {
    fn power_on(&mut self) {
        self.register = 0;
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Nak> {
        self.register = *bytes.first().ok_or(Nak)?;
        Ok(())
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Nak> {
        bytes.fill(if self.register == 1 { 0x40 } else { self.celsius.cast_unsigned() });
        Ok(())
    }
}

struct NoDelay;

impl embedded_hal::delay::DelayNs for NoDelay {
    fn delay_ns(&mut self, _: u32) {}
}

fn device(bus: &I2cBus) -> Box<dyn Device> {
    let Attachment::I2c { make, .. } = ENTRY.attachments[0] else { panic!("not on I2C") };
    let (bus, delay) = (I2cHandle::new(bus.clone()), DelayHandle::new(NoDelay));
    let place = I2cPlace { bus, delay, address: 0x4D, bus_timeout: Duration::from_secs(1) };
    make(place, &Arguments::example(ENTRY.parameters)).unwrap()
}

#[test]
fn the_entry_keeps_its_promises() {
    ENTRY.check().unwrap_or_else(|flaw| panic!("{flaw}"));
}

#[test]
fn every_temperature_that_the_chip_has_arrives_as_it_is() {
    for celsius in -65..=127 {
        let bus = I2cBus::new();
        bus.attach(0x4D, Chip { celsius, register: 0 });
        let outcomes = device(&bus).measure(Duration::ZERO).unwrap().outcomes;
        let found: Vec<_> = outcomes.iter().map(|(_, found)| found.map(Quantity::number)).collect();
        assert_eq!(found, [Ok(f64::from(celsius))]);
    }
}

#[test]
fn an_unplugged_chip_is_absent_and_one_that_is_back_works_with_the_same_device() {
    let bus = I2cBus::new();
    let wiring = bus.attach(0x4D, Chip { celsius: 20, register: 0 });
    let mut device = device(&bus);
    wiring.unplug();
    assert_eq!(device.measure(Duration::ZERO), Err(NoData::Absent));
    wiring.replug();
    assert!(device.measure(Duration::ZERO).is_ok());
}

#[test]
fn the_gateway_with_the_driver_knows_it_beside_its_own() {
    let gateway = env!("CARGO_BIN_EXE_telemetryhub-with-tc74");
    let output = Command::new(gateway).arg("catalogue").output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("tc74") && table.contains("bme280"), "{table}");
}
