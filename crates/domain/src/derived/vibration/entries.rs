//! What configuration may ask of a block.

use core::num::NonZeroUsize;

use super::{
    Band, Dc, Lines, Spectrum, Window,
    block::{Blocks, Figure},
    crest_factor, kurtosis,
    parameters::{
        EDGES, EDGES_OF_BANDS, EDGES_OF_RATIOS, HIGH, IN_TIME, IN_TIME_WITH_DC, ISO_HIGH, ISO_LOW,
        LOW, OF, OF_ACCELERATION, OVERLAP, RATE, SPECTRAL_BLOCK, WINDOW,
    },
    peak, peak_to_peak, rms,
};
use crate::{
    NoData, Quality,
    QuantityKind::{self, Dimensionless, Frequency, VibrationVelocity},
    derived::{BadMetric, Entry, Group, Made, run::only},
    parameter::Arguments,
};

/// Vibration.
pub(in crate::derived) const ENTRIES: &[Entry] = &[
    Entry {
        function: "rms",
        group: Group::Vibration,
        summary: "root mean square of each block, in the unit of its input",
        source: "√(Σ (x - m)² / n), m the mean, or 0 with `dc`; ISO 2041:2018",
        edges: EDGES,
        roles: &[OF],
        parameters: IN_TIME_WITH_DC,
        example: "function = \"rms\"\nof = \"motor.acceleration\"\nblock = 500",
        make: |kinds, arguments| {
            let dc = dc(arguments)?;
            in_time(only(kinds)?, arguments, move |block| rms(block, dc))
        },
    },
    Entry {
        function: "peak",
        group: Group::Vibration,
        summary: "greatest deviation of each block to either side, in the unit of its input",
        source: "max |x - m|, m the mean, or 0 with `dc`; ISO 2041:2018",
        edges: EDGES,
        roles: &[OF],
        parameters: IN_TIME_WITH_DC,
        example: "function = \"peak\"\nof = \"motor.acceleration\"\nblock = 500",
        make: |kinds, arguments| {
            let dc = dc(arguments)?;
            in_time(only(kinds)?, arguments, move |block| peak(block, dc))
        },
    },
    Entry {
        function: "peak_to_peak",
        group: Group::Vibration,
        summary: "from the least to the greatest of each block, in the unit of its input",
        source: "max x - min x; ISO 2041:2018",
        edges: EDGES,
        roles: &[OF],
        parameters: IN_TIME,
        example: "function = \"peak_to_peak\"\nof = \"motor.acceleration\"\nblock = 500",
        make: |kinds, arguments| in_time(only(kinds)?, arguments, peak_to_peak),
    },
    Entry {
        function: "crest_factor",
        group: Group::Vibration,
        summary: "peak by root mean square of each block: 1.41 for a sine, more for shocks",
        source: "max |x - m| / √(Σ (x - m)² / n), m the mean, or 0 with `dc`; ISO 2041:2018",
        edges: EDGES_OF_RATIOS,
        roles: &[OF],
        parameters: IN_TIME_WITH_DC,
        example: "function = \"crest_factor\"\nof = \"motor.acceleration\"\nblock = 500",
        make: |_, arguments| {
            let dc = dc(arguments)?;
            in_time(Dimensionless, arguments, move |block| crest_factor(block, dc))
        },
    },
    Entry {
        function: "kurtosis",
        group: Group::Vibration,
        summary: "kurtosis of each block after Pearson: 3 for a normal distribution, 1.5 for a sine, more for shocks",
        source: "Σ (x - m)⁴ / n / (Σ (x - m)² / n)², without bias correction; Pearson 1905 (Fisher's excess + 3)",
        edges: EDGES_OF_RATIOS,
        roles: &[OF],
        parameters: IN_TIME,
        example: "function = \"kurtosis\"\nof = \"motor.acceleration\"\nblock = 1000",
        make: |_, arguments| in_time(Dimensionless, arguments, kurtosis),
    },
    Entry {
        function: "velocity_rms",
        group: Group::Vibration,
        summary: "root mean square of the velocity of each block of accelerations, in mm/s",
        source: "1000 √(Σ P(k) / (2π f(k))²) over the band's lines, Hann window; ISO 20816-1:2016, whose band is 10 to 1000 Hz",
        edges: EDGES_OF_BANDS,
        roles: &[OF_ACCELERATION],
        parameters: &[SPECTRAL_BLOCK, OVERLAP, RATE, ISO_LOW, ISO_HIGH],
        example: "function = \"velocity_rms\"\nof = \"motor.acceleration\"\nblock = 4096\nrate_hz = 3200.0",
        make: |_, arguments| {
            let band = band(arguments)?;
            in_frequency(VibrationVelocity, arguments, Window::Hann, move |lines, rate_hz| {
                lines.velocity_rms(band, rate_hz)
            })
        },
    },
    Entry {
        function: "dominant_frequency",
        group: Group::Vibration,
        summary: "frequency of the greatest line of each block's spectrum, DC left out",
        source: "Hann window, a parabola through the logarithms of three lines; Gasior and Gonzalez, CERN AB-Note-2004-021",
        edges: "Undefined for a block of equal samples. Uncertain if the time stamps are more than 10 % of \
            an interval from even. A gap or a hole (more than 1.5 intervals: missed) begins the block anew and is told once.",
        roles: &[OF],
        parameters: &[SPECTRAL_BLOCK, OVERLAP, RATE],
        example: "function = \"dominant_frequency\"\nof = \"fan.acceleration\"\nblock = 512\noverlap = true",
        make: |_, arguments| {
            in_frequency(Frequency, arguments, Window::Hann, |lines, rate_hz| {
                Ok((lines.dominant_frequency(rate_hz)?, Quality::Good))
            })
        },
    },
    Entry {
        function: "band_rms",
        group: Group::Vibration,
        summary: "root mean square of what is in a band of frequencies, in the unit of its input",
        source: "√(Σ P(k)) over the band's lines, low ≤ f < high; squares of bands side by side add up to that of the block without DC (Parseval)",
        edges: EDGES_OF_BANDS,
        roles: &[OF],
        parameters: &[SPECTRAL_BLOCK, OVERLAP, RATE, LOW, HIGH, WINDOW],
        example: "function = \"band_rms\"\nof = \"motor.acceleration\"\nlow_hz = 10.0\nhigh_hz = 200.0",
        make: |kinds, arguments| {
            let (band, window) = (band(arguments)?, window(arguments)?);
            in_frequency(only(kinds)?, arguments, window, move |lines, rate_hz| {
                lines.band_rms(band, rate_hz)
            })
        },
    },
];

fn in_time(
    kind: QuantityKind,
    arguments: &Arguments,
    figure: impl Fn(&[f64]) -> Result<f64, NoData> + Send + 'static,
) -> Made {
    blocks(kind, arguments, Box::new(move |block, _| Ok((figure(block)?, Quality::Good))))
}

fn in_frequency(
    kind: QuantityKind,
    arguments: &Arguments,
    window: Window,
    figure: impl Fn(Lines<'_>, f64) -> Result<(f64, Quality), NoData> + Send + 'static,
) -> Made {
    let length: usize = arguments.integer("block")?;
    let Some(length) = NonZeroUsize::new(length).filter(|it| it.is_power_of_two()) else {
        let message = format!("{length} is not a power of two");
        let mend =
            format!("write {} or {}", length.next_power_of_two() / 2, length.next_power_of_two());
        return Err(BadMetric::Unfit { parameter: "block", message, mend });
    };
    let mut spectrum = Spectrum::new(length, window);
    let figure: Figure = Box::new(move |block, rate_hz| {
        figure(spectrum.of(block)?, rate_hz.ok_or(NoData::Undefined)?)
    });
    blocks(kind, arguments, figure)
}

fn blocks(kind: QuantityKind, arguments: &Arguments, figure: Figure) -> Made {
    let length: usize = arguments.integer("block")?;
    let hop = if arguments.flag("overlap")? { length.div_ceil(2) } else { length };
    let rate_hz = Some(arguments.number("rate_hz")?).filter(|&hz| hz > 0.0);
    Ok((kind, Box::new(Blocks::new(kind, (length, hop), rate_hz, figure))))
}

fn dc(arguments: &Arguments) -> Result<Dc, BadMetric> {
    Ok(if arguments.flag("dc")? { Dc::With } else { Dc::Without })
}

fn window(arguments: &Arguments) -> Result<Window, BadMetric> {
    let word = arguments.choice("window")?;
    let window = Window::ALL.into_iter().find(|window| window.word() == word);
    Ok(window.unwrap_or(Window::Rectangular))
}

fn band(arguments: &Arguments) -> Result<Band, BadMetric> {
    let band = Band { low_hz: arguments.number("low_hz")?, high_hz: arguments.number("high_hz")? };
    let nyquist_hz = arguments.number("rate_hz")? / 2.0;
    let unfit = |parameter, message: String, mend: &str| {
        Err(BadMetric::Unfit { parameter, message, mend: mend.to_owned() })
    };
    if band.high_hz <= band.low_hz {
        let message = format!("{} Hz is not above low_hz, {} Hz", band.high_hz, band.low_hz);
        return unfit("high_hz", message, "write the upper edge of the band");
    }
    if nyquist_hz > 0.0 && band.low_hz >= nyquist_hz {
        let message = format!("there is no band above half the rate, {nyquist_hz} Hz");
        return unfit("low_hz", message, "sample faster, or take a lower band");
    }
    Ok(band)
}
