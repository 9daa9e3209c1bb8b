use domain::Quantity;

use super::*;
use crate::attributes::tests::Tree;

const SERIAL: &str = "28-0316a2797b19";

fn measure(file: &str, text: &str) -> Result<Result<f64, NoData>, NoData> {
    let tree = Tree::default().with(&format!("bus/w1/devices/{SERIAL}/{file}"), text);
    let found = OneWire::new(tree, SERIAL).unwrap().measure(Duration::ZERO)?;
    Ok(found.outcomes[0].1.map(Quantity::number))
}

#[test]
fn thousandths_are_degrees_over_the_whole_range_and_no_further() {
    assert_eq!(measure("temperature", "-55000"), Ok(Ok(-55.0)));
    assert_eq!(measure("temperature", "20062\n"), Ok(Ok(20.062)));
    assert_eq!(measure("temperature", "125000"), Ok(Ok(125.0)));
    assert_eq!(measure("temperature", "127687"), Ok(Err(NoData::Implausible)));
    assert_eq!(measure("temperature", "twenty"), Err(NoData::Corrupt));
}

#[test]
fn what_a_chip_holds_at_power_on_is_no_temperature() {
    assert_eq!(measure("temperature", "85000"), Ok(Err(NoData::NotReady)));
    assert_eq!(measure("temperature", "85062"), Ok(Ok(85.062)));
}

#[test]
fn an_old_kernels_scratchpad_is_believed_if_its_crc_is_right() {
    let page = |judged| {
        format!(
            "72 01 4b 46 7f ff 0e 10 57 : crc=57 {judged}\n72 01 4b 46 7f ff 0e 10 57 t=23125\n"
        )
    };
    assert_eq!(measure("w1_slave", &page("YES")), Ok(Ok(23.125)));
    assert_eq!(measure("w1_slave", &page("NO")), Err(NoData::Corrupt));
    for text in ["", "72 YES", "72 YES\n", "72 YES\nt=warm"] {
        assert_eq!(measure("w1_slave", text), Err(NoData::Corrupt), "{text:?}");
    }
}

#[test]
fn a_thermometer_that_is_pulled_is_absent_and_comes_back() {
    let (tree, path) = (Tree::default(), format!("bus/w1/devices/{SERIAL}/temperature"));
    let mut device = OneWire::new(tree.clone(), SERIAL).unwrap();
    assert_eq!(device.measure(Duration::ZERO), Err(NoData::Absent));
    tree.set(&path, Ok("19500"));
    assert!(device.measure(Duration::ZERO).is_ok());
    tree.set(&path, Err(NoData::BusFault));
    assert_eq!(device.measure(Duration::ZERO), Err(NoData::BusFault));
}

#[test]
fn what_is_no_serial_number_is_refused() {
    for serial in ["", "28", "28-", "28-0316a2797b1", "../28-0316a2797b19", "28-0316a2797b1g"] {
        assert!(OneWire::new(Tree::default(), serial).is_err(), "{serial}");
    }
}
