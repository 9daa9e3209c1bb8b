//! The tables of the file as they may be written: each key, its type, and nothing else.
//!
//! Every key is optional here, so that one that is missing or wrong does not hide what is wrong with
//! the others; which are required, and what the rest default to, is decided where a table is read.
//! `docs/specs/configuration.md` lists the same keys, and a test compares the two.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, de::IgnoredAny};
use wire::compression::Compression;

use super::{
    classes::{Class, ClassFull},
    patience::{ComesBack, Importance},
    settings::{HistoryOrder, LogFormat, LogLevel, Parity, Unsynchronised, WhenFull},
    values::{BrokerUrls, Bytes, Interval, Secret},
};

macro_rules! tables {
    ($($(#[$doc:meta])* $table:ident { $($key:ident: $value:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Default, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub(super) struct $table {
                $(pub(super) $key: Option<$value>,)*
            }
        )*

        /// Every table and its keys.
        #[cfg(test)]
        pub(super) const KEYS: &[(&str, &[&str])] =
            &[$((stringify!($table), &[$(stringify!($key)),*]),)*];
    };
}

tables! {
    /// The file itself.
    #[expect(dead_code, reason = "only the names of its tables count here")]
    Root {
        gateway: IgnoredAny,
        mqtt: IgnoredAny,
        spool: IgnoredAny,
        pipeline: IgnoredAny,
        time: IgnoredAny,
        log: IgnoredAny,
        control: IgnoredAny,
        realtime: IgnoredAny,
        buses: IgnoredAny,
        devices: IgnoredAny,
        derived: IgnoredAny,
    }
    /// `[gateway]`
    Gateway { id: String, }
    /// `[mqtt]`
    Mqtt {
        url: BrokerUrls,
        return_after: Interval,
        root: String,
        client_id: String,
        username: String,
        password: Secret,
        keep_alive: Interval,
        window: i64,
        batch_samples_max: i64,
        batch_bytes_max: Bytes,
        batch_age_max: Interval,
        compression: Compression,
        stall_timeout: Interval,
        refused_samples_max: i64,
        history_order: HistoryOrder,
        history_rate: i64,
        history_share: i64,
        replay: bool,
    }
    /// `[spool]`
    Spool {
        folder: PathBuf,
        bytes_max: Bytes,
        retain: Bytes,
        free_min: Bytes,
        sync_interval: Interval,
        when_full: SpoolFull,
    }
    /// The `when_full` of the spool.
    SpoolFull { high: ClassFull, normal: ClassFull, low: ClassFull, }
    /// `[pipeline]`
    Pipeline {
        workers: i64,
        queue: i64,
        when_full: WhenFull,
        drain_timeout: Interval,
        status_interval: Interval,
        state_interval: Interval,
    }
    /// `[time]`
    Time { unsynchronised: Unsynchronised, wait_max: Interval, }
    /// `[log]`
    Log { level: LogLevel, format: LogFormat, }
    /// `[control]`
    Control { socket: PathBuf, }
    /// `[realtime]`
    Realtime { priority: i64, cores: Vec<i64>, lock_memory: bool, }
    /// What every `[buses.*]` has.
    BusHead { kind: String, path: String, }
    /// The rest of a `[buses.*]` of kind `i2c`.
    I2cBus { switches: BTreeMap<String, I2cSwitch>, recovery: I2cRecovery, }
    /// One of the `switches` of a bus of kind `i2c`.
    I2cSwitch { address: i64, }
    /// The `recovery` of a bus of kind `i2c`.
    I2cRecovery {
        chip: PathBuf,
        scl: i64,
        sda: i64,
        power: i64,
        power_active_low: bool,
        power_off: Interval,
        power_settling: Interval,
    }
    /// The rest of a `[buses.*]` of kind `gpio`.
    GpioBus {}
    /// The rest of a `[buses.*]` of kind `sysfs`.
    SysfsBus {}
    /// The rest of a `[buses.*]` of kind `spi`.
    SpiBus { mode: i64, clock_hz: i64, }
    /// The rest of a `[buses.*]` of kind `uart`.
    UartBus {
        baud: i64,
        parity: Parity,
        data_bits: i64,
        stop_bits: i64,
        echo: bool,
        rs485: Rs485,
    }
    /// The `rs485` of a bus of kind `uart`.
    Rs485 { delay_before_send: Interval, delay_after_send: Interval, inverted: bool, }
    /// What every `[devices.*]` has.
    DeviceHead { driver: String, bus: String, class: Class, }
    /// What a `[devices.*]` on I2C has besides; the rest are the parameters of its driver.
    I2cDevice { address: i64, switch: String, channel: i64, }
    /// What every `[devices.*]` has besides, for when it fails.
    FailingDevice {
        failures_max: i64,
        retry_max: Interval,
        comes_back: ComesBack,
        probe_every: Interval,
    }
    /// What a `[devices.*]` that is asked has besides.
    AskedDevice { period: Interval, }
    /// What it has besides, for when the queue fills up.
    AskedPriority { priority: Importance, slow_down: i64, }
    /// What a `[devices.*]` that speaks unasked has besides.
    SpeakingDevice { silence: Interval, }
    /// What every `[derived.*]` has; the rest are the roles and parameters of its function.
    DerivedHead { function: String, tolerance: Interval, class: Class, }
}

#[cfg(test)]
mod tests;
