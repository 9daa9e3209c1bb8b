//! The reading end: remembers two places, so that reading on from either costs nothing but the
//! reading. What is new and what waited longer are read in turn.
//!
//! Holds two records and two windows of a file, whatever the size of the backlog. The log is locked
//! for a moment before each record, never while the disk is read.

mod bookmark;

use std::sync::{Arc, Mutex};

use ports::{Backlog, Position, SpoolError};

use self::bookmark::Bookmark;
use crate::{disk::Disk, lock, log::Log};

pub(crate) use self::bookmark::walk;

/// How often in a row reading a segment may fail before it is salvaged.
const ATTEMPTS: u32 = 3;

pub(crate) struct Reader {
    /// The places, the one used last in front.
    places: [Bookmark; 2],
    /// How often reading failed in a row.
    faults: u32,
    /// The segment that is read around what cannot be read.
    salvaged: Option<u64>,
}

impl Reader {
    pub(crate) fn new(disk: &Arc<dyn Disk>) -> Self {
        let places = [Bookmark::new(Arc::clone(disk)), Bookmark::new(Arc::clone(disk))];
        Self { places, faults: 0, salvaged: None }
    }

    /// At most `limit` samples from `from` or the cursor on, whichever comes later.
    pub(crate) fn backlog(
        &mut self,
        log: &Mutex<Log>,
        from: u64,
        limit: usize,
    ) -> Result<Backlog, SpoolError> {
        let (mut next, end, segment) = {
            let log = lock(log);
            let next = from.max(log.cursor.position).min(log.end);
            (next, log.end, log.view_at(next).map(|view| view.first))
        };
        let begin = next;
        self.choose(next, segment.unwrap_or(next));
        let [place, _] = &mut self.places;
        let most = limit.min(usize::try_from(end - next).unwrap_or(limit));
        let (mut samples, mut missing) = (Vec::with_capacity(most), Vec::new());
        while samples.len() < limit && next < end {
            let is_held = match place.hold(log, next, self.salvaged) {
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
            let held_from = place.held_from(next);
            missing.extend((held_from > next).then_some(next..held_from));
            next = held_from + place.take_held(held_from, limit - samples.len(), &mut samples);
        }
        lock(log).note_missing(&(begin..next), missing);
        Ok(Backlog { samples, next: Position(next) })
    }

    /// Puts in front the nearer of the places from which reading on leads to `position` within its
    /// `segment`; or the one that was not used for longer, to go there.
    fn choose(&mut self, position: u64, segment: u64) {
        let [recent, other] = &mut self.places;
        let is_recent =
            match (recent.distance(position, segment), other.distance(position, segment)) {
                (Some(recent), Some(other)) => recent <= other,
                (None, None) => {
                    other.leave();
                    false
                }
                (recent, _) => recent.is_some(),
            };
        if !is_recent {
            self.places.swap(0, 1);
        }
    }

    /// Counts a fault; the segment is begun again, and salvaged if there were too many.
    fn fault(&mut self, error: SpoolError) -> SpoolError {
        let segment = self.places[0].begin_again();
        self.faults += 1;
        if self.faults >= ATTEMPTS {
            (self.faults, self.salvaged) = (0, segment);
        }
        error
    }
}
