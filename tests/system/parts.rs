//! What the sites of these tests are made of.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use blackbox::{
    mosquitto::{self, Mosquitto},
    site::{Listener, Site},
};
use sim::{
    bus::{I2cBus, Wiring},
    chips,
    environment::Climate,
    kernel::DeviceNodes,
    time::Elapsed,
    tty::{Player, Pty},
};

/// What the BME280 feels, for ever.
pub(crate) const AIR: Climate =
    Climate { celsius: 21.37, humidity_percent: 48.5, hectopascals: 1_003.25 };

/// A BME280 ten times a second, and a counter that speaks: streams of all three classes.
pub(crate) const CONFIGURATION: &str = r#"
[pipeline]
status_interval = "1s"
drain_timeout = "20s"

[buses.i2c1]
kind = "i2c"
path = "/dev/i2c-1"

[buses.serial0]
kind = "uart"
path = "/dev/ttyAMA0"
baud = 115200

[devices.outdoor]
driver = "bme280"
bus = "i2c1"
address = 0x76
period = "100ms"

[devices.counter]
driver = "delimited_text"
bus = "serial0"
class = "low"
silence = "30s"
prefix = "N"
columns.number = { index = 1, quantity = "count" }

[derived.dew_point]
function = "dew_point"
temperature = "outdoor.temperature"
humidity = "outdoor.humidity"

[derived.mean]
function = "moving_average"
of = "outdoor.temperature"
samples = 5

[derived.dry]
function = "alarm_high"
of = "outdoor.temperature"
limit = 21.3
"#;

/// The wires of a site, for a test to pull.
pub(crate) struct Wires {
    pub(crate) nodes: DeviceNodes,
    pub(crate) thermometer: Wiring,
    pub(crate) line: Pty,
    player: Option<Player>,
}

impl Wires {
    /// A chip in constant air, and a serial line on which nobody speaks.
    pub(crate) fn quiet() -> Self {
        let i2c = I2cBus::new();
        let thermometer = i2c.attach(0x76, chips::Bme280::new(Elapsed::running(), |_| AIR));
        let line = Pty::open().unwrap();
        let terminal = line.clone();
        let nodes = DeviceNodes::new()
            .i2c("/dev/i2c-1", &i2c)
            .tty("/dev/ttyAMA0", move || terminal.terminal());
        Self { nodes, thermometer, line, player: None }
    }

    /// The same, with a line that counts up at this pace.
    pub(crate) fn counting(pace: Duration) -> Self {
        let mut wires = Self::quiet();
        let number = Arc::new(AtomicU64::new(0));
        let next = move || Some(format!("N,{}\n", number.fetch_add(1, Relaxed)).into_bytes());
        wires.player = Some(wires.line.play(pace, std::iter::from_fn(next)).unwrap());
        wires
    }

    /// How many lines the counter has said.
    pub(crate) fn said(&self) -> u64 {
        self.player.as_ref().map_or(0, |player| player.played().frames_sent)
    }
}

/// A site, its broker, and a subscriber that keeps what it hears.
pub(crate) struct Bench {
    pub(crate) wires: Wires,
    pub(crate) site: Site,
    pub(crate) listener: Listener,
    pub(crate) broker: Mosquitto,
    _folder: tempfile::TempDir,
}

impl Bench {
    /// The same for every test but for the wires; `None` where `test` is skipped for want of a broker.
    pub(crate) fn new(test: &str, wires: Wires) -> Option<Self> {
        Self::with(test, wires, "", "")
    }

    /// The same with more tables in the configuration, and access rules at the broker.
    pub(crate) fn with(test: &str, wires: Wires, tables: &str, rules: &str) -> Option<Self> {
        let program = mosquitto::find(test)?;
        let folder = tempfile::tempdir().unwrap();
        let broker = Mosquitto::start_with(&program, folder.path(), rules).unwrap();
        let configuration = format!("{tables}\n{CONFIGURATION}");
        let site = Site::new(&broker.url(), &configuration, wires.nodes.clone()).unwrap();
        let listener = site.listen().unwrap();
        Some(Self { wires, site, listener, broker, _folder: folder })
    }
}
