//! A disk in memory that can lose power, run full and fail.
//!
//! What was written is what is read at once; what was synced is what a power cut certainly leaves.
//! Of the rest it leaves any subset of the writes to each file, some torn, and of the changes of
//! names the first few.

use core::ops::Range;
use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::disk::{Disk, DiskFile};

#[derive(Clone, Default)]
pub(super) struct CrashingDisk(Arc<Mutex<State>>);

type Content = Arc<Mutex<FileState>>;

#[derive(Default)]
struct State {
    names: BTreeMap<String, Content>,
    durable: BTreeMap<String, Content>,
    changes: Vec<(String, Option<Content>)>,
    /// How many bytes all files together may have.
    room: Option<usize>,
    /// How often anything was read since that was asked.
    reads: usize,
    /// How often it was asked for the room left.
    asked_free: usize,
    failing: BTreeSet<Call>,
}

/// What can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Call {
    Read,
    Write,
    Truncate,
    Sync,
}

#[derive(Default)]
struct FileState {
    now: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Pending>,
    /// Bytes that cannot be read.
    unreadable: Range<usize>,
}

#[derive(Clone)]
enum Pending {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

impl Pending {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(offset, written) => {
                let end = offset + written.len();
                bytes.resize(bytes.len().max(end), 0);
                bytes[*offset..end].copy_from_slice(written);
            }
            Self::Truncate(len) => bytes.truncate(*len),
        }
    }
}

/// A small generator of choices (xorshift64), so that a seed tells the whole story.
pub(super) struct Choices(u64);

impl Choices {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % limit.max(1)
    }
}

impl CrashingDisk {
    /// Cuts the power. Files that are open are of no use afterwards.
    pub(super) fn cut_power(&self, seed: u64) {
        let mut choices = Choices::new(seed);
        let mut state = lock(&self.0);
        let kept = choices.below(state.changes.len() + 1);
        let changes: Vec<_> = state.changes.drain(..).take(kept).collect();
        for (name, content) in changes {
            match content {
                Some(content) => state.durable.insert(name, content),
                None => state.durable.remove(&name),
            };
        }
        state.names = state.durable.clone();
        for content in state.names.values() {
            let mut file = lock(content);
            let mut bytes = file.durable.clone();
            for mut pending in core::mem::take(&mut file.pending) {
                match (choices.below(3), &mut pending) {
                    (0, _) => continue,
                    (1, Pending::Write(_, written)) => {
                        let torn = choices.below(written.len());
                        written.truncate(torn);
                    }
                    _ => {}
                }
                pending.apply(&mut bytes);
            }
            file.now.clone_from(&bytes);
            file.durable = bytes;
        }
    }

    /// Limits the disk to `bytes` more than it has now, or lifts the limit.
    pub(super) fn set_room(&self, bytes: Option<usize>) {
        let used: usize = self.contents().values().map(Vec::len).sum();
        lock(&self.0).room = bytes.map(|bytes| used + bytes);
    }

    /// How often it was asked for the room left.
    pub(super) fn asked_free(&self) -> usize {
        lock(&self.0).asked_free
    }

    /// How often anything was read since this was asked last.
    pub(super) fn count_reads(&self) -> usize {
        core::mem::take(&mut lock(&self.0).reads)
    }

    pub(super) fn fail_sync(&self, is_failing: bool) {
        self.fail(Call::Sync, is_failing);
    }

    /// Lets a call fail with EIO from now on, or no longer.
    pub(super) fn fail(&self, call: Call, is_failing: bool) {
        let failing = &mut lock(&self.0).failing;
        if is_failing {
            failing.insert(call)
        } else {
            failing.remove(&call)
        };
    }

    fn goes(&self, call: Call) -> io::Result<()> {
        let is_failing = lock(&self.0).failing.contains(&call);
        if is_failing { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
    }

    /// Damages a file behind the spool's back, durably.
    pub(super) fn edit(&self, name: &str, edit: impl FnOnce(&mut Vec<u8>)) {
        let content = Arc::clone(&lock(&self.0).names[name]);
        let mut file = lock(&content);
        edit(&mut file.now);
        file.durable = file.now.clone();
        file.pending.clear();
    }

    /// Makes some bytes of a file unreadable; none makes all readable again.
    pub(super) fn spoil(&self, name: &str, bytes: Range<usize>) {
        let content = Arc::clone(&lock(&self.0).names[name]);
        lock(&content).unreadable = bytes;
    }

    pub(super) fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let state = lock(&self.0);
        state.names.iter().map(|(name, file)| (name.clone(), lock(file).now.clone())).collect()
    }

    /// The names of the segments, oldest first.
    pub(super) fn segments(&self) -> Vec<String> {
        let names = lock(&self.0).names.keys().cloned().collect::<Vec<_>>();
        names.into_iter().filter(|name| segment::first_of(name).is_some()).collect()
    }

    fn file(&self, content: &Content) -> Arc<dyn DiskFile> {
        Arc::new(OpenFile { disk: self.clone(), content: Arc::clone(content) })
    }
}

impl Disk for CrashingDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(lock(&self.0).names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let content = lock(&self.0).names.get(name).cloned();
        Ok(self.file(&content.ok_or(io::ErrorKind::NotFound)?))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let content = Content::default();
        let mut state = lock(&self.0);
        state.names.insert(name.to_owned(), Arc::clone(&content));
        state.changes.push((name.to_owned(), Some(Arc::clone(&content))));
        Ok(self.file(&content))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = lock(&self.0);
        state.names.remove(name).ok_or(io::ErrorKind::NotFound)?;
        state.changes.push((name.to_owned(), None));
        Ok(())
    }

    fn free(&self) -> io::Result<u64> {
        let used: usize = self.contents().values().map(Vec::len).sum();
        let mut state = lock(&self.0);
        state.asked_free += 1;
        Ok(state.room.map_or(u64::MAX / 2, |room| room.saturating_sub(used) as u64))
    }

    fn sync(&self) -> io::Result<()> {
        self.goes(Call::Sync)?;
        let mut state = lock(&self.0);
        state.durable = state.names.clone();
        state.changes.clear();
        Ok(())
    }
}

struct OpenFile {
    disk: CrashingDisk,
    content: Content,
}

impl DiskFile for OpenFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        lock(&self.disk.0).reads += 1;
        self.disk.goes(Call::Read)?;
        let file = lock(&self.content);
        let from = usize::try_from(offset).unwrap().min(file.now.len());
        let len = buffer.len().min(file.now.len() - from);
        if from < file.unreadable.end && file.unreadable.start < from + len {
            return Err(io::Error::from_raw_os_error(5)); // EIO
        }
        buffer[..len].copy_from_slice(&file.now[from..from + len]);
        Ok(len)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let used: usize = self.disk.contents().values().map(Vec::len).sum();
        let room = lock(&self.disk.0).room;
        self.disk.goes(Call::Write)?;
        let mut file = lock(&self.content);
        let offset = usize::try_from(offset).unwrap();
        let grows = (offset + bytes.len()).saturating_sub(file.now.len());
        let lacking = room.map_or(0, |room| (used + grows).saturating_sub(room)).min(bytes.len());
        let write = Pending::Write(offset, bytes[..bytes.len() - lacking].to_vec());
        write.apply(&mut file.now);
        file.pending.push(write);
        if lacking > 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn len(&self) -> io::Result<u64> {
        Ok(lock(&self.content).now.len() as u64)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.disk.goes(Call::Truncate)?;
        let truncate = Pending::Truncate(usize::try_from(len).unwrap());
        let mut file = lock(&self.content);
        truncate.apply(&mut file.now);
        file.pending.push(truncate);
        Ok(())
    }

    /// A failed sync loses what was to be written and calls it written, as Linux does.
    fn sync(&self) -> io::Result<()> {
        let goes = self.disk.goes(Call::Sync);
        let mut file = lock(&self.content);
        let pending = core::mem::take(&mut file.pending);
        goes?;
        for pending in pending {
            pending.apply(&mut file.durable);
        }
        Ok(())
    }
}
