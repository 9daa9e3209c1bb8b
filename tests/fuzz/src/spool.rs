//! Files of a spool: a folder made of the bytes is opened, read, written to and opened again.
//!
//! The first byte says how the rest becomes files:
//!
//! * 0 — the first two bytes are a length, so many bytes the oldest segment, what is left the cursor.
//! * 1 to 3 — a spool that was really written, as one of this version, with bytes changed: place in the
//!   files (three bytes), new byte; a place beyond the end cuts a file off instead.
//! * others — frames with right checksums: kind, length (two bytes), payload, again and again, in a
//!   segment of version 1, 2 or 3. So the fuzzer reaches what no damage does.

use std::{fs, path::Path, sync::OnceLock};

use domain::{
    BootId, Monotonic, QuantityKind, Reading, SequenceNumber, Stream, StreamName, StreamReading,
    Timestamp, WallTime,
};
use ports::{Position, Spool, SpoolError};
use spool_file::{FileSpool, Options};
use tempfile::TempDir;
use wire::record::Header;

use crate::wire::{cursors, encoded, headers, records};

const MAGIC: &[u8; 8] = b"THspool\n";
const PREFIX_BYTES: usize = 16;
const OLDEST: &str = "00000000000000000000.seg";

type Files = Vec<(String, Vec<u8>)>;

pub(crate) fn run(bytes: &[u8]) -> bool {
    let Some((&how, rest)) = bytes.split_first() else { return false };
    let files = match how {
        0 => raw(rest),
        version @ 1..=3 => damaged(version, rest),
        other => sealed(u32::from(other) % 3 + 1, rest),
    };
    let folder = folder();
    for (name, content) in &files {
        fs::write(folder.path().join(name), content).expect("there is room");
    }
    works(folder.path())
}

/// The spool opens and works whatever is in the folder, unless that is of a newer version.
fn works(folder: &Path) -> bool {
    let spool = match open(folder) {
        Ok(spool) => spool,
        Err(SpoolError::TooNew { .. }) => return false,
        Err(error) => panic!("content keeps the spool from opening: {error:?}"),
    };
    let before = read_all(&spool);
    let appended = spool.append(&[reading(0)]);
    let is_appended = appended.is_ok();
    if let Err(error) = appended {
        assert!(!matches!(error, SpoolError::Access(_)), "{error:?}");
    }
    spool.sync().expect("the disk is sound");
    assert_eq!(read_all(&spool), before + usize::from(is_appended), "what is waiting");
    for (name, head) in spool.heads() {
        let numbers = SequenceNumber(1)..=head;
        spool.replay(&name, Some(BOOT), numbers, 10).expect("damage is no error");
    }
    spool.acknowledge(spool.end()).expect("the disk is sound");
    let end = spool.end();
    drop(spool);
    let spool = open(folder).expect("it was open before");
    assert_eq!((spool.cursor(), spool.end()), (end, end));
    before > 0
}

const BOOT: BootId = BootId::from_bytes([0xB0; 16]);

fn open(folder: &Path) -> Result<FileSpool, SpoolError> {
    let options = Options {
        segment_bytes: 16 << 10,
        bytes_max: 256 << 10,
        retain: 64 << 10,
        free_min: 0,
        reserve: 0,
    };
    FileSpool::open(folder, options, BOOT)
}

fn read_all(spool: &FileSpool) -> usize {
    let (mut from, mut count) = (Position(0), 0);
    while from < spool.end() {
        let backlog = spool.backlog(from, 100).expect("damage is no error");
        assert!(backlog.next > from, "reading stands still");
        count += backlog.samples.len();
        from = backlog.next;
    }
    count
}

fn reading(n: u64) -> StreamReading {
    let kind = QuantityKind::Temperature;
    let name = StreamName::new("outdoor", "temperature").unwrap();
    let at = Timestamp::new(
        WallTime::from_nanos(n.cast_signed() * 1_000),
        Monotonic::from_nanos(n * 1_000),
    );
    let reading = Reading::measured(at, Ok(kind.quantity(21.5).unwrap()));
    StreamReading { stream: Stream { name, kind }, reading }
}

/// In memory, where there is such a folder: thousands are made.
fn folder() -> TempDir {
    let shared = Path::new("/dev/shm");
    let made = if shared.is_dir() { TempDir::new_in(shared) } else { TempDir::new() };
    made.expect("a folder can be made")
}

fn raw(bytes: &[u8]) -> Files {
    let (len, rest) = bytes.split_first_chunk().unwrap_or((&[0, 0], &[]));
    let len = usize::from(u16::from_le_bytes(*len)).min(rest.len());
    let (segment, cursor) = rest.split_at(len);
    vec![(OLDEST.to_owned(), segment.to_vec()), ("cursor".to_owned(), cursor.to_vec())]
}

/// Some segments and a cursor, as they are written now.
fn written() -> &'static Files {
    static WRITTEN: OnceLock<Files> = OnceLock::new();
    WRITTEN.get_or_init(|| {
        let folder = folder();
        let spool = open(folder.path()).unwrap();
        for n in 0..8 {
            let readings: Vec<_> = (n * 100..n * 100 + 100).map(reading).collect();
            assert_eq!(spool.append(&readings).unwrap().evicted, 0);
        }
        spool.acknowledge(Position(150)).unwrap();
        spool.acknowledge_ahead(Position(300)..Position(310)).unwrap();
        spool.sync().unwrap();
        drop(spool);
        let mut files: Files = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.path().is_file())
            .map(|entry| {
                (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
            })
            .collect();
        files.sort();
        files
    })
}

fn damaged(version: u8, changes: &[u8]) -> Files {
    let mut files = written().clone();
    for (_, content) in files.iter_mut().filter(|(_, content)| content.starts_with(MAGIC)) {
        content[..PREFIX_BYTES].copy_from_slice(&prefix(version.into()));
    }
    for change in changes.as_chunks::<4>().0 {
        let [file, place @ .., byte] = *change;
        let file = usize::from(file) % files.len();
        let content = &mut files[file].1;
        match content.get_mut(usize::from(u16::from_le_bytes(place))) {
            Some(at) => *at = byte,
            None => content.truncate(content.len() / 256 * usize::from(byte)),
        }
    }
    files
}

fn prefix(version: u32) -> Vec<u8> {
    let mut prefix = MAGIC.to_vec();
    prefix.extend(version.to_le_bytes());
    prefix.extend(crc32fast::hash(&prefix).to_le_bytes());
    prefix
}

/// The cursor's frames go where its slots are; the segment is named after its header.
fn sealed(version: u32, mut bytes: &[u8]) -> Files {
    let (mut segment, mut cursor, mut first) = (prefix(version), Vec::new(), 0);
    while let Some(([kind, low, high], rest)) = bytes.split_first_chunk() {
        let len = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (payload, rest) = rest.split_at(len);
        bytes = rest;
        match kind % 4 {
            0 => {
                first = Header::decode(payload).map_or(first, |header| header.first);
                segment.extend(frame(*b"\xF5Hdr", payload));
            }
            1 => {
                cursor.resize(cursor.len().next_multiple_of(512), 0);
                cursor.extend(frame(*b"\xF5Cur", payload));
            }
            _ => segment.extend(frame(*b"\xF5Rec", payload)),
        }
    }
    vec![(format!("{first:020}.seg"), segment), ("cursor".to_owned(), cursor)]
}

fn frame(kind: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut covered = kind.to_vec();
    covered.extend(u32::try_from(payload.len()).unwrap().to_le_bytes());
    let mut frame = covered.clone();
    covered.extend(payload);
    frame.extend(crc32fast::hash(&covered).to_le_bytes());
    frame.extend(payload);
    frame
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let piece = |kind: u8, payload: &[u8]| {
        let len = u16::try_from(payload.len()).unwrap().to_le_bytes();
        [&[kind, len[0], len[1]], payload].concat()
    };
    let (header, cursor) = (&headers()[0], cursors());
    let records = records();
    let sealed = |how: u8, cursor: &[u8]| {
        let records = [&records[0], &records[1]].map(|record| piece(2, record)).concat();
        [vec![how], piece(0, header), records, piece(1, cursor)].concat()
    };
    let slot = wire::record::CursorSlot { generation: 1, ..Default::default() };
    let small = encoded(|out| slot.encode(out));
    let segment = &written().iter().find(|(name, _)| name == OLDEST).unwrap().1;
    let len = u16::try_from(segment.len()).unwrap().to_le_bytes();
    vec![
        [&[0, len[0], len[1]], &segment[..]].concat(),
        vec![1],
        vec![2],
        vec![3],
        vec![3, 1, 200, 2, 7],
        sealed(6, &small),
        sealed(7, &small[..24]),
        sealed(8, &cursor[0]),
    ]
}
