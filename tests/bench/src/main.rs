//! `bench-deliver [--rounds N] [--only WORKLOADS] [--samples N] [--folder FOLDER] [--json FILE]`
//!
//! From the spool on disk to the broker's acknowledgement and the moved cursor, with the parts that the
//! gateway has: spools, store, forwarder, MQTT client; against a mosquitto started here. Beside them a
//! bare client of the same MQTT library, and a bare socket that writes packets made beforehand.
//! Contenders are interleaved with a rotating start; medians with minimum and maximum.

mod bare;
mod broker;
mod far;
mod ours;
mod report;
mod samples;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use broker::{Broker, Listener};
use ours::{EVERY, Run};
use report::{Results, percentile};
use samples::{messages, streams};

const HELP: &str = "\
Delivery beside a bare MQTT client, against a mosquitto of its own.

  --rounds N        rounds; the table shows their median, minimum and maximum (default 5)
  --only WORKLOADS  of drain, listener, wide, end-to-end, unbatched, latency, far, as in `drain,latency`
  --samples N       how many the drain has (default 10000000); the others have a part of that
  --folder FOLDER   where the spools are, for a moment (default: the folder for temporary files)
  --json FILE       writes the figures there too";

/// Messages that wait for their acknowledgement, where nothing else is said.
const WINDOW: u16 = 1_000;
/// What mosquitto allows where nobody has configured it.
const WINDOW_SMALL: u16 = 20;
/// From the far broker and back it takes twice as long.
const FAR: Duration = Duration::from_millis(50);
const STREAMS: usize = 10;
/// Samples of a message, the gateway's default.
const BATCH: usize = 100;
const BARE: &str = "bare rumqttc";
const SOCKET: &str = "bare socket";

struct Options {
    rounds: usize,
    only: Option<String>,
    samples: u64,
    folder: PathBuf,
    json: Option<String>,
}

impl Options {
    /// `None` asks for help.
    fn parse() -> Option<Self> {
        let (samples, folder) = (10_000_000, std::env::temp_dir());
        let mut options = Self { rounds: 5, only: None, samples, folder, json: None };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().expect("an option's value");
            match argument.as_str() {
                "--rounds" => options.rounds = value().parse().expect("a number"),
                "--only" => options.only = Some(value()),
                "--samples" => options.samples = value().parse().expect("a number"),
                "--folder" => options.folder = value().into(),
                "--json" => options.json = Some(value()),
                "--help" => return None,
                unknown => panic!("unknown option {unknown}"),
            }
        }
        options.folder.push(format!("bench-deliver-{}", std::process::id()));
        Some(options)
    }

    fn wants(&self, workload: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.split(',').any(|name| name == workload))
    }
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.split_first().map(|(mode, rest)| (&**mode, rest)) {
        Some(("--child", rest)) => {
            Run::child(rest);
            return ExitCode::SUCCESS;
        }
        Some(("--listen", [port])) => Listener::listen(port),
        _ => {}
    }
    let Some(options) = Options::parse() else {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    };
    let Some(program) = broker::find() else {
        eprintln!("there is no mosquitto to deliver to: apt-get install mosquitto");
        return ExitCode::FAILURE;
    };
    fs::create_dir_all(&options.folder).expect("a folder");
    let broker = Broker::start(&program, &options.folder, WINDOW);
    let small = Broker::start(&program, &options.folder, WINDOW_SMALL);
    let mut bench = Bench { options, broker, small, results: Results::default() };
    for round in 0..bench.options.rounds {
        bench.round(round);
    }
    let Bench { options, results, .. } = bench;
    let _ = fs::remove_dir_all(&options.folder);
    results.print();
    if let Some(json) = options.json {
        let rows = serde_json::to_string_pretty(&results.rows()).expect("rows");
        fs::write(json, rows).expect("the file is written");
    }
    ExitCode::SUCCESS
}

struct Bench {
    options: Options,
    broker: Broker,
    /// One with a small Receive Maximum.
    small: Broker,
    results: Results,
}

impl Bench {
    fn round(&mut self, round: usize) {
        let all = self.options.samples;
        let wants = |workload| self.options.wants(workload);
        let [drain, listener, wide, end_to_end, unbatched, latency, far] =
            ["drain", "listener", "wide", "end-to-end", "unbatched", "latency", "far"].map(wants);
        if drain {
            self.against_bare("drain", round, all, STREAMS, BATCH);
        }
        if wide {
            self.against_bare("drain, 200 streams", round, all / 5, 200, BATCH);
        }
        if listener {
            let ear = Listener::start(self.broker.port);
            self.against_bare("drain, one listens", round, all / 10, STREAMS, BATCH);
            drop(ear);
        }
        if end_to_end {
            self.ours("end to end", all / 2, STREAMS, BATCH);
        }
        if unbatched {
            self.against_bare("unbatched", round, all / 50, STREAMS, 1);
        }
        if latency {
            self.latency(round);
        }
        if far {
            self.far(round);
        }
    }

    /// Contenders, who begins changing with the `round`.
    fn against_bare(
        &mut self,
        workload: &'static str,
        round: usize,
        samples: u64,
        across: usize,
        batch: usize,
    ) {
        let (payloads, count) = (messages(&streams(across), batch as u64), samples / batch as u64);
        let port = self.broker.port;
        for turn in 0..3 {
            let (who, seconds) = match (round + turn) % 3 {
                0 => {
                    self.ours(workload, samples, across, batch);
                    continue;
                }
                1 => (BARE, bare::publish(port, WINDOW, &payloads, count)),
                _ => (SOCKET, bare::write(port, WINDOW, &payloads, count)),
            };
            self.results.push(workload, "samples/s", who, samples as f64 / seconds);
        }
    }

    fn ours(&mut self, workload: &'static str, samples: u64, streams: usize, batch: usize) {
        let folder = self.options.folder.join("spool");
        let run = Run {
            workload,
            folder: &folder,
            port: self.broker.port,
            broker: self.broker.pid(),
            samples,
            streams,
            batch,
            window: WINDOW,
        };
        if workload != "end to end" {
            run.fill();
        }
        for (unit, value) in run.in_a_child() {
            self.results.push(workload, &unit, "ours", value);
        }
        remove(&folder);
    }

    fn latency(&mut self, round: usize) {
        let (topic, payload) = messages(&streams(1), 1).swap_remove(0);
        let count = 500;
        for turn in 0..2 {
            if (round + turn) % 2 == 0 {
                let folder = &*self.options.folder.join("spool");
                let (workload, port, broker) = ("latency", self.broker.port, self.broker.pid());
                let (samples, streams, batch, window) = (count as u64, 1, BATCH, WINDOW);
                let run = Run { workload, folder, port, broker, samples, streams, batch, window };
                let seconds = run.in_a_child().into_iter().map(|(_, seconds)| seconds);
                self.push_latencies("ours", &seconds.collect::<Vec<_>>());
                remove(folder);
            } else {
                let [heard, told] =
                    bare::latencies(self.broker.port, &topic, &payload, count, EVERY);
                self.push_latencies(BARE, &heard);
                self.push_latencies("bare rumqttc, told", &told);
            }
        }
    }

    fn push_latencies(&mut self, who: &str, seconds: &[f64]) {
        for (unit, percent) in [("µs p50", 50), ("µs p99", 99)] {
            self.results.push("latency", unit, who, percentile(seconds, percent) * 1e6);
        }
    }

    /// 10,000 samples a second for two seconds, over a broker that is far and takes few messages at a
    /// time.
    fn far(&mut self, round: usize) {
        let (workload, port) = ("far broker", far::in_front_of(self.small.port, FAR));
        let (samples, streams, batch, window) = (20_000, STREAMS, BATCH, WINDOW);
        for turn in 0..2 {
            if (round + turn) % 2 == 0 {
                let (folder, broker) = (&*self.options.folder.join("spool"), self.small.pid());
                let run = Run { workload, folder, port, broker, samples, streams, batch, window };
                for (unit, value) in run.in_a_child() {
                    self.results.push(workload, &unit, "ours", value);
                }
                remove(folder);
            } else {
                let payloads = messages(&samples::streams(streams), 1);
                let seconds = bare::publish(port, WINDOW, &payloads, 400);
                self.results.push(
                    workload,
                    "samples/s",
                    "bare rumqttc, unbatched",
                    400.0 / seconds,
                );
            }
        }
    }
}

fn remove(folder: &Path) {
    fs::remove_dir_all(folder).expect("the folder goes");
}
