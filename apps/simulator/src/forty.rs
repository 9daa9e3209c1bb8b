//! The site of forty devices.
//!
//! Six buses as an electrician counts them: three of I2C with 25 chips, two of which are behind a switch, the wires of one SPI controller
//! with five chip selects, an RS-485 line with six Modbus slaves, and a USB hub with four serial adapters,
//! each with a device of its own. To the gateway a chip select and an adapter are a bus each: it has 13.
//!
//! The gateway's configuration is made of what `telemetryhub catalogue` says of each driver, so every
//! device has the parameters of the catalogue's own example.

mod config;
mod lines;

use std::{collections::BTreeMap, f64::consts::TAU, path::Path, time::Duration};

use anyhow::Context as _;
use sim::{
    bus::{I2cBus, SpiLine, SwitchedBus, Wiring},
    chips::{
        Ads1115, Adxl345, Aht20, Bh1750, Bme280, BreathedAir, Ds3231, Ina219, Ina226, Junction,
        Lis3dh, Lm75, Lm75Part, Max6675, Max31855, Mcp3208, Mcp9808, Mpu6050, Scd41, Sgp40, Sht4x,
        Sht31, Shtc3, Thermocouple, Tmp102, Tmp117, Veml7700,
    },
    environment::{Climate, Environment, Load, Motion},
    faults::{Senses, Target},
    kernel::DeviceNodes,
    time::Elapsed,
};

use self::config::Configuration;
use crate::world::{Pace, World};

/// Of the example in the catalogue.
const SHUNT_OHMS: f64 = 0.01;
const REFERENCE_VOLTS: f64 = 3.3;
/// Which byte of a reply is the first checksum: of Sensirion's words, and of the AHT20.
const WORD_CRC: usize = 2;
const AHT20_CRC: usize = 6;

/// The site, whose weather is decided by `seed`.
pub(crate) fn build(seed: u64, gateway_binary: &Path) -> anyhow::Result<World> {
    let mut builder = Builder::new(seed, gateway_binary);
    builder.climate_bus()?;
    builder.light_and_air_bus()?;
    builder.power_and_motion_bus()?;
    builder.chip_selects()?;
    builder.serial_lines()?;
    builder.field_bus()?;
    Ok(builder.world)
}

struct Builder {
    world: World,
    config: Configuration,
    time: Elapsed,
    seed: u64,
}

/// What of a chip can be broken besides its wiring.
#[derive(Default)]
struct Weakness {
    senses: Option<Senses>,
    checksum_at: Option<usize>,
}

impl Weakness {
    fn of(senses: &Senses) -> Self {
        Self { senses: Some(senses.clone()), checksum_at: None }
    }

    fn and_checksum(self, index: usize) -> Self {
        Self { checksum_at: Some(index), ..self }
    }
}

impl Builder {
    fn new(seed: u64, gateway_binary: &Path) -> Self {
        let world = World {
            nodes: DeviceNodes::new(),
            configuration: config::HEAD.to_owned(),
            targets: BTreeMap::new(),
            paces: BTreeMap::new(),
            keep: Vec::new(),
        };
        Self { world, config: Configuration::of(gateway_binary), time: Elapsed::running(), seed }
    }

    /// Notes a device that is asked.
    fn asked(
        &mut self,
        device: (&str, &str, &str),
        (address, period): (Option<u8>, u64),
        what: (&Wiring, Weakness),
    ) -> anyhow::Result<()> {
        let address = address.map(|address| ("address", format!("{address:#04x}")));
        self.placed(device, (address.into_iter().collect(), period), what)
    }

    /// Notes a device that is asked, with the keys that say where it is.
    fn placed(
        &mut self,
        (name, driver, bus): (&str, &str, &str),
        (mut keys, period): (Vec<(&str, String)>, u64),
        (wiring, weakness): (&Wiring, Weakness),
    ) -> anyhow::Result<()> {
        let period = Duration::from_millis(period);
        keys.push(("period", format!("\"{}ms\"", period.as_millis())));
        self.world.configuration += &self.config.device(name, driver, bus, &keys)?;
        let mut target = Target::on_bus(wiring);
        if let Some(senses) = &weakness.senses {
            target = target.with_senses(senses);
        }
        if let Some(index) = weakness.checksum_at {
            target = target.with_checksum_at(index);
        }
        self.world.targets.insert(name.to_owned(), target);
        self.world.paces.insert(name.to_owned(), Pace::Asked(period));
        Ok(())
    }

    fn add_i2c(&mut self, (bus, path): (&str, &str), wires: &I2cBus, more: &str) {
        let nodes = std::mem::take(&mut self.world.nodes);
        self.world.nodes = nodes.i2c(path, wires);
        self.world.configuration += &config::bus(bus, "i2c", path, more);
    }

    /// The air at the place of `number`, as a chip with these senses feels it.
    fn air(&self, number: u64, senses: &Senses) -> impl Fn(Duration) -> Climate + Send + use<> {
        let site = Environment::seeded(self.seed.wrapping_add(number));
        let hot = |air: Climate| Climate { celsius: 200.0, humidity_percent: 150.0, ..air };
        senses.felt(move |time| site.climate(since_midnight(time)), hot)
    }

    fn celsius(&self, number: u64, senses: &Senses) -> impl Fn(Duration) -> f64 + Send + use<> {
        let air = self.air(number, senses);
        move |time| air(time).celsius
    }

    fn climate_bus(&mut self) -> anyhow::Result<()> {
        let wires = I2cBus::new();
        self.add_i2c(("i2c1", "/dev/i2c-1"), &wires, "");
        let of = |senses: &Senses| Weakness::of(senses);
        let with_crc = |senses: &Senses| Weakness::of(senses).and_checksum(WORD_CRC);
        for (name, address) in [("roof_air", 0x76), ("hall_air", 0x77)] {
            let s = Senses::default();
            let wiring = wires
                .attach(address, Bme280::new(self.time.clone(), self.air(u64::from(address), &s)));
            self.asked((name, "bme280", "i2c1"), (Some(address), 1_000), (&wiring, of(&s)))?;
        }
        for (name, address) in [("duct_in", 0x44), ("duct_out", 0x45)] {
            let s = Senses::default();
            let chip = Sht31::new(self.time.clone(), self.air(u64::from(address), &s));
            let wiring = wires.attach(address, chip);
            self.asked((name, "sht31", "i2c1"), (Some(address), 1_000), (&wiring, with_crc(&s)))?;
        }
        let s = Senses::default();
        let wiring = wires.attach(0x70, Shtc3::new(self.time.clone(), self.air(1, &s)));
        self.asked(("office", "shtc3", "i2c1"), (Some(0x70), 1_000), (&wiring, with_crc(&s)))?;
        let s = Senses::default();
        let wiring = wires.attach(0x38, Aht20::new(self.time.clone(), self.air(2, &s)));
        let weak = Weakness::of(&s).and_checksum(AHT20_CRC);
        self.asked(("store", "aht20", "i2c1"), (Some(0x38), 2_000), (&wiring, weak))?;
        let s = Senses::default();
        let wiring = wires.attach(0x48, Tmp117::new(self.time.clone(), self.celsius(3, &s)));
        self.asked(("pipe_in", "tmp117", "i2c1"), (Some(0x48), 1_000), (&wiring, of(&s)))?;
        let s = Senses::default();
        let wiring = wires.attach(0x49, Tmp102::new(self.time.clone(), self.celsius(4, &s)));
        self.asked(("pipe_out", "tmp102", "i2c1"), (Some(0x49), 1_000), (&wiring, of(&s)))?;
        let s = Senses::default();
        let chip = Lm75::new(Lm75Part::Lm75, self.time.clone(), self.celsius(5, &s));
        let wiring = wires.attach(0x4A, chip);
        self.asked(("cabinet", "lm75", "i2c1"), (Some(0x4A), 1_000), (&wiring, of(&s)))
    }

    fn light_and_air_bus(&mut self) -> anyhow::Result<()> {
        let wires = I2cBus::new();
        self.add_i2c(("i2c2", "/dev/i2c-2"), &wires, "switches.cold = { address = 0x70 }\n");
        let cold = SwitchedBus::new(wires.clone(), 0x70);
        let with_crc = |senses: &Senses| Weakness::of(senses).and_checksum(WORD_CRC);
        let s = Senses::default();
        let wiring = wires.attach(0x44, Sht4x::new(self.time.clone(), self.air(6, &s)));
        self.asked(("lab", "sht4x", "i2c2"), (Some(0x44), 1_000), (&wiring, with_crc(&s)))?;
        for (name, channel) in [("fridge", 0), ("freezer", 1)] {
            let s = Senses::default();
            let chip = Mcp9808::new(self.time.clone(), self.celsius(24 + u64::from(channel), &s));
            let behind = cold.channel(channel).context("a switch has eight channels")?;
            let (wiring, weak) = (behind.attach(0x18, chip), Weakness::of(&s));
            let keys = [("address", 0x18), ("channel", channel)];
            let mut keys: Vec<_> = keys.map(|(key, number)| (key, number.to_string())).into();
            keys.push(("switch", "\"cold\"".to_owned()));
            self.placed((name, "mcp9808", "i2c2"), (keys, 1_000), (&wiring, weak))?;
        }
        let s = Senses::default();
        let air = self.air(7, &s);
        let breathed = move |time| BreathedAir { climate: air(time), carbon_dioxide_ppm: 640.0 };
        let wiring = wires.attach(0x62, Scd41::new(self.time.clone(), breathed));
        self.asked(
            ("meeting_room", "scd41", "i2c2"),
            (Some(0x62), 5_000),
            (&wiring, with_crc(&s)),
        )?;
        let wiring = wires.attach(0x59, Sgp40::new(self.time.clone(), |_, _| 30_000));
        let weak = Weakness::default().and_checksum(WORD_CRC);
        self.asked(("kitchen", "sgp40", "i2c2"), (Some(0x59), 1_000), (&wiring, weak))?;
        let s = Senses::default();
        let wiring = wires.attach(0x23, Bh1750::new(self.time.clone(), light(&s)));
        self.asked(("window", "bh1750", "i2c2"), (Some(0x23), 1_000), (&wiring, Weakness::of(&s)))?;
        let s = Senses::default();
        let wiring = wires.attach(0x10, Veml7700::new(self.time.clone(), light(&s)));
        self.asked(("desk", "veml7700", "i2c2"), (Some(0x10), 1_000), (&wiring, Weakness::of(&s)))?;
        let s = Senses::default();
        let wiring = wires.attach(0x68, Ds3231::new(self.time.clone(), self.celsius(8, &s)));
        self.asked(("clock", "ds3231", "i2c2"), (Some(0x68), 2_000), (&wiring, Weakness::of(&s)))
    }

    fn power_and_motion_bus(&mut self) -> anyhow::Result<()> {
        let wires = I2cBus::new();
        self.add_i2c(("i2c3", "/dev/i2c-3"), &wires, "");
        for (name, address) in [("panel", 0x40), ("pump", 0x44)] {
            let s = Senses::default();
            let wiring =
                wires.attach(address, Ina219::new(self.time.clone(), SHUNT_OHMS, load(&s)));
            let weak = Weakness::of(&s);
            self.asked((name, "ina219", "i2c3"), (Some(address), 500), (&wiring, weak))?;
        }
        for (name, address) in [("battery", 0x41), ("inverter", 0x45)] {
            let s = Senses::default();
            let wiring =
                wires.attach(address, Ina226::new(self.time.clone(), SHUNT_OHMS, load(&s)));
            let weak = Weakness::of(&s);
            self.asked((name, "ina226", "i2c3"), (Some(address), 500), (&wiring, weak))?;
        }
        let wiring = wires.attach(0x48, Ads1115::new(self.time.clone(), |_, _| 1.2));
        let target = (&wiring, Weakness::default());
        self.asked(("tank", "ads1115", "i2c3"), (Some(0x48), 500), target)?;
        let s = Senses::default();
        let wiring = wires.attach(0x18, Lis3dh::new(self.time.clone(), shaking(&s)));
        self.asked(("motor", "lis3dh", "i2c3"), (Some(0x18), 500), (&wiring, Weakness::of(&s)))?;
        let s = Senses::default();
        let wiring = wires.attach(0x53, Adxl345::new(self.time.clone(), shaking(&s)));
        self.asked(("fan", "adxl345", "i2c3"), (Some(0x53), 500), (&wiring, Weakness::of(&s)))?;
        let s = Senses::default();
        let shakes = shaking(&s);
        let motion = move |time| Motion {
            acceleration: shakes(time),
            rotation: [0.1, -0.2, 3.0],
            celsius: 31.0,
        };
        let wiring = wires.attach(0x68, Mpu6050::new(self.time.clone(), motion));
        self.asked(("gate", "mpu6050", "i2c3"), (Some(0x68), 500), (&wiring, Weakness::of(&s)))
    }

    fn chip_selects(&mut self) -> anyhow::Result<()> {
        let site = Environment::seeded(self.seed);
        let time = self.time.clone();
        let volts = move |_| site.battery_volts(since_midnight(time.now())) / 5.0;
        let adc = SpiLine::new(Mcp3208::new(REFERENCE_VOLTS, volts));
        self.select(0, ("mains", "mcp3208"), (&adc, Weakness::default()))?;
        for (number, name) in [(1, "kiln"), (2, "flue")] {
            let s = Senses::default();
            let line = SpiLine::new(Max31855::new(self.time.clone(), thermocouple(&s)));
            self.select(number, (name, "max31855"), (&line, Weakness::of(&s)))?;
        }
        for (number, name) in [(3, "oven"), (4, "boiler")] {
            let s = Senses::default();
            let line = SpiLine::new(Max6675::new(self.time.clone(), thermocouple(&s)));
            self.select(number, (name, "max6675"), (&line, Weakness::of(&s)))?;
        }
        Ok(())
    }

    fn select(
        &mut self,
        number: u8,
        (name, driver): (&str, &str),
        (line, weakness): (&SpiLine, Weakness),
    ) -> anyhow::Result<()> {
        let (bus, path) = (format!("spi0_{number}"), format!("/dev/spidev0.{number}"));
        let nodes = std::mem::take(&mut self.world.nodes);
        self.world.nodes = nodes.spi(&path, line);
        self.world.configuration += &config::bus(&bus, "spi", &path, "");
        self.asked((name, driver, &bus), (None, 500), (&line.wiring(), weakness))
    }
}

/// The site comes up at a quarter past nine, when temperatures move.
pub(crate) fn since_midnight(since_start: Duration) -> Duration {
    Duration::from_secs(9 * 3_600 + 900) + since_start
}

/// A number that swings between two, once in `period` seconds.
fn swing((low, high): (f64, f64), period: f64, time: Duration) -> f64 {
    let turn = (TAU * time.as_secs_f64() / period).sin();
    f64::midpoint(low, high) + (high - low) / 2.0 * turn
}

fn light(senses: &Senses) -> impl Fn(Duration) -> f64 + Send + use<> {
    senses.felt(|time| swing((200.0, 900.0), 61.0, time), |_| 1e6)
}

fn load(senses: &Senses) -> impl Fn(Duration) -> Load + Send + use<> {
    let normal = |time| Load {
        volts: swing((11.8, 13.2), 97.0, time),
        amperes: swing((0.5, 3.0), 23.0, time),
    };
    senses.felt(normal, |load| Load { amperes: 500.0, ..load })
}

fn shaking(senses: &Senses) -> impl Fn(Duration) -> [f64; 3] + Send + use<> {
    senses.felt(|time| [swing((-2.0, 2.0), 0.7, time), 0.3, 9.8], |_| [1e3; 3])
}

fn thermocouple(senses: &Senses) -> impl Fn(Duration) -> Thermocouple + Send + use<> {
    let normal = |time| Thermocouple {
        hot_celsius: swing((300.0, 700.0), 131.0, time),
        cold_celsius: 24.0,
        junction: Junction::Sound,
    };
    senses.felt(normal, |felt| Thermocouple { junction: Junction::Open, ..felt })
}
