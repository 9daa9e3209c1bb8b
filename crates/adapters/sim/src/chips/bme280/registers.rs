//! The control registers and their fields (BST-BME280-DS002, chapter 5).

use std::time::Duration;

/// Register addresses and the values that mean something (table 18).
pub(super) mod address {
    pub(in super::super) const ID: u8 = 0xD0;
    pub(in super::super) const ID_BME280: u8 = 0x60;
    pub(in super::super) const RESET: u8 = 0xE0;
    pub(in super::super) const RESET_WORD: u8 = 0xB6;
    pub(in super::super) const CTRL_HUM: u8 = 0xF2;
    pub(in super::super) const STATUS: u8 = 0xF3;
    pub(in super::super) const CTRL_MEAS: u8 = 0xF4;
    pub(in super::super) const CONFIG: u8 = 0xF5;
}

/// `osrs_t`, `osrs_p` or `osrs_h` (tables 20, 23 and 24).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Oversampling(pub(super) u8);

impl Oversampling {
    /// How many samples make one value, or `None` if the quantity is skipped.
    pub(super) fn factor(self) -> Option<u32> {
        let doublings = self.0.checked_sub(1)?.min(4);
        Some(1 << doublings)
    }

    /// `counts` to the nearest that 16 bits and one more per doubling can say.
    pub(super) fn quantised(self, counts: u32) -> u32 {
        let missing_bits = 5 - u32::from(self.0.clamp(1, 5));
        let half = (1 << missing_bits) >> 1;
        ((counts + half) >> missing_bits << missing_bits).min(0xF_FFFF)
    }
}

/// `mode` of `ctrl_meas` (table 25).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Sleep,
    Forced,
    Normal,
}

/// Register 0xF4.
#[derive(Clone, Copy, Debug)]
pub(super) struct CtrlMeas(pub(super) u8);

impl CtrlMeas {
    pub(super) const fn temperature(self) -> Oversampling {
        Oversampling(self.0 >> 5)
    }

    pub(super) const fn pressure(self) -> Oversampling {
        Oversampling(self.0 >> 2 & 0x07)
    }

    pub(super) const fn mode(self) -> Mode {
        match self.0 & 0x03 {
            0 => Mode::Sleep,
            3 => Mode::Normal,
            _ => Mode::Forced,
        }
    }

    /// The same settings in sleep mode.
    pub(super) const fn asleep(self) -> Self {
        Self(self.0 & !0x03)
    }
}

/// Register 0xF5.
#[derive(Clone, Copy, Debug)]
pub(super) struct Config(pub(super) u8);

impl Config {
    /// Table 27: the pause between two conversions of normal mode.
    pub(super) const fn standby(self) -> Duration {
        Duration::from_micros(match self.0 >> 5 {
            0 => 500,
            1 => 62_500,
            2 => 125_000,
            3 => 250_000,
            4 => 500_000,
            5 => 1_000_000,
            6 => 10_000,
            _ => 20_000,
        })
    }

    /// Table 28; 1 means that the filter is off.
    pub(super) const fn filter_coefficient(self) -> u64 {
        match self.0 >> 2 & 0x07 {
            0 => 1,
            1 => 2,
            2 => 4,
            3 => 8,
            _ => 16,
        }
    }
}
