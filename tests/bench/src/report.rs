//! What comes out: a table, the goals, and rows for machines.

/// Workload, unit, contender, whether more is better, and one value a round; in the order in which they
/// came.
#[derive(Default)]
pub struct Results(Vec<(Key, Vec<f64>)>);

type Key = (String, String, String);

/// Units in which more is better; in all others less is.
const MORE: [&str; 3] = ["samples/s", "samples a message", "messages/s"];

impl Results {
    pub fn push(&mut self, workload: &str, unit: &str, who: &str, value: f64) {
        let key = (workload.to_owned(), unit.to_owned(), who.to_owned());
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some((_, values)) => values.push(value),
            None => self.0.push((key, vec![value])),
        }
    }

    fn median(&self, workload: &str, unit: &str, who: &str) -> Option<f64> {
        let is_it = |(w, u, c): &Key| (&**w, &**u, &**c) == (workload, unit, who);
        self.0.iter().find(|(key, _)| is_it(key)).map(|(_, values)| spread(values).0)
    }

    pub fn print(&self) {
        println!(
            "\n| workload | unit | contender | median | min | max |\n|---|---|---|--:|--:|--:|"
        );
        for ((workload, unit, who), values) in &self.0 {
            let [median, min, max] = <[f64; 3]>::from(spread(values)).map(short);
            println!("| {workload} | {unit} | {who} | {median} | {min} | {max} |");
        }
        println!("\n| workload | goal | measured | |\n|---|---|--:|---|");
        let bare = "bare rumqttc";
        self.ratio("drain", "samples/s", bare, 0.8);
        self.at_least("end to end", "samples/s", 1e6);
        self.at_least("unbatched", "samples/s", 60_000.0);
        for unit in ["µs p50", "µs p99"] {
            self.ratio("latency", unit, bare, 2.0);
        }
    }

    /// The goal is at least so much of the other, or at most, as the unit has it.
    fn ratio(&self, workload: &str, unit: &str, whom: &str, goal: f64) {
        let medians = self.median(workload, unit, "ours").zip(self.median(workload, unit, whom));
        let Some((ours, base)) = medians else { return };
        let (ratio, is_more) = (ours / base, MORE.contains(&unit));
        let (sign, is_met) = if is_more { ("≥", ratio >= goal) } else { ("≤", ratio <= goal) };
        println!(
            "| {workload}, {unit} | {sign} {goal} × {whom} | {ratio:.2} | {} |",
            verdict(is_met)
        );
    }

    fn at_least(&self, workload: &str, unit: &str, goal: f64) {
        let Some(ours) = self.median(workload, unit, "ours") else { return };
        println!("| {workload}, {unit} | ≥ {goal} | {} | {} |", short(ours), verdict(ours >= goal));
    }

    pub fn rows(&self) -> Vec<serde_json::Value> {
        let row = |((workload, unit, who), values): &(Key, Vec<f64>)| {
            let (median, min, max) = spread(values);
            serde_json::json!({
                "workload": workload, "contender": who, "unit": unit,
                "better": if MORE.contains(&&**unit) { "higher" } else { "lower" },
                "median": median, "min": min, "max": max, "rounds": values.len(),
            })
        };
        self.0.iter().map(row).collect()
    }
}

fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "missed" }
}

fn short(value: f64) -> String {
    if value >= 1_000.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

fn spread(values: &[f64]) -> (f64, f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[sorted.len() / 2], sorted[0], sorted[sorted.len() - 1])
}

/// The value below which so many percent are.
pub fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}
