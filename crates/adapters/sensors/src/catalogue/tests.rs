use domain::NoData;
use embedded_hal::{delay::DelayNs as _, i2c::I2c as _, spi::SpiDevice as _};

use super::*;

#[test]
fn every_entry_keeps_its_promises() {
    for entry in CATALOGUE {
        entry.check().unwrap_or_else(|flaw| panic!("{flaw}"));
    }
}

#[test]
fn drivers_are_in_order_and_found_by_name() {
    assert!(CATALOGUE.is_sorted_by(|a, b| a.driver < b.driver));
    for entry in CATALOGUE {
        assert_eq!(Catalogue::OWN.find(entry.driver), Some(entry));
    }
    assert_eq!(Catalogue::OWN.find("bme820"), None);
}

/// A copy of a good entry with something changed.
fn changed(change: impl FnOnce(&mut Entry)) -> Result<(), Flaw> {
    let mut entry = bme280::ENTRY;
    change(&mut entry);
    entry.check()
}

#[test]
fn an_entry_that_breaks_a_promise_is_told_which() {
    const POINT: Point = Point {
        name: "temperature",
        kind: QuantityKind::Temperature,
        resolution: 1.0,
        low: 0.0,
        high: 1.0,
    };
    const PERIOD: Parameter =
        Parameter { name: "period", summary: "…", value: Value::Flag { default: false } };
    const BACKWARDS: Parameter = Parameter {
        name: "gain",
        summary: "…",
        value: Value::Number { unit: "", low: 1.0, high: 2.0, preset: Preset::Default(3.0) },
    };
    const CAN_ONLY_BE_ASKED: Attachment =
        Attachment::I2c { addresses: &[0x03], make: |_, _| Err(BadOptions::NoSensors) };
    const IS_NOBODY: Attachment = Attachment::Uart {
        pacing: Pacing::Asked,
        station: Some("unit"),
        make: |_, _| Err(BadOptions::NoSensors),
    };
    let told = |flaw: Result<(), Flaw>| flaw.unwrap_err().what;
    assert!(told(changed(|e| e.driver = "BME 280")).contains("name"));
    assert_eq!(
        told(changed(|e| e.sensors = &[POINT, POINT])),
        "two sensors are called temperature"
    );
    assert_eq!(told(changed(|e| e.sensors = &[POINT])), "hosts a sensor that it does not list");
    assert_eq!(told(changed(|e| e.parameters = &[PERIOD])), "parameter period: this name is taken");
    assert_eq!(
        told(changed(|e| e.parameters = &[BACKWARDS])),
        "the preset of gain: 3 is out of range"
    );
    assert_eq!(told(changed(|e| e.attachments = &[])), "hangs on no bus");
    assert_eq!(told(changed(|e| e.attachments = &[CAN_ONLY_BE_ASKED])), "has no I2C address");
    assert_eq!(told(changed(|e| e.attachments = &[IS_NOBODY])), "has no parameter unit");
}

#[test]
fn a_catalogue_takes_extra_entries_but_no_second_one_of_a_name() {
    const OTHER: Entry = Entry { driver: "bme280_of_ours", ..bme280::ENTRY };
    let catalogue = Catalogue::with(&[OTHER]).unwrap();
    assert_eq!(catalogue.find("bme280_of_ours").map(|entry| entry.part), Some(OTHER.part));
    assert_eq!(catalogue.entries().count(), CATALOGUE.len() + 1);
    assert!(Catalogue::with(&[bme280::ENTRY]).is_err());
    assert!(Catalogue::with(&[OTHER, OTHER]).is_err());
}

const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "gain",
        summary: "…",
        value: Value::Integer { unit: "", low: 1, high: 8, preset: Preset::Default(2) },
    },
    Parameter {
        name: "shunt_ohms",
        summary: "…",
        value: Value::Number { unit: "Ohm", low: 0.001, high: 10.0, preset: Preset::Required(0.1) },
    },
];

#[test]
fn arguments_are_complete_of_their_type_and_in_range() {
    let of = |given: &[(&'static str, Argument)]| Arguments::new(PARAMETERS, given.iter().cloned());
    let shunt = ("shunt_ohms", Argument::Number(0.02));
    let good = of(core::slice::from_ref(&shunt)).unwrap();
    assert_eq!((good.integer::<u8>("gain"), good.number("shunt_ohms")), (Ok(2), Ok(0.02)));
    assert_eq!(good.flag("gain"), Err(Undeclared { name: "gain" }));
    assert_eq!(good.number("gian"), Err(Undeclared { name: "gian" }));
    for (given, told) in [
        (vec![], "shunt_ohms: this is missing"),
        (vec![("shunt_ohms", Argument::Integer(1))], "shunt_ohms: this is of another type"),
        (
            vec![("shunt_ohms", Argument::Number(f64::NAN))],
            "shunt_ohms: NaN is not a number to reckon with",
        ),
        (vec![shunt.clone(), ("gain", Argument::Integer(9))], "gain: 9 is out of range"),
        (vec![shunt, ("gian", Argument::Integer(1))], "gian: there is no such parameter"),
    ] {
        assert_eq!(of(&given).unwrap_err().to_string(), told);
    }
}

#[test]
fn nowhere_nothing_answers_and_the_handles_say_so_in_both_languages() {
    use embedded_hal::i2c::{Error as _, ErrorKind, NoAcknowledgeSource};
    let I2cPlace { mut bus, mut delay, address, .. } =
        I2cPlace::nowhere(0x76, core::time::Duration::from_secs(1));
    delay.delay_ms(1);
    let fault = bus.write(address, &[0]).unwrap_err();
    assert_eq!(fault.kind(), ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address));
    assert_eq!(NoData::from(fault), NoData::Absent);
    let fault = SpiPlace::nowhere(1).chip.write(&[0]).unwrap_err();
    assert_eq!(NoData::from(fault), NoData::Absent);
}
