//! What hangs on serial lines: four devices that speak, and a field bus.

use std::time::Duration;

use anyhow::Context as _;
use sim::{
    chips::Pms7003,
    faults::{LineNoise, Target},
    serial::{CobsCrc, ModbusSlave, SerialDevice, Space, cobs_frame},
    tty::Pty,
};

use super::{Builder, config, swing};
use crate::world::{Pace, Sent};

/// How long a device that speaks may be silent.
const SILENCE: Duration = Duration::from_secs(2);

impl Builder {
    pub(super) fn serial_lines(&mut self) -> anyhow::Result<()> {
        let time = self.time.clone();
        self.speaks("gps", "nmea0183", move || fix(time.now()))?;
        let dust = Pms7003::new(|time| [5.0, swing((8.0, 20.0), 41.0, time), 25.0]);
        let time = self.time.clone();
        self.speaks("dust", "pms7003", move || dust.frame(time.now()))?;
        let time = self.time.clone();
        let line = move || format!("{:.1}\r\n", swing((2.0, 9.0), 37.0, time.now())).into_bytes();
        self.speaks("wind", "delimited_text", line)?;
        let time = self.time.clone();
        let level = move || {
            #[expect(clippy::cast_possible_truncation, reason = "the device measures so finely")]
            let volts = swing((0.5, 2.5), 53.0, time.now()) as f32;
            cobs_frame(&volts.to_le_bytes(), CobsCrc::Crc16CcittFalse)
        };
        self.speaks("level", "cobs_binary", level)
    }

    /// A device that says something each half second, on a USB adapter of its own.
    fn speaks(
        &mut self,
        name: &str,
        driver: &str,
        mut say: impl FnMut() -> Vec<u8> + Send + 'static,
    ) -> anyhow::Result<()> {
        let line = Pty::open().context("no pseudo-terminal left")?;
        let noise = LineNoise::seeded(self.seed.wrapping_add(name.len() as u64));
        let frames = noise.over(std::iter::from_fn(move || Some(say())));
        let player = line.play(Duration::from_millis(500), frames);
        let player = player.context("a serial device does not start")?;
        let (bus, path) = (format!("usb_{name}"), format!("/dev/serial/by-id/usb-{name}-if00"));
        self.serve_line(&bus, &path, &line, "");
        let silence = format!("\"{}ms\"", SILENCE.as_millis());
        self.world.configuration +=
            &self.config.device(name, driver, &bus, &[("silence", silence)])?;
        let target = Target::on_line(&noise).with_plug(line);
        self.world.targets.insert(name.to_owned(), target);
        let pace = Pace::Spoken(Sent { player: player.count(), noise });
        self.world.paces.insert(name.to_owned(), pace);
        self.world.keep.push(Box::new(player));
        Ok(())
    }

    /// Six slaves on one line.
    pub(super) fn field_bus(&mut self) -> anyhow::Result<()> {
        const PATH: &str = "/dev/serial/by-id/usb-rs485-if00";
        let line = Pty::open().context("no pseudo-terminal left")?;
        let mut slaves: Vec<Box<dyn SerialDevice>> = Vec::new();
        for unit in 1..=6_u8 {
            let name = format!("meter{unit}");
            let slave = ModbusSlave::new(unit);
            slave.set(Space::Holding, 0, &[230 + u16::from(unit)]);
            let noise = LineNoise::seeded(self.seed.wrapping_add(u64::from(unit)));
            slaves.push(Box::new(noise.around(slave.clone())));
            let period = Duration::from_secs(1);
            let keys = [("period", "\"1s\"".to_owned()), ("unit", unit.to_string())];
            self.world.configuration += &self.config.device(&name, "modbus_rtu", "rs485", &keys)?;
            let mut target = Target::on_line(&noise).with_slave(&slave);
            // The adapter is pulled for all of them.
            if unit == 1 {
                target = target.with_plug(line.clone());
            }
            self.world.targets.insert(name.clone(), target);
            self.world.paces.insert(name, Pace::Asked(period));
        }
        self.serve_line("rs485", PATH, &line, "baud = 19200\n");
        let attendant = line.attach(slaves).context("the field bus does not start")?;
        self.world.keep.push(Box::new(attendant));
        Ok(())
    }

    fn serve_line(&mut self, bus: &str, path: &str, line: &Pty, more: &str) {
        let nodes = std::mem::take(&mut self.world.nodes);
        let line = line.clone();
        self.world.nodes = nodes.tty(path, move || line.terminal());
        self.world.configuration += &config::bus(bus, "uart", path, more);
    }
}

/// Position, and speed and course, of one epoch.
fn fix(time: Duration) -> Vec<u8> {
    let seconds = 33_300 + time.as_secs();
    let clock = format!(
        "{:02}{:02}{:02}.{:02}",
        seconds / 3_600 % 24,
        seconds / 60 % 60,
        seconds % 60,
        time.subsec_millis() / 10
    );
    let position = format!("GPGGA,{clock},4717.1144,N,00833.9157,E,1,09,0.9,499.6,M,48.0,M,,");
    let motion = format!("GPRMC,{clock},A,4717.1144,N,00833.9157,E,0.4,77.5,231126,,,A");
    [position, motion].iter().flat_map(|body| sentence(body).into_bytes()).collect()
}

fn sentence(body: &str) -> String {
    let check = body.bytes().fold(0, |check, byte| check ^ byte);
    format!("${body}*{check:02X}\r\n")
}
