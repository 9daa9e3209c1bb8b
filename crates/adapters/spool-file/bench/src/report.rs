//! What comes out: a table, the goals, and rows for machines.

use std::collections::BTreeMap;

/// Workload, unit, contender → one value a round.
#[derive(Default)]
pub struct Results(BTreeMap<(&'static str, &'static str, &'static str), Vec<f64>>);

/// The unit in which more is better; in all others less is.
pub const RATE: &str = "M samples/s";

impl Results {
    pub fn push(
        &mut self,
        workload: &'static str,
        unit: &'static str,
        who: &'static str,
        value: f64,
    ) {
        self.0.entry((workload, unit, who)).or_default().push(value);
    }

    fn median(&self, workload: &str, unit: &str, who: &str) -> Option<f64> {
        self.0
            .iter()
            .find(|(key, _)| **key == (workload, unit, who))
            .map(|(_, values)| spread(values).0)
    }

    pub fn print(&self) {
        println!(
            "\n| workload | unit | contender | median | min | max |\n|---|---|---|--:|--:|--:|"
        );
        for ((workload, unit, who), values) in &self.0 {
            let (median, min, max) = spread(values);
            println!("| {workload} | {unit} | {who} | {median:.3} | {min:.3} | {max:.3} |");
        }
        println!("\n| workload | goal | measured | |\n|---|---|--:|---|");
        self.ratio("append", RATE, "SQLite", 5.0);
        self.ratio("append", RATE, "bare write+fdatasync", 0.8);
        self.at_most("device bytes", "per payload byte", 1.3);
        let gigabytes = self.median("open, waiting", "GB waiting", "ours").unwrap_or(0.0);
        self.at_most("open, waiting", "s", 1.0 + 0.2 * gigabytes);
    }

    fn ratio(&self, workload: &str, unit: &str, whom: &str, goal: f64) {
        if let (Some(ours), Some(base)) =
            (self.median(workload, unit, "ours"), self.median(workload, unit, whom))
        {
            let ratio = ours / base;
            println!(
                "| {workload} | ≥ {goal} × {whom} | {ratio:.2} | {} |",
                verdict(ratio >= goal)
            );
        }
    }

    fn at_most(&self, workload: &str, unit: &str, goal: f64) {
        match self.median(workload, unit, "ours") {
            Some(ours) => println!(
                "| {workload}, {unit} | ≤ {goal:.2} | {ours:.3} | {} |",
                verdict(ours <= goal)
            ),
            None => println!("| {workload}, {unit} | ≤ {goal:.2} | not measured | skipped |"),
        }
    }

    pub fn rows(&self) -> Vec<serde_json::Value> {
        let row = |((workload, unit, who), values): (&(&str, &str, &str), &Vec<f64>)| {
            let (median, min, max) = spread(values);
            serde_json::json!({
                "workload": workload, "contender": who, "unit": unit,
                "better": if *unit == RATE { "higher" } else { "lower" },
                "median": median, "min": min, "max": max, "rounds": values.len(),
            })
        };
        self.0.iter().map(row).collect()
    }
}

fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "missed" }
}

fn spread(values: &[f64]) -> (f64, f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[sorted.len() / 2], sorted[0], sorted[sorted.len() - 1])
}
