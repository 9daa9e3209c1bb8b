//! What makes room: the limits, what goes for them and in which order, and the reserve.

use std::io;

use ports::SpoolError;

use super::{Log, Segment};
use crate::{numbering::Staged, segment, spool_error};

/// How much is written, at least, before the file system is asked again how much it has left, in
/// bytes: asking is cheap, not free.
const UNASKED_MAX: u64 = 64 * 1024;

/// How many segments go for one append on a disk that is full although the limits are kept: one is enough,
/// unless others take what it leaves.
const GIVEN_MAX: u32 = 4;

/// What a log gives up to make room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gives {
    /// Segments in which everything is acknowledged.
    Retained,
    /// Those, and the oldest that waits.
    Waiting,
}

/// The other logs within the same limits. They are asked while one of them is appended to, which
/// happens to one at a time, and none of them ever waits for another otherwise.
pub(crate) trait Others: Send + Sync {
    /// How much they take up, in bytes.
    fn bytes(&self) -> u64;
    /// How much they could give, in bytes.
    fn attainable(&self) -> u64;
    /// Removes one segment that they can do without, the least missed first. Gives how long it was.
    fn give(&self, gives: Gives) -> Option<u64>;
}

/// What a log that is not alone has to know.
pub(crate) struct Company {
    pub(crate) others: Box<dyn Others>,
    /// Whether readings for which there is no room are refused, rather than the oldest evicted.
    pub(crate) is_refusing: bool,
}

impl Log {
    /// Whether the newest segment has samples and all of them are acknowledged.
    pub(super) fn is_spent(&self) -> bool {
        let newest = self.segments.back();
        newest.is_some_and(|newest| newest.first < self.end && self.cursor.position == self.end)
    }

    /// Gives up what nobody waits for: every retained segment, and the newest if it is spent.
    pub(super) fn release(&mut self) -> Result<(), SpoolError> {
        if self.is_spent() {
            self.roll()?;
        }
        while self.retained() > 0 {
            self.remove_oldest()?;
        }
        Ok(())
    }

    /// Does something that takes up `bytes`, if need be in place of the reserve but for `keep`.
    pub(super) fn with_reserve(
        &mut self,
        bytes: u64,
        keep: u64,
        act: impl Fn(&mut Self) -> Result<(), SpoolError>,
    ) -> Result<(), SpoolError> {
        match act(self) {
            Err(SpoolError::Full(_)) if self.reserve.give(bytes, keep) => act(self),
            done => done,
        }
    }

    /// Stores it although the disk is full within the limits: the same goes for it as for the limits. False
    /// if it is refused.
    pub(super) fn store_on_full_disk(&mut self, staged: &Staged) -> Result<bool, SpoolError> {
        let mut stored = Err(SpoolError::Full(io::ErrorKind::StorageFull.into()));
        for _ in 0..GIVEN_MAX {
            // Nothing goes where even all of it would not leave enough of the disk free.
            if self.is_kept_free || self.make_way(Gives::Waiting)?.is_none() {
                break;
            }
            stored = self.store(staged);
            if !matches!(stored, Err(SpoolError::Full(_))) {
                return stored;
            }
        }
        if self.refuses() { Ok(false) } else { stored }
    }

    fn refuses(&self) -> bool {
        self.company.as_ref().is_some_and(|company| company.is_refusing)
    }

    /// What the others say; nothing if there are none.
    fn of_others<T: Default>(&self, ask: impl FnOnce(&dyn Others) -> T) -> T {
        self.company.as_ref().map(|company| ask(&*company.others)).unwrap_or_default()
    }

    /// Removes the oldest segments until `len` more bytes are within the limits. False if what may
    /// go does not make the room.
    pub(super) fn make_room(&mut self, len: u64) -> Result<bool, SpoolError> {
        let lacking = |log: &Self| {
            let bytes = log.bytes() + log.of_others(|others| others.bytes()) + len;
            bytes.saturating_sub(log.options.bytes_max)
        };
        let is_alone = self.company.is_none();
        if lacking(self) > 0 {
            // Asked for first: what delivery removes of the others meanwhile is then not missed.
            let attainable = self.attainable();
            let is_attainable = is_alone || attainable >= lacking(self);
            let gives = if is_attainable { Gives::Waiting } else { Gives::Retained };
            while lacking(self) > 0 && self.make_way(gives)?.is_some() {}
            if !is_alone && lacking(self) > 0 {
                return Ok(false);
            }
        }
        self.leave_free(len)?;
        Ok(true)
    }

    /// Removes the oldest segments until `len` more bytes leave enough of the file system free.
    ///
    /// What waits is not evicted in vain: if even all of it does not make the room, nothing is. What
    /// was removed may be written before asking again, because a file system may be slow to tell.
    pub(super) fn leave_free(&mut self, len: u64) -> Result<(), SpoolError> {
        let free_min = self.options.free_min;
        if free_min == 0 || self.segment_bytes_sum + len <= self.options.reserve {
            return Ok(());
        }
        if len <= self.unasked {
            self.unasked -= len;
            return Ok(());
        }
        let attainable = self.attainable();
        // Not to know must not keep the gateway from its work.
        let Ok(free) = self.disk.free() else { return Ok(()) };
        let lacking = (free_min + len).saturating_sub(free);
        let is_attainable = attainable >= lacking;
        let gives = if is_attainable { Gives::Waiting } else { Gives::Retained };
        let mut made = 0;
        while made < lacking {
            let Some(more) = self.make_way(gives)? else {
                self.is_kept_free = true;
                return Err(SpoolError::Full(io::ErrorKind::StorageFull.into()));
            };
            made += more;
        }
        self.unasked = (free + made - free_min - len).min(UNASKED_MAX.max(made));
        Ok(())
    }

    /// How much could go for something new, in bytes.
    fn attainable(&self) -> u64 {
        let own = if self.refuses() { Gives::Retained } else { Gives::Waiting };
        self.could_give(own) + self.of_others(|others| others.attainable())
    }

    /// Removes one segment: one that is retained, else one of a lower class that waits, else the
    /// oldest of this log. Gives how long it was.
    fn make_way(&mut self, gives: Gives) -> Result<Option<u64>, SpoolError> {
        let own = self.give(Gives::Retained)?;
        let way = own.or_else(|| self.of_others(|others| others.give(gives)));
        if way.is_some() || gives == Gives::Retained || self.refuses() {
            return Ok(way);
        }
        self.give(Gives::Waiting)
    }

    /// How much it could give, in bytes. The newest segment is never given.
    pub(crate) fn could_give(&self, gives: Gives) -> u64 {
        let newest = self.segments.back().map_or(0, |newest| newest.len);
        match gives {
            Gives::Retained => self.retained(),
            Gives::Waiting => self.segment_bytes_sum - newest,
        }
    }

    /// Removes the oldest segment, if it is one to be given. Gives how long it was.
    pub(crate) fn give(&mut self, gives: Gives) -> Result<Option<u64>, SpoolError> {
        let oldest = self.segments.front().map(|oldest| oldest.len);
        let oldest = oldest.filter(|_| self.could_give(gives) > 0);
        if oldest.is_some() {
            self.evict_oldest()?;
        }
        Ok(oldest)
    }

    fn evict_oldest(&mut self) -> Result<(), SpoolError> {
        let next = self.segments.get(1).map_or(self.end, |next| next.first);
        self.remove_oldest()?;
        if next > self.cursor.position {
            self.cursor.evicted += self.advance(next);
            // If this fails, the next open still finds the cursor at the oldest segment.
            let _ = self.cursor.store();
        }
        Ok(())
    }

    fn remove_oldest(&mut self) -> Result<(), SpoolError> {
        self.anchor().map_err(spool_error)?;
        let Some(Segment { first, len, .. }) = self.segments.front() else { return Ok(()) };
        match self.disk.remove(&segment::name(*first)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(spool_error(error));
            }
            Err(_) | Ok(()) => {}
        }
        self.segment_bytes_sum -= len;
        self.damage.forget(*first);
        self.segments.pop_front();
        self.reserve.fill();
        Ok(())
    }

    /// Removes the oldest of the retained segments until the rest is within the limit.
    pub(crate) fn remove_acknowledged(&mut self) -> Result<(), SpoolError> {
        while self.retained() > self.options.retain {
            self.remove_oldest()?;
        }
        Ok(())
    }

    /// How much the segments take up that lie wholly before the cursor, in bytes. The newest is
    /// none of them.
    pub(crate) fn retained(&self) -> u64 {
        let begun = self.segments.partition_point(|segment| segment.first <= self.cursor.position);
        self.segments.iter().take(begun.saturating_sub(1)).map(|segment| segment.len).sum()
    }
}
