//! The way of an operator's note from a command to an alarm, which the store has.
//!
//! # Invariants
//!
//! 1. A note is carried out or refused: one that the store does not come round to in time is taken back,
//!    and not carried out later.
//!
//! # Deliberately absent
//!
//! What an alarm does with it: see [`derive`](crate::derive).

use core::time::Duration;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::AcqRel},
};

use crossbeam_channel::{Receiver, Sender, bounded};
use domain::{Outcome, Refusal, StreamName};

/// The longest that a command waits for the store.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most notes that wait at one time.
const WAITING_MAX: usize = 16;

/// An operator has taken note of an alarm.
#[derive(Debug)]
pub struct Note {
    /// Which.
    pub(crate) alarm: StreamName,
    /// Set by whoever is first: the store that carries it out, or the command that takes it back.
    pub(crate) is_taken: Arc<AtomicBool>,
    /// Told whether there was anything to take note of.
    pub(crate) answer: Sender<bool>,
}

impl Note {
    /// Whether it is the caller's to decide on.
    pub(crate) fn take(&self) -> bool {
        !self.is_taken.swap(true, AcqRel)
    }
}

/// Where commands hand in notes.
#[derive(Debug)]
pub struct AlarmDesk {
    alarms: Vec<StreamName>,
    notes: Sender<Note>,
    patience: Duration,
}

impl AlarmDesk {
    /// A desk for these alarms, and where the store gets the notes from.
    pub fn new(alarms: Vec<StreamName>) -> (Self, Receiver<Note>) {
        let (notes, handed_in) = bounded(WAITING_MAX);
        (Self { alarms, notes, patience: PATIENCE }, handed_in)
    }

    /// Takes note of `alarm`.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if there is no such alarm, it is at rest, or the store does not come round to it.
    pub fn acknowledge(&self, alarm: &StreamName) -> Outcome {
        if !self.alarms.contains(alarm) {
            let known = self.alarms.iter().map(StreamName::to_string).collect();
            return Err(Refusal::NoAlarm { alarm: alarm.to_string(), known });
        }
        let busy = || Refusal::StoreBusy { alarm: alarm.to_string() };
        let (answer, answered) = bounded(1);
        let is_taken = Arc::new(AtomicBool::new(false));
        let note = Note { alarm: alarm.clone(), is_taken: Arc::clone(&is_taken), answer };
        self.notes.try_send(note).map_err(|_| busy())?;
        let told = answered.recv_timeout(self.patience).or_else(|_| {
            // Whoever has taken it answers at once.
            if is_taken.swap(true, AcqRel) {
                answered.recv().map_err(|_| busy())
            } else {
                Err(busy())
            }
        });
        if told? { Ok(()) } else { Err(Refusal::AtRest { alarm: alarm.to_string() }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm(name: &str) -> StreamName {
        StreamName::derived(name).unwrap()
    }

    #[test]
    fn a_note_that_nobody_takes_in_time_is_taken_back() {
        let (desk, notes) = AlarmDesk::new(vec![alarm("hot")]);
        let desk = AlarmDesk { patience: Duration::from_millis(1), ..desk };
        let busy = Err(Refusal::StoreBusy { alarm: "derived.hot".to_owned() });
        assert_eq!(desk.acknowledge(&alarm("hot")), busy);
        assert!(!notes.recv().unwrap().take(), "the store finds it taken back");
        drop(notes);
        assert_eq!(desk.acknowledge(&alarm("hot")), busy, "the store has ended");
    }

    #[test]
    fn a_note_is_answered_by_the_store() {
        let (desk, notes) = AlarmDesk::new(vec![alarm("hot")]);
        let store = || {
            for is_active in [true, false] {
                let note = notes.recv().unwrap();
                assert!(note.take());
                note.answer.send(is_active).unwrap();
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(store);
            assert_eq!(desk.acknowledge(&alarm("hot")), Ok(()));
            let at_rest = Err(Refusal::AtRest { alarm: "derived.hot".to_owned() });
            assert_eq!(desk.acknowledge(&alarm("hot")), at_rest);
            let refused = desk.acknowledge(&alarm("hat")).unwrap_err();
            assert_eq!(refused.known(), ["derived.hot"]);
        });
    }
}
