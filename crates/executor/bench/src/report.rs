//! What comes out: a table for each workload, the goals, and rows for machines.

use std::collections::BTreeMap;

/// Workload, contender's number, unit → one value a round.
pub type Results = BTreeMap<(String, usize, String), Vec<f64>>;

pub const NAMES: &[&str] = &[
    "ours",
    "ours, coalesced",
    "ours, SCHED_BATCH",
    "predecessor's design",
    "threadpool",
    "rusty_pool",
    "rayon",
    "tokio spawn",
    "tokio spawn_blocking",
    "crossbeam bounded",
    "crossbeam unbounded",
    "flume",
    "kanal",
    "raw futex",
    "inline",
];

pub const OURS: usize = 0;
pub const COALESCED: usize = 1;
pub const BATCH_CLASS: usize = 2;
pub const PREDECESSOR: usize = 3;
pub const RAYON: usize = 6;
pub const PEERS: std::ops::RangeInclusive<usize> = 4..=12;
pub const FUTEX: usize = 13;
pub const INLINE: usize = 14;

const RATE: &str = "M jobs/s";

fn spread(values: &[f64]) -> (f64, f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[sorted.len() / 2], sorted[0], sorted[sorted.len() - 1])
}

pub fn print(results: &Results) {
    let mut last = (String::new(), String::new());
    for ((workload, contender, unit), values) in by_unit(results) {
        if (workload, unit) != (&last.0, &last.1) {
            println!(
                "\n## {workload}, {unit}\n\n| contender | median | min | max |\n|---|--:|--:|--:|"
            );
            last = (workload.clone(), unit.clone());
        }
        let (median, min, max) = spread(values);
        println!("| {} | {median:.2} | {min:.2} | {max:.2} |", NAMES[*contender]);
    }
    let goals: Vec<_> = GOALS.iter().filter_map(|goal| goal.row(results)).collect();
    if !goals.is_empty() {
        println!("\n## Goals\n\n| workload | goal | measured | |\n|---|---|---|---|");
        goals.iter().for_each(|row| println!("{row}"));
    }
}

type Entry<'a> = (&'a (String, usize, String), &'a Vec<f64>);

fn by_unit(results: &Results) -> Vec<Entry<'_>> {
    let mut entries: Vec<_> = results.iter().collect();
    entries.sort_by_key(|((workload, contender, unit), _)| (workload, unit, *contender));
    entries
}

/// A row for each workload, contender and unit. Variants of ours are workloads of their own.
pub fn rows(results: &Results) -> Vec<serde_json::Value> {
    let row = |((workload, contender, unit), values): Entry<'_>| {
        let (median, min, max) = spread(values);
        let (contender, variant) = match NAMES[*contender].split_once(", ") {
            Some((contender, variant)) => (contender, format!(", {variant}")),
            None => (NAMES[*contender], String::new()),
        };
        serde_json::json!({
            "workload": format!("{workload}{variant}"),
            "contender": contender,
            "unit": unit,
            "better": if unit == RATE { "higher" } else { "lower" },
            "median": median, "min": min, "max": max, "rounds": values.len(),
        })
    };
    by_unit(results).into_iter().map(row).collect()
}

/// Against what a goal is measured.
enum Against {
    /// The best median among the peers.
    BestPeer,
    Contender(usize),
    /// Ours on another workload.
    Ourselves(&'static str),
    /// A number in the unit itself.
    Absolute,
}

/// What was promised of one workload.
struct Goal {
    workload: &'static str,
    unit: &'static str,
    /// Which variant of ours.
    ours: usize,
    against: Against,
    /// At least this ratio, for rates; at most, for everything else.
    ratio: f64,
}

const fn goal(workload: &'static str, unit: &'static str, against: Against, ratio: f64) -> Goal {
    Goal { workload, unit, ours: OURS, against, ratio }
}

const GOALS: &[Goal] = &[
    goal("W1", RATE, Against::BestPeer, 3.0),
    goal("W1", RATE, Against::Contender(PREDECESSOR), 25.0),
    goal("W2", RATE, Against::BestPeer, 2.0),
    goal("W2", RATE, Against::Contender(PREDECESSOR), 10.0),
    goal("W3", RATE, Against::BestPeer, 2.0),
    goal("W3", RATE, Against::Contender(PREDECESSOR), 18.0),
    goal("W4", RATE, Against::BestPeer, 3.0),
    goal("W4", RATE, Against::Contender(PREDECESSOR), 50.0),
    goal("W8", RATE, Against::BestPeer, 5.0),
    goal("W8", RATE, Against::Contender(PREDECESSOR), 35.0),
    goal("W1 beside a hog", RATE, Against::BestPeer, 1.0),
    goal("W2 beside a hog", RATE, Against::BestPeer, 1.0),
    goal("W3 beside a hog", RATE, Against::BestPeer, 1.0),
    goal("W4 beside a hog", RATE, Against::BestPeer, 1.0),
    goal("keyed, 64 keys", RATE, Against::Ourselves("W1"), 0.5),
    goal("keyed, fresh keys", RATE, Against::Ourselves("W1"), 0.5),
    goal("W5 p50", "us", Against::Contender(FUTEX), 1.05),
    goal("W5 p99", "us", Against::Contender(PREDECESSOR), 0.5),
    goal("W6 submit p50", "us", Against::Contender(PREDECESSOR), 0.9),
    Goal { ours: COALESCED, ..goal("W6 submit p50", "us", Against::Contender(PREDECESSOR), 0.03) },
    goal("W7b 10 kHz", "cpu us/job", Against::Contender(PREDECESSOR), 1.0),
    Goal {
        ours: COALESCED,
        ..goal("W7b 10 kHz", "cpu us/job", Against::Contender(PREDECESSOR), 0.8)
    },
    goal("W7b 10 kHz", "cpu us/job", Against::Contender(RAYON), 0.3),
    goal("W9 p99", "us", Against::Absolute, 30.0),
];

impl Goal {
    fn row(&self, results: &Results) -> Option<String> {
        let median = |workload: &str, contender: usize| {
            let key = (workload.to_owned(), contender, self.unit.to_owned());
            results.get(&key).map(|values| spread(values).0)
        };
        let ours = median(self.workload, self.ours)?;
        let (base, whom) = match self.against {
            Against::BestPeer => {
                let peers = PEERS.filter_map(|peer| Some((median(self.workload, peer)?, peer)));
                let (best, peer) = peers.max_by(|a, b| a.0.total_cmp(&b.0))?;
                (best, NAMES[peer])
            }
            Against::Contender(whom) => (median(self.workload, whom)?, NAMES[whom]),
            Against::Ourselves(workload) => (median(workload, OURS)?, workload),
            Against::Absolute => (1.0, ""),
        };
        let ratio = ours / base;
        let (sign, is_met) = if self.unit == RATE {
            ('≥', ratio >= self.ratio)
        } else {
            ('≤', ratio <= self.ratio)
        };
        let times = if matches!(self.against, Against::Absolute) { "µs" } else { "×" };
        let variant = NAMES[self.ours].strip_prefix("ours").unwrap_or_default();
        Some(format!(
            "| {}{variant} | {sign} {} {times} {} | {ratio:.2} {times} {whom} | {} |",
            self.workload,
            self.ratio,
            if matches!(self.against, Against::BestPeer) { "best peer" } else { whom },
            if is_met { "met" } else { "missed" },
        ))
    }
}
