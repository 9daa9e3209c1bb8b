//! `derive [--rounds N] [--json FILE]`: what derived metrics cost, as ratios in one run.
//!
//! * ten metrics over each of 1,000 streams, on two workers and on one;
//! * the same ten over 10 to 10,000 streams: nanoseconds of one thread for a sample and its ten metrics, beside
//!   a bare loop over as much memory (**floor**);
//! * statistics over sliding windows of 100 and of 100,000 samples;
//! * the spectrum of 1,024 samples beside bare realfft;
//! * allocations for a sample once windows are full.
//!
//! `--quick` stops after the first two.
//!
//! Contenders are interleaved, the first of a round changing.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a tool for the terminal; counts are far below 2^52"
)]
#![expect(unsafe_code, reason = "an allocator that counts")]
#![expect(clippy::disallowed_methods, reason = "a tool that measures time")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    hint::black_box,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use domain::{
    BootId, Monotonic, Quality, QuantityKind, Reading, Stream, StreamName, StreamReading,
    Timestamp, WallTime,
    derived::{
        self, Input, Metric, Moment,
        vibration::{Spectrum, Window},
    },
    parameter::{Argument, Arguments},
};
use executor::Executor;
use pipeline::{
    acquire::Acquired,
    derive::{Beginning, Derivation, MetricPlan},
    telemetry::Counters,
};
use realfft::RealFftPlanner;

/// Counts how often memory is asked for, and how much is in use.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it came; the counts touch no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        BYTES.fetch_add(size, Ordering::Relaxed);
        BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: `pointer` came from the system's allocator with `layout`, and the rest is the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: `pointer` came from `alloc` above, so from the system's allocator, with `layout`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const KIND: QuantityKind = QuantityKind::Power;
/// The sensors of a device: so many readings come together.
const SENSORS: usize = 10;
/// Of the statistics among the ten, in samples.
const WINDOW: u32 = 60;
/// The most outcomes of devices that the store takes at one time.
const BATCH: usize = 1_024;
const PERIOD: Duration = Duration::from_millis(100);

/// The ten metrics of each stream: function and what is said of it.
type Said = (&'static str, Vec<(&'static str, Argument)>);

fn ten() -> [Said; 10] {
    let samples = || ("samples", Argument::Integer(WINDOW.into()));
    [
        ("calibrate", vec![("gain", Argument::Number(1.02)), ("offset", Argument::Number(-0.5))]),
        ("ewma", vec![("time_constant", Argument::Duration(Duration::from_secs(10)))]),
        ("moving_average", vec![samples()]),
        ("standard_deviation", vec![samples()]),
        ("minimum", vec![samples()]),
        ("maximum", vec![samples()]),
        ("median", vec![samples()]),
        ("integral", vec![("gap_max", Argument::Duration(Duration::from_secs(60)))]),
        ("deadband", vec![("absolute", Argument::Number(0.25))]),
        ("alarm_high", vec![("limit", Argument::Number(900.0))]),
    ]
}

fn arguments(
    function: &str,
    said: Vec<(&'static str, Argument)>,
) -> (&'static derived::Entry, Arguments) {
    let entry = derived::find(function).unwrap();
    (entry, Arguments::new(entry.parameters, said).unwrap())
}

fn stream(device: usize, sensor: usize) -> Stream {
    let name = StreamName::new(&format!("d{device}"), &format!("s{sensor}")).unwrap();
    Stream { name, kind: KIND }
}

/// The ten metrics of each of `streams`.
fn plans(streams: &[Vec<Stream>]) -> Vec<MetricPlan> {
    let of_stream = |(number, input): (usize, &Stream)| {
        let input = input.clone();
        ten().into_iter().enumerate().map(move |(index, (function, said))| {
            let (function, arguments) = arguments(function, said);
            let (kind, _) = (function.make)(&[KIND], &arguments).unwrap();
            let name = StreamName::derived(&format!("m{number}_{index}")).unwrap();
            let inputs = vec![input.clone()];
            let stream = Stream { name, kind };
            MetricPlan { stream, function, arguments, inputs, tolerance: PERIOD }
        })
    };
    streams.iter().flatten().enumerate().flat_map(of_stream).collect()
}

fn at(tick: u64) -> Timestamp {
    let nanos = tick * u64::try_from(PERIOD.as_nanos()).unwrap();
    let wall = WallTime::from_nanos(1_700_000_000_000_000_000 + nanos.cast_signed());
    Timestamp::new(wall, Monotonic::from_nanos(nanos))
}

/// A number that looks like a signal: xorshift64 (Marsaglia 2003) upon a slow ramp.
fn number(state: &mut u64) -> f64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    500.0 + (*state >> 40) as f64 / 65_536.0
}

struct Site {
    derivation: Derivation,
    /// Device by device.
    streams: Vec<Vec<Stream>>,
    /// How many ticks a round has.
    ticks: u64,
    next: u64,
    state: u64,
    /// Of the metrics, their plans and the names, for each stream.
    bytes: usize,
}

/// What work has cost.
#[derive(Default)]
struct Cost {
    seconds: f64,
    allocations: u64,
}

impl Site {
    /// With full windows, so that what is measured is the steady state. A round is of a whole number of windows
    /// at least.
    fn new(streams: usize, workers: usize, samples: usize) -> Self {
        let executor = Arc::new(
            Executor::builder().workers(NonZeroUsize::new(workers).unwrap()).build().unwrap(),
        );
        let beginning = Beginning { boot: BootId::from_bytes([7; 16]), now: at(0), saved: None };
        let ticks = (samples / streams).next_multiple_of(WINDOW as usize) as u64;
        let of_device = |first: usize| {
            let sensors = first..streams.min(first + SENSORS);
            sensors.map(|number| stream(number / SENSORS, number % SENSORS)).collect()
        };
        let streams: Vec<_> = (0..streams).step_by(SENSORS).map(of_device).collect();
        let before = BYTES.load(Ordering::Relaxed);
        let derivation =
            Derivation::new(plans(&streams), beginning, executor, Arc::<Counters>::default());
        let (derivation, state) = (derivation.unwrap(), 0x9E37_79B9_7F4A_7C15);
        let mut site = Self { derivation, streams, ticks, next: 1, state, bytes: 0 };
        site.run(2 * u64::from(WINDOW));
        site.bytes = (BYTES.load(Ordering::Relaxed) - before) / site.count();
        site
    }

    /// How many streams there are.
    fn count(&self) -> usize {
        self.streams.iter().map(Vec::len).sum()
    }

    /// Takes the readings of so many ticks, in batches as the store takes them out of a queue that is full.
    fn run(&mut self, ticks: u64) -> Cost {
        let (mut cost, mut batch) = (Cost::default(), Vec::with_capacity(BATCH));
        for tick in self.next..self.next + ticks {
            for device in 0..self.streams.len() {
                batch.push(self.acquire(device, tick));
                if batch.len() == BATCH {
                    self.derive(&mut batch, &mut cost);
                }
            }
        }
        self.derive(&mut batch, &mut cost);
        self.next += ticks;
        cost
    }

    /// One reading of each sensor of a device.
    fn acquire(&mut self, device: usize, tick: u64) -> Acquired {
        let state = &mut self.state;
        let reading = |stream: &Stream| {
            let outcome = Ok(KIND.quantity(number(state)).unwrap());
            let reading = Reading { at: at(tick), outcome, quality: Quality::Good };
            StreamReading { stream: stream.clone(), reading }
        };
        let readings = self.streams[device].iter().map(reading).collect();
        Acquired { device, ordinal: tick, readings }
    }

    /// What is measured. Readings are the acquisition's work, and what becomes of the results is the store's:
    /// neither is in it.
    fn derive(&mut self, batch: &mut Vec<Acquired>, cost: &mut Cost) {
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        let begin = Instant::now();
        let derived = self.derivation.derive_in_parts(batch);
        cost.seconds += begin.elapsed().as_secs_f64();
        cost.allocations += ALLOCATIONS.load(Ordering::Relaxed) - before;
        drop(black_box(derived));
        batch.clear();
    }

    /// Nanoseconds for a sample and its ten metrics, and allocations for it.
    fn cost(&mut self) -> (f64, f64) {
        let cost = self.run(self.ticks);
        let samples = (self.ticks * self.count() as u64) as f64;
        (cost.seconds * 1e9 / samples, cost.allocations as f64 / samples)
    }
}

/// Lines of the cache, of 64 bytes, that a sample and its ten metrics touch: what is known of the ten 14, their
/// states 19, a place in each of five windows 8, the numbers of the median in order 8, one of names, one of the
/// alarm and three of the way of the sample there.
const LINES: usize = 54;

/// A program that does nothing but touch memory: for each sample of a stream it adds to one number in each of
/// [`LINES`] lines, spread over as many bytes as the stream's metrics have, and not one after the other. It waits
/// for none of them. What it takes longer among many streams is the memory's.
struct Floor {
    memory: Vec<u64>,
    streams: usize,
    /// Which numbers of a stream.
    places: [usize; LINES],
}

impl Floor {
    fn new(streams: usize, bytes: usize) -> Self {
        let words = bytes / 8;
        // 23 and 54 have no common factor: each line once.
        let places = core::array::from_fn(|line| line * 23 % LINES * (words / LINES));
        Self { memory: vec![1; streams * words], streams, places }
    }

    /// Nanoseconds for a sample.
    fn cost(&mut self, samples: usize) -> f64 {
        let words = self.memory.len() / self.streams;
        let rounds = samples.div_ceil(self.streams);
        let begin = Instant::now();
        for _ in 0..rounds {
            for block in self.memory.chunks_exact_mut(words) {
                for &place in &self.places {
                    block[place] = block[place].wrapping_add(1);
                }
                black_box(&block);
            }
        }
        begin.elapsed().as_secs_f64() * 1e9 / (rounds * self.streams) as f64
    }
}

/// Nanoseconds for a sample of one metric with a sliding window of `window` samples.
fn sliding(function: &'static str, window: usize) -> f64 {
    const MEASURED: usize = 200_000;
    let samples = Argument::Integer(i64::try_from(window).unwrap());
    let (entry, arguments) = arguments(function, vec![("samples", samples)]);
    let (_, mut metric) = (entry.make)(&[KIND], &arguments).unwrap();
    let mut state = 0x2545_F491_4F6C_DD1D;
    let mut out = Vec::with_capacity(4);
    let mut feed = |metric: &mut Box<dyn Metric>, n: usize| {
        let at = Moment::from_nanos(i64::try_from(n).unwrap() * 1_000_000);
        let outcome = Ok(KIND.quantity(number(&mut state)).unwrap());
        out.clear();
        metric.next(at, &[Input { outcome, quality: Quality::Good }], &mut out);
        black_box(&out);
    };
    (0..2 * window).for_each(|n| feed(&mut metric, n));
    let begin = Instant::now();
    (2 * window..2 * window + MEASURED).for_each(|n| feed(&mut metric, n));
    begin.elapsed().as_secs_f64() * 1e9 / MEASURED as f64
}

const POINTS: usize = 1_024;

/// Microseconds for the spectrum of 1,024 points, ours and bare realfft.
fn spectra() -> (f64, f64) {
    const TIMES: u32 = 4_000;
    let mut state = 1;
    let block: Vec<_> = (0..POINTS).map(|_| number(&mut state)).collect();
    let mut ours = Spectrum::new(NonZeroUsize::new(POINTS).unwrap(), Window::Hann);
    let begin = Instant::now();
    for _ in 0..TIMES {
        black_box(ours.of(black_box(&block)).is_ok());
    }
    let our_time = begin.elapsed();
    let fft = RealFftPlanner::<f64>::new().plan_fft_forward(POINTS);
    let (mut input, mut lines) = (fft.make_input_vec(), fft.make_output_vec());
    let mut scratch = fft.make_scratch_vec();
    let begin = Instant::now();
    for _ in 0..TIMES {
        input.copy_from_slice(black_box(&block));
        fft.process_with_scratch(&mut input, &mut lines, &mut scratch).unwrap();
        black_box(&lines);
    }
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(TIMES);
    (micros(our_time), micros(begin.elapsed()))
}

/// A row of the table: the figures of all rounds.
struct Row {
    workload: String,
    contender: String,
    unit: &'static str,
    is_better_high: bool,
    figures: Vec<f64>,
}

#[derive(Default)]
struct Table(Vec<Row>);

impl Table {
    fn add(&mut self, workload: &str, contender: &str, unit: &'static str, figure: f64) {
        let is_row = |row: &&mut Row| row.workload == workload && row.contender == contender;
        if let Some(row) = self.0.iter_mut().find(is_row) {
            return row.figures.push(figure);
        }
        let (workload, contender) = (workload.to_owned(), contender.to_owned());
        let is_better_high = unit.starts_with("samples");
        self.0.push(Row { workload, contender, unit, is_better_high, figures: vec![figure] });
    }

    fn median(&self, workload: &str, contender: &str) -> f64 {
        let row = self.0.iter().find(|r| r.workload == workload && r.contender == contender);
        row.unwrap().spread()[1]
    }

    fn json(&self) -> String {
        let rows = self.0.iter().map(|row| {
            let [min, median, max] = row.spread();
            let better = if row.is_better_high { "higher" } else { "lower" };
            format!(
                r#"{{"workload":"{}","contender":"{}","unit":"{}","better":"{better}","median":{median},"min":{min},"max":{max},"rounds":{}}}"#,
                row.workload, row.contender, row.unit, row.figures.len()
            )
        });
        format!("[\n{}\n]\n", rows.collect::<Vec<_>>().join(",\n"))
    }
}

impl Row {
    /// Least, median, most.
    fn spread(&self) -> [f64; 3] {
        let mut sorted = self.figures.clone();
        sorted.sort_by(f64::total_cmp);
        [sorted[0], sorted[sorted.len() / 2], sorted[sorted.len() - 1]]
    }
}

/// At least as many are measured in a round.
const SAMPLES: usize = 60_000;
const SIZES: [usize; 4] = [10, 100, 1_000, 10_000];
const STATISTICS: [&str; 5] =
    ["moving_average", "standard_deviation", "minimum", "maximum", "median"];
const WINDOWS: [usize; 2] = [100, 100_000];

fn round(table: &mut Table, sites: &mut Sites, number: usize) {
    for step in 0..2 {
        let workers = 1 + (number + step) % 2;
        let (cost, _) = sites.workers[workers - 1].cost();
        let contender = if workers == 2 { "ours" } else { "one worker" };
        table.add("ten metrics over 1,000 streams", contender, "samples/s", 1e9 / cost);
    }
    for step in 0..SIZES.len() {
        let size = (number + step) % SIZES.len();
        let (cost, allocations) = sites.sizes[size].cost();
        let workload = format!("a sample and its ten metrics, {} streams", SIZES[size]);
        table.add(&workload, "ours", "ns", cost);
        table.add(&workload, "floor", "ns", sites.floors[size].cost(SAMPLES));
        table.add(&format!("{workload}, allocations"), "ours", "1", allocations);
    }
    if is_quick() {
        return;
    }
    for function in STATISTICS {
        for window in WINDOWS {
            let workload = format!("sliding {function} of {window} samples");
            table.add(&workload, "ours", "ns", sliding(function, window));
        }
    }
    let (ours, bare) = spectra();
    table.add("spectrum of 1,024 points", "ours", "us", ours);
    table.add("spectrum of 1,024 points", "realfft", "us", bare);
}

struct Sites {
    /// One worker, and two.
    workers: [Site; 2],
    sizes: [Site; 4],
    floors: [Floor; 4],
}

fn print(table: &Table, rounds: usize) {
    println!("{rounds} rounds: median (least to most)");
    for row in &table.0 {
        let [min, median, max] = row.spread();
        println!(
            "{:<58} {:<11} {median:>12.2} {:<9} ({min:.2} to {max:.2})",
            row.workload, row.contender, row.unit
        );
    }
    let ten = "ten metrics over 1,000 streams";
    let of = |contender: &str, size: usize| {
        table.median(&format!("a sample and its ten metrics, {size} streams"), contender)
    };
    let spectrum = "spectrum of 1,024 points";
    println!("\ngoals");
    let speed_up = table.median(ten, "ours") / table.median(ten, "one worker");
    goal("two workers against one", speed_up, "at least 1.8", speed_up >= 1.8);
    let growth = of("ours", 10_000) / of("ours", 10);
    goal("a sample among 10,000 streams against among 10", growth, "at most 1.2", growth <= 1.2);
    let more = |contender| of(contender, 10_000) - of(contender, 10);
    let (ours, floor) = (more("ours"), more("floor"));
    println!(
        "  what it takes longer: {ours:.0} ns, of which memory that nobody waits for {floor:.0} ns"
    );
    if is_quick() {
        return;
    }
    let fft = table.median(spectrum, "ours") / table.median(spectrum, "realfft");
    goal("spectrum against bare realfft", fft, "at most 1.2", fft <= 1.2);
}

fn goal(what: &str, ratio: f64, wanted: &str, is_met: bool) {
    println!("  {what:<50} {ratio:>6.2} ({wanted}): {}", if is_met { "met" } else { "missed" });
}

fn option(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

fn is_quick() -> bool {
    std::env::args().any(|argument| argument == "--quick")
}

fn main() {
    let repeats: usize = option("--rounds").map_or(7, |text| text.parse().unwrap());
    let sizes = SIZES.map(|size| Site::new(size, 1, SAMPLES));
    let floors = [0, 1, 2, 3].map(|size| Floor::new(SIZES[size], sizes[size].bytes));
    let workers = [1, 2].map(|workers| Site::new(1_000, workers, SAMPLES));
    println!("{} bytes for a stream and its ten metrics", sizes[3].bytes);
    let mut bench = Sites { workers, sizes, floors };
    let mut table = Table::default();
    for number in 0..repeats {
        round(&mut table, &mut bench, number);
    }
    print(&table, repeats);
    if let Some(file) = option("--json") {
        std::fs::write(file, table.json()).unwrap();
    }
}
