//! What the forwarder is told.

use core::{num::NonZeroU64, time::Duration};

use domain::{BootId, GatewayId};
use wire::{Topics, compression::Compression};

/// How the backlog is sent.
#[derive(Clone, Debug)]
pub struct ForwardOptions {
    /// Who is sending.
    pub gateway: GatewayId,
    /// The boot this process runs in.
    pub boot: BootId,
    /// The program's version, for the status.
    pub program: String,
    /// Where messages go.
    pub topics: Topics,
    /// The most samples in one message.
    pub message_samples_max: usize,
    /// The longest payload, in bytes, if the broker allows that much.
    pub payload_bytes_max: usize,
    /// How the payloads of samples are compressed.
    pub compression: Compression,
    /// How long a sample waits for others to travel with, while some are on their way.
    pub batch_age_max: Duration,
    /// How often the status is published.
    pub status_interval: Duration,
    /// The first wait after a lost connection; doubles up to `retry_max`.
    pub retry_first: Duration,
    /// The longest wait between two attempts to connect.
    pub retry_max: Duration,
    /// How many samples of a class may have landed and not be acknowledged, for the sake of refused
    /// ones; older ones are set aside. After a restart as many samples may come twice.
    pub held_samples_max: u64,
    /// How many brokers the publisher knows, in the order of preference.
    pub brokers: usize,
    /// How long an epoch at another than the preferred broker lasts before that is tried again.
    pub return_after: Duration,
    /// How many samples may wait in the spool of a class when an epoch begins and still go as live: what
    /// a few messages hold. More is history.
    pub history_min: u64,
    /// Which of history goes first.
    pub history_order: HistoryOrder,
    /// How many samples of history go in a second, over all classes; without it there is no limit.
    pub history_rate: Option<NonZeroU64>,
    /// Which part of the window is for messages of history, in percent.
    pub history_share_percent: u8,
}

/// In which order history goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryOrder {
    /// In the order of the spool.
    OldestFirst,
    /// By blocks, the newest first, each in the order of the spool.
    NewestFirst,
}
