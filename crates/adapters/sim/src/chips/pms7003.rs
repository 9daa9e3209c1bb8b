//! Plantower PMS7003, from the "PMS7003 series data manual", version 2.5, appendix I: the frame of the
//! active mode.
//!
//! # Deliberately absent
//!
//! The passive mode and sleeping. "CF = 1" and the counts of particles grow with the concentrations, by
//! a rule of ours: the manual has none.

use std::time::Duration;

/// Mass concentrations of PM1.0, PM2.5 and PM10 in µg/m³ at a time.
type Air = Box<dyn Fn(Duration) -> [f64; 3] + Send>;

/// One sensor in its active mode.
pub struct Pms7003 {
    air: Air,
}

impl Pms7003 {
    /// A sensor in air of these mass concentrations of PM1.0, PM2.5 and PM10 in µg/m³.
    pub fn new(air: impl Fn(Duration) -> [f64; 3] + Send + 'static) -> Self {
        Self { air: Box::new(air) }
    }

    /// What it sends at `at`: 32 bytes. Data are whole numbers of 16 bits, clamped to what they hold.
    pub fn frame(&self, at: Duration) -> Vec<u8> {
        let atmospheric = (self.air)(at).map(word);
        let [fine, ..] = atmospheric;
        let counts = [64, 32, 8, 2, 1, 0].map(|share| fine.saturating_mul(share));
        // The last data are version and error code.
        let data = [&atmospheric[..], &atmospheric, &counts, &[0x9100]].concat();
        let mut frame = vec![0x42, 0x4D, 0, 28];
        frame.extend(data.iter().flat_map(|word| word.to_be_bytes()));
        let check = frame.iter().fold(0_u16, |sum, &byte| sum.wrapping_add(byte.into()));
        frame.extend(check.to_be_bytes());
        frame
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the type before"
)]
fn word(number: f64) -> u16 {
    number.round().clamp(0.0, f64::from(u16::MAX)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_laid_out_as_the_manual_says() {
        let frame = Pms7003::new(|_| [1.4, 258.0, 1e9]).frame(Duration::ZERO);
        assert_eq!(frame.len(), 32);
        assert_eq!(frame[..4], [0x42, 0x4D, 0x00, 0x1C]);
        assert_eq!(frame[10..16], [0, 1, 1, 2, 0xFF, 0xFF]);
        let sum: u32 = frame[..30].iter().map(|&byte| u32::from(byte)).sum();
        assert_eq!(sum.to_be_bytes()[2..], frame[30..]);
    }
}
