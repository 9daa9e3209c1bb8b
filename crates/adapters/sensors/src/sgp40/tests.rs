use embedded_hal::i2c::{ErrorKind, NoAcknowledgeSource};
use embedded_hal_mock::eh1::{
    delay::NoopDelay,
    i2c::{Mock, Transaction},
};

use super::*;
use crate::scripted::Scripted;

const OPTIONS: Sgp40Options = Sgp40Options {
    humidity_percent: 50.0,
    celsius: 25.0,
    interval: Duration::from_secs(1),
    bus_timeout: Duration::from_secs(1),
};

fn command() -> Transaction {
    // Table 11: the default compensation.
    Transaction::write(ADDRESS, vec![0x26, 0x0F, 0x80, 0x00, 0xA2, 0x66, 0x66, 0x93])
}

fn answer(ticks: u16) -> Transaction {
    Transaction::read(ADDRESS, framed(ticks).to_vec())
}

fn good(calls: usize) -> Vec<Transaction> {
    (0..calls).flat_map(|_| [command(), answer(30_000)]).collect()
}

fn outcomes_of(script: &[Transaction], calls: usize) -> Vec<Result<Vec<Option<f64>>, NoData>> {
    let mut bus = Mock::new(script);
    let mut chip = Sgp40::new(Scripted(bus.clone()), NoopDelay::new(), OPTIONS);
    let number =
        |(_, outcome): (usize, Result<Quantity, NoData>)| outcome.ok().map(Quantity::number);
    let call = |_| {
        let found = chip.measure(Duration::ZERO)?;
        Ok(found.outcomes.into_iter().map(number).collect())
    };
    let found = (0..calls).map(call).collect();
    bus.done();
    found
}

#[test]
fn the_index_is_not_ready_for_its_first_45_seconds_and_the_ticks_are_at_once() {
    let script = good(48);
    let found = outcomes_of(&script, 48);
    for (second, outcome) in found.iter().enumerate() {
        let numbers = outcome.as_ref().unwrap();
        assert_eq!(numbers[0], Some(30_000.0));
        assert_eq!(numbers[1].is_some(), second > 45, "second {second}");
    }
}

#[test]
fn an_absence_begins_the_index_anew_and_a_corrupt_sample_does_not() {
    let absent = ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address);
    let corrupt = Transaction::read(ADDRESS, vec![0x75, 0x30, 0x00]);
    let mut script = good(47);
    script.extend([command(), corrupt, command(), answer(30_000)]);
    script.extend([command().with_error(absent), command(), answer(30_000)]);
    let found = outcomes_of(&script, 51);
    assert_eq!(found[47], Err(NoData::Corrupt));
    assert!(found[48].as_ref().unwrap()[1].is_some());
    assert_eq!(found[49], Err(NoData::Absent));
    assert_eq!(found[50], Ok(vec![Some(30_000.0), None]));
}

#[test]
fn compensation_beyond_its_range_is_the_ranges_end() {
    let words = |humidity_percent, celsius| {
        let [_, _, h0, h1, _, t0, t1, _] =
            Sgp40Options { humidity_percent, celsius, ..OPTIONS }.command();
        [u16::from_be_bytes([h0, h1]), u16::from_be_bytes([t0, t1])]
    };
    assert_eq!(words(0.0, -45.0), [0, 0]);
    assert_eq!(words(100.0, 130.0), [0xFFFF, 0xFFFF]);
    assert_eq!(words(1e9, -1e9), [0xFFFF, 0]);
    assert_eq!(words(f64::NAN, f64::INFINITY), [0, 0xFFFF]);
}
