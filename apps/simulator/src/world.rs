//! The world around the gateway: chips on an I2C bus and a chip select, two serial lines, weather.
//!
//! The paths are those of a Raspberry Pi, so the gateway's configuration could go onto one unchanged.

use std::{any::Any, collections::BTreeMap, f64::consts::TAU, process::Command, time::Duration};

use anyhow::Context as _;
use sim::{
    bus::{I2cBus, SpiLine},
    chips::{Bme280, Mcp3208},
    environment::{Climate, Environment},
    faults::{LineNoise, Senses, Target},
    kernel::{DeviceNodes, Front},
    time::Elapsed,
    tty::{PlayedCount, Pty},
};

use crate::forty::since_midnight;

/// The configuration of the simulated site, but for what changes from run to run.
const CONFIGURATION: &str = include_str!("gateway.toml");

/// The name of the gateway in it.
pub(crate) const GATEWAY: &str = "simulated";

/// A real receiver's log (u-blox MAX-M8Q, from gpsd's regression tests; BSD-2-Clause, see
/// `tests/nmea/COPYING.gpsd`).
const RECEIVER_LOG: &[u8] = include_bytes!("../../../tests/nmea/ublox-8.log");

/// Where the reference input of the converter and the divider before the battery come from.
const REFERENCE_VOLTS: f64 = 3.3;
const DIVIDER: f64 = 5.0;

/// Everything that the gateway can feel, and what is expected of it.
pub(crate) struct World {
    pub(crate) nodes: DeviceNodes,
    pub(crate) configuration: String,
    /// What can go wrong, by device.
    pub(crate) targets: BTreeMap<String, Target>,
    /// How often each device gives readings.
    pub(crate) paces: BTreeMap<String, Pace>,
    /// What stops when it is dropped, such as the threads of serial devices.
    pub(crate) keep: Vec<Box<dyn Any + Send>>,
}

/// How often a device gives readings.
#[derive(Clone)]
pub(crate) enum Pace {
    /// Each time this has passed.
    Asked(Duration),
    /// When it speaks.
    Spoken(Sent),
}

/// What a device that speaks has said.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) player: PlayedCount,
    pub(crate) noise: LineNoise,
}

impl World {
    /// The site of four devices.
    pub(crate) fn small(seed: u64) -> anyhow::Result<Self> {
        let time = Elapsed::running();
        let (air, senses) = (Environment::seeded(seed), Senses::default());
        let felt = senses.felt(
            move |time| air.climate(since_midnight(time)),
            |air| Climate { celsius: 200.0, ..air },
        );
        let i2c = I2cBus::new();
        let outdoor = i2c.attach(0x76, Bme280::new(time.clone(), felt));
        let battery = Environment::seeded(seed);
        let converter_time = time.clone();
        let spi = SpiLine::new(Mcp3208::new(REFERENCE_VOLTS, move |channel| match channel {
            0 => battery.battery_volts(since_midnight(converter_time.now())) / DIVIDER,
            _ => 0.0,
        }));
        let mut world = Self {
            nodes: DeviceNodes::new().i2c("/dev/i2c-1", &i2c).spi("/dev/spidev0.0", &spi),
            configuration: CONFIGURATION.to_owned(),
            targets: [
                ("outdoor".to_owned(), Target::on_bus(&outdoor).with_senses(&senses)),
                ("battery".to_owned(), Target::on_bus(&spi.wiring())),
            ]
            .into(),
            paces: [("outdoor", 500), ("battery", 250)]
                .map(|(name, ms)| (name.to_owned(), Pace::Asked(Duration::from_millis(ms))))
                .into(),
            keep: Vec::new(),
        };
        let second = Duration::from_secs(1);
        let gps = world.line("gps", "/dev/ttyAMA0")?;
        // Without noise of its own: a log without a fix in each cycle cannot be accounted for.
        let gps = gps.play_nmea(RECEIVER_LOG, second, true).context("the GPS does not start")?;
        world.keep.push(Box::new(gps));
        let wind = world.line("wind", "/dev/ttyUSB0")?;
        let noise = LineNoise::seeded(seed);
        let lines = noise.over(std::iter::from_fn(move || Some(wind_line(time.now()))));
        let player = wind.play(second, lines).context("the wind station does not start")?;
        let pace = Pace::Spoken(Sent { player: player.count(), noise: noise.clone() });
        world.paces.insert("wind".to_owned(), pace);
        world.targets.insert("wind".to_owned(), Target::on_line(&noise).with_plug(wind));
        world.keep.push(Box::new(player));
        Ok(world)
    }

    fn line(&mut self, name: &str, path: &str) -> anyhow::Result<Pty> {
        let line = Pty::open().with_context(|| format!("no pseudo-terminal for {name}"))?;
        let terminal = line.clone();
        let nodes = std::mem::take(&mut self.nodes);
        self.nodes = nodes.tty(path, move || terminal.terminal());
        Ok(line)
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
