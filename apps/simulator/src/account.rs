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
//! # When the gateway ended by itself
//!
//! * Of a device that is asked, the slots between the last sample of one process and the first of the next
//!   are not expected, as far as the outage explains them: from a period and [`UNSTORED_MAX`] before its
//!   beginning to [`START_MAX`] and a period after its end. The new process has new phases, so that one
//!   slot more or less for each outage is no offence.
//! * Of a device that speaks, the frames sent in the outage are not expected.
//! * Slots that a process had counted as missed after its last status are forgotten with it, and unexplained.
//!
//! # Deliberately absent
//!
//! Derived metrics: a value or gap of each follows from that of its inputs.

use core::fmt;
use std::{collections::BTreeMap, time::Duration};

use domain::{NoData, WallTime};

use crate::{
    outages::{Outage, START_MAX},
    recorder::{Heard, Record},
    world::{Pace, Sent},
};

/// How long a reading takes at most from its slot to the spool, where it outlives the process.
const UNSTORED_MAX: Duration = Duration::from_secs(1);
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
    /// The account of `record`. `pulls`: how often each device was unplugged. `outages`: when there was no
    /// gateway.
    pub(crate) fn of(
        record: &Record,
        paces: &BTreeMap<String, Pace>,
        pulls: &BTreeMap<String, u64>,
        outages: &[Outage],
        run: Run,
    ) -> Self {
        let (mut rows, mut silent) = (Vec::new(), Vec::new());
        for (device, pace) in paces {
            let head = format!("{device}.");
            let of_device = record.streams.iter().filter(|(name, _)| name.starts_with(&head));
            let skipped = record.skipped(device);
            let before = rows.len();
            for (name, heard) in of_device {
                rows.push(match pace {
                    Pace::Asked(period) => Row::asked(name, heard, *period, skipped, outages, run),
                    Pace::Spoken(sent) => {
                        let pulls = pulls.get(device).copied().unwrap_or(0);
                        let unheard = outages.iter().map(|outage| {
                            outage.unheard.get(device).copied().unwrap_or(0) + UNDER_WAY
                        });
                        Row::spoken(
                            name,
                            heard,
                            sent,
                            COST_OF_A_PULL * pulls + unheard.sum::<u64>(),
                        )
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
    fn asked(
        name: &str,
        heard: &Heard,
        period: Duration,
        skipped: u64,
        outages: &[Outage],
        run: Run,
    ) -> Self {
        let excused = excused(heard, period, outages, run);
        let period = nanos(period).max(1);
        let first = heard.first.unwrap_or(run.to);
        let expected = (since(first, run.to) / period + 1 - excused).max(0);
        // Slots before the first sample, as far as the start does not excuse them.
        let late = (since(run.from, first) - period - nanos(START_MAX)).max(0) / period;
        let values_and_gaps = heard.values + heard.gaps_total()
            - heard.gaps_for(NoData::Missed)
            - heard.gaps_for(NoData::Shed);
        let found = i128::from(values_and_gaps) + i128::from(skipped);
        let difference = expected - found;
        let tolerated = 1 + outages.len() as u128;
        let unexplained = difference.unsigned_abs().saturating_sub(tolerated) + late.unsigned_abs();
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

    fn spoken(name: &str, heard: &Heard, sent: &Sent, lost: u64) -> Self {
        let played = sent.player.now();
        let expected = played.frames_sent + played.frames_cut;
        let spoilt = sent.noise.spoilt() + played.frames_cut + lost;
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

fn nanos(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX)
}

fn since(from: WallTime, to: WallTime) -> i128 {
    i128::from(to.as_nanos()) - i128::from(from.as_nanos())
}

/// How many slots of one stream outages explain; none twice, however close they follow each other.
fn excused(heard: &Heard, period: Duration, outages: &[Outage], run: Run) -> i128 {
    let period_nanos = nanos(period).max(1);
    let mut spans: Vec<Span> = Vec::new();
    for span in outages.iter().filter_map(|outage| span(heard, period, outage, run)) {
        match spans.last_mut().filter(|last| last.before == span.before && last.to >= span.from) {
            Some(last) => last.to = last.to.max(span.to),
            None => spans.push(span),
        }
    }
    // Between two samples lies one slot less than periods.
    let slots = |span: &Span| ((span.to - span.from + period_nanos / 2) / period_nanos - 1).max(0);
    spans.iter().map(slots).sum()
}

/// A time that an outage explains, in nanoseconds since the last sample before it.
struct Span {
    before: WallTime,
    from: i128,
    to: i128,
}

fn span(heard: &Heard, period: Duration, outage: &Outage, run: Run) -> Option<Span> {
    let times = || heard.taken.values().copied();
    let before = times().filter(|at| *at <= outage.up).max()?;
    let after = times().filter(|at| *at > outage.up).min().unwrap_or(run.to);
    let (down, up) = (since(before, outage.down), since(before, outage.up));
    let period = nanos(period);
    let from = (down - period - nanos(UNSTORED_MAX)).max(0);
    let to = (up + period + nanos(START_MAX)).min(since(before, after));
    Some(Span { before, from, to })
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
        let record = Record { streams: [("a.b".to_owned(), heard)].into(), ..Record::default() };
        let paces = [("a".to_owned(), Pace::Asked(Duration::from_secs(1)))].into();
        Account::of(&record, &paces, &BTreeMap::new(), &[], Run { from: second(0), to: second(60) })
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
        let run = Run { from, to };
        assert!(!Account::of(&nothing, &paces, &BTreeMap::new(), &[], run).is_even());
    }

    #[test]
    fn outages_that_follow_each_other_explain_no_slot_twice() {
        let second = |n: i64| WallTime::from_nanos(n * 1_000_000_000);
        // Asked each ten seconds; 11 slots are missing, of which outages over 24 s explain 4.
        let taken: BTreeMap<_, _> = (1..).zip([0, 10, 130].map(second)).collect();
        let (values, first) = (taken.len() as u64, Some(second(0)));
        let heard = Heard { taken, values, first, ..Heard::default() };
        let record = Record { streams: [("a.b".to_owned(), heard)].into(), ..Record::default() };
        let paces = [("a".to_owned(), Pace::Asked(Duration::from_secs(10)))].into();
        let outage = |at| Outage { down: second(at), up: second(at), unheard: BTreeMap::new() };
        let outages = [20, 26, 32, 38, 44].map(outage);
        let run = Run { from: second(0), to: second(130) };
        let account = Account::of(&record, &paces, &BTreeMap::new(), &outages, run);
        // One more or less for each outage, and one at the end.
        assert_eq!(account.unexplained(), 11 - 4 - 6);
    }

    #[test]
    fn an_outage_explains_the_slots_in_it_and_no_others() {
        let second = |n: u64| WallTime::from_nanos(i64::try_from(n).unwrap() * 1_000_000_000);
        // Asked each second for a minute, but for the seconds from `down` to `back`.
        let of = |down: u64, back: u64, outages: &[Outage]| {
            let seconds = (0..=60).filter(|n| !(down..back).contains(n));
            let taken: BTreeMap<_, _> = (1..).zip(seconds.map(second)).collect();
            let (values, first) = (taken.len() as u64, Some(second(0)));
            let heard = Heard { taken, values, first, ..Heard::default() };
            let streams = [("a.b".to_owned(), heard)].into();
            let record = Record { streams, ..Record::default() };
            let paces = [("a".to_owned(), Pace::Asked(Duration::from_secs(1)))].into();
            let run = Run { from: second(0), to: second(60) };
            Account::of(&record, &paces, &BTreeMap::new(), outages, run).unexplained()
        };
        let outage = Outage { down: second(20), up: second(22), unheard: BTreeMap::new() };
        let outages = [outage];
        assert_eq!(of(20, 24, &outages), 0);
        assert_eq!(of(20, 24, &[]), 3, "without an outage they are missing");
        assert_eq!(of(20, 27, &outages), 0);
        assert!(of(20, 40, &outages) >= 10, "it took too long to come back");
        assert!(of(30, 40, &outages) >= 8, "that was another time");
    }
}
