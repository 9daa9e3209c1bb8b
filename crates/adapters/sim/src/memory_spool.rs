//! The spool without a disk.

use core::ops::{Range, RangeInclusive};
use std::{
    collections::{BTreeMap, VecDeque},
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::{BootId, Ranges, Sample, SequenceNumber, StreamName, StreamReading};
use ports::{AHEAD_RUNS_MAX, Appended, Backlog, Position, Spool, SpoolCount, SpoolError};

/// A spool in memory: keeps the contract of the port for as long as one of its clones lives.
///
/// Clones share what is in it, so a clone is what reopening is to a file. It holds at most
/// `capacity` samples and evicts the oldest, one by one. Every sync is done before it is asked for.
/// It retains no acknowledged samples unless it is [told to](Self::retaining). Of what is acknowledged
/// ahead it remembers no more than it has to.
#[derive(Clone, Debug)]
pub struct MemorySpool {
    boot: BootId,
    capacity: NonZeroUsize,
    retain: usize,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Debug, Default)]
struct Memory {
    /// Acknowledged samples and their positions, oldest first.
    retained: VecDeque<(u64, Sample)>,
    backlog: VecDeque<Sample>,
    heads: BTreeMap<StreamName, SequenceNumber>,
    cursor: u64,
    /// What is acknowledged beyond the cursor.
    ahead: Ranges,
    evicted: u64,
}

/// More readings were appended at once than the spool holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{readings} readings are more than the {capacity} that the spool holds")]
pub struct TooMany {
    /// How many were offered.
    pub readings: usize,
    /// How many samples there is room for.
    pub capacity: NonZeroUsize,
}

impl MemorySpool {
    /// An empty spool for at most `capacity` samples, all of them taken in `boot`.
    pub fn new(boot: BootId, capacity: NonZeroUsize) -> Self {
        Self { boot, capacity, retain: 0, memory: Arc::default() }
    }

    /// Retains at most `samples` that were acknowledged, as long as there is room for them.
    #[must_use]
    pub fn retaining(self, samples: usize) -> Self {
        Self { retain: samples, ..self }
    }

    /// The same spool in another boot: what is appended from now on is taken there.
    #[must_use]
    pub fn in_boot(&self, boot: BootId) -> Self {
        Self { boot, ..self.clone() }
    }

    /// Lets acknowledged samples go that are beyond the limits.
    fn trim(&self, memory: &mut Memory) {
        let room = self.capacity.get().saturating_sub(memory.backlog.len());
        let excess = memory.retained.len().saturating_sub(self.retain.min(room));
        memory.retained.drain(..excess);
    }

    /// What it holds is changed in one go, so a panic elsewhere leaves it whole.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn end(&self) -> u64 {
        self.cursor + self.backlog.len() as u64
    }

    /// Takes the oldest samples out, at most `count`.
    fn take(&mut self, count: u64) -> VecDeque<Sample> {
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(self.backlog.len());
        let left = self.backlog.split_off(count);
        self.cursor += count as u64;
        core::mem::replace(&mut self.backlog, left)
    }

    /// What waits before `end`.
    fn waiting(&self, end: u64) -> Vec<Range<u64>> {
        if end <= self.cursor {
            return Vec::new();
        }
        let holes = self.ahead.holes(&(self.cursor..=end - 1));
        holes.into_iter().map(|hole| *hole.start()..*hole.end() + 1).collect()
    }

    fn acknowledge(&mut self, run: Range<u64>, spool: &MemorySpool) {
        let (start, end) = (run.start.max(self.cursor), run.end.min(self.end()));
        self.ahead.insert_all(start..end);
        self.pass(spool);
        self.ahead.keep_highest(AHEAD_RUNS_MAX);
    }

    /// Moves the cursor over what is acknowledged, and retains that as far as `spool` allows.
    fn pass(&mut self, spool: &MemorySpool) {
        self.ahead.remove_below(self.cursor);
        let next = self.ahead.runs().next().filter(|run| *run.start() == self.cursor);
        if let Some(run) = next {
            let acknowledged = self.take(run.end() + 1 - self.cursor);
            self.retained.extend((*run.start()..).zip(acknowledged));
            self.ahead.remove_below(self.cursor);
        }
        spool.trim(self);
    }

    fn push(&mut self, boot: BootId, StreamReading { stream, reading }: StreamReading) {
        let head = self.heads.entry(stream.name.clone()).or_insert(SequenceNumber(0));
        *head = head.next();
        self.backlog.push_back(Sample { stream, boot, seq: *head, reading });
    }
}

impl Spool for MemorySpool {
    fn append(&self, readings: &[StreamReading]) -> Result<Appended, SpoolError> {
        let capacity = self.capacity.get();
        if readings.len() > capacity {
            let too_many = TooMany { readings: readings.len(), capacity: self.capacity };
            return Err(SpoolError::Unstorable(Box::new(too_many)));
        }
        let mut memory = self.memory();
        let excess = (memory.backlog.len() + readings.len()).saturating_sub(capacity) as u64;
        let upto = memory.cursor + excess;
        let evicted = memory.waiting(upto).iter().map(|run| run.end - run.start).sum();
        memory.take(excess);
        memory.evicted += evicted;
        memory.pass(self);
        for reading in readings {
            memory.push(self.boot, reading.clone());
        }
        self.trim(&mut memory);
        Ok(Appended { end: Position(memory.end()), evicted, refused: 0 })
    }

    fn sync(&self) -> Result<(), SpoolError> {
        Ok(())
    }

    fn backlog(&self, from: Position, limit: usize) -> Result<Backlog, SpoolError> {
        let memory = self.memory();
        let from = from.0.clamp(memory.cursor, memory.end());
        let skipped = usize::try_from(from - memory.cursor).unwrap_or(usize::MAX);
        let samples: Vec<_> = memory.backlog.iter().skip(skipped).take(limit).cloned().collect();
        let next = Position(from + samples.len() as u64);
        Ok(Backlog { samples, next })
    }

    fn replay(
        &self,
        stream: &StreamName,
        boot: Option<BootId>,
        numbers: RangeInclusive<SequenceNumber>,
        limit: usize,
    ) -> Result<Vec<(Position, Sample)>, SpoolError> {
        let memory = self.memory();
        let is_wanted = |(_, sample): &(u64, Sample)| {
            sample.stream.name == *stream
                && boot.is_none_or(|boot| sample.boot == boot)
                && numbers.contains(&sample.seq)
        };
        let waiting = (memory.cursor..).zip(memory.backlog.iter().cloned());
        let all = memory.retained.iter().cloned().chain(waiting).filter(is_wanted);
        Ok(all.take(limit).map(|(at, sample)| (Position(at), sample)).collect())
    }

    fn acknowledge(&self, upto: Position) -> Result<(), SpoolError> {
        let mut memory = self.memory();
        let from = memory.cursor;
        memory.acknowledge(from..upto.0, self);
        Ok(())
    }

    fn acknowledge_ahead(&self, delivered: Range<Position>) -> Result<(), SpoolError> {
        self.memory().acknowledge(delivered.start.0..delivered.end.0, self);
        Ok(())
    }

    fn waiting(&self) -> Vec<Range<Position>> {
        let memory = self.memory();
        let waiting = memory.waiting(memory.end());
        waiting.into_iter().map(|run| Position(run.start)..Position(run.end)).collect()
    }

    fn cursor(&self) -> Position {
        Position(self.memory().cursor)
    }

    fn end(&self) -> Position {
        Position(self.memory().end())
    }

    fn heads(&self) -> Vec<(StreamName, SequenceNumber)> {
        self.memory().heads.iter().map(|(name, head)| (name.clone(), *head)).collect()
    }

    fn count(&self) -> SpoolCount {
        let memory = self.memory();
        SpoolCount {
            appended: memory.end(),
            acknowledged: memory.cursor - memory.evicted,
            evicted: memory.evicted,
            refused: 0,
            lost: 0,
            corrupt: 0,
            bytes: ((memory.retained.len() + memory.backlog.len()) * size_of::<Sample>()) as u64,
            retained: (memory.retained.len() * size_of::<Sample>()) as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use ports::contract::spool::{BOOT, Reopen, holds, reading};

    use super::*;

    fn spool(capacity: usize) -> MemorySpool {
        MemorySpool::new(BOOT, NonZeroUsize::new(capacity).unwrap())
    }

    impl Reopen for MemorySpool {
        type Spool = Self;

        fn reopen(&mut self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn a_memory_spool_keeps_the_contract_of_the_port() {
        holds(|| spool(1_000).retaining(250));
    }

    #[test]
    fn the_oldest_samples_make_room_and_are_counted() {
        let spool = spool(5);
        let mut evicted = 0;
        for n in 0..4 {
            let readings: Vec<_> = (n * 3..n * 3 + 3).map(|n| reading("a", n)).collect();
            evicted += spool.append(&readings).unwrap().evicted;
        }
        let backlog = spool.backlog(Position(0), 99).unwrap();
        let numbers: Vec<_> = backlog.samples.iter().map(|sample| sample.seq.0).collect();
        assert_eq!((evicted, spool.cursor(), numbers), (7, Position(7), vec![8, 9, 10, 11, 12]));
        let count = spool.count();
        assert_eq!((count.appended, count.evicted, count.acknowledged), (12, 7, 0));
    }

    #[test]
    fn acknowledged_samples_go_first_and_are_not_counted_as_evicted() {
        let spool = spool(5).retaining(3);
        let append = |numbers: core::ops::Range<u64>| {
            let readings: Vec<_> = numbers.map(|n| reading("a", n)).collect();
            spool.append(&readings).unwrap().evicted
        };
        let numbers = || {
            let all = SequenceNumber::FIRST..=SequenceNumber(99);
            let samples = spool.replay(&reading("a", 0).stream.name, None, all, 99).unwrap();
            samples.iter().map(|(_, sample)| sample.seq.0).collect::<Vec<_>>()
        };
        append(0..5);
        spool.acknowledge(Position(4)).unwrap();
        assert_eq!(numbers(), [2, 3, 4, 5]);
        assert_eq!((append(5..8), numbers()), (0, vec![4, 5, 6, 7, 8]));
        assert_eq!(spool.count().retained, size_of::<Sample>() as u64);
        assert_eq!((append(8..11), numbers()), (2, vec![7, 8, 9, 10, 11]));
    }

    #[test]
    fn more_than_it_holds_is_refused_whole() {
        let spool = spool(2);
        let readings: Vec<_> = (0..3).map(|n| reading("a", n)).collect();
        assert!(matches!(spool.append(&readings), Err(SpoolError::Unstorable(_))));
        assert_eq!((spool.end(), spool.heads()), (Position(0), vec![]));
    }
}
