//! Looks into the files of a spool that a gateway has open: which number was the last to be appended.
//!
//! What is there is in the kernel's hands, so it has to survive a kill. The reader is one of its own, written
//! from `docs/specs/spool-format.md`: a mistake in the gateway's recovery does not hide itself.

use std::{
    fs,
    path::{Path, PathBuf},
};

use wire::record::Record;

#[cfg(test)]
mod tests;

/// Magic, version and checksum at the beginning of a segment.
const PREFIX: usize = 16;
/// Kind, length and checksum before a payload.
const OVERHEAD: usize = 12;
const RECORD: &[u8; 4] = b"\xF5Rec";

/// The newest number in the spool, or 0 if there is none in its newest two segments.
pub(crate) fn newest(folder: &Path) -> u64 {
    let newest_first = segments(folder).into_iter().rev().take(2);
    // One that is removed meanwhile is not the newest.
    let numbers = newest_first.filter_map(|path| last_number(&fs::read(path).ok()?));
    numbers.max().unwrap_or(0)
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|end| end == "seg");
    let mut segments: Vec<_> = files.map(|file| file.path()).filter(is_segment).collect();
    segments.sort();
    segments
}

/// The number in the last record that is whole.
fn last_number(segment: &[u8]) -> Option<u64> {
    let (mut rest, mut last) = (segment.get(PREFIX..)?, None);
    while let Some((is_record, payload, after)) = frame(rest) {
        if is_record {
            last = Record::decode(payload).ok().as_ref().and_then(number).or(last);
        }
        rest = after;
    }
    last
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count from 1 on")]
fn number(record: &Record) -> Option<u64> {
    let values = record.readings.iter().rev().filter_map(|reading| reading.outcome.ok());
    values.map(|value| value as u64).next()
}

/// Whether the first frame is a record, its payload, and what comes after it; if it is whole.
fn frame(bytes: &[u8]) -> Option<(bool, &[u8], &[u8])> {
    let (head, rest) = bytes.split_at_checked(OVERHEAD)?;
    let (kind_and_length, checksum) = head.split_at_checked(8)?;
    let (kind, length) = kind_and_length.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(length.try_into().ok()?);
    let (payload, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    let mut crc = crc32fast::Hasher::new();
    crc.update(kind_and_length);
    crc.update(payload);
    (crc.finalize().to_le_bytes() == checksum).then_some((kind == RECORD, payload, after))
}
