//! What the tests of chips have in common.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::I2cChip;
use crate::time::Elapsed;

/// Time that stands still until it is let pass.
#[derive(Clone, Default)]
pub(super) struct FrozenTime(Arc<AtomicU64>);

impl FrozenTime {
    pub(super) fn elapsed(&self) -> Elapsed {
        let nanos = self.0.clone();
        Elapsed::from_fn(move || Duration::from_nanos(nanos.load(Ordering::Relaxed)))
    }

    pub(super) fn pass(&self, span: Duration) {
        self.0.fetch_add(u64::try_from(span.as_nanos()).unwrap(), Ordering::Relaxed);
    }
}

/// Two bytes from `register` on, the first one high.
pub(super) fn word(chip: &mut dyn I2cChip, register: u8) -> u16 {
    chip.write(&[register]).unwrap();
    let mut bytes = [0; 2];
    chip.read(&mut bytes).unwrap();
    u16::from_be_bytes(bytes)
}
