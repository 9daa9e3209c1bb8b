//! Whether a worker counts as blocked, and whether what was seen of its work still holds.
//!
//! # Terms
//!
//! * **Spell** — a stretch of a worker's work that the watchdog judges as one: it ends with the batch,
//!   with a slow job, and when the worker has declared itself blocked and is so no more.
//!
//! # Invariants
//!
//! 1. A worker counts as blocked once, however many say so: its own declaration, or the watchdog's
//!    finding; whoever comes second changes nothing.
//! 2. A finding takes effect only in the spell that was looked at, and ends with it.
//!
//! All is in one word: the spell's number, and two bits. The worker alone ends spells, declares and
//! takes back; the watchdog only sets `FOUND`, from a value without either bit. Whoever sets a bit holds
//! the pool's lock, under which `State::blocked` changes with it; so whoever clears one, and then takes
//! the lock, finds it counted.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use crate::sync::AtomicUsize;

/// The watchdog found its job asleep.
const FOUND: usize = 1;
/// It said so itself.
const DECLARED: usize = 2;
const BITS: usize = FOUND | DECLARED;

pub(crate) struct Spell(AtomicUsize);

impl Spell {
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// What the watchdog reads first, before it looks at what the worker does.
    pub(crate) fn current(&self) -> usize {
        self.0.load(Acquire)
    }

    /// Counts the worker as blocked, if the spell `seen` lasts and it does not count so yet.
    pub(crate) fn find(&self, seen: usize) -> bool {
        let found = seen | FOUND;
        seen & BITS == 0 && self.0.compare_exchange(seen, found, AcqRel, Relaxed).is_ok()
    }

    /// Counts the worker, who calls this, as blocked, if it does not count so yet.
    pub(crate) fn declare(&self) -> bool {
        let now = self.0.load(Relaxed);
        let declared = now | DECLARED;
        now & BITS == 0 && self.0.compare_exchange(now, declared, AcqRel, Relaxed).is_ok()
    }

    /// Undoes [`declare`](Self::declare). For the worker.
    pub(crate) fn take_back(&self) {
        self.next(0);
    }

    /// Ends the spell; says whether that ends a finding. For the worker.
    pub(crate) fn end(&self) -> bool {
        self.next(DECLARED) & FOUND != 0
    }

    fn next(&self, keep: usize) -> usize {
        let now = self.0.load(Relaxed);
        self.0.swap((now | BITS).wrapping_add(1) | (now & keep), AcqRel)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_finding_in_a_spell_that_is_over_changes_nothing() {
        let spell = Spell::new();
        let seen = spell.current();
        assert!(!spell.end());
        assert!(!spell.find(seen));
        assert!(spell.find(spell.current()));
        assert!(!spell.find(spell.current()), "found already");
        assert!(spell.end());
        assert!(!spell.end());
    }

    #[test]
    fn a_declaration_outlives_the_slow_jobs_run_meanwhile_and_counts_once() {
        let spell = Spell::new();
        let before = spell.current();
        assert!(spell.declare());
        assert!(!spell.declare() && !spell.find(spell.current()));
        assert!(!spell.end());
        assert!(!spell.declare() && !spell.find(spell.current()));
        spell.take_back();
        assert!(!spell.find(before));
        assert!(spell.find(spell.current()));
        assert!(!spell.declare());
        assert!(spell.end());
    }
}
