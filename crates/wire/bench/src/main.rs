//! What compresses a payload best. Payloads are those that the gateway makes; each engine keeps what it
//! allocates from payload to payload, as far as it can. CPU time is the thread's own, so that other
//! processes do not count.
//!
//! * **climate** — a temperature each second, in steps of 0.01, as a BME280 gives it.
//! * **noise** — an acceleration each millisecond, all digits of a 64-bit float.

use std::{env, error::Error, fs, hint::black_box};

use domain::{
    BootId, GatewayId, Monotonic, QuantityKind, Reading, Sample, SequenceNumber, Stream,
    StreamName, TimeSource, Timestamp, Trust, WallTime,
};
use flate2::{Compress, Compression, FlushCompress};
use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, compress, create_comp_flags_from_zip_params,
};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

type Engine = (&'static str, Box<dyn FnMut(&[u8], &mut Vec<u8>) -> usize>);

fn main() -> Result<(), Box<dyn Error>> {
    let (rounds, file) = arguments()?;
    let mut rows = Vec::new();
    println!(
        "series   samples  bytes  engine              bytes after  of 100  us per message  MB/s"
    );
    for series in ["climate", "noise"] {
        for count in [1, 16, 256, 1024] {
            let payloads = payloads(series, count)?;
            for (engine, run) in &mut engines() {
                rows.push(measure(series, count, &payloads, engine, run, rounds));
            }
        }
    }
    if let Some(file) = file {
        fs::write(file, serde_json::to_vec_pretty(&rows)?)?;
    }
    Ok(())
}

fn arguments() -> Result<(usize, Option<String>), Box<dyn Error>> {
    let (mut rounds, mut file) = (7, None);
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or("a value is missing")?;
        match word.as_str() {
            "--rounds" => rounds = value.parse()?,
            "--json" => file = Some(value),
            _ => return Err(format!("{word}: no such option").into()),
        }
    }
    Ok((rounds, file))
}

/// Eight payloads in a row, each of `count` samples.
fn payloads(series: &str, count: u64) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let (kind, sensor, period) = match series {
        "climate" => (QuantityKind::Temperature, "temperature", 1_000_000_000),
        _ => (QuantityKind::Acceleration, "x", 1_000_000),
    };
    let (gateway, boot) = (GatewayId::new("greenhouse")?, BootId::from_bytes(*b"0123456789abcdef"));
    let stream = Stream { name: StreamName::new("outdoor", sensor)?, kind };
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut steps = 2_153_i32;
    let mut sample = |seq: u64| {
        let late = draw(&mut random) % 200_000;
        let number = match series {
            "climate" => {
                steps += (draw(&mut random) % 3) as i32 - 1;
                f64::from(steps) / 100.0
            }
            _ => (draw(&mut random) % (1 << 53)) as f64 / (1_u64 << 53) as f64 * 4.0 + 8.0,
        };
        let nanos = seq * period + late;
        let at = Timestamp {
            trust: Trust::of_ms(TimeSource::Ntp, None),
            ..Timestamp::new(
                WallTime::from_nanos(1_795_432_624_123_456_000 + nanos as i64),
                Monotonic::from_nanos(61_000_002_000 + nanos),
            )
        };
        let quantity = kind.quantity(number).map_err(|_| "no quantity")?;
        let reading = Reading::measured(at, Ok(quantity));
        Ok::<_, Box<dyn Error>>(Sample {
            stream: stream.clone(),
            boot,
            seq: SequenceNumber(seq),
            reading,
        })
    };
    (0..8)
        .map(|block| {
            let first = 700_000 + block * count;
            let samples = (first..first + count).map(&mut sample).collect::<Result<Vec<_>, _>>()?;
            wire::payload::encode(&gateway, &samples.iter().collect::<Vec<_>>())
                .ok_or("no run".into())
        })
        .collect()
}

fn draw(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn engines() -> Vec<Engine> {
    let mut engines: Vec<Engine> = Vec::new();
    for (name, level) in [
        ("miniz_oxide 1", 1),
        ("miniz_oxide 2", 2),
        ("miniz_oxide 3", 3),
        ("miniz_oxide 4", 4),
        ("miniz_oxide 6", 6),
    ] {
        let mut state = CompressorOxide::new(create_comp_flags_from_zip_params(level, 15, 0));
        engines.push((
            name,
            Box::new(move |plain, out| {
                state.reset();
                compress(&mut state, plain, out, TDEFLFlush::Finish).2
            }),
        ));
    }
    let dictionary = dictionary();
    for (name, level, has_dictionary) in [
        ("zlib-rs 1", 1, false),
        ("zlib-rs 6", 6, false),
        ("zlib-rs 3", 3, false),
        ("zlib-rs 4", 4, false),
        ("zlib-rs 9", 9, false),
        ("zlib-rs 6 dict", 6, true),
    ] {
        let mut state = Compress::new(Compression::new(level), true);
        let dictionary = dictionary.clone();
        engines.push((
            name,
            Box::new(move |plain, out| {
                state.reset();
                if has_dictionary {
                    state.set_dictionary(&dictionary).expect("a dictionary");
                }
                state.compress(plain, out, FlushCompress::Finish).expect("room");
                state.total_out() as usize
            }),
        ));
    }
    let mut table = vec![0; lz4_flex::block::get_maximum_output_size(1 << 18)];
    engines.push((
        "lz4_flex",
        Box::new(move |plain, out| {
            let len = lz4_flex::block::compress_into(plain, &mut table).expect("room");
            out[..len].copy_from_slice(&table[..len]);
            len
        }),
    ));
    engines.push((
        "ruzstd fastest",
        Box::new(|plain, out| {
            let packed = ruzstd::encoding::compress_to_vec(
                plain,
                ruzstd::encoding::CompressionLevel::Fastest,
            );
            out[..packed.len()].copy_from_slice(&packed);
            packed.len()
        }),
    ));
    for (name, level) in [("zstd 1 (C)", 1), ("zstd 3 (C)", 3)] {
        let mut state = zstd::bulk::Compressor::new(level).expect("zstd");
        engines.push((
            name,
            Box::new(move |plain, out| {
                state.compress_to_buffer(plain, &mut out[..]).expect("room")
            }),
        ));
    }
    engines
}

/// What each payload has in it anyway.
fn dictionary() -> Vec<u8> {
    concat!(
        r#""gap":"absent","quality":"uncertain"},{"v":1,"gateway":"#,
        r#"","boot":"","quantity":"temperature","unit":"Cel","samples":[{"seq":"#,
        r#","time_us":17954,"mono_us":,"value":1},{"seq":"#,
    )
    .into()
}

fn measure(
    series: &str,
    count: u64,
    payloads: &[Vec<u8>],
    engine: &str,
    run: &mut Box<dyn FnMut(&[u8], &mut Vec<u8>) -> usize>,
    rounds: usize,
) -> Value {
    let mut out = vec![0; 1 << 18];
    let before: usize = payloads.iter().map(Vec::len).sum();
    let after: usize = payloads.iter().map(|plain| run(plain, &mut out)).sum();
    let repeats = (4 << 20) / before + 1;
    let mut times: Vec<f64> = (0..rounds)
        .map(|_| {
            let begun = cpu();
            for plain in (0..repeats).flat_map(|_| payloads) {
                black_box(run(black_box(plain), &mut out));
            }
            (cpu() - begun) / (repeats * payloads.len()) as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let (each, seconds) = (before / payloads.len(), times[times.len() / 2]);
    let percent = 100.0 * after as f64 / before as f64;
    let speed = each as f64 / seconds / 1e6;
    println!(
        "{series:8} {count:7} {each:6}  {engine:18} {:12} {percent:7.1} {:15.1} {speed:5.0}",
        after / payloads.len(),
        seconds * 1e6,
    );
    json!({ "series": series, "samples": count, "engine": engine, "bytes": each,
        "bytes_after": after / payloads.len(), "cpu_us": seconds * 1e6 })
}

fn cpu() -> f64 {
    let at = clock_gettime(ClockId::ThreadCPUTime);
    at.tv_sec as f64 + at.tv_nsec as f64 / 1e9
}
