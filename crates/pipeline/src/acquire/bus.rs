//! The books of one bus, shared by its worker and the supervisor.
//!
//! # Protocol
//!
//! The lock is never held while anything is waited for: not during a transaction, and not while
//! something is put into a full queue. Both sides put outcomes into the queue, and yet those of one
//! device arrive in the order of their ordinals:
//!
//! * the supervisor puts only while a transaction is overdue, under the lock, and without waiting;
//! * the worker puts only while no transaction is on its way; to end one, it needs the lock.
//!
//! What the supervisor cannot put at once is **owed**: the worker puts it when its transaction is over.
//! While anything is owed, the supervisor takes no more slots, so no more than one outcome of each
//! device, and that of the transaction itself, is ever owed.

mod orders;

use core::time::Duration;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use domain::{DeviceState, Monotonic, NoData, Timestamp};
use ports::{Measurement, Waker};
use wire::status::DeviceStatus;

use super::{
    Acquired,
    book::{Book, Opened},
};
use crate::{
    queue::{Inlet, Refused},
    telemetry::Counters,
};

/// So much longer than its worst case may a transaction take before it counts as overdue: the machine
/// may be busy, too.
const MARGIN: Duration = Duration::from_millis(250);

/// One bus: its books, and how often somebody's standing there has changed.
pub(crate) struct Bus {
    ledger: Mutex<Ledger>,
    changes: AtomicU64,
    /// Called after each change.
    listener: OnceLock<Waker>,
    counters: Arc<Counters>,
}

struct Ledger {
    books: Vec<Book>,
    flight: Option<Flight>,
    owed: Vec<Acquired>,
    /// Its worker has ended.
    is_abandoned: bool,
}

/// A transaction on its way.
struct Flight {
    device: usize,
    /// When the slot was due that it is for, if it is for one.
    slot: Option<Monotonic>,
    since: Monotonic,
    overdue_at: Monotonic,
    is_overdue: bool,
}

impl Flight {
    fn new(device: usize, slot: Option<Monotonic>, since: Monotonic, span: Duration) -> Self {
        let overdue_at = since + span.saturating_add(MARGIN);
        Self { device, slot, since, overdue_at, is_overdue: false }
    }

    /// The slot that it is for has no other outcome than a gap.
    fn give_up(&self, book: &mut Book, now: Timestamp) -> Option<Acquired> {
        let hangs = now.monotonic.saturating_since(self.since);
        tracing::warn!(device = book.name(), ?hangs, "transaction overdue; its bus is stuck");
        self.slot.and_then(|_| book.gap(NoData::Timeout, now))
    }
}

/// What the end of a transaction leads to.
pub(super) struct Ended {
    /// To be told, in this order.
    pub(super) told: Vec<Acquired>,
    /// Whether the bus may need to be freed.
    pub(super) is_wedged: bool,
}

/// Whether a device that stood so before failing in this way may have left its bus stuck. Asked once in
/// an outage, and once more when the device is given up.
fn may_be_wedged(before: DeviceState, after: DeviceState, reason: Option<NoData>) -> bool {
    let is_news = before != after && after != DeviceState::Idle;
    let is_given_up = after == DeviceState::SafeState;
    is_news && (is_given_up || matches!(reason, Some(NoData::BusFault | NoData::Timeout)))
}

impl Bus {
    pub(super) fn new(books: Vec<Book>, counters: Arc<Counters>) -> Self {
        let ledger =
            Mutex::new(Ledger { books, flight: None, owed: Vec::new(), is_abandoned: false });
        Self { ledger, changes: AtomicU64::new(0), listener: OnceLock::new(), counters }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `turn` write the book of `device`, and tells of a change of its standing.
    fn turn<T>(&self, device: usize, turn: impl FnOnce(&mut Book) -> T) -> Option<T> {
        let mut ledger = self.ledger();
        let book = ledger.books.get_mut(device)?;
        let before = book.standing();
        let result = turn(book);
        let is_changed = before != book.standing();
        drop(ledger);
        self.note_change(is_changed);
        Some(result)
    }

    fn note_change(&self, is_changed: bool) {
        if is_changed {
            self.changes.fetch_add(1, Relaxed);
            if let Some(listener) = self.listener.get() {
                listener();
            }
        }
    }

    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Relaxed)
    }

    /// From now on `listener` is called after each change. Only the first is ever called.
    pub(crate) fn listen(&self, listener: Waker) {
        let _ = self.listener.set(listener);
    }

    /// The device that has been due longest, and since when.
    pub(super) fn earliest(&self) -> Option<(usize, Monotonic)> {
        let ledger = self.ledger();
        let due = ledger.books.iter().map(Book::next_due).enumerate();
        due.min_by_key(|&(_, due)| due)
    }

    pub(super) fn open(&self, device: usize, now: Timestamp, is_pressed: bool) -> Opened {
        self.turn(device, |book| book.open(now, is_pressed)).unwrap_or_default()
    }

    pub(super) fn patience(&self, device: usize, now: Monotonic) -> Option<Duration> {
        self.ledger().books.get(device).and_then(|book| book.patience(now))
    }

    /// A transaction begins that must be over after `span`.
    pub(super) fn begin(
        &self,
        device: usize,
        slot: Option<Monotonic>,
        now: Monotonic,
        span: Duration,
    ) {
        let mut ledger = self.ledger();
        ledger.flight = Some(Flight::new(device, slot, now, span));
        if let Some(book) = ledger.books.get_mut(device) {
            book.begin(slot, now);
        }
    }

    /// The transaction is over, with this outcome.
    pub(super) fn end(&self, outcome: Result<Vec<Measurement>, NoData>, now: Timestamp) -> Ended {
        let mut ledger = self.ledger();
        let Ledger { books, flight, owed, .. } = &mut *ledger;
        let mut told = std::mem::take(owed);
        let Some((flight, book)) = flight.take().and_then(|flight| {
            let book = books.get_mut(flight.device)?;
            Some((flight, book))
        }) else {
            return Ended { told, is_wedged: false };
        };
        let before = book.standing();
        let failure = outcome.as_ref().err().copied();
        let span = now.monotonic.saturating_since(flight.since);
        match flight.slot {
            Some(_) if flight.is_overdue => book.answer_too_late(span, now.monotonic),
            Some(_) => told.extend(book.answer(outcome, span, now)),
            None => {
                told.extend(book.hear(outcome, now));
                told.extend(book.end_silence(now));
            }
        }
        let after = book.standing();
        let reason = if flight.is_overdue { Some(NoData::Timeout) } else { failure };
        drop(ledger);
        self.note_change(flight.is_overdue || before != after);
        Ended { told, is_wedged: may_be_wedged(before, after, reason) }
    }

    /// Something else begins that occupies the bus, and must be over after `span`.
    pub(super) fn watch(&self, device: usize, now: Monotonic, span: Duration) {
        self.ledger().flight = Some(Flight::new(device, None, now, span));
    }

    /// That is over. What was owed is to be told.
    pub(super) fn end_watch(&self) -> Vec<Acquired> {
        let mut ledger = self.ledger();
        let was_overdue = ledger.flight.take().is_some_and(|flight| flight.is_overdue);
        let told = std::mem::take(&mut ledger.owed);
        drop(ledger);
        self.note_change(was_overdue);
        told
    }

    pub(super) fn end_silence(&self, device: usize, now: Timestamp) -> Option<Acquired> {
        self.turn(device, |book| book.end_silence(now)).flatten()
    }

    /// What the supervisor does: notices a transaction that is overdue, and gives up the slots that
    /// come while it hangs.
    pub(crate) fn inspect(&self, now: Timestamp, inlet: &Inlet<Acquired>) {
        let mut ledger = self.ledger();
        let Ledger { books, flight, owed, .. } = &mut *ledger;
        let Some(flight) = flight.as_mut().filter(|flight| now.monotonic >= flight.overdue_at)
        else {
            return;
        };
        let is_news = !std::mem::replace(&mut flight.is_overdue, true);
        if is_news {
            self.counters.transactions_overdue.add(1);
            owed.extend(books.get_mut(flight.device).and_then(|book| flight.give_up(book, now)));
        }
        settle(owed, inlet);
        if owed.is_empty() {
            owed.extend(books.iter_mut().filter_map(|book| book.end_stuck_slot(now)));
            settle(owed, inlet);
        }
        drop(ledger);
        self.note_change(is_news);
    }

    /// When the supervisor has something to do here, as far as is known now; `None` between
    /// transactions.
    pub(crate) fn next_inspection(&self) -> Option<Monotonic> {
        let ledger = self.ledger();
        let flight = ledger.flight.as_ref()?;
        if flight.is_overdue {
            ledger.books.iter().map(Book::next_slot).min()
        } else {
            Some(flight.overdue_at)
        }
    }

    /// Resets the device of this name; false if there is none here.
    pub(crate) fn reset(&self, name: &str) -> bool {
        let device = self.ledger().books.iter().position(|book| book.name() == name);
        device.and_then(|device| self.turn(device, Book::reset)).is_some()
    }

    pub(crate) fn report(&self, into: &mut BTreeMap<String, DeviceStatus>) {
        let ledger = self.ledger();
        let is_stuck = ledger.flight.as_ref().is_some_and(|flight| flight.is_overdue);
        into.extend(
            ledger.books.iter().map(|book| (book.name().to_owned(), book.status(is_stuck))),
        );
    }
}

/// Puts what is owed, oldest first, as far as the queue takes it without waiting.
fn settle(owed: &mut Vec<Acquired>, inlet: &Inlet<Acquired>) {
    let mut rest = std::mem::take(owed).into_iter();
    for item in rest.by_ref() {
        if let Err(Refused(item)) = inlet.offer(item) {
            owed.push(item);
            break;
        }
    }
    owed.extend(rest);
}
