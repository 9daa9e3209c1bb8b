use core::num::NonZeroU32;

use domain::{TimeSource, Trust};
use proptest::{collection::vec, prelude::*};

use super::*;

fn stream(sensor: &str, kind: QuantityKind) -> Stream {
    Stream { name: StreamName::new("outdoor", sensor).unwrap(), kind }
}

fn at(wall: i64, monotonic: u64) -> Timestamp {
    Timestamp::new(WallTime::from_nanos(wall), Monotonic::from_nanos(monotonic))
}

fn stored(stream: u32, seq: u64, at: Timestamp, outcome: Result<f64, NoData>) -> StoredReading {
    StoredReading {
        stream: StreamId(stream),
        seq: SequenceNumber(seq),
        at,
        outcome,
        quality: Quality::Good,
    }
}

fn encoded(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out);
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[test]
fn the_bytes_of_version_1_are_frozen() {
    let declaration =
        Declaration { id: StreamId(1), stream: stream("t", QuantityKind::Temperature) };
    let header = Header {
        first: 300,
        next_id: StreamId(2),
        streams: vec![KnownStream { declaration: declaration.clone(), next: SequenceNumber(7) }],
    };
    assert_eq!(
        hex(&encoded(|out| header.encode(out))),
        "ac02020101096f7574646f6f722e740b74656d706572617475726507"
    );
    let record = Record {
        first: 300,
        boot: BootId::from_bytes([0xB0; 16]),
        declared: vec![declaration],
        readings: vec![
            stored(1, 7, at(1_000, 50), Ok(21.5)),
            stored(0, 9, at(1_000, 50), Err(NoData::Absent)),
            stored(1, 8, at(900, 51), Err(NoData::Undefined)),
        ],
    };
    let frozen = [
        "ac02",                                       // Position of the first reading.
        "b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0",           // Boot.
        "0101096f7574646f6f722e740b74656d7065726174", // Declared: one, id 1, `outdoor.t`, …
        "757265",                                     // … `temperature`.
        "0201070009",                                 // Runs: stream 1 from 7, stream 0 from 9.
        "0300d00f64000000000000803540",               // Three readings: +1000, +50, 21.5;
        "01000001",                                   // +0, +0, absent;
        "00c701020b",                                 // -100, +1, undefined.
    ];
    assert_eq!(hex(&encoded(|out| record.encode(out))), frozen.concat());
    let ahead = vec![302..303, 400..512];
    let slot = CursorSlot { generation: 3, position: 300, evicted: 1, lost: 2, ahead };
    let frozen = [
        "03000000000000002c0100000000000001000000000000000200000000000000",
        "2e010000000000002f01000000000000", // Acknowledged ahead: 302,
        "90010000000000000002000000000000", // 400 to 511.
    ];
    let bytes = encoded(|out| slot.encode(out));
    assert_eq!(hex(&bytes), frozen.concat());
    let without = CursorSlot { ahead: Vec::new(), ..slot };
    assert_eq!(CursorSlot::decode(&bytes[..32]), Ok(without.clone()));
    assert_eq!(CursorSlot::decode(&bytes[..24]), Ok(CursorSlot { lost: 0, ..without }));
}

/// A failure here means that version 3 programs would take the new word for damage: raise
/// [`VERSION`], and keep reading the old one.
#[test]
fn version_3_knows_these_words_and_no_others() {
    let gaps: Vec<_> = NoData::ALL.iter().map(|&gap| (gap_code(gap), gap.code())).collect();
    let words = "absent not_ready bus_fault timeout silent corrupt implausible missed overflow \
                 internal undefined shed stopped stale";
    assert_eq!(gaps, (1..).zip(words.split_whitespace()).collect::<Vec<_>>());
    let kinds: Vec<_> = QuantityKind::ALL.iter().map(|kind| kind.name()).collect();
    let words = "temperature relative_humidity pressure voltage current power frequency \
                 acceleration illuminance mass_concentration latitude longitude altitude speed \
                 course count dimensionless angular_velocity carbon_dioxide \
                 rotational_speed temperature_difference absolute_humidity mixing_ratio \
                 vapour_pressure_deficit specific_enthalpy energy electric_charge resistance \
                 volume volume_flow mass length duration fraction vibration_velocity \
                 temperature_rate pressure_rate humidity_rate voltage_rate pressure_difference \
                 alarm_state";
    assert_eq!(kinds, words.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn an_uncertain_number_has_a_mark_of_its_own() {
    let mut reading = stored(1, 7, at(1_000, 50), Ok(21.5));
    reading.quality = Quality::Uncertain;
    let boot = BootId::from_bytes([0xB0; 16]);
    let record = Record { first: 300, boot, declared: vec![], readings: vec![reading] };
    let bytes = encoded(|out| record.encode(out));
    assert!(hex(&bytes).ends_with("800000000000803540"), "{}", hex(&bytes));
    assert_eq!(Record::decode(&bytes), Ok(record));
}

/// Frozen: do not change the test.
#[test]
fn version_3_says_how_well_times_are_known() {
    let with = |seq, source, error_ms| {
        let mut reading = stored(1, seq, at(0, 0), Err(NoData::Absent));
        reading.at.trust = Trust::of_ms(source, NonZeroU32::new(error_ms));
        reading
    };
    let readings = vec![
        with(7, TimeSource::Unsynchronised, 0),
        with(8, TimeSource::Rtc, 0),
        with(9, TimeSource::Ntp, 40),
        with(10, TimeSource::Ntp, 40),
        with(11, TimeSource::Ntp, u32::MAX),
    ];
    let record =
        Record { first: 300, boot: BootId::from_bytes([0xB0; 16]), declared: vec![], readings };
    let bytes = encoded(|out| record.encode(out));
    let runs = [
        "04",           // Runs:
        "0100",         // one sample, unsynchronised,
        "0101",         // one by a battery-backed clock,
        "02a201",       // two by NTP, to 40 ms,
        "01feffffff3f", // one by NTP, to 2^32 - 1 ms.
    ];
    let (before, runs) = (bytes.len() - runs.concat().len() / 2, runs.concat());
    assert_eq!(hex(&bytes[before..]), runs);
    assert_eq!(Record::decode(&bytes), Ok(record));
    // Without them nothing is known.
    let unknown = Record::decode(&bytes[..before]).unwrap();
    assert!(unknown.readings.iter().all(|reading| reading.at.trust == Trust::UNKNOWN));
    // A run too few, one too long, too short, of nothing, and of a source that nobody knows.
    for (at, byte) in [(0, 3), (1, 2), (5, 1), (1, 0), (2, 3)] {
        let mut mangled = bytes.clone();
        mangled[before + at] = byte;
        assert!(Record::decode(&mangled).is_err(), "byte {at} as {byte}");
    }
}

#[test]
fn a_count_that_cannot_be_true_is_refused_before_memory_is_reserved() {
    let mut bytes = vec![0, 0];
    put_varint(&mut bytes, u64::MAX);
    assert_eq!(Header::decode(&bytes), Err(Malformed { what: "segment header" }));
}

#[test]
fn numbers_from_which_nothing_could_count_on_are_refused() {
    let slot = |position| CursorSlot { position, ..CursorSlot::default() };
    let header = |first| Header { first, ..Header::default() };
    let record = |first, seq| {
        let readings = vec![stored(0, seq, at(0, 0), Ok(0.0))];
        Record { first, boot: BootId::from_bytes([0; 16]), declared: vec![], readings }
    };
    for (number, is_taken) in [(NUMBER_MAX, true), (NUMBER_MAX + 1, false), (u64::MAX, false)] {
        assert_eq!(CursorSlot::decode(&encoded(|o| slot(number).encode(o))).is_ok(), is_taken);
        assert_eq!(Header::decode(&encoded(|o| header(number).encode(o))).is_ok(), is_taken);
        assert_eq!(Record::decode(&encoded(|o| record(number, 1).encode(o))).is_ok(), is_taken);
        // Encoding counts on, and so does not come to the last.
        let seq = number.min(u64::MAX - 1);
        assert_eq!(Record::decode(&encoded(|o| record(0, seq).encode(o))).is_ok(), is_taken);
    }
}

#[test]
fn a_record_without_readings_or_with_bytes_behind_it_is_refused() {
    let mut record =
        Record { first: 0, boot: BootId::from_bytes([0; 16]), declared: vec![], readings: vec![] };
    assert!(Record::decode(&encoded(|out| record.encode(out))).is_err());
    record.readings.push(stored(0, 1, at(0, 0), Ok(0.0)));
    let mut bytes = encoded(|out| record.encode(out));
    assert_eq!(Record::decode(&bytes), Ok(record));
    bytes.push(0);
    assert!(Record::decode(&bytes).is_err());
}

fn declarations() -> impl Strategy<Value = Declaration> {
    let kinds = proptest::sample::select(QuantityKind::ALL);
    ("[a-z][a-z0-9]{0,20}", any::<u32>(), kinds)
        .prop_map(|(name, id, kind)| Declaration { id: StreamId(id), stream: stream(&name, kind) })
}

fn readings() -> impl Strategy<Value = StoredReading> {
    let outcome = prop_oneof![
        any::<f64>().prop_map(Ok),
        proptest::sample::select(NoData::ALL).prop_map(Err),
    ];
    let sources = proptest::sample::select(TimeSource::ALL.to_vec());
    let trust = |(source, ms)| Trust::of_ms(source, NonZeroU32::new(ms));
    // Numbers that now follow each other and now do not, in any order of streams.
    let seq = prop_oneof![1_u64..6, 0..=NUMBER_MAX];
    let trust = prop_oneof![Just(Trust::UNKNOWN), (sources, any::<u32>()).prop_map(trust)];
    (0_u32..4, seq, any::<i64>(), any::<u64>(), outcome, (any::<bool>(), trust)).prop_map(
        |(id, seq, wall, monotonic, outcome, (is_uncertain, trust))| {
            let at = Timestamp { trust, ..at(wall, monotonic) };
            let mut reading = stored(id, seq, at, outcome);
            reading.quality = Quality::good_if(!is_uncertain || outcome.is_err());
            reading
        },
    )
}

fn records() -> impl Strategy<Value = Record> {
    (0..=NUMBER_MAX, any::<[u8; 16]>(), vec(declarations(), 0..4), vec(readings(), 1..40)).prop_map(
        |(first, boot, declared, readings)| Record {
            first,
            boot: BootId::from_bytes(boot),
            declared,
            readings,
        },
    )
}

proptest! {
    #[test]
    fn a_record_reads_back_as_written(record in records()) {
        prop_assert_eq!(Record::decode(&encoded(|out| record.encode(out))), Ok(record));
    }

    #[test]
    fn a_header_reads_back_as_written(
        first in 0..=NUMBER_MAX,
        next_id: u32,
        streams in vec((declarations(), 0..=NUMBER_MAX), 0..10),
    ) {
        let known = |(declaration, next)| KnownStream { declaration, next: SequenceNumber(next) };
        let streams = streams.into_iter().map(known).collect();
        let header = Header { first, next_id: StreamId(next_id), streams };
        prop_assert_eq!(Header::decode(&encoded(|out| header.encode(out))), Ok(header));
    }

    #[test]
    fn a_cursor_slot_reads_back_as_written(
        generation in 0..=NUMBER_MAX,
        position in 0..NUMBER_MAX / 2,
        evicted in 0..=NUMBER_MAX,
        lost in 0..=NUMBER_MAX,
        runs in vec((1_u64..9, 1_u64..9), 0..20),
    ) {
        let mut end = position;
        let ahead = runs.into_iter().map(|(waiting, length)| {
            let start = end + waiting;
            end = start + length;
            start..end
        });
        let slot = CursorSlot { generation, position, evicted, lost, ahead: ahead.collect() };
        prop_assert_eq!(CursorSlot::decode(&encoded(|out| slot.encode(out))), Ok(slot.clone()));
        if let Some(at) = (!slot.ahead.is_empty()).then(|| slot.ahead.len() - 1) {
            for mangled in [slot.ahead[at].start..slot.ahead[at].start, position..slot.ahead[at].end] {
                let mut slot = slot.clone();
                slot.ahead[at] = mangled;
                prop_assert!(CursorSlot::decode(&encoded(|out| slot.encode(out))).is_err());
            }
        }
    }

    /// Whatever decodes has a meaning: it encodes to something that decodes to the same.
    #[test]
    fn any_bytes_are_a_value_or_an_error(bytes in vec(any::<u8>(), 0..400)) {
        if let Ok(record) = Record::decode(&bytes) {
            let again = encoded(|out| record.encode(out));
            prop_assert_eq!(Record::decode(&again).map(|r| r.readings.len()), Ok(record.readings.len()));
        }
        if let Ok(header) = Header::decode(&bytes) {
            prop_assert_eq!(Header::decode(&encoded(|out| header.encode(out))), Ok(header));
        }
        if let Ok(slot) = CursorSlot::decode(&bytes) {
            let again = encoded(|out| slot.encode(out));
            prop_assert!(again == bytes || again[..24] == bytes && again[24..] == [0; 8]);
        }
    }

    #[test]
    fn a_damaged_record_is_a_value_or_an_error(
        record in records(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut: prop::sample::Index,
    ) {
        let mut bytes = encoded(|out| record.encode(out));
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let cut = cut.index(bytes.len() + 1);
        for bytes in [&bytes[..], &bytes[..cut]] {
            // A reading takes at least four bytes, so this is what bounds the memory.
            let count = Record::decode(bytes).map_or(0, |record| record.readings.len());
            prop_assert!(count <= bytes.len() / READING_BYTES_MIN);
        }
    }
}
