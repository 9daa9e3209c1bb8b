//! Which jobs are timed when not all are: one in eight of each submitting thread.

use std::cell::Cell;

use crate::clock;

const ONE_IN: u32 = 8;

thread_local! {
    static SUBMITTED: Cell<u32> = const { Cell::new(0) };
}

/// Now, or 0 for a job that is not to be timed.
pub(crate) fn stamp() -> u64 {
    let count = SUBMITTED.get();
    SUBMITTED.set(count.wrapping_add(1));
    if count.is_multiple_of(ONE_IN) { clock::ticks() } else { 0 }
}
