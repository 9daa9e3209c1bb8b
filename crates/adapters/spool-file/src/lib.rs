//! The spool as append-only segment files in one folder. `docs/specs/spool-format.md` has the
//! bytes.
//!
//! One thread appends, another reads and acknowledges, a third may sync: none waits for another
//! longer than one operation takes. A [`sync`](ports::Spool::sync) holds nobody up; the first removal
//! after a segment was begun syncs that one's header, which does.
//!
//! # Terms
//!
//! * **Position** — how many samples were appended before this one, in the spool's whole life.
//! * **Segment** — one append-only file, named after the first position in it. Its **header** lists
//!   all streams known when it was made, with the next number of each.
//! * **Record** — what one append wrote: a checksummed frame with all its samples.
//! * **Cursor** — the position before which everything is acknowledged or evicted.
//! * **Ahead** — runs of positions beyond the cursor that are acknowledged, at most
//!   [`AHEAD_RUNS_MAX`](ports::AHEAD_RUNS_MAX). They are part of the cursor.
//! * **Class** — high, normal or low: [`ClassedSpools`] has a spool for each, within shared limits.
//! * **Retained** — segments that lie wholly before the cursor: all of it is acknowledged.
//! * **Spent** — the newest segment when all of it is acknowledged.
//! * **Reserve** — a file of zeros that gives way when the disk is full to the last byte.
//! * **Tail** — bytes after the last whole record of the newest segment.
//! * **Salvage** — reading around blocks that the medium does not give.
//! * **Quarantine** — copies of damaged bytes, `*.quarantine`, kept within the size of one segment.
//!
//! # Invariants
//!
//! 1. A record is whole or absent: one write; a failed or short one is cut off again, a torn tail
//!    on open. A failed append uses up no number.
//! 2. What `append` returned `Ok` for is in the page cache and survives a kill at any instant. What
//!    `sync` returned `Ok` for, and every file found on open, survives a power cut.
//! 3. The newest segment alone restores numbering: it is never removed, and none is removed before
//!    the newest one's header is synced. A record needs nothing but itself and the header of its
//!    segment.
//! 4. Positions only grow. Where damage or a power cut took samples a hole remains; it is passed
//!    over and nothing else takes its place.
//! 5. Damage is passed over and counted once since opening, copied to quarantine, and never keeps
//!    the spool from opening or what follows from being read. Of a stream whose newest samples are
//!    lost, numbering goes on from the highest number that can still be read.
//! 6. The segments, the cursor and the quarantine together stay within [`Options::bytes_max`], but
//!    for the header of a segment just begun. The oldest segment is removed to make room; samples in
//!    it that wait are evicted, and counted. Retained ones are the oldest, so they go first; together
//!    they stay within [`Options::retain`].
//! 7. An append leaves [`Options::free_min`] of the file system free; the oldest segments make room
//!    for it, unless even all of them would not. Without that, and on a disk that others have filled
//!    to the last byte, appending goes on within [`Options::reserve`], in place of the reserve and of
//!    what is spent. Beyond it an append is [refused](SpoolError::Full) until others or
//!    acknowledgements make room.
//!    The spools of [`ClassedSpools`] share the limits of 6 and 7. What is retained in any goes first,
//!    then the oldest segment of a lower class, then one of the class that is appended to, unless it is
//!    to refuse; never one of a higher class. Its readings are refused, and counted, if that does not do.
//!    On a disk that is full within the limits the same go, at most four for an append.
//! 8. A file of a newer version keeps the spool from opening and nothing is changed. Files with
//!    names that are not ours are ignored.
//! 9. Memory is bounded by two records, two windows of a file and the number of streams, whatever the
//!    size of the backlog.
//!
//! # Contract
//!
//! What users can rely on, and the tests that hold it.
//!
//! 1. What was appended survives `kill -9` at any instant.
//!    `what_was_reported_survives_kill_nine`, and `Reopen` in the model test `the_spool_is_its_model`.
//! 2. A power cut takes nothing that was synced, and leaves no hole before it. `CutPower` in the model
//!    test `harm_loses_no_more_than_it_hit`, `what_recovery_found_is_synced_before_it_is_built_on`,
//!    `a_sync_after_a_failed_one_writes_again_what_the_kernel_forgot`. How often to sync is the
//!    pipeline's.
//! 3. A record is whole or absent, damage is passed over, kept aside and counted, and the spool opens.
//!    `TearTail` and `FlipBit` in the model test, `any_bytes_open_and_the_spool_works`,
//!    `the_spool_opens_whatever_cannot_be_read_and_nothing_that_can_be_is_lost`.
//! 4. Disk use stays within `bytes_max` and leaves `free_min`; what makes room is counted; a full disk
//!    wedges nothing. `Room` in the model test, `appends_leave_room_free_and_the_oldest_samples_make_it`,
//!    `on_a_disk_full_to_the_last_byte_appending_goes_on_as_long_as_delivery_does`,
//!    `on_a_full_disk_the_oldest_of_a_class_go_for_its_own_once_no_lower_class_has_any`,
//!    `a_late_spool_is_empty_and_refuses_until_the_disk_has_room_for_it`.
//! 5. The cursor passes only what was acknowledged, evicted or lost, each counted apart, and what was
//!    acknowledged stays within `retain` for a replay. What is acknowledged ahead may be forgotten in a
//!    power cut, never invented. `Acknowledge`, `AcknowledgeAhead` and `Replay` in the model test,
//!    `positions_acknowledged_ahead_of_a_power_cut_are_not_given_out_again`,
//!    `acknowledged_segments_go_first_and_are_not_counted_as_evicted`,
//!    `what_is_lost_is_counted_once_however_often_it_is_read_and_not_as_evicted`.
//! 6. Samples come in the order in which they were appended, each with its boot, stream and number.
//!    `a_file_spool_keeps_the_contract_of_the_port`,
//!    `a_reader_gets_everything_once_and_in_order_while_another_thread_appends`.
//! 7. Older formats are read, newer ones refused and left alone.
//!    `a_segment_of_an_older_version_is_read_and_becomes_one_of_ours_before_it_is_written_to`,
//!    `a_newer_version_is_refused_and_left_untouched`.
//! 8. A block that the medium does not give costs the samples in it, an error that passes costs nothing.
//!    `a_block_that_is_never_given_is_passed_over_after_a_few_attempts_and_the_rest_salvaged`, `Eio` in
//!    the model test.
//! 9. Reading in two places in turn costs what reading each of them costs.
//!    `reading_in_two_places_in_turn_costs_no_more_than_reading_each`,
//!    `newest_first_in_history_leaves_the_live_place_alone`.
//!
//! 10. The lowest class goes first, each class is counted by itself, one that fails holds no other up, and
//!     the numbers of a stream go on when its class changes. `three_classes_are_their_model`,
//!     `a_folder_that_fails_holds_no_other_class_up`,
//!     `a_stream_that_changes_its_class_goes_on_with_its_numbers`,
//!     `no_number_is_there_twice_after_a_power_cut_and_a_change_of_class`.
//!
//! 11. However much waits, memory is what invariant 9 says, and opening reads the newest segment and how
//!     the others begin. `opening_and_draining_take_the_same_memory_however_much_waits_but_for_the_list_of_segments`,
//!     `opening_reads_the_newest_segment_and_how_the_others_begin`; how long that takes:
//!     `docs/bench/spool.md`.
//!
//! # Known limits
//!
//! A block that the medium refuses to give is damage once delivery has tried it three times, and at once
//! while the spool is opened and in a replay. Samples lost to damage are counted
//! apart once the cursor passes them, or once they are acknowledged ahead, if they were read before; what
//! is acknowledged unread counts as acknowledged. Which of those ahead were lost is forgotten with the
//! process.
//!
//! A sync that failed is made up for by the next one of the same process. Linux does not tell another
//! process that pages could not be written: what was in doubt when the gateway was killed may be lost in a
//! power cut after that.
//!
//! A power cut takes samples appended since the last `sync`, and their numbers are then given out
//! again, in another boot: if such a sample was delivered, only `(stream, boot, seq)` tells it from
//! its successor. The same happens within a boot if the newest record, or the only header, is
//! damaged.
//!
//! # Deliberately absent
//!
//! Threads, timers, the decision when to sync, and the order in which classes and lanes are sent: the
//! pipeline's.
//! Compaction: segments are only ever removed whole.

mod ahead;
mod classed;
mod cursor;
mod damage;
mod disk;
mod frame;
mod holes;
mod late;
mod log;
mod numbering;
mod reader;
mod recovery;
mod replay;
mod reserve;
mod salvage;
mod segment;

use core::ops::{Range, RangeInclusive};
use std::{
    collections::BTreeMap,
    fmt, io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::{BootId, Sample, SequenceNumber, StreamName, StreamReading};
use ports::{Appended, Backlog, Position, Spool, SpoolCount, SpoolError};

use self::{
    disk::{Disk, Folder},
    log::Log,
    reader::Reader,
    replay::Replay,
};

pub use self::{
    classed::{ClassSpool, ClassedSpools, WhenFull},
    late::LateSpool,
};

/// The least that `bytes_max` may be.
const BYTES_MIN: u64 = 8 * 1024;
/// The most segments there can be: bounds open files and the time it takes to open the spool.
const SEGMENTS_MAX: u64 = 512;

/// Limits of a [`FileSpool`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long a segment file gets before the next is begun, in bytes. Taken as at least 1/512 and
    /// at most a quarter of `bytes_max`.
    pub segment_bytes: u64,
    /// How much disk the spool may take up, in bytes. Taken as at least 8 KiB. No single append may
    /// need more than half of it, or 1 MiB.
    pub bytes_max: u64,
    /// How much of that the segments may take up in which everything is acknowledged, in bytes. They
    /// stay for [`replay`](Spool::replay) and are removed whole, the newest never.
    pub retain: u64,
    /// How much of the file system appends leave free, in bytes; 0: all of it may be used.
    pub free_min: u64,
    /// How much the segments may take up whatever `free_min` says, and how large a file keeps that
    /// much in reserve, in bytes. At most 1/32 of `bytes_max`. The header of a segment should fit into
    /// half of it: some 50 bytes for each stream.
    pub reserve: u64,
}

impl Default for Options {
    /// Segments of 1 MiB, 256 MiB in all, a quarter of it for what is acknowledged; 64 MiB left
    /// free, 256 KiB in reserve.
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 20,
            bytes_max: 256 << 20,
            retain: 64 << 20,
            free_min: 64 << 20,
            reserve: 256 << 10,
        }
    }
}

impl Options {
    fn within_bounds(self) -> Self {
        let bytes_max = self.bytes_max.max(BYTES_MIN);
        let segment_bytes = self.segment_bytes.clamp(bytes_max / SEGMENTS_MAX, bytes_max / 4);
        let reserve = self.reserve.min(bytes_max / 32);
        Self { segment_bytes, bytes_max, reserve, ..self }
    }
}

/// A durable spool in one folder.
pub struct FileSpool {
    log: Mutex<Log>,
    reader: Mutex<Reader>,
    /// Held while syncing, so that two syncs do not take each other's word.
    syncing: Mutex<()>,
    disk: Arc<dyn Disk>,
}

impl FileSpool {
    /// Opens the spool in `folder`, and makes it if there is none. `boot` is the boot that samples
    /// appended from now on were taken in.
    ///
    /// Reads the newest segment through and the beginnings of the others.
    ///
    /// # Errors
    ///
    /// * [`SpoolError::InUse`] while another [`FileSpool`] has the folder open.
    /// * [`SpoolError::TooNew`] if a newer program wrote it; nothing was changed.
    /// * [`SpoolError::Full`] and [`SpoolError::Access`] if the file system fails. Content that is
    ///   damaged or cannot be read is no error, nor is a disk that does not sync.
    pub fn open(
        folder: impl AsRef<Path>,
        options: Options,
        boot: BootId,
    ) -> Result<Self, SpoolError> {
        Self::open_on(Arc::new(Folder::open(folder.as_ref())?), options, boot)
    }

    fn open_on(disk: Arc<dyn Disk>, options: Options, boot: BootId) -> Result<Self, SpoolError> {
        let log = recovery::recover(&disk, options.within_bounds(), boot)?;
        let reader = Reader::new(&disk);
        Ok(Self { log: Mutex::new(log), reader: Mutex::new(reader), syncing: Mutex::new(()), disk })
    }

    /// Gives out no number of these streams again.
    fn raise(&self, heads: &BTreeMap<StreamName, SequenceNumber>) {
        let mut log = lock(&self.log);
        for (name, head) in heads {
            log.numbering.raise(name, head.next());
        }
    }

    fn sync_all(&self) -> io::Result<()> {
        let _syncing = lock(&self.syncing);
        let (parts, names, cursor) = {
            let mut log = lock(&self.log);
            log.cursor.renew()?;
            (log.unsynced(), log.unsynced_names(), log.cursor.unsynced())
        };
        for part in &parts {
            let synced = part.sync();
            lock(&self.log).mark_synced(part, synced.is_ok());
            synced?;
        }
        if let Some(changes) = names {
            self.disk.sync()?;
            lock(&self.log).mark_names_synced(changes);
        }
        // Last, so that a cursor that is durable is one over samples that are.
        if let Some((file, generation)) = cursor {
            let synced = file.sync();
            let cursor = &mut lock(&self.log).cursor;
            match synced {
                Ok(()) => cursor.mark_synced(generation),
                Err(error) => {
                    cursor.sync_failed();
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

impl Spool for FileSpool {
    fn append(&self, readings: &[StreamReading]) -> Result<Appended, SpoolError> {
        lock(&self.log).append(readings)
    }

    fn sync(&self) -> Result<(), SpoolError> {
        self.sync_all().map_err(spool_error)
    }

    fn backlog(&self, from: Position, limit: usize) -> Result<Backlog, SpoolError> {
        lock(&self.reader).backlog(&self.log, from.0, limit)
    }

    fn replay(
        &self,
        stream: &StreamName,
        boot: Option<BootId>,
        numbers: RangeInclusive<SequenceNumber>,
        limit: usize,
    ) -> Result<Vec<(Position, Sample)>, SpoolError> {
        let (disk, log) = (&*self.disk, &self.log);
        Replay { disk, log, stream, boot, numbers, limit }.run()
    }

    fn acknowledge(&self, upto: Position) -> Result<(), SpoolError> {
        lock(&self.log).acknowledge(upto.0)
    }

    fn acknowledge_ahead(&self, delivered: Range<Position>) -> Result<(), SpoolError> {
        lock(&self.log).acknowledge_ahead(delivered.start.0..delivered.end.0)
    }

    fn waiting(&self) -> Vec<Range<Position>> {
        let waiting = lock(&self.log).waiting();
        waiting.into_iter().map(|run| Position(run.start)..Position(run.end)).collect()
    }

    fn cursor(&self) -> Position {
        Position(lock(&self.log).cursor.position)
    }

    fn end(&self) -> Position {
        Position(lock(&self.log).end)
    }

    fn heads(&self) -> Vec<(StreamName, SequenceNumber)> {
        lock(&self.log).numbering.heads()
    }

    fn count(&self) -> SpoolCount {
        lock(&self.log).count()
    }
}

impl fmt::Debug for FileSpool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cursor, end) = (self.cursor(), self.end());
        f.debug_struct("FileSpool").field("cursor", &cursor).field("end", &end).finish()
    }
}

/// What is behind the locks is changed only after the disk was, so a panic leaves it whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn spool_error(error: io::Error) -> SpoolError {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let is_full = matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge);
    if is_full { SpoolError::Full(error) } else { SpoolError::Access(error) }
}

fn unstorable(cause: impl std::error::Error + Send + Sync + 'static) -> SpoolError {
    SpoolError::Unstorable(Box::new(cause))
}

#[cfg(test)]
mod tests;
