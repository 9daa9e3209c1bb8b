use domain::Quantity;

use super::*;
use crate::attributes::tests::Tree;

fn device(tree: &Tree, channels: &[&str]) -> Iio<Tree> {
    let channels = channels
        .iter()
        .map(|channel| IioChannel { name: "x".to_owned(), channel: (*channel).to_owned() })
        .collect();
    Iio::new(tree.clone(), IioOptions { device: "chip".to_owned(), channels }).unwrap()
}

fn chip(files: &[(&str, &str)]) -> Tree {
    let tree = Tree::default().with("bus/iio/devices/iio:device2/name", "chip");
    files.iter().fold(tree.with("bus/iio/devices/trigger0/name", "chip"), |tree, (file, text)| {
        tree.with(&format!("bus/iio/devices/iio:device2/{file}"), text)
    })
}

fn outcomes(tree: &Tree, channels: &[&str]) -> Result<Vec<Result<f64, NoData>>, NoData> {
    let found = device(tree, channels).measure(Duration::ZERO)?;
    Ok(found.outcomes.into_iter().map(|(_, outcome)| outcome.map(Quantity::number)).collect())
}

#[test]
fn a_processed_channel_is_converted_from_the_unit_of_its_type() {
    let tree = chip(&[
        ("in_temp_input", "-7250"),
        ("in_humidityrelative_input", "81500"),
        ("in_pressure_input", "98.760000000"),
        ("in_illuminance_input", "412.5"),
        ("in_power1_input", "1500"),
        ("in_anglvel_z_input", "3.141592653589793"),
    ]);
    let channels = [
        "in_temp",
        "in_humidityrelative",
        "in_pressure",
        "in_illuminance",
        "in_power1",
        "in_anglvel_z",
    ];
    let expected = [-7.25, 81.5, 987.6, 412.5, 1.5, 180.0].map(Ok);
    assert_eq!(outcomes(&tree, &channels), Ok(expected.to_vec()));
}

#[test]
fn a_raw_channel_takes_its_own_scaling_before_that_of_its_type() {
    let tree = chip(&[
        ("in_temp_raw", "1000"),
        ("in_temp_offset", "-200"),
        ("in_temp_scale", "62.5"),
        ("in_accel_x_raw", "-1024"),
        ("in_accel_scale", "0.009576"),
        ("in_voltage0_raw", "4095"),
        ("in_voltage0_scale", "0.5"),
        ("in_voltage_scale", "9"),
    ]);
    let expected = [50.0, -9.805_824, 2.0475].map(Ok).to_vec();
    assert_eq!(outcomes(&tree, &["in_temp", "in_accel_x", "in_voltage0"]), Ok(expected));
}

#[test]
fn what_one_channel_lacks_is_its_own_gap_and_a_stuck_bus_ends_it() {
    let tree =
        chip(&[("in_voltage0_raw", "1"), ("in_temp_input", "1000"), ("in_current_input", "?")]);
    assert_eq!(
        outcomes(&tree, &["in_voltage0", "in_temp", "in_current", "in_pressure"]),
        Ok(vec![Err(NoData::Absent), Ok(1.0), Err(NoData::Corrupt), Err(NoData::Absent)])
    );
    tree.set("bus/iio/devices/iio:device2/in_temp_input", Err(NoData::Timeout));
    assert_eq!(outcomes(&tree, &["in_temp"]), Err(NoData::Timeout));
    tree.shift("bus/iio/devices/iio:device2", None);
    assert_eq!(outcomes(&tree, &["in_temp"]), Err(NoData::Absent));
}

#[test]
fn a_channel_of_no_known_type_is_refused() {
    for channel in ["temp", "in_", "in_magn_x", "out_voltage0", "in_temp/../x", "in_tempo"] {
        let channels = vec![IioChannel { name: "x".to_owned(), channel: channel.to_owned() }];
        let options = IioOptions { device: "chip".to_owned(), channels };
        assert!(Iio::new(Tree::default(), options).is_err(), "{channel}");
    }
}
