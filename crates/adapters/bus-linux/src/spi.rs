//! One chip select of an SPI bus, through `/dev/spidevB.C`.

use std::{
    io,
    path::{Path, PathBuf},
};

use embedded_hal::spi::{ErrorType, MODE_0, Mode, Operation, Phase, Polarity, SpiDevice};
use linux_embedded_hal::{
    SpidevDevice,
    spidev::{SpiModeFlags, SpidevOptions},
};

use crate::{BusError, node::Node};

/// How to talk to the chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpiSettings {
    /// Clock polarity and phase.
    pub mode: Mode,
    /// The fastest clock allowed, in hertz; the controller takes the next one below that it has.
    pub clock_hz_max: u32,
}

impl Default for SpiSettings {
    /// Mode 0 at 1 MHz, which every chip in the catalogue takes at 3.3 V.
    fn default() -> Self {
        Self { mode: MODE_0, clock_hz_max: 1_000_000 }
    }
}

/// The chip behind one `/dev/spidevB.C`.
#[derive(Debug)]
pub struct SpiNode {
    node: Node<Handle>,
    settings: SpiSettings,
}

struct Handle(SpidevDevice);

impl SpiNode {
    /// The chip at `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>, settings: SpiSettings) -> Self {
        Self { node: Node::new(path.into()), settings }
    }
}

impl ErrorType for SpiNode {
    type Error = BusError;
}

impl SpiDevice for SpiNode {
    fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), BusError> {
        let settings = self.settings;
        self.node.with(
            |path| open(path, settings),
            |Handle(chip)| chip.transaction(operations).map_err(|fault| cause(fault.inner())),
        )
    }
}

fn open(path: &Path, settings: SpiSettings) -> io::Result<Handle> {
    let mut chip = SpidevDevice::open(path).map_err(|fault| cause(fault.inner()))?;
    let options = SpidevOptions::new()
        .bits_per_word(8)
        .max_speed_hz(settings.clock_hz_max)
        .mode(mode_flags(settings.mode))
        .build();
    chip.configure(&options)?;
    Ok(Handle(chip))
}

fn mode_flags(mode: Mode) -> SpiModeFlags {
    let polarity = match mode.polarity {
        Polarity::IdleLow => SpiModeFlags::empty(),
        Polarity::IdleHigh => SpiModeFlags::SPI_CPOL,
    };
    let phase = match mode.phase {
        Phase::CaptureOnFirstTransition => SpiModeFlags::empty(),
        Phase::CaptureOnSecondTransition => SpiModeFlags::SPI_CPHA,
    };
    polarity | phase
}

/// What the kernel said, which the library lends but does not give.
fn cause(fault: &io::Error) -> io::Error {
    match fault.raw_os_error() {
        Some(errno) => io::Error::from_raw_os_error(errno),
        None => io::Error::from(fault.kind()),
    }
}

impl core::fmt::Debug for Handle {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SpidevDevice")
    }
}

#[cfg(test)]
mod tests {
    use domain::NoData;
    use embedded_hal::spi::{MODE_1, MODE_2, MODE_3};

    use super::*;

    #[test]
    fn a_chip_select_that_does_not_exist_is_absent_and_a_file_that_is_none_is_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spidev0.0");
        let mut chip = SpiNode::new(&path, SpiSettings::default());
        assert_eq!(chip.write(&[1]).map_err(NoData::from), Err(NoData::Absent));
        std::fs::write(&path, b"").unwrap();
        assert_eq!(chip.write(&[1]).map_err(NoData::from), Err(NoData::BusFault));
    }

    #[test]
    fn the_four_modes_are_numbered_as_the_kernel_numbers_them() {
        let numbers = [MODE_0, MODE_1, MODE_2, MODE_3].map(|mode| mode_flags(mode).bits());
        assert_eq!(numbers, [0, 1, 2, 3]);
    }
}
