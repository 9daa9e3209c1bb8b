//! Do alarms come and go when they should, and at no other time?

mod model;

use core::time::Duration;

use super::*;
use crate::{
    NoData, Quality, Quantity, QuantityKind,
    derived::{BadMetric, Input, Made, Metric, Moment, Output, Urgency, Words},
    parameter::{Argument, Arguments},
};

const TEMPERATURE: QuantityKind = QuantityKind::Temperature;

fn make(function: &str, kinds: &[QuantityKind], given: &[(&'static str, Argument)]) -> Made {
    let entry = ENTRIES.iter().find(|entry| entry.function == function).unwrap();
    (entry.make)(kinds, &Arguments::new(entry.parameters, given.iter().cloned()).unwrap())
}

fn limit(limit: f64, hysteresis: f64) -> [(&'static str, Argument); 2] {
    [("limit", Argument::Number(limit)), ("hysteresis", Argument::Number(hysteresis))]
}

fn seconds(seconds: i64) -> Moment {
    Moment::from_nanos(seconds * 1_000_000_000)
}

fn input(outcome: Result<f64, NoData>) -> Input {
    let quantity = |number| TEMPERATURE.quantity(number).unwrap();
    Input { outcome: outcome.map(quantity), quality: Quality::Good }
}

/// The code of the state that an output is.
fn code(quantity: Quantity) -> u8 {
    assert_eq!(quantity.kind(), QuantityKind::AlarmState);
    let is_it = |&code: &u8| (f64::from(code) - quantity.number()).abs() < 1e-9;
    AlarmState::ALL.map(AlarmState::code).into_iter().find(is_it).unwrap()
}

/// An alarm on temperatures, and what it has told.
struct Site {
    metric: Box<dyn Metric>,
    now: i64,
}

impl Site {
    fn new(function: &str, given: &[(&'static str, Argument)]) -> Self {
        let kinds = if function == "alarm_deviation" { 2 } else { 1 };
        Self { metric: make(function, &vec![TEMPERATURE; kinds], given).unwrap().1, now: 0 }
    }

    /// A second later; the state or gap that is told, if one is.
    fn at(&mut self, inputs: &[Result<f64, NoData>]) -> Option<Result<u8, NoData>> {
        self.now += 1;
        let inputs: Vec<_> = inputs.iter().copied().map(input).collect();
        let mut out = Vec::new();
        self.metric.next(seconds(self.now), &inputs, &mut out);
        self.told(&out)
    }

    fn told(&self, out: &[Output]) -> Option<Result<u8, NoData>> {
        assert!(out.len() <= 1 && out.iter().all(|output| output.at == seconds(self.now)));
        out.first().map(|output| output.outcome.map(code))
    }

    fn all(&mut self, numbers: &[f64]) -> Vec<Option<u8>> {
        numbers.iter().map(|&number| self.at(&[Ok(number)]).map(Result::unwrap)).collect()
    }

    fn acknowledge(&mut self) -> (bool, Option<Result<u8, NoData>>) {
        self.now += 1;
        let mut out = Vec::new();
        let is_new = self.metric.acknowledge(seconds(self.now), &mut out);
        (is_new, self.told(&out))
    }
}

#[test]
fn a_high_alarm_is_above_the_limit_and_over_at_the_limit_less_the_hysteresis() {
    let mut alarm = Site::new("alarm_high", &limit(30.0, 2.0));
    let told = alarm.all(&[30.0, 30.1, 30.0, 28.1, 28.0, 29.0, 30.0, 30.1]);
    assert_eq!(told, [Some(0), Some(1), None, None, Some(0), None, None, Some(1)]);
}

#[test]
fn a_low_alarm_is_below_the_limit_and_over_at_the_limit_plus_the_hysteresis() {
    let mut alarm = Site::new("alarm_low", &limit(5.0, 2.0));
    let told = alarm.all(&[5.0, 4.9, 5.0, 6.9, 7.0, 6.0, 5.0, 4.9]);
    assert_eq!(told, [Some(0), Some(1), None, None, Some(0), None, None, Some(1)]);
}

#[test]
fn without_hysteresis_chatter_is_told_as_it_is() {
    let mut alarm = Site::new("alarm_high", &limit(30.0, 0.0));
    assert_eq!(alarm.all(&[30.1, 30.0, 30.1, 30.0]), [Some(1), Some(0), Some(1), Some(0)]);
}

#[test]
fn two_that_should_agree_are_watched_for_their_distance_either_way() {
    let mut alarm = Site::new("alarm_deviation", &limit(2.0, 1.0));
    let mut told = |one, other| alarm.at(&[one, other]);
    assert_eq!(told(Ok(20.0), Ok(22.0)), Some(Ok(0)));
    assert_eq!(told(Ok(20.0), Ok(22.5)), Some(Ok(1)));
    assert_eq!(told(Ok(23.0), Ok(21.5)), None);
    assert_eq!(told(Ok(22.5), Ok(21.5)), Some(Ok(0)));
    assert_eq!(told(Err(NoData::Timeout), Err(NoData::Absent)), Some(Err(NoData::Timeout)));
    assert_eq!(told(Ok(22.5), Err(NoData::Absent)), None, "the gap is told once");
}

#[test]
fn an_alarm_waits_for_its_delays_and_an_interruption_begins_them_anew() {
    let delays = [("on_delay", 3), ("off_delay", 2)]
        .map(|(name, seconds)| (name, Argument::Duration(Duration::from_secs(seconds))));
    let mut alarm = Site::new("alarm_high", &[&limit(30.0, 2.0)[..], &delays].concat());
    let told = alarm.all(&[31.0, 31.0, 30.0, 31.0, 31.0, 31.0, 31.0]);
    assert_eq!(told, [Some(0), None, None, None, None, None, Some(1)]);
    assert_eq!(alarm.all(&[28.0, 28.5, 28.0, 28.0, 28.0]), [None, None, None, None, Some(0)]);
}

#[test]
fn delays_stand_still_in_a_gap_and_the_state_is_told_again_after_it() {
    let delay = ("on_delay", Argument::Duration(Duration::from_secs(2)));
    let mut alarm = Site::new("alarm_high", &[&limit(30.0, 2.0)[..], &[delay]].concat());
    assert_eq!(alarm.all(&[31.0, 31.0]), [Some(0), None], "one second has passed");
    assert_eq!(alarm.at(&[Err(NoData::Absent)]), Some(Err(NoData::Absent)));
    assert_eq!(alarm.at(&[Err(NoData::BusFault)]), None);
    assert_eq!(alarm.all(&[31.0, 31.0]), [Some(0), Some(1)]);
}

#[test]
fn an_alarm_without_latch_goes_by_itself_acknowledged_or_not() {
    let mut alarm = Site::new("alarm_high", &limit(30.0, 0.0));
    assert_eq!(alarm.all(&[20.0, 31.0, 20.0, 31.0]), [Some(0), Some(1), Some(0), Some(1)]);
    assert_eq!(alarm.acknowledge(), (true, Some(Ok(2))));
    assert_eq!(alarm.acknowledge(), (false, None));
    assert_eq!(alarm.all(&[31.0, 20.0]), [None, Some(0)]);
    assert_eq!(alarm.acknowledge(), (false, None));
}

#[test]
fn an_alarm_with_latch_stays_until_somebody_has_taken_note() {
    let latch = ("latch", Argument::Flag(true));
    let mut alarm = Site::new("alarm_high", &[&limit(30.0, 0.0)[..], &[latch]].concat());
    assert_eq!(alarm.all(&[31.0, 20.0, 31.0, 20.0]), [Some(1), Some(3), Some(1), Some(3)]);
    assert_eq!(alarm.acknowledge(), (true, Some(Ok(0))));
    assert_eq!(alarm.all(&[20.0, 31.0]), [None, Some(1)]);
    assert_eq!(alarm.acknowledge(), (true, Some(Ok(2))));
    assert_eq!(alarm.all(&[20.0]), [Some(0)]);
}

#[test]
fn what_is_acknowledged_in_a_gap_is_told_after_it() {
    let mut alarm = Site::new("alarm_high", &limit(30.0, 0.0));
    assert_eq!(alarm.all(&[31.0]), [Some(1)]);
    assert_eq!(alarm.at(&[Err(NoData::Absent)]), Some(Err(NoData::Absent)));
    assert_eq!(alarm.acknowledge(), (true, None));
    assert_eq!(alarm.all(&[31.0]), [Some(2)]);
}

#[test]
fn a_rate_alarm_looks_at_the_direction_it_is_told_to() {
    let given = |direction| {
        let span = ("span", Argument::Duration(Duration::from_secs(2)));
        [("limit", Argument::Number(30.0)), ("per", Argument::Choice("min")), span, direction]
    };
    let rising: Vec<_> = (0..20_i32).map(f64::from).collect();
    let falling: Vec<_> = rising.iter().map(|number| -number).collect();
    for (word, comes) in [("either", [1, 1]), ("rising", [1, 0]), ("falling", [0, 1])] {
        let last = |numbers: &[f64]| {
            let direction = ("direction", Argument::Choice(word));
            let told = Site::new("alarm_rate", &given(direction)).all(numbers);
            told.into_iter().flatten().last().unwrap()
        };
        assert_eq!([last(&rising), last(&falling)], comes, "{word}");
    }
}

#[test]
fn the_slope_of_a_ramp_is_exact_for_any_sampling_and_begins_at_zero() {
    let mut slope = Slope::new(Duration::from_secs(10));
    let mut at = 0.0_f64;
    for step in [0.1, 7.0, 0.001, 3.3, 20.0, 0.5] {
        let start = slope.next(moment(at), 5.0 - 2.0 * at);
        assert!((start + 2.0 * (1.0 - (-at / 10.0).exp())).abs() < 1e-9, "{start} at {at} s");
        at += step;
    }
    let before = slope.next(moment(at), 0.0);
    let same = slope.next(moment(at), 1e9);
    assert_eq!(before.to_bits(), same.to_bits(), "equal times have no slope");
}

fn moment(seconds: f64) -> Moment {
    #[expect(clippy::cast_possible_truncation, reason = "times of tests are short")]
    Moment::from_nanos((seconds * 1e9).round() as i64)
}

#[test]
fn the_worst_quality_of_the_inputs_is_that_of_the_alarm() {
    let mut out = Vec::new();
    let mut alarm = Site::new("alarm_deviation", &limit(2.0, 0.0));
    let inputs = [input(Ok(1.0)), Input { quality: Quality::Uncertain, ..input(Ok(1.0)) }];
    alarm.metric.next(seconds(1), &inputs, &mut out);
    assert_eq!(out[0].quality, Quality::Uncertain);
}

#[test]
fn the_pipeline_learns_how_urgent_an_alarm_is() {
    for (word, urgency) in
        [("low", Urgency::Low), ("high", Urgency::High), ("critical", Urgency::Critical)]
    {
        let priority = ("priority", Argument::Choice(word));
        let given = [&limit(30.0, 0.0)[..], &[priority]].concat();
        assert_eq!(Site::new("alarm_low", &given).metric.urgency(), Some(urgency));
    }
    assert_eq!(Site::new("alarm_low", &limit(1.0, 0.0)).metric.urgency(), Some(Urgency::High));
}

#[test]
fn an_alarm_that_could_never_come_or_never_go_is_refused() {
    let humidity = [QuantityKind::RelativeHumidity];
    let unfit = |made: Made| match made {
        Err(BadMetric::Unfit { parameter, .. }) => parameter,
        _ => panic!("this was made"),
    };
    assert_eq!(unfit(make("alarm_high", &humidity, &limit(110.0, 0.0))), "limit");
    assert_eq!(unfit(make("alarm_high", &humidity, &limit(5.0, 6.0))), "hysteresis");
    assert_eq!(unfit(make("alarm_low", &humidity, &limit(95.0, 6.0))), "hysteresis");
    assert_eq!(unfit(make("alarm_rate", &humidity, &limit(5.0, 6.0))), "hysteresis");
    let both = [TEMPERATURE, QuantityKind::Pressure];
    assert_eq!(unfit(make("alarm_deviation", &both, &limit(5.0, 0.0))), "other");
    assert!(make("alarm_low", &humidity, &limit(95.0, 5.0)).is_ok());
}

#[test]
fn words_that_are_no_state_change_nothing() {
    let given = limit(30.0, 0.0);
    let mut words = Vec::new();
    let mut alarm = Site::new("alarm_high", &given);
    alarm.all(&[31.0]);
    alarm.metric.save(&mut words);
    for length in 0..words.len() {
        assert_eq!(alarm.metric.restore(&mut Words::new(&words[..length])), None);
    }
    assert_eq!(alarm.metric.restore(&mut Words::new(&[1, 4, 0, 0, 0])), None, "no such state");
    assert_eq!(alarm.metric.restore(&mut Words::new(&[3, 0, 0, 0, 0])), None, "nothing like it");
    assert_eq!(alarm.all(&[31.0, 20.0]), [None, Some(0)]);
}
