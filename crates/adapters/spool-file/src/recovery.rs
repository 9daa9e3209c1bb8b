//! Recovery: from whatever is on the disk to a log that can be written to.
//!
//! The newest segment alone says where numbering goes on, so only it is read through. Of the others
//! just the beginnings are read; damage in them is found when they are delivered. If the newest
//! header is damaged, the newest sound one before it takes its place.

use std::{io, sync::Arc};

use domain::BootId;
use ports::SpoolError;
use wire::record::{Header, VERSION};

use crate::{
    Options,
    cursor::{self, Cursor},
    damage::{Damage, Place},
    disk::{Disk, DiskFile},
    frame::{self, Kind},
    log::{Log, Segment},
    reserve::{self, Reserve},
    salvage::Salvage,
    segment::{self, Beginning, Step, Walk},
    spool_error,
};

/// A segment on disk.
struct Found {
    first: u64,
    len: u64,
    header: Option<Header>,
    /// The file, if it could not be synced.
    unsynced: Option<Arc<dyn DiskFile>>,
}

impl Found {
    fn open(&self, disk: &dyn Disk) -> io::Result<Arc<Salvage>> {
        Ok(Arc::new(Salvage::new(disk.open(&segment::name(self.first))?)))
    }
}

/// Brings the files in order and opens the log.
pub(crate) fn recover(
    disk: &Arc<dyn Disk>,
    options: Options,
    boot: BootId,
) -> Result<Log, SpoolError> {
    let names = disk.list().map_err(spool_error)?;
    let mut found = read_beginnings(&**disk, &names)?;
    let damage = Damage::open(Arc::clone(disk), &names, options.segment_bytes);
    let damage = damage.map_err(spool_error)?;
    let is_there = |wanted| names.iter().any(|name| name == wanted);
    let (cursor, is_damaged) =
        Cursor::open(&**disk, is_there(cursor::NAME)).map_err(spool_error)?;
    let reserve = Reserve::open(&**disk, is_there(reserve::NAME), options.reserve);
    let mut log = Log::new(Arc::clone(disk), options, boot, (cursor, damage, reserve));
    if is_damaged {
        log.damage.found_missing(u64::MAX);
    }
    (|| {
        drop_unborn(&**disk, &mut log, &mut found)?;
        replay(&**disk, &mut log, &mut found)
    })()
    .map_err(spool_error)?;
    settle(&**disk, &mut log, found)?;
    Ok(log)
}

/// Reads how each segment begins, oldest first, and changes nothing.
fn read_beginnings(disk: &dyn Disk, names: &[String]) -> Result<Vec<Found>, SpoolError> {
    let mut firsts: Vec<_> = names.iter().filter_map(|name| segment::first_of(name)).collect();
    firsts.sort_unstable();
    let read = |first| {
        let file = Salvage::new(disk.open(&segment::name(first)).map_err(spool_error)?);
        let header = match segment::read_beginning(&file).map_err(spool_error)? {
            Beginning::TooNew { found } => {
                return Err(SpoolError::TooNew { found, known: VERSION });
            }
            // A header under another's name says nothing of this one.
            Beginning::Sound { header, .. } => Some(header).filter(|h| h.first == first),
            Beginning::Damaged => None,
        };
        Ok(Found { first, len: file.len().map_err(spool_error)?, header, unsynced: None })
    };
    firsts.into_iter().map(read).collect()
}

/// Removes newest segments that were being made when the power went: nothing in them is readable.
fn drop_unborn(disk: &dyn Disk, log: &mut Log, found: &mut Vec<Found>) -> io::Result<()> {
    while let Some(newest) = found.last().filter(|newest| newest.header.is_none()) {
        let name = segment::name(newest.first);
        let file = newest.open(disk)?;
        let mut walk = Walk::begin(Arc::clone(&file) as _, newest.first)?;
        if matches!(walk.step(newest.len, None)?, Step::Record(_))
            || matches!(walk.step(newest.len, None)?, Step::Record(_))
            || file.is_short()
        {
            break;
        }
        let place = Place { segment: newest.first, offset: 0, len: newest.len };
        note_tail(log, place, &**walk.file(), segment::beginning_len)?;
        disk.remove(&name)?;
        found.pop();
    }
    Ok(())
}

/// Learns streams, numbers and the end, cuts the torn tail, and syncs what was found.
fn replay(disk: &dyn Disk, log: &mut Log, found: &mut [Found]) -> io::Result<()> {
    let newest = found.len().saturating_sub(1);
    let start = found.iter().rposition(|segment| segment.header.is_some()).unwrap_or(0);
    for (index, segment) in found.iter_mut().enumerate() {
        let file = segment.open(disk)?;
        if index >= start {
            log.end = log.end.max(segment.first);
            if let Some(header) = &segment.header {
                log.numbering.restore(header.clone());
            }
            let tail = replay_segment(log, segment, &(Arc::clone(&file) as _))?;
            if file.is_short() {
                // It may be readable another time: nothing is cut, and nothing added.
                segment.header = None;
            } else if let Some(offset) = tail.filter(|_| index == newest) {
                let len = segment.len - offset;
                let place = Place { segment: segment.first, offset, len };
                note_tail(log, place, &*file, |bytes| {
                    frame::length(Kind::RECORD, bytes).unwrap_or(frame::OVERHEAD)
                })?;
                file.truncate(offset)?;
                segment.len = offset;
            }
        }
        // A tail that only the page cache has must not be built on: the power may go before it is
        // written, and leave a hole before what was added since.
        if file.sync().is_err() {
            segment.unsynced = Some(file);
        }
    }
    Ok(())
}

/// Gives where the unreadable end of the segment begins, if it has one.
fn replay_segment(
    log: &mut Log,
    segment: &Found,
    file: &Arc<dyn DiskFile>,
) -> io::Result<Option<u64>> {
    let mut walk = Walk::begin(Arc::clone(file), segment.first)?;
    loop {
        let offset = walk.offset();
        let place = match walk.step(segment.len, None)? {
            Step::Record(record) => {
                log.end = log.end.max(record.end());
                if log.numbering.replay(&record) {
                    continue;
                }
                Place { segment: segment.first, offset, len: walk.offset() - offset }
            }
            Step::Damage { offset, len } if offset + len == segment.len => return Ok(Some(offset)),
            Step::Damage { offset, len } => Place { segment: segment.first, offset, len },
            Step::End => return Ok(None),
        };
        log.damage.found(place, &**file);
    }
}

/// Counts the end of a segment as damage unless an interrupted write explains it: fewer bytes than
/// were `wanted`, or a length without content.
fn note_tail(
    log: &mut Log,
    tail: Place,
    file: &dyn DiskFile,
    wanted: impl FnOnce(&[u8]) -> usize,
) -> io::Result<()> {
    let mut bytes = vec![0; usize::try_from(tail.len).map_err(io::Error::other)?];
    let read = file.read_at(&mut bytes, tail.offset)?;
    bytes.truncate(read);
    let is_torn = bytes.len() < wanted(&bytes) || bytes.iter().all(|&byte| byte == 0);
    if !is_torn {
        log.damage.found(tail, file);
    }
    Ok(())
}

/// Brings the cursor and what is left of the log together.
fn place_cursor(log: &mut Log, oldest: Option<u64>) {
    log.advance(log.cursor.position.max(oldest.unwrap_or(0)));
    // Acknowledged samples that a power cut took: their positions stay theirs.
    let position = log.cursor.position;
    log.end = log.end.max(position).max(log.cursor.ahead.end());
    let all = position..log.end;
    if oldest.is_none() && !all.is_empty() {
        // It took all samples, those between included.
        log.note_missing(&all, vec![all.clone()]);
        log.advance(all.end);
        // If this fails, the next open finds the cursor at the oldest segment.
        let _ = log.cursor.store();
    }
}

/// Places the cursor, removes what is acknowledged and makes sure that there is a segment to write
/// to, with a header that can be relied on.
fn settle(disk: &dyn Disk, log: &mut Log, mut found: Vec<Found>) -> Result<(), SpoolError> {
    place_cursor(log, found.first().map(|oldest| oldest.first));
    let header = found.last_mut().and_then(|newest| newest.header.take());
    let newest = found.last().map(|newest| segment::name(newest.first));
    let adopted = found.into_iter().map(|Found { first, len, unsynced, .. }| match unsynced {
        Some(file) => Segment::doubtful(first, len, file),
        None => Segment::found(first, len),
    });
    log.adopt(adopted.collect());
    match (header, newest) {
        (Some(header), Some(name)) => {
            let file = disk.open(&name).map_err(spool_error)?;
            segment::raise_version(&*file).map_err(spool_error)?;
            log.resume(file, header.next_id);
        }
        _ => log.roll()?,
    }
    log.settle();
    // What cannot be removed now is removed later.
    let _ = log.remove_acknowledged();
    Ok(())
}
