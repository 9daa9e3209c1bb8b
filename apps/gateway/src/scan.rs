//! `telemetryhub scan`: which addresses of an I2C bus answer, and which drivers fit there.
//!
//! Nothing is ever written to a chip but a switch that the command line names: see [`bus_linux::presence`]
//! for what is put on the wires. That a driver fits means that its chip can be strapped to the address, not that it is there: only the one
//! who reads the print on the chip knows.

use std::{
    io::{self, Write},
    ops::RangeInclusive,
    path::Path,
};

use bus_linux::{BusError, I2cNode, Presence};
use sensors::{BadOptions, BusClass, Catalogue, Switch, Tca9548a};

use crate::{config::Nodes, logging};

/// Addresses that I2C does not reserve: all that are asked.
const ADDRESSES: RangeInclusive<u8> = 0x08..=0x77;

/// The exit code of a bus that could not be asked.
pub const EXIT_BUS: u8 = 1;

/// A channel to look behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// The address of its switch.
    pub switch: u8,
    /// 0 to 7.
    pub channel: u8,
    /// The addresses of the other switches of the bus, which are to connect nobody.
    pub others: Vec<u8>,
}

impl Behind {
    fn on(&self, path: &Path) -> Result<Tca9548a<I2cNode>, BadOptions> {
        let switch = Switch::new(self.switch)?;
        for &other in &self.others {
            switch.beside(other)?;
        }
        Tca9548a::new(I2cNode::new(path), switch, self.channel)
    }
}

/// The address that `text` is, if a switch can have it.
pub fn switch_address(text: &str) -> Option<u8> {
    let address = match text.strip_prefix("0x") {
        Some(digits) => u8::from_str_radix(digits, 16).ok()?,
        None => text.parse().ok()?,
    };
    Switch::new(address).is_ok().then_some(address)
}

/// As [`run`], behind a channel of a switch, which connects nobody afterwards.
///
/// # Errors
///
/// If nothing can be written to `out` or `faults`.
pub fn run_behind(
    path: &Path,
    behind: &Behind,
    catalogue: Catalogue,
    out: &mut impl Write,
    faults: &mut impl Write,
) -> io::Result<u8> {
    let mut channel = behind.on(path).map_err(io::Error::other)?;
    if let Err(fault) = channel.select() {
        let (switch, chain) = (behind.switch, logging::chain(&fault));
        let mend = "ask the bus in front of it who answers: leave --switch and --channel out";
        writeln!(faults, "the switch at {switch:#04x} does not answer: {chain}\n  mend: {mend}")?;
        return Ok(EXIT_BUS);
    }
    let outcome = run(path, catalogue, bus_linux::presence, out, faults);
    if let Err(fault) = channel.deselect() {
        let (switch, chain) = (behind.switch, logging::chain(&fault));
        writeln!(faults, "the switch at {switch:#04x} stays as it is: {chain}")?;
    }
    outcome
}

/// Asks each address of the bus at `path` through `presence` and tells `out` who answers; gives the
/// exit code: 0, or [`EXIT_BUS`] if the bus failed, which `faults` is told.
///
/// # Errors
///
/// If nothing can be written to `out` or `faults`.
pub fn run(
    path: &Path,
    catalogue: Catalogue,
    presence: impl Fn(&Path, u8) -> Result<Presence, BusError>,
    out: &mut impl Write,
    faults: &mut impl Write,
) -> io::Result<u8> {
    let (mut answers, mut taken) = (0, 0);
    for address in ADDRESSES {
        match presence(path, address) {
            Ok(Presence::Silent) => {}
            Ok(Presence::Answers) => {
                answers += 1;
                writeln!(out, "{address:#04x}  answers; {}", fitting(catalogue, address))?;
            }
            Ok(Presence::Kernel) => {
                taken += 1;
                writeln!(out, "{address:#04x}  taken by a driver of the kernel; not asked")?;
            }
            // One hung wait takes a second: a bus that fails is not asked a hundred times.
            Err(fault) => {
                let mend = mend(&fault);
                let chain = logging::chain(&fault);
                if matches!(fault, BusError::Transaction { .. }) {
                    write!(faults, "{address:#04x}: ")?;
                }
                writeln!(faults, "{chain}\n  mend: {mend}")?;
                return Ok(EXIT_BUS);
            }
        }
    }
    let (bus, asked) = (path.display(), ADDRESSES.count() - taken);
    writeln!(out, "{bus}: {answers} of {asked} addresses answer, {taken} taken by the kernel")?;
    Ok(0)
}

fn fitting(catalogue: Catalogue, address: u8) -> String {
    let fits = catalogue.entries().filter(|entry| entry.addresses().contains(&address));
    let fits: Vec<_> = fits.map(|entry| format!("{} ({})", entry.driver, entry.part)).collect();
    match fits.as_slice() {
        [] => "no driver of the catalogue is for this address".to_owned(),
        _ => format!("could be {}", fits.join(", ")),
    }
}

/// The I2C buses that this machine has, as a message names them.
pub(crate) fn present() -> String {
    let found = Nodes::in_folder(Path::new("/dev")).found(BusClass::I2c);
    let none =
        "such as /dev/i2c-1; there is none here: is it enabled, and the module i2c-dev loaded?";
    found.unwrap_or_else(|| none.to_owned())
}

fn mend(fault: &BusError) -> String {
    match fault {
        BusError::Open { .. } => {
            let there = present();
            format!("name an I2C bus that you may use (the group is often i2c), {there}")
        }
        BusError::Transaction { .. } => {
            "something holds or disturbs the wires: unplug devices one by one, check pull-ups"
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(presence: impl Fn(&Path, u8) -> Result<Presence, BusError>) -> (u8, String, String) {
        let (mut out, mut faults) = (Vec::new(), Vec::new());
        let path = Path::new("/dev/i2c-1");
        let code = run(path, Catalogue::OWN, presence, &mut out, &mut faults).unwrap();
        (code, String::from_utf8(out).unwrap(), String::from_utf8(faults).unwrap())
    }

    #[test]
    fn who_answers_is_told_with_the_drivers_that_fit() {
        let (code, out, _) = scan(|_, address| {
            Ok(match address {
                0x08 | 0x76 => Presence::Answers,
                0x50 => Presence::Kernel,
                _ => Presence::Silent,
            })
        });
        assert_eq!(code, 0);
        let lines: Vec<_> = out.lines().collect();
        assert_eq!(lines.len(), 4, "{out}");
        assert!(lines[1].starts_with("0x50  taken by a driver of the kernel"), "{out}");
        assert!(
            lines[2].starts_with("0x76  answers; could be ") && out.contains("bme280"),
            "{out}"
        );
        assert_eq!(lines[3], "/dev/i2c-1: 2 of 111 addresses answer, 1 taken by the kernel");
    }

    #[test]
    fn the_address_of_a_switch_is_written_as_in_the_file() {
        assert_eq!(["0x70", "119"].map(switch_address), [Some(0x70), Some(0x77)]);
        assert_eq!(["0x6f", "120", "attic", ""].map(switch_address), [None; 4]);
    }

    #[test]
    fn a_bus_that_fails_is_not_asked_again() {
        let asked = std::cell::Cell::new(0);
        let (code, out, faults) = scan(|path, _| {
            asked.set(asked.get() + 1);
            let source = io::Error::from_raw_os_error(110);
            Err(BusError::Transaction { path: path.to_owned(), source })
        });
        assert_eq!((code, asked.get(), out.as_str()), (EXIT_BUS, 1, ""));
        assert!(faults.starts_with("0x08: transaction on /dev/i2c-1 failed"), "{faults}");
    }

    #[test]
    fn a_bus_that_cannot_be_opened_is_not_the_fault_of_an_address() {
        let (code, _, faults) = scan(|path, _| {
            let source = io::Error::from_raw_os_error(2);
            Err(BusError::Open { path: path.to_owned(), source })
        });
        assert_eq!(code, EXIT_BUS);
        assert!(faults.starts_with("cannot open /dev/i2c-1: "), "{faults}");
    }
}
