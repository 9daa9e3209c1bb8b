//! Derived metrics as jobs on the thread pool.
//!
//! # Terms
//!
//! * **Graph** — which metric needs which stream; metrics may need metrics, but not in a circle.
//! * **Component** — metrics that hang together by that. All of it that a batch concerns moves into a
//!   job, with its states, and comes back with what it has told: so two jobs of one metric never run at
//!   the same time, components run in parallel, and no strand is needed to keep their order.
//! * **Moment** — the time of metrics: monotonic time on an axis that is continued over restarts.
//!
//! # Invariants
//!
//! 1. What each stream tells does not depend on how readings fall into batches, nor on which worker was
//!    faster, bit for bit.
//! 2. Each reading of a metric's first input is one call of the metric, unless it is late, which is
//!    counted. It gets what of every other input is nearest in time, or that gap: the rules are told in
//!    the module `align`.
//! 3. A gap in gives a gap out with the same reason; a panic is a gap, `internal`, and the metric starts
//!    afresh.
//! 4. In the steady state nothing is allocated for a reading; jobs, of which there are four for each
//!    worker at most, and the list of results cost a few allocations a batch.
//!
//! # Deliberately absent
//!
//! A tick: metrics move on by readings and gaps only. A device that fails or is silent gives gaps, so
//! that windows end and alarms wait no longer than its slots are apart.

mod align;
mod axis;
mod component;
mod graph;
mod plan;
mod route;

use std::{collections::HashMap, sync::Arc};

use domain::{
    BootId, NoData, Quality, Reading, Stream, StreamName, StreamReading, Timestamp,
    derived::{Input, SavedState},
};
use executor::{Executor, JobHandle, Priority};

use self::{
    align::Told,
    axis::Axis,
    component::{Component, Scratch},
    graph::Graph,
    route::Routed,
};
pub use self::{
    graph::{BadGraph, order, path},
    plan::MetricPlan,
};
use crate::{acquire::Acquired, telemetry::Counters};

/// Jobs for each worker: enough to even out components of unequal work.
const JOBS_PER_WORKER: usize = 4;

/// How many components are touched before they run: enough for all that the memory does at a time, and few
/// enough to stay near until then.
const TOUCHED_TOGETHER: usize = 16;

/// All derived metrics of the gateway.
pub struct Derivation {
    executor: Arc<Executor>,
    counters: Arc<Counters>,
    graph: Graph,
    axis: Axis,
    /// By number. Away while a job has it, and for good if the job was lost.
    components: Vec<Option<Box<Component>>>,
    /// How urgent each component is while all is well.
    usual: Vec<Priority>,
    routed: Arc<Routed>,
    due: Vec<(Priority, usize)>,
}

/// Where metrics begin.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// The boot that the machine is in.
    pub boot: BootId,
    /// What the clocks say.
    pub now: Timestamp,
    /// What an earlier run has saved, if anything.
    pub saved: Option<SavedState>,
}

/// Components with their numbers, in one job, and what they have told.
struct Pack {
    components: Vec<(usize, Box<Component>)>,
    told: Vec<StreamReading>,
}

/// A job under way, or already run because the pool would not take it.
enum Started {
    OnPool(JobHandle<Pack>),
    Here(Pack),
}

impl Derivation {
    /// Metrics that go on from what was saved, or from their first state.
    ///
    /// # Errors
    ///
    /// [`BadGraph`] if they need each other in a circle, or cannot be made.
    pub fn new(
        plans: Vec<MetricPlan>,
        beginning: Beginning,
        executor: Arc<Executor>,
        counters: Arc<Counters>,
    ) -> Result<Self, BadGraph> {
        for plan in &plans {
            let stream = || plan.stream.name.clone();
            plan.make().map_err(|cause| BadGraph::Metric { stream: stream(), cause })?;
        }
        let graph = Graph::new(plans)?;
        let Beginning { boot, now, saved } = beginning;
        let axis = Axis::starting(boot, now, saved.as_ref().map(|saved| saved.axis));
        let saved = saved.map(|saved| saved.metrics).unwrap_or_default();
        let saved: HashMap<_, _> = saved.iter().map(|metric| (&metric.stream, metric)).collect();
        let component = |plans| {
            let mut component = Component::new(plans, &counters);
            component.restore(&saved);
            Some(Box::new(component))
        };
        let components: Vec<_> = graph.components.iter().map(component).collect();
        let usual = components.iter().flatten().map(|component| component.usual()).collect();
        let routed = Arc::new(Routed::new(graph.feeds.len()));
        Ok(Self { executor, counters, graph, axis, components, usual, routed, due: Vec::new() })
    }

    /// Whether there is nothing to derive.
    pub const fn is_empty(&self) -> bool {
        self.components.is_empty()
    }

    /// Computes what follows from `batch`; each metric's readings are in the order of its inputs. What
    /// the most urgent components tell comes first.
    pub fn derive(&mut self, batch: &[Acquired]) -> Vec<StreamReading> {
        self.derive_in_parts(batch).into_iter().flatten().collect()
    }

    /// As [`derive`](Self::derive), in as many parts as there were jobs: what many metrics tell is not moved
    /// once more.
    pub fn derive_in_parts(&mut self, batch: &[Acquired]) -> Vec<Vec<StreamReading>> {
        if Arc::get_mut(&mut self.routed).is_none() {
            self.routed = Arc::new(Routed::new(self.graph.feeds.len()));
        }
        let Some(routed) = Arc::get_mut(&mut self.routed) else { return Vec::new() };
        routed.take(batch, &self.graph, &mut self.axis);
        routed.concerned(&self.graph, &self.usual, &mut self.due);
        let jobs = JOBS_PER_WORKER * self.executor.metrics().workers;
        let length = self.due.len().div_ceil(jobs.max(1)).max(1);
        let due = std::mem::take(&mut self.due);
        let started: Vec<_> = due.chunks(length).map(|due| (self.start(due), due)).collect();
        let newest = batch.last().and_then(|acquired| acquired.readings.last());
        let mut parts = Vec::with_capacity(started.len());
        for (job, due) in started {
            parts.push(self.finish(job, due).unwrap_or_else(|lost| {
                let lost = lost.into_iter().zip(newest.iter().cycle());
                let gap = |(stream, newest): (_, &&StreamReading)| {
                    self.counters.gap(NoData::Internal);
                    let reading = Reading::measured(newest.reading.at, Err(NoData::Internal));
                    StreamReading { stream, reading }
                };
                lost.map(gap).collect()
            }));
        }
        self.due = due;
        parts
    }

    /// Decides on all that still waits for company: the last readings.
    pub fn flush(&mut self) -> Vec<StreamReading> {
        let (nothing, mut scratch, mut derived) = (Routed::new(0), Scratch::default(), Vec::new());
        for component in self.components.iter_mut().flatten() {
            component.run(&nothing, true, &mut scratch, &mut derived);
        }
        derived
    }

    /// Lets the alarm `stream` know, at `now`, that an operator has taken note of it, and computes what
    /// follows. Nothing if there is no such alarm, or nothing to take note of.
    pub fn acknowledge(
        &mut self,
        stream: &StreamName,
        now: Timestamp,
    ) -> Option<Vec<StreamReading>> {
        let number_in = |plans: &Arc<[_]>| {
            plans.iter().position(|plan: &graph::NodePlan| plan.metric.stream.name == *stream)
        };
        let mut components = self.graph.components.iter().enumerate();
        let (component, number) =
            components.find_map(|(component, plans)| Some((component, number_in(plans)?)))?;
        let input = Input { outcome: Err(NoData::NotReady), quality: Quality::Good };
        let at = self.axis.moment(now.monotonic);
        let now = Told { order: 0, at, stamp: now, input };
        let component = self.components.get_mut(component)?.as_mut()?;
        let mut derived = Vec::new();
        component.acknowledge(number, now, &mut derived).then_some(derived)
    }

    /// Whether an alarm has changed since this was last asked: then the state is worth saving at once.
    pub fn take_alarm_change(&mut self) -> bool {
        let mut has_changed = false;
        for component in self.components.iter_mut().flatten() {
            has_changed |= component.take_alarm_change();
        }
        has_changed
    }

    /// What is to survive a restart.
    pub fn save(&self) -> SavedState {
        let mut metrics = Vec::new();
        for component in self.components.iter().flatten() {
            component.save(&mut metrics);
        }
        SavedState { axis: self.axis.saved(), metrics }
    }

    /// Sends the components `due` on their way, together.
    fn start(&mut self, due: &[(Priority, usize)]) -> Started {
        let mut components = Vec::with_capacity(due.len());
        for &(_, number) in due {
            let kept = self.components[number].take();
            let afresh =
                || Box::new(Component::new(&self.graph.components[number], &self.counters));
            components.push((number, kept.unwrap_or_else(afresh)));
        }
        let routed = Arc::clone(&self.routed);
        let priority = due.first().map_or(Priority::Medium, |&(priority, _)| priority);
        let submitter = self.executor.submitter().name("derive").priority(priority);
        let advance = move || {
            let (mut scratch, mut told) = (Scratch::default(), Vec::new());
            for group in components.chunks_mut(TOUCHED_TOGETHER) {
                for (_, component) in &*group {
                    component.touch();
                }
                for (_, component) in group {
                    component.run(&routed, false, &mut scratch, &mut told);
                }
            }
            // Before whoever waits for the job goes on: the room is used again.
            drop(routed);
            Pack { components, told }
        };
        match submitter.submit(advance) {
            Ok(handle) => Started::OnPool(handle),
            Err(refused) => Started::Here((refused.into_job())()),
        }
    }

    /// Takes the components of a job back. If it was lost, so were they: the next batch makes them
    /// afresh, and their streams are told.
    fn finish(
        &mut self,
        job: Started,
        due: &[(Priority, usize)],
    ) -> Result<Vec<StreamReading>, Vec<Stream>> {
        let outcome = match job {
            Started::Here(pack) => Ok(pack),
            Started::OnPool(handle) => handle.join(),
        };
        match outcome {
            Ok(Pack { components, told }) => {
                for (number, component) in components {
                    self.components[number] = Some(component);
                }
                Ok(told)
            }
            Err(error) => {
                tracing::error!(%error, "derived metrics are lost, and start afresh");
                let plans = due.iter().flat_map(|&(_, n)| self.graph.components[n].iter());
                let streams: Vec<_> = plans.map(|plan| plan.metric.stream.clone()).collect();
                self.counters.metric_panics.add(streams.len() as u64);
                Err(streams)
            }
        }
    }
}

#[cfg(test)]
mod tests;
