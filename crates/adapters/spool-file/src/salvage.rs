//! Reading a file of which the medium does not give every block.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::disk::DiskFile;

/// How much the kernel reads at least at one time, and therefore fails to read together, in bytes.
const BLOCK: u64 = 4096;

/// A file whose blocks that cannot be read are zeros. Zeros are no record: what reads a segment takes
/// them for damage and finds the next record behind them.
pub(crate) struct Salvage {
    file: Arc<dyn DiskFile>,
    is_short: AtomicBool,
}

impl Salvage {
    pub(crate) fn new(file: Arc<dyn DiskFile>) -> Self {
        Self { file, is_short: AtomicBool::new(false) }
    }

    /// Whether something that was asked for could not be read.
    pub(crate) fn is_short(&self) -> bool {
        self.is_short.load(Ordering::Relaxed)
    }

    fn read_blocks(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = self.file.len()?.saturating_sub(offset);
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let mut done = 0;
        while done < len {
            let at = offset + done as u64;
            let step = usize::try_from(BLOCK - at % BLOCK).unwrap_or(len).min(len - done);
            let piece = &mut buffer[done..done + step];
            match self.file.read_at(piece, at) {
                Ok(read) if read < step => return Ok(done + read),
                Ok(_) => {}
                Err(_) => {
                    piece.fill(0);
                    self.is_short.store(true, Ordering::Relaxed);
                }
            }
            done += step;
        }
        Ok(done)
    }
}

impl DiskFile for Salvage {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset).or_else(|_| self.read_blocks(buffer, offset))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.file.truncate(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}
