use embedded_hal_mock::eh1::{
    delay::NoopDelay,
    i2c::{Mock, Transaction},
};

use super::*;
use crate::{scripted::Scripted, sensirion::framed};

const ADDRESS: u8 = 0x45;

fn exchange(repeatability: Repeatability, temperature: u16, humidity: u16) -> Vec<Transaction> {
    let command = repeatability.command().to_vec();
    vec![
        Transaction::write(ADDRESS, vec![0x30, 0x93]),
        Transaction::write(ADDRESS, vec![0x30, 0x66]),
        Transaction::write(ADDRESS, command),
        Transaction::read(ADDRESS, [framed(temperature), framed(humidity)].concat()),
    ]
}

fn measure(repeatability: Repeatability, script: &[Transaction]) -> Result<[f64; 2], NoData> {
    let mut bus = Mock::new(script);
    let options =
        Sht31Options { address: ADDRESS, repeatability, bus_timeout: Duration::from_secs(1) };
    let mut chip = Sht31::new(Scripted(bus.clone()), NoopDelay::new(), options);
    let found = chip.measure(Duration::ZERO);
    bus.done();
    let outcomes = found?.outcomes;
    assert_eq!(outcomes.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 1]);
    Ok([0, 1].map(|index| outcomes[index].1.map_or(f64::NAN, domain::Quantity::number)))
}

#[test]
fn every_repeatability_has_its_command_and_half_of_the_span_is_42_5_degrees_and_50_percent() {
    for repeatability in [Repeatability::High, Repeatability::Medium, Repeatability::Low] {
        let script = exchange(repeatability, 0x8000, 0x8000);
        assert_eq!(measure(repeatability, &script), Ok([42.5, 50.0]));
    }
}

#[test]
fn above_half_of_the_span_it_is_hot_not_very_cold() {
    let script = exchange(Repeatability::High, 0xC000, 0x4000);
    assert_eq!(measure(Repeatability::High, &script), Ok([86.25, 25.0]));
}

#[test]
fn one_wrong_bit_in_any_byte_is_corrupt() {
    for byte in 0..6 {
        let mut script = exchange(Repeatability::High, 0x6543, 0x4321);
        let mut answer = [framed(0x6543), framed(0x4321)].concat();
        answer[byte] ^= 1 << byte;
        script[3] = Transaction::read(ADDRESS, answer);
        assert_eq!(measure(Repeatability::High, &script), Err(NoData::Corrupt), "byte {byte}");
    }
}
