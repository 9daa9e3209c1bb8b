//! What is delivered: temperatures of a few devices.

use domain::{
    BootId, GatewayId, Monotonic, QuantityKind, Reading, Sample, SequenceNumber, Stream,
    StreamName, StreamReading, TimeSource, Timestamp, Trust, WallTime,
};
use wire::{Topics, payload::encode};

pub const BOOT: BootId = BootId::from_bytes([7; 16]);

pub fn gateway() -> GatewayId {
    GatewayId::new("bench").expect("a name")
}

pub fn topics() -> Topics {
    Topics::new("telemetry").expect("a root")
}

/// Readings number `first` and on, of `streams.len()` streams in turn, 1 ms apart.
pub fn readings(streams: &[Stream], first: u64, count: u64) -> Vec<StreamReading> {
    (first..first + count)
        .map(|n| reading(&streams[(n % streams.len() as u64) as usize], n))
        .collect()
}

pub fn reading(stream: &Stream, n: u64) -> StreamReading {
    let nanos = n * 1_000_000;
    let at = Timestamp {
        wall: WallTime::from_nanos(1_700_000_000_000_000_000 + nanos as i64),
        monotonic: Monotonic::from_nanos(nanos),
        trust: Trust::of_ms(TimeSource::Ntp, None),
    };
    let number = 20.0 + (n % 1_000) as f64 / 100.0;
    let reading = Reading::measured(at, Ok(stream.kind.quantity(number).expect("a temperature")));
    StreamReading { stream: stream.clone(), reading }
}

pub fn streams(count: usize) -> Vec<Stream> {
    let stream = |i| {
        let name = StreamName::new(&format!("device_{i}"), "temperature").expect("a name");
        Stream { name, kind: QuantityKind::Temperature }
    };
    (0..count).map(stream).collect()
}

/// Topic and payload of one message of each stream with `samples` samples.
pub fn messages(streams: &[Stream], samples: u64) -> Vec<(String, Vec<u8>)> {
    let message = |(i, stream): (usize, &Stream)| {
        let sample = |n: u64| Sample {
            stream: stream.clone(),
            boot: BOOT,
            seq: SequenceNumber(1_000_000 + n),
            reading: reading(stream, 10_000_000 + n * streams.len() as u64 + i as u64).reading,
        };
        let samples: Vec<_> = (0..samples).map(sample).collect();
        let payload = encode(&gateway(), &samples.iter().collect::<Vec<_>>()).expect("a payload");
        (topics().samples(&gateway(), &stream.name), payload)
    };
    streams.iter().enumerate().map(message).collect()
}
