//! Which metric needs which, found once.
//!
//! # Terms
//!
//! * **Source** — a stream of a sensor that is an input of some metric.
//! * **Component** — metrics that hang together by inputs that are derived: the unit of parallel work.
//!
//! # Invariants
//!
//! 1. A metric comes after all that it needs.
//! 2. A metric is in one component, and what it needs of other metrics is in the same one.
//! 3. Components are in the order of their first metric, and all of it follows from the plans alone.

use std::{collections::HashMap, sync::Arc};

use domain::{
    StreamName,
    derived::{BadMetric, Group},
};

use super::MetricPlan;

/// Why plans make no graph.
#[derive(Debug, thiserror::Error)]
pub enum BadGraph {
    /// Metrics need each other in a circle.
    #[error("derived metrics need each other: {}", path(.0))]
    Circle(Vec<StreamName>),
    /// An input is derived, and there is no such metric.
    #[error("{stream} is computed from {input}, which there is not")]
    NoInput {
        /// The metric.
        stream: StreamName,
        /// What it needs.
        input: StreamName,
    },
    /// There is not one input for each role, or none for a formula.
    #[error("{stream} has not one input for each of its roles")]
    Roles {
        /// The metric.
        stream: StreamName,
    },
    /// A metric cannot be made.
    #[error("{stream} cannot be made")]
    Metric {
        /// Which.
        stream: StreamName,
        /// Why.
        #[source]
        cause: BadMetric,
    },
}

/// The most metrics of one input in a component, so that there is enough to do for all workers.
const TOGETHER_MAX: usize = 16;

/// The circle as people read it: `derived.a → derived.b → derived.a`.
pub fn path(circle: &[StreamName]) -> String {
    let names = circle.iter().chain(circle.first()).map(StreamName::as_str);
    names.collect::<Vec<_>>().join(" → ")
}

/// Sorts numbers so that each comes after all that it needs; number *n* needs `needs[n]`.
///
/// # Errors
///
/// Numbers that need each other in a circle, each the next.
pub fn order(needs: &[Vec<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut sorted = Vec::with_capacity(needs.len());
    let (mut is_done, mut is_open) = (vec![false; needs.len()], vec![false; needs.len()]);
    for first in 0..needs.len() {
        // On the way: each with how many of its needs have been looked at.
        let mut way = vec![(first, 0)];
        while let Some((number, looked)) = way.last_mut() {
            let number = *number;
            let need = needs.get(number).and_then(|needs| needs.get(*looked)).copied();
            *looked += 1;
            match need {
                _ if is_done[number] => drop(way.pop()),
                None => {
                    (is_done[number], is_open[number]) = (true, false);
                    sorted.push(number);
                    way.pop();
                }
                Some(need) if is_done[need] => {}
                Some(need) => {
                    is_open[number] = true;
                    if is_open[need] {
                        let circle = way.iter().map(|(on_way, _)| *on_way);
                        return Err(circle.skip_while(|on_way| *on_way != need).collect());
                    }
                    way.push((need, 0));
                }
            }
        }
    }
    Ok(sorted)
}

/// One metric in its component.
#[derive(Debug)]
pub(super) struct NodePlan {
    pub(super) metric: MetricPlan,
    /// Where each of its inputs comes from.
    pub(super) feeds: Vec<Feed>,
    pub(super) fingerprint: u64,
}

/// Where an input comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feed {
    /// The source of this number.
    Source(usize),
    /// The metric of this number in the same component.
    Node(usize),
}

/// All metrics, and what they hang on.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// The number of each source.
    sources: HashMap<StreamName, usize>,
    /// The name of each source, by number.
    names: Vec<StreamName>,
    /// Which components each source is an input of.
    pub(super) feeds: Vec<Vec<usize>>,
    pub(super) components: Vec<Arc<[NodePlan]>>,
}

impl Graph {
    pub(super) fn new(plans: Vec<MetricPlan>) -> Result<Self, BadGraph> {
        let needs = needs(&plans)?;
        let name = |number: usize| plans.get(number).map(|plan| plan.stream.name.clone());
        let sorted = order(&needs)
            .map_err(|circle| BadGraph::Circle(circle.into_iter().filter_map(name).collect()))?;
        let component_of = components(&needs, &companions(&plans));
        let mut graph = Self::default();
        let mut components: Vec<Vec<NodePlan>> = Vec::new();
        components.resize_with(component_of.iter().max().map_or(0, |last| last + 1), Vec::new);
        let mut plans: Vec<_> = plans.into_iter().map(Some).collect();
        let mut place: HashMap<StreamName, usize> = HashMap::new();
        for number in sorted {
            let (Some(plan), component) = (plans[number].take(), component_of[number]) else {
                continue;
            };
            let nodes = &mut components[component];
            place.insert(plan.stream.name.clone(), nodes.len());
            let feed = |input: &domain::Stream| match place.get(&input.name) {
                Some(&node) => Feed::Node(node),
                None => Feed::Source(graph.source(&input.name, component)),
            };
            let feeds: Vec<_> = plan.inputs.iter().map(feed).collect();
            let of_inputs = feeds.iter().filter_map(|feed| match feed {
                Feed::Node(node) => nodes.get(*node).map(|node| node.fingerprint),
                Feed::Source(_) => None,
            });
            let fingerprint = plan.fingerprint(of_inputs);
            nodes.push(NodePlan { metric: plan, feeds, fingerprint });
        }
        graph.components = components.into_iter().map(Arc::from).collect();
        Ok(graph)
    }

    /// The number of the source called `name`, which may be `guess`; nothing if there is none.
    pub(super) fn source_of(&self, name: &StreamName, guess: usize) -> Option<usize> {
        if self.names.get(guess) == Some(name) {
            return Some(guess);
        }
        self.sources.get(name).copied()
    }

    /// The number of a source, which is an input of `component`.
    fn source(&mut self, name: &StreamName, component: usize) -> usize {
        let next = self.feeds.len();
        let number = *self.sources.entry(name.clone()).or_insert(next);
        if number == next {
            self.feeds.push(Vec::new());
            self.names.push(name.clone());
        }
        if !self.feeds[number].contains(&component) {
            self.feeds[number].push(component);
        }
        number
    }
}

/// Which metrics each metric needs.
fn needs(plans: &[MetricPlan]) -> Result<Vec<Vec<usize>>, BadGraph> {
    let numbers: HashMap<_, _> =
        plans.iter().enumerate().map(|(number, plan)| (&plan.stream.name, number)).collect();
    let needs_of = |plan: &MetricPlan| {
        let stream = plan.stream.name.clone();
        if !plan.function.takes(plan.inputs.len()) {
            return Err(BadGraph::Roles { stream });
        }
        let is_derived = |name: &StreamName| name.parts().0 == StreamName::DERIVED;
        let mut needs = Vec::new();
        for input in &plan.inputs {
            match numbers.get(&input.name) {
                Some(&number) => needs.push(number),
                None if is_derived(&input.name) => {
                    return Err(BadGraph::NoInput { stream, input: input.name.clone() });
                }
                None => {}
            }
        }
        Ok(needs)
    };
    plans.iter().map(needs_of).collect()
}

/// The first of the metrics that each metric, having the same only input, is worked up together with:
/// what a job costs is then shared. Alarms have each other's company only, for they are more urgent.
fn companions(plans: &[MetricPlan]) -> Vec<Option<usize>> {
    let mut firsts: HashMap<(&StreamName, bool), (usize, usize)> = HashMap::new();
    let mut companions = Vec::with_capacity(plans.len());
    for (number, plan) in plans.iter().enumerate() {
        let [input] = plan.inputs.as_slice() else {
            companions.push(None);
            continue;
        };
        let is_alarm = plan.function.group == Group::Alarm;
        let (first, count) = firsts.entry((&input.name, is_alarm)).or_insert((number, 0));
        if *count == TOGETHER_MAX {
            (*first, *count) = (number, 0);
        }
        *count += 1;
        companions.push(Some(*first));
    }
    companions
}

/// The component of each number, counted in the order of their first ones: it has all that a metric
/// needs, and its companion.
fn components(needs: &[Vec<usize>], companions: &[Option<usize>]) -> Vec<usize> {
    let mut leader: Vec<usize> = (0..needs.len()).collect();
    let lead = |leader: &mut [usize], mut number: usize| {
        while leader[number] != number {
            leader[number] = leader[leader[number]];
            number = leader[number];
        }
        number
    };
    for (number, (needed, companion)) in needs.iter().zip(companions).enumerate() {
        for &need in needed.iter().chain(companion) {
            let (a, b) = (lead(&mut leader, number), lead(&mut leader, need));
            // The smallest leads, so that a leader is met before those whom it leads.
            leader[a.max(b)] = a.min(b);
        }
    }
    let (mut component, mut count) = (vec![0; needs.len()], 0);
    for number in 0..needs.len() {
        let first = lead(&mut leader, number);
        if first == number {
            component[number] = count;
            count += 1;
        } else {
            component[number] = component[first];
        }
    }
    component
}

#[cfg(test)]
mod tests;
