//! Figures of blocks against those of `NumPy` and `SciPy`: the table of `reference/vibration.py`.
#![expect(clippy::cast_precision_loss, reason = "blocks of some thousand samples")]
#![expect(clippy::unwrap_used, reason = "a test")]

mod reference;

use std::{collections::BTreeMap, f64::consts::TAU, num::NonZeroUsize};

use domain::{
    NoData, Quality, Quantity, QuantityKind,
    derived::{
        Input, Moment, find,
        vibration::{
            Band, Dc, Spectrum, Window, crest_factor, kurtosis, peak, peak_to_peak, rms, spectrum,
        },
    },
    parameter::{Argument, Arguments},
};

use reference::Errors;

/// Knuth's MMIX generator, its upper 53 bits, -0.5 to 0.5.
fn noise(n: usize) -> impl Iterator<Item = f64> {
    let mut state = 1_u64;
    std::iter::repeat_with(move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    })
    .take(n)
}

fn signal(name: &str) -> (f64, Vec<f64>) {
    let made = |n: usize, f: &dyn Fn(f64) -> f64| (0..n).map(|i| f(i as f64)).collect::<Vec<_>>();
    match name {
        "tone" => (1000.0, made(1024, &|i| 2.0 * (TAU * 50.0 * i / 1000.0).sin())),
        "mixed" => {
            let tones = made(4096, &|i| {
                let (low, high) = (TAU * 49.7 * i / 3200.0, TAU * 311.3 * i / 3200.0 + 0.4);
                0.5 + 3.0 * low.sin() + 1.2 * high.sin()
            });
            (3200.0, tones.iter().zip(noise(4096)).map(|(tone, noise)| tone + noise).collect())
        }
        "noise" => (100.0, noise(2048).map(|x| 10.0 * x).collect()),
        "offset" => (50.0, [4.0, 7.0, 13.0, 16.0].map(|x| 1e9 + x).repeat(256)),
        "shocks" => {
            let ringing =
                |i: f64| (-(i % 256.0) / 20.0).exp() * (TAU * 1850.0 * i / 25_600.0).sin();
            (25_600.0, made(8192, &ringing))
        }
        "impulse" => (1000.0, made(256, &|i| f64::from(u8::from((99.5..100.5).contains(&i))))),
        "dc_only" => (1000.0, vec![9.81; 512]),
        "zeros" => (1000.0, vec![0.0; 64]),
        "len_1" => (1000.0, vec![3.5]),
        "len_3" => (1000.0, vec![1.0, 4.0, -2.0]),
        other => panic!("the table has a signal {other}"),
    }
}

struct Row<'a> {
    function: &'a str,
    window: &'a str,
    a: f64,
    b: f64,
    value: Option<f64>,
}

/// What the function says of the block.
fn found(row: &Row<'_>, rate: f64, x: &[f64]) -> Result<f64, NoData> {
    let window = Window::ALL.into_iter().find(|w| w.word() == row.window).unwrap_or(Window::Hann);
    let band = Band { low_hz: row.a, high_hz: row.b };
    let mut transform = Spectrum::new(NonZeroUsize::new(x.len()).unwrap(), window);
    match row.function {
        "rms" => rms(x, Dc::Without),
        "rms_dc" => rms(x, Dc::With),
        "peak" => peak(x, Dc::Without),
        "peak_dc" => peak(x, Dc::With),
        "peak_to_peak" => peak_to_peak(x),
        "crest_factor" => crest_factor(x, Dc::Without),
        "crest_factor_dc" => crest_factor(x, Dc::With),
        "kurtosis" => kurtosis(x),
        "band_rms" => transform.of(x)?.band_rms(band, rate).map(|(rms, _)| rms),
        "velocity_rms" => transform.of(x)?.velocity_rms(band, rate).map(|(rms, _)| rms),
        "dominant_frequency" => transform.of(x)?.dominant_frequency(rate),
        "spectrum" => {
            let is_line = |&(line, _): &(usize, f64)| (line as f64 - row.a).abs() < 0.5;
            let lines = spectrum(x, window)?;
            Ok(lines.into_iter().enumerate().find(is_line).unwrap().1)
        }
        other => panic!("the table has a function {other}"),
    }
}

/// What the metric says of the block; nothing if it takes no such blocks or numbers.
fn told(row: &Row<'_>, rate: f64, x: &[f64]) -> Option<Result<f64, NoData>> {
    let (function, dc) = match row.function.strip_suffix("_dc") {
        Some(function) => (function, true),
        None => (row.function, false),
    };
    let entry = find(function)?;
    let has = |name: &str| entry.parameters.iter().any(|parameter| parameter.name == name);
    let window = Window::ALL.map(Window::word).into_iter().find(|word| *word == row.window);
    let given = [
        ("block", Argument::Integer(i64::try_from(x.len()).unwrap())),
        ("rate_hz", Argument::Number(rate)),
        ("dc", Argument::Flag(dc)),
        ("low_hz", Argument::Number(row.a)),
        ("high_hz", Argument::Number(row.b)),
        ("window", Argument::Choice(window.unwrap_or_default())),
    ];
    let given = given.into_iter().filter(|(name, _)| has(name));
    let kind = match function {
        "velocity_rms" => QuantityKind::Acceleration,
        _ => QuantityKind::Dimensionless,
    };
    let arguments = Arguments::new(entry.parameters, given).ok()?;
    let (_, mut metric) = (entry.make)(&[kind], &arguments).unwrap();
    let mut out = Vec::new();
    for (i, &number) in x.iter().enumerate() {
        #[expect(clippy::cast_possible_truncation, reason = "a few seconds")]
        let at = Moment::from_nanos((i as f64 / rate * 1e9).round() as i64);
        let outcome = Ok(kind.quantity(number).ok()?);
        metric.next(at, &[Input { outcome, quality: Quality::Good }], &mut out);
    }
    assert_eq!(out.len(), 1, "{function}");
    Some(out[0].outcome.map(Quantity::number))
}

#[test]
fn agree_with_numpy_and_scipy() {
    let mut metrics = 0;
    let mut errors = BTreeMap::<&str, Errors>::new();
    let table = include_str!("reference/vibration.csv");
    for line in table.lines().skip(1) {
        let fields: Vec<_> = line.split(',').collect();
        let [name, length, function, window, a, b, value] = fields[..] else { panic!("{line}") };
        let number = |text: &str| text.parse().unwrap_or(0.0);
        let row = Row { function, window, a: number(a), b: number(b), value: value.parse().ok() };
        let (rate, x) = signal(name);
        assert_eq!(x.len(), length.parse().unwrap(), "{name}");
        let result = found(&row, rate, &x);
        if let Some(told) = told(&row, rate, &x) {
            metrics += 1;
            assert_eq!(told, result, "{line}: the metric differs from the function");
        }
        let Some(expected) = row.value else {
            assert_eq!(result, Err(NoData::Undefined), "{line}");
            continue;
        };
        // Frequencies by the lines' distance; others by themselves, or by what there is of signal at all.
        let is_frequency = function == "dominant_frequency";
        let size = expected.abs().max(1e-6 * rms(&x, Dc::Without).unwrap()).max(1e-12);
        let (scale, fair) = if is_frequency { (rate / x.len() as f64, 0.05) } else { (size, 1e-8) };
        let error = (result.unwrap() - expected).abs() / scale;
        errors.entry(function).or_default().take(error, fair, line);
    }
    assert_eq!(errors.len(), 12);
    assert!(metrics > 100, "{metrics} figures by metrics");
    for (name, errors) in errors {
        let (function, how) = match name.strip_suffix("_dc") {
            Some(function) => (function, ", with DC"),
            None => (name, ""),
        };
        let tool = match function {
            "kurtosis" | "band_rms" | "velocity_rms" | "spectrum" => "SciPy 1.17.1",
            _ => "NumPy 2.4.6",
        };
        match function {
            "dominant_frequency" => errors.print(function, how, tool, "0.05 lines", "lines"),
            _ => errors.print(function, how, tool, "1e-8", "of it"),
        }
    }
}
