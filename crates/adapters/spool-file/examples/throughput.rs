//! Measures the spool in a folder: `cargo run --release -p spool-file --example throughput FOLDER`.
//!
//! Appends batches of 100 samples with a sync each 100 batches, then each batch, then reads and
//! acknowledges all of it, and opens it again. Samples per second on standard output.

use std::{
    error::Error,
    io::{Write, stdout},
    time::Instant,
};

use domain::{
    BootId, Monotonic, QuantityKind, Reading, Stream, StreamName, StreamReading, Timestamp,
    WallTime,
};
use ports::Spool;
use spool_file::{FileSpool, Options};

const BATCH: u64 = 100;

fn batch(n: u64) -> Result<Vec<StreamReading>, Box<dyn Error>> {
    let sample = |i: u64| {
        let kind = QuantityKind::Temperature;
        let name = StreamName::new("bench", ["a", "b", "c", "d"][usize::try_from(i % 4)?])?;
        let nanos = (n * BATCH + i) * 1_000_000;
        let at = Timestamp::new(
            WallTime::from_nanos(1_700_000_000_000_000_000 + i64::try_from(nanos)?),
            Monotonic::from_nanos(nanos),
        );
        let number = 20.0 + f64::from(u32::try_from((n + i) % 1_000)?) / 100.0;
        let outcome = Ok(kind.quantity(number)?);
        Ok(StreamReading { stream: Stream { name, kind }, reading: Reading::measured(at, outcome) })
    };
    (0..BATCH).map(sample).collect()
}

/// Runs `work` and reports what it returns, the number of samples, per second.
fn measure(
    what: &str,
    work: impl FnOnce() -> Result<u64, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
    let start = Instant::now();
    let samples = work()?;
    let seconds = start.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a count of samples, for people")]
    let rate = samples as f64 / seconds;
    writeln!(stdout(), "{what:<40} {samples:>9} samples {seconds:>8.3} s {rate:>12.0} /s")?;
    Ok(())
}

fn append(spool: &FileSpool, batches: u64, sync_every: u64) -> Result<u64, Box<dyn Error>> {
    let batch = batch(7)?;
    for n in 1..=batches {
        let _ = spool.append(&batch)?;
        if n % sync_every == 0 {
            spool.sync()?;
        }
    }
    Ok(batches * BATCH)
}

fn drain(spool: &FileSpool) -> Result<u64, Box<dyn Error>> {
    let (mut from, mut samples) = (spool.cursor(), 0);
    while from < spool.end() {
        let run = spool.backlog(from, 500)?;
        samples += run.samples.len() as u64;
        from = run.next;
        spool.acknowledge(from)?;
    }
    Ok(samples)
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("which folder?")?;
    let boot = BootId::from_bytes([0; 16]);
    let options = Options { bytes_max: 1 << 30, ..Options::default() };
    let spool = FileSpool::open(&folder, options, boot)?;
    measure("append 100 each, sync every 100 appends", || append(&spool, 30_000, 100))?;
    measure("append 100 each, sync every append", || append(&spool, 2_000, 1))?;
    let bytes = spool.count().bytes;
    writeln!(stdout(), "{bytes} bytes on disk for {} samples", spool.end().0)?;
    drop(spool);
    measure("open with all of it waiting", || {
        let spool = FileSpool::open(&folder, options, boot)?;
        Ok(spool.end().0 - spool.cursor().0)
    })?;
    let spool = FileSpool::open(&folder, options, boot)?;
    measure("read 500 each and acknowledge", || drain(&spool))
}
