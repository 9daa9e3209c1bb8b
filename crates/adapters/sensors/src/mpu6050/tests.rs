use embedded_hal_mock::eh1::{
    delay::NoopDelay,
    i2c::{Mock, Transaction},
};

use super::*;
use crate::{registers::OverI2c, scripted::Scripted};

const ADDRESS: u8 = 0x68;
const OPTIONS: Mpu6050Options =
    Mpu6050Options { full_scale_g: 4, full_scale_degrees: 500, bandwidth_hertz: 44 };
const CONFIGURATION: [u8; 4] = [0, 3, 0x08, 0x08];

fn read(register: u8, bytes: &[u8]) -> Transaction {
    Transaction::write_read(ADDRESS, vec![register], bytes.to_vec())
}

fn numbers(flags: u8, counts: [i16; 7]) -> Transaction {
    read(0x3A, &[&[flags], &counts.map(i16::to_be_bytes).concat()[..]].concat())
}

fn exchange(last: Transaction) -> Vec<Transaction> {
    vec![read(0x75, &[0x68]), read(0x19, &CONFIGURATION), read(0x6B, &[0x01]), last]
}

#[track_caller]
fn measure(exchange: &[Transaction]) -> Result<Vec<Result<f64, NoData>>, NoData> {
    let mut bus = Mock::new(exchange);
    let chip = OverI2c::new(Scripted(bus.clone()), ADDRESS, Duration::from_secs(1));
    let outcome = Mpu6050::new(chip, NoopDelay::new(), OPTIONS).unwrap().measure(Duration::ZERO);
    bus.done();
    let number = |(_, outcome): (usize, Result<Quantity, NoData>)| outcome.map(Quantity::number);
    Ok(outcome?.outcomes.into_iter().map(number).collect())
}

#[test]
fn counts_become_acceleration_temperature_and_angular_velocity() {
    let found = measure(&exchange(numbers(1, [0, 8_192, -8_192, -521, 655, -6_550, 0])));
    let expected = [0.0, 9.8067, -9.8067, 34.998, 10.0, -100.0, 0.0];
    assert_eq!(found, Ok(expected.map(Ok).to_vec()));
}

#[test]
fn counts_at_an_end_of_the_range_and_impossible_heat_are_gaps_one_by_one() {
    let found =
        measure(&exchange(numbers(1, [i16::MAX, i16::MIN, 0, 16_500, i16::MIN, i16::MAX, 0])))
            .unwrap();
    let is_gap = found.iter().map(|outcome| *outcome == Err(NoData::Implausible));
    assert!(is_gap.eq([true, true, false, true, true, true, false]), "{found:?}");
    let cold = measure(&exchange(numbers(1, [0, 0, 0, -26_100, 0, 0, 0]))).unwrap();
    assert_eq!(cold[3], Err(NoData::Implausible));
}

#[test]
fn a_chip_that_fell_asleep_is_woken_before_it_is_set_up() {
    let write = |register, byte| Transaction::write(ADDRESS, vec![register, byte]);
    let mut script = vec![read(0x75, &[0x68]), read(0x19, &[0; 4]), write(0x6B, 0x01)];
    script.extend((0x19..).zip(CONFIGURATION).map(|(register, byte)| write(register, byte)));
    script.push(numbers(1, [9; 7]));
    script.extend(exchange(numbers(1, [0; 7])).split_off(1));
    assert_eq!(measure(&script).map(|found| found[0]), Ok(Ok(0.0)));
    let asleep = [read(0x75, &[0x68]), read(0x19, &CONFIGURATION), read(0x6B, &[0x41])];
    let at = script.len() - 2;
    script[at] = asleep[2].clone();
    assert_eq!(measure(&script[..=at]), Err(NoData::Corrupt));
}

#[test]
fn what_was_read_before_is_waited_past_and_never_told_again() {
    let mut script = exchange(numbers(0, [7; 7]));
    script.push(numbers(0, [7; 7]));
    assert_eq!(measure(&script), Err(NoData::Timeout));
    script[4] = numbers(1, [0; 7]);
    assert_eq!(measure(&script).map(|found| found[6]), Ok(Ok(0.0)));
}

#[test]
fn another_chip_at_the_address_is_not_written_to() {
    // 0x70 and 0x71 are its successors, of other registers.
    for identity in [0x00, 0x70, 0x71, 0xFF] {
        assert_eq!(measure(&[read(0x75, &[identity])]), Err(NoData::Corrupt));
    }
}

#[test]
fn a_setting_that_the_chip_does_not_have_is_refused() {
    for options in [
        Mpu6050Options { full_scale_g: 3, ..OPTIONS },
        Mpu6050Options { full_scale_degrees: 3, ..OPTIONS },
        Mpu6050Options { bandwidth_hertz: 3, ..OPTIONS },
    ] {
        assert!(matches!(Mpu6050::new((), (), options), Err(BadOptions::Unfit { .. })));
    }
}
