//! Lines out of a stream of bytes.
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

use core::mem;

use crate::listener::{Broken, Cutter};

/// Cuts bytes at line ends.
#[derive(Debug)]
pub(crate) struct Splitter {
    line: Vec<u8>,
    line_bytes_max: usize,
    beginning: Option<u8>,
    /// Whether bytes are dropped until a line begins.
    is_discarding: bool,
}

impl Splitter {
    /// Lines of up to `line_bytes_max` bytes; `beginning` is the byte that always begins one.
    pub(crate) const fn new(line_bytes_max: usize, beginning: Option<u8>) -> Self {
        Self { line: Vec::new(), line_bytes_max, beginning, is_discarding: true }
    }
}

impl Cutter for Splitter {
    fn resynchronise(&mut self) {
        self.line.clear();
        self.is_discarding = true;
    }

    fn push(&mut self, byte: u8) -> Option<Result<Vec<u8>, Broken>> {
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
            return Some(Err(Broken));
        }
        self.line.push(byte);
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use core::time::Duration;

    use super::*;
    use crate::{
        listener::{Listener, Verdict},
        scripted::Tape,
    };

    const PATIENCE: Duration = Duration::from_secs(1);

    /// Every line that a splitter makes of `bytes`; overlong ones as `None`.
    fn split(bytes: &[u8], limit: usize, beginning: Option<u8>) -> Vec<Option<Vec<u8>>> {
        let mut splitter = Splitter::new(limit, beginning);
        bytes.iter().filter_map(|&byte| splitter.push(byte)).map(Result::ok).collect()
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
            let splitter = Splitter::new(32, Some(b'$'));
            let mut listener = Listener::new(Tape::of(&bytes, portion), splitter);
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
