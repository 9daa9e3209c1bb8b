//! One place in the backlog, from which reading on costs nothing but the reading.

use std::{
    io,
    sync::{Arc, Mutex},
};

use domain::Sample;
use ports::SpoolError;
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

pub(super) struct Bookmark {
    disk: Arc<dyn Disk>,
    /// The segment to go on in.
    segment: Option<u64>,
    walk: Option<Walk>,
    held: Vec<Sample>,
    held_from: u64,
}

impl Bookmark {
    pub(super) fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk, segment: None, walk: None, held: Vec::new(), held_from: 0 }
    }

    /// How many positions lie between this place and `position`, which `segment` has, if reading on
    /// from here leads there within that segment.
    pub(super) fn distance(&self, position: u64, segment: u64) -> Option<u64> {
        if self.holds(position) {
            return Some(0);
        }
        let place = self.position()?;
        let leads_there = self.segment == Some(segment) || place == position;
        position.checked_sub(place).filter(|_| leads_there)
    }

    /// Where it would read on.
    fn position(&self) -> Option<u64> {
        self.walk.as_ref().map(Walk::position).or(self.segment)
    }

    fn holds(&self, position: u64) -> bool {
        (self.held_from..self.held_from + self.held.len() as u64).contains(&position)
    }

    /// `position`, or where the first sample is that it holds, whichever comes later.
    pub(super) const fn held_from(&self, position: u64) -> u64 {
        if position > self.held_from { position } else { self.held_from }
    }

    /// Adds to `samples` at most `limit` of those that it holds, from `position` on. Says how many. A
    /// record that is taken whole is held no more: whoever reads on does not need it.
    pub(super) fn take_held(
        &mut self,
        position: u64,
        limit: usize,
        samples: &mut Vec<Sample>,
    ) -> u64 {
        let skipped = usize::try_from(position - self.held_from).unwrap_or(usize::MAX);
        let held = self.held.get(skipped..).unwrap_or_default();
        let taken = held.len().min(limit);
        if taken == self.held.len() {
            samples.append(&mut self.held);
        } else {
            samples.extend_from_slice(&held[..taken]);
        }
        taken as u64
    }

    /// Begins the segment again next. Gives which one that is.
    pub(super) fn begin_again(&mut self) -> Option<u64> {
        self.walk = None;
        self.segment
    }

    /// Reads on until it holds the first record that ends after `position`; says if there is one. The
    /// segment `salvaged` is read around what cannot be read.
    pub(super) fn hold(
        &mut self,
        log: &Mutex<Log>,
        position: u64,
        salvaged: Option<u64>,
    ) -> Result<bool, SpoolError> {
        if self.holds(position) {
            return Ok(true);
        }
        if self.position() > Some(position) {
            self.leave();
        }
        loop {
            let view = match self.segment {
                Some(first) => lock(log).view_of(first),
                None => lock(log).view_at(position),
            };
            match view {
                Some(view) => {
                    if let Some(is_held) = self.step(log, view, position, salvaged)? {
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
        salvaged: Option<u64>,
    ) -> Result<Option<bool>, SpoolError> {
        self.segment = Some(view.first);
        let Some(walk) = self.walk(log, view, salvaged)? else { return Ok(self.enter_next(view)) };
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
    fn walk(
        &mut self,
        log: &Mutex<Log>,
        view: View,
        salvaged: Option<u64>,
    ) -> Result<Option<&mut Walk>, SpoolError> {
        if self.walk.is_none() {
            let is_salvaged = salvaged == Some(view.first);
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

    /// Goes elsewhere next.
    pub(super) fn leave(&mut self) {
        self.walk = None;
        self.segment = None;
    }
}

/// A walk through the segment that begins at `first`, around what cannot be read if it is to be salvaged;
/// none if its file is gone.
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
