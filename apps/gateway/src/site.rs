//! Builds devices, metrics and options from the configuration: the place where names become adapters.

mod i2c;

use core::time::Duration;
use std::{collections::HashMap, path::Path};

use bus_linux::{
    DataBits, Delay, GpioInput, I2C_TIMEOUT, InputSettings, ScanNode, SharedTty, SpiNode,
    SpiSettings, StopBits, SysfsTree, Tty, TtySettings,
};
use domain::{BootId, Stream};
use pipeline::{
    acquire::{DevicePlan, Rhythm},
    derive::MetricPlan,
    forward::{ForwardOptions, HistoryOrder},
};
use ports::{ByteSource, Device, InputLine};
use publisher_mqtt::{Broker, Login, NotABroker, Options as MqttOptions, Will};
use sensors::{
    Attachment, BadOptions, DelayHandle, GpioPlace, I2cPlace, InputWish, SpiHandle, SpiPlace,
    SysfsPlace, UartPlace,
};
use wire::{NotARoot, Topics, status::Status};

use self::i2c::SharedI2c;
use crate::config::{self, Bus, Config, Pace, Place, Wiring};

/// Waits between attempts to connect to the broker.
const BROKER_RETRY_FIRST: Duration = Duration::from_millis(500);
const BROKER_RETRY_MAX: Duration = Duration::from_secs(30);

/// What so many messages hold is not history yet when a connection is made: a short outage keeps the order.
const HISTORY_MESSAGES_MIN: u64 = 4;

/// Why a configuration that was found good cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A driver refuses its options.
    #[error("device {device} cannot be made")]
    Device {
        /// Which.
        device: String,
        /// Why.
        #[source]
        cause: BadOptions,
    },
    /// A switch cannot be where it is said to be.
    #[error("switches of bus {bus} cannot be made")]
    Switches {
        /// Which.
        bus: String,
        /// Why.
        #[source]
        cause: BadOptions,
    },
    /// Device and bus do not fit each other.
    #[error("device {device} does not fit its bus")]
    Misfit {
        /// Which.
        device: String,
    },
    /// The root of the topics is none.
    #[error("topics cannot be made")]
    Topics(#[from] NotARoot),
    /// The broker's address is none.
    #[error("broker cannot be addressed")]
    Broker(#[from] NotABroker),
}

/// Everything that is to be acquired.
pub struct Site {
    /// For each bus with devices: its name and their plans.
    pub buses: Vec<(String, Vec<DevicePlan>)>,
    /// The streams of each device by number.
    pub streams: HashMap<usize, Vec<Stream>>,
    /// The derived metrics.
    pub metrics: Vec<MetricPlan>,
}

impl Site {
    /// Makes the devices without touching one.
    ///
    /// # Errors
    ///
    /// [`BuildError`] names the device that cannot be made.
    pub fn build(config: &Config) -> Result<Self, BuildError> {
        let (mut buses, mut streams) = (Vec::new(), HashMap::new());
        let mut number = 0;
        for bus in config.buses.iter().filter(|bus| !bus.devices.is_empty()) {
            let mut plans = Vec::new();
            let shared = Shared::of(bus)?;
            for device in &bus.devices {
                streams.insert(number, device.streams.clone());
                plans.push(plan(number, bus, &shared, device)?);
                number += 1;
            }
            buses.push((bus.name.clone(), plans));
        }
        let metrics = config.derived.iter().map(metric).collect();
        Ok(Self { buses, streams, metrics })
    }
}

/// What the devices of one bus share.
struct Shared {
    line: Option<SharedTty>,
    i2c: SharedI2c,
}

impl Shared {
    fn of(bus: &Bus) -> Result<Self, BuildError> {
        let refused = |cause| BuildError::Switches { bus: bus.name.clone(), cause };
        Ok(Self { line: line(bus), i2c: SharedI2c::of(bus).map_err(refused)? })
    }
}

fn plan(
    number: usize,
    bus: &Bus,
    shared: &Shared,
    device: &config::Device,
) -> Result<DevicePlan, BuildError> {
    let rhythm = match device.pace {
        Pace::Asked { period } => Rhythm::Every(period),
        Pace::Speaks { silence } => Rhythm::SilentFor(silence),
    };
    Ok(DevicePlan {
        number,
        name: device.name.clone(),
        device: adapter(bus, shared, device)?,
        streams: device.streams.clone(),
        rhythm,
        faults: device.faults,
        priority: device.priority,
    })
}

fn adapter(
    bus: &Bus,
    shared: &Shared,
    device: &config::Device,
) -> Result<Box<dyn Device>, BuildError> {
    let misfit = || BuildError::Misfit { device: device.name.clone() };
    let refused = |cause| BuildError::Device { device: device.name.clone(), cause };
    let arguments = &device.arguments;
    let attachment = device.entry.attachment(bus.wiring.class()).ok_or_else(misfit)?;
    let made = match (attachment, device.place, bus.wiring) {
        (Attachment::I2c { make, .. }, Place::I2c { address, behind }, Wiring::I2c) => {
            let (bus, delay) =
                (shared.i2c.handle(behind).map_err(refused)?, DelayHandle::new(Delay));
            let made = make(I2cPlace { bus, delay, address, bus_timeout: I2C_TIMEOUT }, arguments);
            made.map(|made| shared.i2c.around(made, device))
        }
        (Attachment::Spi { make, .. }, Place::Spi { mode, clock_hz }, Wiring::Spi { .. }) => {
            let settings = SpiSettings { mode: spi_mode(mode), clock_hz_max: clock_hz };
            let chip = SpiHandle::new(SpiNode::new(&bus.path, settings));
            make(SpiPlace { chip, delay: DelayHandle::new(Delay), clock_hz }, arguments)
        }
        (Attachment::Sysfs { make }, Place::Sysfs, Wiring::Sysfs) => {
            let tree = Box::new(SysfsTree::new(&bus.path));
            make(SysfsPlace { tree, scans: Box::new(scans) }, arguments)
        }
        (Attachment::Gpio { make }, Place::Gpio, Wiring::Gpio) => {
            let chip = bus.path.clone();
            make(GpioPlace { input: Box::new(move |wish| input(&chip, wish)) }, arguments)
        }
        (Attachment::Uart { make, .. }, Place::Uart { .. }, Wiring::Uart(settings)) => {
            let line = shared.line.clone().ok_or_else(misfit)?;
            make(UartPlace { line: Box::new(line), baud: settings.baud }, arguments)
        }
        _ => return Err(misfit()),
    };
    made.map_err(refused)
}

const fn spi_mode(mode: u8) -> bus_linux::Mode {
    match mode {
        1 => bus_linux::MODE_1,
        2 => bus_linux::MODE_2,
        3 => bus_linux::MODE_3,
        _ => bus_linux::MODE_0,
    }
}

/// The buffer of an IIO device by the name of its node.
fn scans(node: &str) -> Box<dyn ByteSource> {
    Box::new(ScanNode::new(Path::new("/dev").join(node)))
}

/// A line of the chip at `path`.
fn input(path: &Path, wish: InputWish) -> Box<dyn InputLine> {
    let settings = InputSettings {
        is_active_low: wish.is_active_low,
        bias: match wish.bias {
            sensors::Bias::AsIs => bus_linux::Bias::AsIs,
            sensors::Bias::Disabled => bus_linux::Bias::Disabled,
            sensors::Bias::PullUp => bus_linux::Bias::PullUp,
            sensors::Bias::PullDown => bus_linux::Bias::PullDown,
        },
        edges: match wish.edges {
            sensors::Edges::Rising => bus_linux::Edges::Rising,
            sensors::Edges::Falling => bus_linux::Edges::Falling,
            sensors::Edges::Both => bus_linux::Edges::Both,
        },
        debounce: wish.debounce,
    };
    Box::new(GpioInput::new(path, wish.line, settings))
}

/// The tty of a serial line, which its devices share.
fn line(bus: &Bus) -> Option<SharedTty> {
    let Wiring::Uart(line) = bus.wiring else { return None };
    let rs485 = line.rs485.map(|rs485| bus_linux::Rs485 {
        delay_before_send: rs485.delay_before_send,
        delay_after_send: rs485.delay_after_send,
        is_inverted: rs485.is_inverted,
    });
    let settings = TtySettings {
        baud: line.baud,
        parity: match line.parity {
            config::Parity::None => bus_linux::Parity::None,
            config::Parity::Even => bus_linux::Parity::Even,
            config::Parity::Odd => bus_linux::Parity::Odd,
        },
        data_bits: if line.data_bits == 7 { DataBits::Seven } else { DataBits::Eight },
        stop_bits: if line.stop_bits == 2 { StopBits::Two } else { StopBits::One },
        rs485,
        has_echo: line.has_echo,
    };
    Some(SharedTty::new(Tty::new(&bus.path, settings)))
}

fn metric(derived: &config::Derived) -> MetricPlan {
    let config::Derived { stream, function, arguments, inputs, tolerance, .. } = derived.clone();
    MetricPlan { stream, function, arguments, inputs, tolerance }
}

/// How the backlog is sent.
///
/// # Errors
///
/// [`BuildError::Topics`] if the root of the topics is none.
pub fn forward_options(config: &Config, boot: BootId) -> Result<ForwardOptions, BuildError> {
    Ok(ForwardOptions {
        gateway: config.gateway.clone(),
        boot,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        topics: Topics::new(&config.mqtt.root)?,
        message_samples_max: config.mqtt.batch_samples_max.get(),
        payload_bytes_max: config.mqtt.batch_bytes_max,
        compression: config.mqtt.compression,
        batch_age_max: config.mqtt.batch_age_max,
        status_interval: config.pipeline.status_interval,
        retry_first: BROKER_RETRY_FIRST,
        retry_max: BROKER_RETRY_MAX,
        held_samples_max: config.mqtt.refused_samples_max,
        brokers: config.mqtt.url.0.len(),
        return_after: config.mqtt.return_after,
        history_min: HISTORY_MESSAGES_MIN * config.mqtt.batch_samples_max.get() as u64,
        history_order: match config.mqtt.history_order {
            config::HistoryOrder::OldestFirst => HistoryOrder::OldestFirst,
            config::HistoryOrder::NewestFirst => HistoryOrder::NewestFirst,
        },
        history_rate: config.mqtt.history_rate,
        history_share_percent: config.mqtt.history_share_percent,
    })
}

/// How the broker is reached.
///
/// # Errors
///
/// [`BuildError`] if the broker's address or the root of the topics is none.
pub fn mqtt_options(config: &Config) -> Result<MqttOptions, BuildError> {
    let mqtt = &config.mqtt;
    let login = mqtt.credentials.as_ref().map(|credentials| Login {
        user: credentials.username.clone(),
        password: credentials.password.reveal().to_owned(),
    });
    let broker = |url: &config::BrokerUrl| {
        let broker: Broker = url.to_string().parse()?;
        Ok(login.iter().cloned().fold(broker, Broker::with_login))
    };
    let brokers = mqtt.url.0.iter().map(broker).collect::<Result<Vec<_>, BuildError>>()?;
    let topics = Topics::new(&mqtt.root)?;
    let topic = topics.status(&config.gateway);
    let payload = Status::lost(config.gateway.clone()).encode();
    Ok(MqttOptions {
        keep_alive: mqtt.keep_alive,
        window: mqtt.window,
        stall_timeout: mqtt.stall_timeout,
        payload_bytes_max: mqtt.batch_bytes_max,
        will: Some(Will { topic, payload, is_retained: true }),
        requests: mqtt.is_replayed.then(|| topics.request(&config.gateway)),
        ..MqttOptions::new(brokers, mqtt.client_id.clone())
    })
}
