//! Alarms against a dull model that looks back through the whole history.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Event {
    Value(f64),
    Gap(NoData),
    Acknowledge,
}

/// What has happened, by the second.
type History = Vec<(i64, Event)>;

fn histories() -> impl Strategy<Value = History> {
    let event = prop_oneof![
        10 => (0..12_i32).prop_map(|n| Event::Value(f64::from(n) / 2.0)),
        1 => Just(Event::Gap(NoData::Absent)),
        1 => Just(Event::Gap(NoData::Timeout)),
        1 => Just(Event::Acknowledge),
    ];
    proptest::collection::vec((0..4_i64, event), 0..100).prop_map(|events| {
        let mut now = 0;
        let at = |(step, event)| {
            now += step;
            (now, event)
        };
        events.into_iter().map(at).collect()
    })
}

/// For how long, by the last of `history`, every value has been so; none if the last is not.
///
/// Only spans between values that no gap parts count.
fn lasted(history: &[(i64, Event)], is_so: impl Fn(f64) -> bool) -> Option<i64> {
    let is_other = |(_, event): &(i64, Event)| matches!(event, Event::Value(n) if !is_so(*n));
    let begin = history.iter().rposition(is_other).map_or(0, |other| other + 1);
    let told: Vec<_> =
        history[begin..].iter().filter(|(_, event)| !matches!(event, Event::Acknowledge)).collect();
    matches!(told.last()?, (_, Event::Value(_))).then_some(())?;
    let spans = told.windows(2).map(|pair| match pair {
        [(from, Event::Value(_)), (to, Event::Value(_))] => to - from,
        _ => 0,
    });
    Some(spans.sum())
}

/// A limit of 3 with hysteresis 1.
struct Rule {
    on_delay: i64,
    off_delay: i64,
    latch: bool,
}

impl Rule {
    fn metric(&self) -> Box<dyn Metric> {
        let seconds =
            |seconds: i64| Argument::Duration(Duration::from_secs(seconds.unsigned_abs()));
        let given = [
            ("limit", Argument::Number(3.0)),
            ("hysteresis", Argument::Number(1.0)),
            ("on_delay", seconds(self.on_delay)),
            ("off_delay", seconds(self.off_delay)),
            ("latch", Argument::Flag(self.latch)),
        ];
        make("alarm_high", &[TEMPERATURE], &given).unwrap().1
    }

    /// The state after each event, by looking back to the last change.
    fn states(&self, history: &History) -> Vec<u8> {
        let (mut state, mut since, mut states) = (0, 0, Vec::new());
        for end in 1..=history.len() {
            let is_acknowledged = matches!(history[end - 1].1, Event::Acknowledge);
            // An acknowledgement is no change of what is wrong, so delays do not begin anew.
            let due =
                lasted(&history[since..end], |n| n > 3.0).is_some_and(|it| it >= self.on_delay);
            let past =
                lasted(&history[since..end], |n| n <= 2.0).is_some_and(|it| it >= self.off_delay);
            let next = match state {
                1 if is_acknowledged => 2,
                3 if is_acknowledged => 0,
                _ if is_acknowledged => state,
                0 | 3 if due => 1,
                1 if past && self.latch => 3,
                1 | 2 if past => 0,
                _ => state,
            };
            if next != state && !is_acknowledged {
                since = end;
            }
            state = next;
            states.push(state);
        }
        states
    }
}

fn rules() -> impl Strategy<Value = Rule> {
    (0..6_i64, 0..6_i64, any::<bool>()).prop_map(|(on_delay, off_delay, latch)| Rule {
        on_delay,
        off_delay,
        latch,
    })
}

impl core::fmt::Debug for Rule {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "on {} s, off {} s, latch {}", self.on_delay, self.off_delay, self.latch)
    }
}

/// What is told after each event.
fn told(metric: &mut dyn Metric, history: &[(i64, Event)]) -> Vec<Option<Result<u8, NoData>>> {
    let tell = |&(at, event): &(i64, Event)| {
        let mut out = Vec::new();
        match event {
            Event::Value(number) => metric.next(seconds(at), &[input(Ok(number))], &mut out),
            Event::Gap(reason) => metric.next(seconds(at), &[input(Err(reason))], &mut out),
            Event::Acknowledge => {
                metric.acknowledge(seconds(at), &mut out);
            }
        }
        assert!(out.len() <= 1);
        out.first().map(|output| output.outcome.map(code))
    };
    history.iter().map(tell).collect()
}

proptest! {
    #[test]
    fn an_alarm_is_what_looking_back_says(rule in rules(), history in histories()) {
        let states = rule.states(&history);
        let (mut last, mut expected) = (None, Vec::new());
        for (&state, (_, event)) in states.iter().zip(&history) {
            let says = match event {
                Event::Value(_) => Some(Ok(state)),
                Event::Gap(_) if last.is_some_and(|it: Result<_, _>| it.is_err()) => last,
                Event::Gap(reason) => Some(Err(*reason)),
                // In a gap, and before the first value, nothing is told of it.
                Event::Acknowledge if last.is_some_and(|it| it.is_ok()) => Some(Ok(state)),
                Event::Acknowledge => last,
            };
            expected.push(if says == last { None } else { says });
            last = says;
        }
        prop_assert_eq!(told(rule.metric().as_mut(), &history), expected);
    }

    #[test]
    fn a_restart_in_the_middle_changes_nothing(
        rule in rules(), history in histories(), cut in 0..100_usize,
    ) {
        let expected = told(rule.metric().as_mut(), &history);
        let (first, second) = history.split_at(cut.min(history.len()));
        let (mut before, mut after, mut words) = (rule.metric(), rule.metric(), Vec::new());
        let mut found = told(before.as_mut(), first);
        before.save(&mut words);
        let mut read = Words::new(&words);
        prop_assert!(after.restore(&mut read).is_some() && read.is_over());
        found.extend(told(after.as_mut(), second));
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn between_two_changes_the_value_swings_by_more_than_the_hysteresis(
        numbers in proptest::collection::vec(25.0..35.0_f64, 1..200), hysteresis in 0.0..6.0_f64,
    ) {
        let mut alarm = Site::new("alarm_high", &limit(30.0, hysteresis));
        let told = alarm.all(&numbers);
        let changes: Vec<_> =
            numbers.iter().zip(told).filter_map(|(number, state)| Some((number, state?))).collect();
        for pair in changes.windows(2).skip(usize::from(changes[0].1 == 0)) {
            prop_assert!((pair[1].0 - pair[0].0).abs() > hysteresis - 1e-9, "{:?}", pair);
        }
    }

    #[test]
    fn a_rate_alarm_survives_any_numbers_and_a_restart_bit_for_bit(
        numbers in proptest::collection::vec((0..3_i64, -1e300..1e300_f64), 1..50), cut in 0..50_usize,
    ) {
        let make = || make("alarm_rate", &[QuantityKind::Dimensionless], &limit(5.0, 1.0)).unwrap().1;
        let mut now = 0;
        let inputs: Vec<_> = numbers.iter().map(|&(step, number)| {
            now += step;
            let quantity = QuantityKind::Dimensionless.quantity(number).unwrap();
            (seconds(now), Input { outcome: Ok(quantity), quality: Quality::Good })
        }).collect();
        let (mut whole, mut before, mut after) = (make(), make(), make());
        let (mut expected, mut found, mut words, mut end) = (vec![], vec![], vec![], vec![]);
        for (i, (at, input)) in inputs.iter().enumerate() {
            if i == cut.min(inputs.len() - 1) {
                before.save(&mut words);
                after.restore(&mut Words::new(&words)).unwrap();
                core::mem::swap(&mut before, &mut after);
            }
            whole.next(*at, &[*input], &mut expected);
            before.next(*at, &[*input], &mut found);
        }
        prop_assert_eq!(&found, &expected);
        words.clear();
        whole.save(&mut words);
        before.save(&mut end);
        prop_assert_eq!(words, end);
    }
}
