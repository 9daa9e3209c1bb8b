//! The spool without a disk.

use std::{
    collections::{BTreeMap, VecDeque},
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::{BootId, Sample, SequenceNumber, StreamName, StreamReading};
use ports::{Appended, Backlog, Position, Spool, SpoolCount, SpoolError};

/// A spool in memory: keeps the contract of the port for as long as one of its clones lives.
///
/// Clones share what is in it, so a clone is what reopening is to a file. It holds at most
/// `capacity` samples and evicts the oldest, one by one. Every sync is done before it is asked for.
#[derive(Clone, Debug)]
pub struct MemorySpool {
    boot: BootId,
    capacity: NonZeroUsize,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Debug, Default)]
struct Memory {
    backlog: VecDeque<Sample>,
    heads: BTreeMap<StreamName, SequenceNumber>,
    cursor: u64,
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
        Self { boot, capacity, memory: Arc::default() }
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

    /// Takes the oldest samples out, at most `count`; says how many.
    fn take(&mut self, count: u64) -> u64 {
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(self.backlog.len());
        self.backlog.drain(..count);
        self.cursor += count as u64;
        count as u64
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
        let excess = (memory.backlog.len() + readings.len()).saturating_sub(capacity);
        let evicted = memory.take(excess as u64);
        memory.evicted += evicted;
        for reading in readings {
            memory.push(self.boot, reading.clone());
        }
        Ok(Appended { end: Position(memory.end()), evicted })
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

    fn acknowledge(&self, upto: Position) -> Result<(), SpoolError> {
        let mut memory = self.memory();
        let count = upto.0.saturating_sub(memory.cursor);
        memory.take(count);
        Ok(())
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
            corrupt: 0,
            bytes: (memory.backlog.len() * size_of::<Sample>()) as u64,
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
        holds(|| spool(1_000));
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
    fn more_than_it_holds_is_refused_whole() {
        let spool = spool(2);
        let readings: Vec<_> = (0..3).map(|n| reading("a", n)).collect();
        assert!(matches!(spool.append(&readings), Err(SpoolError::Unstorable(_))));
        assert_eq!((spool.end(), spool.heads()), (Position(0), vec![]));
    }
}
