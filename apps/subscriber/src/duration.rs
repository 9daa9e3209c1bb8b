//! Durations as people type them.

use core::time::Duration;

/// Reads a whole number of `ms`, `s`, `m` or `h`; without a unit, of seconds.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let refused = || format!("`{text}` is not a duration: write 500ms, 60s, 5m or 2h");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let number: u64 = is_number.then(|| digits.parse().ok()).flatten().ok_or_else(refused)?;
    let seconds_per_unit = match &text[digits.len()..] {
        "ms" => return Ok(Duration::from_millis(number)),
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(refused()),
    };
    number.checked_mul(seconds_per_unit).map(Duration::from_secs).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_perhaps_a_unit() {
        for (text, millis) in
            [("500ms", 500), ("60s", 60_000), ("5m", 300_000), ("2h", 7_200_000), ("7", 7_000)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "s", "1d", "-1s", "1.5s", "1 s", "+1", "18446744073709551615h"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
