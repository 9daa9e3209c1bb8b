//! The bounded queue between acquisition and storage.
//!
//! It exists so that a slow medium, such as an SD card that takes its time over a flush, does not make
//! a sensor late. How much lateness it absorbs is its capacity; what happens beyond is [`WhenFull`].
//!
//! # Terms
//!
//! * **Pressure** — the queue is filling up: it was 80 % full and has not been below 50 % since. Who
//!   puts in things of low priority puts in fewer of them then.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use crate::telemetry::Counters;

/// What the queue does with the next item when it is full.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WhenFull {
    /// Make the bus worker wait: sampling slows down, and each time missed is a counted gap.
    Block,
    /// Drop and count the item that has waited longest: fresh beats complete.
    DropOldest,
}

/// The end of the queue that bus workers put into. The queue ends when all of them are dropped.
#[derive(Clone, Debug)]
pub struct Inlet<T> {
    sender: Sender<T>,
    /// Only for [`WhenFull::DropOldest`]: taking the oldest out is receiving it.
    oldest: Option<Receiver<T>>,
    /// Shared by all inlets of the queue.
    is_pressed: Arc<AtomicBool>,
    counters: Arc<Counters>,
}

/// Nobody takes items out any more; the item comes back.
#[derive(Debug, PartialEq, Eq)]
pub struct Closed<T>(pub T);

/// The queue cannot take the item at once; it comes back.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused<T>(pub T);

/// Makes a queue for `capacity` items.
pub fn queue<T>(
    capacity: NonZeroUsize,
    when_full: WhenFull,
    counters: Arc<Counters>,
) -> (Inlet<T>, Receiver<T>) {
    let (sender, receiver) = bounded(capacity.get());
    let oldest = match when_full {
        WhenFull::Block => None,
        WhenFull::DropOldest => Some(receiver.clone()),
    };
    (Inlet { sender, oldest, is_pressed: Arc::default(), counters }, receiver)
}

impl<T> Inlet<T> {
    /// Whether the queue is filling up; see the module's terms.
    pub fn is_pressed(&self) -> bool {
        let (length, capacity) = (self.sender.len(), self.sender.capacity().unwrap_or(usize::MAX));
        // Two inlets may look at once; then the later store wins, and both were right a moment ago.
        if length.saturating_mul(5) >= capacity.saturating_mul(4) {
            self.is_pressed.store(true, Relaxed);
        } else if length.saturating_mul(2) < capacity {
            self.is_pressed.store(false, Relaxed);
        }
        self.is_pressed.load(Relaxed)
    }

    /// Puts `item` in as the newest if that needs no waiting and costs nobody else's item.
    ///
    /// # Errors
    ///
    /// [`Refused`] gives the item back, from a full queue or a closed one.
    pub fn offer(&self, item: T) -> Result<(), Refused<T>> {
        self.sender.try_send(item).map_err(|refused| Refused(refused.into_inner()))
    }

    /// Puts `item` in as the newest.
    ///
    /// # Errors
    ///
    /// [`Closed`] gives the item back.
    pub fn put(&self, item: T) -> Result<(), Closed<T>> {
        let Some(oldest) = &self.oldest else {
            return self.sender.send(item).map_err(|refused| Closed(refused.into_inner()));
        };
        let mut item = item;
        loop {
            match self.sender.try_send(item) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Disconnected(refused)) => return Err(Closed(refused)),
                Err(TrySendError::Full(refused)) => {
                    if oldest.try_recv().is_ok() {
                        self.counters.measurements_dropped.add(1);
                    }
                    item = refused;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three(when_full: WhenFull) -> (Inlet<u32>, Receiver<u32>, Arc<Counters>) {
        let counters = Arc::new(Counters::default());
        let capacity = NonZeroUsize::new(3).unwrap();
        let (inlet, outlet) = queue(capacity, when_full, Arc::clone(&counters));
        (inlet, outlet, counters)
    }

    #[test]
    fn drop_oldest_keeps_the_newest_and_counts_the_rest() {
        let (inlet, outlet, counters) = three(WhenFull::DropOldest);
        for n in 0..10 {
            inlet.put(n).unwrap();
        }
        assert_eq!(outlet.try_iter().collect::<Vec<_>>(), [7, 8, 9]);
        assert_eq!(counters.measurements_dropped.get(), 7);
    }

    #[test]
    fn block_loses_nothing_however_slow_the_taker() {
        let (inlet, outlet, counters) = three(WhenFull::Block);
        let putter = std::thread::Builder::new()
            .spawn(move || (0..100).for_each(|n| inlet.put(n).unwrap()))
            .unwrap();
        assert_eq!(outlet.iter().collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
        putter.join().unwrap();
        assert_eq!(counters.measurements_dropped.get(), 0);
    }

    #[test]
    fn pressure_begins_at_four_fifths_and_ends_below_one_half() {
        let capacity = NonZeroUsize::new(10).unwrap();
        let (inlet, outlet) = queue(capacity, WhenFull::Block, Arc::default());
        let other = inlet.clone();
        let mut seen = Vec::new();
        for n in 1..=8 {
            inlet.put(n).unwrap();
            seen.push(inlet.is_pressed());
        }
        assert_eq!(seen, [false, false, false, false, false, false, false, true]);
        for left in (4..8).rev() {
            outlet.recv().unwrap();
            assert_eq!((left, other.is_pressed()), (left, left >= 5));
        }
        inlet.put(9).unwrap();
        assert!(!inlet.is_pressed(), "one more does not begin it again");
    }

    #[test]
    fn an_offer_neither_waits_nor_pushes_anything_out() {
        for when_full in [WhenFull::Block, WhenFull::DropOldest] {
            let (inlet, outlet, counters) = three(when_full);
            for n in 0..3 {
                inlet.offer(n).unwrap();
            }
            assert_eq!(inlet.offer(3), Err(Refused(3)));
            assert_eq!(outlet.try_iter().collect::<Vec<_>>(), [0, 1, 2]);
            assert_eq!(counters.measurements_dropped.get(), 0);
        }
    }

    #[test]
    fn a_closed_queue_gives_the_item_back() {
        let (inlet, outlet, _) = three(WhenFull::Block);
        drop(outlet);
        assert_eq!(inlet.put(7), Err(Closed(7)));
    }
}
