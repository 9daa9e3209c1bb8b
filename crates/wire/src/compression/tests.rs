use domain::{
    BootId, GatewayId, Monotonic, QuantityKind, Reading, Sample, SequenceNumber, Stream,
    StreamName, TimeSource, Timestamp, Trust, WallTime,
};
use miniz_oxide::deflate::compress_to_vec_zlib;
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::payload::{DecodeError, decode, encode};

/// A payload as the gateway makes it: a temperature once a second.
fn payload(samples: u64) -> Vec<u8> {
    let kind = QuantityKind::Temperature;
    let sample = |seq: u64| Sample {
        stream: Stream { name: StreamName::new("outdoor", "temperature").unwrap(), kind },
        boot: BootId::from_bytes([0x0f; 16]),
        seq: SequenceNumber(seq),
        reading: Reading::measured(
            Timestamp {
                wall: WallTime::from_nanos(1_795_432_624_123_456_000),
                monotonic: Monotonic::from_nanos(seq * 1_000_000_000),
                trust: Trust::of_ms(TimeSource::Ntp, None),
            },
            Ok(kind.quantity(21.5).unwrap()),
        ),
    };
    let samples: Vec<_> = (1..=samples).map(sample).collect();
    encode(&GatewayId::new("greenhouse").unwrap(), &samples.iter().collect::<Vec<_>>()).unwrap()
}

/// Frozen: a promise to subscribers. Do not change the test; make another mark. The bytes are what
/// Python's `zlib.compress(plain, 9)` makes, so that a reader needs no library of ours.
#[test]
fn version_1_payload_compressed() {
    let compressed = concat!(
        "78da958ec10ac2301044ff65cfb1989856ccd5cf10912daeb5d02435d954a4f4df4d140f821777600f33cbdb996102",
        "230574c874c70718e80291bbfa140904440e8436bb3ef1d9fb5031d99102720a256ebde71cae2f6fad7eac8ff2f52d",
        "a1e39ecb936f4c727dc1ec69282fd18e034530871922ddc0e85c8f7b4ba7944db9ddd57aa31aa5a5dae8ba1160bdf3",
        "afa891eb324ac0844322304a56f5223e14f52fa5c33197c2369263588ecb13fe985a4a",
    );
    let digit = |at: usize| u8::from_str_radix(&compressed[at..at + 2], 16).unwrap();
    let compressed: Vec<_> = (0..compressed.len()).step_by(2).map(digit).collect();
    let plain = concat!(
        r#"{"v":1,"gateway":"greenhouse","stream":"outdoor.temperature","#,
        r#""boot":"0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f","quantity":"temperature","unit":"Cel","#,
        r#""samples":[{"seq":41,"time_us":1795432624123456,"mono_us":61000002,"value":21.5},"#,
        r#"{"seq":42,"time_us":1795432624123456,"mono_us":61000002,"gap":"absent"}]}"#
    );
    assert_eq!(str::from_utf8(&expand(&compressed).unwrap()).unwrap(), plain);
    assert_eq!(decode(&compressed).unwrap(), decode(plain.as_bytes()).unwrap());
}

#[test]
fn a_payload_gets_shorter_means_the_same_and_says_that_it_is_compressed() {
    let mut compressor = Compressor::new(Compression::Deflate);
    for (samples, percent_max) in [(16, 35), (256, 25), (1_024, 22), (16, 35)] {
        let plain = payload(samples);
        let packed = compressor.pack(plain.clone());
        assert_eq!(packed[0], MARK);
        assert!(packed.len() * 100 <= plain.len() * percent_max, "{} bytes", packed.len());
        assert_eq!(expand(&packed).unwrap(), plain);
        assert_eq!(decode(&packed).unwrap(), decode(&plain).unwrap());
    }
}

#[test]
fn what_would_not_get_shorter_and_what_is_not_to_be_compressed_stays_plain() {
    let mut compressor = Compressor::new(Compression::Deflate);
    for plain in [Vec::new(), b"{".to_vec(), (0..=255).collect()] {
        assert_eq!(compressor.pack(plain.clone()), plain);
    }
    let plain = payload(16);
    assert_eq!(Compressor::new(Compression::None).pack(plain.clone()), plain);
}

#[test]
fn nothing_is_compressed_that_would_not_be_expanded() {
    let mut compressor = Compressor::new(Compression::Deflate);
    let longest = vec![b' '; PLAIN_BYTES_MAX];
    let packed = compressor.pack(longest.clone());
    assert!(packed.len() < 10_000 && expand(&packed).unwrap() == longest);
    let longer = vec![b' '; PLAIN_BYTES_MAX + 1];
    assert!(compressor.pack(longer.clone()) == longer);
}

#[test]
fn a_bomb_is_refused_at_the_bound() {
    let bomb = compress_to_vec_zlib(&vec![0; PLAIN_BYTES_MAX + 1], 9);
    assert!(bomb.len() < 5_000);
    assert_eq!(expand(&bomb), Err(ExpandError::TooLong));
    assert!(matches!(decode(&bomb), Err(DecodeError::Compressed(ExpandError::TooLong))));
}

#[test]
fn each_byte_that_is_missing_at_the_end_is_missed() {
    let packed = Compressor::new(Compression::Deflate).pack(payload(3));
    for len in 1..packed.len() {
        assert_eq!(expand(&packed[..len]), Err(ExpandError::Damaged), "{len} bytes");
    }
}

proptest! {
    #[test]
    fn any_bytes_come_back_and_never_longer(
        payloads in vec(vec(prop_oneof![Just(b'a'), any::<u8>()], 0..600), 1..5),
    ) {
        let mut compressor = Compressor::new(Compression::Deflate);
        for plain in payloads.into_iter().filter(|plain| plain.first() != Some(&MARK)) {
            let packed = compressor.pack(plain.clone());
            prop_assert!(packed.len() <= plain.len());
            prop_assert_eq!(&*expand(&packed).unwrap(), &plain[..]);
        }
    }

    #[test]
    fn damage_is_noticed(at: prop::sample::Index, flip in 1_u8..) {
        let plain = payload(3);
        let mut packed = Compressor::new(Compression::Deflate).pack(plain.clone());
        let at = at.index(packed.len());
        packed[at] ^= flip;
        // A bit of the header means nothing to the content, and one of the padding nothing at all.
        prop_assert!(expand(&packed).is_err() || expand(&packed).unwrap() == plain || at == 0);
    }
}
