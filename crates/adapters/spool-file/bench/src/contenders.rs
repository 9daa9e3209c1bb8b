//! Who stores samples: the spool, SQLite, a bare file that grows, a bare file written over.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    os::unix::fs::FileExt,
    path::Path,
};

use domain::{
    BootId, Monotonic, QuantityKind, Reading, Stream, StreamName, StreamReading, Timestamp,
    WallTime,
};
use ports::Spool;
use spool_file::{FileSpool, Options};

/// Samples of an append.
pub const BATCH: u64 = 100;
/// Appends between two syncs: one second at 1,000 samples/s.
pub const APPENDS: u64 = 10;

pub const NAMES: [&str; 4] = ["ours", "SQLite", "bare write+fdatasync", "bare, written over"];

/// Append number `n`: four streams at 1 kHz together.
pub fn batch(n: u64) -> Vec<StreamReading> {
    let sample = |i: u64| {
        let kind = QuantityKind::Temperature;
        let device = ["a", "b", "c", "d"][(i % 4) as usize];
        let nanos = (n * BATCH + i) * 1_000_000;
        let at = Timestamp::new(
            WallTime::from_nanos(1_700_000_000_000_000_000 + nanos as i64),
            Monotonic::from_nanos(nanos),
        );
        let number = 20.0 + ((n * 7 + i) % 1_000) as f64 / 100.0;
        let name = StreamName::new("bench", device).expect("a name");
        let reading = Reading::measured(at, Ok(kind.quantity(number).expect("a temperature")));
        StreamReading { stream: Stream { name, kind }, reading }
    };
    (0..BATCH).map(sample).collect()
}

pub fn open(folder: &Path) -> FileSpool {
    let options = Options { bytes_max: 4 << 30, free_min: 0, ..Options::default() };
    FileSpool::open(folder, options, BootId::from_bytes([0; 16])).expect("the spool opens")
}

pub fn append(spool: &FileSpool, batch: &[StreamReading]) {
    let appended = spool.append(batch).expect("an append");
    assert_eq!(appended.evicted, 0, "nothing is evicted");
}

/// Something that takes an append and makes what it took durable.
pub trait Store {
    fn append(&mut self, batch: &[StreamReading]);
    fn sync(&mut self);
}

/// Contender number `who` in a new folder. The bare ones write `bytes` an append; `seconds` is how much
/// the one that is written over makes room for, in zeros on the disk, before it begins.
pub fn make(who: usize, folder: &Path, bytes: usize, seconds: u64) -> Box<dyn Store> {
    match who {
        0 => Box::new(Ours(open(folder))),
        1 => Box::new(Sqlite::new(folder)),
        2 => Box::new(Bare { file: file(folder), bytes: vec![0xA5; bytes], at: 0 }),
        _ => {
            let mut file = file(folder);
            let zeros = vec![0; bytes * (APPENDS * seconds) as usize];
            file.write_all(&zeros).expect("room");
            file.sync_all().expect("a sync");
            Box::new(Bare { file, bytes: vec![0xA5; bytes], at: 0 })
        }
    }
}

fn file(folder: &Path) -> File {
    let mut options = OpenOptions::new();
    options.create_new(true).write(true).open(folder.join("bare")).expect("a file")
}

struct Ours(FileSpool);

impl Store for Ours {
    fn append(&mut self, batch: &[StreamReading]) {
        append(&self.0, batch);
    }

    fn sync(&mut self) {
        self.0.sync().expect("a sync");
    }
}

struct Bare {
    file: File,
    bytes: Vec<u8>,
    at: u64,
}

impl Store for Bare {
    fn append(&mut self, _: &[StreamReading]) {
        self.file.write_all_at(&self.bytes, self.at).expect("a write");
        self.at += self.bytes.len() as u64;
    }

    fn sync(&mut self) {
        self.file.sync_data().expect("a sync");
    }
}

/// One transaction from sync to sync, which is what suits it best.
struct Sqlite {
    connection: rusqlite::Connection,
    number: i64,
}

impl Sqlite {
    fn new(folder: &Path) -> Self {
        let connection = rusqlite::Connection::open(folder.join("samples.db")).expect("a database");
        let setup = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
            CREATE TABLE samples(position INTEGER PRIMARY KEY, stream INTEGER, number INTEGER,
                wall INTEGER, monotonic INTEGER, value REAL);
            BEGIN;";
        connection.execute_batch(setup).expect("a table");
        Self { connection, number: 0 }
    }
}

impl Store for Sqlite {
    fn append(&mut self, batch: &[StreamReading]) {
        let sql = "INSERT INTO samples VALUES(?1,?2,?3,?4,?5,?6)";
        let mut insert = self.connection.prepare_cached(sql).expect("a statement");
        for i in 0..batch.len() as i64 {
            let n = self.number;
            let nanos = n * 1_000_000;
            let wall = 1_700_000_000_000_000_000 + nanos;
            let value = 20.0 + (n % 1_000) as f64 / 100.0;
            insert.execute((n, i % 4, n / 4, wall, nanos, value)).expect("an insert");
            self.number += 1;
        }
    }

    fn sync(&mut self) {
        self.connection.execute_batch("COMMIT; BEGIN;").expect("a commit");
    }
}
