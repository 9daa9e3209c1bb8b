//! Storage: readings leave the queue, what follows from them is derived, and both become samples.
//!
//! # Invariants
//!
//! 1. The readings of one stream are appended in the order in which they were taken.
//! 2. A hole in a device's ordinals is where the queue dropped: its streams get an `overflow` gap.
//! 3. Each stream's samples go to the spool of its class, those of the highest first. One that is full or
//!    failing for a while is tried again until it takes what waits for it; what others took is not
//!    repeated. While all that are in use fail, the queue fills up behind them, and its policy decides.
//!    While only some fail, they hold nobody up: 16384 readings wait for each, and more are given up,
//!    counted, as is what can never be stored.
//! 4. The state of derived metrics is saved after what they told was appended and synced, so that no power
//!    cut takes what an alarm has told and leaves that it has told it: each interval, within a second
//!    when an alarm has changed, and at the end. A crash costs them what came since.
//! 5. While it runs, no more than 16 KiB of state are saved a second, 1.4 GB a day: a large state waits as
//!    long as it is large. That bounds the wear of a memory card and how long the store does nothing else:
//!    it is busy with a save for as long as the medium takes, once in so many seconds.

mod shelf;

use core::time::Duration;
use std::{collections::HashMap, sync::Arc};

use crossbeam_channel::{Receiver, RecvError, never, select};
use domain::{Monotonic, NoData, Reading, Stream, StreamClass, StreamName, StreamReading};
use ports::{Clock, Spool, SpoolError, StateKeeper, Wake, Waker};

use self::shelf::{RETRY_MOST, Shelf};
use crate::{acquire::Acquired, alarms::Note, derive::Derivation, telemetry::Counters};

/// The most that is taken out of the queue at one time. Bounds memory and the time to an append.
const BATCH_MAX: usize = 1_024;

/// The most readings in one append: with the longest names, and all streams new, some 720 kB of the 1 MiB
/// that a record of the spool may have.
const APPEND_MAX: usize = 4_096;

/// The state is saved no more often than this, however often alarms change.
const STATE_PAUSE: Duration = Duration::from_secs(1);

/// How many bytes of state are saved each second in the mean, at the most.
const STATE_BYTES_PER_SECOND: u64 = 16 * 1024;

/// Moves readings from the queue into the spool.
pub struct Store {
    outlet: Receiver<Acquired>,
    derivation: Derivation,
    /// The streams of each device, for gaps.
    streams: HashMap<usize, Vec<Stream>>,
    expected: HashMap<usize, u64>,
    /// Highest class first.
    shelves: [Shelf; 3],
    classes: HashMap<StreamName, StreamClass>,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
    /// Tells the forwarder that there is something to forward.
    wake_forwarder: Waker,
    sync_interval: Duration,
    sync_due: Option<Monotonic>,
    state: Option<StateKeeping>,
    /// When the state is next to be saved; nothing if it has not changed.
    state_due: Option<Monotonic>,
    /// It is not saved before.
    state_rests_until: Monotonic,
    notes: Receiver<Note>,
}

/// How the state of the derived metrics is kept.
pub struct StateKeeping {
    /// Where.
    pub keeper: Box<dyn StateKeeper>,
    /// How often, while readings come in.
    pub interval: Duration,
}

/// What [`Store`] is made of.
pub struct StoreParts {
    /// Where readings come from.
    pub outlet: Receiver<Acquired>,
    /// What follows from them.
    pub derivation: Derivation,
    /// The streams of each device by its number, for the gaps of what the queue dropped.
    pub streams: HashMap<usize, Vec<Stream>>,
    /// Where samples go, by class, highest first.
    pub spools: [Arc<dyn Spool>; 3],
    /// The class of each stream that is not of the class normal.
    pub classes: HashMap<StreamName, StreamClass>,
    /// Time; an interrupt of it ends the patience with a failing spool.
    pub clock: Arc<dyn Clock>,
    /// Where things are counted.
    pub counters: Arc<Counters>,
    /// Called when there is something new in the spool.
    pub wake_forwarder: Waker,
    /// The longest that an appended sample is at risk in a power cut.
    pub sync_interval: Duration,
}

impl Store {
    /// Nothing has been stored yet.
    pub fn new(parts: StoreParts) -> Self {
        let StoreParts {
            outlet,
            derivation,
            streams,
            spools,
            classes,
            clock,
            counters,
            wake_forwarder,
            sync_interval,
        } = parts;
        let [high, normal, low] = spools;
        let shelves = [
            Shelf::new(StreamClass::High, high),
            Shelf::new(StreamClass::Normal, normal),
            Shelf::new(StreamClass::Low, low),
        ];
        Self {
            outlet,
            derivation,
            streams,
            expected: HashMap::new(),
            shelves,
            classes,
            clock,
            counters,
            wake_forwarder,
            sync_interval,
            sync_due: None,
            state: None,
            state_due: None,
            state_rests_until: Monotonic::default(),
            notes: never(),
        }
    }

    /// Keeps the state of the derived metrics.
    #[must_use]
    pub fn with_state(mut self, state: StateKeeping) -> Self {
        self.state = Some(state);
        self
    }

    /// Hands on what operators say of alarms.
    #[must_use]
    pub fn with_notes(mut self, notes: Receiver<Note>) -> Self {
        self.notes = notes;
        self
    }

    /// Stores what is in the queue now, and says how many outcomes of devices that were.
    pub fn step(&mut self) -> usize {
        while let Ok(note) = self.notes.try_recv() {
            self.note(&note);
        }
        let batch: Vec<_> = self.outlet.try_iter().take(BATCH_MAX).collect();
        let length = batch.len();
        self.store(batch);
        self.do_what_is_due();
        length
    }

    /// Stores until every bus worker has ended and the queue is empty; then [finishes](Self::finish).
    pub fn run(mut self) {
        loop {
            let left = self.until_due();
            let (outlet, notes) = (self.outlet.clone(), self.notes.clone());
            select! {
                recv(outlet) -> first => match first {
                    Ok(first) => {
                        let rest = self.outlet.try_iter().take(BATCH_MAX - 1);
                        let batch = std::iter::once(first).chain(rest).collect();
                        self.store(batch);
                    }
                    Err(RecvError) => break,
                },
                recv(notes) -> note => match note {
                    Ok(note) => self.note(&note),
                    Err(RecvError) => self.notes = never(),
                },
                default(left) => {}
            }
            self.do_what_is_due();
        }
        self.finish();
    }

    /// Stores what still waits in derived metrics, saves their state, and syncs.
    pub fn finish(&mut self) {
        let derived = self.derivation.flush();
        self.append_all(derived);
        self.put_away(Self::is_waiting);
        self.save_state();
        self.sync();
    }

    fn until_due(&self) -> Duration {
        const IDLE: Duration = Duration::from_secs(3_600);
        let retries = self.shelves.iter().filter_map(Shelf::due);
        let due = self.sync_due.into_iter().chain(self.state_due).chain(retries).min();
        due.map_or(IDLE, |due| due.saturating_since(self.clock.now().monotonic))
    }

    fn do_what_is_due(&mut self) {
        if self.is_waiting() {
            self.put_away_now();
        }
        self.sync_if_due();
        if self.state_due.is_some_and(|due| due <= self.clock.now().monotonic) {
            self.save_state();
        }
    }

    fn store(&mut self, batch: Vec<Acquired>) {
        if batch.is_empty() {
            return;
        }
        let batch = self.with_overflow_gaps(batch);
        let derived = self.derivation.derive_in_parts(&batch);
        let mut readings: Vec<_> =
            batch.into_iter().flat_map(|acquired| acquired.readings).collect();
        for mut part in derived {
            // A record of its own for each part pays only if it is a large one.
            if readings.len() + part.len() > APPEND_MAX {
                self.append_all(std::mem::take(&mut readings));
            }
            if readings.is_empty() { readings = part } else { readings.append(&mut part) }
        }
        self.append_all(readings);
        self.state_is_new();
    }

    fn note(&mut self, note: &Note) {
        if !note.take() {
            return;
        }
        let derived = self.derivation.acknowledge(&note.alarm, self.clock.now());
        // Before the spool is asked, which may take its time.
        let _ = note.answer.try_send(derived.is_some());
        if let Some(derived) = derived {
            self.append_all(derived);
            self.state_is_new();
        }
    }

    fn append_all(&mut self, readings: Vec<StreamReading>) {
        if readings.is_empty() {
            return;
        }
        let mut by_class = [Vec::new(), Vec::new(), Vec::new()];
        for reading in readings {
            let class = self.classes.get(&reading.stream.name).copied().unwrap_or_default();
            by_class[class.index()].push(reading);
        }
        for (shelf, mut readings) in self.shelves.iter_mut().zip(by_class) {
            while readings.len() > APPEND_MAX {
                let rest = readings.split_off(APPEND_MAX);
                shelf.take(core::mem::replace(&mut readings, rest), &self.counters);
            }
            shelf.take(readings, &self.counters);
        }
        self.put_away(Self::is_held_up);
    }

    /// The derived metrics have moved on: their state is to be saved some time, or soon.
    fn state_is_new(&mut self) {
        let Some(state) = self.state.as_ref().filter(|_| !self.derivation.is_empty()) else {
            return;
        };
        let now = self.clock.now().monotonic;
        let due = if self.derivation.take_alarm_change() { now } else { now + state.interval };
        let due = due.max(self.state_rests_until);
        self.state_due = Some(self.state_due.map_or(due, |earlier| earlier.min(due)));
    }

    fn save_state(&mut self) {
        if self.state.is_none() || self.derivation.is_empty() {
            return;
        }
        if self.sync_due.is_some() {
            self.sync();
        }
        // Nor may it run ahead of what is not even appended.
        let retries = self.shelves.iter().filter_map(Shelf::due);
        self.state_due = self.sync_due.into_iter().chain(retries).max();
        if self.state_due.is_some() {
            self.counters.states_unsaved.add(1);
            return;
        }
        let Some(state) = self.state.as_mut() else { return };
        let saved = self.derivation.save();
        let rest = Duration::from_secs((saved.bytes() as u64).div_ceil(STATE_BYTES_PER_SECOND));
        self.state_rests_until = self.clock.now().monotonic + rest.max(STATE_PAUSE);
        if let Err(error) = state.keeper.keep(&saved) {
            self.counters.states_unsaved.add(1);
            tracing::warn!(%error, cause = %error.cause, "windows would begin anew after a restart");
        }
    }

    /// Puts a gap before each outcome that comes after a hole.
    fn with_overflow_gaps(&mut self, batch: Vec<Acquired>) -> Vec<Acquired> {
        let mut whole = Vec::with_capacity(batch.len());
        for acquired in batch {
            let expected = self.expected.entry(acquired.device).or_default();
            if acquired.ordinal > *expected {
                let streams = self.streams.get(&acquired.device).into_iter().flatten();
                whole.extend(overflow_gap(&acquired, streams, &self.counters));
            }
            *expected = acquired.ordinal + 1;
            whole.push(acquired);
        }
        whole
    }

    /// Offers each spool what waits for it, the highest class first. Wakes the forwarder.
    fn put_away_now(&mut self) {
        let now = self.clock.now().monotonic;
        let mut took = false;
        for shelf in &mut self.shelves {
            took |= shelf.put_away(now, &self.counters);
        }
        if took {
            self.sync_due.get_or_insert(self.clock.now().monotonic + self.sync_interval);
            (self.wake_forwarder)();
        }
    }

    /// The same again and again while it is `to_be_waited`, or until time is up.
    fn put_away(&mut self, to_be_waited: impl Fn(&Self) -> bool) {
        self.put_away_now();
        while to_be_waited(self) {
            let due = self.shelves.iter().filter_map(Shelf::due).min();
            let due = due.unwrap_or_else(|| self.clock.now().monotonic);
            let is_over = self.clock.sleep_until(due) == Wake::Interrupted;
            // What was appended before is not at risk for longer because more does not fit.
            self.sync_if_due();
            if is_over {
                self.shelves.iter_mut().for_each(|shelf| shelf.give_up(&self.counters));
                return;
            }
            self.put_away_now();
        }
    }

    /// Whether anything waits for a spool to take it.
    fn is_waiting(&self) -> bool {
        self.shelves.iter().any(Shelf::is_waiting)
    }

    /// Whether nothing goes on: something waits for the spool of each class in use.
    fn is_held_up(&self) -> bool {
        let is_used = |class| {
            class == StreamClass::Normal || self.classes.values().any(|used| *used == class)
        };
        let mut shelves = StreamClass::ALL.into_iter().zip(&self.shelves);
        self.is_waiting() && shelves.all(|(class, shelf)| shelf.is_waiting() || !is_used(class))
    }

    fn sync_if_due(&mut self) {
        if self.sync_due.is_some_and(|due| due <= self.clock.now().monotonic) {
            self.sync();
        }
    }

    fn sync(&mut self) {
        self.sync_due = None;
        let now = self.clock.now().monotonic;
        for shelf in &mut self.shelves {
            shelf.tell_losses(now);
            let Err(error) = shelf.spool.sync() else { continue };
            self.counters.spool_retries.add(1);
            tracing::error!(%error, cause = cause(&error), "spool is not safe from a power cut");
            self.sync_due = Some(self.clock.now().monotonic + RETRY_MOST.max(self.sync_interval));
        }
    }
}

/// What the medium said, for the log.
fn cause(error: &SpoolError) -> Option<String> {
    std::error::Error::source(error).map(ToString::to_string)
}

fn overflow_gap<'a>(
    after: &Acquired,
    streams: impl Iterator<Item = &'a Stream>,
    counters: &Counters,
) -> Option<Acquired> {
    let at = after.readings.first()?.reading.at;
    let gap = |stream: &Stream| {
        counters.gap(NoData::Overflow);
        let reading = Reading::measured(at, Err(NoData::Overflow));
        StreamReading { stream: stream.clone(), reading }
    };
    let readings: Vec<_> = streams.map(gap).collect();
    let ordinal = after.ordinal;
    (!readings.is_empty()).then_some(Acquired { device: after.device, ordinal, readings })
}

#[cfg(test)]
mod tests;
