//! What makes room: the limits, what goes for them and in which order, and the reserve.

use std::io;

use ports::SpoolError;

use super::{Log, Segment};
use crate::{segment, spool_error};

/// How much is written, at least, before the file system is asked again how much it has left, in
/// bytes: asking is cheap, not free.
const UNASKED_MAX: u64 = 64 * 1024;

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

    /// Removes the oldest segments until `len` more bytes are within the limits.
    pub(super) fn make_room(&mut self, len: u64) -> Result<(), SpoolError> {
        while self.bytes() + len > self.options.bytes_max && self.segments.len() > 1 {
            self.evict_oldest()?;
        }
        self.leave_free(len)
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
        // Not to know must not keep the gateway from its work.
        let Ok(free) = self.disk.free() else { return Ok(()) };
        let lacking = (free_min + len).saturating_sub(free);
        let newest_len = self.segments.back().map_or(0, |newest| newest.len);
        let is_attainable = self.segment_bytes_sum - newest_len >= lacking;
        let mut made = 0;
        while made < lacking && (is_attainable || self.retained() > 0) {
            made += self.segments.front().map_or(0, |oldest| oldest.len);
            self.evict_oldest()?;
        }
        if made < lacking {
            return Err(SpoolError::Full(io::ErrorKind::StorageFull.into()));
        }
        self.unasked = (free + made - free_min - len).min(UNASKED_MAX.max(made));
        Ok(())
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
    pub(super) fn retained(&self) -> u64 {
        let begun = self.segments.partition_point(|segment| segment.first <= self.cursor.position);
        self.segments.iter().take(begun.saturating_sub(1)).map(|segment| segment.len).sum()
    }
}
