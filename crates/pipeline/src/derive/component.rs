//! Metrics that hang together, with their states: what moves into a job and comes back.
//!
//! # Invariants
//!
//! 1. A panic in a metric is a gap, `internal`, for each input that raised one; its state starts
//!    afresh, and no other metric notices.
//! 2. What a run tells is in the order of what it was told.

use core::{hint::black_box, ops::Range};
use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use domain::{
    NoData, Quantity, Reading, Stream, StreamName, StreamReading,
    derived::{Group, Input, Metric, Moment, Output, SavedMetric, Urgency, Words},
};
use executor::Priority;

use super::{
    align::{Aligner, Told},
    axis::stamp_of,
    graph::{Feed, NodePlan},
    route::Routed,
};
use crate::telemetry::Counters;

/// The metrics of one component.
pub(super) struct Component {
    plans: Arc<[NodePlan]>,
    nodes: Vec<Node>,
    counters: Arc<Counters>,
}

/// One metric with its state: no more than each of its samples needs, as there may be many.
struct Node {
    stream: Stream,
    /// Nothing if it could not be made again after a panic.
    metric: Option<Box<dyn Metric>>,
    /// Where its first input comes from.
    pace: Feed,
    /// The newest moment that it has seen.
    newest: Moment,
    /// What aligns its inputs; nothing if it has but one.
    aligner: Option<Box<Aligner>>,
    /// If it is an alarm.
    alarm: Option<Box<Alarm>>,
}

/// What an alarm has told last.
#[derive(Default)]
struct Alarm {
    state: Option<Quantity>,
    has_changed: bool,
    /// When an operator has last taken note: what it tells since is of that time at the earliest, though
    /// it may follow from a reading that was on its way then.
    noted: Option<Moment>,
}

/// Room that the components of a job use one after the other.
#[derive(Default)]
pub(super) struct Scratch {
    /// What the metrics of the component have told, one after the other, and where each one's is.
    told: Vec<Told>,
    places: Vec<Range<usize>>,
    /// What the metric at work tells.
    fresh: Vec<Told>,
    /// How many readings of each input are read.
    read: Vec<usize>,
    inputs: Vec<Input>,
    outputs: Vec<Output>,
}

impl Scratch {
    /// Makes room for a component of which the first `silent` metrics tell nothing.
    fn begin(&mut self, silent: usize) {
        self.told.clear();
        self.places.clear();
        self.places.resize(silent, 0..0);
    }

    /// What `node` has just told: for the metrics after it, and for `out`.
    fn close(&mut self, node: &Node, counters: &Counters, out: &mut Vec<StreamReading>) {
        let from = self.told.len();
        for told in self.fresh.drain(..) {
            let Input { outcome, quality } = told.input;
            if let Err(reason) = outcome {
                counters.gap(reason);
            }
            let reading = Reading { at: told.stamp, outcome, quality };
            out.push(StreamReading { stream: node.stream.clone(), reading });
            self.told.push(told);
        }
        self.places.push(from..self.told.len());
    }
}

impl Component {
    /// All metrics in their first state.
    pub(super) fn new(plans: &Arc<[NodePlan]>, counters: &Arc<Counters>) -> Self {
        let names: Vec<_> = plans.iter().map(|plan| plan.metric.stream.name.clone()).collect();
        let names = StreamName::together(&names);
        let nodes = plans.iter().zip(names).map(|(plan, name)| Node::new(plan, name)).collect();
        Self { plans: Arc::clone(plans), nodes, counters: Arc::clone(counters) }
    }

    /// How urgent it is while all is well: as the most urgent of its metrics.
    pub(super) fn usual(&self) -> Priority {
        let metrics = self.nodes.iter().filter_map(|node| node.metric.as_ref());
        metrics.map(|metric| priority(metric.urgency())).min().unwrap_or_default()
    }

    /// Takes what is `routed`, and appends what follows to `out`, metric by metric. With `is_the_end`,
    /// nothing waits for more.
    pub(super) fn run(
        &mut self,
        routed: &Routed,
        is_the_end: bool,
        scratch: &mut Scratch,
        out: &mut Vec<StreamReading>,
    ) {
        scratch.begin(0);
        self.run_from(0, routed, is_the_end, scratch, out);
    }

    /// Reads what a run will, so that its memory is near by then.
    pub(super) fn touch(&self) {
        for node in &self.nodes {
            if let Some(metric) = &node.metric {
                metric.touch();
            }
            black_box(node.alarm.as_ref().map(|alarm| alarm.has_changed));
        }
        let name = self.nodes.first().map(|node| node.stream.name.as_str());
        black_box(name.and_then(|name| name.bytes().next()));
    }

    fn run_from(
        &mut self,
        first: usize,
        routed: &Routed,
        is_the_end: bool,
        scratch: &mut Scratch,
        out: &mut Vec<StreamReading>,
    ) {
        for (node, plan) in self.nodes.iter_mut().zip(&*self.plans).skip(first) {
            if node.aligner.is_some() {
                node.run_aligned(plan, routed, is_the_end, scratch, &self.counters);
            } else {
                node.run_alone(plan, routed, scratch, &self.counters);
            }
            scratch.close(node, &self.counters, out);
        }
    }

    /// Whether an alarm has changed since this was last asked.
    pub(super) fn take_alarm_change(&mut self) -> bool {
        let mut has_changed = false;
        for node in &mut self.nodes {
            let alarm = node.alarm.as_mut();
            has_changed |= alarm.is_some_and(|alarm| std::mem::take(&mut alarm.has_changed));
        }
        has_changed
    }

    /// Appends the state of each metric that has one.
    pub(super) fn save(&self, out: &mut Vec<SavedMetric>) {
        for (plan, node) in self.plans.iter().zip(&self.nodes) {
            let mut words = Vec::new();
            let metric = node.metric.as_ref();
            if metric.is_some_and(|metric| guarded(|| metric.save(&mut words)).is_none()) {
                self.counters.metric_panics.add(1);
                continue;
            }
            if !words.is_empty() {
                let (stream, fingerprint) = (plan.metric.stream.name.clone(), plan.fingerprint);
                out.push(SavedMetric { stream, fingerprint, words });
            }
        }
    }

    /// Takes those of the saved states that are of its metrics as they are configured now.
    pub(super) fn restore(&mut self, saved: &HashMap<&StreamName, &SavedMetric>) {
        for (plan, node) in self.plans.iter().zip(&mut self.nodes) {
            let name = &plan.metric.stream.name;
            let Some(saved) = saved.get(name) else { continue };
            if saved.fingerprint != plan.fingerprint {
                tracing::info!(stream = %name, "configured otherwise than before: starts afresh");
            } else if node.restore(&saved.words).is_none() {
                tracing::warn!(stream = %name, "its saved state means nothing: starts afresh");
                node.metric = plan.metric.make().ok();
            }
        }
    }

    /// Lets the alarm of number `number` know that an operator has taken note of it, and appends what
    /// follows to `out`. False if there is nothing to take note of.
    pub(super) fn acknowledge(
        &mut self,
        number: usize,
        now: Told,
        out: &mut Vec<StreamReading>,
    ) -> bool {
        let mut scratch = Scratch::default();
        let Some(node) = self.nodes.get_mut(number) else { return false };
        let (at, outputs) = (now.at.max(node.newest), &mut scratch.outputs);
        let Some(metric) = node.metric.as_mut() else { return false };
        if guarded(|| metric.acknowledge(at, outputs)) != Some(true) {
            return false;
        }
        if let Some(alarm) = node.alarm.as_mut() {
            // Even if it is told only after a gap.
            (alarm.has_changed, alarm.noted) = (true, Some(at));
        }
        scratch.begin(number);
        node.pass_on(now, &scratch.outputs, &mut scratch.fresh);
        scratch.close(node, &self.counters, out);
        self.run_from(number + 1, &Routed::new(0), false, &mut scratch, out);
        true
    }
}

impl NodePlan {
    pub(super) fn is_alarm(&self) -> bool {
        self.metric.function.group == Group::Alarm
    }
}

impl Node {
    fn new(plan: &NodePlan, name: StreamName) -> Self {
        let (inputs, tolerance) = (plan.feeds.len(), plan.metric.tolerance);
        Self {
            stream: Stream { name, kind: plan.metric.stream.kind },
            metric: plan.metric.make().ok(),
            pace: plan.feeds.first().copied().unwrap_or(Feed::Node(usize::MAX)),
            newest: Moment::from_nanos(i64::MIN),
            aligner: (inputs > 1).then(|| Box::new(Aligner::new(inputs, tolerance))),
            alarm: plan.is_alarm().then(Box::default),
        }
    }

    /// Takes what its one input has told.
    fn run_alone(
        &mut self,
        plan: &NodePlan,
        routed: &Routed,
        scratch: &mut Scratch,
        counters: &Counters,
    ) {
        let Scratch { told, places, fresh, inputs, outputs, .. } = scratch;
        for &told in self.pace.told(routed, told, places) {
            if told.at < self.newest {
                counters.readings_late.add(1);
                continue;
            }
            inputs.clear();
            inputs.push(told.input);
            self.advance(plan, told, inputs, outputs, counters);
            self.pass_on(told, outputs, fresh);
        }
    }

    /// Takes what its inputs have told, transaction by transaction.
    fn run_aligned(
        &mut self,
        plan: &NodePlan,
        routed: &Routed,
        is_the_end: bool,
        scratch: &mut Scratch,
        counters: &Counters,
    ) {
        let Some(mut aligner) = self.aligner.take() else { return };
        let Scratch { told, places, fresh, read, inputs, outputs } = scratch;
        let told_by = |role: usize| match plan.feeds.get(role) {
            Some(feed) => feed.told(routed, told, places),
            None => &[],
        };
        read.clear();
        read.resize(plan.feeds.len(), 0);
        loop {
            let next = read.iter().enumerate();
            let next = next.filter_map(|(role, &read)| told_by(role).get(read));
            let next = next.map(|told| told.order).min();
            for (role, read) in read.iter_mut().enumerate() {
                let is_next = |told: &&Told| Some(told.order) == next;
                while let Some(&told) = told_by(role).get(*read).filter(is_next) {
                    *read += 1;
                    if !aligner.tell(role, told) {
                        counters.readings_late.add(1);
                    }
                }
            }
            let is_over = next.is_none();
            while let Some(pace) = aligner.next(inputs, is_over && is_the_end) {
                let pace = Told { order: next.unwrap_or(u32::MAX), ..pace };
                self.advance(plan, pace, inputs, outputs, counters);
                self.pass_on(pace, outputs, fresh);
            }
            if is_over {
                break;
            }
        }
        self.aligner = Some(aligner);
    }

    /// Calls the metric for one reading of its pace.
    fn advance(
        &mut self,
        plan: &NodePlan,
        pace: Told,
        inputs: &[Input],
        outputs: &mut Vec<Output>,
        counters: &Counters,
    ) {
        self.newest = pace.at;
        outputs.clear();
        let metric = self.metric.as_mut();
        let done = metric.and_then(|metric| guarded(|| metric.next(pace.at, inputs, outputs)));
        if done.is_none() {
            tracing::error!(stream = %self.stream.name, "a derived metric failed");
            counters.metric_panics.add(1);
            outputs.clear();
            outputs.push(Output::gap(pace.at, NoData::Internal));
            self.metric = plan.metric.make().ok();
        }
    }

    /// Tells `outputs`, which follow from `cause`.
    fn pass_on(&mut self, cause: Told, outputs: &[Output], fresh: &mut Vec<Told>) {
        let noted = self.alarm.as_ref().and_then(|alarm| alarm.noted);
        for &Output { at, outcome, quality } in outputs {
            let at = noted.map_or(at, |noted| at.max(noted));
            let stamp = stamp_of(at, cause.at, cause.stamp);
            fresh.push(Told { order: cause.order, at, stamp, input: Input { outcome, quality } });
            if let (Some(alarm), Ok(state)) = (self.alarm.as_mut(), outcome) {
                alarm.has_changed |= alarm.state.replace(state) != Some(state);
            }
        }
    }

    fn restore(&mut self, words: &[u64]) -> Option<()> {
        let metric = self.metric.as_mut()?;
        let mut words = Words::new(words);
        guarded(|| metric.restore(&mut words)).flatten()?;
        words.is_over().then(|| metric.repeat())
    }
}

impl Feed {
    /// What has come from there in this run.
    fn told<'t>(self, routed: &'t Routed, told: &'t [Told], places: &[Range<usize>]) -> &'t [Told] {
        match self {
            Self::Source(source) => routed.told_by(source),
            Self::Node(node) => {
                let place = places.get(node).cloned();
                place.and_then(|place| told.get(place)).unwrap_or_default()
            }
        }
    }
}

/// How urgent jobs of a metric of this urgency are.
const fn priority(urgency: Option<Urgency>) -> Priority {
    match urgency {
        Some(Urgency::Critical) => Priority::Critical,
        Some(Urgency::High) => Priority::High,
        Some(Urgency::Medium) | None => Priority::Medium,
        Some(Urgency::Low) => Priority::Low,
    }
}

/// What `run` gives; nothing if it panics. Whoever calls it replaces what may be half done.
fn guarded<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}
