use sensors::Catalogue;

use super::*;
use crate::config::parse;

/// A bus with as many BME280s as there are periods, each 51 ms on the bus.
fn bus(periods: &[&str]) -> Result<Bus, String> {
    let device = |(at, period): (usize, &&str)| {
        let (name, address) = (["first", "second"][at], 0x76 + at);
        format!(
            "[devices.{name}]\ndriver = \"bme280\"\nbus = \"i2c1\"\naddress = {address}\nperiod = \"{period}\"\n"
        )
    };
    let devices: String = periods.iter().enumerate().map(device).collect();
    let head = "[gateway]\nid = \"a\"\n[buses.i2c1]\nkind = \"i2c\"\npath = \"/dev/i2c-1\"\n";
    let config = parse("f", &format!("{head}{devices}"), Catalogue::OWN, []);
    let config = config.map_err(|problems| problems.to_string())?;
    config.buses.into_iter().next().ok_or_else(|| "no bus".to_owned())
}

#[test]
fn the_share_of_a_bus_is_the_sum_over_its_devices() {
    let busy = bus(&["1s", "510ms"]).unwrap().share_busy();
    assert!((busy - 0.151).abs() < 1e-9, "{busy}");
}

#[test]
fn a_bus_with_little_time_left_is_warned_of_and_one_with_enough_is_not() {
    let warning = bus(&["100ms", "150ms"]).unwrap().warning().unwrap();
    assert!(warning.contains("`i2c1` is busy 85 %") && warning.contains("first 51 %"), "{warning}");
    assert_eq!(bus(&["100ms", "1s"]).unwrap().warning(), None);
}

#[test]
fn the_period_that_is_proposed_is_enough_and_more_than_all_of_a_bus_is_refused() {
    let report = bus(&["50ms", "100ms"]).unwrap_err();
    assert!(report.contains("would be busy 153 % of the time: first 102 % (51 ms every 50 ms)"));
    assert!(report.contains("write \"200ms\" or longer"), "{report}");
    assert!(bus(&["200ms", "100ms"]).unwrap().share_busy() <= 0.8);
    let report = bus(&["55ms", "55ms"]).unwrap_err();
    assert!(report.contains("measure these less often"), "{report}");
}

#[test]
fn shares_are_said_with_no_more_digits_than_they_deserve() {
    let said = [1.234, 0.0516, 0.000_01].map(percent);
    assert_eq!(said, ["123 %", "5.2 %", "less than 0.1 %"]);
}
