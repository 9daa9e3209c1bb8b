//! The whole pipeline in one thread, over simulated chips and a flaky broker.

use std::{
    collections::{BTreeMap, HashMap},
    num::{NonZeroU64, NonZeroUsize},
    slice::from_ref,
    sync::{Arc, Mutex},
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, bounded};
use domain::{
    BootId, FaultPolicy, GatewayId, Monotonic, NoData, QuantityKind, Sample, Stream, StreamName,
    Timestamp, WallTime,
    derived::{SavedState, find},
    parameter::{Argument, Arguments},
    time::TimeTable,
};
use executor::Executor;
use pipeline::{
    acquire::{BusWorker, DevicePlan, Priority, Rhythm},
    derive::{Beginning, Derivation, MetricPlan},
    forward::{DeviceNews, ForwardOptions, Forwarder, HistoryOrder},
    queue::{WhenFull, queue},
    store::{StateKeeping, Store, StoreParts},
    supervise::{Board, Supervisor},
    telemetry::Counters,
    time::{Timekeeper, TimekeeperParts, Times},
};
use ports::{Clock as _, Device, NotKept, Spool, StateKeeper, TimesKeeper};
use sensors::{Bme280, Bme280Options, Channel, Input, Mcp3208, Mcp3208Options};
use sim::{
    bus::{I2cBus, SpiLine, Wiring},
    chips,
    environment::Environment,
    flaky_broker::{FlakyBroker, FlakyPublisher},
    memory_spool::MemorySpool,
    time::VirtualClock,
};
use wire::{
    compression::Compression,
    status::{DeviceStatus, Status},
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const BOOT: BootId = BootId::from_bytes([0x42; 16]);
/// 2026-11-23T09:15:00Z, in nanoseconds.
pub(crate) const START: i64 = 1_795_425_300_000_000_000;

/// What NTP vouches for.
pub(crate) const VOUCHED: Duration = Duration::from_millis(5);

/// The delay of a driver, on virtual time.
pub(crate) struct VirtualDelay(pub(crate) VirtualClock);

impl embedded_hal::delay::DelayNs for VirtualDelay {
    fn delay_ns(&mut self, ns: u32) {
        self.0.advance(Duration::from_nanos(ns.into()));
    }
}

/// Makes the next transaction of a device hang in a thread of its own, as one in the kernel would.
#[derive(Clone, Default)]
pub(crate) struct Hold(Arc<Mutex<Option<Signals>>>);

/// One says that the transaction hangs, the other lets go of it.
type Signals = (Sender<()>, Receiver<()>);

/// A device that hangs when it is told to.
struct Holdable<D> {
    device: D,
    hold: Hold,
}

impl<D: Device> Device for Holdable<D> {
    fn sensors(&self) -> &[ports::Sensor] {
        self.device.sensors()
    }

    fn time_on_bus(&self) -> Duration {
        self.device.time_on_bus()
    }

    fn worst_case(&self) -> Duration {
        self.device.worst_case()
    }

    fn measure(&mut self, patience: Duration) -> Result<ports::Measurement, NoData> {
        let held = self.hold.0.lock().unwrap().take();
        if let Some((hangs, released)) = held {
            hangs.send(()).unwrap();
            let _ = released.recv();
        }
        self.device.measure(patience)
    }
}

/// The state of the derived metrics on a medium that survives crashes.
#[derive(Clone, Default)]
struct KeptState(Arc<Mutex<Option<SavedState>>>);

impl StateKeeper for KeptState {
    fn keep(&mut self, state: &SavedState) -> Result<(), NotKept> {
        *self.0.lock().unwrap() = Some(state.clone());
        Ok(())
    }
}

/// What is known of wall time, on such a medium.
#[derive(Clone, Default)]
struct KeptTimes(Arc<Mutex<TimeTable>>);

impl TimesKeeper for KeptTimes {
    fn keep(&mut self, times: &TimeTable) -> Result<(), NotKept> {
        *self.0.lock().unwrap() = times.clone();
        Ok(())
    }
}

/// How a world differs from the usual one.
#[derive(Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) faults: FaultPolicy,
    /// Of the battery.
    pub(crate) priority: Priority,
    pub(crate) queue: usize,
    /// Samples of history in a second; 0 is no limit.
    pub(crate) history_rate: u64,
    /// How the wall clock begins.
    pub(crate) wall: WallTime,
    /// Whether NTP vouches for the clock from the beginning.
    pub(crate) is_synchronised: bool,
    /// How long samples wait for that.
    pub(crate) wait_max: Option<Duration>,
}

impl Default for Setup {
    fn default() -> Self {
        let faults = FaultPolicy { retry_max: 10 * SECOND, ..FaultPolicy::default() };
        Self {
            faults,
            priority: Priority::Normal,
            queue: 1_024,
            history_rate: 0,
            wall: WallTime::from_nanos(START),
            is_synchronised: true,
            wait_max: None,
        }
    }
}

/// One gateway and everything around it.
pub(crate) struct World {
    pub(crate) clock: VirtualClock,
    pub(crate) broker: FlakyBroker,
    pub(crate) spool: Arc<MemorySpool>,
    pub(crate) thermometer: Wiring,
    pub(crate) environment: Environment,
    i2c: I2cBus,
    spi: SpiLine,
    setup: Setup,
    hold: Hold,
    state: KeptState,
    times: KeptTimes,
    gateway: Gateway,
    earlier_counts: BTreeMap<String, u64>,
}

struct Gateway {
    workers: Vec<BusWorker>,
    supervisor: Supervisor,
    board: Board,
    /// A store that is paused takes nothing out of the queue.
    is_store_paused: bool,
    store: Store,
    forwarder: Forwarder<FlakyPublisher>,
    timekeeper: Timekeeper,
    counters: Arc<Counters>,
    executor: Arc<Executor>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self::with(seed, Setup::default())
    }

    pub(crate) fn with(seed: u64, setup: Setup) -> Self {
        let start = Timestamp::new(setup.wall, Monotonic::default() + SECOND);
        let clock = VirtualClock::starting_at(start);
        clock.set_vouched(setup.is_synchronised.then_some(VOUCHED));
        let (time, environment) = (clock.elapsed(), Environment::seeded(seed));
        let i2c = I2cBus::new();
        let air = environment.clone();
        let thermometer =
            i2c.attach(0x76, chips::Bme280::new(time.clone(), move |t| air.climate(t)));
        let battery = environment.clone();
        let spi = SpiLine::new(chips::Mcp3208::new(3.3, move |_| {
            battery.battery_volts(time.now()) / 5.0
        }));
        let broker = FlakyBroker::new(seed, 20, 100_000);
        let spool = Arc::new(MemorySpool::new(BOOT, NonZeroUsize::new(10_000_000).unwrap()));
        let hold = Hold::default();
        let (state, times) = (KeptState::default(), KeptTimes::default());
        let kept = (BOOT, &state, &times);
        let gateway = Gateway::start(&clock, &i2c, &spi, &spool, &broker, (setup, &hold), kept);
        Self {
            clock,
            broker,
            spool,
            thermometer,
            environment,
            i2c,
            spi,
            setup,
            hold,
            state,
            times,
            gateway,
            earlier_counts: BTreeMap::new(),
        }
    }

    /// Lets `span` pass, a hundredth of a second at a time.
    pub(crate) fn run(&mut self, span: Duration) {
        let end = self.clock.now().monotonic + span;
        while self.clock.now().monotonic < end {
            self.gateway.step();
            self.clock.advance(Duration::from_millis(10));
        }
    }

    /// Kills the gateway, as `kill -9` would: only the spool and the saved state survive. Starts it again.
    pub(crate) fn crash(&mut self) {
        self.crash_into(BOOT);
    }

    /// The same, and the gateway wakes up in `boot`. Monotonic time goes on all the same: what makes
    /// another boot for the metrics is its id.
    pub(crate) fn crash_into(&mut self, boot: BootId) {
        self.earlier_counts = self.counts();
        self.spool = Arc::new(self.spool.in_boot(boot));
        let Self { clock, i2c, spi, spool, broker, .. } = self;
        let (how, kept) = ((self.setup, &self.hold), (boot, &self.state, &self.times));
        self.gateway = Gateway::start(clock, i2c, spi, spool, broker, how, kept);
    }

    /// Power is cut and comes back: the gateway wakes up in `boot` a second after it began, and the wall
    /// clock says `wall`.
    pub(crate) fn reboot(&mut self, boot: BootId, wall: WallTime) {
        self.clock.reboot(Timestamp::new(wall, Monotonic::default() + SECOND), false);
        self.crash_into(boot);
    }

    /// Waits for the thermometer's next slot, lets its transaction hang for `span`, and everything else
    /// go on meanwhile, with a `look` at it in the end.
    pub(crate) fn hang(&mut self, span: Duration, look: impl FnOnce(&Board, &FlakyBroker)) {
        while self.gateway.workers[0].next_due().unwrap() > self.clock.now().monotonic {
            self.gateway.step();
            self.clock.advance(Duration::from_millis(10));
        }
        let ((hangs, is_hanging), (release, released)) = (bounded(1), bounded(1));
        *self.hold.0.lock().unwrap() = Some((hangs, released));
        let (clock, broker) = (self.clock.clone(), self.broker.clone());
        let Gateway { workers, supervisor, board, store, forwarder, .. } = &mut self.gateway;
        let (thermometer, neighbours) = workers.split_first_mut().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(thermometer.step()));
            is_hanging.recv().unwrap();
            let end = clock.now().monotonic + span;
            while clock.now().monotonic < end {
                for worker in neighbours.iter_mut() {
                    assert!(worker.step());
                }
                supervisor.step();
                store.step();
                forwarder.step(Duration::ZERO);
                clock.advance(Duration::from_millis(10));
            }
            look(board, &broker);
            release.send(()).unwrap();
        });
    }

    /// How many times the thermometer (each second) and the battery (each two) have been due.
    pub(crate) fn slots(&self) -> [usize; 2] {
        let started = Monotonic::default() + SECOND;
        [(0, 1), (1, 2)].map(|(worker, period)| {
            let next = self.gateway.workers[worker].next_due().unwrap();
            usize::try_from(next.saturating_since(started).as_secs() / period).unwrap()
        })
    }

    /// Whether the store takes nothing out of the queue, as over a medium that hangs.
    pub(crate) fn pause_store(&mut self, is_paused: bool) {
        self.gateway.is_store_paused = is_paused;
    }

    pub(crate) fn board(&self) -> &Board {
        &self.gateway.board
    }

    /// What the newest status says of a device.
    pub(crate) fn device(&self, name: &str) -> DeviceStatus {
        last_status(&self.broker).devices[name]
    }

    /// Stops the gateway in good order, but for what waits for the broker.
    pub(crate) fn store(&mut self) {
        while self.gateway.store.step() > 0 {}
        self.gateway.store.finish();
        self.gateway.timekeeper.finish();
    }

    /// Stops the gateway in good order.
    pub(crate) fn drain(&mut self) -> bool {
        self.store();
        let until = self.clock.now().monotonic + 10 * SECOND;
        self.gateway.forwarder.drain(until)
    }

    /// Counters of this gateway's life and, where it crashed, of the lives before.
    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        let spools = by_class(&self.spool);
        let mut counts = self.gateway.counters.snapshot(&spools, &self.gateway.executor);
        for (name, count) in &self.earlier_counts {
            if !name.starts_with("samples_") && !name.starts_with("spool_") {
                *counts.entry(name.clone()).or_default() += count;
            }
        }
        counts
    }

    pub(crate) fn count(&self, name: &str) -> u64 {
        self.counts()[name]
    }

    /// What the broker took, in order of arrival.
    pub(crate) fn arrivals(&self) -> Vec<Sample> {
        let messages = self.broker.taken().into_iter().filter(|message| !message.is_retained);
        messages.flat_map(|m| wire::payload::decode(&m.payload).unwrap().samples).collect()
    }

    /// What the broker took, per stream, in the order of the numbers, without repetitions.
    pub(crate) fn delivered(&self) -> BTreeMap<String, Vec<Sample>> {
        let mut delivered = BTreeMap::<String, BTreeMap<_, Sample>>::new();
        for sample in self.arrivals() {
            let stream = delivered.entry(sample.stream.name.to_string()).or_default();
            stream.entry(sample.seq).or_insert(sample);
        }
        let in_order = delivered.into_iter();
        in_order.map(|(name, samples)| (name, samples.into_values().collect())).collect()
    }

    /// Panics unless every sample ever appended was delivered, numbered without a hole.
    pub(crate) fn assert_nothing_is_missing(&self) {
        let delivered = self.delivered();
        let heads = self.spool.heads();
        assert_eq!(heads.len(), delivered.len());
        for (name, head) in heads {
            let numbers: Vec<_> = delivered[name.as_str()].iter().map(|s| s.seq.0).collect();
            assert_eq!(numbers, (1..=head.0).collect::<Vec<_>>(), "{name}");
        }
    }
}

/// The newest status that the broker took.
pub(crate) fn last_status(broker: &FlakyBroker) -> Status {
    let newest = broker.taken().into_iter().rfind(|message| message.is_retained);
    Status::decode(&newest.unwrap().payload).unwrap()
}

/// The gaps of a stream by reason.
pub(crate) fn gaps(samples: &[Sample]) -> BTreeMap<NoData, usize> {
    let mut gaps = BTreeMap::new();
    for reason in samples.iter().filter_map(|sample| sample.reading.outcome.err()) {
        *gaps.entry(reason).or_default() += 1;
    }
    gaps
}

fn streams(device: &str, driver: &dyn Device) -> Vec<Stream> {
    let stream = |sensor: &ports::Sensor| Stream {
        name: StreamName::new(device, &sensor.name).unwrap(),
        kind: sensor.kind,
    };
    driver.sensors().iter().map(stream).collect()
}

pub(crate) fn plan(
    number: usize,
    name: &str,
    device: impl Device + 'static,
    period: Duration,
) -> DevicePlan {
    DevicePlan {
        number,
        name: name.to_owned(),
        streams: streams(name, &device),
        device: Box::new(device),
        rhythm: Rhythm::Every(period),
        faults: FaultPolicy::default(),
        priority: Priority::Normal,
    }
}

impl Gateway {
    fn start(
        clock: &VirtualClock,
        i2c: &I2cBus,
        spi: &SpiLine,
        spool: &Arc<MemorySpool>,
        broker: &FlakyBroker,
        (setup, hold): (Setup, &Hold),
        (boot, state, kept): (BootId, &KeptState, &KeptTimes),
    ) -> Self {
        let counters = Arc::new(Counters::default());
        let executor =
            Arc::new(Executor::builder().workers(NonZeroUsize::new(2).unwrap()).build().unwrap());
        let shared_clock: Arc<dyn ports::Clock> = Arc::new(clock.clone());
        let capacity = NonZeroUsize::new(setup.queue).unwrap();
        let times = Times::new(boot, kept.0.lock().unwrap().clone(), setup.wait_max);
        let timekeeper = Timekeeper::new(TimekeeperParts {
            times: times.clone(),
            discipline: Box::new(clock.clone()),
            keeper: Box::new(kept.clone()),
            clock: Arc::clone(&shared_clock),
            counters: Arc::clone(&counters),
            wake_forwarder: Arc::new(|| {}),
        });
        let (inlet, outlet) = queue(capacity, WhenFull::Block, Arc::clone(&counters));
        let worker = |plan| {
            let (clock, inlet) = (Arc::clone(&shared_clock), inlet.clone());
            BusWorker::new(vec![plan], clock, inlet, &counters)
        };
        let delay = VirtualDelay(clock.clone());
        let options = Bme280Options { address: 0x76, bus_timeout: SECOND };
        let device = Bme280::new(i2c.clone(), delay, options);
        let device = Holdable { device, hold: hold.clone() };
        let faults = setup.faults;
        let outdoor = DevicePlan { faults, ..plan(0, "outdoor", device, SECOND) };
        let channel = Channel {
            name: "supply".to_owned(),
            input: Input::single_ended(0).unwrap(),
            scale: 5.0,
            offset: 0.0,
        };
        let options =
            Mcp3208Options { clock_hz: 1_000_000, reference_volts: 3.3, channels: vec![channel] };
        let device = Mcp3208::new(spi.clone(), options).unwrap();
        let priority = setup.priority;
        let battery = DevicePlan { priority, ..plan(1, "battery", device, 2 * SECOND) };
        let of_devices = [&outdoor, &battery].map(|plan| (plan.number, plan.streams.clone()));
        let beginning =
            Beginning { boot, now: clock.now(), saved: state.0.lock().unwrap().clone() };
        let derivation =
            Derivation::new(metrics(), beginning, Arc::clone(&executor), Arc::clone(&counters));
        let store = Store::new(StoreParts {
            outlet,
            derivation: derivation.unwrap(),
            streams: of_devices.into(),
            spools: by_class(spool),
            classes: HashMap::new(),
            clock: Arc::clone(&shared_clock),
            counters: Arc::clone(&counters),
            wake_forwarder: Arc::new(|| {}),
            sync_interval: SECOND,
        });
        let keeping = StateKeeping { keeper: Box::new(state.clone()), interval: 60 * SECOND };
        let store = store.with_state(keeping);
        let tally = {
            let (counters, spools, executor) =
                (Arc::clone(&counters), by_class(spool), Arc::clone(&executor));
            Box::new(move || counters.snapshot(&spools, &executor))
        };
        let workers = vec![worker(outdoor), worker(battery)];
        let board = Board::of(&workers);
        let (report, changes) = (board.clone(), board.clone());
        let devices = DeviceNews {
            report: Box::new(move || report.report()),
            changes: Box::new(move || changes.changes()),
        };
        let supervisor = Supervisor::new(board.clone(), Arc::clone(&shared_clock), inlet.clone());
        let forwarder = Forwarder::new(
            forward_options(setup.history_rate),
            vec![Arc::clone(spool) as Arc<dyn Spool>],
            broker.publisher(),
            Arc::clone(&shared_clock),
            Arc::clone(&counters),
            tally,
        )
        .with_devices(devices)
        .with_times(&times)
        .with_derived(metrics().iter().map(|m| (m.stream.name.clone(), m.origin())).collect());
        Self {
            workers,
            supervisor,
            board,
            is_store_paused: false,
            store,
            forwarder,
            timekeeper,
            counters,
            executor,
        }
    }

    fn step(&mut self) {
        for worker in &mut self.workers {
            assert!(worker.step());
        }
        self.supervisor.step();
        self.timekeeper.step();
        if !self.is_store_paused {
            self.store.step();
        }
        self.forwarder.step(Duration::ZERO);
    }
}

/// A metric, and over how many samples, if it is one of a window.
fn metric(name: &str, function: &str, inputs: &[Stream], given: i64) -> MetricPlan {
    let function = find(function).unwrap();
    let given = (given > 0).then_some(("samples", Argument::Integer(given)));
    MetricPlan {
        stream: Stream {
            name: StreamName::derived(name).unwrap(),
            kind: QuantityKind::Temperature,
        },
        function,
        arguments: Arguments::new(function.parameters, given).unwrap(),
        inputs: inputs.to_vec(),
        tolerance: 2 * SECOND,
    }
}

fn metrics() -> Vec<MetricPlan> {
    let outdoor = |sensor, kind| Stream { name: StreamName::new("outdoor", sensor).unwrap(), kind };
    let air = outdoor("temperature", QuantityKind::Temperature);
    let humid = outdoor("humidity", QuantityKind::RelativeHumidity);
    vec![
        metric("dew_point", "dew_point", &[air.clone(), humid], 0),
        metric("temperature_mean", "moving_average", from_ref(&air), 10),
        metric("hour_mean", "moving_average", from_ref(&air), 3_600),
    ]
}

pub(crate) fn forward_options(history_rate: u64) -> ForwardOptions {
    ForwardOptions {
        gateway: GatewayId::new("story").unwrap(),
        boot: BOOT,
        program: "story".to_owned(),
        topics: wire::Topics::new("t").unwrap(),
        message_samples_max: 500,
        payload_bytes_max: 64 * 1024,
        compression: Compression::None,
        status_interval: 30 * SECOND,
        retry_first: SECOND,
        retry_max: 30 * SECOND,
        held_samples_max: 1_000_000,
        batch_age_max: SECOND / 20,
        brokers: 1,
        return_after: 600 * SECOND,
        history_min: 2_000,
        history_order: HistoryOrder::OldestFirst,
        history_rate: NonZeroU64::new(history_rate),
        history_share_percent: 80,
    }
}

/// Everything is of the class normal.
pub(crate) fn by_class(spool: &Arc<MemorySpool>) -> [Arc<dyn Spool>; 3] {
    let unused = || Arc::new(MemorySpool::new(BOOT, NonZeroUsize::MIN)) as Arc<dyn Spool>;
    [unused(), Arc::clone(spool) as Arc<dyn Spool>, unused()]
}
