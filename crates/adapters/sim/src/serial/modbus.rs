//! A Modbus RTU slave: tables, exceptions, and everything that a bad one does.
//!
//! Written from "Modbus over Serial Line" V1.02 and "Modbus Application Protocol" V1.1b3. It answers the
//! functions 1 to 4; to another one with exception 1, to addresses that it has not with 2, to a count of
//! zero or past the standard's limit with 3. To another's address, to a broadcast and to a wrong CRC it
//! says nothing.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

mod refusing;

pub use refusing::Exception;

use self::refusing::Plans;
use super::{SerialDevice, Utterance};
use crate::bus::When;

/// How long a slave in good health thinks.
const THINKING: Duration = Duration::from_millis(5);
/// A pause as long as that ends a frame: 3.5 characters at 9600 baud, and as much again.
const FRAME_PAUSE: Duration = Duration::from_millis(8);

/// One of the four tables, by the function that reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Space {
    /// Function 1.
    Coil = 1,
    /// Function 2.
    Discrete = 2,
    /// Function 3.
    Holding = 3,
    /// Function 4.
    Input = 4,
}

impl Space {
    /// The table that a function reads, if it is one of the four.
    const fn of_function(function: u8) -> Option<Self> {
        match function {
            1 => Some(Self::Coil),
            2 => Some(Self::Discrete),
            3 => Some(Self::Holding),
            4 => Some(Self::Input),
            _ => None,
        }
    }

    /// The most addresses that one request can ask for (V1.1b3, 6.1 to 6.4).
    const fn count_max(self) -> u16 {
        match self {
            Self::Coil | Self::Discrete => 2_000,
            Self::Holding | Self::Input => 125,
        }
    }
}

/// What a slave does in place of a good answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlaveFault {
    /// Refuses with this code.
    Exception(u8),
    /// Says nothing.
    Silence,
    /// Closes the answer with a wrong CRC.
    WrongCrc,
    /// Takes so much longer.
    Late(Duration),
    /// Is heard behind our own request, as through an adapter that hears itself.
    Echo,
    /// Stops after so many bytes.
    Truncated(usize),
    /// Says each byte on its own, with this pause between two.
    Split(Duration),
    /// Is heard behind these bytes.
    Behind(Vec<u8>),
}

/// One slave. Clones are the same slave.
#[derive(Clone, Debug)]
pub struct ModbusSlave(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    unit: u8,
    /// What is at each address: a word, or 0 or 1.
    words: BTreeMap<(Space, u16), u16>,
    fault: Option<SlaveFault>,
    is_fault_once: bool,
    exceptions: Plans,
    /// The frame that is being heard, and when its last byte came.
    request: Vec<u8>,
    heard_at: Duration,
    requests: u64,
}

impl ModbusSlave {
    /// A slave of that address, with nothing in its tables.
    pub fn new(unit: u8) -> Self {
        Self(Arc::new(Mutex::new(State {
            unit,
            words: BTreeMap::new(),
            fault: None,
            is_fault_once: false,
            exceptions: Plans::default(),
            request: Vec::new(),
            heard_at: Duration::ZERO,
            requests: 0,
        })))
    }

    /// Puts `words` at `address` and behind; bits are 0 or 1.
    pub fn set(&self, space: Space, address: u16, words: &[u16]) {
        let mut state = self.state();
        for (address, &word) in (address..=u16::MAX).zip(words) {
            state.words.insert((space, address), word);
        }
    }

    /// Behaves so from now on; `None` is good health.
    pub fn set_fault(&self, fault: Option<SlaveFault>) {
        let mut state = self.state();
        (state.fault, state.is_fault_once) = (fault, false);
    }

    /// Behaves so to the next request.
    pub fn fail_once(&self, fault: SlaveFault) {
        let mut state = self.state();
        (state.fault, state.is_fault_once) = (Some(fault), true);
    }

    /// From now on answers with `exception` where it is touched. Returns a number to withdraw it by.
    pub fn refuse(&self, exception: Exception, when: When) -> u64 {
        self.state().exceptions.add(exception, when)
    }

    /// Drops one planned exception, if it is not dropped yet.
    pub fn withdraw(&self, number: u64) {
        self.state().exceptions.withdraw(number);
    }

    /// How many requests were answered with a planned exception.
    pub fn refused(&self) -> u64 {
        self.state().exceptions.refused
    }

    /// How many requests it was meant by.
    pub fn requests(&self) -> u64 {
        self.state().requests
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SerialDevice for ModbusSlave {
    fn hear(&mut self, bytes: &[u8], at: Duration) -> Vec<Utterance> {
        let mut state = self.state();
        if at.saturating_sub(state.heard_at) > FRAME_PAUSE {
            state.request.clear();
        }
        state.heard_at = at;
        state.request.extend_from_slice(bytes);
        // All functions of ours are asked in 8 bytes.
        if state.request.len() < 8 {
            return Vec::new();
        }
        let request = std::mem::take(&mut state.request);
        state.answer(&request)
    }
}

impl State {
    fn answer(&mut self, request: &[u8]) -> Vec<Utterance> {
        let Some((body, crc)) = request.split_last_chunk::<2>() else { return Vec::new() };
        if crc16(body).to_le_bytes() != *crc || body.first() != Some(&self.unit) {
            return Vec::new();
        }
        self.requests += 1;
        let fault = if self.is_fault_once { self.fault.take() } else { self.fault.clone() };
        let mut answer = match fault {
            Some(SlaveFault::Exception(code)) => vec![self.unit, body[1] | 0x80, code],
            _ => self.good_answer(body),
        };
        answer.extend(crc16(&answer).to_le_bytes());
        misbehave(fault, request, answer)
    }

    /// A planned exception, or a good answer; without its CRC.
    fn good_answer(&mut self, body: &[u8]) -> Vec<u8> {
        let unit = self.unit;
        let exception = |code| vec![unit, body[1] | 0x80, code];
        let Some(space) = Space::of_function(body[1]) else { return exception(1) };
        let &[_, _, address_high, address_low, count_high, count_low] = body else {
            return exception(3);
        };
        let address = u16::from_be_bytes([address_high, address_low]);
        let count = u16::from_be_bytes([count_high, count_low]);
        if !(1..=space.count_max()).contains(&count) {
            return exception(3);
        }
        if let Some(code) = self.exceptions.code(space, address, count) {
            return exception(code);
        }
        let words: Option<Vec<u16>> = (0..count)
            .map(|n| self.words.get(&(space, address.checked_add(n)?)).copied())
            .collect();
        let Some(words) = words else { return exception(2) };
        let data = match space {
            Space::Coil | Space::Discrete => bits(&words),
            Space::Holding | Space::Input => words.iter().flat_map(|w| w.to_be_bytes()).collect(),
        };
        let len = u8::try_from(data.len()).unwrap_or(u8::MAX);
        [&[self.unit, body[1], len], &data[..]].concat()
    }
}

/// Eight to a byte, the first one lowest.
fn bits(words: &[u16]) -> Vec<u8> {
    let byte =
        |chunk: &[u16]| chunk.iter().rev().fold(0, |byte, &word| byte << 1 | u8::from(word != 0));
    words.chunks(8).map(byte).collect()
}

fn misbehave(fault: Option<SlaveFault>, request: &[u8], mut answer: Vec<u8>) -> Vec<Utterance> {
    let mut pause = THINKING;
    match fault {
        None | Some(SlaveFault::Exception(_)) => {}
        Some(SlaveFault::Silence) => return Vec::new(),
        Some(SlaveFault::WrongCrc) => {
            if let Some(last) = answer.last_mut() {
                *last ^= 0x01;
            }
        }
        Some(SlaveFault::Late(more)) => pause += more,
        Some(SlaveFault::Echo) => {
            let echo = Utterance { pause: Duration::ZERO, bytes: request.to_vec() };
            return vec![echo, Utterance { pause, bytes: answer }];
        }
        Some(SlaveFault::Truncated(len)) => answer.truncate(len),
        Some(SlaveFault::Split(between)) => {
            let byte = |byte| Utterance { pause: between, bytes: vec![byte] };
            return answer.into_iter().map(byte).collect();
        }
        Some(SlaveFault::Behind(noise)) => answer = [noise, answer].concat(),
    }
    vec![Utterance { pause, bytes: answer }]
}

/// V1.02, 6.2.2: the remainder of long division, bits reflected.
fn crc16(bytes: &[u8]) -> u16 {
    let mut crc = 0xFFFF_u16;
    for byte in bytes {
        for bit in 0..8 {
            let carry = (crc & 1 == 1) != (byte >> bit & 1 == 1);
            crc = crc >> 1 ^ if carry { 0xA001 } else { 0 };
        }
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hears a request without its CRC, and says the answer, CRC and all.
    fn ask(slave: &mut ModbusSlave, body: &[u8]) -> Vec<u8> {
        let request = [body, &crc16(body).to_le_bytes()].concat();
        slave.hear(&request, Duration::ZERO).into_iter().flat_map(|said| said.bytes).collect()
    }

    #[test]
    fn examples_of_the_standard_are_answered_as_it_says() {
        let mut slave = ModbusSlave::new(0x11);
        // V1.1b3, 6.1 and 6.3.
        let coils = [1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1];
        slave.set(Space::Coil, 0x13, &coils);
        slave.set(Space::Holding, 0x6B, &[0x022B, 0, 0x64]);
        let answer = ask(&mut slave, &[0x11, 1, 0, 0x13, 0, 0x13]);
        assert_eq!(answer[..6], [0x11, 1, 3, 0xCD, 0x6B, 0x05]);
        let answer = ask(&mut slave, &[0x11, 3, 0, 0x6B, 0, 3]);
        assert_eq!(answer[..9], [0x11, 3, 6, 0x02, 0x2B, 0, 0, 0, 0x64]);
        assert_eq!(crc16(&[0x02, 0x07]).to_le_bytes(), [0x41, 0x12], "V1.02, 6.2.2");
    }

    #[test]
    fn what_it_cannot_give_is_refused_and_what_is_not_for_it_goes_unanswered() {
        let mut slave = ModbusSlave::new(0x11);
        slave.set(Space::Input, 0, &[7]);
        for (body, expected) in [
            ([0x11, 6, 0, 0, 0, 1], &[0x11, 0x86, 1][..]),
            ([0x11, 4, 0, 0, 0, 2], &[0x11, 0x84, 2]),
            ([0x11, 4, 0, 0, 0, 0], &[0x11, 0x84, 3]),
            ([0x11, 4, 0, 0, 0, 126], &[0x11, 0x84, 3]),
            ([0x12, 4, 0, 0, 0, 1], &[]),
            ([0x00, 4, 0, 0, 0, 1], &[]),
        ] {
            let answer = ask(&mut slave, &body);
            assert_eq!(answer[..answer.len().saturating_sub(2)], *expected, "{body:02X?}");
        }
        assert!(slave.hear(b"\x11\x04\0\0\0\x01\0\0", Duration::ZERO).is_empty(), "wrong CRC");
        assert_eq!(slave.requests(), 4);
    }

    #[test]
    fn a_planned_exception_answers_the_requests_that_touch_its_registers_and_no_others() {
        let (mut slave, mut other) = (ModbusSlave::new(1), ModbusSlave::new(2));
        for slave in [&slave, &other] {
            slave.set(Space::Holding, 0, &[7; 20]);
            slave.set(Space::Input, 0, &[7; 20]);
        }
        let range = Exception { code: 2, space: Some(Space::Holding), first: 5, last: 8 };
        let plan = slave.refuse(range, When::Always);
        for (function, address, count, is_refused) in [
            (3, 0, 5, false),
            (3, 0, 6, true),
            (3, 8, 1, true),
            (3, 9, 1, false),
            (3, 4, 10, true),
            (4, 5, 1, false),
        ] {
            let answer = ask(&mut slave, &[1, function, 0, address, 0, count]);
            assert_eq!(answer[1] & 0x80 != 0, is_refused, "{function} {address} {count}");
            assert_eq!(ask(&mut other, &[2, function, 0, address, 0, count])[1], function);
        }
        assert_eq!((slave.refused(), other.refused()), (3, 0));
        slave.withdraw(plan);
        assert_eq!(ask(&mut slave, &[1, 3, 0, 5, 0, 1])[1], 3);
        // Requests that touch nothing of it are not counted for the turn.
        slave.refuse(Exception { code: 6, ..range }, When::After(1));
        let codes = [9, 5, 9, 5].map(|address| ask(&mut slave, &[1, 3, 0, address, 0, 1])[1]);
        assert_eq!(codes, [3, 3, 3, 0x83]);
    }

    #[test]
    fn a_request_in_pieces_is_one_and_a_long_pause_begins_another() {
        let mut slave = ModbusSlave::new(0x11);
        slave.set(Space::Holding, 0x6B, &[1, 2, 3]);
        let request = b"\x11\x03\x00\x6B\x00\x03\x76\x87";
        assert!(slave.hear(&request[..5], Duration::ZERO).is_empty());
        assert_eq!(slave.hear(&request[5..], Duration::from_millis(2)).len(), 1);
        assert!(slave.hear(&request[..5], Duration::from_millis(50)).is_empty());
        assert_eq!(slave.hear(request, Duration::from_millis(99)).len(), 1);
    }
}
