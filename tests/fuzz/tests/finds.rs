//! What broke a promise once, and does not any more.

use fuzz::target;

/// The target, and the bytes.
const FINDS: &[(&str, &[u8])] = &[
    // A time beyond what nanoseconds can count became another one.
    (
        "status",
        br#"{"v":1,"gateway":"g","state":"online","devices":{"a":{"state":"idle","good_time_us":9223372036854775807,"good_mono_us":1}}}"#,
    ),
];

#[test]
fn what_was_found_breaks_no_promise_any_more() {
    for (name, bytes) in FINDS {
        (target(name).unwrap().run)(bytes);
    }
}
