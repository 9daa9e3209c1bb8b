//! Damaged places: counted once each, and copied aside for whoever wants to look into them.

use std::{collections::BTreeSet, io, sync::Arc};

use crate::disk::{Disk, DiskFile};

const SUFFIX: &str = ".quarantine";

/// Bytes of a segment that are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The first position in the segment.
    pub(crate) segment: u64,
    /// Where in its file they begin.
    pub(crate) offset: u64,
    /// How many there are.
    pub(crate) len: u64,
}

/// What damage is known of.
pub(crate) struct Damage {
    disk: Arc<dyn Disk>,
    known: BTreeSet<(u64, u64)>,
    count: u64,
    copies: BTreeSet<String>,
    bytes: u64,
    /// How much the copies may take up together, in bytes. Beyond it, damage is only counted.
    bytes_max: u64,
}

impl Damage {
    /// No damage yet, but perhaps copies from an earlier time.
    pub(crate) fn open(disk: Arc<dyn Disk>, names: &[String], bytes_max: u64) -> io::Result<Self> {
        let copies: BTreeSet<_> =
            names.iter().filter(|name| name.ends_with(SUFFIX)).cloned().collect();
        let mut bytes = 0;
        for name in &copies {
            bytes += disk.open(name)?.len()?;
        }
        Ok(Self { disk, known: BTreeSet::new(), count: 0, copies, bytes, bytes_max })
    }

    /// Counts a place unless it is counted already, and copies its bytes aside.
    pub(crate) fn found(&mut self, place: Place, file: &dyn DiskFile) {
        if !self.known.insert((place.segment, place.offset)) {
            return;
        }
        self.count += 1;
        let name = format!("{:020}-{}{SUFFIX}", place.segment, place.offset);
        if self.copies.contains(&name) || self.bytes + place.len > self.bytes_max {
            return;
        }
        // A copy is a courtesy: failing to make one must not keep the gateway from its work.
        if let Ok(len) = self.copy(&name, place, file) {
            self.copies.insert(name);
            self.bytes += len;
        } else {
            let _ = self.disk.remove(&name);
        }
    }

    fn copy(&self, name: &str, place: Place, file: &dyn DiskFile) -> io::Result<u64> {
        let mut bytes = vec![0; usize::try_from(place.len).map_err(io::Error::other)?];
        let len = file.read_at(&mut bytes, place.offset)?;
        self.disk.create(name)?.write_at(&bytes[..len], 0)?;
        Ok(len as u64)
    }

    /// Counts damage that has no bytes to copy, such as a segment or a cursor that is gone.
    pub(crate) fn found_missing(&mut self, segment: u64) {
        self.count += u64::from(self.known.insert((segment, u64::MAX)));
    }

    /// Forgets where a segment was damaged: it is being removed.
    pub(crate) fn forget(&mut self, segment: u64) {
        self.known.retain(|&(known, _)| known != segment);
    }

    /// How many places were found since the spool was opened.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// How much the copies take up, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}
