//! The port to the durable backlog.

use core::ops::{Range, RangeInclusive};
use std::{error::Error, io};

use domain::{BootId, Sample, SequenceNumber, StreamName, StreamReading};

/// A place in the spool: how many samples were ever appended before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

/// What an append did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "evicted and refused samples must be counted"]
pub struct Appended {
    /// The end of the spool: the position after the last sample appended.
    pub end: Position,
    /// How many samples that nobody had acknowledged were given up to make room.
    pub evicted: u64,
    /// How many of the readings were refused for want of room: all of them, for good, or none.
    pub refused: u64,
}

/// A run of samples that wait for acknowledgement.
#[derive(Clone, Debug, PartialEq)]
pub struct Backlog {
    /// The samples, in the order in which they were appended. Empty at the end of the spool.
    pub samples: Vec<Sample>,
    /// The position after the last of them: where to read on, and what to acknowledge.
    pub next: Position,
}

/// What has gone through the spool since it was created or opened. Counts only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolCount {
    /// Samples appended.
    pub appended: u64,
    /// Samples acknowledged.
    pub acknowledged: u64,
    /// Samples given up unacknowledged, to keep within the limit of size.
    pub evicted: u64,
    /// Readings refused since it was opened, because what waits was not to be given up for them. They
    /// are not among those appended.
    pub refused: u64,
    /// Samples that the cursor passed although the medium no longer had them.
    pub lost: u64,
    /// Damaged places found and passed over; each may have held samples.
    pub corrupt: u64,
    /// Bytes that the spool takes up now.
    pub bytes: u64,
    /// Those of them that hold nothing but acknowledged samples, kept for [`Spool::replay`]. The
    /// first to go when room is needed.
    pub retained: u64,
}

/// Why the spool could not do what was asked. What was in it before still is.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The medium has no room left. Acknowledging makes room.
    #[error("no space left for the spool")]
    Full(#[source] io::Error),
    /// Reading or writing the medium failed.
    #[error("spool cannot be accessed")]
    Access(#[source] io::Error),
    /// It is of a version that this program does not know. It was left untouched.
    #[error("spool has format version {found}; this program reads up to version {known}")]
    TooNew {
        /// The version found.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// Another process has it open.
    #[error("spool is in use by another process")]
    InUse,
    /// The readings cannot be stored, however often it is tried.
    #[error("readings cannot be encoded")]
    Unstorable(#[source] Box<dyn Error + Send + Sync>),
}

impl SpoolError {
    /// Whether the same call can succeed later without anyone mending something by hand.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Full(_) | Self::Access(_) => true,
            Self::TooNew { .. } | Self::InUse | Self::Unstorable(_) => false,
        }
    }
}

/// How many runs of samples may be acknowledged ahead of the cursor at one time, at least.
pub const AHEAD_RUNS_MAX: usize = 16;

/// Durable store-and-forward FIFO: numbers readings, keeps the samples until acknowledged.
///
/// # Contract
///
/// 1. **Numbering** — the samples of a stream get consecutive numbers, from
///    [`SequenceNumber::FIRST`] on, across reopening, acknowledgement and eviction.
/// 2. **Whole or absent** — an append is in the spool with all its readings or with none of them.
/// 3. **Survival** — what `append` returned `Ok` for is there after the process was killed at any
///    instant. What `sync` returned `Ok` for is there after the power was cut, too.
/// 4. **Conservation** — every sample appended is acknowledged, evicted or lost to damage and
///    counted, or waiting.
/// 5. **Order** — `backlog` gives samples in the order in which they were appended, and each
///    position once. Reading takes nothing away.
/// 6. **Cursor** — never passes what was not acknowledged. It survives a kill; after a power cut it
///    may have fallen back, never run ahead.
/// 7. **Bounds** — disk and memory stay within the limits that the adapter was given. The oldest
///    samples are evicted to make room, and counted; or the new readings are refused, and counted, as
///    the adapter was told.
/// 8. **Time** — may block on the medium, never on the network.
/// 9. **Replay** — acknowledged samples can be read again, by number, as long as they are within
///    the limit that the adapter was given for them. They go before any sample that waits, and
///    are not counted as evicted.
/// 10. **Ahead** — samples may be acknowledged while others before them wait, in at least
///     [`AHEAD_RUNS_MAX`] runs; the cursor passes them when it comes to them. Beyond that the oldest
///     of these acknowledgements may be forgotten: their samples wait again.
///
/// The suite `contract::spool` holds 1, 4 to 6, 9 and 10 for every adapter; the rest only the
/// adapter's own tests can.
///
/// Shared by two threads: one appends, one reads and acknowledges; neither waits for the other
/// longer than one operation takes.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait Spool: Send + Sync {
    /// Numbers `readings` and adds them to the backlog as the newest, all or none. Those that are
    /// [refused](Appended::refused) are not to be offered again.
    ///
    /// # Errors
    ///
    /// [`SpoolError`]; then nothing was appended and no number was used up.
    fn append(&self, readings: &[StreamReading]) -> Result<Appended, SpoolError>;

    /// Makes everything appended so far outlive a power cut. Returns at once if it already does.
    ///
    /// # Errors
    ///
    /// [`SpoolError`]; then it is not known what a power cut would leave.
    fn sync(&self) -> Result<(), SpoolError>;

    /// The samples from `from` on, at most `limit`. If `from` was evicted meanwhile, from the oldest
    /// that is left.
    ///
    /// # Errors
    ///
    /// [`SpoolError`] if the medium cannot be read. Damaged places are passed over and counted.
    fn backlog(&self, from: Position, limit: usize) -> Result<Backlog, SpoolError>;

    /// The samples of one stream with these `numbers` that were taken in `boot`, or in whichever, each
    /// with its position; acknowledged or not, as far as they are still there, by number; at most
    /// `limit`. Fewer than `limit` are all that there are. Moves no cursor.
    ///
    /// # Errors
    ///
    /// [`SpoolError`] if the medium cannot be read. Damaged places are passed over and counted.
    fn replay(
        &self,
        stream: &StreamName,
        boot: Option<BootId>,
        numbers: RangeInclusive<SequenceNumber>,
        limit: usize,
    ) -> Result<Vec<(Position, Sample)>, SpoolError>;

    /// Moves the cursor: everything before `upto` is delivered. Never moves it back.
    ///
    /// # Errors
    ///
    /// [`SpoolError`]; then the samples may be given again after a restart.
    fn acknowledge(&self, upto: Position) -> Result<(), SpoolError>;

    /// Notes that everything in `delivered` is delivered, although samples before it may wait.
    ///
    /// # Errors
    ///
    /// [`SpoolError`]; then the samples may be given again after a restart.
    fn acknowledge_ahead(&self, delivered: Range<Position>) -> Result<(), SpoolError>;

    /// What is not acknowledged, oldest first: runs that neither overlap nor touch, none of them empty.
    fn waiting(&self) -> Vec<Range<Position>>;

    /// The cursor: where the backlog begins.
    fn cursor(&self) -> Position;

    /// The end: where the next sample will be.
    fn end(&self) -> Position;

    /// The number of the newest sample of each stream ever appended, in the order of names.
    fn heads(&self) -> Vec<(StreamName, SequenceNumber)>;

    /// What has gone through, and the size now.
    fn count(&self) -> SpoolCount;
}
