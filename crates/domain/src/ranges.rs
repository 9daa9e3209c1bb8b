//! Sets of numbers that come mostly in runs.

use core::ops::{Range, RangeInclusive};
use std::collections::BTreeMap;

/// A set of numbers, kept as the runs it consists of: memory grows with the number of runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    /// First and last of each run. No two runs touch.
    runs: BTreeMap<u64, u64>,
}

impl Ranges {
    /// No numbers.
    pub const EMPTY: Self = Self { runs: BTreeMap::new() };

    /// Adds `number`; says whether it is new.
    pub fn insert(&mut self, number: u64) -> bool {
        let below = self.runs.range(..=number).next_back().map(|(&first, &last)| (first, last));
        if below.is_some_and(|(_, last)| last >= number) {
            return false;
        }
        let first = match below {
            Some((first, last)) if last + 1 == number => first,
            _ => number,
        };
        let above = number.checked_add(1).and_then(|next| self.runs.remove(&next));
        self.runs.insert(first, above.unwrap_or(number));
        true
    }

    /// Adds the numbers of `run`, as far as they are new.
    pub fn insert_all(&mut self, run: Range<u64>) {
        let Range { start, end } = run;
        if start >= end {
            return;
        }
        let (mut first, mut last) = (start, end - 1);
        // All runs that overlap or touch it become one with it.
        while let Some((&from, &to)) = self.runs.range(..=end).next_back() {
            if to.saturating_add(1) < start {
                break;
            }
            self.runs.remove(&from);
            (first, last) = (first.min(from), last.max(to));
        }
        self.runs.insert(first, last);
    }

    /// Takes out every number below `number`.
    pub fn remove_below(&mut self, number: u64) {
        let above = self.runs.split_off(&number);
        let cut = core::mem::replace(&mut self.runs, above).pop_last();
        if let Some((_, last)) = cut.filter(|&(_, last)| last >= number) {
            self.runs.insert(number, last);
        }
    }

    /// Takes out the numbers of `run`.
    pub fn remove_all(&mut self, run: Range<u64>) {
        let Range { start, end } = run;
        if start >= end {
            return;
        }
        while let Some((&first, &last)) = self.runs.range(..end).next_back() {
            if last < start {
                return;
            }
            self.runs.remove(&first);
            if last >= end {
                self.runs.insert(end, last);
            }
            if first < start {
                self.runs.insert(first, start - 1);
            }
        }
    }

    /// Adds the numbers of `other`.
    pub fn add(&mut self, other: &Self) {
        for run in other.runs() {
            self.insert_all(*run.start()..run.end().saturating_add(1));
        }
    }

    /// Takes out the numbers of `other`.
    pub fn subtract(&mut self, other: &Self) {
        for run in other.runs() {
            self.remove_all(*run.start()..run.end().saturating_add(1));
        }
    }

    /// Adds the numbers between the lowest runs until there are at most `count` runs, and no fewer
    /// than one.
    pub fn bridge(&mut self, count: usize) {
        while self.runs.len() > count.max(1) {
            let second = self.runs.iter().nth(1).map(|(&first, &last)| (first, last));
            let (Some((_, last)), Some(mut lowest)) = (second, self.runs.first_entry()) else {
                return;
            };
            *lowest.get_mut() = last;
            if let Some((first, _)) = second {
                self.runs.remove(&first);
            }
        }
    }

    /// Whether `number` is in the set.
    pub fn contains(&self, number: u64) -> bool {
        self.runs.range(..=number).next_back().is_some_and(|(_, &last)| last >= number)
    }

    /// Whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// How many numbers are in the set.
    pub fn count(&self) -> u64 {
        let length = |(first, last): (&u64, &u64)| (last - first).saturating_add(1);
        self.runs.iter().map(length).fold(0, u64::saturating_add)
    }

    /// Takes out the lowest run, if there are more than `count`.
    pub fn keep_highest(&mut self, count: usize) {
        while self.runs.len() > count {
            self.runs.pop_first();
        }
    }

    /// The runs, in order.
    pub fn runs(&self) -> impl Iterator<Item = RangeInclusive<u64>> + '_ {
        self.runs.iter().map(|(&first, &last)| first..=last)
    }

    /// The largest number in the set.
    pub fn last(&self) -> Option<u64> {
        self.runs.last_key_value().map(|(_, &last)| last)
    }

    /// The runs of numbers within `window` that are not in the set, in order.
    pub fn holes(&self, window: &RangeInclusive<u64>) -> Vec<RangeInclusive<u64>> {
        let (mut from, end) = (*window.start(), *window.end());
        let mut holes = Vec::new();
        let begins = self.runs.range(..=from).next_back().map_or(from, |(&first, _)| first);
        for (&first, &last) in self.runs.range(begins..) {
            if from > end || first > end {
                break;
            }
            if first > from {
                holes.push(from..=first - 1);
            }
            match last.checked_add(1) {
                Some(next) => from = from.max(next),
                None => return holes,
            }
        }
        if from <= end {
            holes.push(from..=end);
        }
        holes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set_and_its_holes_are_what_is_not_in_it(
            numbers in vec(0..60_u64, 0..80), start in 0..60_u64, length in 0..60_u64,
        ) {
            let (mut ranges, mut model) = (Ranges::default(), BTreeSet::new());
            for number in numbers {
                prop_assert_eq!(ranges.insert(number), model.insert(number));
            }
            prop_assert_eq!(ranges.last(), model.last().copied());
            let window = start..=start + length;
            let holes: Vec<u64> = ranges.holes(&window).into_iter().flatten().collect();
            let expected: Vec<u64> = window.filter(|n| !model.contains(n)).collect();
            prop_assert_eq!(holes, expected);
            let runs: Vec<_> = ranges.runs.iter().collect();
            prop_assert!(runs.windows(2).all(|pair| pair[0].1 + 1 < *pair[1].0), "runs touch");
        }

        #[test]
        fn whole_runs_go_in_and_what_lies_below_a_number_goes_out(
            runs in vec((0..60_u64, 0..9_u64), 0..30), below in 0..60_u64,
        ) {
            let (mut ranges, mut model) = (Ranges::default(), BTreeSet::new());
            for (start, length) in runs {
                ranges.insert_all(start..start + length);
                model.extend(start..start + length);
            }
            ranges.remove_below(below);
            model.retain(|number| *number >= below);
            let found: Vec<u64> = ranges.runs().flatten().collect();
            prop_assert_eq!(&found, &model.into_iter().collect::<Vec<_>>());
            let runs: Vec<_> = ranges.runs().collect();
            prop_assert!(runs.windows(2).all(|pair| pair[0].end() + 1 < *pair[1].start()));
            ranges.keep_highest(2);
            prop_assert_eq!(ranges.runs().collect::<Vec<_>>(), runs[runs.len().saturating_sub(2)..].to_vec());
        }
    }

    proptest! {
        #[test]
        fn whole_runs_go_out_and_bridges_close_the_lowest_holes(
            ins in vec((0..60_u64, 0..9_u64), 0..30), outs in vec((0..60_u64, 0..9_u64), 0..10),
            count in 0..5_usize,
        ) {
            let (mut ranges, mut model) = (Ranges::default(), BTreeSet::new());
            for (start, length) in ins {
                ranges.insert_all(start..start + length);
                model.extend(start..start + length);
            }
            for (start, length) in outs {
                ranges.remove_all(start..start + length);
                model.retain(|number| !(start..start + length).contains(number));
            }
            let found: BTreeSet<u64> = ranges.runs().flatten().collect();
            prop_assert_eq!(&found, &model);
            prop_assert_eq!((ranges.count(), ranges.is_empty()), (model.len() as u64, model.is_empty()));
            prop_assert!((0..70).all(|number| ranges.contains(number) == model.contains(&number)));
            let before: Vec<_> = ranges.runs().collect();
            ranges.bridge(count);
            let after: Vec<_> = ranges.runs().collect();
            prop_assert_eq!(after.len(), before.len().min(count.max(1)));
            if let Some((lowest, others)) = after.split_first() {
                prop_assert_eq!(others, &before[before.len() - others.len()..]);
                prop_assert_eq!(lowest.start(), before[0].start());
                prop_assert_eq!(lowest.end(), before[before.len() - after.len()].end());
            }
        }
    }

    proptest! {
        #[test]
        fn sets_are_added_and_subtracted(
            a in vec((0..60_u64, 0..9_u64), 0..20), b in vec((0..60_u64, 0..9_u64), 0..20),
        ) {
            let set = |runs: &[(u64, u64)]| {
                let mut set = Ranges::default();
                for &(start, length) in runs {
                    set.insert_all(start..start + length);
                }
                set
            };
            let numbers = |set: &Ranges| set.runs().flatten().collect::<BTreeSet<u64>>();
            let (one, other) = (set(&a), set(&b));
            let (mut sum, mut difference) = (one.clone(), one.clone());
            sum.add(&other);
            difference.subtract(&other);
            prop_assert_eq!(numbers(&sum), &numbers(&one) | &numbers(&other));
            prop_assert_eq!(numbers(&difference), &numbers(&one) - &numbers(&other));
        }
    }

    #[test]
    fn the_largest_number_of_all_is_a_number_like_any_other() {
        let mut ranges = Ranges::default();
        assert!(ranges.insert(u64::MAX) && ranges.insert(u64::MAX - 1));
        assert!(!ranges.insert(u64::MAX));
        assert_eq!(ranges.holes(&(u64::MAX - 3..=u64::MAX)), [u64::MAX - 3..=u64::MAX - 2]);
    }
}
