//! The judge of a crash run: a pure function of what was delivered and of what was done to the gateway.
//!
//! # Terms
//!
//! * **Number** — what the device counts up, so that a line that was never stored shows.
//! * **Sequence number** — what the gateway counts up: the `seq` of a sample.
//! * **Span** — an interruption of acquisition: what was in the spool before, and when lines were read again.
//! * **Cable** — one connection to the broker.
//!
//! # Invariants
//!
//! 1. Sequence numbers have no hole, but for what the gateway says it evicted.
//! 2. Numbers have no hole but between the end of the spool before a span and the first line after it, and
//!    for what the line itself did not take. A span is good for one hole, unless it is of a kind of its own.
//! 3. After a power cut the sequence falls back no further than to what is too young to be safe.
//! 4. One identity, boot and sequence number, has one content. Numbers only rise.
//! 5. On one cable no sample comes twice, and there are two lanes at most, each in order and one wholly newer
//!    than the other.
//!
//! # Deliberately absent
//!
//! The order of arrival over several cables, as a fault: what waited is sent after what is live, and what a
//! broken cable left in doubt is sent again. It is counted.

mod cables;
mod numbers;

use std::collections::{BTreeMap, BTreeSet};

use domain::BootId;

use crate::{
    feeder::Unsent,
    record::{Arrival, Content},
};

#[cfg(test)]
mod tests;

/// How many holes a span is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holes {
    /// One, from its beginning to its end.
    One,
    /// Any number.
    Any,
}

/// An interruption of acquisition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) why: &'static str,
    /// The newest number that cannot be missing.
    pub(crate) kept: u64,
    /// The number that came next when it began.
    pub(crate) struck: u64,
    /// The number that came next when somebody listened to the line again.
    pub(crate) back: u64,
    pub(crate) holes: Holes,
}

/// What was done, and what the gateway said of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// The boots in their order, each with the newest number that was surely on the disk when it began.
    pub(crate) boots: Vec<(BootId, u64)>,
    pub(crate) spans: Vec<Span>,
    /// What the line did not take.
    pub(crate) unsent: Vec<Unsent>,
    /// How many samples the gateway says it evicted.
    pub(crate) evicted: u64,
    /// Its last word on the newest sequence number.
    pub(crate) head: Option<u64>,
    /// The last number that the device sent.
    pub(crate) last: u64,
}

/// What the judge found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    /// Different samples that were delivered.
    pub(crate) samples: u64,
    /// Samples and numbers that are missing and should not be.
    pub(crate) lost: u64,
    /// Samples that came once more, over another cable.
    pub(crate) repeated: u64,
    /// Samples that came once more over one cable, or with another content.
    pub(crate) duplicated: u64,
    /// Cables with samples out of order.
    pub(crate) reordered: u64,
    /// Samples that came after newer ones: history, and what was sent again.
    pub(crate) late: u64,
    /// What is missing for a reason.
    pub(crate) excused: BTreeMap<&'static str, u64>,
    /// Of each span that cost a number: how far back from its beginning the oldest one was.
    pub(crate) cost: BTreeMap<&'static str, Vec<u64>>,
    pub(crate) violations: Vec<String>,
}

/// The samples of one boot by sequence number.
type Samples = BTreeMap<u64, Content>;

/// Judges what arrived of the counter.
pub(crate) fn judge(arrivals: &[Arrival], known: &Known) -> Verdict {
    let mut verdict = Verdict::default();
    let boots = verdict.sort(arrivals, known);
    verdict.samples = boots.iter().map(|boot| boot.len() as u64).sum();
    verdict.look_at_cables(arrivals, known);
    verdict.count_holes(&boots, known);
    verdict.look_for_falls(&boots, known);
    verdict.compare_numbers(&boots, known);
    verdict
}

impl Verdict {
    fn excuse(&mut self, why: &'static str, count: u64) {
        if count > 0 {
            *self.excused.entry(why).or_default() += count;
        }
    }

    /// Each sample once, by boot and sequence number.
    fn sort(&mut self, arrivals: &[Arrival], known: &Known) -> Vec<Samples> {
        let mut boots = vec![Samples::new(); known.boots.len()];
        for arrival in arrivals {
            let index = known.boots.iter().position(|(boot, _)| *boot == arrival.boot);
            let Some(boot) = index.and_then(|index| boots.get_mut(index)) else {
                self.violations.push(format!("sample {} is of an unknown boot", arrival.seq));
                continue;
            };
            let newest = boot.last_key_value().map_or(0, |(seq, _)| *seq);
            match boot.insert(arrival.seq, arrival.content) {
                None => self.late += u64::from(arrival.seq < newest),
                Some(before) if before == arrival.content => self.repeated += 1,
                Some(before) => {
                    self.duplicated += 1;
                    let Arrival { seq, content, .. } = arrival;
                    self.violations
                        .push(format!("sample {seq} was {before:?} and then {content:?}"));
                }
            }
        }
        boots
    }

    /// Invariant 1.
    fn count_holes(&mut self, boots: &[Samples], known: &Known) {
        let there: BTreeSet<u64> = boots.iter().flat_map(Samples::keys).copied().collect();
        let (mut next, mut missing, mut places) = (1, 0, Vec::new());
        for seq in there.into_iter().chain(known.head.map(|head| head + 1)) {
            if seq > next {
                missing += seq - next;
                places.push(format!("{next}..{seq}"));
            }
            next = next.max(seq + 1);
        }
        let evicted = missing.min(known.evicted);
        self.excuse("evicted", evicted);
        if missing > evicted {
            self.lost += missing - evicted;
            places.truncate(8);
            let what = format!("{} samples lost: {}", missing - evicted, places.join(", "));
            self.violations.push(what);
        }
    }

    /// Invariant 3.
    fn look_for_falls(&mut self, boots: &[Samples], known: &Known) {
        for (index, (boot, (_, safe))) in boots.iter().zip(&known.boots).enumerate().skip(1) {
            let Some(first) = boot.keys().next() else { continue };
            let before = boots.iter().take(index).flat_map(|boot| boot.range(first..));
            let was_safe = |content| matches!(content, Content::Number(n) if n <= *safe);
            let given_again = before.filter(|(_, content)| was_safe(**content)).count() as u64;
            if given_again > 0 {
                self.lost += given_again;
                self.violations.push(format!(
                    "after power cut {index} the sequence fell back to {first}: {given_again} samples that \
                     were older than {safe} had to be on the disk"
                ));
            }
        }
    }
}
