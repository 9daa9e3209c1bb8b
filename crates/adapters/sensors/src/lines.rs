//! Lines out of a stream of bytes, and the wait for one that measures something.
//!
//! A **line** is what stands between two line ends, CR or LF in any combination; nothing between two
//! of them is not a line. A dialect may name a byte that always begins a line, such as `$`, so that one
//! good line is found however much noise is in front of it.
//!
//! # Invariants
//!
//! 1. Memory is bounded: a line longer than the limit is given up and counted once.
//! 2. No line is ever the tail of one: what comes between opening and the first line end (or beginning
//!    byte) is discarded and not counted, for it was cut by us and not by the device. So it is again
//!    after the source has failed.

use core::{mem, time::Duration};
use std::collections::VecDeque;

use domain::NoData;
use ports::{ByteSource, FrameCount, Measurement};

/// What a dialect makes of a line.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It has quantities, or says why not.
    Measured(Measurement),
    /// It is sound, and not for us.
    Ignored,
    /// It is not a line of this dialect.
    Corrupt,
}

/// Listens to a source and splits what comes into lines.
#[derive(Debug)]
pub(crate) struct Listener<S> {
    source: S,
    /// Bytes that have been read but not looked at.
    pending: VecDeque<u8>,
    splitter: Splitter,
    frames: FrameCount,
}

impl<S: ByteSource> Listener<S> {
    /// Lines of up to `line_bytes_max` bytes; `beginning` is the byte that always begins one.
    pub(crate) fn new(source: S, line_bytes_max: usize, beginning: Option<u8>) -> Self {
        let splitter = Splitter::new(line_bytes_max, beginning);
        Self { source, pending: VecDeque::new(), splitter, frames: FrameCount::default() }
    }

    /// What has come in so far.
    pub(crate) const fn frames(&self) -> FrameCount {
        self.frames
    }

    /// Listens until `interpret` finds a measurement in a line, or `patience` has run out.
    ///
    /// # Errors
    ///
    /// What was heard instead: nothing (`Silent`), sound lines that are not for us (`NotReady`),
    /// nothing sound (`Corrupt`); or why the source failed.
    pub(crate) fn listen(
        &mut self,
        patience: Duration,
        mut interpret: impl FnMut(&[u8]) -> Verdict,
    ) -> Result<Measurement, NoData> {
        let mut left = Some(patience);
        let mut heard = NoData::Silent;
        loop {
            while let Some(line) = self.next_line() {
                match line.map_or(Verdict::Corrupt, |bytes| interpret(&bytes)) {
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
                    self.splitter.resynchronise();
                    return Err(fault);
                }
            }
        }
    }

    fn next_line(&mut self) -> Option<Result<Vec<u8>, Overlong>> {
        while let Some(byte) = self.pending.pop_front() {
            let line = self.splitter.push(byte);
            if line.is_some() {
                return line;
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

/// The line exceeds the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Overlong;

#[derive(Debug)]
struct Splitter {
    line: Vec<u8>,
    line_bytes_max: usize,
    beginning: Option<u8>,
    /// Whether bytes are dropped until a line begins.
    is_discarding: bool,
}

impl Splitter {
    const fn new(line_bytes_max: usize, beginning: Option<u8>) -> Self {
        Self { line: Vec::new(), line_bytes_max, beginning, is_discarding: true }
    }

    fn resynchronise(&mut self) {
        self.line.clear();
        self.is_discarding = true;
    }

    /// Takes the next byte, and gives the line that it ends.
    fn push(&mut self, byte: u8) -> Option<Result<Vec<u8>, Overlong>> {
        let is_beginning = self.beginning == Some(byte);
        if matches!(byte, b'\r' | b'\n') || is_beginning {
            self.is_discarding = false;
            let line = mem::take(&mut self.line);
            if is_beginning {
                self.line.push(byte);
            }
            return (!line.is_empty()).then_some(Ok(line));
        }
        if self.is_discarding {
            return None;
        }
        if self.line.len() >= self.line_bytes_max {
            self.resynchronise();
            return Some(Err(Overlong));
        }
        self.line.push(byte);
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::scripted::Tape;

    const PATIENCE: Duration = Duration::from_secs(1);

    /// Every line that a splitter makes of `bytes`; overlong ones as `None`.
    fn split(bytes: &[u8], limit: usize, beginning: Option<u8>) -> Vec<Option<Vec<u8>>> {
        let mut splitter = Splitter::new(limit, beginning);
        bytes.iter().filter_map(|&byte| splitter.push(byte)).map(Result::ok).collect()
    }

    fn nothing_measures(line: &[u8]) -> Verdict {
        if line == b"fine" { Verdict::Ignored } else { Verdict::Corrupt }
    }

    fn measurement() -> Measurement {
        Measurement { age: Duration::ZERO, outcomes: vec![(0, Err(NoData::NotReady))] }
    }

    #[test]
    fn any_line_end_ends_a_line_and_the_first_is_known_only_by_the_end_before_it() {
        let lines = [b"b", b"c", b"d"].map(|line| Some(line.to_vec()));
        assert_eq!(split(b"a\nb\rc\r\n\r\nd\ne", 9, None), lines);
    }

    #[test]
    fn a_beginning_ends_the_noise_in_front_of_it() {
        let lines = [&b"$one"[..], b"noise", b"$two"].map(|line| Some(line.to_vec()));
        assert_eq!(split(b"cut$one\nnoise$two\n", 9, Some(b'$')), lines);
    }

    #[test]
    fn an_overlong_line_is_given_up_once_and_the_next_is_whole() {
        let lines = [None, Some(b"next".to_vec())];
        assert_eq!(split(b"\n0123456789012345678901234\nnext\n", 9, None), lines);
        assert_eq!(split(b"\n123456789\n", 9, None), [Some(b"123456789".to_vec())]);
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
            let mut listener = Listener::new(Tape::of(bytes, 4), 9, None);
            assert_eq!(listener.listen(PATIENCE, nothing_measures), Err(reason));
        }
    }

    #[test]
    fn a_flood_without_a_measurement_does_not_outlast_patience() {
        let flood = b"\nbad".repeat(10_000);
        let mut listener = Listener::new(Tape::of(&flood, 4), 9, None);
        assert_eq!(listener.listen(PATIENCE, nothing_measures), Err(NoData::Corrupt));
        // The tape takes a millisecond a portion, and the last line had not ended.
        assert_eq!(listener.frames().corrupt, 999);
    }

    #[test]
    fn no_patience_takes_what_is_there() {
        let mut listener = Listener::new(Tape::of(b"\nline\n", 99), 9, None);
        let outcome = listener.listen(Duration::ZERO, |_| Verdict::Measured(measurement()));
        assert_eq!(outcome, Ok(measurement()));
    }

    #[test]
    fn a_line_cut_by_a_pulled_plug_is_not_mended_with_what_comes_after() {
        let tape = Tape::of(b"\nfirst\nha", 99).then(Err(NoData::Absent)).then(Ok(b"lf\nnext\n"));
        let mut listener = Listener::new(tape, 9, None);
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

    proptest! {
        /// Whatever comes, memory is bounded and a good line after it is found.
        #[test]
        fn a_line_is_found_after_any_soup(
            soup: Vec<u8>,
            limit in 4_usize..64,
            beginning in prop_oneof![Just(None), Just(Some(b'$'))],
        ) {
            let mut splitter = Splitter::new(limit, beginning);
            for byte in soup {
                if let Some(Ok(line)) = splitter.push(byte) {
                    prop_assert!(!line.is_empty() && line.len() <= limit);
                }
                prop_assert!(splitter.line.len() <= limit);
            }
            splitter.push(b'\n');
            let found: Vec<_> = b"$abc\n".iter().filter_map(|&byte| splitter.push(byte)).collect();
            prop_assert_eq!(found, [Ok(b"$abc".to_vec())]);
        }

        /// How the bytes are cut into reads changes nothing.
        #[test]
        fn portions_mean_nothing(bytes in vec(prop_oneof![Just(b'\n'), Just(b'$'), any::<u8>()], 0..512), portion in 1_usize..300) {
            let mut lines = Vec::new();
            let mut listener = Listener::new(Tape::of(&bytes, portion), 32, Some(b'$'));
            let outcome = listener.listen(PATIENCE, |line| {
                lines.push(line.to_vec());
                Verdict::Ignored
            });
            prop_assert!(outcome.is_err());
            let expected: Vec<_> = split(&bytes, 32, Some(b'$')).into_iter().flatten().collect();
            prop_assert_eq!(lines, expected);
        }
    }
}
