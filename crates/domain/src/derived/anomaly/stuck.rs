//! Whether a number has stopped moving.

use core::time::Duration;

use super::{OF, dimensionless, size};
use crate::{
    Quality, QuantityKind,
    derived::{Entry, Group, Input, Metric, Moment, Output, Words, run::Run},
    parameter::{Parameter, Preset, Value},
};

pub(super) const STUCK_AT: Entry = Entry {
    function: "stuck_at",
    group: Group::Anomaly,
    summary: "1 if a number has not changed by more than a resolution for a time, else 0.",
    source: "|x - x0| <= resolution since `time` or longer, x0 the first number after the last \
             change",
    edges: "A drift is a change as soon as it is more than the resolution from where it began. A \
            gap in is the same gap out; time goes on, and what is stuck across one, or an \
            uncertain number, is uncertain. 0 is uncertain before the first change, as nobody knows what was before.",
    roles: &[OF],
    parameters: &[
        Parameter {
            name: "time",
            summary: "for how long it may stay the same",
            value: Value::Duration {
                low: Duration::from_millis(1),
                high: Duration::from_secs(30 * 86_400),
                preset: Preset::Required(Duration::from_secs(3_600)),
            },
        },
        size(
            "resolution",
            "what is no change yet, in the unit of the stream",
            Preset::Default(0.0),
        ),
    ],
    example: "function = \"stuck_at\"\nof = \"tank.level\"\ntime = \"1h\"\nresolution = 0.001\n",
    make: |_, arguments| {
        let (time, resolution) = (arguments.duration("time")?, arguments.number("resolution")?);
        let stuck = Stuck { time, resolution, run: Run::default(), still: None };
        Ok((QuantityKind::Dimensionless, Box::new(stuck)))
    },
};

struct Stuck {
    time: Duration,
    resolution: f64,
    run: Run,
    still: Option<Still>,
}

/// What has not changed.
#[derive(Clone, Copy)]
struct Still {
    number: f64,
    since: Moment,
    /// Whether there was a change before it, rather than the beginning.
    is_seen: bool,
}

impl Stuck {
    fn take(&mut self, at: Moment, number: f64) -> (f64, Quality) {
        let is_seen = self.still.is_some();
        let moved = |still: &Still| (number - still.number).abs() > self.resolution;
        let still = self.still.filter(|still| !moved(still));
        let still = still.unwrap_or(Still { number, since: at, is_seen });
        self.still = Some(still);
        if at >= still.since.after(self.time) {
            (1.0, self.run.covers_from(still.since))
        } else {
            (0.0, Quality::good_if(still.is_seen))
        }
    }
}

impl Metric for Stuck {
    fn next(&mut self, at: Moment, inputs: &[Input], out: &mut Vec<Output>) {
        let Some(input) = inputs.first() else { return };
        let found = self.run.meets(at, input).map(|number| {
            let (detection, own) = self.take(at, number);
            (detection, input.quality.and(own))
        });
        out.push(dimensionless(at, found));
    }

    fn save(&self, words: &mut Vec<u64>) {
        self.run.save(words);
        words.push(u64::from(self.still.is_some()));
        if let Some(Still { number, since, is_seen }) = self.still {
            words.extend([number.to_bits(), since.word(), is_seen.into()]);
        }
    }

    fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        self.run = Run::restore(words)?;
        if words.word()? == 0 {
            self.still = None;
            return Some(());
        }
        let (number, since) = (words.number()?, words.moment()?);
        self.still = Some(Still { number, since, is_seen: words.word()? != 0 });
        Some(())
    }
}
