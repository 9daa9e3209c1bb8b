//! The wait for a frame that measures something, in a stream of bytes.
//!
//! A **frame** is what a device says in one go; how one is told from the next is the [`Cutter`]'s part,
//! and what it means the driver's.

use core::time::Duration;
use std::collections::VecDeque;

use domain::NoData;
use ports::{ByteSource, FrameCount, Measurement};

/// Something that was meant as a frame cannot be one: it is too long, or its framing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken;

/// Cuts a stream into frames. Its memory is bounded.
pub(crate) trait Cutter {
    /// Takes the next byte, and gives the frame that it ends.
    fn push(&mut self, byte: u8) -> Option<Result<Vec<u8>, Broken>>;

    /// Bytes are missing here: what was begun is given up, and what comes next may be a tail.
    fn resynchronise(&mut self);
}

/// What a driver makes of a frame.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It has quantities, or says why not.
    Measured(Measurement),
    /// It is sound, and not for us.
    Ignored,
    /// It is not a frame of this kind.
    Corrupt,
}

/// Listens to a source and cuts what comes into frames.
#[derive(Debug)]
pub(crate) struct Listener<S, C> {
    source: S,
    /// Bytes that have been read but not looked at.
    pending: VecDeque<u8>,
    cutter: C,
    frames: FrameCount,
}

impl<S: ByteSource, C: Cutter> Listener<S, C> {
    /// Takes the source for good.
    pub(crate) fn new(source: S, cutter: C) -> Self {
        Self { source, pending: VecDeque::new(), cutter, frames: FrameCount::default() }
    }

    /// What has come in so far.
    pub(crate) const fn frames(&self) -> FrameCount {
        self.frames
    }

    /// Listens until `interpret` finds a measurement in a frame, or `patience` has run out.
    ///
    /// # Errors
    ///
    /// What was heard instead: nothing (`Silent`), sound frames that are not for us (`NotReady`),
    /// nothing sound (`Corrupt`); or why the source failed.
    pub(crate) fn listen(
        &mut self,
        patience: Duration,
        mut interpret: impl FnMut(&[u8]) -> Verdict,
    ) -> Result<Measurement, NoData> {
        let mut left = Some(patience);
        let mut heard = NoData::Silent;
        loop {
            while let Some(frame) = self.next_frame() {
                match frame.map_or(Verdict::Corrupt, |bytes| interpret(&bytes)) {
                    Verdict::Measured(measurement) => {
                        self.frames.measured += 1;
                        return Ok(measurement);
                    }
                    Verdict::Ignored => {
                        self.frames.ignored += 1;
                        heard = NoData::NotReady;
                    }
                    Verdict::Corrupt => {
                        self.frames.corrupt += 1;
                        heard = if heard == NoData::Silent { NoData::Corrupt } else { heard };
                    }
                }
            }
            let patience = left.ok_or(heard)?;
            match self.refill(patience) {
                Ok(waited) => left = patience.checked_sub(waited).filter(|left| !left.is_zero()),
                Err(NoData::Silent) => return Err(heard),
                Err(fault) => {
                    self.cutter.resynchronise();
                    return Err(fault);
                }
            }
        }
    }

    fn next_frame(&mut self) -> Option<Result<Vec<u8>, Broken>> {
        while let Some(byte) = self.pending.pop_front() {
            let frame = self.cutter.push(byte);
            if frame.is_some() {
                return frame;
            }
        }
        None
    }

    /// Reads once; only called when all that was read before has been looked at.
    fn refill(&mut self, patience: Duration) -> Result<Duration, NoData> {
        let mut buffer = [0; 256];
        let received = self.source.read(&mut buffer, patience)?;
        self.pending.extend(buffer.iter().take(received.len));
        Ok(received.waited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{lines::Splitter, scripted::Tape};

    const PATIENCE: Duration = Duration::from_secs(1);

    fn nothing_measures(line: &[u8]) -> Verdict {
        if line == b"fine" { Verdict::Ignored } else { Verdict::Corrupt }
    }

    fn measurement() -> Measurement {
        Measurement { age: Duration::ZERO, outcomes: vec![(0, Err(NoData::NotReady))] }
    }

    #[test]
    fn what_was_heard_when_patience_runs_out_is_told() {
        for (bytes, reason) in [
            (&b""[..], NoData::Silent),
            (b"cut", NoData::Silent),
            (b"\nbad\n", NoData::Corrupt),
            (b"\nfine\n", NoData::NotReady),
            (b"\nbad\nfine\nbad\n", NoData::NotReady),
        ] {
            let mut listener = Listener::new(Tape::of(bytes, 4), Splitter::new(9, None));
            assert_eq!(listener.listen(PATIENCE, nothing_measures), Err(reason));
        }
    }

    #[test]
    fn a_flood_without_a_measurement_does_not_outlast_patience() {
        let flood = b"\nbad".repeat(10_000);
        let mut listener = Listener::new(Tape::of(&flood, 4), Splitter::new(9, None));
        assert_eq!(listener.listen(PATIENCE, nothing_measures), Err(NoData::Corrupt));
        // The tape takes a millisecond a portion, and the last line had not ended.
        assert_eq!(listener.frames().corrupt, 999);
    }

    #[test]
    fn no_patience_takes_what_is_there() {
        let mut listener = Listener::new(Tape::of(b"\nline\n", 99), Splitter::new(9, None));
        let outcome = listener.listen(Duration::ZERO, |_| Verdict::Measured(measurement()));
        assert_eq!(outcome, Ok(measurement()));
    }

    #[test]
    fn a_line_cut_by_a_pulled_plug_is_not_mended_with_what_comes_after() {
        let tape = Tape::of(b"\nfirst\nha", 99).then(Err(NoData::Absent)).then(Ok(b"lf\nnext\n"));
        let mut listener = Listener::new(tape, Splitter::new(9, None));
        let mut lines = Vec::new();
        let mut outcomes = Vec::new();
        for _ in 0..3 {
            outcomes.push(listener.listen(PATIENCE, |line| {
                lines.push(line.to_vec());
                Verdict::Measured(measurement())
            }));
        }
        assert_eq!(outcomes, [Ok(measurement()), Err(NoData::Absent), Ok(measurement())]);
        assert_eq!(lines, [b"first".to_vec(), b"next".to_vec()]);
    }
}
