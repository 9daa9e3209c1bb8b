//! A spool for each class of streams, within limits that they share.
//!
//! The class normal is the folder itself, so that a spool from before there were classes is read on. The
//! others are folders in it, `high` and `low`, which are made when something is first appended to them.
//!
//! One at a time is appended to, and asks the others for room while it is; nothing else that is done to one
//! of them waits for another. Delivery therefore never waits for more than one operation of the one that
//! it asks.

use core::ops::{Range, RangeInclusive};
use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, Weak},
};

use domain::{BootId, Sample, SequenceNumber, StreamClass, StreamName, StreamReading};
use ports::{Appended, Backlog, Position, Spool, SpoolCount, SpoolError};

use crate::{
    FileSpool, LateSpool, Options,
    late::Open,
    lock,
    log::{Company, Gives, Others},
};

/// What is done with readings for which there is no room within the limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// The oldest samples go for them, of the lowest class first. A class never takes from a higher one.
    #[default]
    Evict,
    /// They are refused, unless acknowledged samples or those of a lower class make room.
    Refuse,
}

/// The spools of all classes in one folder. Each opens when the disk has room for it, as a [`LateSpool`]
/// does.
pub struct ClassedSpools {
    shared: Arc<Shared>,
}

impl ClassedSpools {
    /// Opens what there is in `folder`, and makes the spool of the class normal. All classes together
    /// stay within `options`; of `when_full`, highest class first, each has its own.
    ///
    /// # Errors
    ///
    /// Those of [`LateSpool::open`].
    pub fn open(
        folder: impl AsRef<Path>,
        options: Options,
        when_full: [WhenFull; 3],
        boot: BootId,
    ) -> Result<Self, SpoolError> {
        let folder = folder.as_ref();
        let folders = StreamClass::ALL.map(|class| match class {
            StreamClass::Normal => folder.to_owned(),
            StreamClass::High | StreamClass::Low => folder.join(class.name()),
        });
        let open = |path: PathBuf, options| {
            Box::new(move || FileSpool::open(&path, options, boot)) as Box<Open>
        };
        let used = folders.each_ref().map(|path| path.is_dir() || path == folder);
        let options = options.within_bounds();
        // What is acknowledged is trimmed over all of them.
        let each = Options { retain: u64::MAX, ..options };
        Self::open_by(folders.map(|path| open(path, each)), used, options.retain, when_full)
    }

    /// The same with `open` for each class, of which those `used` are opened at once.
    pub(crate) fn open_by(
        open: [Box<Open>; 3],
        used: [bool; 3],
        retain: u64,
        when_full: [WhenFull; 3],
    ) -> Result<Self, SpoolError> {
        let mut open = open.map(Some);
        let shared = Arc::new_cyclic(|shared: &Weak<Shared>| {
            let spools = StreamClass::ALL.map(|class| {
                let open = open[class.index()].take();
                LateSpool::closed(joining(open, shared.clone(), class, when_full[class.index()]))
            });
            Shared { spools, retain, appending: Mutex::default() }
        });
        for (spool, _) in shared.spools.iter().zip(used).filter(|(_, is_used)| *is_used) {
            spool.try_to_open()?;
        }
        // What one was opened before may have been unknown to it.
        shared.raise_all();
        // What cannot be removed now is removed later.
        let _ = shared.trim();
        Ok(Self { shared })
    }

    /// The spool of one class.
    pub fn of(&self, class: StreamClass) -> ClassSpool {
        ClassSpool { shared: Arc::clone(&self.shared), class }
    }

    /// The spools of all classes, highest first.
    pub fn all(&self) -> [Arc<dyn Spool>; 3] {
        StreamClass::ALL.map(|class| Arc::new(self.of(class)) as Arc<dyn Spool>)
    }

    /// Whether the spool of the class normal is open.
    pub fn is_open(&self) -> bool {
        self.shared.spools[StreamClass::Normal.index()].is_open()
    }
}

/// Opens a spool that has the others in mind.
fn joining(
    open: Option<Box<Open>>,
    shared: Weak<Shared>,
    class: StreamClass,
    when_full: WhenFull,
) -> Box<Open> {
    Box::new(move || {
        let absent = || SpoolError::Access(io::ErrorKind::NotFound.into());
        let spool = open.as_ref().ok_or_else(absent)?()?;
        if let Some(shared) = shared.upgrade() {
            spool.raise(&shared.heads());
        }
        let others = Box::new(Seat { shared: shared.clone(), class });
        let is_refusing = when_full == WhenFull::Refuse;
        lock(&spool.log).join(Company { others, is_refusing });
        Ok(spool)
    })
}

struct Shared {
    /// Highest class first.
    spools: [LateSpool; 3],
    /// How much of all of them may be acknowledged segments, in bytes.
    retain: u64,
    /// Held while one of them is appended to.
    appending: Mutex<()>,
}

impl Shared {
    /// Those that are open but for that of `class`, lowest class first.
    fn others(&self, class: StreamClass) -> impl Iterator<Item = (StreamClass, &FileSpool)> {
        let spools = StreamClass::ALL.into_iter().zip(&self.spools).rev();
        let others = spools.filter(move |(other, _)| *other != class);
        others.filter_map(|(other, spool)| Some((other, spool.get()?)))
    }

    fn opened(&self) -> impl DoubleEndedIterator<Item = &FileSpool> {
        self.spools.iter().filter_map(LateSpool::get)
    }

    /// The newest number of each stream, whichever class it was in.
    fn heads(&self) -> BTreeMap<StreamName, SequenceNumber> {
        let mut heads = BTreeMap::new();
        for (name, head) in self.opened().flat_map(FileSpool::heads) {
            let known = heads.entry(name).or_insert(head);
            *known = head.max(*known);
        }
        heads
    }

    fn raise_all(&self) {
        let heads = self.heads();
        self.opened().for_each(|spool| spool.raise(&heads));
    }

    /// Makes room for `class`: removes one segment of another. Gives how long it was.
    fn give(&self, class: StreamClass, gives: Gives) -> Option<u64> {
        // One that cannot be removed must not hold up a class that it is not of.
        let give = |spool: &FileSpool, gives| lock(&spool.log).give(gives).ok().flatten();
        let retained = self.others(class).find_map(|(_, spool)| give(spool, Gives::Retained));
        let lower = || self.others(class).filter(|(other, _)| *other > class);
        match gives {
            Gives::Retained => retained,
            Gives::Waiting => {
                retained.or_else(|| lower().find_map(|(_, spool)| give(spool, Gives::Waiting)))
            }
        }
    }

    /// Removes acknowledged segments, of the lowest class first, until they are within the limit.
    fn trim(&self) -> Result<(), SpoolError> {
        let retained = |spool: &FileSpool| lock(&spool.log).retained();
        let mut all: u64 = self.opened().map(retained).sum();
        for spool in self.opened().rev() {
            while all > self.retain {
                let Some(removed) = lock(&spool.log).give(Gives::Retained)? else { break };
                all = all.saturating_sub(removed);
            }
        }
        Ok(())
    }
}

/// Whom the log of `class` asks.
struct Seat {
    shared: Weak<Shared>,
    class: StreamClass,
}

impl Others for Seat {
    fn bytes(&self) -> u64 {
        let Some(shared) = self.shared.upgrade() else { return 0 };
        shared.others(self.class).map(|(_, spool)| lock(&spool.log).bytes()).sum()
    }

    fn attainable(&self) -> u64 {
        let Some(shared) = self.shared.upgrade() else { return 0 };
        let could_give = |(other, spool): (StreamClass, &FileSpool)| {
            let gives = if other > self.class { Gives::Waiting } else { Gives::Retained };
            lock(&spool.log).could_give(gives)
        };
        shared.others(self.class).map(could_give).sum()
    }

    fn give(&self, gives: Gives) -> Option<u64> {
        self.shared.upgrade()?.give(self.class, gives)
    }
}

/// The spool of one class of [`ClassedSpools`].
#[derive(Clone)]
pub struct ClassSpool {
    shared: Arc<Shared>,
    class: StreamClass,
}

impl ClassSpool {
    fn spool(&self) -> &LateSpool {
        &self.shared.spools[self.class.index()]
    }
}

impl Spool for ClassSpool {
    fn append(&self, readings: &[StreamReading]) -> Result<Appended, SpoolError> {
        let _appending = lock(&self.shared.appending);
        loop {
            match self.spool().append(readings) {
                // Not even its beginning has room: once it is open it asks the others itself.
                Err(SpoolError::Full(_))
                    if !self.spool().is_open()
                        && self.shared.give(self.class, Gives::Waiting).is_some() => {}
                appended => return appended,
            }
        }
    }

    fn sync(&self) -> Result<(), SpoolError> {
        self.spool().sync()
    }

    fn backlog(&self, from: Position, limit: usize) -> Result<Backlog, SpoolError> {
        self.spool().backlog(from, limit)
    }

    fn replay(
        &self,
        stream: &StreamName,
        boot: Option<BootId>,
        numbers: RangeInclusive<SequenceNumber>,
        limit: usize,
    ) -> Result<Vec<(Position, Sample)>, SpoolError> {
        self.spool().replay(stream, boot, numbers, limit)
    }

    fn acknowledge(&self, upto: Position) -> Result<(), SpoolError> {
        self.spool().acknowledge(upto)?;
        self.shared.trim()
    }

    fn acknowledge_ahead(&self, delivered: Range<Position>) -> Result<(), SpoolError> {
        self.spool().acknowledge_ahead(delivered)?;
        self.shared.trim()
    }

    fn waiting(&self) -> Vec<Range<Position>> {
        self.spool().waiting()
    }

    fn cursor(&self) -> Position {
        self.spool().cursor()
    }

    fn end(&self) -> Position {
        self.spool().end()
    }

    fn heads(&self) -> Vec<(StreamName, SequenceNumber)> {
        self.spool().heads()
    }

    fn count(&self) -> SpoolCount {
        self.spool().count()
    }
}

impl fmt::Debug for ClassSpool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClassSpool").field(&self.class).field(self.spool()).finish()
    }
}

impl fmt::Debug for ClassedSpools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.shared.spools).finish()
    }
}
