use domain::Quantity;
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::scripted::Tape;

const PATIENCE: Duration = Duration::from_secs(1);

/// A frame with these concentrations under atmospheric environment, written out by the manual.
fn frame(finest: u16, fine: u16, coarse: u16) -> Vec<u8> {
    let mut words = [0_u16; 13];
    words[..3].copy_from_slice(&[901, 902, 903]); // CF = 1: not ours.
    words[3..6].copy_from_slice(&[finest, fine, coarse]);
    words[6..].copy_from_slice(&[3_000, 800, 120, 9, 2, 1, 0x9100]);
    let mut bytes = vec![0x42, 0x4D, 0, 28];
    bytes.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    let sum: u32 = bytes.iter().map(|&byte| u32::from(byte)).sum();
    bytes.extend(u16::try_from(sum).unwrap().to_be_bytes());
    assert_eq!(bytes.len(), 32);
    bytes
}

/// The values of every frame in `bytes`, and what was counted.
fn hear(bytes: &[u8]) -> (Vec<Vec<f64>>, FrameCount) {
    let mut device = Pms7003::new(Tape::of(bytes, 5));
    let mut heard = Vec::new();
    while let Ok(measurement) = device.measure(PATIENCE) {
        let value = |(_, outcome): (usize, Result<Quantity, _>)| outcome.unwrap().number();
        heard.push(measurement.outcomes.into_iter().map(value).collect());
    }
    (heard, device.frames())
}

#[test]
fn a_frame_gives_the_three_concentrations_of_the_atmosphere() {
    let bytes = [frame(0, 35, 1_000), frame(u16::MAX, 1, 256)].concat();
    let (heard, counted) = hear(&bytes);
    assert_eq!(heard, [[0.0, 35.0, 1_000.0], [65_535.0, 1.0, 256.0]]);
    assert_eq!(counted, FrameCount { measured: 2, ..FrameCount::default() });
}

#[test]
fn each_damaged_frame_is_counted_and_the_next_is_read() {
    for at in 0..32 {
        let mut damaged = frame(1, 2, 3);
        damaged[at] ^= 0x10;
        let bytes = [frame(4, 5, 6), damaged.clone(), damaged, frame(7, 8, 9)].concat();
        let (heard, counted) = hear(&bytes);
        assert_eq!(heard, [[4.0, 5.0, 6.0], [7.0, 8.0, 9.0]], "byte {at}");
        // Two frames without a header are one run of noise.
        let corrupt = if at < 4 { 1 } else { 2 };
        assert_eq!(counted, FrameCount { measured: 2, ignored: 0, corrupt }, "byte {at}");
    }
}

#[test]
fn a_header_within_noise_does_not_swallow_the_frame_behind_it() {
    for (noise, corrupt) in [
        (&b"\x42\x4D\x00\x1C"[..], 1),
        (b"\x42", 1),
        // A byte that belongs to nothing, and what looks like a frame.
        (b"\x42\x42\x4D\x00\x1C\x42\x4D", 2),
    ] {
        let bytes = [frame(4, 5, 6), noise.to_vec(), frame(7, 8, 9)].concat();
        let (heard, counted) = hear(&bytes);
        assert_eq!(heard, [[4.0, 5.0, 6.0], [7.0, 8.0, 9.0]], "{noise:02X?}");
        assert_eq!(counted, FrameCount { measured: 2, ignored: 0, corrupt }, "{noise:02X?}");
    }
}

#[test]
fn a_frame_that_is_split_by_its_end_of_hearing_is_not_mended() {
    let whole = frame(7, 8, 9);
    let tape = Tape::of(&whole[..20], 5).then(Err(NoData::Absent)).then(Ok(&whole[20..]));
    let mut device = Pms7003::new(tape.then(Ok(&frame(1, 2, 3))));
    assert_eq!(device.measure(PATIENCE), Err(NoData::Absent));
    let outcomes = device.measure(PATIENCE).unwrap().outcomes;
    assert_eq!(outcomes[2].1.map(Quantity::number), Ok(3.0));
    assert_eq!(device.frames(), FrameCount { measured: 1, ..FrameCount::default() });
}

#[test]
fn silence_and_noise_are_told_apart() {
    assert_eq!(Pms7003::new(Tape::default()).measure(PATIENCE), Err(NoData::Silent));
    let mut damaged = frame(1, 2, 3);
    damaged[31] ^= 1;
    assert_eq!(Pms7003::new(Tape::of(&damaged, 8)).measure(PATIENCE), Err(NoData::Corrupt));
}

proptest! {
    /// A dull search finds every frame that may have been measured; after anything, the next is read.
    #[test]
    fn no_soup_measures_unless_it_holds_a_sound_frame_and_the_next_frame_is_read(
        soup in vec(prop_oneof![
            vec(any::<u8>(), 0..40),
            Just(vec![0x42, 0x4D, 0, 28]),
            (any::<[u16; 3]>(), 0_usize..32, any::<u8>()).prop_map(|([a, b, c], at, flip)| {
                let mut damaged = frame(a, b, c);
                damaged[at] ^= flip;
                damaged
            }),
        ], 0..8),
    ) {
        let soup = soup.concat();
        let bytes = [soup, frame(11, 22, 33)].concat();
        let is_frame = |at: &usize| {
            let window = &bytes[*at..at + 32];
            let sum: u32 = window[..30].iter().map(|&byte| u32::from(byte)).sum();
            window.starts_with(&[0x42, 0x4D, 0, 28]) && sum.to_be_bytes()[2..] == window[30..]
        };
        let there: Vec<_> = (0..=bytes.len() - 32).filter(is_frame).collect();
        let (heard, counted) = hear(&bytes);
        prop_assert!(heard.len() <= there.len());
        prop_assert_eq!(heard.last(), Some(&vec![11.0, 22.0, 33.0]));
        prop_assert_eq!(counted.measured, heard.len() as u64);
    }
}
