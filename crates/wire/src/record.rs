//! Batches of samples on disk, version 3: what the frames of the spool's files hold.
//!
//! `docs/specs/spool-format.md` has the layout; framing, checksums and files are the file spool's.
//!
//! # Terms
//!
//! * **Stream id** — the number that stands for a stream within one spool, for the spool's life.
//! * **Header** — what a segment begins with: all streams known when it was made, with the number
//!   that the next sample of each gets.
//! * **Record** — the samples of one append.
//! * **Cursor slot** — how far the spool is acknowledged.
//! * **Trust run** — consecutive samples of a record whose wall time is known equally well.
//!
//! # Invariants
//!
//! 1. A record needs nothing but itself and the header of its segment: it declares every stream
//!    that is younger than that header.
//! 2. Decoding takes any bytes and gives a value or [`Malformed`]; it never panics and never
//!    reserves more memory than a small multiple of its input.
//! 3. Gap codes and kind names of a version never change. A new one needs a new version, so that an
//!    older program refuses the spool instead of taking the unknown for damage.
//!
//! # Deliberately absent
//!
//! Checksums, lengths, resynchronisation: damage is found before these bytes are looked at.

mod bytes;
mod trust;

use core::ops::Range;

use domain::{
    BootId, Monotonic, NoData, Quality, QuantityKind, SequenceNumber, Stream, StreamName,
    Timestamp, WallTime,
};

use self::{
    bytes::{Input, put_text, put_varint, unzigzag, zigzag},
    trust::{put_trust, read_trust},
};

/// The version of the disk format that this module writes, and the newest it reads.
pub const VERSION: u32 = 3;

/// The largest position, and number of a sample in its stream, that there is: a million a second reach
/// it in 146,000 years. Higher ones are refused, so that counting on from any that were read is safe.
pub const NUMBER_MAX: u64 = 1 << 62;

/// The least that one reading, and one run, takes up: bounds what a count may make us reserve.
const READING_BYTES_MIN: usize = 4;
const RUN_BYTES_MIN: usize = 2;
const STREAM_BYTES_MIN: usize = 4;

/// The bytes are none that this version writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bytes are not a {what} of version {VERSION}")]
pub struct Malformed {
    /// What they were taken for.
    pub what: &'static str,
}

/// Stands for a stream within one spool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u32);

/// Says which stream an id stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// The id.
    pub id: StreamId,
    /// What it stands for from now on.
    pub stream: Stream,
}

/// A stream as a header lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownStream {
    /// The stream and its id.
    pub declaration: Declaration,
    /// The number that its next sample gets.
    pub next: SequenceNumber,
}

/// What a segment begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The position of the first sample in the segment.
    pub first: u64,
    /// The id that the next new stream gets. Every lower one is taken, even if its stream is lost.
    pub next_id: StreamId,
    /// Every stream of the spool that was known when the segment was made.
    pub streams: Vec<KnownStream>,
}

/// A reading with its number. Its stream and boot are the record's business.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StoredReading {
    /// The stream it belongs to.
    pub stream: StreamId,
    /// Its number in the stream.
    pub seq: SequenceNumber,
    /// When it was taken.
    pub at: Timestamp,
    /// The number in the unit of the stream's kind, or why there is none.
    pub outcome: Result<f64, NoData>,
    /// How far to trust the number. Of a gap: good.
    pub quality: Quality,
}

/// The samples of one append. Never without readings.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The position of the first reading.
    pub first: u64,
    /// The boot in which they were taken.
    pub boot: BootId,
    /// The streams used here that the segment's header does not list.
    pub declared: Vec<Declaration>,
    /// The readings, in the order of their positions.
    pub readings: Vec<StoredReading>,
}

/// How far the spool is acknowledged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CursorSlot {
    /// Of two slots, the one with the higher generation counts.
    pub generation: u64,
    /// Everything before this position is acknowledged or evicted.
    pub position: u64,
    /// How many samples were ever evicted.
    pub evicted: u64,
    /// How many the cursor ever passed that were damaged.
    pub lost: u64,
    /// What is acknowledged beyond `position`: none of these runs is empty, and between two of them
    /// something waits.
    pub ahead: Vec<Range<u64>>,
}

impl Header {
    /// Appends the header's bytes to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.first);
        put_varint(out, u64::from(self.next_id.0));
        put_varint(out, self.streams.len() as u64);
        for known in &self.streams {
            known.declaration.encode(out);
            put_varint(out, known.next.0);
        }
    }

    /// Reads a header that takes up all of `bytes`.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if they are not one.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut input = Input(bytes);
        let header = Self::read(&mut input).filter(|_| input.0.is_empty());
        header.ok_or(Malformed { what: "segment header" })
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        let first = input.number()?;
        let next_id = input.stream_id()?;
        let streams = input.list(STREAM_BYTES_MIN, |input| {
            let declaration = Declaration::read(input)?;
            Some(KnownStream { declaration, next: SequenceNumber(input.number()?) })
        })?;
        Some(Self { first, next_id, streams })
    }
}

impl Declaration {
    fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, u64::from(self.id.0));
        put_text(out, self.stream.name.as_str());
        put_text(out, self.stream.kind.name());
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        let id = input.stream_id()?;
        let name = StreamName::parse(input.text()?).ok()?;
        let kind = QuantityKind::from_name(input.text()?)?;
        Some(Self { id, stream: Stream { name, kind } })
    }
}

/// Readings of one stream with consecutive numbers; they need not stand together.
#[derive(Clone, Copy)]
struct Run {
    stream: StreamId,
    first: SequenceNumber,
    next: SequenceNumber,
}

impl Record {
    /// The position after the last reading.
    pub const fn end(&self) -> u64 {
        self.first.saturating_add(self.readings.len() as u64)
    }

    /// Appends the record's bytes to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (runs, run_of) = self.runs();
        put_varint(out, self.first);
        out.extend(self.boot.as_bytes());
        put_varint(out, self.declared.len() as u64);
        self.declared.iter().for_each(|declaration| declaration.encode(out));
        put_varint(out, runs.len() as u64);
        for run in &runs {
            put_varint(out, u64::from(run.stream.0));
            put_varint(out, run.first.0);
        }
        put_varint(out, self.readings.len() as u64);
        let (mut wall, mut monotonic) = (0, 0);
        for (reading, run) in self.readings.iter().zip(run_of) {
            put_varint(out, run as u64);
            let at = (reading.at.wall.as_nanos(), reading.at.monotonic.as_nanos());
            put_varint(out, zigzag(at.0.wrapping_sub(wall)));
            put_varint(out, zigzag(at.1.wrapping_sub(monotonic).cast_signed()));
            (wall, monotonic) = at;
            put_outcome(out, reading.outcome, reading.quality);
        }
        put_trust(out, &self.readings);
    }

    /// The runs, in the order in which they begin, and which of them each reading is in.
    fn runs(&self) -> (Vec<Run>, Vec<usize>) {
        let mut runs: Vec<Run> = Vec::new();
        let mut run_of = Vec::with_capacity(self.readings.len());
        for &StoredReading { stream, seq, .. } in &self.readings {
            let going_on = runs.iter().rposition(|run| (run.stream, run.next) == (stream, seq));
            let index = going_on.unwrap_or(runs.len());
            match runs.get_mut(index) {
                Some(run) => run.next = seq.next(),
                None => runs.push(Run { stream, first: seq, next: seq.next() }),
            }
            run_of.push(index);
        }
        (runs, run_of)
    }

    /// Reads a record that takes up all of `bytes`.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if they are not one.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut input = Input(bytes);
        let record = Self::read(&mut input)
            .filter(|record| input.0.is_empty() && !record.readings.is_empty());
        record.ok_or(Malformed { what: "record" })
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        let first = input.number()?;
        let boot = BootId::from_bytes(input.array()?);
        let declared = input.list(STREAM_BYTES_MIN, Declaration::read)?;
        let mut next = input.list(RUN_BYTES_MIN, |input| {
            Some((input.stream_id()?, SequenceNumber(input.number()?)))
        })?;
        let (mut wall, mut monotonic) = (0_i64, 0_u64);
        let mut readings = input.list(READING_BYTES_MIN, |input| {
            let (stream, seq) = next.get_mut(usize::try_from(input.varint()?).ok()?)?;
            wall = wall.wrapping_add(unzigzag(input.varint()?));
            monotonic = monotonic.wrapping_add(unzigzag(input.varint()?).cast_unsigned());
            let at = Timestamp::new(WallTime::from_nanos(wall), Monotonic::from_nanos(monotonic));
            let (outcome, quality) = read_outcome(input)?;
            let reading = StoredReading { stream: *stream, seq: *seq, at, outcome, quality };
            *seq = seq.next();
            Some(reading)
        })?;
        read_trust(input, &mut readings)?;
        Some(Self { first, boot, declared, readings })
    }
}

impl CursorSlot {
    /// Appends the slot's bytes to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let numbers = [self.generation, self.position, self.evicted, self.lost];
        let runs = self.ahead.iter().flat_map(|run| [run.start, run.end]);
        for number in numbers.into_iter().chain(runs) {
            out.extend(number.to_le_bytes());
        }
    }

    /// Reads a slot that takes up all of `bytes`. Before version 3, one said neither what was lost nor
    /// what was acknowledged ahead.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if they are not one.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let (numbers, rest) = bytes.as_chunks::<8>();
        let numbers: Vec<_> = numbers.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
        let slot = match *numbers {
            _ if numbers.iter().any(|&number| number > NUMBER_MAX) => None,
            [generation, position, evicted, ref more @ ..] => {
                let (&lost, runs) = more.split_first().unwrap_or((&0, &[]));
                let (runs, odd) = runs.as_chunks::<2>();
                let ahead = runs.iter().map(|&[start, end]| start..end).collect();
                odd.is_empty().then_some(Self { generation, position, evicted, lost, ahead })
            }
            _ => None,
        };
        slot.filter(|slot| rest.is_empty() && slot.is_in_order())
            .ok_or(Malformed { what: "cursor slot" })
    }

    fn is_in_order(&self) -> bool {
        let mut waiting = self.position;
        self.ahead.iter().all(|run| {
            let is_beyond = waiting < run.start && run.start < run.end;
            waiting = run.end;
            is_beyond
        })
    }
}

fn put_outcome(out: &mut Vec<u8>, outcome: Result<f64, NoData>, quality: Quality) {
    match outcome {
        Ok(number) => {
            out.push(match quality {
                Quality::Good => GOOD,
                Quality::Uncertain => UNCERTAIN,
            });
            out.extend(number.to_le_bytes());
        }
        Err(reason) => out.push(gap_code(reason)),
    }
}

fn read_outcome(input: &mut Input<'_>) -> Option<(Result<f64, NoData>, Quality)> {
    let [code] = input.array()?;
    let mut number = |quality| input.array().map(|b| (Ok(f64::from_le_bytes(b)), quality));
    match code {
        GOOD => number(Quality::Good),
        UNCERTAIN => number(Quality::Uncertain),
        code => {
            let reason = NoData::ALL.iter().copied().find(|&reason| gap_code(reason) == code)?;
            Some((Err(reason), Quality::Good))
        }
    }
}

/// What stands before a number. Frozen: the first since version 1, the second since version 3.
const GOOD: u8 = 0;
const UNCERTAIN: u8 = 0x80;

/// Frozen: 1 to 11 since version 1, 12 and 13 since version 2, 14 since version 3.
const fn gap_code(reason: NoData) -> u8 {
    match reason {
        NoData::Absent => 1,
        NoData::NotReady => 2,
        NoData::BusFault => 3,
        NoData::Timeout => 4,
        NoData::Silent => 5,
        NoData::Corrupt => 6,
        NoData::Implausible => 7,
        NoData::Missed => 8,
        NoData::Overflow => 9,
        NoData::Internal => 10,
        NoData::Undefined => 11,
        NoData::Shed => 12,
        NoData::Stopped => 13,
        NoData::Stale => 14,
    }
}

#[cfg(test)]
mod tests;
