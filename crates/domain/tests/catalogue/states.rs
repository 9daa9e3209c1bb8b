//! States that are saved, and what is offered in their place.

use domain::derived::{Metric, Words};

use crate::{
    bits,
    cases::{Case, cases},
    samples::{Random, Sample, samples},
};

/// A state is saved and restored after each so many samples.
const EVERY: usize = 173;

fn saved(metric: &dyn Metric) -> Vec<u64> {
    let mut words = Vec::new();
    metric.save(&mut words);
    words
}

#[test]
fn a_metric_that_is_saved_and_restored_goes_on_bit_for_bit() {
    for case in cases() {
        let ((_, mut whole), (_, mut parted)) = (case.make(), case.make());
        let (mut expected, mut found) = (Vec::new(), Vec::new());
        let samples = samples(&case.kinds, 2);
        for (place, &Sample { at, ref inputs }) in samples.iter().enumerate() {
            if place.is_multiple_of(EVERY) {
                let words = saved(parted.as_ref());
                let mut words = Words::new(&words);
                parted = case.make().1;
                // Whether it is a new one, or what it was before, makes no difference.
                let before = if place.is_multiple_of(2) { place / 2..place } else { 0..0 };
                for Sample { at, inputs } in &samples[before] {
                    parted.next(*at, inputs, &mut Vec::new());
                }
                assert_eq!(parted.restore(&mut words), Some(()), "{case:?} at {place}");
                assert!(words.is_over(), "{case:?} at {place}: not all words are read");
            }
            whole.next(at, inputs, &mut expected);
            parted.next(at, inputs, &mut found);
        }
        assert_eq!(bits(&found), bits(&expected), "{case:?}");
    }
}

/// Whether the metric takes the words, and that it goes on with `samples` in any case.
fn takes(case: &Case, metric: &mut dyn Metric, words: &[u64], samples: &[Sample]) -> bool {
    let is_taken = metric.restore(&mut Words::new(words)).is_some();
    let mut out = Vec::new();
    for Sample { at, inputs } in samples {
        metric.next(*at, inputs, &mut out);
    }
    let mut numbers = out.iter().filter_map(|output| output.outcome.ok());
    assert!(numbers.all(|quantity| quantity.number().is_finite()), "{case:?}: {words:?}");
    is_taken
}

fn junk(random: &mut Random) -> u64 {
    match random.below(8) {
        0 => u64::MAX,
        1 => 1 << 63,
        2 => f64::NAN.to_bits(),
        3 => f64::INFINITY.to_bits(),
        4 => f64::to_bits(-1e300),
        5 => random.below(1 << 31) << 33 | random.below(1 << 31),
        _ => random.below(12),
    }
}

#[test]
fn words_that_are_no_state_never_panic_and_the_metric_goes_on() {
    let mut random = Random(3);
    for case in cases() {
        let samples = samples(&case.kinds, 4);
        let (before, after) = samples.split_at(700);
        let (_, mut metric) = case.make();
        for Sample { at, inputs } in before {
            metric.next(*at, inputs, &mut Vec::new());
        }
        let words = saved(metric.as_ref());
        for _ in 0..12 {
            let count = usize::try_from(random.below(24)).unwrap();
            let garbage: Vec<_> = (0..count).map(|_| junk(&mut random)).collect();
            takes(&case, metric.as_mut(), &garbage, &after[..40]);
        }
        for _ in 0..12.min(words.len()) {
            let end = usize::try_from(random.below(words.len() as u64)).unwrap();
            let is_taken = takes(&case, metric.as_mut(), &words[..end], &after[..40]);
            assert!(!is_taken, "{case:?}: {end} of {} words", words.len());
            let mut bent = words.clone();
            bent[end] = junk(&mut random);
            takes(&case, metric.as_mut(), &bent, &after[..120]);
        }
        assert!(takes(&case, metric.as_mut(), &words, &after[..40]), "{case:?}: its own state");
    }
}
