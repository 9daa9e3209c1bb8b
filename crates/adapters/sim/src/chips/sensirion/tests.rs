use domain::{Monotonic, Timestamp, WallTime};

use super::*;
use crate::time::VirtualClock;

const TEN: Duration = Duration::from_millis(10);

/// Takes 0x1234 with any number of words, and gives them back after 10 ms.
struct Echo;

impl Commands for Echo {
    fn power_on(&mut self) -> Duration {
        Duration::from_millis(1)
    }

    fn execute(&mut self, command: u16, words: &[u16], _now: Duration) -> Result<Reply, Nak> {
        if command == 0x1234 { Ok(Reply::of(TEN, words)) } else { Err(Nak) }
    }
}

fn echo() -> (Commanded<Echo>, VirtualClock) {
    let start = Timestamp::new(WallTime::from_nanos(0), Monotonic::from_nanos(1_000_000));
    let clock = VirtualClock::starting_at(start);
    let chip = Commanded::powered(clock.elapsed(), Echo);
    (chip, clock)
}

/// SHT3x-DIS 4.12, SHTC3 5.10: CRC (0xBEEF) = 0x92, CRC (0x00) = 0xAC.
#[test]
fn the_checksum_is_that_of_the_datasheets_examples() {
    assert_eq!(checksum(&[0xBE, 0xEF]), 0x92);
    assert_eq!(checksum(&[0x00]), 0xAC);
}

#[test]
fn a_chip_acknowledges_nothing_until_its_supply_is_up_or_its_command_executed() {
    let (mut chip, clock) = echo();
    assert_eq!(chip.write(&[0x12, 0x34]), Err(Nak));
    clock.advance(Duration::from_millis(1));
    chip.write(&[0x12, 0x34, 0xBE, 0xEF, 0x92]).unwrap();
    clock.advance(TEN.saturating_sub(Duration::from_nanos(1)));
    assert_eq!(chip.write(&[]), Err(Nak));
    assert_eq!(chip.read(&mut [0; 3]), Err(Nak));
    clock.advance(Duration::from_nanos(1));
    assert_eq!(chip.write(&[]), Ok(()));
}

#[test]
fn a_reply_is_read_once_and_behind_it_the_line_floats() {
    let (mut chip, clock) = echo();
    clock.advance(TEN);
    chip.write(&[0x12, 0x34, 0xBE, 0xEF, 0x92]).unwrap();
    clock.advance(TEN);
    let mut bytes = [0; 5];
    chip.read(&mut bytes).unwrap();
    assert_eq!(bytes, [0xBE, 0xEF, 0x92, 0xFF, 0xFF]);
    assert_eq!(chip.read(&mut bytes), Err(Nak));
}

#[test]
fn a_command_that_is_unknown_or_damaged_is_refused_and_changes_nothing() {
    let (mut chip, clock) = echo();
    clock.advance(TEN);
    chip.write(&[0x12, 0x34, 0xBE, 0xEF, 0x92]).unwrap();
    clock.advance(TEN);
    let damaged: [&[u8]; 5] = [
        &[0x12, 0x35],
        &[0x12],
        &[0x12, 0x34, 0xBE, 0xEF, 0x93],
        &[0x12, 0x34, 0xBE, 0xEF],
        &[0x12, 0x34, 0xBE, 0xEF, 0x92, 0x00],
    ];
    for bytes in damaged {
        assert_eq!(chip.write(bytes), Err(Nak), "{bytes:02x?}");
    }
    assert_eq!(chip.read(&mut [0; 3]), Ok(()), "the reply of before is still there");
}

#[test]
fn power_takes_the_reply_away() {
    let (mut chip, clock) = echo();
    clock.advance(TEN);
    chip.write(&[0x12, 0x34, 0xBE, 0xEF, 0x92]).unwrap();
    chip.power_on();
    clock.advance(TEN);
    assert_eq!(chip.read(&mut [0; 3]), Err(Nak));
}

#[test]
fn words_are_the_nearest_and_saturate() {
    assert_eq!(
        [word(0.5, 65_535.0), word(-0.1, 65_535.0), word(1.1, 65_536.0)],
        [32_768, 0, 65_535]
    );
    assert_eq!(word(f64::NAN, 65_535.0), 0);
}
