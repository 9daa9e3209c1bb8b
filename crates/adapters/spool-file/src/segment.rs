//! Segments: their names, their beginnings, and the walk through their records.
//!
//! A segment is `magic[8] version[4] crc32[4]`, a header frame, then record frames to the end. The
//! first sixteen bytes have the same meaning in every version, so that any program can tell which
//! version a file is of.

use std::{io, sync::Arc};

use wire::record::{Header, NUMBER_MAX, Record, VERSION};

use crate::{
    disk::DiskFile,
    frame::{self, Kind, TooLong},
};

const SUFFIX: &str = ".seg";
const MAGIC: [u8; 8] = *b"THspool\n";
const PREFIX_LEN: usize = 16;
/// How much is read at a time; a longer record is read whole.
const WINDOW: usize = 64 * 1024;

/// The name of the segment whose first position is `first`.
pub(crate) fn name(first: u64) -> String {
    format!("{first:020}{SUFFIX}")
}

/// The first position in the segment of that name, if it is the name of one.
pub(crate) fn first_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX).filter(|digits| digits.len() == 20)?;
    let first = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?;
    first.filter(|&first| first <= NUMBER_MAX)
}

/// The bytes that a segment begins with.
pub(crate) fn beginning(header: &Header) -> Result<Vec<u8>, TooLong> {
    let mut out = prefix(VERSION).to_vec();
    frame::seal(Kind::HEADER, &mut out, |out| header.encode(out))?;
    Ok(out)
}

pub(crate) fn prefix(version: u32) -> [u8; PREFIX_LEN] {
    let mut prefix = [0; PREFIX_LEN];
    prefix[..8].copy_from_slice(&MAGIC);
    prefix[8..12].copy_from_slice(&version.to_le_bytes());
    let crc = crc32fast::hash(&prefix[..12]);
    prefix[12..].copy_from_slice(&crc.to_le_bytes());
    prefix
}

/// How a segment begins.
#[derive(Debug)]
pub(crate) enum Beginning {
    /// With a header that can be relied on.
    Sound {
        /// The header.
        header: Header,
        /// Where the records begin, in bytes.
        body: u64,
    },
    /// With something else. Records may follow.
    Damaged,
    /// With the prefix of a version that this program does not know.
    TooNew {
        /// That version.
        found: u32,
    },
}

/// How long a beginning is that begins with `bytes`, as far as they tell.
pub(crate) fn beginning_len(bytes: &[u8]) -> usize {
    let head = bytes.get(PREFIX_LEN..).unwrap_or_default();
    PREFIX_LEN + frame::length(Kind::HEADER, head).unwrap_or(frame::OVERHEAD)
}

/// Reads how a segment begins.
pub(crate) fn read_beginning(file: &dyn DiskFile) -> io::Result<Beginning> {
    let mut bytes = vec![0; PREFIX_LEN + frame::OVERHEAD];
    let found = file.read_at(&mut bytes, 0)?;
    bytes.truncate(found);
    let Some((start, head)) = bytes.split_first_chunk::<PREFIX_LEN>() else {
        return Ok(Beginning::Damaged);
    };
    // A damaged prefix says nothing of the version; the header frame then speaks for itself.
    let version = u32::from_le_bytes([start[8], start[9], start[10], start[11]]);
    if version > VERSION && *start == prefix(version) {
        return Ok(Beginning::TooNew { found: version });
    }
    let Some(length) = frame::length(Kind::HEADER, head) else { return Ok(Beginning::Damaged) };
    let mut header = vec![0; length];
    let found = file.read_at(&mut header, PREFIX_LEN as u64)?;
    header.truncate(found);
    let header = frame::payload(Kind::HEADER, &header).and_then(|p| Header::decode(p).ok());
    let body = (PREFIX_LEN + length) as u64;
    Ok(header.map_or(Beginning::Damaged, |header| Beginning::Sound { header, body }))
}

/// Makes a segment of an older version one of ours, by its prefix: all that it holds means the same, and
/// it may be about to get words that its version does not know.
pub(crate) fn raise_version(file: &dyn DiskFile) -> io::Result<()> {
    let mut start = [0; PREFIX_LEN];
    let found = file.read_at(&mut start, 0)?;
    let version = u32::from_le_bytes([start[8], start[9], start[10], start[11]]);
    if found == PREFIX_LEN && version < VERSION && start == prefix(version) {
        file.write_at(&prefix(VERSION), 0)?;
        file.sync()?;
    }
    Ok(())
}

/// What comes next in a segment.
#[derive(Debug)]
pub(crate) enum Step {
    /// A whole record.
    Record(Record),
    /// Bytes that are no record, up to the next one or to the end.
    Damage {
        /// Where they begin.
        offset: u64,
        /// How many there are.
        len: u64,
    },
    /// Nothing.
    End,
}

/// Reads a segment record by record and finds its way around damage.
pub(crate) struct Walk {
    file: Arc<dyn DiskFile>,
    header: Option<Header>,
    offset: u64,
    /// No record may begin before this position: none is given twice, whatever the disk holds.
    next: u64,
    /// No record may end after this position.
    before: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl Walk {
    /// Begins at the first record of the segment that begins at position `first`.
    pub(crate) fn begin(file: Arc<dyn DiskFile>, first: u64) -> io::Result<Self> {
        let (header, offset) = match read_beginning(&*file)? {
            Beginning::Sound { header, body } => (Some(header).filter(|h| h.first == first), body),
            Beginning::Damaged | Beginning::TooNew { .. } => (None, 0),
        };
        Ok(Self {
            file,
            header,
            offset,
            next: first,
            before: u64::MAX,
            window: Vec::new(),
            window_at: 0,
        })
    }

    /// The position that the next record begins at, unless something is missing before it.
    pub(crate) fn position(&self) -> u64 {
        self.next
    }

    /// Where the next step begins, in bytes.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The segment's header, if it has a sound one.
    pub(crate) fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// The segment's file.
    pub(crate) fn file(&self) -> &Arc<dyn DiskFile> {
        &self.file
    }

    /// The next step within the first `until` bytes of the segment. A record that goes on beyond the
    /// first position of the segment after it, `before`, is damage: something took its place when it
    /// could not be read.
    pub(crate) fn step(&mut self, until: u64, before: Option<u64>) -> io::Result<Step> {
        self.before = before.unwrap_or(u64::MAX);
        if self.offset >= until {
            return Ok(Step::End);
        }
        if let Some((record, len)) = self.record_at(self.offset, until)? {
            self.offset += len;
            self.next = record.end();
            return Ok(Step::Record(record));
        }
        let offset = self.offset;
        self.offset = self.next_record(offset + 1, until)?.unwrap_or(until);
        Ok(Step::Damage { offset, len: self.offset - offset })
    }

    /// The record at `offset` and the length of its frame, if there is a sound one.
    fn record_at(&mut self, offset: u64, until: u64) -> io::Result<Option<(Record, u64)>> {
        let (next, before) = (self.next, self.before);
        let Some(length) = frame::length(Kind::RECORD, self.bytes(offset, frame::OVERHEAD, until)?)
        else {
            return Ok(None);
        };
        let payload = frame::payload(Kind::RECORD, self.bytes(offset, length, until)?);
        let record = payload.and_then(|payload| Record::decode(payload).ok());
        let is_in_place = |record: &Record| record.first >= next && record.end() <= before;
        Ok(record.filter(is_in_place).map(|record| (record, length as u64)))
    }

    /// Where the next sound record begins.
    fn next_record(&mut self, mut from: u64, until: u64) -> io::Result<Option<u64>> {
        while from < until {
            let bytes = self.bytes(from, WINDOW, until)?;
            if bytes.is_empty() {
                break; // The file is shorter than it was.
            }
            match frame::find(Kind::RECORD, bytes) {
                Some(place) => {
                    from += place as u64;
                    if self.record_at(from, until)?.is_some() {
                        return Ok(Some(from));
                    }
                    from += 1;
                }
                // The mark may lie across the end of what was read.
                None => from += (bytes.len() as u64).saturating_sub(3).max(1),
            }
        }
        Ok(None)
    }

    /// The bytes at `offset`, at most `len`, fewer at the end.
    fn bytes(&mut self, offset: u64, len: usize, until: u64) -> io::Result<&[u8]> {
        let left = usize::try_from(until.saturating_sub(offset)).unwrap_or(usize::MAX);
        let len = len.min(left);
        let within = offset.checked_sub(self.window_at).and_then(|at| usize::try_from(at).ok());
        let is_here = |at: &usize| at.saturating_add(len) <= self.window.len();
        let start = if let Some(start) = within.filter(is_here) {
            start
        } else {
            self.window.resize(len.max(WINDOW).min(left), 0);
            let read = self.file.read_at(&mut self.window, offset);
            self.window.truncate(*read.as_ref().unwrap_or(&0));
            self.window_at = offset;
            read?;
            0
        };
        let end = self.window.len().min(start + len);
        Ok(&self.window[start..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_twenty_digits_name_a_segment() {
        assert_eq!(first_of(&name(7)), Some(7));
        assert_eq!(first_of(&name(NUMBER_MAX)), Some(NUMBER_MAX));
        assert_eq!(first_of(&name(NUMBER_MAX + 1)), None);
        for foreign in ["7.seg", "lock", "cursor", "99999999999999999999.seg", &name(1)[1..]] {
            assert_eq!(first_of(foreign), None, "{foreign}");
        }
    }
}
