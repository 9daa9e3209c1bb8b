//! Real recordings, through the whole pipeline: a machine and an office that failed, and a fan.
//!
//! They are `../shared/data/recordings` beside the repository, or where `TELEMETRYHUB_RECORDINGS` says: the
//! Numenta Anomaly Benchmark's temperatures with the windows of their known anomalies, and UCI's accelerometer
//! on a fan. Where they are not, these stories are listed as skipped.
//!
//! Sensors and metrics are a configuration as a user would write it. Each reading is what the device would have
//! given at that time. It goes through queue, store, derived metrics on the pool, spool, forwarder and payload,
//! and what the broker took is entered into the subscriber's ledger and looked at.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    num::NonZeroUsize,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use blackbox::mosquitto::note_skipped;
use domain::{
    Monotonic, Quality, Quantity, Reading, Sample, Stream, StreamReading, Timestamp, WallTime,
};
use executor::Executor;
use gateway::{config, site};
use pipeline::{
    acquire::Acquired,
    derive::{Beginning, Derivation},
    forward::Forwarder,
    queue::{Inlet, WhenFull, queue},
    store::{Store, StoreParts},
    telemetry::Counters,
};
use ports::{Clock as _, Spool};
use sensors::Catalogue;
use sim::{
    flaky_broker::{FlakyBroker, FlakyPublisher},
    memory_spool::MemorySpool,
    time::VirtualClock,
};
use subscriber::{Arrival, Ledger, Origin};
use wire::Topics;

use crate::world::{BOOT, SECOND, by_class};

/// A logger that sends a line of text for each row of the recording.
const DEVICE: &str = r#"
[gateway]
id = "story"

[buses.logger]
kind = "uart"
path = "/dev/ttyUSB0"

[devices.machine]
driver = "delimited_text"
bus = "logger"
silence = "10min"
"#;

/// Rows in °F.
const THERMOMETER: &str = "columns.temperature = { index = 2, quantity = \"temperature\", scale = 0.5556, offset = -17.78 }\n";

/// Rows in g.
const SHAKER: &str =
    "columns.shaking = { index = 2, quantity = \"acceleration\", scale = 9.80665 }\n";

const STANDARD_GRAVITY: f64 = 9.806_65;

/// The text of a recording; nothing, and a note of it, if it is not there.
fn recording(story: &str, name: &str) -> Option<String> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/recordings");
    let folder = std::env::var_os("TELEMETRYHUB_RECORDINGS").unwrap_or_else(|| beside.into());
    let text = fs::read_to_string(PathBuf::from(folder).join(name)).ok();
    if text.is_none() {
        note_skipped(story, &format!("the recording {name}"));
    }
    text
}

/// Rows of time, channel and value.
fn rows(text: &str) -> impl Iterator<Item = (WallTime, &str, f64)> {
    text.lines().skip(1).map(|line| {
        let fields: Vec<_> = line.split(',').collect();
        (time(fields[0]), fields[1], fields[2].parse().unwrap())
    })
}

/// Of a time in UTC such as `2014-02-07T14:55:00.020Z`.
fn time(text: &str) -> WallTime {
    let fields: Vec<_> = text.split(|c: char| !c.is_ascii_digit()).collect();
    let [year, month, day, hour, minute, second] =
        [0, 1, 2, 3, 4, 5].map(|i| fields[i].parse::<i64>().unwrap());
    let fraction = fields
        .get(6)
        .filter(|digits| !digits.is_empty())
        .map_or(0, |digits| format!("{digits:0<9}").parse().unwrap());
    // Days of years that begin in March, so that the leap day is the last (Hinnant, chrono-compatible
    // low-level date algorithms).
    let year = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468;
    WallTime::from_nanos(
        (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000_000 + fraction,
    )
}

/// What a gateway makes of the readings of one stream.
struct Site {
    topics: Topics,
    input: Stream,
    clock: VirtualClock,
    counters: Arc<Counters>,
    inlet: Inlet<Acquired>,
    store: Store,
    forwarder: Forwarder<FlakyPublisher>,
    broker: FlakyBroker,
    spool: Arc<MemorySpool>,
    ordinal: u64,
}

impl Site {
    /// As configured by [`DEVICE`], its one column, and `metrics`.
    fn new(begin: WallTime, column: &str, metrics: &str) -> Self {
        let text = [DEVICE, column, metrics].concat();
        let config = config::parse("gateway.toml", &text, Catalogue::OWN, []);
        let config = config.unwrap_or_else(|problems| panic!("{problems}\n{text}"));
        let site::Site { streams, metrics, .. } = site::Site::build(&config).unwrap();
        let input = streams[&0][0].clone();
        let monotonic = Monotonic::from_nanos(1_000_000_000);
        let clock = VirtualClock::starting_at(Timestamp::new(begin, monotonic));
        let counters = Arc::new(Counters::default());
        let workers = NonZeroUsize::new(2).unwrap();
        let executor = Arc::new(Executor::builder().workers(workers).build().unwrap());
        let spool = Arc::new(MemorySpool::new(BOOT, NonZeroUsize::new(10_000_000).unwrap()));
        let capacity = NonZeroUsize::new(1_024).unwrap();
        let (inlet, outlet) = queue(capacity, WhenFull::Block, Arc::clone(&counters));
        let beginning = Beginning { boot: BOOT, now: clock.now(), saved: None };
        let derivation = Derivation::new(metrics, beginning, executor, Arc::clone(&counters));
        let store = Store::new(StoreParts {
            outlet,
            derivation: derivation.unwrap(),
            streams,
            spools: by_class(&spool),
            classes: HashMap::new(),
            clock: Arc::new(clock.clone()),
            counters: Arc::clone(&counters),
            wake_forwarder: Arc::new(|| {}),
            sync_interval: SECOND,
        });
        let broker = FlakyBroker::new(1, 20, 100_000);
        let forwarder = Forwarder::new(
            site::forward_options(&config, BOOT).unwrap(),
            vec![Arc::clone(&spool) as Arc<dyn Spool>],
            broker.publisher(),
            Arc::new(clock.clone()),
            Arc::clone(&counters),
            Box::new(BTreeMap::new),
        );
        let topics = Topics::new(&config.mqtt.root).unwrap();
        Self { topics, input, clock, counters, inlet, store, forwarder, broker, spool, ordinal: 0 }
    }

    /// The device measures `number` at `wall`.
    fn measure(&mut self, wall: WallTime, number: f64) {
        let stream = &self.input;
        let now = self.clock.now();
        let ahead = wall.as_nanos() - now.wall.as_nanos();
        let span = Duration::from_nanos(ahead.unsigned_abs());
        // What is older than the newest has its own time on both clocks: it is late.
        let at = if ahead < 0 {
            now.before(span)
        } else {
            self.clock.advance(span);
            self.clock.now()
        };
        let reading = Reading::measured(at, Ok(stream.kind.quantity(number).unwrap()));
        let readings = vec![StreamReading { stream: stream.clone(), reading }];
        let acquired = Acquired { device: 0, ordinal: self.ordinal, readings };
        assert!(self.inlet.put(acquired).is_ok());
        self.ordinal += 1;
        // In batches of different lengths, as a busy store takes them.
        if self.ordinal.is_multiple_of(1 + self.ordinal % 500) {
            self.step();
        }
    }

    fn step(&mut self) {
        while self.store.step() > 0 {}
        self.forwarder.step(Duration::ZERO);
    }

    /// What the subscriber has in the end, by stream and number: everything, each once. History may come after
    /// what is live.
    fn delivered(mut self) -> BTreeMap<String, Vec<Sample>> {
        self.step();
        self.store.finish();
        assert!(self.forwarder.drain(self.clock.now().monotonic + 60 * SECOND));
        let mut ledger = Ledger::new(Origin::FirstEver);
        let mut delivered = BTreeMap::<String, Vec<Sample>>::new();
        for message in self.broker.taken() {
            match Arrival::read(&self.topics, &message.topic, &message.payload).unwrap() {
                Arrival::Status(status) => ledger.announce(&status, true),
                Arrival::Answer(_) => panic!("nobody asked"),
                Arrival::Samples(batch) => {
                    for sample in batch.samples {
                        ledger.record(&batch.gateway, &sample);
                        let name = sample.stream.name.to_string();
                        delivered.entry(name).or_default().push(sample);
                    }
                }
            }
        }
        assert!(ledger.has_all_stopped() && !ledger.is_short());
        assert_eq!(ledger.accounts().len(), delivered.len());
        let heads: BTreeMap<_, _> = self.spool.heads().into_iter().collect();
        for ((_, name), account) in ledger.accounts() {
            assert_eq!(account.newest(), Some(heads[name].0), "{name}");
            assert_eq!(account.duplicates, 0, "{name}");
        }
        for samples in delivered.values_mut() {
            samples.sort_by_key(|sample| sample.seq);
        }
        assert_eq!(self.counters.readings_lost.get(), 0);
        delivered
    }
}

fn number(sample: &Sample) -> f64 {
    sample.reading.outcome.map(Quantity::number).unwrap()
}

/// The times at which `derived.alarm` became active over a recording in °F.
fn alarms(metrics: &str, text: &str) -> Vec<WallTime> {
    let mut site = Site::new(rows(text).next().unwrap().0, THERMOMETER, metrics);
    for (at, _, fahrenheit) in rows(text) {
        site.measure(at, (fahrenheit - 32.0) / 1.8);
    }
    let delivered = site.delivered();
    assert_eq!(delivered["machine.temperature"].len(), rows(text).count());
    let told = delivered["derived.alarm"].iter();
    told.filter(|sample| (number(sample) - 1.0).abs() < 1e-9).map(|s| s.reading.at.wall).collect()
}

/// For each alarm, which of the known anomalies of `file` it is in.
fn anomalies(story: &str, file: &str, alarms: &[WallTime]) -> Option<Vec<Option<usize>>> {
    let text = recording(story, "nab_anomaly_windows.json")?;
    let windows: BTreeMap<String, Vec<[String; 2]>> = serde_json::from_str(&text).unwrap();
    let windows: Vec<_> = windows[&format!("realKnownCause/{file}")]
        .iter()
        .map(|[from, to]| time(from)..=time(to))
        .collect();
    let window_of = |at: &WallTime| windows.iter().position(|window| window.contains(at));
    Some(alarms.iter().map(window_of).collect())
}

#[test]
fn times_of_recordings_are_read_to_the_nanosecond() {
    assert_eq!(time("1970-01-01T00:00:00Z").as_nanos(), 0);
    assert_eq!(time("2014-02-28 23:59:59.020000").as_nanos(), 1_393_631_999_020_000_000);
    assert_eq!(time("2020-03-01T00:00:00Z").as_nanos(), 1_583_020_800_000_000_000);
}

const TOO_COLD: &str = r#"
[derived.alarm]
function = "alarm_low"
of = "machine.temperature"
limit = 4.5
hysteresis = 5
"#;

const TOO_HOT: &str = r#"
[derived.alarm]
function = "alarm_high"
of = "machine.temperature"
limit = 27.8
hysteresis = 2
"#;

/// Of its four anomalies the second and the last, when it failed, go below 4.5 °C; nothing else does.
#[test]
fn a_low_alarm_on_a_machine_comes_in_two_of_its_known_anomalies_and_at_no_other_time() {
    let (story, file) = ("the recorded machine", "machine_temperature_system_failure.csv");
    let Some(text) = recording(story, &format!("nab_{file}")) else { return };
    let found = anomalies(story, file, &alarms(TOO_COLD, &text));
    assert!(found.is_none_or(|found| found == [Some(1), Some(3)]));
}

/// Of its two anomalies the first goes above 27.8 °C; nothing else does.
#[test]
fn a_high_alarm_on_an_office_comes_in_a_known_anomaly_and_at_no_other_time() {
    let (story, file) = ("the recorded office", "ambient_temperature_system_failure.csv");
    let Some(text) = recording(story, &format!("nab_{file}")) else { return };
    let found = anomalies(story, file, &alarms(TOO_HOT, &text));
    assert!(found.is_none_or(|found| found == [Some(0)]));
}

const FAN: &str = "uci_fan_accelerometer_50hz.csv";

/// What the fan's channels of these names give, one after the other in one stream, by derived stream.
fn fan(
    text: &str,
    is_wanted: impl Fn(&str) -> bool,
    metrics: &str,
) -> BTreeMap<String, Vec<Sample>> {
    let wanted: Vec<_> = rows(text).filter(|(_, name, _)| is_wanted(name)).collect();
    let mut site = Site::new(wanted[0].0, SHAKER, metrics);
    for (at, _, g) in wanted {
        site.measure(at, g * STANDARD_GRAVITY);
    }
    site.delivered()
}

const SPEED: &str = r#"
[derived.dominant_frequency]
function = "dominant_frequency"
of = "machine.shaking"
block = 512
overlap = true

[derived.rms]
function = "rms"
of = "machine.shaking"
block = 512
overlap = true
"#;

const SHAKEN: &str = r#"
[derived.alarm]
function = "alarm_high"
of = "derived.rms"
limit = 5

[derived.rms]
function = "rms"
of = "machine.shaking"
block = 50
"#;

/// From half of its speed up, or from 80 % with the third way of weights; below, it hardly shakes.
#[test]
fn the_dominant_frequency_of_a_fan_rises_with_its_speed_and_so_does_what_it_shakes() {
    let Some(text) = recording("the recorded fan's frequency", FAN) else { return };
    let functions = ["dominant_frequency", "rms"];
    for (weights, speeds) in
        [("cfg1", &[50, 80, 100][..]), ("cfg2", &[50, 80, 100]), ("cfg3", &[80, 100])]
    {
        let mut below = [0.0; 2];
        for speed in speeds {
            let channel = format!("{weights}_speed{speed}_y_g");
            let delivered = fan(&text, |name| name == channel, SPEED);
            for (function, below) in functions.iter().zip(&mut below) {
                let found = &delivered[&format!("derived.{function}")];
                assert_eq!(found.len(), 4, "30 s at 50 Hz: blocks of 512, half in the next");
                assert!(found.iter().all(|sample| sample.reading.quality == Quality::Good));
                let least = found.iter().map(number).fold(f64::MAX, f64::min);
                assert!(least > *below, "{channel} {function}: {least} is not above {below}");
                *below = found.iter().map(number).fold(0.0, f64::max);
            }
        }
    }
}

/// A minute of 20 and 50 % of its speed, then a minute of 80 and 100 %. The alarm is on what a derived
/// metric gives.
#[test]
fn an_alarm_on_what_a_fan_shakes_comes_when_it_speeds_up_and_stays() {
    let Some(text) = recording("the recorded fan's alarm", FAN) else { return };
    let is_wanted = |name: &str| name.starts_with("cfg1") && name.ends_with("y_g");
    let delivered = fan(&text, is_wanted, SHAKEN);
    let (blocks, told) = (&delivered["derived.rms"], &delivered["derived.alarm"]);
    assert_eq!(blocks.len(), 120, "a value each second");
    assert_eq!(told.iter().map(|sample| number(sample).round()).collect::<Vec<_>>(), [0.0, 1.0]);
    let [begin, alarm] = [&blocks[0], &told[1]].map(|sample| sample.reading.at.monotonic);
    let after = alarm.saturating_since(begin);
    assert!((60 * SECOND..62 * SECOND).contains(&after), "{after:?}");
}
