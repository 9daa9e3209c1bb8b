//! Scripts drawn by chance.

use std::{collections::BTreeMap, time::Duration};

use super::{Episode, Fault, Script, Target};
use crate::{
    bus::{BusFault, Chance, Effect, When},
    serial::Exception,
};

/// Before the first episode: the site comes up undisturbed.
const LEAD_IN: u64 = 3_000;
/// Milliseconds from the end of one episode of a device to the next.
const QUIET: (u64, u64) = (6_000, 25_000);
/// Milliseconds that an episode lasts.
const LASTS: (u64, u64) = (500, 4_000);

impl Script {
    /// Faults of every kind that each device can have, over `span`, as `seed` has it. Each is over by
    /// then.
    pub fn random(seed: u64, targets: &BTreeMap<String, Target>, span: Duration) -> Self {
        let end = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let mut chance = Chance::seeded(seed);
        let mut episodes = Vec::new();
        for (device, target) in targets {
            let faults = target.faults();
            let mut at = LEAD_IN + between((0, QUIET.1), &mut chance);
            while !faults.is_empty() {
                let lasts = between(LASTS, &mut chance);
                if at.saturating_add(lasts) > end {
                    break;
                }
                let fault = vary(faults[below(faults.len(), &mut chance)], &mut chance);
                let (at_once, lasts_for) =
                    (Duration::from_millis(at), Duration::from_millis(lasts));
                let when = occasion(fault, &mut chance);
                let device = device.clone();
                let span = Some(lasts_for);
                episodes.push(Episode { device, at: at_once, span, fault, when, line: 0 });
                at += lasts + between(QUIET, &mut chance);
            }
        }
        episodes.sort_by_key(|episode| episode.at);
        Self { episodes }
    }
}

/// The same fault with values of its own.
fn vary(fault: Fault, chance: &mut Chance) -> Fault {
    if let Fault::Exception(whole) = fault {
        let code = Exception::CODES[below(Exception::CODES.len(), chance)];
        return Fault::Exception(Exception { code, ..whole });
    }
    let Fault::Bus(effect) = fault else { return fault };
    let millis = |span, chance: &mut Chance| Duration::from_millis(between(span, chance));
    Fault::Bus(match effect {
        Effect::Fail(BusFault::RemoteIo) if chance.unit() < 0.5 => {
            Effect::Fail(BusFault::NoAcknowledge)
        }
        Effect::Stall(_) => Effect::Stall(millis((200, 1_500), chance)),
        Effect::Stretch(_) => Effect::Stretch(millis((1, 50), chance)),
        Effect::SlowDown(_) => Effect::SlowDown(millis((1, 4), chance)),
        Effect::FlipAt { .. } => {
            Effect::FlipAt { index: below(4, chance), bits: 1 << below(8, chance) }
        }
        effect @ (Effect::Fail(_) | Effect::Flip(_) | Effect::StickAt(_)) => effect,
    })
}

fn occasion(fault: Fault, chance: &mut Chance) -> When {
    if !fault.has_occasions() {
        return When::Always;
    }
    match below(4, chance) {
        0 => When::After(between((1, 5), chance)),
        1 => When::Next(between((1, 3), chance)),
        2 => {
            let percent = u32::try_from(between((10, 90), chance)).unwrap_or(50);
            When::Sometimes { probability: f64::from(percent) / 100.0, seed: chance.bits() >> 32 }
        }
        _ => When::Always,
    }
}

/// From the first to the second, both included.
fn between((low, high): (u64, u64), chance: &mut Chance) -> u64 {
    low + chance.bits() % (high - low + 1)
}

/// From 0 to below `end`, which is not 0.
fn below(end: usize, chance: &mut Chance) -> usize {
    let end = u64::try_from(end).unwrap_or(u64::MAX);
    usize::try_from(chance.bits() % end).unwrap_or(0)
}
