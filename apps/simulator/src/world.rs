//! The world around the gateway: chips on an I2C bus and a chip select, two serial lines, weather.
//!
//! The paths are those of a Raspberry Pi, so the gateway's configuration could go onto one unchanged.

use std::{f64::consts::TAU, process::Command, time::Duration};

use anyhow::Context as _;
use sim::{
    bus::{I2cBus, SpiLine},
    chips::{Bme280, Mcp3208},
    environment::Environment,
    kernel::{DeviceNodes, Front},
    time::Elapsed,
    tty::{Player, Pty},
};

/// The configuration of the simulated site, but for what changes from run to run.
pub(crate) const CONFIGURATION: &str = include_str!("gateway.toml");

/// The name of the gateway in it.
pub(crate) const GATEWAY: &str = "simulated";

/// A real receiver's log (u-blox MAX-M8Q, from gpsd's regression tests; BSD-2-Clause, see
/// `tests/nmea/COPYING.gpsd`).
const RECEIVER_LOG: &[u8] = include_bytes!("../../../tests/nmea/ublox-8.log");

/// Where the reference input of the converter and the divider before the battery come from.
const REFERENCE_VOLTS: f64 = 3.3;
const DIVIDER: f64 = 5.0;

/// Everything that the gateway can feel.
pub(crate) struct World {
    nodes: DeviceNodes,
    /// Stop playing when dropped.
    _serial: [Player; 2],
}

impl World {
    /// Builds the chips and starts the serial devices.
    pub(crate) fn new(seed: u64) -> anyhow::Result<Self> {
        let time = Elapsed::running();
        // The site comes up at a quarter past nine, when temperatures move.
        let since_midnight =
            |since_start: Duration| Duration::from_secs(9 * 3_600 + 900) + since_start;
        let air = Environment::seeded(seed);
        let i2c = I2cBus::new();
        i2c.attach(0x76, Bme280::new(time.clone(), move |t| air.climate(since_midnight(t))));
        let battery = Environment::seeded(seed);
        let converter_time = time.clone();
        let spi = SpiLine::new(Mcp3208::new(REFERENCE_VOLTS, move |channel| match channel {
            0 => battery.battery_volts(since_midnight(converter_time.now())) / DIVIDER,
            _ => 0.0,
        }));
        let gps = Pty::open().context("no pseudo-terminal for the GPS")?;
        let wind = Pty::open().context("no pseudo-terminal for the wind station")?;
        let nodes = {
            let (gps, wind) = (gps.clone(), wind.clone());
            DeviceNodes::new()
                .i2c("/dev/i2c-1", &i2c)
                .spi("/dev/spidev0.0", &spi)
                .tty("/dev/ttyAMA0", move || gps.terminal())
                .tty("/dev/ttyUSB0", move || wind.terminal())
        };
        let second = Duration::from_secs(1);
        let gps = gps.play_nmea(RECEIVER_LOG, second, true).context("the GPS does not start")?;
        let lines = wind.play(second, std::iter::from_fn(move || Some(wind_line(time.now()))));
        let wind = lines.context("the wind station does not start")?;
        Ok(Self { nodes, _serial: [gps, wind] })
    }

    /// Lets every process that `command` starts see the site's device nodes.
    pub(crate) fn serve(&self, command: &mut Command) -> anyhow::Result<Front> {
        self.nodes.serve(command).context("device nodes cannot be served")
    }
}

/// What the wind station says: mean wind and gust in km/h, swinging over minutes and seconds.
fn wind_line(time: Duration) -> Vec<u8> {
    let seconds = time.as_secs_f64();
    let mean = 14.0 + 5.0 * (TAU * seconds / 340.0).sin() + 2.0 * (TAU * seconds / 47.0).sin();
    let gust = mean * (1.35 + 0.1 * (TAU * seconds / 7.3).sin());
    format!("WIND,{mean:.1},{gust:.1}\r\n").into_bytes()
}
