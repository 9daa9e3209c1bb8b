//! What `wire` defines: payloads, statuses, commands and topics on MQTT, records on disk.

use std::cell::RefCell;

use domain::{
    BootId, Command, GatewayId, Monotonic, NoData, Procedure, Quality, QuantityKind, Reading,
    Sample, SequenceNumber, Stream, StreamName, Target, Timestamp, WallTime,
};
use wire::{
    Topic, Topics,
    command::Answer,
    compression::{Compression, Compressor, MARK, PLAIN_BYTES_MAX, expand},
    record::{CursorSlot, Declaration, Header, KnownStream, Record, StoredReading, StreamId},
    replay,
    status::Status,
};

/// Neither a sample nor a reading of a record takes less.
const ITEM_BYTES_MIN: usize = 4;

pub(crate) fn payload(bytes: &[u8]) -> bool {
    let Ok(batch) = wire::payload::decode(bytes) else { return false };
    let plain = expand(bytes).expect("it was decoded");
    assert!(batch.samples.len() * ITEM_BYTES_MIN <= plain.len(), "more samples than bytes");
    let samples: Vec<_> = batch.samples.iter().collect();
    if let Some(again) = wire::payload::encode(&batch.gateway, &samples) {
        assert_eq!(wire::payload::decode(&again).expect("it is ours"), batch);
    }
    true
}

thread_local! {
    static COMPRESSOR: RefCell<Compressor> = RefCell::new(Compressor::new(Compression::Deflate));
}

/// The bytes as what is to be expanded, and as what is to be compressed.
pub(crate) fn compression(bytes: &[u8]) -> bool {
    let packed = COMPRESSOR.with_borrow_mut(|compressor| compressor.pack(bytes.to_vec()));
    assert!(packed.len() <= bytes.len());
    if packed != bytes {
        assert_eq!(&*expand(&packed).expect("it is ours"), bytes);
    }
    let expanded = expand(bytes);
    if bytes.first() == Some(&MARK) {
        assert!(expanded.as_ref().map_or(0, |plain| plain.len()) <= PLAIN_BYTES_MAX);
    }
    expanded.is_ok()
}

pub(crate) fn status(bytes: &[u8]) -> bool {
    let Ok(status) = Status::decode(bytes) else { return false };
    assert_eq!(Status::decode(&status.encode()).expect("it is ours"), status);
    true
}

pub(crate) fn command(bytes: &[u8]) -> bool {
    let Ok(command) = wire::command::decode(bytes) else { return false };
    let again = wire::command::encode(&command);
    assert_eq!(wire::command::decode(&again).expect("it is ours"), command);
    true
}

pub(crate) fn answer(bytes: &[u8]) -> bool {
    let Ok(answer) = Answer::decode(bytes) else { return false };
    assert_eq!(Answer::decode(&answer.encode()).expect("it is ours"), answer);
    true
}

pub(crate) fn topic(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let _ = (Topics::new(text), StreamName::parse(text), GatewayId::new(text), BootId::parse(text));
    let topics = Topics::new(Topics::DEFAULT_ROOT).expect("the default is one");
    let Some(topic) = topics.parse(text) else { return false };
    let again = match &topic {
        Topic::Samples { gateway, stream } => topics.samples(gateway, stream),
        Topic::Status { gateway } => topics.status(gateway),
        Topic::Answer { gateway } => {
            assert!(topics.is_answer(gateway, text));
            return true;
        }
    };
    assert_eq!(again, text);
    true
}

/// What is asked of a gateway, and what it answers.
pub(crate) fn replay(bytes: &[u8]) -> bool {
    let _ = replay::Answer::decode(bytes);
    let Ok(request) = replay::Request::decode(bytes) else { return false };
    assert_eq!(replay::Request::decode(&request.encode()).expect("it is ours"), request);
    true
}

pub(crate) fn requests() -> Vec<Vec<u8>> {
    vec![
        br#"{"v":1,"stream":"outdoor.temperature","ranges":[[41,60],[80,80]]}"#.to_vec(),
        br#"{"v":1,"stream":"a.b","boot":"0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f","ranges":[[1,1]]}"#
            .to_vec(),
    ]
}

/// By the bytes, because a number that is none is not equal to itself.
pub(crate) fn record(bytes: &[u8]) -> bool {
    let Ok(record) = Record::decode(bytes) else { return false };
    assert!(record.readings.len() * ITEM_BYTES_MIN <= bytes.len(), "more readings than bytes");
    let again = encoded(|out| record.encode(out));
    let once_more = Record::decode(&again).expect("it is ours");
    assert_eq!(encoded(|out| once_more.encode(out)), again);
    assert_eq!(once_more.readings.len(), record.readings.len());
    true
}

pub(crate) fn header(bytes: &[u8]) -> bool {
    let Ok(header) = Header::decode(bytes) else { return false };
    assert!(header.streams.len() * ITEM_BYTES_MIN <= bytes.len(), "more streams than bytes");
    assert_eq!(Header::decode(&encoded(|out| header.encode(out))), Ok(header));
    true
}

pub(crate) fn cursor(bytes: &[u8]) -> bool {
    let Ok(slot) = CursorSlot::decode(bytes) else { return false };
    assert_eq!(CursorSlot::decode(&encoded(|out| slot.encode(out))), Ok(slot));
    true
}

pub(crate) fn encoded(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out);
    out
}

fn gateway() -> GatewayId {
    GatewayId::new("greenhouse").unwrap()
}

fn stream() -> Stream {
    let name = StreamName::new("outdoor", "temperature").unwrap();
    Stream { name, kind: QuantityKind::Temperature }
}

fn at(seq: u64) -> Timestamp {
    Timestamp::new(
        WallTime::from_nanos(1_795_432_624_123_456_000 + seq.cast_signed() * 1_000_000),
        Monotonic::from_nanos(61_000_002_000 + seq * 1_000_000),
    )
}

/// A number, a gap, and then numbers.
fn outcome(seq: u64) -> Result<f64, NoData> {
    if seq == 2 { Err(NoData::Absent) } else { Ok(21.5) }
}

fn sample(seq: u64) -> Sample {
    let stream = stream();
    let outcome = outcome(seq).map(|number| stream.kind.quantity(number).unwrap());
    let reading = Reading::measured(at(seq), outcome);
    Sample { stream, boot: BootId::from_bytes([0x0f; 16]), seq: SequenceNumber(seq), reading }
}

pub(crate) fn payloads() -> Vec<Vec<u8>> {
    let of = |count: u64| {
        let samples: Vec<_> = (1..=count).map(sample).collect();
        wire::payload::encode(&gateway(), &samples.iter().collect::<Vec<_>>()).unwrap()
    };
    let plain = [1, 3, 12].map(of);
    let mut compressor = Compressor::new(Compression::Deflate);
    let packed = plain.clone().map(|plain| compressor.pack(plain));
    plain.into_iter().chain(packed).collect()
}

pub(crate) fn statuses() -> Vec<Vec<u8>> {
    let lost = Status::lost(gateway());
    let full = concat!(
        r#"{"v":1,"gateway":"greenhouse","state":"online","#,
        r#""boot":"0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f","program":"0.1.0","#,
        r#""heads":{"outdoor.temperature":42},"counters":{"samples_appended":42},"#,
        r#""refused":{"outdoor.temperature":"not authorized"},"#,
        r#""devices":{"outdoor":{"state":"error","stuck":true,"failures":3,"reason":"timeout","#,
        r#""good_time_us":1795432624123456,"good_mono_us":61000000,"missed":2,"shed":0,"#,
        r#""late_ns":{"p50":52000,"p99":90000,"max":1200000},"on_bus_ns":4000000,"#,
        r#""on_bus_ns_max":500000}},"derived":{"derived.dew_point":{"function":"dew_point","#,
        r#""inputs":{"humidity":"outdoor.humidity","temperature":"outdoor.temperature"}}}}"#
    );
    vec![lost.encode(), full.as_bytes().to_vec()]
}

pub(crate) fn commands() -> Vec<Vec<u8>> {
    let device = || "outdoor".to_owned();
    let procedure = Procedure { name: Some("forced".to_owned()), target: Some(420.0) };
    let commands = [
        Command::GetStatus(Target::Gateway),
        Command::Reset(Target::Device(device())),
        Command::Stop { target: Target::Device(device()), is_kept: true },
        Command::RunProcedure { device: device(), procedure },
        Command::Acknowledge { alarm: StreamName::derived("hot").unwrap() },
    ];
    let texts = [
        r#"{"v":1,"command":"set_rate","device":"outdoor","period_us":500000,"keep":true}"#,
        r#"{"v":1,"command":"calibrate","device":"outdoor","sensor":"humidity","gain":1.02,"offset":-0.5}"#,
    ];
    let texts = texts.map(|text| text.as_bytes().to_vec());
    commands.iter().map(wire::command::encode).chain(texts).collect()
}

pub(crate) fn answers() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"v":1,"result":"done","correction":{"number":-1.5,"unit":"[ppm]"},"counters":{"a":1},"devices":{"outdoor":{"state":"idle","failures":0,"missed":0,"shed":0,"late_ns":{"p50":0,"p99":0,"max":0},"on_bus_ns":0,"on_bus_ns_max":0}}}"#,
        r#"{"v":1,"result":"refused","reason":"no_device","message":"there is none","known":["outdoor"]}"#,
    ];
    texts.map(|text| text.as_bytes().to_vec()).into()
}

pub(crate) fn topics() -> Vec<Vec<u8>> {
    let topics = Topics::new(Topics::DEFAULT_ROOT).unwrap();
    let derived = StreamName::derived("dew_point").unwrap();
    let texts = [
        topics.samples(&gateway(), &stream().name),
        topics.samples(&gateway(), &derived),
        topics.status(&gateway()),
    ];
    texts.map(String::into_bytes).into()
}

pub(crate) fn records() -> Vec<Vec<u8>> {
    let declaration = Declaration { id: StreamId(1), stream: stream() };
    let name = StreamName::new("outdoor", "humidity").unwrap();
    let other = Stream { name, kind: QuantityKind::RelativeHumidity };
    let other = Declaration { id: StreamId(0), stream: other };
    let reading = |(stream, seq): (u32, u64)| StoredReading {
        stream: StreamId(stream),
        seq: SequenceNumber(seq),
        at: at(seq),
        outcome: outcome(seq),
        quality: Quality::Good,
    };
    let of = |first: u64, declared: Vec<Declaration>, readings: &[(u32, u64)]| {
        let readings = readings.iter().copied().map(reading).collect();
        let record = Record { first, boot: BootId::from_bytes([0xB0; 16]), declared, readings };
        encoded(|out| record.encode(out))
    };
    vec![
        of(0, vec![declaration.clone()], &[(1, 1)]),
        of(300, vec![declaration, other], &[(1, 7), (0, 2), (1, 8), (0, 3)]),
        of(1, vec![], &[(0, 4), (0, 5)]),
    ]
}

pub(crate) fn headers() -> Vec<Vec<u8>> {
    let declaration = Declaration { id: StreamId(0), stream: stream() };
    let known = KnownStream { declaration, next: SequenceNumber(7) };
    let full = Header { first: 300, next_id: StreamId(1), streams: vec![known] };
    [Header::default(), full].map(|header| encoded(|out| header.encode(out))).into()
}

pub(crate) fn cursors() -> Vec<Vec<u8>> {
    let ahead = vec![302..303, 400..512];
    let slot = CursorSlot { generation: 3, position: 300, evicted: 1, lost: 2, ahead };
    let bytes = encoded(|out| slot.encode(out));
    // Versions 1 and 2 had three numbers.
    vec![bytes[..24].to_vec(), bytes[..32].to_vec(), bytes]
}
