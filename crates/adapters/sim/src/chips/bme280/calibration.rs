//! Trimming parameters, and the way from a physical state back to counts.
//!
//! The three compensation formulas are the double-precision ones of the datasheet (BST-BME280-DS002,
//! 8.1). Each is monotonic in its counts, so the inverse is a search for the counts whose
//! compensated value is nearest.

use crate::environment::Climate;

/// The trimming parameters of one chip, named as in table 16 of the datasheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the datasheet has no other names for them")]
pub struct Calibration {
    pub t1: u16,
    pub t2: i16,
    pub t3: i16,
    pub p1: u16,
    pub p2: i16,
    pub p3: i16,
    pub p4: i16,
    pub p5: i16,
    pub p6: i16,
    pub p7: i16,
    pub p8: i16,
    pub p9: i16,
    pub h1: u8,
    pub h2: i16,
    pub h3: u8,
    pub h4: i16,
    pub h5: i16,
    pub h6: i8,
}

/// What the converter delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    /// 20 bits.
    pub(super) temperature: u32,
    /// 20 bits.
    pub(super) pressure: u32,
    /// 16 bits.
    pub(super) humidity: u32,
}

impl Counts {
    /// Before the first conversion, and for what a conversion skips.
    pub(super) const RESET: Self =
        Self { temperature: 0x8_0000, pressure: 0x8_0000, humidity: 0x8000 };

    /// Registers 0xF7 to 0xFE.
    pub(super) const fn registers(self) -> [u8; 8] {
        let [_, p0, p1, p2] = (self.pressure << 4).to_be_bytes();
        let [_, t0, t1, t2] = (self.temperature << 4).to_be_bytes();
        let [_, _, h0, h1] = self.humidity.to_be_bytes();
        [p0, p1, p2, t0, t1, t2, h0, h1]
    }
}

impl Calibration {
    /// Temperature and pressure as in the worked example of Bosch's pressure-sensor datasheet
    /// (BST-BMP280-DS001, 3.12), humidity as parts of the same family carry it.
    pub const TYPICAL: Self = Self {
        t1: 27_504,
        t2: 26_435,
        t3: -1_000,
        p1: 36_477,
        p2: -10_685,
        p3: 3_024,
        p4: 2_855,
        p5: 140,
        p6: -7,
        p7: 15_500,
        p8: -14_600,
        p9: 6_000,
        h1: 75,
        h2: 367,
        h3: 0,
        h4: 301,
        h5: 50,
        h6: 30,
    };

    /// Registers 0x88 to 0xA1.
    pub(super) fn low_block(&self) -> [u8; 26] {
        let mut block = [0; 26];
        let unsigned = [(0, self.t1), (6, self.p1)];
        let signed = [
            (2, self.t2),
            (4, self.t3),
            (8, self.p2),
            (10, self.p3),
            (12, self.p4),
            (14, self.p5),
            (16, self.p6),
            (18, self.p7),
            (20, self.p8),
            (22, self.p9),
        ];
        let words = unsigned.map(|(at, word)| (at, word.to_le_bytes())).into_iter();
        for (at, word) in words.chain(signed.map(|(at, word)| (at, word.to_le_bytes()))) {
            block[at..at + 2].copy_from_slice(&word);
        }
        block[25] = self.h1;
        block
    }

    /// Registers 0xE1 to 0xE7; `h4` and `h5` are 12 bits wide and share 0xE5.
    pub(super) const fn high_block(&self) -> [u8; 7] {
        let [h2_low, h2_high] = self.h2.to_le_bytes();
        let [h4_high, h4_low] = (self.h4 << 4).to_be_bytes();
        let [h5_high, h5_low] = (self.h5 << 4).to_be_bytes();
        let [h6] = self.h6.to_le_bytes();
        [h2_low, h2_high, self.h3, h4_high, h4_low >> 4 | h5_low, h5_high, h6]
    }

    /// Degrees Celsius times 5120; whole, it is the `t_fine` of the other two formulas.
    pub(super) fn fine_temperature(&self, counts: u32) -> f64 {
        let (adc, t1) = (f64::from(counts), f64::from(self.t1));
        let linear = (adc / 16_384.0 - t1 / 1_024.0) * f64::from(self.t2);
        let bend = adc / 131_072.0 - t1 / 8_192.0;
        linear + bend * bend * f64::from(self.t3)
    }

    /// Degrees Celsius.
    pub(super) fn celsius(&self, counts: u32) -> f64 {
        self.fine_temperature(counts) / 5_120.0
    }

    /// Pascal.
    pub(super) fn pascals(&self, counts: u32, t_fine: f64) -> f64 {
        let fine = t_fine / 2.0 - 64_000.0;
        let offset = fine * fine * f64::from(self.p6) / 32_768.0 + fine * f64::from(self.p5) * 2.0;
        let offset = offset / 4.0 + f64::from(self.p4) * 65_536.0;
        let slope = f64::from(self.p3) * fine * fine / 524_288.0 + f64::from(self.p2) * fine;
        let slope = (1.0 + slope / 524_288.0 / 32_768.0) * f64::from(self.p1);
        let linear = (1_048_576.0 - f64::from(counts) - offset / 4_096.0) * 6_250.0 / slope;
        let square = f64::from(self.p9) * linear * linear / 2_147_483_648.0;
        let scaled = linear * f64::from(self.p8) / 32_768.0;
        linear + (square + scaled + f64::from(self.p7)) / 16.0
    }

    /// Percent relative humidity, without the clamp to 0..100.
    pub(super) fn percent(&self, counts: u32, t_fine: f64) -> f64 {
        let fine = t_fine - 76_800.0;
        let offset = f64::from(self.h4) * 64.0 + f64::from(self.h5) / 16_384.0 * fine;
        let bend = 1.0 + f64::from(self.h3) / 67_108_864.0 * fine;
        let slope = 1.0 + f64::from(self.h6) / 67_108_864.0 * fine * bend;
        let raw = (f64::from(counts) - offset) * f64::from(self.h2) / 65_536.0 * slope;
        raw * (1.0 - f64::from(self.h1) * raw / 524_288.0)
    }

    /// The counts of this chip in air of the state `climate`; they saturate at the converter's ends.
    pub(super) fn counts(&self, climate: Climate) -> Counts {
        let temperature = nearest(0xF_FFFF, climate.celsius, |counts| self.celsius(counts));
        let t_fine = self.fine_temperature(temperature).trunc();
        // Pressure falls as counts rise.
        let pressure = nearest(0xF_FFFF, -100.0 * climate.hectopascals, |counts| {
            -self.pascals(counts, t_fine)
        });
        let humidity =
            nearest(0xFFFF, climate.humidity_percent, |counts| self.percent(counts, t_fine));
        Counts { temperature, pressure, humidity }
    }
}

/// The counts up to `last` whose value is nearest to `target`; `value` must not fall as counts rise.
fn nearest(last: u32, target: f64, value: impl Fn(u32) -> f64) -> u32 {
    let (mut low, mut high) = (0, last);
    while high - low > 1 {
        let middle = low.midpoint(high);
        if value(middle) <= target {
            low = middle;
        } else {
            high = middle;
        }
    }
    if target - value(low) <= value(high) - target { low } else { high }
}
