use super::*;
use crate::{attributes::tests::Tree, scripted::Tape};

const DEVICE: &str = "bus/iio/devices/iio:device1";

fn accelerometer(has_time: bool) -> Tree {
    let time = [
        ("in_timestamp_en", "0"),
        ("in_timestamp_type", "le:s64/64>>0"),
        ("in_timestamp_index", "3"),
    ];
    let elements = [
        ("in_accel_x_en", "0"),
        ("in_accel_x_type", "le:s12/16>>4"),
        ("in_accel_x_index", "0"),
        ("in_accel_y_en", "1"),
        ("in_accel_y_type", "le:s12/16>>4"),
        ("in_accel_y_index", "1"),
    ];
    let tree = Tree::default().with(&format!("{DEVICE}/name"), "lis3dh");
    let tree = ["buffer/enable", "buffer/length", "trigger/current_trigger"]
        .iter()
        .fold(tree, |tree, file| tree.with(&format!("{DEVICE}/{file}"), "0"))
        .with(&format!("{DEVICE}/in_accel_scale"), "0.01");
    let elements = elements.iter().chain(time.iter().filter(|_| has_time));
    elements
        .fold(tree, |tree, (file, text)| tree.with(&format!("{DEVICE}/scan_elements/{file}"), text))
}

/// Acceleration in steps, at a time in nanoseconds.
fn scan(steps: i16, at: Option<i64>) -> Vec<u8> {
    let mut bytes = (steps << 4).to_le_bytes().to_vec();
    if let Some(at) = at {
        bytes.extend([0xEE; 6]);
        bytes.extend(at.to_le_bytes());
    }
    bytes
}

fn device(tree: &Tree, tape: impl Fn(&str) -> Tape + Send + 'static) -> IioBuffer<Tree, Tape> {
    let channel = IioChannel { name: "x".to_owned(), channel: "in_accel_x".to_owned() };
    let options = IioBufferOptions {
        device: "lis3dh".to_owned(),
        channels: vec![channel],
        trigger: Some("hrtimer0".to_owned()),
        length: 4,
        period: Duration::from_millis(1),
    };
    IioBuffer::new(tree.clone(), tape, options).unwrap()
}

fn burst(device: &mut IioBuffer<Tree, Tape>) -> Result<Vec<(u128, f64)>, NoData> {
    let newest = device.measure(Duration::ZERO)?;
    let all = device.earlier().into_iter().chain([newest]);
    assert!(device.earlier().is_empty(), "handed out once");
    Ok(all.map(|m| (m.age.as_micros(), m.outcomes[0].1.unwrap().number())).collect())
}

#[test]
fn a_burst_has_every_scan_at_its_own_time_the_newest_last() {
    let tree = accelerometer(true);
    let bytes = [scan(-100, Some(1_000_000)), scan(0, Some(1_500_000)), scan(981, Some(2_100_000))];
    let mut device = device(&tree, move |node| {
        assert_eq!(node, "iio:device1");
        Tape::of(&bytes.concat(), 32)
    });
    assert_eq!(burst(&mut device), Ok(vec![(1_100, -1.0), (600, 0.0), (0, 9.81)]));
    assert_eq!(burst(&mut device), Err(NoData::NotReady), "nothing is said twice");
}

#[test]
fn without_timestamps_scans_are_a_period_apart() {
    let bytes = [scan(1, None), scan(2, None), scan(3, None)].concat();
    let mut device = device(&accelerometer(false), move |_| Tape::of(&bytes, 4));
    assert_eq!(burst(&mut device), Ok(vec![(2_000, 0.01), (1_000, 0.02), (0, 0.03)]));
}

#[test]
fn exactly_our_channels_are_enabled_and_then_the_buffer() {
    let tree = accelerometer(true);
    let _nothing_there = burst(&mut device(&tree, |_| Tape::default()));
    let read = |file: &str| tree.clone().read(&format!("{DEVICE}/{file}")).unwrap();
    let enabled = ["in_accel_x_en", "in_accel_y_en", "in_timestamp_en"];
    assert_eq!(enabled.map(|file| read(&format!("scan_elements/{file}"))), ["1", "0", "1"]);
    let buffer = ["buffer/enable", "buffer/length", "trigger/current_trigger"].map(read);
    assert_eq!(buffer, ["1", "4", "hrtimer0"]);
}

#[test]
fn no_more_than_the_buffer_holds_is_taken_at_once() {
    let bytes = (0..10).flat_map(|n| scan(n, None)).collect::<Vec<_>>();
    let mut device = device(&accelerometer(false), move |_| Tape::of(&bytes, 8));
    assert_eq!([(); 3].map(|()| burst(&mut device).unwrap().len()), [4, 4, 2]);
}

#[test]
fn a_device_that_goes_is_absent_and_is_set_up_anew_when_it_is_back() {
    let tree = accelerometer(false);
    let mut device = device(&tree, |_| Tape::of(&scan(5, None), 2).then(Err(NoData::Absent)));
    // The scan before the failure is not told: nobody knows what became of those after it.
    assert_eq!(burst(&mut device), Err(NoData::Absent));
    tree.set(&format!("{DEVICE}/buffer/enable"), Err(NoData::Absent));
    tree.shift(DEVICE, None);
    assert_eq!(burst(&mut device), Err(NoData::Absent));
    let again = accelerometer(false);
    tree.0.lock().unwrap().append(&mut again.0.lock().unwrap());
    device.open = Box::new(|_| Tape::of(&scan(6, None), 2));
    assert_eq!(burst(&mut device), Ok(vec![(0, 0.06)]));
}

#[test]
fn half_a_scan_and_a_type_that_is_none_are_corrupt() {
    let mut half = device(&accelerometer(false), |_| Tape::of(&[0; 3], 3));
    assert_eq!(burst(&mut half), Err(NoData::Corrupt));
    let tree = accelerometer(false);
    tree.set(&format!("{DEVICE}/scan_elements/in_accel_x_type"), Ok("le:s12/16X3>>4"));
    assert_eq!(burst(&mut device(&tree, |_| Tape::default())), Err(NoData::Corrupt));
}
