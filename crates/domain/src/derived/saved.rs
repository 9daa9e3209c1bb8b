//! What of the derived metrics survives a restart.

use super::Moment;
use crate::{BootId, StreamName};

/// The states of all metrics, and the axis that their moments are on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedState {
    /// The axis.
    pub axis: SavedAxis,
    /// The metrics that have a state.
    pub metrics: Vec<SavedMetric>,
}

impl SavedState {
    /// About how many bytes it takes to keep it.
    pub fn bytes(&self) -> usize {
        self.metrics.iter().map(|metric| 8 * (metric.words.len() + 8)).sum()
    }
}

/// Where the axis of the [`Moment`]s stands against the clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedAxis {
    /// The boot that `offset` holds for.
    pub boot: BootId,
    /// A moment less the monotonic time of the same instant, in nanoseconds.
    pub offset: i64,
    /// The newest moment that a metric has seen. The axis never goes back behind it.
    pub newest: Moment,
}

/// The state of one metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedMetric {
    /// The stream that it makes.
    pub stream: StreamName,
    /// A digest of its function, arguments and inputs: the words mean nothing to another metric.
    pub fingerprint: u64,
    /// What [`Metric::save`](super::Metric::save) wrote.
    pub words: Vec<u64>,
}
