//! No sample allocates once the windows are full: counted by the allocator itself.
#![expect(unsafe_code, reason = "an allocator that counts is one by the language's own contract")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use domain::derived::{Metric, Moment, Output};

use crate::{
    cases::cases,
    samples::{SPAN, Sample, samples},
};

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is the system allocator's; a constant-initialised thread-local number without a
// destructor is counted up, which allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn the_allocator_counts() {
    let before = COUNT.get();
    drop(std::hint::black_box(vec![1_u8]));
    assert_eq!(COUNT.get(), before + 1);
}

/// Feeds the samples, `round` times their span later.
fn feed(metric: &mut dyn Metric, samples: &[Sample], round: i64, out: &mut Vec<Output>) {
    for Sample { at, inputs } in samples {
        out.clear();
        metric.next(Moment::from_nanos(at.as_nanos() + round * SPAN), inputs, out);
    }
}

#[test]
fn no_sample_allocates_once_the_windows_are_full() {
    for case in cases() {
        let samples = samples(&case.kinds, 5);
        let (_, mut metric) = case.make();
        let mut out = Vec::with_capacity(64);
        // The windows are as full as they will be after the first round, and turned over in the second.
        feed(metric.as_mut(), &samples, 0, &mut out);
        feed(metric.as_mut(), &samples, 1, &mut out);
        let before = COUNT.get();
        feed(metric.as_mut(), &samples, 2, &mut out);
        assert_eq!(COUNT.get() - before, 0, "{case:?}");
    }
}
