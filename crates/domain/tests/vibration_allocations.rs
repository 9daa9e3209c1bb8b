//! No sample and no block of a vibration metric or an alarm allocates: counted by the allocator itself.
#![expect(unsafe_code, reason = "an allocator that counts is one by the language's own contract")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use domain::{
    Quality, QuantityKind,
    derived::{Group, Input, Moment, entries},
    parameter::Arguments,
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

#[test]
fn neither_samples_nor_blocks_nor_alarms_allocate() {
    let mut functions = 0;
    for entry in entries().filter(|entry| matches!(entry.group, Group::Vibration | Group::Alarm)) {
        let kinds = vec![QuantityKind::Acceleration; entry.roles.len()];
        let (_, mut metric) = (entry.make)(&kinds, &Arguments::example(entry.parameters)).unwrap();
        let mut out = Vec::with_capacity(8);
        let mut outputs = 0;
        let before = COUNT.get();
        for i in 0..5_000_u32 {
            let at = Moment::from_nanos(i64::from(i) * 1_000_000);
            let wave = 30.0 * (f64::from(i) * 0.01).sin();
            let inputs = [wave, 0.0].map(|number| Input {
                outcome: Ok(QuantityKind::Acceleration.quantity(number).unwrap()),
                quality: Quality::Good,
            });
            metric.next(at, &inputs[..kinds.len()], &mut out);
            outputs += out.len();
            out.clear();
        }
        assert_eq!(COUNT.get(), before, "{}", entry.function);
        assert!(outputs >= 3, "{} told {outputs} things", entry.function);
        functions += 1;
    }
    assert_eq!(functions, 12);
}
