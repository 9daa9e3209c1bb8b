//! The log: the segments in their order, what is written to the newest, and what is removed.
//!
//! Every change on disk comes first and the change in memory follows only if it succeeded, so that
//! an error leaves the log as it was.

mod entry;
mod room;

use core::ops::Range;
use std::{collections::VecDeque, io, sync::Arc};

use domain::{BootId, Sample, StreamReading};
use ports::{Appended, Position, SpoolCount, SpoolError};
use wire::record::{Record, StreamId};

use crate::{
    Options, cursor,
    cursor::Cursor,
    damage::Damage,
    disk::{Disk, DiskFile},
    frame::{self, Kind, TooLong},
    holes::Holes,
    numbering::{Numbering, Staged},
    reserve::Reserve,
    segment, spool_error, unstorable,
};

pub(crate) use self::{
    entry::{Segment, Unsynced, View},
    room::{Company, Gives, Others},
};

/// The state of the spool but for the reader's place.
pub(crate) struct Log {
    disk: Arc<dyn Disk>,
    options: Options,
    boot: BootId,
    /// Never empty once recovery is done; the last is the one written to.
    segments: VecDeque<Segment>,
    segment_bytes_sum: u64,
    pub(crate) numbering: Numbering,
    /// Streams with this id or a higher one are not in the newest segment's header.
    declared_below: StreamId,
    pub(crate) end: u64,
    pub(crate) cursor: Cursor,
    pub(crate) damage: Damage,
    holes: Holes,
    reserve: Reserve,
    /// The other logs that it shares its limits with.
    company: Option<Company>,
    /// How many readings were refused.
    refused: u64,
    /// The newest append failed because even all that may go would not leave enough of the disk free.
    is_kept_free: bool,
    /// How much may be written before the file system is asked again, in bytes.
    unasked: u64,
    names_changed: u64,
    names_synced: u64,
}

impl Log {
    /// A log of what recovery found.
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        options: Options,
        boot: BootId,
        (cursor, damage, reserve): (Cursor, Damage, Reserve),
    ) -> Self {
        Self {
            disk,
            options,
            boot,
            segments: VecDeque::new(),
            segment_bytes_sum: 0,
            numbering: Numbering::default(),
            declared_below: StreamId(0),
            end: 0,
            cursor,
            damage,
            holes: Holes::default(),
            reserve,
            company: None,
            refused: 0,
            is_kept_free: false,
            unasked: 0,
            names_changed: 0,
            names_synced: 0,
        }
    }

    /// Takes over the segments that recovery found, oldest first.
    pub(crate) fn adopt(&mut self, segments: Vec<Segment>) {
        self.segment_bytes_sum = segments.iter().map(|segment| segment.len).sum();
        self.segments = segments.into();
    }

    /// Goes on writing to the newest segment, whose header lists all streams with lower ids.
    pub(crate) fn resume(&mut self, file: Arc<dyn DiskFile>, declared_below: StreamId) {
        self.declared_below = declared_below;
        if let Some(newest) = self.segments.back_mut() {
            newest.file = Some(file);
        }
    }

    /// Syncs the cursor and the names that recovery found; if that fails, the next sync tries again.
    pub(crate) fn settle(&mut self) {
        if self.cursor.sync().is_err() {
            self.cursor.doubt();
        }
        self.names_changed += 1;
        if self.disk.sync().is_ok() {
            self.mark_names_synced(self.names_changed);
        }
    }

    /// Shares its limits with others from now on.
    pub(crate) fn join(&mut self, company: Company) {
        self.company = Some(company);
    }

    /// Adds one record with all `readings`, or nothing.
    pub(crate) fn append(&mut self, readings: &[StreamReading]) -> Result<Appended, SpoolError> {
        let evicted_before = self.cursor.evicted;
        let mut refused = 0;
        self.is_kept_free = false;
        if !readings.is_empty() {
            let staged = self.numbering.stage(readings).map_err(unstorable)?;
            staged.check_numbers(self.end).map_err(unstorable)?;
            if self.try_to_store(&staged)? {
                self.end += readings.len() as u64;
                self.numbering.commit(staged);
            } else {
                refused = readings.len() as u64;
            }
        }
        self.refused += refused;
        let evicted = self.cursor.evicted - evicted_before;
        Ok(Appended { end: Position(self.end), evicted, refused })
    }

    /// False if it is refused.
    fn try_to_store(&mut self, staged: &Staged) -> Result<bool, SpoolError> {
        let stored = match self.store(staged) {
            Err(SpoolError::Full(_)) if self.is_spent() || self.retained() > 0 => {
                self.release()?;
                self.store(staged)
            }
            stored => stored,
        };
        match stored {
            Err(SpoolError::Full(_)) if self.company.is_some() => self.store_on_full_disk(staged),
            stored => stored,
        }
    }

    /// False if the limits that are shared with others have no room for it.
    fn store(&mut self, staged: &Staged) -> Result<bool, SpoolError> {
        let mut record = self.record(staged).map_err(unstorable)?;
        if self.must_roll(record.len() as u64) {
            if !self.is_spent() {
                self.leave_free(record.len() as u64)?;
            }
            self.roll()?;
            record = self.record(staged).map_err(unstorable)?;
        }
        if !self.make_room(record.len() as u64)? {
            return Ok(false);
        }
        // The other half is for the header without which a spent segment cannot go.
        let keep = self.options.reserve / 2;
        self.with_reserve(record.len() as u64, keep, |log| log.write(&record))?;
        Ok(true)
    }

    fn record(&self, staged: &Staged) -> Result<Vec<u8>, TooLong> {
        let record = Record {
            first: self.end,
            boot: self.boot,
            declared: self.numbering.younger(staged, self.declared_below),
            readings: staged.readings.clone(),
        };
        let mut bytes = Vec::with_capacity(64 + 16 * record.readings.len());
        frame::seal(Kind::RECORD, &mut bytes, |out| record.encode(out))?;
        // With half of the limit to itself, a record always fits beside its segment's header.
        let limit = usize::try_from(self.options.bytes_max / 2).unwrap_or(usize::MAX);
        if bytes.len() > limit { Err(TooLong { bytes: bytes.len(), limit }) } else { Ok(bytes) }
    }

    fn must_roll(&self, record_len: u64) -> bool {
        let newest = self.segments.back();
        newest.is_none_or(|newest| {
            self.end > newest.first && newest.len + record_len > self.options.segment_bytes
        })
    }

    /// Begins a new segment, whose header says all that is needed to go on without the others.
    pub(crate) fn roll(&mut self) -> Result<(), SpoolError> {
        let header = self.numbering.header(self.end);
        let beginning = segment::beginning(&header).map_err(unstorable)?;
        self.with_reserve(beginning.len() as u64, 0, |log| log.begin(&beginning))
    }

    fn begin(&mut self, beginning: &[u8]) -> Result<(), SpoolError> {
        let name = segment::name(self.end);
        let file = self.disk.create(&name).map_err(spool_error)?;
        self.names_changed += 1;
        if let Err(error) = file.write_at(beginning, 0) {
            // If this fails, too, recovery removes what is left: it has no records.
            let _ = self.disk.remove(&name);
            return Err(spool_error(error));
        }
        if let Some(sealed) = self.segments.back_mut().filter(|sealed| !sealed.is_dirty()) {
            sealed.file = None;
        }
        let len = beginning.len() as u64;
        self.segments.push_back(Segment::new(self.end, len, file));
        self.segment_bytes_sum += len;
        self.declared_below = self.numbering.next_id();
        Ok(())
    }

    fn write(&mut self, record: &[u8]) -> Result<(), SpoolError> {
        let Some((newest, file)) = self.segments.back_mut().and_then(|newest| {
            let file = newest.file.clone()?;
            Some((newest, file))
        }) else {
            return Err(SpoolError::Access(io::Error::other("no segment to write to")));
        };
        if let Err(error) = file.write_at(record, newest.len) {
            // Were this to fail, the next append would overwrite the rest, and recovery cut it.
            let _ = file.truncate(newest.len);
            return Err(spool_error(error));
        }
        newest.len += record.len() as u64;
        self.segment_bytes_sum += record.len() as u64;
        Ok(())
    }

    /// Moves the cursor and removes what is no longer retained.
    pub(crate) fn acknowledge(&mut self, upto: u64) -> Result<(), SpoolError> {
        let upto = upto.min(self.end);
        if upto <= self.cursor.position {
            return Ok(());
        }
        self.advance(upto);
        let stored = self.cursor.store().map_err(spool_error);
        self.remove_acknowledged().and(stored)
    }

    /// Notes what is acknowledged beyond the cursor.
    pub(crate) fn acknowledge_ahead(&mut self, delivered: Range<u64>) -> Result<(), SpoolError> {
        let run = delivered.start.max(self.cursor.position)..delivered.end.min(self.end);
        if run.is_empty() {
            return Ok(());
        }
        if run.start == self.cursor.position {
            return self.acknowledge(run.end);
        }
        let lost = self.holes.take(&run);
        self.cursor.ahead.note(run, lost);
        self.cursor.store().map_err(spool_error)
    }

    /// What is not acknowledged.
    pub(crate) fn waiting(&self) -> Vec<Range<u64>> {
        self.cursor.ahead.between(self.cursor.position, self.end)
    }

    /// Moves the cursor in memory, and over what is acknowledged ahead from there. Gives how many of
    /// the samples before `position` that it passed had waited and were not lost.
    pub(crate) fn advance(&mut self, position: u64) -> u64 {
        let lost = self.holes.pass(position);
        let (noted, noted_lost) = self.cursor.ahead.pass(position);
        let passed = position - self.cursor.position - noted - lost;
        self.cursor.lost += lost + noted_lost;
        self.cursor.position = position;
        if let Some(end) = self.cursor.ahead.end_of_run_at(position) {
            self.advance(end);
        }
        passed
    }

    /// Notes what is `missing` in all of `read`.
    pub(crate) fn note_missing(&mut self, read: &Range<u64>, missing: Vec<Range<u64>>) {
        self.holes.note(read, missing);
        // Evicted or acknowledged meanwhile, and counted so.
        self.holes.pass(self.cursor.position);
        for run in self.cursor.ahead.runs() {
            self.holes.take(&run);
        }
    }

    /// The first positions of all segments, oldest first.
    pub(crate) fn firsts(&self) -> Vec<u64> {
        self.segments.iter().map(|segment| segment.first).collect()
    }

    /// The segment in which to look for `position`, or the oldest that is left.
    pub(crate) fn view_at(&self, position: u64) -> Option<View> {
        let after = self.segments.partition_point(|segment| segment.first <= position);
        self.view(after.saturating_sub(1))
    }

    /// The segment that begins at `first`, if it is still there.
    pub(crate) fn view_of(&self, first: u64) -> Option<View> {
        self.segments
            .binary_search_by_key(&first, |segment| segment.first)
            .map(|i| self.view(i))
            .ok()?
    }

    fn view(&self, index: usize) -> Option<View> {
        let segment = self.segments.get(index)?;
        let next = self.segments.get(index + 1).map(|next| next.first);
        Some(View { first: segment.first, len: segment.len, next })
    }

    /// The samples of a record, if all its streams are known.
    pub(crate) fn samples(&self, record: &Record) -> Option<Vec<Sample>> {
        self.numbering.samples(record)
    }

    /// What a power cut could undo, oldest first.
    pub(crate) fn unsynced(&self) -> Vec<Unsynced> {
        self.segments.iter().filter_map(Segment::unsynced).collect()
    }

    /// Notes how syncing a segment went.
    pub(crate) fn mark_synced(&mut self, part: &Unsynced, is_synced: bool) {
        let Ok(index) = self.segments.binary_search_by_key(&part.first, |segment| segment.first)
        else {
            return; // Removed meanwhile.
        };
        let is_newest = index + 1 == self.segments.len();
        let segment = &mut self.segments[index];
        segment.mark_synced(part, is_synced);
        if !segment.is_dirty() && !is_newest {
            segment.file = None;
        }
    }

    /// Makes the newest segment's header outlive a power cut. Before that, numbering may rest on the
    /// segments before it.
    fn anchor(&mut self) -> io::Result<()> {
        let newest = self.segments.back().filter(|newest| newest.synced == 0);
        if let Some(part) = newest.and_then(Segment::unsynced) {
            let synced = part.sync();
            self.mark_synced(&part, synced.is_ok());
            synced?;
        }
        if let Some(changes) = self.unsynced_names() {
            self.disk.sync()?;
            self.mark_names_synced(changes);
        }
        Ok(())
    }

    /// How often the set of files changed, if that could be undone.
    pub(crate) fn unsynced_names(&self) -> Option<u64> {
        (self.names_changed > self.names_synced).then_some(self.names_changed)
    }

    /// The first `changes` changes of the set of files outlive a power cut.
    pub(crate) fn mark_names_synced(&mut self, changes: u64) {
        self.names_synced = self.names_synced.max(changes);
    }

    pub(crate) fn count(&self) -> SpoolCount {
        let Cursor { evicted, position, ref ahead, .. } = self.cursor;
        let lost = self.cursor.lost + ahead.lost();
        SpoolCount {
            appended: self.end,
            acknowledged: (position + ahead.len()).saturating_sub(evicted.saturating_add(lost)),
            evicted,
            refused: self.refused,
            lost,
            corrupt: self.damage.count(),
            bytes: self.bytes(),
            retained: self.retained(),
        }
    }

    /// How much all its files take up, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.segment_bytes_sum + cursor::LEN + self.damage.bytes() + self.reserve.len()
    }
}
