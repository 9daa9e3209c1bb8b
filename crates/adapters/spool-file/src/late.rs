//! A spool that opens when the disk has room for it.
//!
//! Beginning a spool takes a few hundred bytes. On a disk that is full to the last one, a gateway that
//! refused to start would not measure either; so this one starts without, and each append tries again.

use core::ops::{Range, RangeInclusive};
use std::{
    fmt,
    path::PathBuf,
    sync::{Mutex, OnceLock},
};

use domain::{BootId, Sample, SequenceNumber, StreamName, StreamReading};
use ports::{Appended, Backlog, Position, Spool, SpoolCount, SpoolError};

use crate::{FileSpool, Options, lock};

pub(crate) type Open = dyn Fn() -> Result<FileSpool, SpoolError> + Send + Sync;

/// A [`FileSpool`] that may not be open yet: until it is, it is empty and refuses what is appended.
pub struct LateSpool {
    open: Box<Open>,
    /// Held while opening: a folder can be open only once.
    opening: Mutex<()>,
    spool: OnceLock<FileSpool>,
}

impl LateSpool {
    /// Opens the spool as [`FileSpool::open`] does, now or, if the disk is full, when something is
    /// appended.
    ///
    /// # Errors
    ///
    /// Those of [`FileSpool::open`] but for [`SpoolError::Full`].
    pub fn open(
        folder: impl Into<PathBuf>,
        options: Options,
        boot: BootId,
    ) -> Result<Self, SpoolError> {
        let folder = folder.into();
        Self::open_by(Box::new(move || FileSpool::open(&folder, options, boot)))
    }

    pub(crate) fn open_by(open: Box<Open>) -> Result<Self, SpoolError> {
        let late = Self::closed(open);
        late.try_to_open()?;
        Ok(late)
    }

    /// Opens it when something is appended, or when that is tried.
    pub(crate) fn closed(open: Box<Open>) -> Self {
        Self { open, opening: Mutex::default(), spool: OnceLock::new() }
    }

    /// Opens it unless the disk is full.
    pub(crate) fn try_to_open(&self) -> Result<(), SpoolError> {
        match self.opened() {
            Ok(_) | Err(SpoolError::Full(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The spool, if it is open.
    pub(crate) fn get(&self) -> Option<&FileSpool> {
        self.spool.get()
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.spool.get().is_some()
    }

    fn opened(&self) -> Result<&FileSpool, SpoolError> {
        let _opening = lock(&self.opening);
        match self.spool.get() {
            Some(spool) => Ok(spool),
            None => (self.open)().map(|spool| self.spool.get_or_init(|| spool)),
        }
    }
}

impl Spool for LateSpool {
    fn append(&self, readings: &[StreamReading]) -> Result<Appended, SpoolError> {
        self.spool.get().map_or_else(|| self.opened(), Ok)?.append(readings)
    }

    fn sync(&self) -> Result<(), SpoolError> {
        self.spool.get().map_or(Ok(()), FileSpool::sync)
    }

    fn backlog(&self, from: Position, limit: usize) -> Result<Backlog, SpoolError> {
        let nothing = Backlog { samples: Vec::new(), next: from };
        self.spool.get().map_or(Ok(nothing), |spool| spool.backlog(from, limit))
    }

    fn replay(
        &self,
        stream: &StreamName,
        boot: Option<BootId>,
        numbers: RangeInclusive<SequenceNumber>,
        limit: usize,
    ) -> Result<Vec<(Position, Sample)>, SpoolError> {
        let Some(spool) = self.spool.get() else { return Ok(Vec::new()) };
        spool.replay(stream, boot, numbers, limit)
    }

    fn acknowledge(&self, upto: Position) -> Result<(), SpoolError> {
        self.spool.get().map_or(Ok(()), |spool| spool.acknowledge(upto))
    }

    fn acknowledge_ahead(&self, delivered: Range<Position>) -> Result<(), SpoolError> {
        self.spool.get().map_or(Ok(()), |spool| spool.acknowledge_ahead(delivered))
    }

    fn waiting(&self) -> Vec<Range<Position>> {
        self.spool.get().map(FileSpool::waiting).unwrap_or_default()
    }

    fn cursor(&self) -> Position {
        self.spool.get().map(FileSpool::cursor).unwrap_or_default()
    }

    fn end(&self) -> Position {
        self.spool.get().map(FileSpool::end).unwrap_or_default()
    }

    fn heads(&self) -> Vec<(StreamName, SequenceNumber)> {
        self.spool.get().map(FileSpool::heads).unwrap_or_default()
    }

    fn count(&self) -> SpoolCount {
        self.spool.get().map(FileSpool::count).unwrap_or_default()
    }
}

impl fmt::Debug for LateSpool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LateSpool").field("spool", &self.spool.get()).finish_non_exhaustive()
    }
}
