//! Invariants 2 and 4: what the device counted.

use core::ops::Range;

use super::{Holes, Known, Samples, Span, Verdict};
use crate::record::Content;

/// What a gateway may miss after it has begun to listen: it drops what had waited in the line, and the first
/// line, which may be the rest of one.
const TORN_MAX: u64 = 500;

/// The spans of a run, and which hole each was used for.
struct Excuses<'a> {
    known: &'a Known,
    used: Vec<Option<u64>>,
    /// The oldest number that each excused.
    oldest: Vec<Option<u64>>,
}

impl Verdict {
    pub(super) fn compare_numbers(&mut self, boots: &[Samples], known: &Known) {
        let count = known.spans.len();
        let mut excuses = Excuses { known, used: vec![None; count], oldest: vec![None; count] };
        let (mut last, mut last_seq) = (0, 0);
        for (seq, content) in boots.iter().flatten() {
            if let Content::Number(number) = *content {
                if number <= last {
                    let what = format!("number {number} of sample {seq} comes after number {last}");
                    self.violations.push(what);
                    continue;
                }
                self.look_for_excuses(last + 1..number, hidden(last_seq, *seq), &mut excuses);
                last = number;
            }
            last_seq = *seq;
        }
        let end = known.head.map_or(last_seq, |head| head + 1);
        self.look_for_excuses(last + 1..known.last + 1, hidden(last_seq, end), &mut excuses);
        for (span, oldest) in known.spans.iter().zip(excuses.oldest) {
            if let Some(oldest) = oldest {
                self.cost.entry(span.why).or_default().push(span.struck.saturating_sub(oldest));
            }
        }
    }

    /// As many as `hidden` are missing with their samples, which are judged by themselves.
    fn look_for_excuses(&mut self, missing: Range<u64>, hidden: u64, excuses: &mut Excuses<'_>) {
        let mut unexcused = 0;
        for number in missing.clone() {
            match excuses.find(number, missing.start) {
                Some(why) => self.excuse(why, 1),
                None => unexcused += 1,
            }
        }
        if unexcused > hidden {
            let count = unexcused - hidden;
            self.lost += count;
            let what = format!("{count} of the numbers {missing:?} are missing without an excuse");
            self.violations.push(what);
        }
    }
}

/// How many samples are missing between two.
const fn hidden(last: u64, next: u64) -> u64 {
    next.saturating_sub(last).saturating_sub(1)
}

impl Excuses<'_> {
    /// Why `number`, in the hole that begins at `hole`, may be missing.
    fn find(&mut self, number: u64, hole: u64) -> Option<&'static str> {
        let unsent = self.known.unsent.iter().find(|run| (run.from..=run.to).contains(&number));
        if let Some(run) = unsent {
            return Some(run.why);
        }
        let covers = |span: &Span| span.kept < number && number <= span.back + TORN_MAX;
        let is_free = |index: usize| self.used[index].is_none_or(|used| used == hole);
        let spans = self.known.spans.iter().enumerate().filter(|(_, span)| covers(span));
        // One that is good for any number of holes is the last resort.
        let one = |(index, span): &(usize, &Span)| span.holes == Holes::One && is_free(*index);
        let any = |(_, span): &(usize, &Span)| span.holes == Holes::Any;
        let (index, span) = spans.clone().find(one).or_else(|| spans.clone().find(any))?;
        self.used[index] = Some(hole);
        self.oldest[index].get_or_insert(number);
        Some(span.why)
    }
}
