//! What a batch has told, source by source, and which components that concerns.

use domain::{NoData, derived::Input};
use executor::Priority;

use super::{align::Told, axis::Axis, graph::Graph};
use crate::acquire::Acquired;

/// What each source has told in the batch, in its order. The room is used again for the next batch.
#[derive(Debug)]
pub(super) struct Routed {
    /// In the order of the batch, each with its source.
    arrived: Vec<(usize, Told)>,
    /// The same, source by source.
    told: Vec<Told>,
    /// Where in `told` each source's begins and ends.
    places: Vec<(usize, usize)>,
    /// The sources that have told something.
    touched: Vec<usize>,
    /// Which source told something after each one: most often it is the same each time, and a guess is sooner
    /// confirmed than a name is looked up.
    next: Vec<usize>,
}

impl Routed {
    /// Nothing told, by so many sources.
    pub(super) fn new(sources: usize) -> Self {
        let (arrived, told, touched) = (Vec::new(), Vec::new(), Vec::new());
        Self { arrived, told, places: vec![(0, 0); sources], touched, next: vec![0; sources] }
    }

    /// What a source has told.
    pub(super) fn told_by(&self, source: usize) -> &[Told] {
        let place = self.places.get(source);
        place.and_then(|&(from, to)| self.told.get(from..to)).unwrap_or_default()
    }

    /// Forgets the batch before and takes `batch`.
    pub(super) fn take(&mut self, batch: &[Acquired], graph: &Graph, axis: &mut Axis) {
        let Self { arrived, told, places, touched, next } = self;
        let mut last = 0;
        for source in touched.drain(..) {
            places[source] = (0, 0);
        }
        arrived.clear();
        for (order, acquired) in (0..).zip(batch) {
            for reading in &acquired.readings {
                let guess = next.get(last).copied().unwrap_or_default();
                let Some(source) = graph.source_of(&reading.stream.name, guess) else { continue };
                next[last] = source;
                last = source;
                let reading = &reading.reading;
                // For now the end is a count.
                places[source].1 += 1;
                if places[source].1 == 1 {
                    touched.push(source);
                }
                let input = Input { outcome: reading.outcome, quality: reading.quality };
                let at = axis.moment(reading.at.monotonic);
                arrived.push((source, Told { order, at, stamp: reading.at, input }));
            }
        }
        let mut begin = 0;
        for &source in &*touched {
            let count = places[source].1;
            places[source] = (begin, begin);
            begin += count;
        }
        told.clear();
        told.extend(arrived.iter().map(|&(_, told)| told));
        for &(source, reading) in &*arrived {
            let (_, end) = &mut places[source];
            told[*end] = reading;
            *end += 1;
        }
    }

    /// The components that the batch concerns, the most urgent first and then by number. News of a device
    /// that has failed is as urgent as a critical alarm; other alarms are as urgent as they are configured.
    pub(super) fn concerned(
        &self,
        graph: &Graph,
        usual: &[Priority],
        due: &mut Vec<(Priority, usize)>,
    ) {
        due.clear();
        for &source in &self.touched {
            let has_failed = self.told_by(source).iter().any(|told| is_failure(told.input));
            due.extend(graph.feeds[source].iter().map(|&component| {
                (if has_failed { Priority::Critical } else { usual[component] }, component)
            }));
        }
        // Once each, as the most urgent of its inputs has it.
        due.sort_unstable_by_key(|&(priority, component)| (component, priority));
        due.dedup_by_key(|&mut (_, component)| component);
        due.sort_unstable();
    }
}

fn is_failure(input: Input) -> bool {
    input.outcome.is_err_and(NoData::is_device_failure)
}
