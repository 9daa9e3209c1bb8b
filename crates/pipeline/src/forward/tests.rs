use std::collections::BTreeMap;

use domain::{BootId, GatewayId, NoData, SequenceNumber, StreamName, Timestamp, WallTime};
use ports::{Appended, Position, contract::spool::reading};
use proptest::prelude::*;
use sim::{
    flaky_broker::{Flakiness, FlakyBroker, FlakyPublisher},
    memory_spool::MemorySpool,
    time::VirtualClock,
};
use wire::{Topics, compression::Compression, status::Status};

use super::{news::shortened, *};

mod clock;
mod compressed;
mod failing;
mod lanes;
mod preference;
mod refusals;
mod replays;

const BOOT: BootId = ports::contract::spool::BOOT;
const TICK: Duration = Duration::from_millis(100);

struct Bench {
    spool: Arc<MemorySpool>,
    broker: FlakyBroker,
    clock: VirtualClock,
    counters: Arc<Counters>,
    forwarder: Forwarder<FlakyPublisher>,
}

fn bench(seed: u64, window: usize, payload_bytes_max: usize) -> Bench {
    bench_with(seed, window, payload_bytes_max, |_| {})
}

fn bench_with(
    seed: u64,
    window: usize,
    payload_bytes_max: usize,
    adjust: impl FnOnce(&mut ForwardOptions),
) -> Bench {
    let spool = Arc::new(MemorySpool::new(BOOT, std::num::NonZeroUsize::new(1_000_000).unwrap()));
    let broker = FlakyBroker::new(seed, window, payload_bytes_max);
    let clock = VirtualClock::starting_at(Timestamp::new(
        WallTime::from_nanos(0),
        Monotonic::from_nanos(1),
    ));
    let counters = Arc::new(Counters::default());
    let mut options = ForwardOptions {
        gateway: GatewayId::new("g").unwrap(),
        boot: BOOT,
        program: "test".to_owned(),
        topics: Topics::new("t").unwrap(),
        message_samples_max: 16,
        payload_bytes_max: 4_096,
        compression: Compression::None,
        status_interval: Duration::from_secs(30),
        retry_first: Duration::from_secs(1),
        retry_max: Duration::from_secs(8),
        held_samples_max: 1_000,
        batch_age_max: Duration::ZERO,
        brokers: 1,
        return_after: Duration::from_secs(60),
        history_min: 64,
        history_order: HistoryOrder::OldestFirst,
        history_rate: None,
        history_share_percent: 80,
    };
    adjust(&mut options);
    let tally = Arc::clone(&counters);
    let forwarder = Forwarder::new(
        options,
        vec![Arc::clone(&spool) as Arc<dyn Spool>],
        broker.publisher(),
        Arc::new(clock.clone()),
        Arc::clone(&counters),
        Box::new(move || {
            [("messages_published".to_owned(), tally.messages_published.get())].into()
        }),
    );
    Bench { spool, broker, clock, counters, forwarder }
}

impl Bench {
    fn append(&self, sensor: &str, numbers: std::ops::Range<u64>) {
        let readings: Vec<_> = numbers.map(|n| reading(sensor, n)).collect();
        let Appended { evicted, .. } = self.spool.append(&readings).unwrap();
        assert_eq!(evicted, 0);
    }

    fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            self.forwarder.step(TICK);
            self.clock.advance(TICK);
        }
    }

    /// The numbers that the broker took, per stream, in order, with duplicates; without those replayed.
    fn taken(&self) -> BTreeMap<StreamName, Vec<u64>> {
        let mut taken: BTreeMap<_, Vec<u64>> = BTreeMap::new();
        for message in self.broker.taken() {
            if message.is_retained {
                Status::decode(&message.payload).unwrap();
                continue;
            }
            if message.topic.contains("/replay/") {
                continue;
            }
            for sample in wire::payload::decode(&message.payload).unwrap().samples {
                taken.entry(sample.stream.name).or_default().push(sample.seq.0);
            }
        }
        taken
    }

    fn last_status(&self) -> Status {
        let mut statuses = self.broker.taken().into_iter().filter(|message| message.is_retained);
        Status::decode(&statuses.next_back().unwrap().payload).unwrap()
    }
}

fn without_repeats(numbers: &[u64]) -> Vec<u64> {
    let mut newest = 0;
    let is_new = |&n: &u64| {
        let is_new = n > newest;
        newest = newest.max(n);
        is_new
    };
    numbers.iter().copied().filter(is_new).collect()
}

fn distinct(numbers: &[u64]) -> Vec<u64> {
    numbers.iter().copied().collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

#[test]
fn the_backlog_arrives_once_and_in_order_at_a_calm_broker() {
    let mut bench = bench(1, 4, 100_000);
    bench.append("a", 0..100);
    bench.append("b", 0..30);
    bench.run(60);
    let taken: Vec<_> = bench.taken().into_values().collect();
    assert_eq!(taken, [(1..=100).collect::<Vec<_>>(), (1..=30).collect()]);
    assert_eq!(bench.spool.cursor(), bench.spool.end());
    assert_eq!(bench.counters.connections_made.get(), 1);
    let messages = bench.counters.messages_published.get();
    assert_eq!(messages, bench.counters.messages_acknowledged.get());
    assert_eq!(messages, bench.broker.taken().len() as u64);
}

#[test]
fn no_payload_is_longer_than_the_broker_allows() {
    let mut bench = bench(1, 4, 900);
    bench.append("a", 0..100);
    bench.run(200);
    assert_eq!(bench.spool.cursor(), bench.spool.end());
    let samples = bench.broker.taken().into_iter().filter(|message| !message.is_retained);
    assert!(samples.map(|message| message.payload.len()).max().unwrap() <= 900);
}

#[test]
fn the_cursor_stays_where_it_was_while_the_broker_is_down_and_the_back_off_grows() {
    let mut bench = bench(1, 4, 100_000);
    bench.broker.set_up(false);
    bench.append("a", 0..10);
    bench.run(600);
    assert_eq!(bench.spool.cursor(), Position(0));
    let attempts = bench.counters.connections_lost.get();
    assert!((8..=16).contains(&attempts), "{attempts} attempts in 60 s with waits up to 8 s");
    bench.broker.set_up(true);
    bench.run(100);
    assert_eq!(bench.spool.cursor(), bench.spool.end());
}

#[test]
fn a_refused_message_is_counted_and_sent_again_later() {
    let mut bench = bench(1, 4, 100_000);
    bench.broker.set_flakiness(Flakiness { refused: 1.0, ..Flakiness::default() });
    bench.append("a", 0..10);
    bench.run(30);
    assert_eq!(bench.spool.cursor(), Position(0));
    assert!(bench.counters.messages_refused.get() >= 1);
    bench.broker.set_flakiness(Flakiness::default());
    bench.run(200);
    assert_eq!(bench.taken().into_values().next().unwrap(), (1..=10).collect::<Vec<_>>());
}

#[test]
fn a_broker_that_takes_the_status_and_refuses_samples_is_asked_ever_less_often() {
    let mut bench = bench(1, 4, 100_000);
    bench.broker.set_flakiness(Flakiness { refused: 1.0, ..Flakiness::default() });
    bench.append("a", 0..10);
    bench.run(600);
    assert_eq!(bench.counters.connections_made.get(), 1);
    let attempts = bench.counters.messages_refused.get();
    assert!((8..=16).contains(&attempts), "{attempts} attempts in 60 s with waits up to 8 s");
}

#[test]
fn a_broker_that_is_connected_and_mute_is_given_up_counted_and_gets_everything_when_it_wakes() {
    let mut bench = bench(1, 4, 100_000);
    bench.run(5);
    bench.broker.halt(true);
    bench.append("a", 0..100);
    bench.run(290);
    assert_eq!(bench.counters.connections_stalled.get(), 0, "given up too early");
    bench.run(20);
    assert_eq!(bench.counters.connections_stalled.get(), 1);
    bench.broker.halt(false);
    bench.run(100);
    assert_eq!(bench.counters.connections_made.get(), 2, "a new epoch");
    assert_eq!(bench.taken().into_values().next().unwrap(), (1..=100).collect::<Vec<_>>());
    assert_eq!(bench.spool.cursor(), bench.spool.end());
}

/// How many samples each message with samples has had so far.
fn batches(bench: &Bench) -> Vec<usize> {
    let messages = bench.broker.taken().into_iter().filter(|message| !message.is_retained);
    messages.map(|message| wire::payload::decode(&message.payload).unwrap().samples.len()).collect()
}

#[test]
fn on_an_idle_link_each_sample_goes_at_once() {
    let mut bench = bench_with(1, 4, 100_000, |o| o.batch_age_max = Duration::from_secs(3_600));
    bench.run(5);
    for n in 0..10 {
        bench.append("a", n..n + 1);
        bench.run(1);
        assert_eq!(batches(&bench).len() as u64, n + 1, "in the very next step");
    }
}

#[test]
fn while_samples_are_on_their_way_more_are_collected_up_to_an_age_or_a_full_message() {
    let mut bench = bench_with(1, 8, 100_000, |o| o.batch_age_max = Duration::from_secs(1));
    bench.run(5);
    bench.broker.halt(true);
    // One on its way, unanswered; then one each tick.
    for n in 0..11 {
        bench.append("a", n..n + 1);
        bench.run(1);
    }
    assert_eq!(bench.counters.messages_published.get(), 2, "the status and the first sample");
    bench.run(1);
    assert_eq!(bench.counters.messages_published.get(), 3, "ten ticks are one second");
    bench.append("a", 11..27);
    bench.run(1);
    assert_eq!(bench.counters.messages_published.get(), 4, "16 samples fill a message");
    bench.append("a", 27..28);
    bench.run(1);
    bench.broker.halt(false);
    bench.run(10);
    assert_eq!(batches(&bench), [1, 10, 16, 1]);
    assert_eq!(bench.spool.cursor(), bench.spool.end());
}

#[test]
fn the_last_word_is_stopped_with_the_final_heads() {
    let mut bench = bench(1, 4, 100_000);
    bench.append("a", 0..40);
    let until = bench.clock.now().monotonic + Duration::from_secs(10);
    assert!(bench.forwarder.drain(until));
    let status = bench.last_status();
    assert_eq!(status.state, State::Stopped);
    let heads: Vec<_> = status.heads.into_values().collect();
    assert_eq!(heads, [SequenceNumber(40)]);
    assert_eq!(bench.spool.cursor(), bench.spool.end());
}

#[test]
fn nothing_follows_the_last_word_however_slow_its_acknowledgement() {
    let mut bench = bench(1, 1, 100_000);
    bench.append("a", 0..40);
    bench.run(20);
    bench.clock.advance(Duration::from_secs(31));
    let until = bench.clock.now().monotonic + Duration::from_secs(10);
    bench.forwarder.drain(until);
    assert_eq!(bench.last_status().state, State::Stopped);
}

#[test]
fn a_status_that_the_broker_has_no_room_for_goes_out_shortened() {
    let mut bench = bench(1, 4, 700);
    for stream in 0..40 {
        bench.append(&format!("s{stream}"), 0..1);
    }
    bench.run(200);
    assert_eq!(bench.spool.cursor(), bench.spool.end());
    bench.clock.advance(Duration::from_secs(31));
    bench.run(5);
    assert!(bench.last_status().heads.is_empty());
    assert!(bench.broker.taken().iter().all(|message| message.payload.len() <= 700));
}

#[test]
fn a_drain_without_a_broker_ends_and_leaves_everything_in_the_spool() {
    let mut bench = bench(1, 4, 100_000);
    bench.broker.set_up(false);
    bench.append("a", 0..40);
    bench.run(1);
    let until = bench.clock.now().monotonic + Duration::from_secs(10);
    assert!(!bench.forwarder.drain(until));
    assert_eq!((bench.spool.cursor(), bench.spool.end()), (Position(0), Position(40)));
}

#[test]
fn a_status_is_said_on_connecting_and_again_after_each_interval() {
    let mut bench = bench(1, 4, 100_000);
    bench.run(650);
    let statuses = bench.broker.taken();
    assert_eq!(statuses.len(), 3, "at 0, 30 and 60 s");
    assert!(statuses.iter().all(|message| message.is_retained && message.topic == "t/v1/g/status"));
    assert_eq!(bench.last_status().counters["messages_published"], 2);
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Append(u8),
    Run(u8),
    Broker(bool),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        3 => (1..40_u8).prop_map(Event::Append),
        4 => (1..60_u8).prop_map(Event::Run),
        1 => any::<bool>().prop_map(Event::Broker),
    ];
    proptest::collection::vec(event, 1..60)
}

proptest! {
    /// Whatever the broker loses, repeats or refuses: the cursor never passes a sample that the broker
    /// did not take, and in the end it has every sample, each stream's in order but for repetitions
    /// and for what overtook a refused message.
    #[test]
    fn nothing_is_lost_however_the_connection_breaks(
        seed: u64, window in 1..12_usize, events in events(),
        lost in 0.0..0.1_f64, ack_lost in 0.0..0.1_f64,
        refused in prop_oneof![Just(0.0), 0.0..0.05_f64],
    ) {
        let mut bench = bench_with(seed, window, 1_500, |o| o.history_min = u64::MAX);
        bench.broker.set_flakiness(Flakiness { message_lost: lost, acknowledgement_lost: ack_lost, refused });
        let mut appended = [0_u64; 3];
        for (turn, event) in events.into_iter().enumerate() {
            match event {
                Event::Append(n) => {
                    let from = &mut appended[turn % 3];
                    bench.append(["a", "b", "c"][turn % 3], *from..*from + u64::from(n));
                    *from += u64::from(n);
                }
                Event::Run(steps) => bench.run(steps.into()),
                Event::Broker(is_up) => bench.broker.set_up(is_up),
            }
            let taken: usize = bench.taken().values().map(|numbers| distinct(numbers).len()).sum();
            prop_assert!(bench.spool.cursor().0 <= taken as u64);
        }
        bench.broker.set_up(true);
        bench.broker.set_flakiness(Flakiness::default());
        bench.run(2_000);
        let taken = bench.taken();
        for (sensor, count) in ["a", "b", "c"].into_iter().zip(appended) {
            let name = StreamName::new("contract", sensor).unwrap();
            let numbers = taken.get(&name).map_or(&[][..], Vec::as_slice);
            prop_assert_eq!(distinct(numbers), (1..=count).collect::<Vec<_>>());
            if refused <= 0.0 {
                prop_assert_eq!(without_repeats(numbers), (1..=count).collect::<Vec<_>>());
            }
        }
        prop_assert_eq!(bench.spool.cursor(), bench.spool.end());
    }
}

#[test]
fn a_gap_travels_like_a_value() {
    let mut bench = bench(1, 4, 100_000);
    bench.append("a", 6..7);
    bench.run(5);
    let message = bench.broker.taken().into_iter().find(|message| !message.is_retained).unwrap();
    let sample = wire::payload::decode(&message.payload).unwrap().samples.remove(0);
    assert_eq!(sample.reading.outcome, Err(NoData::Absent));
}

#[test]
fn a_change_of_a_device_is_told_at_once_but_never_in_a_storm() {
    let mut bench = bench(1, 4, 100_000);
    let changes = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let (grown, device) = (
        Arc::clone(&changes),
        wire::status::DeviceStatus {
            state: domain::DeviceState::Error,
            is_stuck: false,
            is_stopped: false,
            is_calibrated: false,
            period_us: None,
            failures: 1,
            reason: Some(NoData::Absent),
            last_good: None,
            missed: 0,
            shed: 0,
            lateness: wire::status::Lateness::default(),
            on_bus_ns: 0,
            on_bus_ns_max: 0,
        },
    );
    bench.forwarder = bench.forwarder.with_devices(DeviceNews {
        report: Box::new(move || [("outdoor".to_owned(), device)].into()),
        changes: Box::new(move || grown.load(std::sync::atomic::Ordering::Relaxed)),
    });
    bench.run(20);
    let statuses = |bench: &Bench| bench.broker.taken().iter().filter(|m| m.is_retained).count();
    assert_eq!(statuses(&bench), 1, "nothing new in two seconds");
    let change = || changes.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    change();
    bench.run(1);
    assert_eq!(statuses(&bench), 2, "in the very next step");
    assert_eq!(bench.last_status().devices["outdoor"], device);
    for _ in 0..20 {
        change();
        bench.run(1);
    }
    assert!((11..=13).contains(&statuses(&bench)), "two seconds, one each 200 ms");
}

#[test]
fn a_status_too_long_for_the_broker_goes_without_origins_first_and_then_without_devices() {
    let mut status = Status::lost(GatewayId::new("g").unwrap());
    status.heads.insert(StreamName::new("d", "t").unwrap(), SequenceNumber(1));
    let bare = status.encode().len();
    let text = r#"{"v":1,"gateway":"g","state":"lost","devices":{"d":{"state":"idle"}},
        "derived":{"derived.x":{"function":"f"}}}"#;
    let told = Status::decode(text.as_bytes()).unwrap();
    status.devices = told.devices;
    let with_devices = status.encode().len();
    status.derived = told.derived;
    let read = |bytes_max| {
        let read = Status::decode(&shortened(status.clone(), bytes_max)).unwrap();
        (read.derived.len(), read.devices.len(), read.heads.len())
    };
    assert_eq!(read(10_000), (1, 1, 1));
    assert_eq!(read(with_devices), (0, 1, 1));
    assert_eq!(read(bare), (0, 0, 1));
    assert_eq!(read(bare - 1), (0, 0, 0));
}
