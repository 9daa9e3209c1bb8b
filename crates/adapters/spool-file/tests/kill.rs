//! Does what was reported survive `kill -9` at any instant?
//!
//! The test runs itself again as a child that appends numbered samples and reports each append on
//! its standard output once `append` has returned, and kills it.

#![expect(clippy::unwrap_used, reason = "helpers of a test: a panic is how it fails")]

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
};

use domain::{
    BootId, Monotonic, QuantityKind, Reading, SequenceNumber, Stream, StreamName, StreamReading,
    Timestamp, WallTime,
};
use ports::{Position, Spool};
use spool_file::{FileSpool, Options};

const CHILD: &str = "SPOOL_FILE_KILL_TEST_FOLDER";
const SENSORS: [&str; 3] = ["a", "b", "c"];

fn open(folder: &Path) -> FileSpool {
    // Small segments, so that kills also hit their making and removal.
    let options = Options { segment_bytes: 16 * 1024, bytes_max: 4 << 20, ..Options::default() };
    FileSpool::open(folder, options, BootId::from_bytes([1; 16])).unwrap()
}

/// The reading that gets the number `seq`: it tells its number by its value.
fn reading(sensor: &str, seq: u64) -> StreamReading {
    let kind = QuantityKind::Count;
    let at = Timestamp::new(WallTime::from_nanos(seq.cast_signed()), Monotonic::from_nanos(seq));
    let number = f64::from(u32::try_from(seq).unwrap());
    let stream = Stream { name: StreamName::new("kill", sensor).unwrap(), kind };
    StreamReading { stream, reading: Reading::measured(at, Ok(kind.quantity(number).unwrap())) }
}

/// Appends until killed. Reports `e END` after each append, `t POSITION` when about to acknowledge
/// and `a POSITION` after that.
fn child(folder: &Path) {
    let spool = open(folder);
    let mut next = [1; 3];
    for (name, seq) in spool.heads() {
        let sensor = SENSORS.iter().position(|s| name.as_str().ends_with(s)).unwrap();
        next[sensor] = seq.0 + 1;
    }
    let report = |what: char, position: Position| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{what} {}", position.0).and_then(|()| out.flush()).unwrap();
    };
    for round in 0_usize.. {
        let readings: Vec<_> = (0..=round * 7 % 40)
            .map(|n| {
                let sensor = (n + round) % 3;
                next[sensor] += 1;
                reading(SENSORS[sensor], next[sensor] - 1)
            })
            .collect();
        report('e', spool.append(&readings).unwrap().end);
        match round % 16 {
            5 => spool.sync().unwrap(),
            9 => {
                let upto = Position(spool.cursor().0 + (spool.end().0 - spool.cursor().0) / 2);
                report('t', upto);
                spool.acknowledge(upto).unwrap();
                report('a', upto);
            }
            _ => {}
        }
    }
}

/// What the child said last, of each kind.
#[derive(Default)]
struct Reported {
    end: u64,
    tried: u64,
    acknowledged: u64,
}

impl Reported {
    fn take(&mut self, line: &str) {
        // The test harness of the child writes lines of its own.
        let Some((what, Ok(position))) = line.split_once(' ').map(|(w, p)| (w, p.parse())) else {
            return;
        };
        match what {
            "e" => self.end = position,
            "t" => self.tried = position,
            "a" => self.acknowledged = position,
            _ => {}
        }
    }
}

fn spawn(folder: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "what_was_reported_survives_kill_nine", "--nocapture"])
        .env(CHILD, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn check(spool: &FileSpool, reported: &Reported) {
    assert!(spool.end().0 >= reported.end, "{} was reported, not {:?}", reported.end, spool.end());
    let cursor = spool.cursor().0;
    assert!((reported.acknowledged..=reported.tried.max(reported.acknowledged)).contains(&cursor));
    assert_eq!(spool.count().corrupt, 0);
    let (mut from, mut seen, mut count) = (spool.cursor(), [None::<u64>; 3], 0);
    while from < spool.end() {
        let run = spool.backlog(from, 500).unwrap();
        assert_eq!(run.next.0, from.0 + run.samples.len() as u64, "a hole");
        for sample in &run.samples {
            let sensor = SENSORS.iter().position(|s| sample.stream.name.as_str().ends_with(s));
            let last = &mut seen[sensor.unwrap()];
            assert!(last.is_none_or(|last| last + 1 == sample.seq.0), "{last:?} {sample:?}");
            let expected = reading(SENSORS[sensor.unwrap()], sample.seq.0);
            assert_eq!((&sample.stream, sample.reading), (&expected.stream, expected.reading));
            *last = Some(sample.seq.0);
        }
        count += run.samples.len() as u64;
        from = run.next;
    }
    assert_eq!(count, spool.end().0 - cursor);
    for (name, SequenceNumber(head)) in spool.heads() {
        let sensor = SENSORS.iter().position(|s| name.as_str().ends_with(s)).unwrap();
        assert!(seen[sensor].is_none_or(|last| last == head), "{name} goes on after {head}");
    }
}

#[test]
fn what_was_reported_survives_kill_nine() {
    if let Some(folder) = env::var_os(CHILD) {
        return child(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut reported = Reported::default();
    for round in 0..20_usize {
        let before = reported.end;
        let mut running = spawn(folder.path());
        let mut lines = BufReader::new(running.stdout.take().unwrap()).lines().map(Result::unwrap);
        // The child does not wait for us, so where the kill hits it is up to chance.
        for line in lines.by_ref().take(10 + round * 397 % 1_000) {
            reported.take(&line);
        }
        running.kill().unwrap();
        running.wait().unwrap();
        lines.for_each(|line| reported.take(&line));
        assert!(reported.end > before, "round {round} appended nothing");
        check(&open(folder.path()), &reported);
    }
}
