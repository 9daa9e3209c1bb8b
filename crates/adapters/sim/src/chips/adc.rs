//! What converters do at the ends of their range, and which code is nearest inside of it.

/// The whole number nearest to `number`, or the end of the range that it is beyond.
pub(super) fn nearest(number: f64, low: i16, high: i16) -> i16 {
    let inside = number.round().clamp(low.into(), high.into());
    #[expect(clippy::cast_possible_truncation, reason = "within i16 by the clamp; NaN becomes 0")]
    let code = inside as i16;
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_inside_of_the_range_and_saturate_beyond_it() {
        for (number, code) in [
            (0.4, 0),
            (-0.6, -1),
            (511.4, 511),
            (1e9, 511),
            (f64::NEG_INFINITY, -512),
            (f64::NAN, 0),
        ] {
            assert_eq!(nearest(number, -512, 511), code, "{number}");
        }
    }
}
