//! What a run found, for people and for programs.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use serde_json::{Value, json};

use crate::{schedule::Fault, verify::Verdict};

#[cfg(test)]
mod tests;

/// How many violations are written out.
const SHOWN_MAX: usize = 20;

/// A run that has ended.
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) rounds: u32,
    pub(crate) took: Duration,
    pub(crate) counts: BTreeMap<Fault, u64>,
    /// The faults that this machine did not allow.
    pub(crate) left_out: Vec<Fault>,
    pub(crate) verdict: Verdict,
}

impl Report {
    /// Whether the contract was kept.
    pub(crate) fn is_clean(&self) -> bool {
        self.verdict.violations.is_empty()
    }

    /// As a table.
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "\ncrash run: seed {}, {} rounds in {} s\n\n  {:<16}{:>7}\n",
            self.seed,
            self.rounds,
            self.took.as_secs(),
            "fault",
            "times"
        );
        for (fault, count) in &self.counts {
            let _never_fails = writeln!(text, "  {:<16}{count:>7}", fault.name());
        }
        for fault in &self.left_out {
            let _never_fails = writeln!(text, "  {:<16}{:>7}", fault.name(), "left out");
        }
        text + &self.findings() + &self.judgement()
    }

    fn findings(&self) -> String {
        let found = &self.verdict;
        let mut text = String::from("\n");
        for (what, count) in [
            ("samples delivered", found.samples),
            ("lost", found.lost),
            ("duplicated", found.duplicated),
            ("reordered", found.reordered),
            ("sent again after a break, as is allowed", found.repeated),
            ("late, as is allowed: history, or sent again", found.late),
        ] {
            let _never_fails = writeln!(text, "  {count:>9}  {what}");
        }
        for (why, count) in &found.excused {
            let _never_fails = writeln!(text, "  {count:>9}  excused: {why}");
        }
        for (why, costs) in &found.cost {
            let (half, most) = middle_and_most(costs);
            let _never_fails = writeln!(
                text,
                "  {half:>4}/{most:>4}  numbers (ms) before a {why} that it cost: half of those that did, most"
            );
        }
        text
    }

    fn judgement(&self) -> String {
        let violations = &self.verdict.violations;
        if self.is_clean() {
            return "\nverdict: KEPT, no violation of the contract\n".to_owned();
        }
        let mut text = String::from("\n");
        for violation in violations.iter().take(SHOWN_MAX) {
            let _never_fails = writeln!(text, "  VIOLATION: {violation}");
        }
        let more = violations.len().saturating_sub(SHOWN_MAX);
        if more > 0 {
            let _never_fails = writeln!(text, "  and {more} more");
        }
        text + "\nverdict: BROKEN\n"
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let counts: BTreeMap<_, _> = self.counts.iter().map(|(f, c)| (f.name(), c)).collect();
        let left_out: Vec<_> = self.left_out.iter().map(|fault| fault.name()).collect();
        let found = &self.verdict;
        let most = found.cost.iter().map(|(why, costs)| (*why, middle_and_most(costs).1));
        json!({
            "seed": self.seed,
            "rounds": self.rounds,
            "seconds": self.took.as_secs(),
            "faults": counts,
            "left_out": left_out,
            "samples": found.samples,
            "lost": found.lost,
            "duplicated": found.duplicated,
            "reordered": found.reordered,
            "repeated": found.repeated,
            "late": found.late,
            "excused": found.excused,
            "cost_max": most.collect::<BTreeMap<_, _>>(),
            "violations": found.violations,
        })
    }
}

fn middle_and_most(numbers: &[u64]) -> (u64, u64) {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    let at = |index: usize| sorted.get(index).copied().unwrap_or(0);
    (at(sorted.len() / 2), at(sorted.len().saturating_sub(1)))
}
