//! What broke a promise once, and does not any more.

use fuzz::target;

/// The target, and the bytes.
const FINDS: &[(&str, &[u8])] = &[
    // A time beyond what nanoseconds can count became another one.
    (
        "status",
        br#"{"v":1,"gateway":"g","state":"online","devices":{"a":{"state":"idle","good_time_us":9223372036854775807,"good_mono_us":1}}}"#,
    ),
    // A cursor at the last position, with a right checksum: counting on from there overflowed.
    ("spool", b"\x08\x00\x03\x00\x00\x00\x00\x01\x18\x00\x03\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00"),
    // The same at the last position that is taken for one.
    ("spool", b"\x08\x00\x03\x00\x00\x00\x00\x01\x18\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x40\x00\x00\x00\x00\x00\x00\x00\x00"),
];

#[test]
fn what_was_found_breaks_no_promise_any_more() {
    for (name, bytes) in FINDS {
        (target(name).unwrap().run)(bytes);
    }
}
