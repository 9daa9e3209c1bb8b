//! `bench-executor [--rounds N] [--jobs N] [--capacity N] [--hog] [--only W,W] [--contenders NAME;NAME] [--json FILE]`
//!
//! One process, contenders interleaved with a rotating start, medians with minimum and maximum.

mod contenders;
mod report;
mod workloads;

use std::time::Duration;

use contenders::*;
use report::*;
use workloads::*;

struct Options {
    rounds: usize,
    jobs: u64,
    capacity: usize,
    hog: bool,
    only: Option<String>,
    contenders: Option<String>,
    json: Option<String>,
}

/// Calls `$do` with the maker of contender number `$n`.
macro_rules! with {
    ($n:expr, $workers:expr, $make:ident => $do:expr) => {{
        let workers = $workers;
        match $n {
            0 => {
                let $make = || Ours::new(workers);
                $do
            }
            1 => {
                let $make = || Ours::coalesced(workers);
                $do
            }
            2 => {
                let $make = || Ours::batch_class(workers);
                $do
            }
            3 => {
                let $make = || Reference::new(workers);
                $do
            }
            4 => {
                let $make = || Threadpool::new(workers);
                $do
            }
            5 => {
                let $make = || RustyPool::new(workers);
                $do
            }
            6 => {
                let $make = || Rayon::new(workers);
                $do
            }
            7 => {
                let $make = || Tokio::<false>::new(workers);
                $do
            }
            8 => {
                let $make = || Tokio::<true>::new(workers);
                $do
            }
            9 => {
                let $make = || CrossbeamBounded::new(workers);
                $do
            }
            10 => {
                let $make = || CrossbeamUnbounded::new(workers);
                $do
            }
            11 => {
                let $make = || Flume::new(workers);
                $do
            }
            12 => {
                let $make = || Kanal::new(workers);
                $do
            }
            13 => {
                let $make = || Futex::new(workers);
                $do
            }
            _ => {
                let $make = || Inline;
                $do
            }
        }
    }};
}

fn options() -> Options {
    let mut options = Options {
        rounds: 7,
        jobs: 2_000_000,
        capacity: 4096,
        hog: false,
        only: None,
        contenders: None,
        json: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().expect("an option's value");
        match argument.as_str() {
            "--rounds" => options.rounds = value().parse().expect("a number"),
            "--jobs" => options.jobs = value().parse().expect("a number"),
            "--capacity" => options.capacity = value().parse().expect("a number"),
            "--hog" => options.hog = true,
            "--only" => options.only = Some(value()),
            "--contenders" => options.contenders = Some(value()),
            "--json" => options.json = Some(value()),
            unknown => panic!("unknown option {unknown}"),
        }
    }
    options
}

fn main() {
    let options = options();
    CAPACITY.store(options.capacity, std::sync::atomic::Ordering::Relaxed);
    if options.hog {
        // Two threads that want a core each, for as long as the process lives.
        for _ in 0..2 {
            std::thread::spawn(|| {
                loop {
                    std::hint::spin_loop()
                }
            });
        }
    }
    let mut results = Results::new();
    for round in 0..options.rounds {
        for step in 0..NAMES.len() {
            let contender = (round + step) % NAMES.len();
            let named = |list: &String| list.split(';').any(|name| name == NAMES[contender]);
            if !options.contenders.as_ref().is_none_or(named) {
                continue;
            }
            measure(&options, contender, &mut results);
        }
        eprintln!("round {} of {}", round + 1, options.rounds);
    }
    print(&results);
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_string_pretty(&rows(&results)).unwrap()).unwrap();
    }
}

fn measure(options: &Options, n: usize, results: &mut Results) {
    let wanted = |w: &str| options.only.as_ref().is_none_or(|only| only.split(',').any(|o| o == w));
    let hog = if options.hog { " beside a hog" } else { "" };
    let mut note = |workload: &str, unit: &str, value: f64| {
        let key = (format!("{workload}{hog}"), n, unit.to_owned());
        results.entry(key).or_default().push(value);
    };
    // The futex slot holds one job, and two variants differ from the first only when idle.
    let floods = !matches!(n, COALESCED | BATCH_CLASS | FUTEX);
    let mut flood = |workload: &str, flood: Flood| {
        note(workload, "M jobs/s", flood.rate);
        note(workload, "cpu ns/job", flood.cpu);
        note(workload, "sleeps/1000 jobs", flood.slept);
        note(workload, "preemptions/1000 jobs", flood.preempted);
    };
    let jobs = options.jobs;
    if floods {
        if wanted("W1") {
            flood("W1", with!(n, 2, make => w1(make, jobs)));
        }
        if wanted("W2") {
            flood("W2", with!(n, 2, make => w2(make, jobs)));
        }
        if wanted("W3") {
            flood("W3", with!(n, 2, make => w3(make, jobs)));
        }
        if wanted("W4") {
            flood("W4", with!(n, 4, make => w1(make, jobs)));
        }
        if wanted("W8") {
            flood("W8", with!(n, 2, make => w8(make, jobs)));
        }
        if n == OURS {
            if wanted("keyed") {
                flood("keyed, 64 keys", w64(jobs));
            }
            if wanted("keyed") {
                flood("keyed, fresh keys", keyed_fresh(|| Ours::new(2), jobs));
            }
            for workers in [1, 2, 4, 8] {
                if wanted("scale") {
                    flood(&format!("scale {workers}"), w1(|| Ours::new(workers), jobs));
                }
            }
        }
    }
    if options.hog {
        return;
    }
    if wanted("W5") {
        let mut trips = with!(n, 2, make => w5(make, 400));
        for (name, q) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
            note(&format!("W5 {name}"), "us", percentile(&mut trips, q));
        }
    }
    if wanted("W6") {
        let mut paced = with!(n, 2, make => paced(make, 2000, Duration::from_micros(100)));
        for (name, q) in [("p50", 0.5), ("p99", 0.99)] {
            note(&format!("W6 submit {name}"), "us", percentile(&mut paced.submit, q));
            note(&format!("W6 start {name}"), "us", percentile(&mut paced.start, q));
        }
        note("W7b 10 kHz", "cpu us/job", paced.cpu);
        note("W7b 10 kHz", "switches/job", paced.switches);
    }
    if wanted("W7a") {
        let paced = with!(n, 2, make => paced(make, 30, Duration::from_millis(10)));
        note("W7a 100 Hz", "cpu us/job", paced.cpu);
        note("W7a 100 Hz", "switches/job", paced.switches);
    }
    if wanted("W9") && n != FUTEX && n != INLINE {
        let mut waits = with!(n, 2, make => w9(make, 60));
        for (name, q) in [("p50", 0.5), ("p99", 0.99)] {
            note(&format!("W9 {name}"), "us", percentile(&mut waits, q));
        }
    }
}

fn w64(jobs: u64) -> Flood {
    keyed(|| Ours::new(2), jobs)
}
