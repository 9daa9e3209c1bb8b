//! The targets over any bytes, over their seeds, and over seeds that are cut, damaged and joined.

use fuzz::{TARGETS, Target};
use proptest::{collection::vec, prelude::*, sample::Index};

/// Bytes that break more than others: lengths, marks, signs and quotes.
const SPITEFUL: &[u8] = &[0, 1, 0x7F, 0x80, 0xFF, b'"', b'{', b'[', b',', b'-', b'e', b'$', b'*'];

fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![any::<u8>(), proptest::sample::select(SPITEFUL)]
}

/// One thing that happens to bytes.
#[derive(Clone, Debug)]
enum Damage {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<Index>;
    prop_oneof![
        (place(), byte()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        (place(), vec(byte(), 1..9)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (place(), 1..20_usize).prop_map(|(at, len)| Damage::Remove(at, len)),
        (place(), 1..40_usize).prop_map(|(at, len)| Damage::Repeat(at, len)),
    ]
}

fn harm(bytes: &mut Vec<u8>, damage: &Damage) {
    match damage {
        Damage::Set(at, byte) if !bytes.is_empty() => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        Damage::Set(..) => {}
        Damage::Insert(at, what) => {
            let at = at.index(bytes.len() + 1);
            bytes.splice(at..at, what.iter().copied());
        }
        Damage::Remove(at, len) => {
            let at = at.index(bytes.len() + 1);
            bytes.drain(at..bytes.len().min(at + len));
        }
        Damage::Repeat(at, len) => {
            let at = at.index(bytes.len() + 1);
            let run = bytes[at..bytes.len().min(at + len)].to_vec();
            bytes.splice(at..at, run);
        }
    }
}

#[test]
fn names_of_targets_are_distinct_and_each_seed_is_taken() {
    for (place, Target { name, run, seeds }) in TARGETS.iter().enumerate() {
        assert!(TARGETS[..place].iter().all(|other| other.name != *name), "{name}");
        let seeds = seeds();
        assert!(!seeds.is_empty(), "{name}");
        for seed in seeds {
            assert!(run(&seed), "{name}: {}", String::from_utf8_lossy(&seed));
        }
    }
}

#[test]
fn a_seed_cut_at_any_byte_breaks_no_promise() {
    for Target { run, seeds, .. } in TARGETS {
        for seed in seeds() {
            // Of long ones, as many places as of others.
            for len in (0..seed.len()).step_by(seed.len() / 512 + 1) {
                run(&seed[..len]);
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_break_no_promise(bytes in vec(byte(), 0..300)) {
        for Target { run, .. } in TARGETS {
            run(&bytes);
        }
    }

    #[test]
    fn damaged_seeds_break_no_promise(
        seed: Index, other: Index, damages in vec(damage(), 1..6), is_joined: bool,
    ) {
        for Target { run, seeds, .. } in TARGETS {
            let seeds = seeds();
            let mut bytes = seed.get(&seeds).clone();
            if is_joined {
                bytes.extend(other.get(&seeds));
            }
            for damage in &damages {
                harm(&mut bytes, damage);
            }
            run(&bytes);
        }
    }
}
