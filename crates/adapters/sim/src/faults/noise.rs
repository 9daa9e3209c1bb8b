//! A serial line that spoils what is said on it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    bus::{Chance, Occasion, When},
    serial::{SerialDevice, Utterance},
};

/// What befalls one frame on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFault {
    /// Random bytes come before it.
    Noise,
    /// Three of its bits are inverted, any but those of its last byte.
    FlipBits,
    /// Only its first half is sent, so that the next frame follows it without a boundary.
    Truncate,
    /// It is not sent.
    Silence,
}

/// The handle to what a line does to frames. Clones are the same.
#[derive(Clone, Debug)]
pub struct LineNoise(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    plans: Vec<(u64, LineFault, Occasion)>,
    plan_count: u64,
    chance: Chance,
    spoilt: u64,
}

/// A device whose line spoils what it answers.
pub struct Noisy<D> {
    device: D,
    noise: LineNoise,
}

impl LineNoise {
    /// A good line; `seed` decides which bytes and bits it spoils, once it does.
    pub fn seeded(seed: u64) -> Self {
        let chance = Chance::seeded(seed);
        Self(Arc::new(Mutex::new(State { plans: Vec::new(), plan_count: 0, chance, spoilt: 0 })))
    }

    /// From now on `fault` befalls frames. Returns a number to withdraw it by.
    pub fn inject(&self, fault: LineFault, when: When) -> u64 {
        self.with(|state| {
            state.plan_count += 1;
            state.plans.push((state.plan_count, fault, Occasion::new(when)));
            state.plan_count
        })
    }

    /// Drops one fault, if it is not dropped yet.
    pub fn withdraw(&self, number: u64) {
        self.with(|state| state.plans.retain(|(other, ..)| *other != number));
    }

    /// At most so many frames have been lost or damaged. One that lacks its end counts twice: it may
    /// take the next one with it.
    pub fn spoilt(&self) -> u64 {
        self.with(|state| state.spoilt)
    }

    /// What becomes of `frame`; `None` if it is not sent.
    pub fn pass(&self, frame: Vec<u8>) -> Option<Vec<u8>> {
        self.with(|state| state.pass(frame))
    }

    /// The frames of a device as they come out of the line.
    pub fn over<F>(&self, frames: F) -> impl Iterator<Item = Vec<u8>> + Send + use<F>
    where
        F: Iterator<Item = Vec<u8>> + Send + 'static,
    {
        let noise = self.clone();
        // One that is not sent still takes its turn.
        frames.map(move |frame| noise.pass(frame).unwrap_or_default())
    }

    /// A device that answers over this line.
    pub fn around<D: SerialDevice>(&self, device: D) -> Noisy<D> {
        Noisy { device, noise: self.clone() }
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn pass(&mut self, mut frame: Vec<u8>) -> Option<Vec<u8>> {
        let Self { plans, chance, spoilt, .. } = self;
        let befalling = |(_, fault, occasion): &mut (u64, LineFault, Occasion)| {
            occasion.befalls_next().then_some(*fault)
        };
        // Every plan sees every frame, so that its counting does not depend on the others.
        let faults: Vec<_> = plans.iter_mut().filter_map(befalling).collect();
        for fault in faults {
            *spoilt += if fault == LineFault::Truncate { 2 } else { 1 };
            match fault {
                LineFault::Noise => frame = [noise(chance), frame].concat(),
                LineFault::FlipBits => flip_bits(&mut frame, chance),
                LineFault::Truncate => frame.truncate(frame.len() / 2),
                LineFault::Silence => return None,
            }
        }
        Some(frame)
    }
}

fn noise(chance: &mut Chance) -> Vec<u8> {
    let len = 1 + below(16, chance);
    (0..len).map(|_| chance.bits().to_le_bytes()[0]).collect()
}

fn flip_bits(frame: &mut [u8], chance: &mut Chance) {
    let Some((_last, bytes)) = frame.split_last_mut() else { return };
    for _ in 0..3.min(bytes.len()) {
        let at = below(bytes.len(), chance);
        bytes[at] ^= 1 << below(8, chance);
    }
}

/// From 0 to below `end`, which is not 0.
fn below(end: usize, chance: &mut Chance) -> usize {
    let end = u64::try_from(end).unwrap_or(u64::MAX);
    usize::try_from(chance.bits() % end).unwrap_or(0)
}

impl<D: SerialDevice> SerialDevice for Noisy<D> {
    fn hear(&mut self, bytes: &[u8], at: Duration) -> Vec<Utterance> {
        let said = self.device.hear(bytes, at).into_iter();
        let pass = |Utterance { pause, bytes }| {
            self.noise.pass(bytes).map(|bytes| Utterance { pause, bytes })
        };
        said.filter_map(pass).collect()
    }
}
