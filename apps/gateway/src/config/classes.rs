//! What the file says of the classes of streams.

use domain::StreamClass;
use serde::Deserialize;
use spool_file::WhenFull;

use super::tables;

/// The word for the class of the streams of a device or metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Class {
    High,
    Normal,
    Low,
}

impl From<Class> for StreamClass {
    fn from(class: Class) -> Self {
        match class {
            Class::High => Self::High,
            Class::Normal => Self::Normal,
            Class::Low => Self::Low,
        }
    }
}

/// The word for what a class does when the spool is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ClassFull {
    Evict,
    Refuse,
}

/// What each class does when the spool is full, highest class first.
pub(super) fn when_full(table: Option<tables::SpoolFull>) -> [WhenFull; 3] {
    let tables::SpoolFull { high, normal, low } = table.unwrap_or_default();
    [high, normal, low].map(|written| match written {
        Some(ClassFull::Refuse) => WhenFull::Refuse,
        Some(ClassFull::Evict) | None => WhenFull::Evict,
    })
}

/// The class as it would be written, if it is not the `usual` one.
pub(crate) fn unusual_class(class: StreamClass, usual: StreamClass) -> Option<String> {
    (class != usual).then(|| format!("class = \"{}\"", class.name()))
}
