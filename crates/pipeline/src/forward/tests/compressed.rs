//! Compressed payloads: what changes is how many bytes go, and nothing else.

use ports::contract::spool;

use super::*;

/// The payloads with samples that the broker took.
fn payloads(bench: &Bench) -> Vec<Vec<u8>> {
    let messages = bench.broker.taken().into_iter().filter(|message| !message.is_retained);
    messages.map(|message| message.payload).collect()
}

fn is_compressed(payload: &[u8]) -> bool {
    payload[0] == wire::compression::MARK
}

fn compressing(payload_bytes_max: usize, message_samples_max: usize) -> Bench {
    bench_with(1, 4, payload_bytes_max, |options| {
        options.compression = Compression::Deflate;
        options.message_samples_max = message_samples_max;
    })
}

#[test]
fn compressed_messages_arrive_whole_and_their_bytes_are_counted_before_and_after() {
    let mut bench = compressing(100_000, 100);
    bench.append("a", 0..1_000);
    bench.run(100);
    assert_eq!(bench.taken().into_values().next().unwrap(), (1..=1_000).collect::<Vec<_>>());
    let payloads = payloads(&bench);
    assert!(payloads.iter().all(|payload| is_compressed(payload)));
    let sent: usize = payloads.iter().map(Vec::len).sum();
    let plain: usize = payloads.iter().map(|p| wire::compression::expand(p).unwrap().len()).sum();
    assert_eq!(bench.counters.payload_bytes.get(), sent as u64);
    assert_eq!(bench.counters.payload_bytes_plain.get(), plain as u64);
    assert!(sent * 3 < plain, "{sent} of {plain}");
}

#[test]
fn without_compression_both_counts_are_the_bytes_that_go() {
    let mut bench = bench(1, 4, 100_000);
    bench.append("a", 0..100);
    bench.run(100);
    let sent: usize = payloads(&bench).iter().map(Vec::len).sum();
    assert!(payloads(&bench).iter().all(|payload| !is_compressed(payload)));
    assert_eq!(bench.counters.payload_bytes.get(), sent as u64);
    assert_eq!(bench.counters.payload_bytes_plain.get(), sent as u64);
}

#[test]
fn the_bytes_on_the_wire_decide_how_many_samples_a_message_has() {
    let mut plain = bench_with(1, 4, 2_000, |options| options.message_samples_max = 1_000);
    let mut packed = compressing(2_000, 1_000);
    for bench in [&mut plain, &mut packed] {
        bench.append("a", 0..1_000);
        bench.run(300);
        assert_eq!(bench.taken().into_values().next().unwrap().len(), 1_000);
        assert!(payloads(bench).iter().all(|payload| payload.len() <= 2_000));
    }
    let [plain, packed] = [plain, packed].map(|bench| payloads(&bench).len());
    assert!(packed * 3 <= plain, "{packed} messages instead of {plain}");
}

#[test]
fn a_payload_that_compresses_badly_goes_in_parts_that_fit() {
    let mut bench = compressing(1_000, 1_000);
    // Times without any pattern take far more than a fourth.
    let scattered = (1..=200).map(|n: u64| {
        let mut reading = spool::reading("a", n);
        let nanos = n.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23).wrapping_mul(n) >> 2;
        reading.reading.at.monotonic = Monotonic::from_nanos(nanos);
        reading.reading.at.wall =
            WallTime::from_nanos(nanos.wrapping_mul(n | 1).cast_signed() >> 1);
        reading
    });
    let Appended { evicted, .. } = bench.spool.append(&scattered.collect::<Vec<_>>()).unwrap();
    assert_eq!(evicted, 0);
    bench.run(300);
    assert_eq!(bench.taken().into_values().next().unwrap(), (1..=200).collect::<Vec<_>>());
    assert!(payloads(&bench).iter().all(|payload| payload.len() <= 1_000));
    assert_eq!(bench.counters.samples_unsendable.get(), 0);
}

#[test]
fn a_sample_that_fits_into_no_message_is_counted_and_holds_nothing_up() {
    let mut bench = compressing(60, 16);
    bench.append("a", 0..10);
    bench.run(50);
    assert_eq!(bench.counters.samples_unsendable.get(), 10);
    assert_eq!(bench.spool.cursor(), bench.spool.end());
    assert_eq!(bench.counters.payload_bytes.get(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_is_lost_and_nothing_too_long_whatever_the_limit(
        payload_bytes_max in 300..6_000_usize, message_samples_max in 1..1_200_usize,
        counts in proptest::collection::vec(1..300_u64, 1..5),
    ) {
        let mut bench = compressing(payload_bytes_max, message_samples_max);
        let mut total = 0;
        for count in counts {
            bench.append("a", total..total + count);
            total += count;
            bench.run(1);
        }
        bench.run(1_500);
        let mut taken = bench.taken().into_values().next().unwrap();
        taken.sort_unstable();
        prop_assert_eq!(taken, (1..=total).collect::<Vec<_>>());
        prop_assert!(payloads(&bench).iter().all(|payload| payload.len() <= payload_bytes_max));
        prop_assert_eq!(bench.counters.samples_unsendable.get(), 0);
    }
}
