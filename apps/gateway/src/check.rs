//! `telemetryhub check`: what a configuration would run, without running it.
//!
//! Deliberately absent: opening device nodes, the spool or the broker. A configuration is good or bad
//! by itself, on the installer's laptop too.

use std::{
    ffi::OsString,
    fmt,
    io::{self, Write},
    path::Path,
};

use domain::{Stream, StreamClass, StreamName, derived::window};
use sensors::Catalogue;
use spool_file::WhenFull;

use crate::config::{
    self, Bus, Bytes, Config, ConfigError, Derived, Device, Interval, Pace, Parity, Place,
    Unsynchronised, Wiring,
};

/// The exit code for a configuration that cannot be run.
pub const EXIT_CONFIGURATION: u8 = 2;

/// The columns for the names of streams and of quantities are no narrower.
const WIDTHS_MIN: [usize; 2] = [32, 18];

/// Checks the configuration at `path`, writes what it would run to `out` or what is wrong with it to
/// `faults`, and gives the exit code: 0 or [`EXIT_CONFIGURATION`].
///
/// # Errors
///
/// If nothing can be written to `out` or `faults`.
pub fn run(
    path: &Path,
    catalogue: Catalogue,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    out: &mut impl Write,
    faults: &mut impl Write,
) -> io::Result<u8> {
    match config::load(path, catalogue, variables) {
        Ok(config) => {
            write!(out, "{}", Summary(&config))?;
            for warning in warnings(&config) {
                writeln!(faults, "warning: {warning}")?;
            }
            Ok(0)
        }
        Err(error) => {
            writeln!(faults, "{}", Report(&error))?;
            Ok(EXIT_CONFIGURATION)
        }
    }
}

/// What is to be said of a configuration that can be run, but perhaps was not meant so; a line each.
pub fn warnings(config: &Config) -> Vec<String> {
    let is_idle = config.buses.iter().all(|bus| bus.devices.is_empty());
    let idle = is_idle.then(|| {
        "no device is configured, so nothing is measured: add a [devices.NAME] table; `telemetryhub \
         catalogue DRIVER` shows one to copy"
            .to_owned()
    });
    let late = config.buses.iter().flat_map(|bus| &bus.devices).filter_map(overflows);
    let cut = config.derived.iter().filter_map(cut);
    let buses = config.buses.iter().filter_map(Bus::warning);
    idle.into_iter().chain(buses).chain(late).chain(cut).collect()
}

/// What is to be said of a metric that is to hold more samples of a sensor than it can.
fn cut(metric: &Derived) -> Option<String> {
    let Derived { stream, function, arguments, inputs, pace, .. } = metric;
    // How often a metric tells something is not known.
    let of = inputs.first().filter(|of| of.name.parts().0 != StreamName::DERIVED)?;
    let wanted = window::beyond_room(function, arguments, *pace)?;
    let (of, most, pace) = (&of.name, window::MOST_BY_SPAN, Interval(*pace));
    Some(format!(
        "`{}` holds the newest {most} samples, and its span has {wanted} of `{of}`, one every {pace}: what it \
         tells is of the newest only, and uncertain; write a shorter span or a longer period, or take `{}` of \
         a tumbling `moving_average`",
        stream.name, function.function
    ))
}

/// What is to be said of a device that collects more than it has room for.
fn overflows(device: &Device) -> Option<String> {
    let room = device.room_for?;
    let Pace::Asked { period } = device.pace else { return None };
    let [room, asked] = [room, period].map(|it| Interval(it).to_string());
    let name = &device.name;
    (period > device.room_for?).then(|| {
        format!("device `{name}` loses samples: it has room for those of {room}, and is asked every {asked}; \
                 write a period of {room} or less, or a lower data rate")
    })
}

/// Why there is no configuration, with causes; shown by `Display`.
#[derive(Debug)]
pub struct Report<'e>(pub &'e ConfigError);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ConfigError::Unreadable { source, .. } => {
                write!(f, "{}: {source}\n  mend: name a readable file with --config FILE", self.0)
            }
            ConfigError::NotUtf8 { .. } | ConfigError::Problems(_) => self.0.fmt(f),
        }
    }
}

/// What a configuration would run; shown by `Display`.
#[derive(Debug)]
pub struct Summary<'c>(pub &'c Config);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { gateway, mqtt, spool, time, buses, derived, .. } = self.0;
        writeln!(f, "gateway  {gateway}")?;
        write!(f, "broker   {} as client {}", mqtt.url, mqtt.client_id)?;
        if let Some(credentials) = &mqtt.credentials {
            write!(f, ", user {}", credentials.username)?;
        }
        write!(f, "\ntopics   {}/…", mqtt.root)?;
        if mqtt.is_replayed {
            write!(f, ", replays on request at {}/replay/v1/{gateway}/request", mqtt.root)?;
        }
        writeln!(f)?;
        let (most, interval) = (Bytes(spool.bytes_max), Interval(spool.sync_interval));
        write!(f, "spool    {}, at most {most}, synced every {interval}", spool.folder.display())?;
        for class in StreamClass::ALL {
            if spool.when_full[class.index()] == WhenFull::Refuse {
                write!(f, ", class {} refuses when full", class.name())?;
            }
        }
        writeln!(f)?;
        if time.unsynchronised == Unsynchronised::Wait {
            let most = Interval(time.wait_max);
            writeln!(f, "time     samples wait for NTP, at most until {most} after boot")?;
        }
        let (mut devices, mut streams) = (0, derived.len());
        let width = self.0.widths();
        for bus in buses {
            write_bus(f, bus, width)?;
            devices += bus.devices.len();
            streams += bus.devices.iter().map(|device| device.streams.len()).sum::<usize>();
        }
        if !derived.is_empty() {
            writeln!(f, "\nderived")?;
        }
        derived.iter().try_for_each(|metric| write_derived(f, metric, width))?;
        let [buses, devices, derived, streams] = [
            counted(buses.len(), "bus", "buses"),
            counted(devices, "device", "devices"),
            counted(derived.len(), "derived metric", "derived metrics"),
            counted(streams, "stream", "streams"),
        ];
        writeln!(f, "\n{buses}, {devices}, {derived}: {streams}")
    }
}

impl Config {
    /// How wide the names of streams and of quantities are, so that what stands behind them is in columns.
    fn widths(&self) -> [usize; 2] {
        let devices = self.buses.iter().flat_map(|bus| &bus.devices);
        let measured = devices.flat_map(|device| &device.streams);
        let streams = measured.chain(self.derived.iter().map(|metric| &metric.stream));
        streams.fold(WIDTHS_MIN, |[names, kinds], stream| {
            [names.max(stream.name.as_str().len()), kinds.max(stream.kind.name().len())]
        })
    }
}

fn write_bus(f: &mut fmt::Formatter<'_>, bus: &Bus, width: [usize; 2]) -> fmt::Result {
    write!(f, "\nbus {} · {} · ", bus.name, bus.path.display())?;
    match bus.wiring {
        Wiring::I2c => write_i2c(f, bus)?,
        Wiring::Spi { .. } => write!(f, "spi")?,
        Wiring::Sysfs => write!(f, "sysfs")?,
        Wiring::Gpio => write!(f, "gpio")?,
        Wiring::Uart(line) => {
            let parity = match line.parity {
                Parity::None => 'N',
                Parity::Even => 'E',
                Parity::Odd => 'O',
            };
            let (baud, data, stop) = (line.baud, line.data_bits, line.stop_bits);
            write!(f, "uart {baud} baud {data}{parity}{stop}")?;
            if line.rs485.is_some() {
                write!(f, ", RS-485")?;
            }
        }
    }
    let busy = bus.share_busy();
    if busy > 0.0 {
        write!(f, ", busy {}", config::percent(busy))?;
    }
    writeln!(f)?;
    if bus.devices.is_empty() {
        writeln!(f, "  no device")?;
    }
    bus.devices.iter().try_for_each(|device| write_device(f, bus, device, width))
}

fn write_i2c(f: &mut fmt::Formatter<'_>, bus: &Bus) -> fmt::Result {
    write!(f, "i2c")?;
    for switch in &bus.switches {
        write!(f, ", switch `{}` at {:#04x}", switch.name, switch.address)?;
    }
    let Some(recovery) = &bus.recovery else { return Ok(()) };
    let clocks = recovery.clocks.map(|[scl, sda]| format!("clocks on lines {scl} and {sda}"));
    let power = recovery.power.map(|power| format!("the supply on line {}", power.line));
    let means: Vec<_> = clocks.into_iter().chain(power).collect();
    write!(f, ", freed by {} of {}", means.join(" or "), recovery.chip.display())
}

fn write_device(
    f: &mut fmt::Formatter<'_>,
    bus: &Bus,
    device: &Device,
    width: [usize; 2],
) -> fmt::Result {
    write!(f, "  {} · {}", device.name, device.entry.driver)?;
    match device.place {
        Place::I2c { address, behind } => {
            write!(f, " at {address:#04x}")?;
            if let Some(channel) = behind {
                write!(f, " {}", config::placed(bus, channel))?;
            }
        }
        Place::Spi { mode, clock_hz } => write!(f, " in mode {mode} at {clock_hz} Hz")?,
        Place::Uart { .. } | Place::Sysfs | Place::Gpio => {}
    }
    for argument in config::unusual(device.entry.parameters, &device.arguments) {
        write!(f, ", {argument}")?;
    }
    for patience in config::unusual_patience(device.faults, device.priority) {
        write!(f, ", {patience}")?;
    }
    if let Some(class) = config::unusual_class(device.class, StreamClass::Normal) {
        write!(f, ", {class}")?;
    }
    match device.pace {
        Pace::Asked { period } => writeln!(f, ", every {}", Interval(period))?,
        Pace::Speaks { silence } => {
            writeln!(f, ", a gap after {} of silence", Interval(silence))?;
        }
    }
    device
        .streams
        .iter()
        .try_for_each(|stream| writeln!(f, "{}", columns(stream, width).trim_end()))
}

fn write_derived(f: &mut fmt::Formatter<'_>, metric: &Derived, width: [usize; 2]) -> fmt::Result {
    write!(f, "{} ", columns(&metric.stream, width))?;
    let Derived { function, arguments, inputs, class, .. } = metric;
    let named = function.roles.iter().zip(inputs);
    let named = named.map(|(role, input)| format!("{} = {}", role.name, input.name));
    let of: Vec<_> = named.chain(config::unusual(function.parameters, arguments)).collect();
    write!(f, "{}({})", function.function, of.join(", "))?;
    let class = config::unusual_class(*class, config::usual_class(function));
    class.map_or(Ok(()), |class| write!(f, ", {class}"))?;
    writeln!(f)
}

fn columns(stream: &Stream, [names, kinds]: [usize; 2]) -> String {
    let unit = stream.kind.unit();
    format!("    {:<names$} {:<kinds$} {unit:<7}", stream.name.as_str(), stream.kind.name())
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
