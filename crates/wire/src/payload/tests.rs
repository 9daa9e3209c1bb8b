use proptest::prelude::*;

use super::*;

fn sample(seq: u64, outcome: Result<f64, NoData>) -> Sample {
    let kind = QuantityKind::Temperature;
    Sample {
        stream: Stream { name: StreamName::new("outdoor", "temperature").unwrap(), kind },
        boot: BootId::from_bytes([0x0f; 16]),
        seq: SequenceNumber(seq),
        reading: Reading::measured(
            Timestamp {
                wall: WallTime::from_nanos(1_795_432_624_123_456_000),
                monotonic: Monotonic::from_nanos(61_000_002_000),
                trust: Trust::of_ms(TimeSource::Ntp, None),
            },
            outcome.map(|number| kind.quantity(number).unwrap()),
        ),
    }
}

fn gateway() -> GatewayId {
    GatewayId::new("greenhouse").unwrap()
}

/// Frozen: a promise to subscribers. Do not change the test; make a version 2.
const VERSION_1: &str = concat!(
    r#"{"v":1,"gateway":"greenhouse","stream":"outdoor.temperature","#,
    r#""boot":"0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f","quantity":"temperature","unit":"Cel","#,
    r#""samples":[{"seq":41,"time_us":1795432624123456,"mono_us":61000002,"value":21.5},"#,
    r#"{"seq":42,"time_us":1795432624123456,"mono_us":61000002,"gap":"absent"}]}"#
);

#[test]
fn version_1_payload() {
    let (value, gap) = (sample(41, Ok(21.5)), sample(42, Err(NoData::Absent)));
    let bytes = encode(&gateway(), &[&value, &gap]).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), VERSION_1);
    let batch = decode(VERSION_1.as_bytes()).unwrap();
    assert_eq!(batch, Batch { gateway: gateway(), samples: vec![value, gap] });
}

#[test]
fn version_1_payload_of_a_replay() {
    let (value, gap) = (sample(41, Ok(21.5)), sample(42, Err(NoData::Absent)));
    let bytes = encode_replayed(&gateway(), &[&value, &gap]).unwrap();
    let marked = VERSION_1.replacen(r#""v":1,"#, r#""v":1,"replay":"samples","#, 1);
    assert_eq!(String::from_utf8(bytes.clone()).unwrap(), marked);
    assert_eq!(decode(&bytes).unwrap().samples, [value, gap], "any reader reads it");
}

#[test]
fn an_uncertain_value_says_so() {
    let mut sample = sample(41, Ok(21.5));
    sample.reading.quality = Quality::Uncertain;
    let bytes = encode(&gateway(), &[&sample]).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.contains(r#""value":21.5,"quality":"uncertain"}"#), "{text}");
    assert_eq!(decode(&bytes).unwrap().samples, [sample]);
    let other = text.replace("uncertain", "sound");
    assert!(matches!(decode(other.as_bytes()), Err(DecodeError::Field { field: "quality", .. })));
}

#[test]
fn a_time_that_is_not_simply_right_says_so() {
    let (ntp, rtc) = (TimeSource::Ntp, TimeSource::Rtc);
    let of = |source, ms| Trust::of_ms(source, NonZeroU32::new(ms));
    for (trust, tail) in [
        (of(ntp, 0), "}"),
        (of(ntp, 101), r#","time_error_ms":101}"#),
        (of(ntp, 7).corrected(), r#","time_quality":"ntp","time_error_ms":7}"#),
        (of(rtc, 0), r#","time_quality":"rtc"}"#),
        (Trust::UNKNOWN, r#","time_quality":"unsynchronised"}"#),
    ] {
        let mut sample = sample(41, Ok(21.5));
        sample.reading.at.trust = trust;
        let bytes = encode(&gateway(), &[&sample]).unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.ends_with(&format!(r#""value":21.5{tail}]}}"#)), "{text}");
        assert_eq!(decode(&bytes).unwrap().samples, [sample]);
    }
    let mut small = sample(41, Ok(21.5));
    small.reading.at.trust = of(ntp, 100);
    let bytes = encode(&gateway(), &[&small]).unwrap();
    assert_eq!(bytes, encode(&gateway(), &[&sample(41, Ok(21.5))]).unwrap());
    let later = VERSION_1.replacen(r#""value":21.5"#, r#""value":21.5,"time_quality":"gnss""#, 1);
    let batch = decode(later.as_bytes()).unwrap();
    assert_eq!(batch.samples[0].reading.at.trust, Trust::UNKNOWN);
}

#[test]
fn a_run_is_of_one_stream_and_one_boot() {
    let (ours, mut other) = (sample(1, Ok(1.0)), sample(2, Ok(1.0)));
    other.boot = BootId::from_bytes([1; 16]);
    assert_eq!(encode(&gateway(), &[&ours, &other]), None);
    assert_eq!(encode(&gateway(), &[]), None);
}

#[test]
fn a_newer_version_is_told_from_garbage_and_additions_are_let_through() {
    let newer = VERSION_1.replacen(r#""v":1"#, r#""v":2"#, 1);
    assert!(matches!(decode(newer.as_bytes()), Err(DecodeError::Version { found: 2 })));
    assert!(matches!(decode(b"21.5"), Err(DecodeError::Shape(_))));
    let richer = VERSION_1.replacen(r#""v":1"#, r#""v":1,"quality":"good""#, 1);
    assert!(decode(richer.as_bytes()).is_ok());
}

#[test]
fn fields_that_mean_nothing_are_named() {
    for (good, bad, field) in [
        ("greenhouse", "Green House", "gateway"),
        ("outdoor.temperature", "outdoor", "stream"),
        ("0f0f0f0f-", "0f0f0f0", "boot"),
        (r#""quantity":"temperature""#, r#""quantity":"warmth""#, "quantity"),
        (r#""unit":"Cel""#, r#""unit":"K""#, "unit"),
        ("21.5", "-300.0", "value"),
        (r#""gap":"absent""#, r#""gap":"gone""#, "gap"),
        (r#""gap":"absent""#, r#""gap":"absent","value":1.0"#, "sample"),
    ] {
        let text = VERSION_1.replacen(good, bad, 1);
        let Err(DecodeError::Field { field: named, .. }) = decode(text.as_bytes()) else {
            panic!("{bad} was taken");
        };
        assert_eq!(named, field);
    }
}

proptest! {
    #[test]
    fn any_bytes_decode_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn a_damaged_payload_is_refused_or_still_a_payload(at in 0..VERSION_1.len(), byte: u8) {
        let mut bytes = VERSION_1.as_bytes().to_vec();
        bytes[at] = byte;
        if let Ok(batch) = decode(&bytes) {
            prop_assert!(batch.samples.len() <= 2);
        }
    }

    #[test]
    fn every_sample_comes_back_bit_for_bit_and_within_the_stated_size(
        numbers in proptest::collection::vec(-273.15..1.0e6_f64, 1..20), seq: u64,
        wall: i64, mono: u64,
    ) {
        let samples: Vec<_> = numbers.iter().map(|&n| {
            let mut sample = sample(seq, Ok(n));
            sample.reading.at.wall = WallTime::from_nanos(wall / 1_000 * 1_000);
            sample.reading.at.monotonic = Monotonic::from_nanos(mono / 1_000 * 1_000);
            sample
        }).collect();
        let bytes = encode(&gateway(), &samples.iter().collect::<Vec<_>>()).unwrap();
        prop_assert!(bytes.len() <= HEADER_BYTES_MAX + samples.len() * SAMPLE_BYTES_MAX);
        prop_assert_eq!(decode(&bytes).unwrap().samples, samples);
    }
}

#[test]
fn the_longest_names_fit_the_stated_header() {
    let name = "x".repeat(48);
    let mut longest = sample(u64::MAX, Ok(-1.234_567_890_123_456_7e-300));
    longest.reading.quality = Quality::Uncertain;
    longest.reading.at.wall = WallTime::from_nanos(i64::MIN);
    longest.reading.at.monotonic = Monotonic::from_nanos(u64::MAX);
    longest.reading.at.trust = Trust::of_ms(TimeSource::Unsynchronised, NonZeroU32::new(u32::MAX));
    longest.stream.name = StreamName::new(&name, &name).unwrap();
    longest.stream.kind = QuantityKind::MassConcentration;
    let bytes = encode_replayed(&GatewayId::new(&name).unwrap(), &[&longest]).unwrap();
    assert!(bytes.len() <= HEADER_BYTES_MAX + SAMPLE_BYTES_MAX, "{}", bytes.len());
}
