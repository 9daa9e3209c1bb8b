//! The account of a run: for each stream, expected = delivered + counted gaps.
//!
//! # What is expected
//!
//! * Of a device that is **asked**: a slot each period, from the first sample's time to the order to
//!   stop. The first must have been heard within a period and [`START_MAX`] of the start. One slot more
//!   or less at the end is no offence: it may be on its way when the order comes.
//! * Of a device that **speaks**: a value for each frame that the simulated device sent, but for those
//!   that a fault may have spoilt; the two under way at the ends are no offence.
//!
//! # What is counted
//!
//! Each value and each gap that arrived. A gap `missed` stands for a run of slots, so those are taken
//! from the device's count of missed slots in the gateway's last word instead, and so are slots shed.
//!
//! # Deliberately absent
//!
//! Derived metrics: a value or gap of each follows from that of its inputs.

use core::fmt;
use std::{collections::BTreeMap, time::Duration};

use domain::{NoData, WallTime};

use crate::{
    recorder::{Heard, Record},
    world::{Pace, Sent},
};

/// How long after its start the gateway may ask a device for the first time, besides its phase.
const START_MAX: Duration = Duration::from_secs(5);
/// Frames of a device that speaks which may be under way at the start and the end.
const UNDER_WAY: u64 = 2;
/// Frames that a pulled plug may cost: the one being sent, and one that nobody had read.
const COST_OF_A_PULL: u64 = 2;

/// When the run began and when it was ordered to stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) from: WallTime,
    pub(crate) to: WallTime,
}

/// The account of one stream.
#[derive(Debug)]
struct Row {
    stream: String,
    expected: u64,
    values: u64,
    gaps: BTreeMap<NoData, u64>,
    /// Slots missed or shed, or frames spoilt.
    counted: u64,
    /// Expected but not found; less than 0: found but not expected.
    difference: i128,
    unexplained: u128,
}

/// The account of all streams.
#[derive(Debug)]
pub(crate) struct Account {
    rows: Vec<Row>,
    /// Devices of which nothing was heard.
    silent: Vec<String>,
}

impl Account {
    /// The account of `record`. `pulls`: how often each device was unplugged.
    pub(crate) fn of(
        record: &Record,
        paces: &BTreeMap<String, Pace>,
        pulls: &BTreeMap<String, u64>,
        run: Run,
    ) -> Self {
        let (mut rows, mut silent) = (Vec::new(), Vec::new());
        for (device, pace) in paces {
            let head = format!("{device}.");
            let of_device = record.streams.iter().filter(|(name, _)| name.starts_with(&head));
            let status = record.status.as_ref().and_then(|status| status.devices.get(device));
            let skipped = status.map_or(0, |status| status.missed + status.shed);
            let before = rows.len();
            for (name, heard) in of_device {
                rows.push(match pace {
                    Pace::Asked(period) => Row::asked(name, heard, *period, skipped, run),
                    Pace::Spoken(sent) => {
                        Row::spoken(name, heard, sent, pulls.get(device).copied().unwrap_or(0))
                    }
                });
            }
            if rows.len() == before {
                silent.push(device.clone());
            }
        }
        Self { rows, silent }
    }

    /// Whether nothing is unexplained.
    pub(crate) fn is_even(&self) -> bool {
        self.silent.is_empty() && self.unexplained() == 0
    }

    fn unexplained(&self) -> u128 {
        self.rows.iter().map(|row| row.unexplained).sum()
    }
}

impl Row {
    fn asked(name: &str, heard: &Heard, period: Duration, skipped: u64, run: Run) -> Self {
        let period = i128::try_from(period.as_nanos()).unwrap_or(i128::MAX).max(1);
        let first = heard.first.unwrap_or(run.to);
        let since =
            |from: WallTime, to: WallTime| i128::from(to.as_nanos()) - i128::from(from.as_nanos());
        let expected = (since(first, run.to) / period + 1).max(0);
        // Slots before the first sample, as far as the start does not excuse them.
        let start_max = i128::try_from(START_MAX.as_nanos()).unwrap_or(0);
        let late = (since(run.from, first) - period - start_max).max(0) / period;
        let values_and_gaps = heard.values + heard.gaps_total()
            - heard.gaps_for(NoData::Missed)
            - heard.gaps_for(NoData::Shed);
        let found = i128::from(values_and_gaps) + i128::from(skipped);
        let difference = expected - found;
        let unexplained = difference.unsigned_abs().saturating_sub(1) + late.unsigned_abs();
        Self {
            stream: name.to_owned(),
            expected: u64::try_from(expected).unwrap_or(u64::MAX),
            values: heard.values,
            gaps: heard.gaps.clone(),
            counted: skipped,
            difference,
            unexplained,
        }
    }

    fn spoken(name: &str, heard: &Heard, sent: &Sent, pulls: u64) -> Self {
        let played = sent.player.now();
        let expected = played.frames_sent + played.frames_cut;
        let spoilt = sent.noise.spoilt() + played.frames_cut + COST_OF_A_PULL * pulls;
        let least = expected.saturating_sub(spoilt + UNDER_WAY);
        let most = expected + 1;
        let unexplained = least.saturating_sub(heard.values) + heard.values.saturating_sub(most);
        Self {
            stream: name.to_owned(),
            expected,
            values: heard.values,
            gaps: heard.gaps.clone(),
            counted: spoilt,
            difference: i128::from(expected) - i128::from(heard.values),
            unexplained: unexplained.into(),
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.stream.len()).max().unwrap_or(0).max(6);
        writeln!(
            f,
            "{:width$}  expected    values  gaps  skipped  unexplained  gaps by reason",
            "stream"
        )?;
        for row in &self.rows {
            let gaps: u64 = row.gaps.values().sum();
            write!(
                f,
                "{:width$}  {:>8}  {:>8}  {gaps:>4}  {:>7}  {:>11}",
                row.stream, row.expected, row.values, row.counted, row.unexplained
            )?;
            for (reason, count) in &row.gaps {
                write!(f, "  {count} {}", reason.code())?;
            }
            if row.unexplained > 0 {
                write!(f, "  (differs by {})", row.difference)?;
            }
            writeln!(f)?;
        }
        for device in &self.silent {
            writeln!(f, "nothing was heard of {device}")?;
        }
        let total = |of: fn(&Row) -> u64| self.rows.iter().map(of).sum::<u64>();
        let word = if self.is_even() { "EVEN" } else { "UNEXPLAINED" };
        write!(
            f,
            "account: {word}, {} streams, {} expected, {} values, {} gaps, {} unexplained",
            self.rows.len(),
            total(|row| row.expected),
            total(|row| row.values),
            total(|row| row.gaps.values().sum()),
            self.unexplained()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A minute of a device asked each second, of which so much arrived.
    fn account(values: u64, absent: u64, first_second: i64) -> Account {
        let second = |n: i64| WallTime::from_nanos(n * 1_000_000_000);
        let gaps = [(NoData::Absent, absent)].into();
        let first = Some(second(first_second));
        let heard = Heard { values, gaps, first, ..Heard::default() };
        let record = Record { streams: [("a.b".to_owned(), heard)].into(), status: None };
        let paces = [("a".to_owned(), Pace::Asked(Duration::from_secs(1)))].into();
        Account::of(&record, &paces, &BTreeMap::new(), Run { from: second(0), to: second(60) })
    }

    #[test]
    fn a_slot_without_an_outcome_is_unexplained_but_for_one_at_the_end() {
        assert!(account(50, 11, 0).is_even());
        assert!(account(50, 10, 0).is_even());
        assert_eq!(account(50, 9, 0).unexplained(), 1);
        assert_eq!(account(60, 4, 0).unexplained(), 2, "too many are no better");
    }

    #[test]
    fn a_late_start_and_a_silent_device_are_unexplained() {
        assert!(account(55, 0, 6).is_even());
        assert_eq!(account(41, 0, 20).unexplained(), 14);
        let nothing = Record::default();
        let paces = [("a".to_owned(), Pace::Asked(Duration::from_secs(1)))].into();
        let (from, to) = (WallTime::from_nanos(0), WallTime::from_nanos(60_000_000_000));
        assert!(!Account::of(&nothing, &paces, &BTreeMap::new(), Run { from, to }).is_even());
    }
}
