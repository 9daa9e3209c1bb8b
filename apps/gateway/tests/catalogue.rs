//! What the catalogue says of itself is true, and is what the documentation says.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{fs, path::Path, process::Command};

use gateway::{
    catalogue::{example, page},
    config,
};
use sensors::Catalogue;

#[test]
fn the_documentation_page_is_what_the_drivers_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/catalogue.md");
    let made = page(&Catalogue::OWN.entries().collect::<Vec<_>>());
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let regenerate = "BLESS=1 cargo test -p gateway --test catalogue";
    assert!(
        written == made,
        "docs/catalogue.md differs from the drivers; make it anew: {regenerate}"
    );
}

#[test]
fn the_example_of_each_entry_is_a_good_configuration_with_one_device() {
    for entry in Catalogue::OWN.entries() {
        for attachment in entry.attachments {
            let text = example(entry, attachment);
            let config = config::parse("example", &text, Catalogue::OWN, []);
            let config = config.unwrap_or_else(|problems| panic!("{problems}\n{text}"));
            let [bus] = config.buses.as_slice() else { panic!("{text}") };
            let [device] = bus.devices.as_slice() else { panic!("{text}") };
            assert_eq!(device.entry, entry);
            assert!(!device.streams.is_empty(), "{text}");
        }
    }
}

fn telemetryhub(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_telemetryhub"));
    let output = command.args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_table_has_every_driver_and_one_in_full_has_its_example() {
    let (code, table, _) = telemetryhub(&["catalogue"]);
    assert_eq!(code, Some(0));
    for entry in Catalogue::OWN.entries() {
        assert!(table.contains(entry.driver) && table.contains(entry.part), "{table}");
        let (code, full, _) = telemetryhub(&["catalogue", entry.driver]);
        assert_eq!(code, Some(0));
        for attachment in entry.attachments {
            assert!(full.contains(&example(entry, attachment)), "{full}");
        }
    }
}

#[test]
fn the_json_can_be_read_and_has_units_and_ranges() {
    let (code, text, _) = telemetryhub(&["catalogue", "--json", "bme280"]);
    assert_eq!(code, Some(0));
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let sensor = &json["drivers"][0]["sensors"][0];
    assert_eq!((sensor["unit"].as_str(), sensor["high"].as_f64()), (Some("Cel"), Some(85.0)));
    assert_eq!(json["drivers"][0]["buses"][0]["addresses"][0], 0x76);
    assert!(json["drivers"][0]["buses"][0]["time_on_bus_s"].as_f64() > Some(0.0));
}

#[test]
fn a_driver_that_is_not_there_is_told_what_may_be_meant() {
    let (code, out, faults) = telemetryhub(&["catalogue", "bme820"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(faults.contains("did you mean `bme280`?"), "{faults}");
}
