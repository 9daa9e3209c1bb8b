//! Derived metrics as jobs on the thread pool.
//!
//! Each metric has a state and sees the readings of its inputs in order. For one batch of readings
//! every metric concerned is one job: the state moves into the job and comes back with its result, so
//! two jobs of one metric never run at the same time, different metrics run in parallel, and the
//! result does not depend on which worker was faster.
//!
//! # Invariants
//!
//! 1. Every job's outcome is consumed: readings, or a panic that becomes gaps.
//! 2. All inputs of a metric come from one device, so that one [`Acquired`] has them all at one time.
//! 3. A gap in gives a gap out with the same reason.
//!
//! # Deliberately absent
//!
//! The alignment of streams that are not measured together.

use std::{num::NonZeroUsize, sync::Arc};

use domain::{
    NoData, Quantity, QuantityKind, Reading, Stream, StreamName, StreamReading,
    derived::{MovingAverage, dew_point},
};
use executor::{Executor, JobHandle, Key, Priority};

use crate::{acquire::Acquired, telemetry::Counters};

/// What a metric computes, and from which streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Function {
    /// The dew point of the air, in °C.
    DewPoint {
        /// A stream of temperatures.
        temperature: StreamName,
        /// A stream of relative humidities from the same device.
        humidity: StreamName,
    },
    /// The mean of the last readings.
    MovingAverage {
        /// Any stream.
        of: StreamName,
        /// Over how many.
        samples: NonZeroUsize,
    },
}

/// A derived metric as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricPlan {
    /// The stream it makes.
    pub stream: Stream,
    /// The number of the device that all its inputs come from.
    pub device: usize,
    /// How.
    pub function: Function,
}

impl Function {
    const fn first_input(&self) -> &StreamName {
        match self {
            Self::DewPoint { temperature, .. } => temperature,
            Self::MovingAverage { of, .. } => of,
        }
    }

    /// What the function gives, when its (first) input is of kind `input`.
    pub const fn kind(&self, input: QuantityKind) -> QuantityKind {
        match self {
            Self::DewPoint { .. } => QuantityKind::Temperature,
            Self::MovingAverage { .. } => input,
        }
    }
}

/// All derived metrics of the gateway.
pub struct Derivation {
    executor: Arc<Executor>,
    counters: Arc<Counters>,
    metrics: Vec<Metric>,
}

struct Metric {
    plan: Arc<MetricPlan>,
    /// Away while a job has it.
    state: Option<State>,
}

enum State {
    Stateless,
    MovingAverage(MovingAverage),
}

type Outcome = (State, Vec<Reading>);

impl Derivation {
    /// Metrics with fresh state.
    pub fn new(plans: Vec<MetricPlan>, executor: Arc<Executor>, counters: Arc<Counters>) -> Self {
        let metrics =
            plans.into_iter().map(|plan| Metric { plan: Arc::new(plan), state: None }).collect();
        Self { executor, counters, metrics }
    }

    /// Whether there is nothing to derive.
    pub const fn is_empty(&self) -> bool {
        self.metrics.is_empty()
    }

    /// Computes what follows from `batch`; each metric's readings are in the order of its inputs.
    pub fn derive(&mut self, batch: &Arc<[Acquired]>) -> Vec<StreamReading> {
        let (executor, counters) = (&self.executor, &self.counters);
        let concerned = self
            .metrics
            .iter_mut()
            .filter(|metric| batch.iter().any(|acquired| acquired.device == metric.plan.device));
        let started: Vec<_> =
            concerned.map(|metric| (metric.start(executor, batch), metric)).collect();
        let mut derived = Vec::new();
        for (job, metric) in started {
            let readings = metric.finish(job, batch);
            for reading in readings {
                if let Err(reason) = reading.outcome {
                    counters.gap(reason);
                }
                derived.push(StreamReading { stream: metric.plan.stream.clone(), reading });
            }
        }
        derived
    }
}

/// A job under way, or already run because the pool would not take it.
enum Started {
    OnPool(JobHandle<Outcome>),
    Here(Outcome),
}

impl Metric {
    fn start(&mut self, executor: &Executor, batch: &Arc<[Acquired]>) -> Started {
        let state = self.state.take().unwrap_or_else(|| State::new(&self.plan.function));
        let (plan, batch) = (Arc::clone(&self.plan), Arc::clone(batch));
        let submitter = executor
            .submitter()
            .name("derive")
            .key(Key::of(&self.plan.stream.name))
            .priority(priority(&batch, self.plan.device));
        match submitter.submit(move || advance(state, &plan, &batch)) {
            Ok(handle) => Started::OnPool(handle),
            Err(refused) => Started::Here((refused.into_job())()),
        }
    }

    fn finish(&mut self, job: Started, batch: &[Acquired]) -> Vec<Reading> {
        let outcome = match job {
            Started::Here(outcome) => Ok(outcome),
            Started::OnPool(handle) => handle.join(),
        };
        match outcome {
            Ok((state, readings)) => {
                self.state = Some(state);
                readings
            }
            // The state went down with the job; the next batch starts with a fresh one.
            Err(error) => {
                tracing::error!(stream = %self.plan.stream.name, %error, "derived metric failed");
                let of_device = batch.iter().filter(|a| a.device == self.plan.device);
                let inputs = of_device.filter_map(|a| input(a, self.plan.function.first_input()));
                inputs.map(|r| Reading::measured(r.at, Err(NoData::Internal))).collect()
            }
        }
    }
}

/// News of a device that has failed goes before samples.
fn priority(batch: &[Acquired], device: usize) -> Priority {
    let of_device = batch.iter().filter(|acquired| acquired.device == device);
    let mut outcomes = of_device.flat_map(|a| &a.readings).map(|r| r.reading.outcome);
    let has_failed = outcomes.any(|outcome| outcome.is_err_and(NoData::is_device_failure));
    if has_failed { Priority::Critical } else { Priority::Medium }
}

fn advance(mut state: State, plan: &MetricPlan, batch: &[Acquired]) -> Outcome {
    let of_device = batch.iter().filter(|acquired| acquired.device == plan.device);
    let readings = of_device.filter_map(|acquired| state.next(&plan.function, acquired)).collect();
    (state, readings)
}

impl State {
    fn new(function: &Function) -> Self {
        match function {
            Function::DewPoint { .. } => Self::Stateless,
            Function::MovingAverage { samples, .. } => {
                Self::MovingAverage(MovingAverage::new(*samples))
            }
        }
    }

    /// The metric at the time of `acquired`; `None` if that has nothing to do with its inputs.
    fn next(&mut self, function: &Function, acquired: &Acquired) -> Option<Reading> {
        match (function, self) {
            (Function::DewPoint { temperature, humidity }, _) => {
                let air = input(acquired, temperature)?;
                let humid = input(acquired, humidity)?;
                let outcome = dew_point_of(air.outcome, humid.outcome);
                Some(Reading::measured(air.at, outcome))
            }
            (Function::MovingAverage { of, .. }, Self::MovingAverage(average)) => {
                let reading = input(acquired, of)?;
                Some(Reading::measured(reading.at, average.next(reading.outcome)))
            }
            (Function::MovingAverage { .. }, Self::Stateless) => None,
        }
    }
}

fn input<'a>(acquired: &'a Acquired, stream: &StreamName) -> Option<&'a Reading> {
    acquired.readings.iter().find(|r| r.stream.name == *stream).map(|r| &r.reading)
}

fn dew_point_of(
    air: Result<Quantity, NoData>,
    humidity: Result<Quantity, NoData>,
) -> Result<Quantity, NoData> {
    match (air?, humidity?) {
        (Quantity::Temperature(air), Quantity::RelativeHumidity(humidity)) => {
            dew_point(air, humidity).map(Quantity::Temperature)
        }
        _ => Err(NoData::Undefined),
    }
}

#[cfg(test)]
mod tests;
