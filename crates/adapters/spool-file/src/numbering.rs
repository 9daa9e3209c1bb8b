//! Numbering: which streams there are, and which number the next sample of each gets.

use std::collections::{BTreeMap, HashMap};

use domain::{
    NoData, QuantityKind, Reading, Sample, SequenceNumber, Stream, StreamName, StreamReading,
};
use wire::record::{Declaration, Header, KnownStream, NUMBER_MAX, Record, StoredReading, StreamId};

/// A quantity of one kind was offered as belonging to a stream of another.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("stream {stream} is of kind {}, not {}", expected.name(), found.name())]
pub(crate) struct KindMismatch {
    stream: StreamName,
    expected: QuantityKind,
    found: QuantityKind,
}

/// Numbers given out but not yet used up: an append that fails leaves no trace.
#[derive(Debug, Default)]
pub(crate) struct Staged {
    /// The readings with their numbers.
    pub(crate) readings: Vec<StoredReading>,
    new: Vec<Declaration>,
    next: BTreeMap<StreamName, SequenceNumber>,
}

/// Positions or numbers have come to their end; only bytes that no spool wrote can bring that about.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("positions or sequence numbers are used up")]
pub(crate) struct UsedUp;

impl Staged {
    /// Whether all of it can be read again, at positions from `end` on.
    pub(crate) fn check_numbers(&self, end: u64) -> Result<(), UsedUp> {
        let last = end + self.readings.len() as u64;
        let is_low = last < NUMBER_MAX && self.readings.iter().all(|r| r.seq.0 < NUMBER_MAX);
        if is_low { Ok(()) } else { Err(UsedUp) }
    }
}

/// The streams of one spool.
#[derive(Debug, Default)]
pub(crate) struct Numbering {
    streams: BTreeMap<StreamId, Stream>,
    ids: HashMap<Stream, StreamId>,
    next: BTreeMap<StreamName, SequenceNumber>,
    next_id: StreamId,
}

impl Numbering {
    /// Numbers `readings` without using the numbers up.
    pub(crate) fn stage(&self, readings: &[StreamReading]) -> Result<Staged, KindMismatch> {
        let mut staged = Staged::default();
        for StreamReading { stream, reading } in readings {
            let stored = StoredReading {
                stream: self.id(stream, &mut staged.new),
                seq: self.number(&stream.name, &mut staged.next),
                at: reading.at,
                outcome: number_of(stream, reading)?,
                quality: reading.quality,
            };
            staged.readings.push(stored);
        }
        Ok(staged)
    }

    fn id(&self, stream: &Stream, new: &mut Vec<Declaration>) -> StreamId {
        let known = self.ids.get(stream).copied();
        let staged = || new.iter().find(|known| known.stream == *stream).map(|known| known.id);
        known.or_else(staged).unwrap_or_else(|| {
            let id = new.last().map_or(self.next_id, |last| after(last.id));
            new.push(Declaration { id, stream: stream.clone() });
            id
        })
    }

    fn number(
        &self,
        name: &StreamName,
        staged: &mut BTreeMap<StreamName, SequenceNumber>,
    ) -> SequenceNumber {
        if let Some(next) = staged.get_mut(name) {
            return core::mem::replace(next, next.next());
        }
        let number = self.next.get(name).copied().unwrap_or(SequenceNumber::FIRST);
        staged.insert(name.clone(), number.next());
        number
    }

    /// Uses up the numbers of an append that is in the spool.
    pub(crate) fn commit(&mut self, staged: Staged) {
        staged.new.into_iter().for_each(|declaration| self.learn(declaration));
        self.next.extend(staged.next);
    }

    /// The streams among `readings` that a header made when ids had come up to `below` does not
    /// list.
    pub(crate) fn younger(&self, staged: &Staged, below: StreamId) -> Vec<Declaration> {
        let mut ids: Vec<_> = staged
            .readings
            .iter()
            .map(|reading| reading.stream)
            .filter(|id| *id >= below)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        let known = |id: StreamId| {
            let stream = self.streams.get(&id).cloned()?;
            Some(Declaration { id, stream })
        };
        let new = |id| staged.new.iter().find(|declaration| declaration.id == id).cloned();
        ids.into_iter().filter_map(|id| known(id).or_else(|| new(id))).collect()
    }

    /// The id that the next new stream gets. No stream has it or a higher one.
    pub(crate) fn next_id(&self) -> StreamId {
        self.next_id
    }

    /// What a segment that begins at position `first` begins with.
    pub(crate) fn header(&self, first: u64) -> Header {
        let known = |(&id, stream): (&StreamId, &Stream)| KnownStream {
            declaration: Declaration { id, stream: stream.clone() },
            next: self.next.get(&stream.name).copied().unwrap_or(SequenceNumber::FIRST),
        };
        let streams = self.streams.iter().map(known).collect();
        Header { first, next_id: self.next_id, streams }
    }

    /// Takes over what a header says.
    pub(crate) fn restore(&mut self, header: Header) {
        self.next_id = self.next_id.max(header.next_id);
        for KnownStream { declaration, next } in header.streams {
            self.raise(&declaration.stream.name, next);
            self.learn(declaration);
        }
    }

    /// Takes over what a record says. Says whether all its streams are known.
    pub(crate) fn replay(&mut self, record: &Record) -> bool {
        record.declared.iter().cloned().for_each(|declaration| self.learn(declaration));
        let mut is_known = true;
        for reading in &record.readings {
            match self.streams.get(&reading.stream).map(|stream| stream.name.clone()) {
                Some(name) => self.raise(&name, SequenceNumber(reading.seq.0.saturating_add(1))),
                None => is_known = false,
            }
            self.next_id = self.next_id.max(after(reading.stream));
        }
        is_known
    }

    fn learn(&mut self, Declaration { id, stream }: Declaration) {
        self.next_id = self.next_id.max(after(id));
        self.ids.insert(stream.clone(), id);
        self.streams.insert(id, stream);
    }

    /// Gives out no number of the stream `name` below `next`.
    pub(crate) fn raise(&mut self, name: &StreamName, next: SequenceNumber) {
        match self.next.get_mut(name) {
            Some(known) => *known = next.max(*known),
            None => drop(self.next.insert(name.clone(), next)),
        }
    }

    /// The samples of a record, unless it uses a stream that nothing readable declares.
    pub(crate) fn samples(&self, record: &Record) -> Option<Vec<Sample>> {
        let own = |id| record.declared.iter().find(|known| known.id == id).map(|d| &d.stream);
        let sample = |reading: &StoredReading| {
            let stream = own(reading.stream).or_else(|| self.streams.get(&reading.stream))?.clone();
            // The number was a quantity when it was stored; a later program may judge otherwise.
            let quantity = |number| stream.kind.quantity(number).map_err(|_| NoData::Implausible);
            let outcome = reading.outcome.and_then(quantity);
            let reading_ = Reading { at: reading.at, outcome, quality: reading.quality };
            Some(Sample { stream, boot: record.boot, seq: reading.seq, reading: reading_ })
        };
        // Collecting options reserves nothing ahead, and would copy all that is there a few times.
        let mut samples = Vec::with_capacity(record.readings.len());
        for reading in &record.readings {
            samples.push(sample(reading)?);
        }
        Some(samples)
    }

    /// The number of the newest sample of each stream.
    pub(crate) fn heads(&self) -> Vec<(StreamName, SequenceNumber)> {
        let numbered = self.next.iter().filter(|(_, next)| **next > SequenceNumber::FIRST);
        numbered.map(|(name, next)| (name.clone(), SequenceNumber(next.0 - 1))).collect()
    }
}

fn after(id: StreamId) -> StreamId {
    StreamId(id.0.saturating_add(1))
}

fn number_of(stream: &Stream, reading: &Reading) -> Result<Result<f64, NoData>, KindMismatch> {
    match reading.outcome {
        Ok(quantity) if quantity.kind() != stream.kind => Err(KindMismatch {
            stream: stream.name.clone(),
            expected: stream.kind,
            found: quantity.kind(),
        }),
        Ok(quantity) => Ok(Ok(quantity.number())),
        Err(reason) => Ok(Err(reason)),
    }
}
