use std::collections::BTreeMap;

use super::*;

fn rounds(seed: u64, count: usize) -> Vec<Round> {
    Schedule::new(seed, |_| true).take(count).collect()
}

#[test]
fn the_same_seed_gives_the_same_rounds_and_another_one_others() {
    assert_eq!(rounds(7, 200), rounds(7, 200));
    assert_ne!(rounds(7, 20), rounds(8, 20));
}

#[test]
fn each_fault_comes_once_before_any_comes_again() {
    for seed in 0..50 {
        let mut first: Vec<_> = rounds(seed, Fault::ALL.len()).iter().map(|r| r.fault).collect();
        first.sort_unstable();
        assert_eq!(first, Fault::ALL.map(|(fault, ..)| fault));
    }
}

#[test]
fn half_of_all_faults_are_kills_and_an_eighth_are_power_cuts() {
    let mut counts = BTreeMap::<_, u32>::new();
    for round in rounds(1, 10_000) {
        *counts.entry(round.fault).or_default() += 1;
    }
    assert!((4_900..5_500).contains(&counts[&Fault::Kill]), "{counts:?}");
    assert!((1_150..1_450).contains(&counts[&Fault::PowerCut]), "{counts:?}");
}

#[test]
fn what_is_not_possible_does_not_come() {
    let mut without = Schedule::new(3, |fault| fault != Fault::PowerCut);
    assert!(without.all_differ_from(Fault::PowerCut, 1_000));
}

impl Schedule {
    fn all_differ_from(&mut self, fault: Fault, count: usize) -> bool {
        self.take(count).all(|round| round.fault != fault)
    }
}

#[test]
fn only_what_can_last_lasts() {
    for round in rounds(5, 1_000) {
        assert!(round.rounds == 0 || round.fault.lasts(), "{round:?}");
        assert!(
            round.wait >= Duration::from_millis(200) && round.wait < Duration::from_millis(1_500)
        );
    }
}
