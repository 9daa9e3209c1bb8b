use domain::QuantityKind;
use ports::Pacing;
use sensors::{
    Bias, Catalogue, Edges, Entry, GpioCounter, InputWish, Made, ModbusRtu, ModbusRtuOptions,
    NumberType, Order, Parameter, Point, Preset, Register, RegisterType, Table, UartPlace,
};

use super::{Arguments, Attachment, GpioPlace, Value};
use crate::config::parse;

/// A meter of somebody else's catalogue, with sensors of its own.
const METER: Entry = Entry {
    driver: "meter",
    part: "a meter",
    summary: "volts",
    datasheet: "none",
    parameters: &[Parameter {
        name: "unit",
        summary: "its address",
        value: Value::Integer { unit: "", low: 1, high: 247, preset: Preset::Required(1) },
    }],
    sensors: &[Point {
        name: "volts",
        kind: QuantityKind::Voltage,
        resolution: 1.0,
        low: 0.0,
        high: 65_535.0,
    }],
    attachments: &[Attachment::Uart { pacing: Pacing::Asked, station: Some("unit"), make: meter }],
};

fn meter(place: UartPlace, arguments: &Arguments) -> Made {
    let volts = Register {
        name: "volts".to_owned(),
        table: Table::Input,
        address: 0,
        holds: RegisterType::Number(NumberType::U16),
        order: Order::Big,
        kind: QuantityKind::Voltage,
        scale: 1.0,
        offset: 0.0,
    };
    let options = ModbusRtuOptions {
        unit: arguments.integer("unit")?,
        baud: place.baud,
        response_timeout: ModbusRtuOptions::RESPONSE_TIMEOUT,
        turnaround: std::time::Duration::ZERO,
        gap_max: 0,
        block_max: 1,
        registers: vec![volts],
    };
    Ok(Box::new(ModbusRtu::new(place.line, options)?))
}

/// What is said of two devices with these drivers and units.
fn said(devices: [(&str, u8); 2]) -> String {
    let head = "[gateway]\nid = \"a\"\n[buses.b]\nkind = \"uart\"\npath = \"/dev/ttyS1\"\n";
    let device = |(name, (driver, unit)): (&str, (&str, u8))| {
        let registers = if driver == "meter" {
            ""
        } else {
            "registers.volts = { address = 0, table = \"input\", quantity = \"voltage\" }\n"
        };
        format!("[devices.{name}]\ndriver = \"{driver}\"\nbus = \"b\"\nunit = {unit}\n{registers}")
    };
    let devices: String = ["x", "y"].into_iter().zip(devices).map(device).collect();
    let catalogue = Catalogue::with(&[METER]).unwrap();
    let read = parse("f", &format!("{head}{devices}"), catalogue, []);
    read.map_or_else(|problems| problems.to_string(), |_| "good".to_owned())
}

#[test]
fn a_driver_that_names_no_sensors_is_one_device_for_each_station() {
    METER.check().unwrap();
    assert_eq!(said([("meter", 1), ("meter", 2)]), "good");
    assert!(
        said([("meter", 1), ("meter", 1)]).contains("devices.y.unit: `y` and `x` are one: unit 1")
    );
    assert_eq!(said([("meter", 1), ("modbus_rtu", 1)]), "good", "what another reads is not known");
}

/// A counter of somebody else's, who calls the line otherwise.
const TICKER: Entry = Entry {
    driver: "ticker",
    part: "a ticker",
    summary: "pulses",
    datasheet: "none",
    parameters: &[Parameter {
        name: "pin",
        summary: "its line",
        value: Value::Integer { unit: "", low: 0, high: 1_023, preset: Preset::Required(1) },
    }],
    sensors: &[
        Point { name: "count", kind: QuantityKind::Count, resolution: 1.0, low: 0.0, high: 1e9 },
        Point { name: "rate", kind: QuantityKind::Frequency, resolution: 1.0, low: 0.0, high: 1e6 },
    ],
    attachments: &[Attachment::Gpio { make: ticker }],
};

fn ticker(place: GpioPlace, arguments: &Arguments) -> Made {
    let (line, debounce) = (arguments.integer("pin")?, std::time::Duration::ZERO);
    let (bias, edges, is_active_low) = (Bias::AsIs, Edges::Rising, false);
    let wish = InputWish { line, is_active_low, bias, edges, debounce };
    Ok(Box::new(GpioCounter::new((place.input)(wish))))
}

#[test]
fn a_line_that_frees_a_bus_is_no_input_whatever_its_driver_calls_it() {
    let said = |line: u32| {
        let text = format!(
            "[gateway]\nid = \"a\"\n\
             [buses.i]\nkind = \"i2c\"\npath = \"/dev/i2c-1\"\n\
             recovery = {{ chip = \"/dev/gpiochip0\", power = {line} }}\n\
             [buses.g]\nkind = \"gpio\"\npath = \"/dev/gpiochip0\"\n\
             [devices.x]\ndriver = \"ticker\"\nbus = \"g\"\npin = 4\n"
        );
        let read = parse("f", &text, Catalogue::with(&[TICKER]).unwrap(), []);
        read.map_or_else(|problems| problems.to_string(), |_| "good".to_owned())
    };
    TICKER.check().unwrap();
    assert_eq!(said(5), "good");
    assert!(said(4).contains("line 4 of /dev/gpiochip0 is that of devices.x"), "{}", said(4));
}
