//! Cutting the log of an NMEA-0183 receiver into the frames it was sent in.

/// Sentence types that a receiver opens its cycle with.
const OPENERS: [&[u8]; 4] = [b"RMC", b"GGA", b"GLL", b"ZDA"];

/// One frame per cycle of the receiver.
///
/// Lines that begin with `#` are the log's own and are left out, empty lines too. A cycle begins
/// with the first type of [`OPENERS`] that the log has; what comes before it belongs to the first.
/// Sentences end with CR LF as the standard says, whatever the log has; other bytes go as they are.
pub(super) fn cycles(log: &[u8]) -> Vec<Vec<u8>> {
    let lines: Vec<_> = log.split(|&byte| byte == b'\n').filter(|line| is_sent(line)).collect();
    let opener = lines.iter().find_map(|line| opener(line));
    let mut cycles: Vec<Vec<u8>> = Vec::new();
    let mut has_begun = false;
    for line in lines {
        let opens = opener.is_none() || self::opener(line) == opener;
        if cycles.is_empty() || (opens && has_begun) {
            cycles.push(Vec::new());
        }
        has_begun |= opens;
        if let Some(cycle) = cycles.last_mut() {
            cycle.extend_from_slice(line.trim_ascii_end());
            cycle.extend_from_slice(b"\r\n");
        }
    }
    cycles
}

fn is_sent(line: &[u8]) -> bool {
    !line.starts_with(b"#") && !line.trim_ascii().is_empty()
}

/// The type of a sentence `$ttXXX,` that may open a cycle.
fn opener(line: &[u8]) -> Option<&'static [u8]> {
    let [b'$', _, _, kind @ ..] = line else { return None };
    OPENERS.into_iter().find(|opener| kind.starts_with(opener) && kind.get(3) == Some(&b','))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &[u8] = b"# Name: a receiver\r\n$GPGSA,a*00\r\n$GPGGA,1*00\r\n$GPRMC,1*00\n\n\
        $GPGGA,2*00\r\n$GPGSV,x*00\r\n$GPGGA,3*00";

    #[test]
    fn a_cycle_begins_with_the_first_fix_sentence_and_headers_are_left_out() {
        let cycles = cycles(LOG);
        let expected: [&[u8]; 3] = [
            b"$GPGSA,a*00\r\n$GPGGA,1*00\r\n$GPRMC,1*00\r\n",
            b"$GPGGA,2*00\r\n$GPGSV,x*00\r\n",
            b"$GPGGA,3*00\r\n",
        ];
        assert_eq!(cycles, expected);
    }

    #[test]
    fn a_log_without_fixes_goes_line_by_line() {
        assert_eq!(cycles(b"$GPGSV,1\n$GPGSV,2\n"), [b"$GPGSV,1\r\n", b"$GPGSV,2\r\n"]);
        assert!(cycles(b"# nothing\n\n").is_empty());
    }
}
