use std::io::Write as _;

use super::*;

/// As the kernel writes it.
fn event(timestamp_ns: u64, id: u32, number: u32) -> Vec<u8> {
    let mut bytes = timestamp_ns.to_ne_bytes().to_vec();
    for word in [id, 17, 900, number, 0, 0, 0, 0, 0, 0] {
        bytes.extend(word.to_ne_bytes());
    }
    bytes
}

#[test]
fn events_are_taken_in_order_with_their_own_numbers_and_none_is_no_wait() {
    let (kernel, line) = std::io::pipe().map(|(reader, writer)| (writer, reader)).unwrap();
    let (mut kernel, line) = (kernel, OwnedFd::from(line));
    assert_eq!(take(&line, Duration::ZERO).unwrap(), []);
    for (id, number) in [(1, 1), (2, 2), (1, 70)] {
        kernel.write_all(&event(5, id, number)).unwrap();
    }
    let found = take(&line, Duration::ZERO).unwrap();
    let found: Vec<_> = found.iter().map(|event| (event.is_rising, event.number)).collect();
    assert_eq!(found, [(true, 1), (false, 2), (true, 70)]);
    drop(kernel);
    assert_eq!(take(&line, Duration::ZERO).unwrap_err().raw_os_error(), Some(19));
}

#[test]
fn an_event_is_read_at_the_kernels_offsets_and_a_part_of_one_is_none() {
    let bytes = event(0x0102_0304_0506, 1, 9);
    let expected = Event { timestamp_ns: 0x0102_0304_0506, is_rising: true, number: 9 };
    assert_eq!((bytes.len(), Event::parse(&bytes)), (EVENT_SIZE, Some(expected)));
    assert_eq!(Event::parse(&bytes[..20]), None);
}

#[test]
fn a_chip_that_does_not_exist_is_absent_and_a_file_that_is_none_is_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gpiochip0");
    let mut input = GpioInput::new(&path, 17, InputSettings::default());
    let mut output = GpioOutput::new(&path, 18, false, true);
    assert_eq!(input.level(), Err(NoData::Absent));
    assert_eq!(output.set(true), Err(NoData::Absent));
    std::fs::write(&path, b"").unwrap();
    assert_eq!(input.edges(Duration::ZERO), Err(NoData::BusFault));
    assert_eq!(output.set(true), Err(NoData::BusFault));
}
