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

fn stop() -> Transaction {
    write(&[0x3F, 0x86])
}

fn recalibrate() -> Transaction {
    write(&[&[0x36, 0x2F], &framed(420)[..]].concat())
}

fn answer(word: u16) -> Transaction {
    Transaction::read(0x62, framed(word).to_vec())
}

/// Begins a recalibration to 420 ppm and goes on with it as long as it waits; then measures once.
fn calibrated(script: &[Transaction]) -> (Result<Option<f64>, NotCalibrated>, Vec<u128>) {
    let mut bus = Mock::new(script);
    let mut chip = Scd41::new(Scripted(bus.clone()), NoopDelay::new(), OPTIONS);
    let mut waits = Vec::new();
    let outcome = loop {
        match chip.calibrate("forced_recalibration", Some(420.0)) {
            Ok(Calibrating::Waits(span)) => waits.push(span.as_millis()),
            Ok(Calibrating::Done(correction)) => break Ok(correction.map(|found| found.number)),
            Err(failed) => break Err(failed),
        }
        assert_eq!(chip.measure(Duration::ZERO), Err(NoData::NotReady), "nothing is asked of it");
    };
    assert_eq!(chip.measure(Duration::ZERO), Err(NoData::NotReady), "it is started again");
    bus.done();
    (outcome, waits)
}

fn started_again() -> Vec<Transaction> {
    [vec![pressure(), start()], ready(0x8000).to_vec()].concat()
}

/// 3.8.1: the correction is the word less 0x8000, and may be of either sign.
#[test]
fn it_is_stopped_told_the_target_asked_for_the_correction_and_started_again() {
    for (word, correction) in [(0x7FCE, -50.0), (0x8000, 0.0), (0x8064, 100.0), (0xFFFE, 32_766.0)]
    {
        let script = [vec![stop(), recalibrate(), answer(word)], started_again()].concat();
        assert_eq!(calibrated(&script), (Ok(Some(correction)), vec![500, 400]));
    }
}

#[test]
fn a_recalibration_that_failed_says_why_and_the_chip_is_started_again() {
    let script = [vec![stop(), recalibrate(), answer(0xFFFF)], started_again()].concat();
    assert_eq!(calibrated(&script).0, Err(NotCalibrated::Rejected));
    let whole = [stop(), recalibrate(), answer(0x8000)];
    for struck in 0..3 {
        let mut script = whole[..=struck].to_vec();
        script[struck] = script[struck].clone().with_error(ABSENT);
        script.extend(started_again());
        let failed = Err(NotCalibrated::Failed(NoData::Absent));
        assert_eq!(calibrated(&script).0, failed, "in {struck}");
    }
    let corrupt = Transaction::read(0x62, vec![0x80, 0x00, 0x00]);
    let script = [vec![stop(), recalibrate(), corrupt], started_again()].concat();
    assert_eq!(calibrated(&script).0, Err(NotCalibrated::Failed(NoData::Corrupt)));
}

#[test]
fn a_target_or_name_that_is_not_offered_touches_nothing() {
    for (name, target) in
        [("forced_recalibration", None), ("forced_recalibration", Some(399.0)), ("x", Some(420.0))]
    {
        let mut bus = Mock::new(&[]);
        let mut chip = Scd41::new(Scripted(bus.clone()), NoopDelay::new(), OPTIONS);
        assert_eq!(chip.calibrate(name, target), Err(NotCalibrated::NoProcedure));
        bus.done();
    }
}
