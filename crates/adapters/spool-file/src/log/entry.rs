//! One segment as the log knows it, and how it is made to outlive a power cut.

use std::{io, sync::Arc};

use crate::disk::DiskFile;

/// One segment file.
pub(crate) struct Segment {
    /// The position of the first sample in it, unless that is missing.
    pub(crate) first: u64,
    /// How much of the file counts, in bytes.
    pub(crate) len: u64,
    /// How much of it outlives a power cut, in bytes.
    pub(super) synced: u64,
    /// Whether a sync failed: the kernel may then take what it could not write for written.
    is_doubtful: bool,
    /// How often one failed: the success of another that began before says nothing.
    doubts: u32,
    /// Open as long as it is written to or not synced.
    pub(super) file: Option<Arc<dyn DiskFile>>,
}

impl Segment {
    /// A segment found on disk and already synced, not to be written to.
    pub(crate) fn found(first: u64, len: u64) -> Self {
        Self { first, len, synced: len, is_doubtful: false, doubts: 0, file: None }
    }

    /// A segment found on disk that could not be synced.
    pub(crate) fn doubtful(first: u64, len: u64, file: Arc<dyn DiskFile>) -> Self {
        Self { first, len, synced: 0, is_doubtful: true, doubts: 1, file: Some(file) }
    }

    /// A segment just made, with nothing synced.
    pub(super) fn new(first: u64, len: u64, file: Arc<dyn DiskFile>) -> Self {
        Self { first, len, synced: 0, is_doubtful: false, doubts: 0, file: Some(file) }
    }

    /// Notes how syncing part of it went.
    pub(super) fn mark_synced(&mut self, part: &Unsynced, is_synced: bool) {
        if !is_synced {
            self.is_doubtful = true;
            self.doubts += 1;
            self.synced = self.synced.min(part.from);
            self.file = Some(Arc::clone(&part.file));
        } else if self.doubts == part.doubts {
            self.is_doubtful = false;
            self.synced = self.synced.max(part.to);
        }
    }

    /// Whether a power cut could undo part of it.
    pub(super) fn is_dirty(&self) -> bool {
        self.synced < self.len
    }

    /// What a power cut could undo.
    pub(super) fn unsynced(&self) -> Option<Unsynced> {
        let file = self.file.clone().filter(|_| self.is_dirty())?;
        let Self { first, len: to, synced: from, is_doubtful, doubts, .. } = *self;
        Some(Unsynced { first, file, from, to, is_doubtful, doubts })
    }
}

/// Part of a segment that a power cut could undo.
pub(crate) struct Unsynced {
    pub(super) first: u64,
    file: Arc<dyn DiskFile>,
    from: u64,
    to: u64,
    is_doubtful: bool,
    doubts: u32,
}

impl Unsynced {
    /// Syncs it. How that went is for [`Segment::mark_synced`].
    pub(crate) fn sync(&self) -> io::Result<()> {
        if self.is_doubtful {
            self.rewrite()?;
        }
        self.file.sync()
    }

    /// Writes again what a failed sync left in doubt: the kernel marks pages that it could not write
    /// as clean, so that syncing alone would succeed without writing them.
    fn rewrite(&self) -> io::Result<()> {
        let mut bytes = vec![0; 64 * 1024];
        let mut offset = self.from;
        while offset < self.to {
            let left = usize::try_from(self.to - offset).unwrap_or(usize::MAX);
            let len = left.min(bytes.len());
            let read = self.file.read_at(&mut bytes[..len], offset)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.file.write_at(&bytes[..read], offset)?;
            offset += read as u64;
        }
        Ok(())
    }
}

/// What a reader needs to know of a segment at one instant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    /// The segment's first position.
    pub(crate) first: u64,
    /// How much of its file may be read, in bytes.
    pub(crate) len: u64,
    /// The next segment. If there is one, nothing is added to this one any more.
    pub(crate) next: Option<u64>,
}
