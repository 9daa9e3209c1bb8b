//! The reading end: remembers its place, so that reading on costs nothing but the reading.
//!
//! Holds one record and one window of a file, whatever the size of the backlog. The log is locked
//! for a moment before each record, never while the disk is read.

use std::{
    io,
    sync::{Arc, Mutex},
};

use domain::Sample;
use ports::{Backlog, Position, SpoolError};
use wire::record::Record;

use crate::{
    damage::Place,
    disk::Disk,
    lock,
    log::{Log, View},
    salvage::Salvage,
    segment::{self, Step, Walk},
    spool_error,
};

/// How often in a row reading a segment may fail before it is salvaged.
const ATTEMPTS: u32 = 3;

pub(crate) struct Reader {
    disk: Arc<dyn Disk>,
    /// The segment to go on in.
    segment: Option<u64>,
    walk: Option<Walk>,
    held: Vec<Sample>,
    held_from: u64,
    /// How often reading failed in a row.
    faults: u32,
    /// The segment that is read around what cannot be read.
    salvaged: Option<u64>,
}

impl Reader {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self {
            disk,
            segment: None,
            walk: None,
            held: Vec::new(),
            held_from: 0,
            faults: 0,
            salvaged: None,
        }
    }

    /// At most `limit` samples from `from` or the cursor on, whichever comes later.
    pub(crate) fn backlog(
        &mut self,
        log: &Mutex<Log>,
        from: u64,
        limit: usize,
    ) -> Result<Backlog, SpoolError> {
        let (cursor, end) = {
            let log = lock(log);
            (log.cursor.position, log.end)
        };
        let mut next = from.max(cursor).min(end);
        let begin = next;
        let (mut samples, mut missing) = (Vec::new(), Vec::new());
        while samples.len() < limit && next < end {
            let is_held = match self.hold(log, next) {
                Ok(is_held) => is_held,
                Err(error) if samples.is_empty() => return Err(self.fault(error)),
                // What comes before the fault is given first.
                Err(_) => break,
            };
            self.faults = 0;
            if !is_held {
                missing.push(next..end); // Whatever was there is damaged beyond reading.
                next = end;
                break;
            }
            if self.held_from > next {
                missing.push(next..self.held_from);
                next = self.held_from;
            }
            let held = &self.held[usize::try_from(next - self.held_from).unwrap_or(usize::MAX)..];
            let taken = held.len().min(limit - samples.len());
            samples.extend_from_slice(&held[..taken]);
            next += taken as u64;
        }
        lock(log).note_missing(&(begin..next), missing);
        Ok(Backlog { samples, next: Position(next) })
    }

    /// Counts a fault; the segment is begun again, and salvaged if there were too many.
    fn fault(&mut self, error: SpoolError) -> SpoolError {
        self.walk = None;
        self.faults += 1;
        if self.faults >= ATTEMPTS {
            (self.faults, self.salvaged) = (0, self.segment);
        }
        error
    }

    /// Reads on until it holds the first record that ends after `position`; says if there is one.
    fn hold(&mut self, log: &Mutex<Log>, position: u64) -> Result<bool, SpoolError> {
        if (self.held_from..self.held_from + self.held.len() as u64).contains(&position) {
            return Ok(true);
        }
        if self.walk.as_ref().is_some_and(|walk| walk.position() > position) {
            self.leave();
        }
        loop {
            let view = match self.segment {
                Some(first) => lock(log).view_of(first),
                None => lock(log).view_at(position),
            };
            match view {
                Some(view) => {
                    if let Some(is_held) = self.step(log, view, position)? {
                        return Ok(is_held);
                    }
                }
                None if self.segment.is_some() => self.leave(), // Removed meanwhile.
                None => return Ok(false),
            }
        }
    }

    /// One step on. Gives whether a record is held, once that is known.
    fn step(
        &mut self,
        log: &Mutex<Log>,
        view: View,
        position: u64,
    ) -> Result<Option<bool>, SpoolError> {
        self.segment = Some(view.first);
        let Some(walk) = self.walk(log, view)? else { return Ok(self.enter_next(view)) };
        let (offset, file) = (walk.offset(), Arc::clone(walk.file()));
        let damage = match walk.step(view.len, view.next).map_err(spool_error)? {
            Step::Record(record) if record.end() <= position => return Ok(None),
            Step::Record(record) => {
                let len = walk.offset() - offset;
                if self.take(log, &record) {
                    return Ok(Some(true));
                }
                Place { segment: view.first, offset, len }
            }
            Step::Damage { offset, len } => Place { segment: view.first, offset, len },
            Step::End => return Ok(self.enter_next(view)),
        };
        lock(log).damage.found(damage, &*file);
        Ok(None)
    }

    /// The walk through the segment; none if its file is gone.
    fn walk(&mut self, log: &Mutex<Log>, view: View) -> Result<Option<&mut Walk>, SpoolError> {
        if self.walk.is_none() {
            let is_salvaged = self.salvaged == Some(view.first);
            self.walk = walk(&*self.disk, log, view.first, is_salvaged)?;
        }
        Ok(self.walk.as_mut())
    }

    fn take(&mut self, log: &Mutex<Log>, record: &Record) -> bool {
        let samples = lock(log).samples(record);
        let is_known = samples.is_some();
        if let Some(samples) = samples {
            (self.held, self.held_from) = (samples, record.first);
        }
        is_known
    }

    fn enter_next(&mut self, view: View) -> Option<bool> {
        let Some(next) = view.next else { return Some(false) };
        self.walk = None;
        self.segment = Some(next);
        None
    }

    fn leave(&mut self) {
        self.walk = None;
        self.segment = None;
    }
}

/// A walk through the segment that begins at `first`, around what cannot be read if it is to be salvaged; none if its file is gone.
pub(crate) fn walk(
    disk: &dyn Disk,
    log: &Mutex<Log>,
    first: u64,
    is_salvaged: bool,
) -> Result<Option<Walk>, SpoolError> {
    match disk.open(&segment::name(first)) {
        Ok(file) => {
            let file = if is_salvaged { Arc::new(Salvage::new(file)) } else { file };
            Walk::begin(file, first).map(Some).map_err(spool_error)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut log = lock(log);
            if log.view_of(first).is_some() {
                log.damage.found_missing(first);
            }
            Ok(None)
        }
        Err(error) => Err(spool_error(error)),
    }
}
