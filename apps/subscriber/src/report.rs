//! The report of `verify`: one row per stream, and a verdict.

use core::fmt;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::{Account, Ledger, Mended, UnreadableCount};

/// As many runs of missing numbers are written out per stream; the JSON report has all of them.
const RUNS_SHOWN: usize = 12;

/// What has arrived of one stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StreamReport {
    /// Whose stream.
    pub gateway: String,
    /// Which stream.
    pub stream: String,
    /// Samples that arrived, each counted once.
    pub received: u64,
    /// The first number that arrived.
    pub first: Option<u64>,
    /// The largest number that arrived.
    pub last: Option<u64>,
    /// How many numbers should have arrived and have not.
    pub missing: u64,
    /// Which ones: first and last of each run.
    pub missing_runs: Vec<(u64, u64)>,
    /// Arrivals of a sample that had arrived before.
    pub duplicates: u64,
    /// Samples that arrived for the first time after a newer one had: no fault, as history follows
    /// what is live.
    pub out_of_order: u64,
    /// Samples without a quantity, by the code of the reason.
    pub gaps: BTreeMap<&'static str, u64>,
}

/// What the report comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything that should have arrived has.
    Complete,
    /// Samples are missing.
    Missing,
    /// Nothing is missing, but samples arrived more than once, which was not to be.
    Duplicates,
    /// Nothing is missing, but fewer streams than expected sent anything.
    TooFewStreams,
    /// No sample arrived.
    Nothing,
}

/// What must hold besides that nothing is missing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Demands {
    pub(crate) no_duplicates: bool,
    pub(crate) streams_min: usize,
}

/// Everything that `verify` has to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The version of this report's format.
    pub v: u32,
    /// What it comes to.
    pub verdict: Verdict,
    /// Samples received, each counted once.
    pub received: u64,
    /// Samples missing.
    pub missing: u64,
    /// Arrivals of samples that had arrived before.
    pub duplicates: u64,
    /// Samples that arrived for the first time after a newer one of their stream had: no fault, as
    /// history follows what is live.
    pub out_of_order: u64,
    /// How often the connection to the broker broke.
    pub connections_lost: u64,
    /// Messages that could not be read.
    pub unreadable: UnreadableCount,
    /// What came of asking for what was missing, if that was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<Mended>,
    /// Each stream.
    pub streams: Vec<StreamReport>,
}

impl Verdict {
    /// The exit code that stands for it.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::Missing | Self::Duplicates | Self::TooFewStreams => 1,
            Self::Nothing => 3,
        }
    }
}

impl Report {
    pub(crate) fn new(
        ledger: &Ledger,
        connections_lost: u64,
        demands: Demands,
        replay: Option<Mended>,
    ) -> Self {
        let streams: Vec<_> = ledger
            .accounts()
            .iter()
            .map(|((gateway, stream), account)| {
                stream_report(gateway.to_string(), stream.to_string(), account)
            })
            .collect();
        let sum =
            |of: fn(&StreamReport) -> u64| streams.iter().map(of).fold(0, u64::saturating_add);
        let mut report = Self {
            v: 1,
            verdict: Verdict::Complete,
            received: sum(|stream| stream.received),
            missing: sum(|stream| stream.missing),
            duplicates: sum(|stream| stream.duplicates),
            out_of_order: sum(|stream| stream.out_of_order),
            connections_lost,
            unreadable: ledger.unreadable(),
            replay,
            streams,
        };
        report.verdict = report.judge(demands);
        report
    }

    fn judge(&self, demands: Demands) -> Verdict {
        if self.received == 0 {
            Verdict::Nothing
        } else if self.missing > 0 {
            Verdict::Missing
        } else if demands.no_duplicates && self.duplicates > 0 {
            Verdict::Duplicates
        } else if self.streams_heard() < demands.streams_min {
            Verdict::TooFewStreams
        } else {
            Verdict::Complete
        }
    }

    fn streams_heard(&self) -> usize {
        self.streams.iter().filter(|stream| stream.received > 0).count()
    }
}

fn stream_report(gateway: String, stream: String, account: &Account) -> StreamReport {
    let runs = account.missing();
    StreamReport {
        gateway,
        stream,
        received: account.received,
        first: account.first_seen(),
        last: account.newest(),
        missing: account.missing_count(),
        missing_runs: runs.iter().map(|run| (*run.start(), *run.end())).collect(),
        duplicates: account.duplicates,
        out_of_order: account.out_of_order,
        gaps: account.gaps.iter().map(|(reason, &count)| (reason.code(), count)).collect(),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |stream: &StreamReport| format!("{}/{}", stream.gateway, stream.stream);
        let width = self.streams.iter().map(|s| name(s).len()).max().unwrap_or(0).max(6);
        let titles = ["received", "missing", "duplicates", "after newer"];
        write!(f, "{:width$}", "stream")?;
        for title in titles {
            write!(f, "  {title:>12}")?;
        }
        writeln!(f, "  first..last, gaps")?;
        for stream in &self.streams {
            write!(f, "{:width$}", name(stream))?;
            for n in [stream.received, stream.missing, stream.duplicates, stream.out_of_order] {
                write!(f, "  {n:>12}")?;
            }
            match stream.first.zip(stream.last) {
                Some((first, last)) => write!(f, "  {first}..{last}")?,
                None => write!(f, "  nothing")?,
            }
            for (reason, count) in &stream.gaps {
                write!(f, ", {count} {reason}")?;
            }
            writeln!(f)?;
        }
        for stream in self.streams.iter().filter(|stream| stream.missing > 0) {
            writeln!(f, "missing from {}: {}", name(stream), runs(&stream.missing_runs))?;
        }
        self.write_remarks(f)?;
        write!(f, "verdict: {}", self.verdict_line())
    }
}

impl Report {
    fn write_remarks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UnreadableCount { version, payload, topic } = self.unreadable;
        if self.unreadable.total() > 0 {
            writeln!(
                f,
                "unreadable messages: {version} of another version, {payload} with a bad payload, \
                 {topic} with a bad topic"
            )?;
        }
        if let Some(Mended { asked, filled, not_sent, unanswered }) = &self.replay {
            write!(f, "replay: {} asked for, {filled} came", count(*asked, "missing sample"))?;
            for (reason, samples) in not_sent {
                write!(f, ", {samples} {}", reason.replace('_', " "))?;
            }
            let rest =
                if *unanswered > 0 { format!(", {unanswered} unanswered") } else { String::new() };
            writeln!(f, "{rest}")?;
        }
        if self.connections_lost > 0 {
            writeln!(f, "connection to the broker lost {}", count(self.connections_lost, "time"))?;
        }
        Ok(())
    }

    fn verdict_line(&self) -> String {
        let Self { missing, duplicates, .. } = self;
        let received = count(self.received, "sample");
        let heard = count(self.streams_heard(), "stream");
        match self.verdict {
            Verdict::Complete => {
                let late = match self.out_of_order {
                    0 => String::new(),
                    late => format!("; {late} came after newer ones, as history does"),
                };
                format!("COMPLETE, {received} of {heard}, 0 missing{late}")
            }
            Verdict::Missing => {
                let short = self.streams.iter().filter(|stream| stream.missing > 0).count();
                let short = count(short, "stream");
                format!("INCOMPLETE, {missing} missing from {short}, {received} received")
            }
            Verdict::Duplicates => {
                format!("DUPLICATES, {duplicates} arrived again of {received}, 0 missing")
            }
            Verdict::TooFewStreams => {
                format!("TOO FEW STREAMS, {heard} heard, {received}, 0 missing")
            }
            Verdict::Nothing => "NOTHING RECEIVED".to_owned(),
        }
    }
}

/// A number of things, in English.
fn count<N: fmt::Display + PartialEq + From<u8> + Copy>(n: N, thing: &str) -> String {
    let plural = if n == N::from(1) { "" } else { "s" };
    format!("{n} {thing}{plural}")
}

fn runs(runs: &[(u64, u64)]) -> String {
    let show = |&(first, last): &(u64, u64)| {
        if first == last { first.to_string() } else { format!("{first}..{last}") }
    };
    let shown: Vec<_> = runs.iter().take(RUNS_SHOWN).map(show).collect();
    let more = runs.len().saturating_sub(RUNS_SHOWN);
    let tail = if more > 0 { format!(" and {more} more runs") } else { String::new() };
    shown.join(", ") + &tail
}
