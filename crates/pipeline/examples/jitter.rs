//! `jitter [--rounds N] [--slots N] [--json FILE]`: how late a bus worker begins at 1 kHz, beside a bare
//! loop of absolute `clock_nanosleep`.
//!
//! Both run in one process, interleaved, the first of a round changing. Lateness is from the time a slot
//! was due to the time the contender knows that it has begun.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for the terminal")]

use std::{
    fmt::Write as _,
    num::NonZeroUsize,
    sync::{Arc, Mutex},
    time::Duration,
};

use clock_linux::LinuxClock;
use domain::{FaultPolicy, Monotonic, NoData};
use pipeline::{
    acquire::{BusWorker, DevicePlan, Priority, Rhythm},
    queue::{WhenFull, queue},
    telemetry::Counters,
};
use ports::{Clock, Device, Measurement, Sensor, Wake};
use rustix::{
    thread::clock_nanosleep_absolute,
    time::{ClockId, Timespec},
};

const PERIOD: Duration = Duration::from_millis(1);
const CONTENDERS: [&str; 2] = ["ours", "clock_nanosleep"];
const FIGURES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("max", 1.0)];

/// Notes when it is asked, and has nothing to say.
struct Trivial {
    clock: LinuxClock,
    asked_at: Arc<Mutex<Vec<Monotonic>>>,
}

impl Device for Trivial {
    fn sensors(&self) -> &[Sensor] {
        &[]
    }

    fn time_on_bus(&self) -> Duration {
        Duration::from_micros(1)
    }

    fn worst_case(&self) -> Duration {
        PERIOD
    }

    fn measure(&mut self, _: Duration) -> Result<Measurement, NoData> {
        self.asked_at.lock().unwrap().push(self.clock.now().monotonic);
        Ok(Measurement { age: Duration::ZERO, outcomes: Vec::new() })
    }
}

fn ours(slots: usize) -> Vec<f64> {
    let clock = LinuxClock::new();
    let asked_at = Arc::new(Mutex::new(Vec::with_capacity(slots)));
    let device = Trivial { clock: clock.clone(), asked_at: Arc::clone(&asked_at) };
    let plan = DevicePlan {
        number: 0,
        name: "trivial".to_owned(),
        device: Box::new(device),
        streams: Vec::new(),
        rhythm: Rhythm::Every(PERIOD),
        faults: FaultPolicy::default(),
        priority: Priority::Normal,
    };
    let counters = Arc::<Counters>::default();
    let (inlet, _outlet) = queue(NonZeroUsize::MIN, WhenFull::Block, Arc::clone(&counters));
    let mut worker = BusWorker::new(vec![plan], Arc::new(clock.clone()), inlet, &counters);
    let mut due_at = Vec::with_capacity(slots);
    while due_at.len() < slots {
        let due = worker.next_due().unwrap();
        if clock.sleep_until(due) == Wake::Due && worker.step() {
            due_at.push(due);
        }
    }
    let asked_at = asked_at.lock().unwrap();
    lateness(due_at.iter().copied().zip(asked_at.iter().copied()))
}

fn bare(slots: usize) -> Vec<f64> {
    let clock = LinuxClock::new();
    let mut due = clock.now().monotonic;
    let mut times = Vec::with_capacity(slots);
    while times.len() < slots {
        due = due + PERIOD;
        let nanos = i64::try_from(due.as_nanos()).unwrap();
        let request = Timespec { tv_sec: nanos / 1_000_000_000, tv_nsec: nanos % 1_000_000_000 };
        clock_nanosleep_absolute(ClockId::Boottime, &request).unwrap();
        times.push((due, clock.now().monotonic));
    }
    lateness(times.into_iter())
}

/// In microseconds, sorted.
fn lateness(times: impl Iterator<Item = (Monotonic, Monotonic)>) -> Vec<f64> {
    let late = times.map(|(due, began)| began.saturating_since(due).as_secs_f64() * 1e6);
    let mut late: Vec<_> = late.collect();
    late.sort_by(f64::total_cmp);
    late
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank among a few thousand"
)]
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let rank = (sorted.len() as f64 * q).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

fn option(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

fn main() {
    let rounds: usize = option("--rounds").map_or(7, |text| text.parse().unwrap());
    let slots: usize = option("--slots").map_or(3_000, |text| text.parse().unwrap());
    let mut results = [[(); 3]; 2].map(|figures| figures.map(|()| Vec::new()));
    for round in 0..rounds {
        for step in 0..2 {
            let contender = (round + step) % 2;
            let late = if contender == 0 { ours(slots) } else { bare(slots) };
            for (values, (_, q)) in results[contender].iter_mut().zip(FIGURES) {
                values.push(quantile(&late, q));
            }
        }
    }
    print(&mut results, rounds);
}

fn print(results: &mut [[Vec<f64>; 3]; 2], rounds: usize) {
    let mut rows = Vec::new();
    println!("lateness at 1 kHz, in us, {rounds} rounds: median (least to most)");
    for (figure, (name, _)) in FIGURES.iter().enumerate() {
        let mut medians = [0.0; 2];
        for (contender, who) in CONTENDERS.iter().enumerate() {
            let values = &mut results[contender][figure];
            values.sort_by(f64::total_cmp);
            let (min, median) = (quantile(values, 0.0), quantile(values, 0.5));
            let max = quantile(values, 1.0);
            println!("{name:>4} {who:<16} {median:>9.1} ({min:.1} to {max:.1})");
            medians[contender] = median;
            let mut row = format!(r#"{{"workload":"jitter 1 kHz {name}","contender":"{who}","#);
            let _ = write!(row, r#""unit":"us","better":"lower","median":{median:.3},"#);
            let _ = write!(row, r#""min":{min:.3},"max":{max:.3},"rounds":{rounds}}}"#);
            rows.push(row);
        }
        println!("{name:>4} {:<16} {:>9.2}", "ours / bare", medians[0] / medians[1]);
    }
    if let Some(path) = option("--json") {
        std::fs::write(path, format!("[\n{}\n]\n", rows.join(",\n"))).unwrap();
    }
}
