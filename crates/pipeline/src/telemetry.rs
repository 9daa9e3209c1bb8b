//! What the gateway counts about itself.
//!
//! `docs/specs/metrics.md` lists the names, and says since when each counts.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use domain::{Command, NoData, Outcome, StreamClass};
use executor::Executor;
use ports::{FrameCount, Spool, SpoolCount};

use crate::quality::nanos;

/// One counter.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts `n` more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that goes up and down, and may be unknown.
#[derive(Debug)]
pub struct Gauge(AtomicU64);

impl Gauge {
    const UNKNOWN: u64 = u64::MAX;

    /// From now on it is `number`; unknown is also what no counter can reach.
    pub fn set(&self, number: Option<u64>) {
        self.0.store(number.unwrap_or(Self::UNKNOWN), Relaxed);
    }

    /// The number, if it is known.
    pub fn get(&self) -> Option<u64> {
        Some(self.0.load(Relaxed)).filter(|&number| number != Self::UNKNOWN)
    }
}

impl Default for Gauge {
    fn default() -> Self {
        Self(AtomicU64::new(Self::UNKNOWN))
    }
}

/// What comes of a command, as the names of counters have it.
const RESULTS: [&str; 3] = ["done", "refused", "failed"];

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The pipeline's counters, shared by its parts.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: Counter,)*
            /// Samples that wait as history in the present epoch; unknown while there is none.
            pub history_waiting: Gauge,
            /// In how many seconds they will be delivered, by what was delivered of late.
            pub history_drained_in_s: Gauge,
            /// 1 while somebody vouches for the wall clock, else 0; unknown before the first look.
            pub clock_synchronised: Gauge,
            /// The most that the wall clock is wrong by; unknown while nobody vouches for it.
            pub clock_error_ms: Gauge,
            /// How long samples will wait for the clock at most; unknown while they do not.
            pub clock_waits_s: Gauge,
            gaps: [Counter; NoData::ALL.len()],
            /// By word and result.
            commands: [[Counter; RESULTS.len()]; Command::WORDS.len()],
        }

        impl Counters {
            fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name.get()),)*].into_iter()
            }
        }
    };
}

counters! {
    /// Transactions and frames that yielded a measurement.
    measurements_taken,
    /// Measurements dropped from the full queue, to make room for newer ones.
    measurements_dropped,
    /// Times that a device was due and its bus was busy, or a speaking one was silent again and again.
    deadlines_missed,
    /// Times that a device of low priority was not asked, because the queue was filling up.
    slots_shed,
    /// Transactions that were still going on when their worst case was over.
    transactions_overdue,
    /// Attempts in which a device failed.
    device_failures,
    /// Devices that came back after failing.
    device_recoveries,
    /// Devices that failed so often in a row that their bus was left alone.
    safe_states_entered,
    /// Attempts to free the bus of a device that hung on it.
    unwedges_tried,
    /// Those that did not free it.
    unwedges_failed,
    /// Panics caught while asking a device.
    device_panics,
    /// Frames with a measurement in them, over all devices that talk in frames.
    frames_measured,
    /// Sound frames with nothing for us.
    frames_ignored,
    /// Frames refused.
    frames_corrupt,
    /// Readings that came too late for a metric of which they are an input.
    readings_late,
    /// Panics caught in derived metrics.
    metric_panics,
    /// Attempts to save the state of the derived metrics that failed.
    states_unsaved,
    /// Attempts to append to the spool or to sync it that failed and were made again.
    spool_retries,
    /// Readings that could not be stored and were given up.
    readings_lost,
    /// Connections made to the broker.
    connections_made,
    /// Connections to the broker, or attempts at one, that ended in a fault.
    connections_lost,
    /// Those that stood while acknowledgements stayed away.
    connections_stalled,
    /// Messages handed to the broker.
    messages_published,
    /// Messages that the broker acknowledged.
    messages_acknowledged,
    /// Messages that the broker refused; their streams are held and tried again later.
    messages_refused,
    /// Bytes of payloads with samples, as they were made to be sent.
    payload_bytes,
    /// Bytes of the same before they were compressed.
    payload_bytes_plain,
    /// Samples of refused streams that were given up, so that the spool's cursor could go on.
    samples_set_aside,
    /// Samples that fit into no message that the broker takes, and were passed.
    samples_unsendable,
    /// Samples acknowledged by the broker that were sent as they came.
    samples_live,
    /// Samples acknowledged by the broker that were sent later: as history, or after a refusal.
    samples_history,
    /// Requests for a replay.
    replay_requests,
    /// Those that were refused or dropped.
    replay_requests_refused,
    /// Those not answered in whole because a spool could not be read.
    replays_failed,
    /// Samples acknowledged by the broker that were sent again because somebody asked for them.
    samples_replayed,
    /// Samples put into messages with a time that was corrected.
    samples_restamped,
    /// Steps of the wall clock.
    clock_steps,
    /// Attempts to keep what is known of wall time that failed.
    times_unsaved,
    /// Lines that came for a command and were none.
    commands_not_understood,
}

impl Counters {
    /// Counts one gap.
    pub fn gap(&self, reason: NoData) {
        if let Some(index) = NoData::ALL.iter().position(|&known| known == reason) {
            self.gaps[index].add(1);
        }
    }

    /// How many gaps there were for `reason`.
    pub fn gaps(&self, reason: NoData) -> u64 {
        let index = NoData::ALL.iter().position(|&known| known == reason);
        index.map_or(0, |index| self.gaps[index].get())
    }

    /// Counts one command.
    pub fn command(&self, command: &Command, outcome: &Outcome) {
        let result = match outcome {
            Ok(()) => 0,
            Err(refusal) if !refusal.is_failure() => 1,
            Err(_) => 2,
        };
        if let Some(index) = Command::WORDS.iter().position(|&word| word == command.word()) {
            self.commands[index][result].add(1);
        }
    }

    /// How many commands there were, by the names of their counters.
    pub fn commands(&self) -> BTreeMap<String, u64> {
        let of = |(word, counts): (&str, &[Counter; RESULTS.len()])| {
            RESULTS
                .iter()
                .zip(counts)
                .map(|(result, count)| (format!("commands_{word}_{result}"), count.get()))
                .collect::<Vec<_>>()
        };
        let mut counts: BTreeMap<_, _> =
            Command::WORDS.into_iter().zip(&self.commands).flat_map(of).collect();
        counts.insert("commands_not_understood".to_owned(), self.commands_not_understood.get());
        counts
    }

    /// Counts the frames that a device has handled since it was last looked at.
    pub fn frames(&self, before: FrameCount, now: FrameCount) {
        self.frames_measured.add(now.measured.saturating_sub(before.measured));
        self.frames_ignored.add(now.ignored.saturating_sub(before.ignored));
        self.frames_corrupt.add(now.corrupt.saturating_sub(before.corrupt));
    }

    /// Every count by name, with those that the spools, highest class first, and the executor keep
    /// themselves. If there is more than the class normal, each class is counted for itself, too.
    pub fn snapshot(
        &self,
        spools: &[Arc<dyn Spool>; 3],
        executor: &Executor,
    ) -> BTreeMap<String, u64> {
        let jobs = executor.metrics();
        let by_class = StreamClass::ALL.map(|class| Stored::of(&*spools[class.index()]));
        let kept_elsewhere = [
            ("jobs_processed", jobs.processed),
            ("jobs_panicked", jobs.panicked),
            ("jobs_queued", jobs.queued),
            ("job_wait_ns_p99", nanos(jobs.queue_wait.p99())),
            ("job_run_ns_p99", nanos(jobs.run_time.p99())),
        ];
        let gaps = NoData::ALL.iter().map(|&r| (format!("gaps_{}", r.code()), self.gaps(r)));
        let known = [
            ("history_waiting", self.history_waiting.get()),
            ("history_drained_in_s", self.history_drained_in_s.get()),
            ("clock_synchronised", self.clock_synchronised.get()),
            ("clock_error_ms", self.clock_error_ms.get()),
            ("clock_waits_s", self.clock_waits_s.get()),
        ];
        let known = known.into_iter().filter_map(|(name, number)| Some((name, number?)));
        let named = self.named().chain(kept_elsewhere).chain(known);
        let named = named.map(|(name, count)| (name.to_owned(), count));
        named.chain(stored(&by_class)).chain(gaps).chain(self.commands()).collect()
    }
}

/// What has gone through the spool of one class.
struct Stored {
    count: SpoolCount,
    waiting: u64,
}

impl Stored {
    fn of(spool: &dyn Spool) -> Self {
        let waiting = spool.waiting().iter().map(|run| run.end.0 - run.start.0).sum();
        Self { count: spool.count(), waiting }
    }

    fn is_used(&self) -> bool {
        self.count.appended > 0 || self.count.refused > 0
    }

    fn samples(&self) -> [(&'static str, u64); 6] {
        let SpoolCount { appended, acknowledged, evicted, refused, lost, .. } = self.count;
        [
            ("samples_appended", appended),
            ("samples_acknowledged", acknowledged),
            ("samples_evicted", evicted),
            ("samples_refused", refused),
            ("samples_lost", lost),
            ("samples_waiting", self.waiting),
        ]
    }

    fn medium(&self) -> [(&'static str, u64); 3] {
        let SpoolCount { corrupt, bytes, retained, .. } = self.count;
        [("spool_corrupt", corrupt), ("spool_bytes", bytes), ("spool_retained", retained)]
    }
}

/// The sums over all classes, and what each class has if more than the class normal is in use.
fn stored(by_class: &[Stored; 3]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    let is_divided = by_class[0].is_used() || by_class[2].is_used();
    for (class, stored) in StreamClass::ALL.into_iter().zip(by_class) {
        for (name, count) in stored.samples().into_iter().chain(stored.medium()) {
            *counts.entry(name.to_owned()).or_default() += count;
        }
        let own = stored.samples().into_iter().filter(|_| is_divided);
        counts.extend(own.map(|(name, count)| (format!("{name}_{}", class.name()), count)));
    }
    counts
}

#[cfg(test)]
mod tests {
    use domain::{Refusal, Target};
    use ports::{MockSpool, Position};

    use super::*;

    fn unused() -> Arc<dyn Spool> {
        let mut spool = MockSpool::new();
        spool.expect_count().return_const(SpoolCount::default());
        spool.expect_waiting().return_const(vec![]);
        Arc::new(spool)
    }

    #[test]
    fn each_count_kept_elsewhere_is_published_under_its_own_name() {
        let mut spool = MockSpool::new();
        let count = SpoolCount {
            appended: 90,
            acknowledged: 50,
            evicted: 7,
            refused: 4,
            lost: 2,
            corrupt: 3,
            bytes: 4_096,
            retained: 1_024,
        };
        spool.expect_count().return_const(count);
        let waiting = [59..80, 82..90].map(|run| Position(run.start)..Position(run.end));
        spool.expect_waiting().return_const(waiting.to_vec());
        let executor = Executor::builder().build().unwrap();
        assert!(executor.submit(|| panic!("bug in a formula")).unwrap().join().is_err());
        executor.submit(|| ()).unwrap().join().unwrap();
        let spool: Arc<dyn Spool> = Arc::new(spool);
        let spools = [unused(), Arc::clone(&spool), unused()];
        let counts = Counters::default().snapshot(&spools, &executor);
        assert!(!counts.contains_key("samples_appended_normal"), "it is the only one");
        let divided = Counters::default().snapshot(&[unused(), spool.clone(), spool], &executor);
        assert_eq!((divided["samples_evicted"], divided["samples_evicted_low"]), (14, 7));
        assert_eq!((divided["samples_waiting_normal"], divided["samples_refused_high"]), (29, 0));
        for (name, expected) in [
            ("samples_appended", 90),
            ("samples_acknowledged", 50),
            ("samples_evicted", 7),
            ("samples_refused", 4),
            ("samples_lost", 2),
            ("samples_waiting", 29),
            ("spool_corrupt", 3),
            ("spool_bytes", 4_096),
            ("spool_retained", 1_024),
            ("jobs_processed", 2),
            ("jobs_panicked", 1),
        ] {
            assert_eq!(counts[name], expected, "{name}");
        }
    }

    #[test]
    fn what_is_not_known_of_history_is_left_out() {
        let spools = [unused(), unused(), unused()];
        let executor = Executor::builder().build().unwrap();
        let counters = Counters::default();
        assert!(!counters.snapshot(&spools, &executor).contains_key("history_waiting"));
        counters.history_waiting.set(Some(7));
        counters.history_drained_in_s.set(Some(0));
        let counts = counters.snapshot(&spools, &executor);
        assert_eq!((counts["history_waiting"], counts["history_drained_in_s"]), (7, 0));
        counters.history_drained_in_s.set(None);
        assert!(!counters.snapshot(&spools, &executor).contains_key("history_drained_in_s"));
    }

    #[test]
    fn commands_are_counted_by_what_was_asked_and_what_came_of_it() {
        let counters = Counters::default();
        let (stop, reset) = (
            Command::Stop { target: Target::Gateway, is_kept: false },
            Command::Reset(Target::Device("x".to_owned())),
        );
        counters.command(&stop, &Ok(()));
        counters.command(&stop, &Ok(()));
        counters.command(&stop, &Err(Refusal::NotKept));
        counters.command(&reset, &Err(Refusal::BadPeriod));
        let mut counted = counters.commands();
        assert_eq!(counted.len(), 3 * Command::WORDS.len() + 1);
        counted.retain(|_, count| *count > 0);
        let expected =
            [("commands_reset_refused", 1), ("commands_stop_done", 2), ("commands_stop_failed", 1)];
        assert!(counted.iter().map(|(name, count)| (name.as_str(), *count)).eq(expected));
    }

    #[test]
    fn frames_and_gaps_are_counted_each_for_itself() {
        let counters = Counters::default();
        let before = FrameCount { measured: 1, ignored: 2, corrupt: 3 };
        counters.frames(before, FrameCount { measured: 11, ignored: 22, corrupt: 33 });
        let counted =
            [&counters.frames_measured, &counters.frames_ignored, &counters.frames_corrupt];
        assert_eq!(counted.map(Counter::get), [10, 20, 30]);
        for (times, &reason) in (1..).zip(NoData::ALL) {
            (0..times).for_each(|_| counters.gap(reason));
            assert_eq!(counters.gaps(reason), times);
        }
    }
}
