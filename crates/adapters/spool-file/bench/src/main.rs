//! `bench-spool [--rounds N] [--quick] [--folder FOLDER] [--json FILE]`
//!
//! One process, contenders interleaved with a rotating start, medians with minimum and maximum.
//!
//! A payload byte is a byte of the spool's own records, headers of segments included. The bare
//! contenders write as many, so that every ratio is over the same payload. Nothing sleeps: a second at
//! 1,000 samples/s is ten appends of 100 and a sync, at once.

mod contenders;
mod device;
mod report;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use contenders::{APPENDS, BATCH, NAMES, append, batch, make, open};
use device::Device;
use domain::StreamReading;
use ports::Spool;
use report::{RATE, Results};

struct Options {
    rounds: usize,
    is_quick: bool,
    folder: PathBuf,
    json: Option<String>,
}

fn options() -> Options {
    let folder = std::env::temp_dir().join(format!("bench-spool-{}", std::process::id()));
    let mut options = Options { rounds: 5, is_quick: false, folder, json: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().expect("an option's value");
        match argument.as_str() {
            "--rounds" => options.rounds = value().parse().expect("a number"),
            "--quick" => options.is_quick = true,
            "--folder" => options.folder = PathBuf::from(value()).join("bench-spool"),
            "--json" => options.json = Some(value()),
            unknown => panic!("unknown option {unknown}"),
        }
    }
    options
}

fn main() {
    if let [_, mode, folder] = &std::env::args().collect::<Vec<_>>()[..]
        && mode == "--drain"
    {
        return drain(Path::new(folder));
    }
    let options = options();
    fs::create_dir_all(&options.folder).expect("a folder");
    let mut results = Results::default();
    let seconds = if options.is_quick { 60 } else { 300 };
    let batches: Vec<_> = (0..seconds * APPENDS).map(batch).collect();
    let bytes = bytes_per_append(&options.folder, &batches);
    println!("{:.1} bytes of payload a sample", bytes as f64 / BATCH as f64);
    for round in 0..options.rounds {
        for turn in 0..NAMES.len() {
            let who = (round + turn) % NAMES.len();
            appends(&mut results, &options.folder, who, &batches, bytes);
            device_bytes(&mut results, &options.folder, who, &batches, bytes);
        }
        let samples = if options.is_quick { 1_000_000 } else { 10_000_000 };
        waiting(&mut results, &options.folder, samples);
    }
    fs::remove_dir_all(&options.folder).expect("the folder goes");
    results.print();
    if let Some(json) = options.json {
        let rows = serde_json::to_string_pretty(&results.rows()).expect("rows");
        fs::write(json, rows).expect("the file is written");
    }
}

/// Runs `work` in a new folder below `within`, and removes the folder.
fn in_folder<T>(within: &Path, work: impl FnOnce(&Path) -> T) -> T {
    let folder = within.join("round");
    fs::create_dir(&folder).expect("a new folder");
    let result = work(&folder);
    fs::remove_dir_all(&folder).expect("the folder goes");
    result
}

/// What ours makes of an append, on average over all of them.
fn bytes_per_append(within: &Path, batches: &[Vec<StreamReading>]) -> usize {
    in_folder(within, |folder| {
        let spool = open(folder);
        let before = spool.count().bytes;
        batches.iter().for_each(|batch| append(&spool, batch));
        ((spool.count().bytes - before) / batches.len() as u64) as usize
    })
}

/// Appends all `batches`, with a sync each second of them. Returns the seconds it took.
fn write(
    folder: &Path,
    who: usize,
    batches: &[Vec<StreamReading>],
    bytes: usize,
    begin: impl FnOnce(),
) -> f64 {
    let mut store = make(who, folder, bytes, batches.len() as u64 / APPENDS);
    begin();
    let start = Instant::now();
    for second in batches.chunks(APPENDS as usize) {
        second.iter().for_each(|batch| store.append(batch));
        store.sync();
    }
    start.elapsed().as_secs_f64()
}

fn appends(
    results: &mut Results,
    within: &Path,
    who: usize,
    batches: &[Vec<StreamReading>],
    bytes: usize,
) {
    let seconds = in_folder(within, |folder| write(folder, who, batches, bytes, || ()));
    let samples = batches.len() as f64 * BATCH as f64;
    results.push("append", RATE, NAMES[who], samples / seconds / 1e6);
}

fn device_bytes(
    results: &mut Results,
    within: &Path,
    who: usize,
    batches: &[Vec<StreamReading>],
    bytes: usize,
) {
    in_folder(within, |folder| {
        let Some(device) = Device::new(folder) else {
            return eprintln!("device bytes: skipped, there is no device to count at");
        };
        let mut before = None;
        let _ = write(&device.mount, who, batches, bytes, || before = Some(device.count()));
        let (before, after) = (before.expect("begun"), device.count());
        let payload = (bytes * batches.len()) as f64;
        let written = (after.bytes - before.bytes) as f64;
        let syncs = batches.len() as f64 / APPENDS as f64;
        results.push("device bytes", "per payload byte", NAMES[who], written / payload);
        let flushes = (after.flushes - before.flushes) as f64;
        results.push("device flushes", "per sync", NAMES[who], flushes / syncs);
    });
}

/// Opens with `samples` waiting, then reads and acknowledges them all.
fn waiting(results: &mut Results, within: &Path, samples: u64) {
    in_folder(within, |folder| {
        let spool = open(folder);
        (0..samples / BATCH).for_each(|n| append(&spool, &batch(n)));
        spool.sync().expect("a sync");
        results.push("open, waiting", "GB waiting", "ours", spool.count().bytes as f64 / 1e9);
        drop(spool);
        // In a process of its own, whose allocator has no freed memory to give out again.
        let program = std::env::current_exe().expect("this program");
        let child = Command::new(program).arg("--drain").arg(folder).output().expect("it runs");
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
        let figures = String::from_utf8(child.stdout).expect("figures");
        let figures: Vec<f64> =
            figures.split_whitespace().map(|f| f.parse().expect("one")).collect();
        let &[drained, open_seconds, open_memory, drain_seconds, peak] = &figures[..] else {
            panic!("five figures, not {figures:?}");
        };
        assert_eq!(drained, samples as f64, "everything appended is read");
        results.push("open, waiting", "s", "ours", open_seconds);
        results.push("open, waiting", "MiB more", "ours", open_memory);
        results.push("drain", RATE, "ours", samples as f64 / drain_seconds / 1e6);
        results.push("drain", "MiB more at the peak", "ours", peak);
    });
}

/// `--drain FOLDER`: prints samples, seconds and MiB that opening took, seconds and peak MiB of draining.
fn drain(folder: &Path) {
    let (memory, start) = (status("VmRSS:"), Instant::now());
    let spool = open(folder);
    let (opening, opened) = (start.elapsed().as_secs_f64(), status("VmHWM:") - memory);
    let (start, mut from, mut drained) = (Instant::now(), spool.cursor(), 0);
    while from < spool.end() {
        let run = spool.backlog(from, 500).expect("a backlog");
        drained += run.samples.len();
        from = run.next;
        spool.acknowledge(from).expect("an acknowledgement");
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{drained} {opening} {opened} {seconds} {}", status("VmHWM:") - memory);
}

/// A line of this process's status, in MiB.
fn status(key: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("a size");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
}
