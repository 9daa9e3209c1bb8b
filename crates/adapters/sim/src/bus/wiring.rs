//! One chip's connection to its bus, and what can go wrong with it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{BusError, BusFault, Effect, FaultPlan, fault::Occasion};

/// What a connection has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Transactions addressed to the chip.
    pub transactions: u64,
    /// Those of them that a plan befell, or that found the chip unplugged.
    pub spoilt: u64,
}

/// The handle to one chip's connection. Clones are the same connection.
#[derive(Clone, Debug)]
pub struct Wiring(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    is_plugged: bool,
    /// How often the chip was plugged in.
    plugged_count: u64,
    plans: Vec<Pending>,
    /// How many plans there have been.
    plan_count: u64,
    tally: Tally,
}

/// A plan that was injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanId(u64);

#[derive(Debug)]
struct Pending {
    id: PlanId,
    effect: Effect,
    occasion: Occasion,
}

/// What happens to one transaction.
pub(super) enum Passage {
    /// Nobody is there.
    Absent,
    Fails(BusError),
    /// It reaches the chip; `plugged_count` tells whether that is the one of last time.
    Reaches {
        plugged_count: u64,
        distortion: Distortion,
    },
}

/// What the wire does to a transaction that reaches the chip.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Distortion {
    flip: u8,
    flips_at: Vec<(usize, u8)>,
    stuck_at: Option<u8>,
    stretch: Duration,
    per_byte: Duration,
    /// How many bytes have been read before.
    bytes_read: usize,
}

impl Distortion {
    fn add(&mut self, effect: Effect) -> Result<(), BusError> {
        match effect {
            Effect::Fail(fault) => return Err(BusError::at_once(fault)),
            Effect::Stall(held) => return Err(BusError { fault: BusFault::TimedOut, held }),
            Effect::Stretch(span) => self.stretch += span,
            Effect::SlowDown(per_byte) => self.per_byte += per_byte,
            Effect::Flip(bits) => self.flip ^= bits,
            Effect::FlipAt { index, bits } => self.flips_at.push((index, bits)),
            Effect::StickAt(byte) => self.stuck_at = Some(byte),
        }
        Ok(())
    }

    /// Changes the next bytes that are read in the transaction.
    pub(super) fn distort(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            let here = self.flips_at.iter().filter(|(index, _)| *index == self.bytes_read);
            let flip = here.fold(self.flip, |flip, (_, bits)| flip ^ bits);
            *byte = self.stuck_at.unwrap_or(*byte ^ flip);
            self.bytes_read += 1;
        }
    }

    /// How much longer a transaction of so many bytes holds the bus.
    pub(super) fn held(&self, bytes: usize) -> Duration {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.stretch.saturating_add(self.per_byte.saturating_mul(bytes))
    }
}

impl Wiring {
    pub(super) fn plugged() -> Self {
        let state = State {
            is_plugged: true,
            plugged_count: 1,
            plans: Vec::new(),
            plan_count: 0,
            tally: Tally::default(),
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Takes the chip off the bus. It loses its supply, and so its registers.
    pub fn unplug(&self) {
        self.with(|state| state.is_plugged = false);
    }

    /// Puts the chip back, freshly powered. Does nothing if it is there.
    pub fn replug(&self) {
        self.with(|state| {
            state.plugged_count += u64::from(!state.is_plugged);
            state.is_plugged = true;
        });
    }

    /// From now on `plan` applies, besides those injected before; the first that fails a transaction
    /// decides how.
    pub fn inject(&self, plan: FaultPlan) -> PlanId {
        self.with(|state| {
            let id = PlanId(state.plan_count);
            state.plan_count += 1;
            let occasion = Occasion::new(plan.when);
            state.plans.push(Pending { id, effect: plan.effect, occasion });
            id
        })
    }

    /// Drops one plan, if it is not dropped yet.
    pub fn withdraw(&self, id: PlanId) {
        self.with(|state| state.plans.retain(|pending| pending.id != id));
    }

    /// Drops every plan. An unplugged chip stays unplugged.
    pub fn heal(&self) {
        self.with(|state| state.plans.clear());
    }

    /// How often the chip was powered, if it is now.
    pub(super) fn powered(&self) -> Option<u64> {
        self.with(|state| state.is_plugged.then_some(state.plugged_count))
    }

    /// What the connection has seen.
    pub fn tally(&self) -> Tally {
        self.with(|state| state.tally)
    }

    /// Counts the next transaction and decides what happens to it. What changes bytes read befalls
    /// only those that read.
    pub(super) fn pass(&self, reads: bool) -> Passage {
        self.with(|state| {
            let passage = state.decide(reads);
            state.tally.transactions += 1;
            let is_clean = matches!(
                &passage,
                Passage::Reaches { distortion, .. } if *distortion == Distortion::default()
            );
            state.tally.spoilt += u64::from(!is_clean);
            passage
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn decide(&mut self, reads: bool) -> Passage {
        if !self.is_plugged {
            return Passage::Absent;
        }
        let mut distortion = Distortion::default();
        let mut failure = None;
        // Every plan sees every transaction, so that its counting does not depend on the others.
        let befalling = |p: &mut Pending| {
            let may = reads || !p.effect.is_of_reads();
            (may && p.occasion.befalls_next()).then_some(p.effect)
        };
        for effect in self.plans.iter_mut().filter_map(befalling) {
            failure = failure.or(distortion.add(effect).err());
        }
        failure.map_or(
            Passage::Reaches { plugged_count: self.plugged_count, distortion },
            Passage::Fails,
        )
    }
}
