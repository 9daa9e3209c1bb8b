//! Requests, answers, and everything else that is heard in their place.

use super::{blocks::Block, registers::Table};
use crate::checksum::crc16_modbus;

/// Unit, function, address, count and CRC.
pub(super) const REQUEST_BYTES: usize = 8;
/// Unit, function with its highest bit set, exception code and CRC.
const EXCEPTION_BYTES: usize = 5;
/// What tells an exception from data.
const EXCEPTION: u8 = 0x80;

/// A request to read a block.
#[derive(Debug)]
pub(super) struct Request {
    bytes: [u8; REQUEST_BYTES],
    /// Unit, function and byte count of the answer.
    header: [u8; 3],
    answer_bytes: usize,
}

/// What the slave said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The block's bytes.
    Data(Vec<u8>),
    /// It refuses, with this code.
    Exception(u8),
}

/// Frames that nobody asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// Frames with a right CRC.
    pub(super) sound: u64,
    /// Runs of bytes that are no frame.
    pub(super) corrupt: u64,
}

impl Request {
    pub(super) fn new(unit: u8, block: &Block) -> Self {
        let function = match block.table() {
            Table::Coil => 1,
            Table::Discrete => 2,
            Table::Holding => 3,
            Table::Input => 4,
        };
        let [address_high, address_low] = block.start().to_be_bytes();
        let [count_high, count_low] = block.count().to_be_bytes();
        let mut bytes = [unit, function, address_high, address_low, count_high, count_low, 0, 0];
        let (body, crc) = bytes.split_at_mut(REQUEST_BYTES - 2);
        crc.copy_from_slice(&crc16_modbus(body).to_le_bytes());
        // A block's bytes fit into one frame.
        let data_bytes = u8::try_from(block.data_bytes()).unwrap_or(u8::MAX);
        Self { bytes, header: [unit, function, data_bytes], answer_bytes: block.answer_bytes() }
    }

    pub(super) const fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The first answer to this request in `heard`, and what was in front of it.
    ///
    /// Our own request at the very beginning is an echo, even if it could be read as an answer.
    pub(super) fn find_answer(&self, heard: &[u8]) -> Option<(Answer, Heard)> {
        let echo = if heard.starts_with(&self.bytes) { REQUEST_BYTES } else { 0 };
        (echo..heard.len()).find_map(|at| {
            let (before, rest) = heard.split_at_checked(at)?;
            Some((self.answer(rest)?, strays(before)))
        })
    }

    /// Sorts what was heard while no answer was.
    pub(super) fn sort(&self, heard: &[u8]) -> Heard {
        let echo = heard.strip_prefix(&self.bytes);
        let mut sorted = strays(echo.unwrap_or(heard));
        sorted.sound += u64::from(echo.is_some());
        sorted
    }

    /// The answer that `rest` begins with.
    fn answer(&self, rest: &[u8]) -> Option<Answer> {
        let [unit, function, _] = self.header;
        if rest.starts_with(&self.header) {
            let data = body(rest.get(..self.answer_bytes)?)?.get(3..)?;
            return Some(Answer::Data(data.to_vec()));
        }
        if rest.starts_with(&[unit, function | EXCEPTION]) {
            let code = body(rest.get(..EXCEPTION_BYTES)?)?.get(2)?;
            return Some(Answer::Exception(*code));
        }
        None
    }
}

/// A frame without its CRC, if that is right.
fn body(frame: &[u8]) -> Option<&[u8]> {
    let (body, crc) = frame.split_last_chunk::<2>()?;
    (crc16_modbus(body).to_le_bytes() == *crc).then_some(body)
}

/// Sorts bytes that are no answer to anything: late, foreign, damaged.
pub(super) fn strays(mut rest: &[u8]) -> Heard {
    let (mut heard, mut is_run) = (Heard::default(), false);
    while let Some((_, tail)) = rest.split_first() {
        if let Some(len) = sound_len(rest) {
            heard.sound += 1;
            is_run = false;
            rest = rest.get(len..).unwrap_or_default();
        } else {
            heard.corrupt += u64::from(!is_run);
            is_run = true;
            rest = tail;
        }
    }
    heard
}

/// The length of the sound frame that `rest` begins with: one that reads, or an exception.
fn sound_len(rest: &[u8]) -> Option<usize> {
    let lens = match *rest {
        [_, 1..=4, count, ..] => [usize::from(count) + 5, REQUEST_BYTES],
        [_, 0x81..=0xFF, ..] => [EXCEPTION_BYTES; 2],
        _ => return None,
    };
    lens.into_iter().find(|&len| rest.get(..len).and_then(body).is_some())
}
