//! Reading again, by number, what is retained or waits.
//!
//! The numbers of a stream grow from segment to segment, and each header says which one is next, so a
//! search over the headers finds where to begin. A header that is damaged is passed over: the walk
//! then begins in an earlier segment. The log is locked for a moment before each record, never while
//! the disk is read, and the reader of the backlog keeps its place.

use core::ops::RangeInclusive;
use std::sync::Mutex;

use domain::{BootId, Sample, SequenceNumber, StreamName};
use ports::{Position, SpoolError};
use wire::record::{Header, Record};

use crate::{
    damage::Place,
    disk::Disk,
    lock,
    log::Log,
    reader,
    segment::{Step, Walk},
    spool_error,
};

/// Which samples are asked for.
pub(crate) struct Replay<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) log: &'a Mutex<Log>,
    pub(crate) stream: &'a StreamName,
    /// `None`: in whichever boot they were taken.
    pub(crate) boot: Option<BootId>,
    pub(crate) numbers: RangeInclusive<SequenceNumber>,
    pub(crate) limit: usize,
}

impl Replay<'_> {
    /// The samples, as far as they are still there.
    pub(crate) fn run(&self) -> Result<Vec<(Position, Sample)>, SpoolError> {
        let mut samples = Vec::new();
        if self.numbers.is_empty() || self.limit == 0 {
            return Ok(samples);
        }
        let firsts = lock(self.log).firsts();
        let begin = self.begin(&firsts)?;
        for &first in &firsts[begin..] {
            let Some(walk) = reader::walk(self.disk, self.log, first, true)? else { continue };
            let begins_beyond = |header| self.next_in(header) > *self.numbers.end();
            if walk.header().is_some_and(begins_beyond)
                || self.collect(first, walk, &mut samples)?
            {
                break;
            }
        }
        Ok(samples)
    }

    /// The index of the last segment that has a sound header and begins with the first number
    /// wanted or a lower one; none of those before it has what is wanted. Or zero.
    fn begin(&self, firsts: &[u64]) -> Result<usize, SpoolError> {
        let (mut low, mut high) = (0, firsts.len());
        while low + 1 < high {
            let middle = low.midpoint(high);
            match self.first_sound(firsts, middle..high)? {
                Some((index, next)) if next <= *self.numbers.start() => low = index,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// The first of these segments with a sound header, and the number that comes next there.
    fn first_sound(
        &self,
        firsts: &[u64],
        indices: core::ops::Range<usize>,
    ) -> Result<Option<(usize, SequenceNumber)>, SpoolError> {
        for index in indices {
            let walk = reader::walk(self.disk, self.log, firsts[index], true)?;
            if let Some(header) = walk.as_ref().and_then(Walk::header) {
                return Ok(Some((index, self.next_in(header))));
            }
        }
        Ok(None)
    }

    fn next_in(&self, header: &Header) -> SequenceNumber {
        let known = header.streams.iter().find(|k| k.declaration.stream.name == *self.stream);
        known.map_or(SequenceNumber::FIRST, |known| known.next)
    }

    /// Takes what is wanted out of one segment. True if there is no more of it elsewhere.
    fn collect(
        &self,
        first: u64,
        mut walk: Walk,
        samples: &mut Vec<(Position, Sample)>,
    ) -> Result<bool, SpoolError> {
        loop {
            let Some(view) = lock(self.log).view_of(first) else { return Ok(false) };
            let offset = walk.offset();
            let len = match walk.step(view.len, view.next).map_err(spool_error)? {
                Step::Record(record) if self.take(&record, samples) => {
                    let last = samples.last().map(|(_, sample)| sample.seq);
                    if samples.len() == self.limit || last >= Some(*self.numbers.end()) {
                        return Ok(true);
                    }
                    continue;
                }
                Step::Record(_) => walk.offset() - offset,
                Step::Damage { len, .. } => len,
                Step::End => return Ok(false),
            };
            let place = Place { segment: first, offset, len };
            lock(self.log).damage.found(place, &**walk.file());
        }
    }

    /// Takes what is wanted out of one record. False if a stream of it is known to nobody.
    fn take(&self, record: &Record, samples: &mut Vec<(Position, Sample)>) -> bool {
        let is_among = record.readings.iter().any(|reading| self.numbers.contains(&reading.seq));
        let is_of_boot = self.boot.is_none_or(|boot| record.boot == boot);
        if !is_of_boot || !is_among {
            return true;
        }
        let Some(found) = lock(self.log).samples(record) else { return false };
        let is_wanted = |(_, sample): &(Position, Sample)| {
            sample.stream.name == *self.stream && self.numbers.contains(&sample.seq)
        };
        let left = self.limit - samples.len();
        let placed = (record.first..).map(Position).zip(found);
        samples.extend(placed.filter(is_wanted).take(left));
        true
    }
}
