use super::*;

/// A publish as the gateway sends it: one property (content type), id 258.
fn message() -> Vec<u8> {
    let mut bytes = vec![0x32, 0, 0, 3, b'a', b'/', b'b', 1, 2, 4, 3, 0, 1, b'x', b'h', b'i'];
    bytes[1] = u8::try_from(bytes.len() - 2).unwrap();
    bytes
}

fn published() -> Packet {
    Packet::Publish { id: 258, topic: "a/b".to_owned(), payload: b"hi".to_vec() }
}

#[test]
fn packets_are_seen_however_the_bytes_are_cut() {
    let bytes = [message(), vec![0x40, 2, 1, 2], vec![0xC0, 0], message()].concat();
    let all = [published(), Packet::Answer { id: 258, is_taken: true }, Packet::Other, published()];
    for size in 1..bytes.len() {
        let mut splitter = Splitter::default();
        let packets = bytes.chunks(size).flat_map(|chunk| splitter.push(chunk).unwrap());
        assert_eq!(packets.collect::<Vec<_>>(), all, "in pieces of {size}");
    }
}

#[test]
fn an_answer_is_taken_below_reason_0x80() {
    for (reason, is_taken) in [(0x00, true), (0x10, true), (0x80, false), (0x97, false)] {
        let packets = Splitter::default().push(&[0x40, 3, 0, 7, reason]).unwrap();
        assert_eq!(packets, [Packet::Answer { id: 7, is_taken }]);
    }
}

#[test]
fn a_message_that_wants_no_answer_is_none_of_ours() {
    assert_eq!(Splitter::default().push(&[0x30, 4, 0, 1, b'a', 0]), Ok(vec![Packet::Other]));
}

#[test]
fn what_is_no_mqtt_is_told() {
    assert_eq!(Splitter::default().push(&[0x30, 0xFF, 0xFF, 0xFF, 0xFF]), Err(NoMqtt));
    assert_eq!(Splitter::default().push(&[0x32, 2, 0, 9]), Err(NoMqtt), "shorter than its topic");
}

#[test]
fn a_length_of_two_bytes_is_one() {
    let payload = vec![b'z'; 300];
    let mut bytes = vec![0x32, 0xB2, 0x02, 0, 1, b'a', 0, 9, 0];
    bytes.extend(&payload);
    assert_eq!(bytes.len(), 3 + 306);
    let packets = Splitter::default().push(&bytes).unwrap();
    assert_eq!(packets, [Packet::Publish { id: 9, topic: "a".to_owned(), payload }]);
}
