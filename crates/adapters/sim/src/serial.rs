//! Serial lines inside the process, and devices that hang on them or on a [`tty`](crate::tty).
//!
//! # Terms
//!
//! * **Far end** — where the devices are; the program under test has the near end.
//! * **Utterance** — bytes that a device says in one go, after a pause.
//!
//! # Invariants
//!
//! 1. A device is told what it hears and when, and says what follows from that.
//! 2. On a [`MemoryLine`] time passes only by waiting on it, and on the clock it was given.
//!
//! # Deliberately absent
//!
//! The time that bytes take on the wire, and collisions: whoever wants noise says it.

mod cobs;
mod modbus;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub use cobs::{CobsCrc, cobs_frame};
use domain::NoData;
pub use modbus::{Exception, ModbusSlave, SlaveFault, Space};
use ports::{ByteSource, Received, SerialLine};

use crate::time::{Elapsed, VirtualClock};

/// Bytes in one go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Utterance {
    /// How long after the previous one, or after what it answers.
    pub pause: Duration,
    /// What is said.
    pub bytes: Vec<u8>,
}

/// Something at the far end of a line.
pub trait SerialDevice: Send {
    /// Hears `bytes` at time `at`, and answers. Portions mean nothing: a request may come byte by byte.
    fn hear(&mut self, bytes: &[u8], at: Duration) -> Vec<Utterance>;
}

/// A line on virtual time, with devices at its far end. Clones are the same line.
#[derive(Clone)]
pub struct MemoryLine(Arc<Mutex<Wire>>);

struct Wire {
    clock: VirtualClock,
    elapsed: Elapsed,
    devices: Vec<Box<dyn SerialDevice>>,
    /// What is under way to the near end, by the time of its arrival and its turn.
    coming: BTreeMap<(Duration, u64), Vec<u8>>,
    turn: u64,
    /// What has arrived and was not read.
    arrived: VecDeque<u8>,
    /// What the far end has heard and nobody has asked for.
    heard: Vec<u8>,
    is_plugged: bool,
    /// Whether the near end has used the line since it was plugged in.
    is_open: bool,
    has_echo: bool,
}

impl MemoryLine {
    /// A line without devices, on the time of `clock`.
    pub fn new(clock: &VirtualClock) -> Self {
        Self(Arc::new(Mutex::new(Wire {
            clock: clock.clone(),
            elapsed: clock.elapsed(),
            devices: Vec::new(),
            coming: BTreeMap::new(),
            turn: 0,
            arrived: VecDeque::new(),
            heard: Vec::new(),
            is_plugged: true,
            is_open: false,
            has_echo: false,
        })))
    }

    /// Hangs one more device on the line: it hears all that is written, as the others do.
    pub fn attach(&self, device: impl SerialDevice + 'static) {
        self.wire().devices.push(Box::new(device));
    }

    /// Whether the near end hears what it writes.
    pub fn set_echo(&self, has_echo: bool) {
        self.wire().has_echo = has_echo;
    }

    /// Says `bytes` at the far end, `pause` from now.
    pub fn say(&self, pause: Duration, bytes: &[u8]) {
        let mut wire = self.wire();
        let at = wire.elapsed.now() + pause;
        wire.say_at(at, bytes.to_vec());
    }

    /// Takes what the far end has heard so far.
    pub fn heard(&self) -> Vec<u8> {
        std::mem::take(&mut self.wire().heard)
    }

    /// Pulls the plug of the adapter: what was under way is lost.
    pub fn unplug(&self) {
        let mut wire = self.wire();
        (wire.is_plugged, wire.is_open) = (false, false);
        wire.coming.clear();
        wire.arrived.clear();
    }

    /// Puts the plug back.
    pub fn replug(&self) {
        self.wire().is_plugged = true;
    }

    fn wire(&self) -> MutexGuard<'_, Wire> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wire {
    fn say_at(&mut self, at: Duration, bytes: Vec<u8>) {
        self.coming.insert((at, self.turn), bytes);
        self.turn += 1;
    }

    /// Moves what has arrived by now to where it can be read.
    fn receive(&mut self) {
        let now = self.elapsed.now();
        while let Some(next) = self.coming.first_entry().filter(|next| next.key().0 <= now) {
            self.arrived.extend(next.remove());
        }
    }

    /// Opens the line: what was said to nobody is lost.
    fn open(&mut self) -> Result<(), NoData> {
        if !self.is_plugged {
            return Err(NoData::Absent);
        }
        self.receive();
        if !self.is_open {
            self.arrived.clear();
            self.is_open = true;
        }
        Ok(())
    }
}

impl ByteSource for MemoryLine {
    fn read(&mut self, buffer: &mut [u8], patience: Duration) -> Result<Received, NoData> {
        let mut wire = self.wire();
        wire.open()?;
        let began = wire.elapsed.now();
        if wire.arrived.is_empty() {
            let next = wire.coming.first_key_value().map(|(&(at, _), _)| at.saturating_sub(began));
            wire.clock.advance(next.unwrap_or(patience).min(patience));
            wire.receive();
        }
        let len = wire.arrived.len().min(buffer.len());
        if len == 0 {
            return Err(NoData::Silent);
        }
        for (place, byte) in buffer.iter_mut().zip(wire.arrived.drain(..len)) {
            *place = byte;
        }
        Ok(Received { len, waited: wire.elapsed.now().saturating_sub(began) })
    }
}

impl SerialLine for MemoryLine {
    fn write(&mut self, bytes: &[u8], _patience: Duration) -> Result<(), NoData> {
        let mut wire = self.wire();
        wire.open()?;
        let now = wire.elapsed.now();
        wire.heard.extend_from_slice(bytes);
        if wire.has_echo {
            wire.arrived.extend(bytes);
        }
        let answers: Vec<_> =
            wire.devices.iter_mut().map(|device| device.hear(bytes, now)).collect();
        for answer in answers {
            let mut at = now;
            for Utterance { pause, bytes } in answer {
                at += pause;
                wire.say_at(at, bytes);
            }
        }
        Ok(())
    }

    fn discard_input(&mut self) -> Result<(), NoData> {
        let mut wire = self.wire();
        wire.open()?;
        wire.arrived.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
