//! The cursor file: two slots, 512 bytes apart.
//!
//! The slot that was synced last is never written to: the other one is, again and again until it is
//! synced itself. So whatever a power cut does to unsynced writes, one slot says a cursor that is
//! old at worst, and therefore safe. It also says what is acknowledged ahead, in so few runs that it
//! fits into its 512 bytes.

use std::{io, sync::Arc};

use wire::record::CursorSlot;

use crate::{
    ahead::Ahead,
    disk::{Disk, DiskFile},
    frame::{self, Kind},
    salvage::Salvage,
};

pub(crate) const NAME: &str = "cursor";
const SLOT_LEN: usize = 512;
/// How long the file is, in bytes.
pub(crate) const LEN: u64 = 2 * SLOT_LEN as u64;

/// The cursor and its file.
pub(crate) struct Cursor {
    file: Arc<dyn DiskFile>,
    /// The generation that was written last, and where, in bytes.
    written: u64,
    offset: u64,
    /// The generation that was synced last.
    synced: u64,
    /// A sync failed, and nothing was written since.
    is_doubtful: bool,
    /// Everything before this position is acknowledged or evicted.
    pub(crate) position: u64,
    /// How many samples were ever evicted.
    pub(crate) evicted: u64,
    /// How many it ever passed that were damaged.
    pub(crate) lost: u64,
    /// What is acknowledged beyond the position.
    pub(crate) ahead: Ahead,
}

impl Cursor {
    /// Opens the file, or makes one. The flag says whether there was one without a whole slot.
    pub(crate) fn open(disk: &dyn Disk, exists: bool) -> io::Result<(Self, bool)> {
        let mut file = if exists { disk.open(NAME)? } else { disk.create(NAME)? };
        let mut bytes = vec![0; 2 * SLOT_LEN];
        let salvage = Salvage::new(Arc::clone(&file));
        let mut len = salvage.read_at(&mut bytes, 0)?;
        if salvage.is_short() {
            // What cannot be read cannot be written in part either.
            (file, len) = (disk.create(NAME)?, 0);
        }
        // So that moving the cursor takes no room: on a full disk, that is how room is made. If
        // there is none even now, the cursor is not stored for a while.
        let _ = file.write_at(&bytes[len..], len as u64);
        let slots = [(0, &bytes[..SLOT_LEN]), (SLOT_LEN, &bytes[SLOT_LEN..])];
        let slots = slots.into_iter().filter_map(|(offset, slot)| {
            let slot = CursorSlot::decode(frame::payload(Kind::CURSOR, slot)?).ok()?;
            Some((slot, offset as u64))
        });
        let found = slots.max_by_key(|(slot, _)| slot.generation);
        let is_damaged =
            salvage.is_short() || found.is_none() && bytes.iter().any(|&byte| byte != 0);
        let (slot, offset) = found.unwrap_or_default();
        let CursorSlot { position, evicted, lost, generation: written, ahead } = slot;
        let ahead = Ahead::restore(ahead);
        let synced = written;
        let is_doubtful = false;
        let cursor =
            Self { file, written, offset, synced, is_doubtful, position, evicted, lost, ahead };
        Ok((cursor, is_damaged))
    }

    /// Writes down where the cursor stands, for whoever opens the spool next.
    pub(crate) fn store(&mut self) -> io::Result<()> {
        let generation = self.written.saturating_add(1);
        let Self { position, evicted, lost, .. } = *self;
        let ahead = self.ahead.runs().collect();
        let slot = CursorSlot { generation, position, evicted, lost, ahead };
        let is_synced = self.written == self.synced;
        let offset = if is_synced { SLOT_LEN as u64 - self.offset } else { self.offset };
        let mut bytes = Vec::new();
        frame::seal(Kind::CURSOR, &mut bytes, |out| slot.encode(out)).map_err(io::Error::other)?;
        self.file.write_at(&bytes, offset)?;
        (self.written, self.offset, self.is_doubtful) = (generation, offset, false);
        Ok(())
    }

    /// Makes what was found on open outlive a power cut: the end may rest on it.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    /// What was found may not outlive a power cut.
    pub(crate) fn doubt(&mut self) {
        (self.synced, self.is_doubtful) = (0, true);
    }

    /// A sync failed: the kernel may take what it could not write for written.
    pub(crate) fn sync_failed(&mut self) {
        self.is_doubtful = true;
    }

    /// Writes again what a failed sync left in doubt, so that the next one has something to write.
    pub(crate) fn renew(&mut self) -> io::Result<()> {
        if self.is_doubtful { self.store() } else { Ok(()) }
    }

    /// The file and the generation it holds, if a power cut could undo that.
    pub(crate) fn unsynced(&self) -> Option<(Arc<dyn DiskFile>, u64)> {
        let generation = self.written;
        (generation > self.synced).then(|| (Arc::clone(&self.file), generation))
    }

    /// What was written up to `generation` outlives a power cut.
    pub(crate) fn mark_synced(&mut self, generation: u64) {
        self.synced = self.synced.max(generation);
    }
}
