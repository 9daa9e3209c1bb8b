use embedded_hal_mock::eh1::{
    delay::NoopDelay,
    i2c::{Mock, Transaction},
};

use super::*;
use crate::scripted::Scripted;

const ADDRESS: u8 = 0x48;

fn channel(name: &str, input: Option<Ads1115Input>, full_scale: u16) -> Ads1115Channel {
    Ads1115Channel {
        name: name.to_owned(),
        input: input.unwrap(),
        full_scale_millivolts: full_scale,
        scale: 1.0,
        offset: 0.0,
    }
}

fn options(channels: Vec<Ads1115Channel>) -> Ads1115Options {
    let bus_timeout = Duration::from_secs(1);
    Ads1115Options { address: ADDRESS, bus_timeout, data_rate_hertz: 128, channels }
}

fn read(register: u8, word: u16) -> Transaction {
    Transaction::write_read(ADDRESS, vec![register], word.to_be_bytes().to_vec())
}

fn conversion(written: u16, found: [u16; 2], code: i16) -> Vec<Transaction> {
    let [high, low] = written.to_be_bytes();
    vec![
        Transaction::write(ADDRESS, vec![0x01, high, low]),
        read(0x01, found[0]),
        read(0x00, code.cast_unsigned()),
        read(0x01, found[1]),
    ]
}

#[track_caller]
fn measure(
    channels: Vec<Ads1115Channel>,
    script: &[Transaction],
) -> Result<Vec<Result<f64, NoData>>, NoData> {
    let mut bus = Mock::new(script);
    let mut chip =
        Ads1115::new(Scripted(bus.clone()), NoopDelay::new(), options(channels)).unwrap();
    let outcome = chip.measure(Duration::ZERO);
    bus.done();
    let number = |(_, outcome): (usize, Result<Quantity, NoData>)| outcome.map(Quantity::number);
    Ok(outcome?.outcomes.into_iter().map(number).collect())
}

fn pin() -> Vec<Ads1115Channel> {
    vec![channel("pin", Ads1115Input::single_ended(0), 4_096)]
}
/// AIN0, 4.096 V, single shot, 128 a second, comparator off and latching.
const PIN: u16 = 0b1100_0011_1000_0111;

#[test]
fn each_input_has_its_code() {
    for (input, code) in [
        (Ads1115Input::differential(0, 1), 0),
        (Ads1115Input::differential(0, 3), 1),
        (Ads1115Input::differential(1, 3), 2),
        (Ads1115Input::differential(2, 3), 3),
        (Ads1115Input::single_ended(0), 4),
        (Ads1115Input::single_ended(3), 7),
    ] {
        assert_eq!(input, Some(Ads1115Input(code)));
    }
    for (positive, negative) in [(1, 0), (0, 0), (0, 2), (3, 3), (255, 3)] {
        assert_eq!(Ads1115Input::differential(positive, negative), None);
    }
    assert_eq!(Ads1115Input::single_ended(4), None);
}

#[test]
fn channels_are_converted_in_order_each_with_its_scale() {
    let mut divided = channel("supply", Ads1115Input::single_ended(3), 6_144);
    (divided.scale, divided.offset) = (10.0, 0.5);
    let channels = vec![divided, channel("bridge", Ads1115Input::differential(0, 1), 256)];
    let (supply, bridge) = (0b1111_0001_1000_0111, 0b1000_1011_1000_0111);
    let mut script = conversion(supply, [supply; 2], 16_384);
    script.extend(conversion(bridge, [bridge; 2], -128));
    assert_eq!(measure(channels, &script), Ok(vec![Ok(31.22), Ok(-0.001)]));
}

#[test]
fn a_code_at_an_end_of_the_range_is_a_gap() {
    for code in [i16::MIN, i16::MAX] {
        let script = conversion(PIN, [PIN; 2], code);
        assert_eq!(measure(pin(), &script), Ok(vec![Err(NoData::Implausible)]));
    }
}

#[test]
fn a_chip_that_was_reset_meanwhile_gives_no_number() {
    // What the register holds after power-on, and what the user may have chosen but for one bit.
    for found in [[0x8583, 0x8583], [PIN, 0x8583], [PIN & !0b100, PIN & !0b100]] {
        assert_eq!(measure(pin(), &conversion(PIN, found, 0)), Err(NoData::Corrupt));
    }
}

#[test]
fn a_conversion_that_does_not_end_is_a_timeout() {
    let script = &conversion(PIN, [PIN & !START; 2], 0)[..2];
    assert_eq!(measure(pin(), script), Err(NoData::Timeout));
}

#[test]
fn options_that_make_no_device_are_refused() {
    let refused = |options| Ads1115::new((), (), options).err();
    assert_eq!(refused(options(Vec::new())), Some(BadOptions::NoSensors));
    let text = |options| refused(options).map(|refused| refused.to_string());
    let odd = channel("pin", Ads1115Input::single_ended(0), 5_000);
    let expected = Some("full_scale_millivolts: cannot be 5000".to_owned());
    assert_eq!(text(options(vec![odd])), expected);
    let rate = Ads1115Options { data_rate_hertz: 100, ..options(pin()) };
    assert_eq!(text(rate), Some("data_rate_hertz: cannot be 100".to_owned()));
}

#[test]
fn each_word_of_the_configuration_is_the_input_of_its_code() {
    let input = |word: &str| match word.split_once('-') {
        Some((plus, minus)) => {
            Ads1115Input::differential(plus.parse().unwrap(), minus.parse().unwrap())
        }
        None => Ads1115Input::single_ended(word.parse().unwrap()),
    };
    let found: Vec<_> = INPUTS.iter().map(|word| input(word)).collect();
    assert_eq!(found, (0..8).map(|code| Some(Ads1115Input(code))).collect::<Vec<_>>());
}
