use super::*;
use crate::attributes::tests::Tree;

fn channel(name: &str, attribute: &str, label: Option<&str>) -> HwmonChannel {
    HwmonChannel {
        name: name.to_owned(),
        attribute: attribute.to_owned(),
        label: label.map(str::to_owned),
    }
}

fn device(tree: &Tree, channels: Vec<HwmonChannel>) -> Hwmon<Tree> {
    let options =
        HwmonOptions { chip: "board".to_owned(), folder: "class/hwmon".to_owned(), channels };
    Hwmon::new(tree.clone(), options).unwrap()
}

fn board() -> Tree {
    let files = [
        ("name", "board"),
        ("temp1_input", "-12500"),
        ("in0_input", "3312"),
        ("curr1_input", "1250"),
        ("power1_input", "4140000"),
        ("humidity1_input", "45250"),
        ("fan2_input", "1180"),
        ("fan2_label", "CPU"),
        ("fan1_label", "Case"),
    ];
    files
        .iter()
        .fold(Tree::default().with("class/hwmon/hwmon0/name", "other"), |tree, (file, text)| {
            tree.with(&format!("class/hwmon/hwmon1/{file}"), text)
        })
}

fn outcomes(device: &mut impl Device) -> Result<Vec<Result<f64, NoData>>, NoData> {
    let found = device.measure(Duration::ZERO)?;
    Ok(found.outcomes.into_iter().map(|(_, outcome)| outcome.map(Quantity::number)).collect())
}

#[test]
fn each_class_is_in_the_unit_of_its_kind() {
    let channels = ["temp1", "in0", "curr1", "power1", "humidity1", "fan2"];
    let channels = channels.iter().map(|attribute| channel(attribute, attribute, None)).collect();
    let found = outcomes(&mut device(&board(), channels)).unwrap();
    assert_eq!(found, [-12.5, 3.312, 1.25, 4.14, 45.25, 1180.0].map(Ok));
}

#[test]
fn a_label_finds_its_attribute_and_another_board_has_none() {
    let channels = vec![channel("cpu", "fan", Some("CPU")), channel("gpu", "fan", Some("GPU"))];
    let found = outcomes(&mut device(&board(), channels)).unwrap();
    assert_eq!(found, [Ok(1180.0), Err(NoData::Absent)]);
}

#[test]
fn a_chip_that_comes_back_with_another_number_is_the_same() {
    let tree = board();
    let mut device = device(&tree, vec![channel("air", "temp1", None)]);
    tree.shift("class/hwmon/hwmon1", None);
    assert_eq!(outcomes(&mut device), Err(NoData::Absent));
    let again = board();
    again.shift("class/hwmon/hwmon1", Some("class/hwmon/hwmon7"));
    tree.0.lock().unwrap().append(&mut again.0.lock().unwrap());
    assert_eq!(outcomes(&mut device), Ok(vec![Ok(-12.5)]));
}

#[test]
fn a_gap_of_one_attribute_leaves_the_others_and_a_stuck_bus_ends_it() {
    let tree = board().with("class/hwmon/hwmon1/temp1_fault", "1");
    let channels = vec![channel("air", "temp1", None), channel("supply", "in0", None)];
    let mut device = device(&tree, channels);
    assert_eq!(outcomes(&mut device), Ok(vec![Err(NoData::Absent), Ok(3.312)]));
    tree.set("class/hwmon/hwmon1/in0_input", Err(NoData::NotReady));
    assert_eq!(outcomes(&mut device), Ok(vec![Err(NoData::Absent), Err(NoData::NotReady)]));
    tree.set("class/hwmon/hwmon1/in0_input", Ok("?"));
    assert_eq!(outcomes(&mut device).unwrap()[1], Err(NoData::Corrupt));
    tree.set("class/hwmon/hwmon1/in0_input", Err(NoData::Timeout));
    assert_eq!(outcomes(&mut device), Err(NoData::Timeout));
}

#[test]
fn an_attribute_of_no_class_is_refused() {
    for attribute in ["temp", "pwm1", "temp1_input", "intrusion0", ""] {
        let options = HwmonOptions {
            chip: "board".to_owned(),
            folder: "class/hwmon".to_owned(),
            channels: vec![channel("x", attribute, None)],
        };
        assert!(Hwmon::new(Tree::default(), options).is_err(), "{attribute}");
    }
}
