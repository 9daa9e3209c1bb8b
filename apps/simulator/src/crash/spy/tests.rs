use domain::{BootId, Monotonic, NoData, Quality, SequenceNumber, Timestamp, WallTime};
use wire::record::{StoredReading, StreamId};

use super::*;

fn framed(kind: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    let crc = crc32fast::hash(&[&kind, &length, payload].concat()).to_le_bytes();
    [&kind, &length[..], &crc[..], payload].concat()
}

fn record(outcomes: &[Result<f64, NoData>]) -> Vec<u8> {
    let at = Timestamp::new(WallTime::from_nanos(0), Monotonic::default());
    let reading = |(seq, outcome): (u64, &Result<f64, NoData>)| StoredReading {
        stream: StreamId(0),
        seq: SequenceNumber(seq),
        at,
        outcome: *outcome,
        quality: Quality::Good,
    };
    let readings = (1..).zip(outcomes).map(reading).collect();
    let boot = BootId::from_bytes([7; 16]);
    let mut payload = Vec::new();
    Record { first: 0, boot, declared: vec![], readings }.encode(&mut payload);
    framed(*RECORD, &payload)
}

fn segment(parts: &[Vec<u8>]) -> Vec<u8> {
    [vec![0; PREFIX], framed(*b"\xF5Hdr", b"whatever"), parts.concat()].concat()
}

#[test]
fn the_last_whole_record_tells_the_newest_number() {
    let absent = Err(NoData::Absent);
    let whole = [record(&[Ok(7.0)]), record(&[Ok(8.0), absent]), record(&[absent])];
    let mut torn = segment(&[whole.concat(), record(&[Ok(9.0)])]);
    assert_eq!(last_number(&torn), Some(9));
    torn.pop();
    assert_eq!(last_number(&torn), Some(8));
    assert_eq!(last_number(&segment(&[])), None);
}

#[test]
fn a_segment_just_begun_sends_the_look_to_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(newest(&folder.path().join("none")), 0);
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("00000000000000000000.seg", &segment(&[record(&[Ok(3.0)])]));
    write("00000000000000000100.seg", &segment(&[record(&[Ok(5.0)])]));
    write("00000000000000000200.seg", &segment(&[]));
    write("cursor", b"no segment");
    assert_eq!(newest(folder.path()), 5);
}
