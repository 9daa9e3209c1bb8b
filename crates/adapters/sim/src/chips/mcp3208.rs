//! Microchip MCP3208: eight-channel 12-bit SPI analog-to-digital converter (DS21298E).
//!
//! Bit-exact per chapter 5: leading zeros, start bit, SGL/DIFF, D2 D1 D0, one clock to finish
//! sampling, a null bit, twelve bits from the highest, the same bits again from the lowest but one,
//! then zeros. While its output is at high impedance the line reads as ones, the worst for a driver
//! that forgets to mask.
//!
//! # Deliberately absent
//!
//! Clock modes: the chip takes modes 0 and 3 and is not told which. The acquisition time at high clocks.

use super::SpiChip;

const STEPS: f64 = 4096.0;
const CODE_MAX: u16 = 4095;

/// One MCP3208 and what its inputs are connected to.
pub struct Mcp3208 {
    reference_volts: f64,
    input_volts: Box<dyn Fn(u8) -> f64 + Send>,
}

impl Mcp3208 {
    /// A converter with V<sub>REF</sub> at `reference_volts`, whose input `n` (0 to 7) is at `input_volts(n)`.
    pub fn new(reference_volts: f64, input_volts: impl Fn(u8) -> f64 + Send + 'static) -> Self {
        Self { reference_volts, input_volts: Box::new(input_volts) }
    }

    /// The code for the channel selection of table 5-2, by equation 4-1: 4096 `V_IN` / `V_REF`.
    fn convert(&self, is_single_ended: bool, selection: u8) -> u16 {
        let volts = if is_single_ended {
            (self.input_volts)(selection)
        } else {
            // Pairs 0/1, 2/3, 4/5, 6/7; D0 says which of the pair is IN+.
            (self.input_volts)(selection) - (self.input_volts)(selection ^ 1)
        };
        code(volts / self.reference_volts)
    }
}

/// The highest code whose lower edge is not above `ratio` of the reference; saturates at both ends.
fn code(ratio: f64) -> u16 {
    let (mut low, mut high) = (0, CODE_MAX);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if f64::from(middle) <= ratio * STEPS {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

impl SpiChip for Mcp3208 {
    fn power_on(&mut self) {}

    fn transfer(&mut self, frame: &mut [u8]) {
        let sent = |frame: &[u8], clock: usize| {
            frame.get(clock / 8).is_some_and(|byte| byte & (0x80 >> (clock % 8)) != 0)
        };
        let start = (0..frame.len() * 8).find(|&clock| sent(frame, clock));
        let Some(start) = start else {
            return frame.fill(0xFF); // Never addressed: the output stays at high impedance.
        };
        let selection = (2..5).fold(0, |bits, n| bits << 1 | u8::from(sent(frame, start + n)));
        let code = self.convert(sent(frame, start + 1), selection);
        for (index, byte) in frame.iter_mut().enumerate() {
            *byte = (0..8).fold(0, |bits, n| {
                let clock = index * 8 + n;
                bits << 1 | u8::from(clock < start || output(clock - start, code))
            });
        }
    }
}

/// The output during clock `clock`, counted from the start bit (figures 5-1 and 5-2).
const fn output(clock: usize, code: u16) -> bool {
    match clock {
        0..=5 => true,                            // High impedance.
        7..=18 => code >> (18 - clock) & 1 == 1,  // B11 to B0.
        19..=29 => code >> (clock - 18) & 1 == 1, // B1 to B11.
        _ => false,                               // The null bit, and zeros after the last bit.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: f64 = 3.3;

    fn converter() -> Mcp3208 {
        // 0.1 V, 0.4 V, 0.7 V, ... 2.2 V
        Mcp3208::new(REFERENCE, |channel| 0.1 + 0.3 * f64::from(channel))
    }

    /// Figure 6-1: five leading zeros, so that the result ends on a byte.
    fn converted(is_single_ended: bool, selection: u8) -> [u8; 3] {
        let mut frame = [0x04 | u8::from(is_single_ended) << 1 | selection >> 2, selection << 6, 0];
        converter().transfer(&mut frame);
        frame
    }

    #[test]
    fn each_single_ended_channel_gives_its_own_volts() {
        for channel in 0..8 {
            let [_, high, low] = converted(true, channel);
            let expected = (0.1 + 0.3 * f64::from(channel)) / REFERENCE * 4096.0;
            let found = f64::from(u16::from(high & 0x0F) << 8 | u16::from(low));
            assert!(found <= expected && expected < found + 1.0, "{channel}: {found} {expected}");
        }
    }

    #[test]
    fn the_bits_before_the_result_are_high_impedance_and_one_null_bit() {
        let [first, high, _] = converted(true, 7);
        assert_eq!(first, 0xFF);
        assert_eq!(high & 0xF0, 0xE0);
    }

    #[test]
    fn a_differential_pair_saturates_at_zero_when_the_wrong_way_round() {
        // Table 5-2: 000 is CH0+ CH1-, 001 is CH0- CH1+; channel 1 is 0.3 V above channel 0.
        assert_eq!(converted(false, 0), [0xFF, 0xE0, 0x00]);
        let [_, high, low] = converted(false, 1);
        let code = u16::from(high & 0x0F) << 8 | u16::from(low);
        assert_eq!(code, 372); // 0.3 / 3.3 x 4096 = 372.4
    }

    #[test]
    fn after_the_lowest_bit_the_result_comes_again_backwards_and_then_zeros() {
        let mut chip = Mcp3208::new(4.096, |_| 2.741_5); // Code 2741 = 0b1010_1011_0101
        let mut frame = [0b1100_0000, 0, 0, 0, 0];
        chip.transfer(&mut frame);
        // Six clocks of high impedance, null, B11 to B0, B1 to B11, zeros.
        let expected = "111111|0|101010110101|01011010101|0000000000".replace('|', "");
        assert_eq!(frame.map(|byte| format!("{byte:08b}")).concat(), expected);
    }

    #[test]
    fn codes_saturate_at_both_ends_and_step_at_the_exact_volt() {
        assert_eq!(code(-0.1), 0);
        assert_eq!(code(1.0), 4095);
        assert_eq!(code(f64::NAN), 0);
        assert_eq!(code(2048.0 / 4096.0), 2048);
        assert_eq!(code(2047.999 / 4096.0), 2047);
    }

    #[test]
    fn a_frame_without_a_start_bit_reads_as_a_floating_line() {
        let mut frame = [0; 3];
        converter().transfer(&mut frame);
        assert_eq!(frame, [0xFF; 3]);
    }
}
