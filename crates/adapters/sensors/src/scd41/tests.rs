use embedded_hal::i2c::{ErrorKind, NoAcknowledgeSource};
use embedded_hal_mock::eh1::{
    delay::NoopDelay,
    i2c::{Mock, Transaction},
};

use super::*;
use crate::{scripted::Scripted, sensirion::framed};

const OPTIONS: Scd41Options =
    Scd41Options { ambient_hectopascals: 987, bus_timeout: Duration::from_secs(1) };
const ABSENT: ErrorKind = ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address);

fn write(bytes: &[u8]) -> Transaction {
    Transaction::write(0x62, bytes.to_vec())
}

fn pressure() -> Transaction {
    write(&[&[0xE0, 0x00], &framed(987)[..]].concat())
}

fn start() -> Transaction {
    write(&[0x21, 0xB1])
}

fn ready(word: u16) -> [Transaction; 2] {
    [write(&[0xE4, 0xB8]), Transaction::read(0x62, framed(word).to_vec())]
}

fn output(words: [u16; 3]) -> [Transaction; 2] {
    [write(&[0xEC, 0x05]), Transaction::read(0x62, words.map(framed).concat())]
}

fn outcomes_of(script: &[Transaction], calls: usize) -> Vec<Result<Vec<Option<f64>>, NoData>> {
    let mut bus = Mock::new(script);
    let mut chip = Scd41::new(Scripted(bus.clone()), NoopDelay::new(), OPTIONS);
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
fn it_is_told_the_pressure_and_started_once_and_gives_each_measurement_once() {
    let mut script = vec![pressure(), start()];
    script.extend(ready(0x8000));
    script.extend(ready(0x8006));
    script.extend(output([500, 0x6667, 0x5EB9]));
    script.extend(ready(0x8000));
    let expected = vec![
        Err(NoData::NotReady),
        Ok(vec![Some(500.0), Some(25.0), Some(37.0)]),
        Err(NoData::NotReady),
    ];
    assert_eq!(outcomes_of(&script, 3), expected);
}

#[test]
fn a_chip_that_measures_already_refuses_the_start_and_is_read_all_the_same() {
    let mut script = vec![pressure(), start().with_error(ABSENT)];
    script.extend(ready(0x8001));
    script.extend(output([40_000, 0x8000, 0xFFFF]));
    assert_eq!(outcomes_of(&script, 1), [Ok(vec![Some(40_000.0), Some(42.5), Some(100.0)])]);
}

#[test]
fn numbers_outside_of_the_range_are_gaps_for_that_sensor_alone() {
    let mut script = vec![pressure(), start()];
    script.extend(ready(1));
    script.extend(output([40_001, 0xFFFF, 0]));
    assert_eq!(outcomes_of(&script, 1), [Ok(vec![None, None, Some(0.0)])]);
}

#[test]
fn after_a_failure_of_the_bus_it_is_started_again_but_not_after_a_wrong_checksum() {
    let mut script = vec![pressure(), start()];
    script.extend([write(&[0xE4, 0xB8]), Transaction::read(0x62, vec![0x80, 0x00, 0x00])]);
    script.extend([write(&[0xE4, 0xB8]).with_error(ABSENT), pressure(), start()]);
    script.extend(ready(0x8000));
    let expected = [Err(NoData::Corrupt), Err(NoData::Absent), Err(NoData::NotReady)];
    assert_eq!(outcomes_of(&script, 3), expected);
}

#[test]
fn a_bus_that_fails_during_the_start_is_no_running_chip() {
    for (fault, reason) in
        [(ErrorKind::Overrun, NoData::Timeout), (ErrorKind::Bus, NoData::BusFault)]
    {
        let script = vec![pressure(), start().with_error(fault)];
        assert_eq!(outcomes_of(&script, 1), [Err(reason)]);
    }
    assert_eq!(outcomes_of(&[pressure().with_error(ABSENT)], 1), [Err(NoData::Absent)]);
}

#[test]
fn silence_starts_it_again_after_ever_longer_waits() {
    let mut script = Vec::new();
    for polls in [8, 16, 32] {
        script.extend([pressure(), start()]);
        (0..polls).for_each(|_| script.extend(ready(0x8000)));
    }
    let found = outcomes_of(&script, 56);
    assert!(found.iter().all(|outcome| outcome == &Err(NoData::NotReady)));
}

#[test]
fn it_waits_twice_as_long_as_the_last_news_took() {
    let mut vigil = Vigil::default();
    vigil.begin();
    vigil.polls = 499; // Asked a hundred times a second.
    vigil.rewarded();
    for _ in 0..997 {
        vigil.in_vain();
        assert!(!vigil.is_over());
    }
    vigil.in_vain();
    assert!(vigil.is_over());
    vigil.begin();
    vigil.rewarded();
    assert_eq!(vigil.polls_max, POLLS_MIN);
}
