//! The reserve: a file that holds on to a little of the disk.
//!
//! On a disk that others have filled to the last byte it gives way, a few blocks at a time, to what
//! the spool has to write: above all to the segment that must be begun before the last one, all
//! acknowledged, can go. What that one took up then becomes the new reserve. On file systems that
//! compress or copy on write it may be worth less.

use std::{io, sync::Arc};

use crate::disk::{Disk, DiskFile};

pub(crate) const NAME: &str = "reserve";
/// What file systems give out at a time, in bytes.
const BLOCK: u64 = 4096;

pub(crate) struct Reserve {
    /// None if there is to be no reserve, or it cannot be made.
    file: Option<Arc<dyn DiskFile>>,
    len: u64,
    len_max: u64,
}

impl Reserve {
    /// Opens or makes the file. Failing to is no error: the disk may be full already.
    pub(crate) fn open(disk: &dyn Disk, exists: bool, len_max: u64) -> Self {
        let file = if exists { disk.open(NAME) } else { disk.create(NAME) };
        let file = file.ok().filter(|_| len_max > 0);
        let mut reserve = Self { file, len: 0, len_max };
        if exists && reserve.adopt(len_max).is_err() {
            reserve.file = None;
        }
        if reserve.file.is_none() {
            let _ = disk.remove(NAME);
        }
        reserve.fill();
        reserve
    }

    fn adopt(&mut self, len_max: u64) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let len = file.len()?;
        if len > len_max {
            file.truncate(len_max)?;
        }
        self.len = len.min(len_max);
        Ok(())
    }

    /// Gives room for `bytes` back to the disk, but keeps `keep`. False if it gave nothing.
    pub(crate) fn give(&mut self, bytes: u64, keep: u64) -> bool {
        let Some(file) = &self.file else { return false };
        let len = self.len.saturating_sub(bytes.next_multiple_of(BLOCK) + BLOCK).max(keep);
        let gives = len < self.len && file.truncate(len).is_ok();
        if gives {
            self.len = len;
        }
        gives
    }

    /// Takes what is missing, as far as the disk has it.
    pub(crate) fn fill(&mut self) {
        let Some(file) = &self.file else { return };
        let zeros = [0; 4096];
        while self.len < self.len_max {
            let step = (self.len_max - self.len).min(BLOCK);
            let bytes = &zeros[..usize::try_from(step).unwrap_or(zeros.len())];
            if file.write_at(bytes, self.len).is_err() {
                // What the disk still had counts, too.
                self.len = file.len().map_or(self.len, |len| len.clamp(self.len, self.len_max));
                return;
            }
            self.len += step;
        }
    }

    /// How much it holds, in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }
}
