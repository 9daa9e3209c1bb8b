//! The gateway's delivery in a process of its own: spools, store, forwarder and MQTT client, put together
//! as the gateway does.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    num::{NonZeroU16, NonZeroUsize},
    path::Path,
    process::Command,
    sync::{Arc, OnceLock},
    thread::{self, JoinHandle, sleep},
    time::{Duration, Instant},
};

use clock_linux::LinuxClock;
use crossbeam_channel::{Sender, unbounded};
use domain::{Monotonic, StreamClass, StreamReading};
use executor::Executor;
use pipeline::{
    acquire::Acquired,
    derive::{Beginning, Derivation},
    forward::{ForwardOptions, Forwarder, HistoryOrder},
    queue::{Inlet, WhenFull, queue},
    store::{Store, StoreParts},
    telemetry::Counters,
};
use ports::{
    Clock, Delivery as Acknowledgement, Message, NotTaken, Publisher, Spool, Token, Waker,
};
use publisher_mqtt::{MqttPublisher, Options as MqttOptions};
use spool_file::{ClassedSpools, Options as SpoolOptions};
use wire::compression::Compression;

use crate::samples::{BOOT, gateway, reading, readings, streams, topics};

/// What one run does.
pub struct Run<'a> {
    pub workload: &'a str,
    pub folder: &'a Path,
    pub port: u16,
    /// The broker's process.
    pub broker: u32,
    pub samples: u64,
    pub streams: usize,
    /// The most samples of a message.
    pub batch: usize,
    pub window: u16,
}

impl Run<'_> {
    /// In a process of its own, whose memory nobody else has used. One `(unit, value)` a figure.
    pub fn in_a_child(&self) -> Vec<(String, f64)> {
        let program = std::env::current_exe().expect("this program");
        let child = Command::new(program)
            .args(["--child", self.workload])
            .arg(self.folder)
            .args([self.port.to_string(), self.broker.to_string(), self.samples.to_string()])
            .args([self.streams, self.batch].map(|number| number.to_string()))
            .arg(self.window.to_string())
            .output()
            .expect("it runs");
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
        let figures = String::from_utf8(child.stdout).expect("figures");
        let figure = |line: &str| {
            let (unit, value) = line.split_once('\t').expect("a figure");
            (unit.to_owned(), value.parse().expect("a number"))
        };
        figures.lines().map(figure).collect()
    }

    /// The child's end of [`in_a_child`](Self::in_a_child).
    pub fn child(arguments: &[String]) {
        let [workload, folder, port, broker, samples, streams, batch, window] = arguments else {
            panic!("eight arguments, not {arguments:?}");
        };
        let run = Run {
            workload,
            folder: Path::new(folder),
            port: port.parse().expect("a port"),
            broker: broker.parse().expect("a process"),
            samples: samples.parse().expect("a number"),
            streams: streams.parse().expect("a number"),
            batch: batch.parse().expect("a number"),
            window: window.parse().expect("a number"),
        };
        match run.workload {
            "end to end" => run.end_to_end(None),
            "far broker" => run.end_to_end(Some(Duration::from_millis(10))),
            "latency" => run.latency(),
            // Apart, for a profiler that watches the drain alone.
            "fill" => run.fill(),
            _ => run.drain(),
        }
    }

    /// Puts samples into the spool, and nothing else.
    pub fn fill(&self) {
        let spool = open(self.folder).of(StreamClass::Normal);
        let streams = streams(self.streams);
        for first in (0..self.samples).step_by(1_000) {
            append(&spool, &readings(&streams, first, 1_000));
        }
        spool.sync().expect("a sync");
    }

    /// Everything in the spool to the broker.
    fn drain(&self) {
        let spools = open(self.folder).all();
        let normal = Arc::clone(&spools[1]);
        assert_eq!(normal.end().0 - normal.cursor().0, self.samples, "all of them wait");
        let meter = Meter::start(self);
        let delivery = Delivery::start(self, spools, self.publisher());
        let tenth = normal.cursor().0 + self.samples / 10;
        wait_until(|| normal.cursor().0 >= tenth);
        let early = status("VmHWM:");
        wait_until(|| normal.cursor() == normal.end());
        meter.stop(&delivery, self.samples);
        figure("MiB more after a tenth", status("VmHWM:") - early);
        delivery.end();
    }

    /// Appends, a thousand readings at a time, while the forwarder delivers. With a `pause` it is a
    /// hundred, and so long passes in between.
    fn end_to_end(&self, pause: Option<Duration>) {
        let spools = open(self.folder).all();
        let normal = Arc::clone(&spools[1]);
        let delivery = Delivery::start(self, spools, self.publisher());
        wait_until(|| delivery.counters.connections_made.get() > 0);
        let (streams, meter) = (streams(self.streams), Meter::start(self));
        let length = if pause.is_some() { 100 } else { 1_000 };
        let mut synced = Instant::now();
        for (n, first) in (0..self.samples).step_by(length).enumerate() {
            append(&*normal, &readings(&streams, first, length as u64));
            (delivery.wake)();
            if synced.elapsed() > Duration::from_secs(1) {
                normal.sync().expect("a sync");
                synced = Instant::now();
            }
            let due = meter.start + pause.unwrap_or_default() * (n as u32 + 1);
            sleep(due.saturating_duration_since(Instant::now()));
        }
        normal.sync().expect("a sync");
        wait_until(|| normal.cursor() == normal.end());
        meter.stop(&delivery, self.samples);
        delivery.end();
    }

    /// One live sample at a time, from the queue that bus workers put into, over the spool, to the
    /// acknowledgement.
    fn latency(&self) {
        let (tell, told) = unbounded();
        let publisher = Heard { publisher: self.publisher(), tell };
        let spools = open(self.folder).all();
        let delivery = Delivery::start(self, spools.clone(), publisher);
        let _status = told.recv();
        let (inlet, store) = start_store(spools, &delivery);
        let stream = &streams(1)[0];
        let one = |ordinal| {
            sleep(EVERY);
            let readings = vec![reading(stream, ordinal)];
            let start = Instant::now();
            let _ = inlet.put(Acquired { device: 0, ordinal, readings });
            let end: Instant = told.recv().expect("an acknowledgement");
            end.duration_since(start).as_secs_f64()
        };
        for ordinal in 0..self.samples {
            figure("s", one(ordinal));
        }
        drop(inlet);
        store.join().expect("the store ends");
        delivery.end();
    }

    fn publisher(&self) -> MqttPublisher {
        let broker = format!("mqtt://127.0.0.1:{}", self.port).parse().expect("a broker");
        let window = NonZeroU16::new(self.window).expect("a window");
        MqttPublisher::new(MqttOptions { window, ..MqttOptions::new(vec![broker], "ours") })
    }
}

/// Between two single samples.
pub const EVERY: Duration = Duration::from_millis(4);

/// A forwarder at work.
struct Delivery {
    counters: Arc<Counters>,
    wake: Waker,
    stops_by: Arc<OnceLock<Monotonic>>,
    thread: JoinHandle<()>,
}

impl Delivery {
    fn start(
        run: &Run<'_>,
        spools: [Arc<dyn Spool>; 3],
        publisher: impl Publisher + 'static,
    ) -> Self {
        let (counters, wake) = (Arc::new(Counters::default()), publisher.waker());
        let forwarder = Forwarder::new(
            options(run.batch),
            spools.to_vec(),
            publisher,
            Arc::new(LinuxClock::new()),
            Arc::clone(&counters),
            Box::new(BTreeMap::new),
        );
        let stops_by = Arc::new(OnceLock::new());
        let time = Arc::clone(&stops_by);
        let thread = thread::spawn(move || forwarder.run(|| time.get().copied()));
        Self { counters, wake, stops_by, thread }
    }

    fn end(self) {
        let _ = self.stops_by.set(LinuxClock::new().now().monotonic + Duration::from_secs(2));
        (self.wake)();
        self.thread.join().expect("the forwarder ends");
    }
}

/// The gateway's defaults but for `batch`.
fn options(batch: usize) -> ForwardOptions {
    ForwardOptions {
        gateway: gateway(),
        boot: BOOT,
        program: "bench".to_owned(),
        topics: topics(),
        message_samples_max: batch,
        payload_bytes_max: 64 * 1024,
        compression: Compression::None,
        batch_age_max: Duration::from_millis(50),
        status_interval: Duration::from_secs(60),
        retry_first: Duration::from_millis(500),
        retry_max: Duration::from_secs(30),
        held_samples_max: 100_000,
        brokers: 1,
        return_after: Duration::from_secs(60),
        history_min: 4 * batch as u64,
        history_order: HistoryOrder::OldestFirst,
        history_rate: None,
        history_share_percent: 80,
    }
}

fn open(folder: &Path) -> ClassedSpools {
    let options = SpoolOptions { bytes_max: 4 << 30, free_min: 0, ..SpoolOptions::default() };
    ClassedSpools::open(folder, options, Default::default(), BOOT).expect("the spools open")
}

fn append(spool: &dyn Spool, readings: &[StreamReading]) {
    let appended = spool.append(readings).expect("an append");
    assert_eq!((appended.evicted, appended.refused), (0, 0), "there is room");
}

fn start_store(
    spools: [Arc<dyn Spool>; 3],
    delivery: &Delivery,
) -> (Inlet<Acquired>, JoinHandle<()>) {
    let counters = Arc::clone(&delivery.counters);
    let clock = LinuxClock::new();
    let executor = Executor::builder().workers(NonZeroUsize::MIN).build().expect("a pool");
    let beginning = Beginning { boot: BOOT, now: clock.now(), saved: None };
    let derivation =
        Derivation::new(Vec::new(), beginning, Arc::new(executor), Arc::clone(&counters));
    let capacity = NonZeroUsize::new(1_024).expect("a number");
    let (inlet, outlet) = queue(capacity, WhenFull::Block, Arc::clone(&counters));
    let store = Store::new(StoreParts {
        outlet,
        derivation: derivation.expect("nothing to derive"),
        streams: HashMap::new(),
        spools,
        classes: HashMap::new(),
        clock: Arc::new(clock),
        counters,
        wake_forwarder: Arc::clone(&delivery.wake),
        sync_interval: Duration::from_secs(1),
    });
    (inlet, thread::spawn(move || store.run()))
}

/// What a run takes.
struct Meter<'r> {
    run: &'r Run<'r>,
    start: Instant,
    memory: f64,
    cpu: [f64; 2],
}

impl<'r> Meter<'r> {
    fn start(run: &'r Run<'r>) -> Self {
        let cpu = [cpu("self"), cpu(&run.broker.to_string())];
        Self { run, start: Instant::now(), memory: status("VmRSS:"), cpu }
    }

    fn stop(&self, delivery: &Delivery, samples: u64) {
        let seconds = self.start.elapsed().as_secs_f64();
        let messages = delivery.counters.messages_acknowledged.get() as f64;
        figure("samples/s", samples as f64 / seconds);
        figure("samples a message", samples as f64 / messages);
        figure("MiB more at the peak", status("VmHWM:") - self.memory);
        figure("% of a core, gateway", (cpu("self") - self.cpu[0]) / seconds * 100.0);
        let broker = cpu(&self.run.broker.to_string());
        figure("% of a core, broker", (broker - self.cpu[1]) / seconds * 100.0);
    }
}

fn figure(unit: &str, value: f64) {
    println!("{unit}\t{value}");
}

fn wait_until(is_it: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_it() {
        assert!(begun.elapsed() < Duration::from_secs(300), "it takes too long");
        sleep(Duration::from_millis(1));
    }
}

/// A line of this process's status, in MiB.
fn status(key: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("a size");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
}

/// How long a process has run on a core, in seconds.
fn cpu(process: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("a process");
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let ticks = |field: &str| field.parse::<f64>().expect("ticks");
    fields.split_whitespace().skip(11).take(2).map(ticks).sum::<f64>() / 100.0
}

/// A publisher that tells when it hears of an acknowledgement.
struct Heard {
    publisher: MqttPublisher,
    tell: Sender<Instant>,
}

impl Publisher for Heard {
    fn connect(&mut self, broker: usize) {
        self.publisher.connect(broker);
    }

    fn publish(&mut self, token: Token, message: Message) -> Result<(), NotTaken> {
        self.publisher.publish(token, message)
    }

    fn next_delivery(&mut self, patience: Duration) -> Option<Acknowledgement> {
        let delivery = self.publisher.next_delivery(patience);
        if let Some(Acknowledgement::Acknowledged(_)) = delivery {
            let _ = self.tell.send(Instant::now());
        }
        delivery
    }

    fn waker(&self) -> Waker {
        self.publisher.waker()
    }

    fn disconnect(&mut self) {
        self.publisher.disconnect();
    }
}
