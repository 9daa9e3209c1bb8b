use embedded_hal::spi::{ErrorKind, ErrorType, Operation};
use embedded_hal_mock::eh1::spi::{Mock, Transaction};

use super::*;
use crate::scripted::{Refused, Scripted};

/// A bus that fails; the mock cannot.
struct Broken;

impl ErrorType for Broken {
    type Error = Refused;
}

impl SpiDevice for Broken {
    fn transaction(&mut self, _: &mut [Operation<'_, u8>]) -> Result<(), Refused> {
        Err(Refused::Spi(ErrorKind::ModeFault))
    }
}

fn channel(name: &str, input: Option<Input>, scale: f64, offset: f64) -> Channel {
    Channel { name: name.to_owned(), input: input.unwrap(), scale, offset }
}

fn conversion(out: [u8; 3], answer: [u8; 3]) -> Vec<Transaction<u8>> {
    vec![
        Transaction::transaction_start(),
        Transaction::transfer(out.to_vec(), answer.to_vec()),
        Transaction::transaction_end(),
    ]
}

#[track_caller]
fn measure(channels: Vec<Channel>, script: &[Transaction<u8>]) -> Result<Vec<f64>, NoData> {
    let mut bus = Mock::new(script);
    let options = Mcp3208Options { clock_hz: 1_000_000, reference_volts: 3.3, channels };
    let outcome = Mcp3208::new(Scripted(bus.clone()), options).unwrap().measure(Duration::ZERO);
    bus.done();
    outcome?.outcomes.into_iter().map(|(_, outcome)| Ok(outcome?.number())).collect()
}

#[test]
fn each_input_has_the_command_of_table_5_2() {
    for (input, command) in [
        (Input::single_ended(0), [0b0000_0110, 0b0000_0000, 0]),
        (Input::single_ended(3), [0b0000_0110, 0b1100_0000, 0]),
        (Input::single_ended(7), [0b0000_0111, 0b1100_0000, 0]),
        (Input::differential(0), [0b0000_0100, 0b0000_0000, 0]),
        (Input::differential(5), [0b0000_0101, 0b0100_0000, 0]),
    ] {
        assert_eq!(input.unwrap().command(), command);
    }
    assert_eq!(Input::single_ended(8), None);
    assert_eq!(Input::differential(8), None);
}

#[test]
fn codes_become_volts_whatever_the_undriven_bits_say() {
    let pin = || vec![channel("pin", Input::single_ended(0), 1.0, 0.0)];
    for (answer, volts) in [
        ([0x00, 0x00, 0x00], 0.0),
        ([0xFF, 0xE8, 0x00], 1.65),
        ([0x00, 0x00, 0x01], 0.000_806),
        ([0xFF, 0xEF, 0xFF], 3.299_194),
    ] {
        assert_eq!(measure(pin(), &conversion([0x06, 0, 0], answer)), Ok(vec![volts]));
    }
}

#[test]
fn channels_are_converted_in_order_each_with_its_divider() {
    let channels = vec![
        channel("supply", Input::single_ended(2), 5.7, 0.0),
        channel("shunt", Input::differential(6), 1.0, -0.1),
    ];
    let mut script = conversion([0x06, 0x80, 0], [0, 0x08, 0x00]);
    script.extend(conversion([0x05, 0x80, 0], [0, 0x04, 0x00]));
    assert_eq!(measure(channels, &script), Ok(vec![9.405, 0.725]));
}

#[test]
fn a_line_that_nobody_drives_is_an_absent_chip_not_full_scale() {
    let pin = vec![channel("pin", Input::single_ended(0), 1.0, 0.0)];
    assert_eq!(measure(pin, &conversion([0x06, 0, 0], [0xFF; 3])), Err(NoData::Absent));
}

#[test]
fn a_bus_fault_is_reported() {
    let pin = vec![channel("pin", Input::single_ended(0), 1.0, 0.0)];
    let options = Mcp3208Options { clock_hz: 1_000_000, reference_volts: 3.3, channels: pin };
    let mut chip = Mcp3208::new(Broken, options).unwrap();
    assert_eq!(chip.measure(Duration::ZERO), Err(NoData::BusFault));
}

#[test]
fn a_scale_that_gives_no_number_gives_a_gap() {
    let pin = vec![channel("pin", Input::single_ended(0), f64::NAN, 0.0)];
    assert_eq!(measure(pin, &conversion([0x06, 0, 0], [0, 8, 0])), Err(NoData::Implausible));
}

#[test]
fn options_that_make_no_device_are_refused() {
    let options = |reference_volts| Mcp3208Options {
        clock_hz: 1_000_000,
        reference_volts,
        channels: Vec::new(),
    };
    assert_eq!(Mcp3208::new((), options(3.3)).err(), Some(BadOptions::NoSensors));
    let volts = -3.3;
    assert_eq!(Mcp3208::new((), options(volts)).err(), Some(BadOptions::Reference { volts }));
}
