//! A configuration that has been found good: plain values, nothing left to check or to default.
//!
//! Devices hang on their bus, and the inputs of derived metrics are streams, so that a device
//! without a bus or a metric without an input cannot be written down.

use std::{
    num::{NonZeroU16, NonZeroU64, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

use domain::{FaultPolicy, GatewayId, Stream, StreamClass, derived::Entry as Function};
use pipeline::acquire::Priority;
use sensors::{Arguments, BusClass, Entry};
use serde::Deserialize;
use wire::compression::Compression;

pub use super::values::{BrokerUrl, BrokerUrls, Secret};

/// What the gateway is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The name of this gateway.
    pub gateway: GatewayId,
    /// Where samples are delivered.
    pub mqtt: Mqtt,
    /// Where samples wait.
    pub spool: Spool,
    /// How samples are worked up.
    pub pipeline: Pipeline,
    /// What is made of a wall clock that nobody vouches for.
    pub time: Time,
    /// What is logged.
    pub log: Log,
    /// Where commands are taken; nowhere if there is none.
    pub control: Option<PathBuf>,
    /// How the workers of the buses are run.
    pub realtime: Realtime,
    /// The buses by name, each with its devices.
    pub buses: Vec<Bus>,
    /// The derived metrics by name.
    pub derived: Vec<Derived>,
}

/// How the workers of the buses are run, as far as the kernel allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Realtime {
    /// The priority in the real-time class, 1 to 99; an ordinary thread if there is none.
    pub priority: Option<u8>,
    /// The cores they may run on; all if there is none here.
    pub cores: Vec<usize>,
    /// Whether the whole process is kept from being paged out.
    pub is_memory_locked: bool,
}

/// Where samples are delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mqtt {
    /// The brokers in the order of preference; at least one.
    pub url: BrokerUrls,
    /// How long another than the first is kept to before that is tried again.
    pub return_after: Duration,
    /// What every topic begins with; no `/` at either end, no wildcard.
    pub root: String,
    /// The MQTT client identifier.
    pub client_id: String,
    /// Who we are to the broker, if it asks.
    pub credentials: Option<Credentials>,
    /// How long the link may be silent before it is probed; whole seconds, 5 or more.
    pub keep_alive: Duration,
    /// Messages that may be unacknowledged at one time.
    pub window: NonZeroU16,
    /// The most samples in one message.
    pub batch_samples_max: NonZeroUsize,
    /// The longest payload, in bytes, where the broker allows as much.
    pub batch_bytes_max: usize,
    /// How payloads of samples are compressed.
    pub compression: Compression,
    /// How long a sample waits for others to travel with, while some are on their way.
    pub batch_age_max: Duration,
    /// How long acknowledgements may all stay away, while some are due, before the link is given up.
    pub stall_timeout: Duration,
    /// How many samples the cursor of the spool may wait for the sake of refused ones.
    pub refused_samples_max: u64,
    /// Which of what waited for a connection goes first.
    pub history_order: HistoryOrder,
    /// How many samples of that go in a second; without it there is no limit.
    pub history_rate: Option<NonZeroU64>,
    /// Which part of the window is for that, in percent.
    pub history_share_percent: u8,
    /// Whether what was delivered is sent again to whoever asks for it by way of the broker.
    pub is_replayed: bool,
}

/// In which order samples go that waited for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HistoryOrder {
    /// As they came.
    OldestFirst,
    /// By blocks, the newest first.
    NewestFirst,
}

/// Who we are to the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The user's name.
    pub username: String,
    /// The password; empty if there is none.
    pub password: Secret,
}

/// Where samples wait until the broker has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spool {
    /// The folder of the spool's files.
    pub folder: PathBuf,
    /// The most that the files may occupy, in bytes.
    pub bytes_max: u64,
    /// How much of that may hold what is acknowledged, for a replay, in bytes.
    pub retain: u64,
    /// How much of the file system is left free, in bytes.
    pub free_min: u64,
    /// How often what was written is forced to the disk: what a power cut may cost.
    pub sync_interval: Duration,
    /// What each class of streams does when there is no room, highest class first.
    pub when_full: [spool_file::WhenFull; 3],
}

/// How samples are worked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipeline {
    /// Threads of the pool.
    pub workers: NonZeroUsize,
    /// Readings that may wait between acquisition and the pool.
    pub queue: NonZeroUsize,
    /// What happens when that queue is full.
    pub when_full: WhenFull,
    /// How long a shutdown may take to store and deliver what is under way.
    pub drain_timeout: Duration,
    /// How often the gateway reports on itself.
    pub status_interval: Duration,
    /// How often the state of the derived metrics is saved: what a crash may cost their windows.
    pub state_interval: Duration,
}

/// What a full queue does with the next reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// The device's worker waits: sampling slows down, nothing is lost.
    Block,
    /// The reading that has waited longest makes room, and is counted.
    DropOldest,
}

/// What is made of a wall clock that nobody vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// What samples do until it is synchronised.
    pub unsynchronised: Unsynchronised,
    /// How long after the boot of the machine they wait for that at most, if they wait.
    pub wait_max: Duration,
}

/// What samples do until the clock is synchronised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unsynchronised {
    /// They are sent and say so.
    Mark,
    /// They wait in the spool, and are sent with the right time.
    Wait,
}

/// What is logged, and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// The least important that is logged.
    pub level: LogLevel,
    /// How a line is written.
    pub format: LogFormat,
}

/// How important a line of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Something is lost or will be.
    Error,
    /// Something is amiss and will be tried again.
    Warn,
    /// What an operator wants to know of a good day.
    Info,
    /// What a developer wants to know.
    Debug,
    /// Everything.
    Trace,
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Shared wires, and what hangs on them.
#[derive(Clone, Debug, PartialEq)]
pub struct Bus {
    /// What it is called here.
    pub name: String,
    /// Its device node.
    pub path: PathBuf,
    /// What kind of bus it is, and how it is driven.
    pub wiring: Wiring,
    /// The switches on it by name; none but on I²C.
    pub switches: Vec<Switch>,
    /// What there is to free it; nothing but on I²C.
    pub recovery: Option<Recovery>,
    /// The devices on it by name; may be empty.
    pub devices: Vec<Device>,
}

/// A TCA9548A on an I²C bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// What it is called here.
    pub name: String,
    /// Its address, 0x70 to 0x77; no other switch of its bus has it.
    pub address: u8,
}

/// What there is to free an I²C bus that a chip holds: one of the two at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The GPIO chip that has the lines.
    pub chip: PathBuf,
    /// The lines that are wired to SCL and SDA.
    pub clocks: Option<[u32; 2]>,
    /// The line that switches the supply.
    pub power: Option<Power>,
}

/// A line that switches the supply of a bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Power {
    /// Its number on the chip.
    pub line: u32,
    /// Whether the supply is on while it is low.
    pub is_active_low: bool,
    /// How long the supply is off.
    pub off: Duration,
    /// How long the chips take afterwards until they answer.
    pub settling: Duration,
}

/// What kind of bus it is, and how it is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wiring {
    /// I²C at the speed that the kernel has set up.
    I2c,
    /// SPI; the device node is one chip select and so one device.
    Spi {
        /// Clock polarity and phase, 0 to 3, if not as its device likes it.
        mode: Option<u8>,
        /// The highest clock rate, in hertz, if not as its device likes it.
        clock_hz: Option<u32>,
    },
    /// A serial line.
    Uart(Line),
    /// The tree of the kernel's own devices.
    Sysfs,
    /// A chip of digital inputs.
    Gpio,
}

impl Wiring {
    /// The class of bus, without how it is driven.
    pub const fn class(self) -> BusClass {
        match self {
            Self::I2c => BusClass::I2c,
            Self::Spi { .. } => BusClass::Spi,
            Self::Uart(_) => BusClass::Uart,
            Self::Sysfs => BusClass::Sysfs,
            Self::Gpio => BusClass::Gpio,
        }
    }
}

/// How a serial line is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Bits per second.
    pub baud: u32,
    /// The parity bit.
    pub parity: Parity,
    /// Bits per byte: 7 or 8.
    pub data_bits: u8,
    /// Bits at the end of a byte: 1 or 2.
    pub stop_bits: u8,
    /// The driver's RS-485 mode, if it is to be used.
    pub rs485: Option<Rs485>,
    /// Whether the receiver hears what we send.
    pub has_echo: bool,
}

/// How the driver turns an RS-485 transceiver around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rs485 {
    /// From raising RTS to the first bit.
    pub delay_before_send: Duration,
    /// From the last bit to lowering RTS.
    pub delay_after_send: Duration,
    /// Whether the transceiver sends while RTS is low instead.
    pub is_inverted: bool,
}

/// The parity bit of a serial line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Parity {
    /// There is none.
    None,
    /// The number of ones is even with it.
    Even,
    /// The number of ones is odd with it.
    Odd,
}

/// One addressable chip or module.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// What it is called; the first part of the names of its streams.
    pub name: String,
    /// What it is.
    pub entry: &'static Entry,
    /// Where on its bus it is.
    pub place: Place,
    /// Who sets its pace.
    pub pace: Pace,
    /// What its driver needs to know.
    pub arguments: Arguments,
    /// What its sensors yield, in the order of the driver's sensors.
    pub streams: Vec<Stream>,
    /// How long one measurement occupies the bus when all is well.
    pub time_on_bus: Duration,
    /// How soon it must be asked again so that nothing is lost, if it collects by itself.
    pub room_for: Option<Duration>,
    /// How patiently it is borne while it fails.
    pub faults: FaultPolicy,
    /// What happens to it while the queue fills up.
    pub priority: Priority,
    /// The class of its streams.
    pub class: StreamClass,
}

/// Where on its bus a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At this I²C address.
    I2c {
        /// One that the chip can be strapped to.
        address: u8,
        /// The channel of a switch that it is behind, if it is behind one.
        behind: Option<Channel>,
    },
    /// Behind the one chip select, driven like this.
    Spi {
        /// Clock polarity and phase, 0 to 3.
        mode: u8,
        /// The highest clock rate, in hertz.
        clock_hz: u32,
    },
    /// On the line.
    Uart {
        /// Bits per second.
        baud: u32,
        /// Whether it speaks only when it is asked, so that others can be on the line, too.
        is_asked: bool,
    },
    /// Somewhere in the tree.
    Sysfs,
    /// A line of the chip, which the driver's parameters name.
    Gpio,
}

/// One channel of one of the switches of a bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channel {
    /// The address of the switch.
    pub switch: u8,
    /// 0 to 7.
    pub channel: u8,
}

/// Who sets the pace of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// We do: it is asked once every so often.
    Asked {
        /// From one question to the next.
        period: Duration,
    },
    /// It does: it speaks unasked.
    Speaks {
        /// How long it may be silent before that is a gap.
        silence: Duration,
    },
}

/// A derived metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Derived {
    /// The stream it yields.
    pub stream: Stream,
    /// What it computes.
    pub function: &'static Function,
    /// What is said of it besides its inputs.
    pub arguments: Arguments,
    /// A stream for each role of the function, in that order.
    pub inputs: Vec<Stream>,
    /// How far apart in time inputs may be to belong together.
    pub tolerance: Duration,
    /// The class of its stream.
    pub class: StreamClass,
    /// How far apart the readings of the slowest device that it is computed from are at most while all is well.
    pub pace: Duration,
}
