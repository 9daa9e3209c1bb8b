//! What the configuration says to the one who writes it.
//!
//! Each `config/bad/*.toml` has beside it the report that it gives, each `config/good/*.toml` the
//! summary. After a wanted change, `BLESS=1 cargo test -p gateway --test config` rewrites them:
//! read the difference before you commit it.

#![expect(clippy::unwrap_used, reason = "tests, and what they read is checked in beside them")]

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use gateway::{
    check::{self, Summary},
    config::{self, Config, ConfigError, Pace, Place},
};
use proptest::prelude::*;
use sensors::Catalogue;
use wire::compression::Compression;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config").join(name)
}

fn files(name: &str) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(folder(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    assert!(!paths.is_empty(), "no files in {name}");
    paths
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|&(name, value)| (name.into(), value.into())).collect()
}

fn everything(pairs: &[(&str, &str)]) -> Result<Config, String> {
    let text = fs::read_to_string(folder("good/everything.toml")).unwrap();
    parse(&text, pairs)
}

fn parse(text: &str, pairs: &[(&str, &str)]) -> Result<Config, String> {
    config::parse("gateway.toml", text, Catalogue::OWN, variables(pairs))
        .map_err(|problems| problems.to_string())
}

/// Compares with the checked-in text, or rewrites it.
fn expect(path: &Path, text: &str) {
    if std::env::var_os("BLESS").is_some() {
        fs::write(path, text).unwrap();
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert!(expected == text, "{} differs:\n{text}\nexpected:\n{expected}", path.display());
}

#[test]
fn every_bad_file_gives_its_report() {
    for path in files("bad") {
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let problems = config::parse(name, &text, Catalogue::OWN, []).expect_err(name);
        expect(&path.with_extension("txt"), &format!("{problems}\n"));
    }
}

#[test]
fn every_good_file_gives_its_summary() {
    for path in files("good") {
        let config =
            config::load(&path, Catalogue::OWN, []).unwrap_or_else(|error| panic!("{error}"));
        expect(&path.with_extension("txt"), &Summary(&config).to_string());
    }
}

#[test]
fn the_readme_shows_the_configuration_that_is_tested_here() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let tested = fs::read_to_string(folder("good/pi_with_bme280.toml")).unwrap();
    let (_comment, tested) = tested.split_once('\n').unwrap();
    assert!(readme.contains(&format!("```toml\n{tested}```")), "README.md shows another one");
}

#[test]
fn no_report_summary_or_debug_gives_a_password_away() {
    for path in files("bad").iter().chain(&files("good")) {
        let shown = match config::load(path, Catalogue::OWN, []) {
            Ok(config) => format!("{config:?} {}", Summary(&config)),
            Err(error) => format!("{error:?} {error}"),
        };
        assert!(!shown.contains("hunter2") && !shown.contains("12345678"), "{shown}");
    }
}

#[test]
fn values_arrive_in_the_units_that_the_configuration_promises() {
    let config = everything(&[]).unwrap();
    assert_eq!(config.spool.bytes_max, 1 << 30);
    assert_eq!((config.spool.retain, config.spool.free_min), (100 << 20, 1 << 30));
    assert_eq!(config.pipeline.status_interval.as_secs(), 60);
    assert_eq!(config.mqtt.compression, Compression::Deflate);
    let plain = parse("[gateway]\nid = \"greenhouse\"\n", &[]).unwrap();
    assert_eq!(plain.mqtt.compression, Compression::None);
    assert_eq!(config.mqtt.credentials.unwrap().password.reveal(), "hunter2");
    let devices: Vec<_> = config.buses.iter().flat_map(|bus| &bus.devices).collect();
    let indoor = devices.iter().find(|device| device.name == "indoor").unwrap();
    assert_eq!(
        (indoor.entry.driver, indoor.place),
        ("bme280", Place::I2c { address: 0x77, behind: None })
    );
    let mut derived = config.derived.iter();
    let mean = derived.find(|metric| metric.stream.name.as_str() == "derived.wind_mean").unwrap();
    assert_eq!(mean.function.function, "moving_average");
    assert_eq!((mean.inputs[0].kind.unit(), mean.arguments.integer("samples")), ("m/s", Ok(10)));
    assert_eq!(mean.tolerance.as_secs(), 10, "as long as its device may be silent");
}

#[test]
fn a_variable_overrides_a_value_of_any_type_at_any_depth() {
    let config = everything(&[
        ("TELEMETRYHUB__GATEWAY__ID", "garden"),
        ("TELEMETRYHUB__MQTT__PASSWORD", "1234"),
        ("TELEMETRYHUB__MQTT__WINDOW", "7"),
        ("TELEMETRYHUB__PIPELINE__WHEN_FULL", "block"),
        ("TELEMETRYHUB__DEVICES__INDOOR__PERIOD", "250ms"),
        ("TELEMETRYHUB__DEVICES__OUTDOOR__ADDRESS", "0x76"),
        ("TELEMETRYHUB__DEVICES__BATTERY__CHANNELS__SUPPLY__SCALE", "2"),
        ("TELEMETRYHUB__DEVICES__BATTERY__CHANNELS__SHUNT__DIFFERENTIAL", "false"),
        ("TELEMETRYHUB__DEVICES__WEATHER__COLUMNS__WIND_SPEED__SCALE", "0.5"),
        ("UNRELATED", "1"),
        ("TELEMETRYHUB_PORT", "tcp://10.0.0.1:80"),
    ])
    .unwrap();
    assert_eq!(config.gateway.as_str(), "garden");
    assert_eq!(config.mqtt.credentials.unwrap().password.reveal(), "1234");
    assert_eq!(config.mqtt.window.get(), 7);
    assert_eq!(config.pipeline.when_full, config::WhenFull::Block);
    let device = |name: &str| {
        let mut devices = config.buses.iter().flat_map(|bus| &bus.devices);
        devices.find(|device| device.name == name).unwrap()
    };
    assert_eq!(
        device("indoor").pace,
        Pace::Asked { period: std::time::Duration::from_millis(250) }
    );
    let channels = device("battery").arguments.named("channels").unwrap();
    let found: Vec<_> =
        channels.iter().map(|(_, c)| (c.number("scale"), c.flag("differential"))).collect();
    assert_eq!(found, [(Ok(1.0), Ok(false)), (Ok(2.0), Ok(false))]);
    let columns = device("weather").arguments.named("columns").unwrap();
    let scales: Vec<_> = columns.iter().map(|(_, column)| column.number("scale")).collect();
    assert_eq!(scales, [Ok(1.0), Ok(0.5)]);
}

#[test]
fn brokers_are_one_address_or_a_list_or_have_commas_in_between() {
    let brokers = |value: &str, pairs: &[(&str, &str)]| {
        let text = format!("[gateway]\nid = \"a\"\n[mqtt]\nurl = {value}\n");
        parse(&text, pairs).map(|config| config.mqtt.url.to_string())
    };
    let two = Ok("mqtt://a:1883, then mqtt://b:1884".to_owned());
    assert_eq!(brokers("\"mqtt://a\"", &[]), Ok("mqtt://a:1883".to_owned()));
    assert_eq!(brokers("[\"mqtt://a\", \"mqtt://b:1884\"]", &[]), two);
    assert_eq!(brokers("\"mqtt://a, mqtt://b:1884\"", &[]), two);
    let variable = ("TELEMETRYHUB__MQTT__URL", "mqtt://a,mqtt://b:1884");
    assert_eq!(brokers("\"mqtt://c\"", &[variable]), two);
    for bad in ["[]", "[1]", "7", "\"\"", "[\"mqtt://a\", \"mqtt://me:hunter2@b\"]"] {
        let report = brokers(bad, &[]).unwrap_err();
        assert!(report.contains("mqtt.url") && report.contains("mend: "), "{report}");
        assert!(!report.contains("hunter2"));
    }
}

#[test]
fn variables_alone_can_add_a_complete_device() {
    let text = "[gateway]\nid = \"a\"\n[buses.i2c1]\nkind = \"i2c\"\npath = \"/dev/i2c-1\"\n";
    let (driver, bus) = ("TELEMETRYHUB__DEVICES__NEW__DRIVER", "TELEMETRYHUB__DEVICES__NEW__BUS");
    let config = parse(text, &[(driver, "bme280"), (bus, "i2c1")]).unwrap();
    assert_eq!(config.buses[0].devices[0].name, "new");
    assert_eq!(
        parse(text, &[(driver, "bme280")]).unwrap_err(),
        "environment variable TELEMETRYHUB__DEVICES__NEW__DRIVER: devices.new.bus: this key is missing\n  \
         mend: add bus = \"i2c1\" to [devices.new]\n1 problem in the configuration"
    );
}

#[test]
fn variables_alone_can_be_the_whole_configuration() {
    assert!(parse("", &[("TELEMETRYHUB__GATEWAY__ID", "a")]).is_ok());
}

#[test]
fn a_value_that_a_variable_overrides_need_not_be_right() {
    let text = "[gateway]\nid = \"A B\"\n";
    assert!(parse(text, &[]).is_err());
    assert!(parse(text, &[("TELEMETRYHUB__GATEWAY__ID", "a")]).is_ok());
}

#[test]
fn a_problem_in_the_environment_names_its_variable() {
    let report = everything(&[
        ("TELEMETRYHUB__", "1"),
        ("TELEMETRYHUB__DEVICES", "1"),
        ("TELEMETRYHUB__DEVICES__BATTERY__CHANNELS__SUPPLY", "0"),
        ("TELEMETRYHUB__DEVICES__BATTERY__REFERENCE_VOLTS", "NaN"),
        ("TELEMETRYHUB__DEVICES__INDOOR__BUS", "i2c7"),
        ("TELEMETRYHUB__DEVICES__INDOOR__PERIOD__MS", "5"),
        ("TELEMETRYHUB__DEVICES__OUTDOOR__PERIDO", "1s"),
        ("TELEMETRYHUB__DEVICES__OUTDOR__PERIOD", "1s"),
        ("TELEMETRYHUB__DEVICES__WEATHER__COLUMNS__WIND_SPED__SCALE", "2"),
        ("TELEMETRYHUB__DERIVED__WINDMEAN__SAMPLES", "5"),
        ("TELEMETRYHUB__DEVICES__OUTDOOR__PERIOD", "1x"),
        ("TELEMETRYHUB__MQTT__PASSWROD", "hunter2"),
        ("TELEMETRYHUB__MQTT__URL", "mqtt://me:hunter2@host"),
        ("TELEMETRYHUB__MQTT__WINDOW", "yes"),
        ("TELEMETRYHUB__PIPELINE__WORKERS", "1.5"),
        ("TELEMETRYHUB__SPOOL__FODLER", "/x"),
        ("TELEMETRYHUB__log__level", "info"),
    ])
    .unwrap_err();
    assert!(!report.contains("hunter2"));
    expect(&folder("environment.txt"), &format!("{report}\n"));
}

#[test]
fn what_is_not_utf_8_is_refused_and_not_fatal() {
    use std::os::unix::ffi::OsStringExt as _;
    let garbled = || OsString::from_vec(vec![b'a', 0xFF]);
    let name: OsString = "TELEMETRYHUB__GATEWAY__ID".into();
    let of =
        |name, value| config::parse("f", "[gateway]\nid = \"a\"", Catalogue::OWN, [(name, value)]);
    assert!(of(name, garbled()).unwrap_err().to_string().contains("its value is not UTF-8"));
    assert!(of(garbled(), garbled()).is_ok());

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.toml");
    fs::write(&path, b"[gateway]\nid = \"\xFF\"\n").unwrap();
    let error = config::load(&path, Catalogue::OWN, []).unwrap_err();
    assert!(
        matches!(error, ConfigError::NotUtf8 { line: 2, column: 7, byte: 0xFF, .. }),
        "{error:?}"
    );
}

#[test]
fn check_exits_with_0_and_a_summary_or_with_2_and_a_report() {
    let check = |path: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_telemetryhub"));
        let output = command.arg("check").arg("--config").arg(path).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, out, faults) = check(&folder("good/pi_with_bme280.toml"));
    assert_eq!((code, faults.as_str()), (Some(0), ""));
    assert!(out.contains("outdoor.temperature"));

    let (code, out, faults) = check(&folder("bad/empty.toml"));
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(faults.contains("gateway.id"), "{faults}");

    let (code, _, faults) = check(Path::new("/nowhere/gateway.toml"));
    assert_eq!(code, Some(2));
    assert!(faults.starts_with("/nowhere/gateway.toml: cannot be read: No such file"), "{faults}");
}

#[test]
fn the_payload_says_what_each_number_of_an_alarm_means() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/specs/payload.md")).unwrap();
    for state in domain::derived::alarm::AlarmState::ALL {
        let row = format!("| {} | {} | ", state.code(), format!("{state:?}").to_lowercase());
        assert!(page.contains(&row), "{row}");
    }
}

#[test]
fn of_the_wrong_kind_and_out_of_range_are_told_as_people_write() {
    let report = |derived: &str| {
        let text = fs::read_to_string(folder("good/pi_with_bme280.toml")).unwrap();
        parse(&format!("{text}\n[derived.x]\n{derived}"), &[]).unwrap_err()
    };
    let wrong = report("function = \"velocity_rms\"\nof = \"outdoor.pressure\"\n");
    assert!(wrong.contains("`outdoor.pressure` is a pressure, not an acceleration\n"), "{wrong}");
    assert!(wrong.contains("mend: add a device that measures an acceleration\n"), "{wrong}");
    let alarm = "function = \"alarm_high\"\nof = \"outdoor.pressure\"\nlimit = 1e300\n";
    let far = report(alarm);
    assert!(far.contains("no pressure can be at 1e300 hPa\n"), "{far}");
    let negative = report(&format!("{alarm}hysteresis = -1\n"));
    assert!(negative.contains("mend: write 0 or more\n"), "{negative}");
}

#[test]
fn a_fifo_that_is_asked_too_seldom_is_warned_of() {
    let warnings = |more: &str| {
        let head = "[gateway]\nid = \"a\"\n[buses.b]\nkind = \"i2c\"\npath = \"/dev/i2c-1\"\n";
        let text = format!("{head}[devices.acc]\ndriver = \"lis3dh\"\nbus = \"b\"\n{more}");
        check::warnings(&config::parse("f", &text, Catalogue::OWN, []).unwrap())
    };
    let [warning] = warnings("fifo = true\nperiod = \"271ms\"\n").try_into().unwrap();
    let expected =
        "device `acc` loses samples: it has room for those of 270ms, and is asked every 271ms";
    assert!(warning.starts_with(expected), "{warning}");
    assert!(warnings("fifo = true\nperiod = \"269ms\"\n").is_empty());
    assert!(warnings("fifo = false\nperiod = \"1s\"\n").is_empty());
}

#[test]
fn units_stand_below_each_other_whatever_the_names_of_quantities() {
    let text = fs::read_to_string(folder("good/pi_with_bme280.toml")).unwrap();
    let deficit = "[derived.vpd]\nfunction = \"vapour_pressure_deficit\"\n\
                   temperature = \"outdoor.temperature\"\nhumidity = \"outdoor.humidity\"\n";
    let config = parse(&format!("{text}\n{deficit}"), &[]).unwrap();
    let summary = Summary(&config).to_string();
    let column = |unit: &str| summary.lines().find_map(|line| line.find(unit)).unwrap();
    assert_eq!(column(" kPa"), column(" hPa"), "{summary}");
}

#[test]
fn a_device_without_a_bus_is_told_which_buses_it_can_name_or_how_to_add_one() {
    let device = "[gateway]\nid = \"a\"\n[devices.air]\ndriver = \"sht31\"\n";
    let report = parse(device, &[]).unwrap_err();
    let mend = "mend: add bus = \"i2c\" to [devices.air], and a [buses.i2c] table with kind = \"i2c\" and path = ";
    assert!(report.contains(mend), "{report}");
    let buses = "[buses.b]\nkind = \"i2c\"\npath = \"/dev/i2c-1\"\n[buses.c]\nkind = \"i2c\"\npath = \"/dev/i2c-2\"\n\
                 [buses.d]\nkind = \"spi\"\npath = \"/dev/spidev0.0\"\n";
    let report = parse(&format!("{device}{buses}"), &[]).unwrap_err();
    assert!(report.contains("mend: add bus = \"b\" or \"c\" to [devices.air]\n"), "{report}");
    let report = parse(&format!("{device}bus = \"b\"\n"), &[]).unwrap_err();
    assert!(
        report.contains("mend: add a [buses.b] table with kind = \"i2c\" and path = "),
        "{report}"
    );
}

#[test]
fn nothing_to_measure_and_no_time_left_are_warned_of() {
    let warnings = |text: &str| gateway::check::warnings(&parse(text, &[]).unwrap());
    let [idle] = &warnings("[gateway]\nid = \"a\"\n")[..] else { panic!("one warning") };
    assert!(idle.starts_with("no device is configured"), "{idle}");
    let text = fs::read_to_string(folder("good/everything.toml")).unwrap();
    assert_eq!(warnings(&text), Vec::<String>::new());
    let hasty = "[devices.outdoor]\ndriver = \"bme280\"\nbus = \"i2c1\"\nperiod = ";
    let [busy] =
        &warnings(&text.replace(&format!("{hasty}\"1s\""), &format!("{hasty}\"55ms\"")))[..]
    else {
        panic!("one warning")
    };
    assert!(busy.starts_with("bus `i2c1` is busy 93 %"), "{busy}");
}

#[test]
fn a_window_that_is_to_hold_more_than_it_can_is_warned_of() {
    let warnings = |period: &str, function: &str| {
        let text = format!(
            "[gateway]\nid = \"a\"\n[buses.b]\nkind = \"i2c\"\npath = \"/dev/i2c-1\"\n\
             [devices.air]\ndriver = \"bme280\"\nbus = \"b\"\nperiod = \"{period}\"\n\
             [derived.day]\nof = \"air.temperature\"\nspan = \"1day\"\nfunction = {function}\n\
             [derived.days]\nfunction = \"median\"\nof = \"derived.day\"\nspan = \"366days\"\n"
        );
        gateway::check::warnings(&parse(&text, &[]).unwrap())
    };
    let sliding = "\"moving_average\"";
    let [cut] = &warnings("500ms", sliding)[..] else { panic!("one warning") };
    assert!(
        cut.starts_with(
            "`derived.day` holds the newest 100000 samples, and its span has 172800 of \
             `air.temperature`, one every 500ms: "
        ),
        "{cut}"
    );
    assert_eq!(warnings("500ms", "\"median\"\nkind = \"tumbling\"").len(), 1);
    assert_eq!(warnings("500ms", "\"rate_of_change\"").len(), 1);
    let tumbling = format!("{sliding}\nkind = \"tumbling\"");
    for (period, function) in [("1s", sliding), ("500ms", &*tumbling)] {
        assert_eq!(warnings(period, function), Vec::<String>::new());
    }
}

#[test]
fn a_table_with_a_formula_and_no_function_is_told_which() {
    let text = "[gateway]\nid = \"a\"\n[derived.load]\nformula = \"a.b * a.c\"\n";
    let report = parse(text, &[]).unwrap_err();
    assert!(report.contains("mend: add function = \"expression\" to [derived.load]\n"), "{report}");
}

#[test]
fn long_names_leave_the_columns_of_the_summary_in_line() {
    let name = "a".repeat(40);
    let text = "[gateway]\nid = \"a\"\n[buses.b]\nkind = \"i2c\"\npath = \"/dev/i2c-1\"\n";
    let device = |name: &str, address: u8| {
        format!("[devices.{name}]\ndriver = \"bme280\"\nbus = \"b\"\naddress = {address}\n")
    };
    let text = format!("{text}{}{}", device(&name, 0x76), device("air", 0x77));
    let summary = Summary(&parse(&text, &[]).unwrap()).to_string();
    let units: Vec<_> = summary.lines().filter_map(|line| line.find(" Cel")).collect();
    assert!(units.len() == 2 && units[0] == units[1], "{summary}");
}

/// A good file with some of its bytes overwritten, so that the damage lies deep.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let bytes = fs::read(folder("good/everything.toml")).unwrap();
    let length = bytes.len();
    let shards = prop_oneof![any::<u8>(), prop::sample::select(b"[]{}=\"'.,#\n0x-_".to_vec())];
    prop::collection::vec((0..length, shards), 1..6).prop_map(move |damage| {
        let mut bytes = bytes.clone();
        for (at, byte) in damage {
            bytes[at] = byte;
        }
        bytes
    })
}

/// Lines of a good file, some left out and the rest in any order.
fn shuffled() -> impl Strategy<Value = Vec<u8>> {
    let text = fs::read_to_string(folder("good/everything.toml")).unwrap();
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let count = lines.len();
    prop::sample::subsequence(lines, 0..count)
        .prop_shuffle()
        .prop_map(|lines| lines.join("\n").into_bytes())
}

proptest! {
    /// Every report ends in the count of its problems, and there is one.
    #[test]
    fn whatever_the_bytes_there_is_a_configuration_or_a_report(
        bytes in prop_oneof![damaged(), shuffled(), prop::collection::vec(any::<u8>(), 0..200)],
    ) {
        let text = String::from_utf8_lossy(&bytes);
        match config::parse("f", &text, Catalogue::OWN, []) {
            Ok(config) => prop_assert!(!Summary(&config).to_string().is_empty()),
            Err(problems) => {
                prop_assert!(problems.count() > 0);
                let report = problems.to_string();
                prop_assert!(report.lines().all(|line| !line.contains(char::is_control)));
            }
        }
    }

    /// A variable is used, refused, or not for us: it never goes by unseen.
    #[test]
    fn a_variable_with_our_prefix_changes_something_or_is_refused(
        name in "(GATEWAY|MQTT|DEVICES|BUSES)(__(ID|URL|OUTDOOR|PERIOD|I2C1|[A-Z]{1,3}|)){0,3}",
        value in "[ -~]{0,12}",
    ) {
        let name = format!("TELEMETRYHUB__{name}");
        match everything(&[(&name, &value)]) {
            Ok(config) => {
                // Each value that could be written here by chance differs from the one in the file.
                prop_assert!(config != everything(&[]).unwrap(), "{} = {:?}", name, value);
            }
            Err(report) => prop_assert!(report.contains(&name), "{report}"),
        }
    }
}
