//! Compares the tables with `docs/specs/configuration.md`.

use std::collections::BTreeSet;

use domain::QuantityKind;

use super::KEYS;
use crate::config::{Config, key::Key, parse};
use sensors::Catalogue;

const SPECIFICATION: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/specs/configuration.md"));

/// Each table, the heading of its keys in the specification, and the least that it needs. The last
/// column as a whole is a good file.
const TABLES: &[(&str, &str, &str)] = &[
    ("Gateway", "[gateway]", "[gateway]\nid = \"a\""),
    ("Mqtt", "[mqtt]", "[mqtt]"),
    ("Spool", "[spool]", "[spool]"),
    ("SpoolFull", "[spool.when_full]", "[spool.when_full]"),
    ("Pipeline", "[pipeline]", "[pipeline]"),
    ("Log", "[log]", "[log]"),
    ("Control", "[control]", "[control]"),
    ("Time", "[time]", "[time]"),
    ("Realtime", "[realtime]", "[realtime]"),
    ("BusHead", "[buses.NAME]", "[buses.i2c]\nkind = \"i2c\"\npath = \"/dev/i2c-1\""),
    ("I2cBus", "[buses.NAME] of kind i2c", "[buses.attic]\nkind = \"i2c\"\npath = \"/dev/i2c-2\""),
    ("I2cSwitch", "[buses.NAME.switches.NAME]", "[buses.attic.switches.west]"),
    (
        "I2cRecovery",
        "[buses.NAME.recovery]",
        "[buses.attic.recovery]\nchip = \"/dev/gpiochip0\"\npower = 17",
    ),
    (
        "SpiBus",
        "[buses.NAME] of kind spi",
        "[buses.spi]\nkind = \"spi\"\npath = \"/dev/spidev0.0\"",
    ),
    ("UartBus", "[buses.NAME] of kind uart", "[buses.gps]\nkind = \"uart\"\npath = \"/dev/tty1\""),
    ("UartBus", "[buses.NAME] of kind uart", "[buses.wind]\nkind = \"uart\"\npath = \"/dev/tty2\""),
    ("Rs485", "[buses.NAME.rs485]", "[buses.wind.rs485]"),
    (
        "Rs485",
        "[buses.NAME.rs485]",
        "[buses.field]\nkind = \"uart\"\npath = \"/dev/tty3\"\n[buses.field.rs485]",
    ),
    (
        "DeviceHead",
        "[devices.NAME]",
        "[devices.spare]\ndriver = \"bme280\"\nbus = \"i2c\"\naddress = 0x77",
    ),
    ("I2cDevice", "[devices.NAME] on i2c", "[devices.air]\ndriver = \"bme280\"\nbus = \"i2c\""),
    (
        "FailingDevice",
        "[devices.NAME] that fails",
        "[devices.frail]\ndriver = \"tmp117\"\nbus = \"i2c\"\naddress = 0x48",
    ),
    (
        "AskedPriority",
        "[devices.NAME] that is asked, while the queue fills up",
        "[devices.humble]\ndriver = \"tmp117\"\nbus = \"i2c\"\naddress = 0x49",
    ),
    (
        "AskedDevice",
        "[devices.NAME] that is asked",
        "[devices.adc]\ndriver = \"mcp3208\"\nbus = \"spi\"\nreference_volts = 3.3\n\
         channels.supply = { channel = 0 }",
    ),
    (
        "SpeakingDevice",
        "[devices.NAME] that speaks",
        "[devices.gps]\ndriver = \"nmea0183\"\nbus = \"gps\"",
    ),
    (
        "DerivedHead",
        "[derived.NAME]",
        "[derived.other]\nfunction = \"moving_average\"\nof = \"spare.humidity\"\nsamples = 1",
    ),
];

/// A row of the specification: key, default and variable.
type Row = (&'static str, &'static str, &'static str);

/// The rows under the heading `heading`, of which backticks do not count.
fn rows(heading: &str) -> Vec<Row> {
    let title = |line: &str| line.strip_prefix("### ").map(|title| title.replace('`', ""));
    let lines = SPECIFICATION.lines().skip_while(|line| title(line).as_deref() != Some(heading));
    let table = lines.skip(1).take_while(|line| !line.starts_with('#'));
    let cells = |line: &'static str| match line.split(" | ").collect::<Vec<_>>()[..] {
        [key, _, default, _, variable] if key.starts_with("| `") => {
            Some((bare(&key[2..]), default, bare(variable.trim_end_matches(" |"))))
        }
        _ => None,
    };
    table.filter_map(cells).collect()
}

fn bare(cell: &str) -> &str {
    cell.trim_matches('`')
}

fn keys_of(table: &str) -> BTreeSet<&'static str> {
    let (_, keys) = KEYS.iter().find(|(name, _)| *name == table).unwrap();
    keys.iter().copied().collect()
}

fn config(text: &str) -> Config {
    parse("f", text, Catalogue::OWN, []).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

#[test]
fn every_key_is_specified_and_every_specified_key_is_there() {
    for (table, heading, _) in TABLES {
        let specified: Vec<_> = rows(heading).into_iter().map(|(key, ..)| key).collect();
        assert_eq!(specified.iter().copied().collect::<BTreeSet<_>>(), keys_of(table), "{heading}");
        assert_eq!(specified.len(), keys_of(table).len(), "{heading} lists a key twice");
    }
}

#[test]
fn no_table_or_heading_is_left_out() {
    let tables: BTreeSet<_> = TABLES.iter().map(|(table, ..)| *table).collect();
    let with_keys = KEYS.iter().filter(|(table, keys)| *table != "Root" && !keys.is_empty());
    assert_eq!(with_keys.map(|(table, _)| *table).collect::<BTreeSet<_>>(), tables);
    let headings: BTreeSet<_> =
        TABLES.iter().map(|(_, heading, _)| (*heading).to_owned()).collect();
    let titles = SPECIFICATION.lines().filter_map(|line| line.strip_prefix("### "));
    assert_eq!(titles.map(|title| title.replace('`', "")).collect::<BTreeSet<_>>(), headings);
}

#[test]
fn every_variable_is_spelt_as_specified() {
    for (_, heading, _) in TABLES {
        let path = heading[1..].split(']').next().unwrap();
        for (key, _, variable) in rows(heading) {
            assert_eq!(Key::of(path).child(key).variable(), variable);
        }
    }
}

#[test]
fn what_is_left_out_is_as_the_specified_default() {
    let (mut least, mut spelt_out, mut defaults) = (String::new(), String::new(), 0);
    for (_, heading, needs) in TABLES {
        least.extend([needs, "\n"]);
        spelt_out.extend([needs, "\n"]);
        for (key, default, _) in rows(heading) {
            if default.len() > 2 && bare(default).len() == default.len() - 2 {
                spelt_out.extend([key, " = ", bare(default), "\n"]);
                defaults += 1;
            }
        }
    }
    assert!(defaults > 20, "only {defaults} defaults found");
    assert_eq!(config(&least), config(&spelt_out));
}

#[test]
fn what_is_specified_as_required_is() {
    let mut tried = 0;
    let whole: Vec<&str> = TABLES.iter().map(|(_, _, needs)| *needs).collect();
    for (at, (_, heading, needs)) in TABLES.iter().enumerate() {
        let required: Vec<_> =
            rows(heading).into_iter().filter(|(_, default, _)| *default == "required").collect();
        for (key, ..) in required {
            let Some(line) = needs.lines().find(|line| line.starts_with(&format!("{key} = ")))
            else {
                continue;
            };
            let less = needs.replace(line, "");
            let text = [&whole[..at], &[less.as_str()], &whole[at + 1..]].concat().join("\n");
            let report = parse("f", &text, Catalogue::OWN, []).expect_err(&text).to_string();
            assert!(report.contains(&format!("{key}: this key is missing")), "{report}");
            tried += 1;
        }
    }
    assert!(tried >= 6, "only {tried} required keys tried");
}

#[test]
fn every_quantity_is_specified_with_its_unit() {
    for kind in QuantityKind::ALL {
        let row = format!("| `{}` | `{}` |", kind.name(), kind.unit());
        assert!(SPECIFICATION.contains(&row), "{row}");
    }
}
