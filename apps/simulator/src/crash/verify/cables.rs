//! Invariant 5: what went over one cable.

use core::ops::Bound::{Excluded, Unbounded};
use std::collections::{BTreeMap, BTreeSet};

use super::{Known, Verdict};
use crate::record::Arrival;

/// The age of a sample: the how manieth boot, and its number.
type Age = (usize, u64);

impl Verdict {
    pub(super) fn look_at_cables(&mut self, arrivals: &[Arrival], known: &Known) {
        let mut cables = BTreeMap::<u32, Vec<(u32, Age)>>::new();
        for arrival in arrivals {
            let boot = known.boots.iter().position(|(boot, _)| *boot == arrival.boot);
            let Some(boot) = boot else { continue };
            let (cable, message) = arrival.place;
            cables.entry(cable).or_default().push((message, (boot, arrival.seq)));
        }
        for (cable, mut samples) in cables {
            // By message; within one they are as they were.
            samples.sort_by_key(|(message, _)| *message);
            let ages: Vec<_> = samples.into_iter().map(|(_, age)| age).collect();
            self.look_at_cable(cable, &ages);
        }
    }

    fn look_at_cable(&mut self, cable: u32, ages: &[Age]) {
        let twice = ages.len() - ages.iter().collect::<BTreeSet<_>>().len();
        if twice > 0 {
            self.duplicated += twice as u64;
            self.violations.push(format!("{twice} samples came twice over cable {cable}"));
        }
        if let Some(age) = third_lane(ages) {
            self.reordered += 1;
            let what =
                format!("on cable {cable} sample {} of boot {} is out of order", age.1, age.0);
            self.violations.push(what);
        }
    }
}

/// The first sample that fits into neither of two lanes, of which one is wholly newer than the other.
///
/// Whatever comes after something newer is of the older lane, and the newer one is of the newer lane: there
/// must be a border between all of those.
fn third_lane(ages: &[Age]) -> Option<Age> {
    let (mut seen, mut older, mut newer) = (BTreeSet::new(), None, None);
    for &age in ages {
        if let Some(&above) = seen.range((Excluded(age), Unbounded)).next() {
            older = older.max(Some(age));
            newer = Some(newer.map_or(above, |newer: Age| newer.min(above)));
            if older >= newer {
                return Some(age);
            }
        }
        seen.insert(age);
    }
    None
}
