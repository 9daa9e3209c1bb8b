//! What the catalogue knows of Modbus slaves, and how configuration becomes options.

use core::time::Duration;

use domain::QuantityKind;
use ports::Pacing;

use super::{ModbusRtu, ModbusRtuOptions, Order, Register, RegisterType, Table};
use crate::{
    Arguments, Attachment, BadOptions, Entry, Made, Parameter, Preset, UartPlace, Value,
    catalogue::meant,
};

pub(crate) const ENTRY: Entry = Entry {
    driver: "modbus_rtu",
    part: "Modbus RTU slave",
    summary: "registers, inputs and coils of a slave, each a sensor; several slaves share a line",
    datasheet: "Modbus over Serial Line V1.02, Modbus Application Protocol V1.1b3",
    parameters: &[
        Parameter {
            name: "unit",
            summary: "the address of the slave",
            value: Value::Integer { unit: "", low: 1, high: 247, preset: Preset::Required(1) },
        },
        Parameter {
            name: "response_timeout",
            summary: "how long the slave may think before its answer begins",
            value: Value::Duration {
                low: Duration::from_millis(1),
                high: Duration::from_secs(10),
                preset: Preset::Default(ModbusRtuOptions::RESPONSE_TIMEOUT),
            },
        },
        Parameter {
            name: "turnaround",
            summary: "the least silence before a request, if the slave needs more than 3.5 characters",
            value: Value::Duration {
                low: Duration::ZERO,
                high: Duration::from_secs(1),
                preset: Preset::Default(Duration::ZERO),
            },
        },
        Parameter {
            name: "gap_max",
            summary: "how many registers that nobody asked for may be read to make one block of two; \
                      16 times as many bits; 0 where a slave refuses addresses it does not have",
            value: Value::Integer { unit: "", low: 0, high: 124, preset: Preset::Default(8) },
        },
        Parameter {
            name: "block_max",
            summary: "the longest block, in registers; 16 times as many bits",
            value: Value::Integer { unit: "", low: 1, high: 125, preset: Preset::Default(125) },
        },
        Parameter {
            name: "registers",
            summary: "what is read, by the names of the sensors; the quantity is \
                      number × scale + offset, in the unit of its kind",
            value: Value::Named {
                one: "register",
                fields: REGISTER,
                distinct: &["table", "address", "type", "bit"],
                example: "supply",
            },
        },
    ],
    sensors: &[],
    attachments: &[Attachment::Uart { pacing: Pacing::Asked, station: Some("unit"), make }],
};

const REGISTER: &[Parameter] = &[
    Parameter {
        name: "table",
        summary: "which of the four address spaces",
        value: Value::Choice {
            choices: &["coil", "discrete", "input", "holding"],
            preset: Preset::Default("holding"),
        },
    },
    Parameter {
        name: "address",
        summary: "the first address, from 0 as on the wire: what manuals call 40001 is holding 0",
        value: Value::Integer { unit: "", low: 0, high: 65_535, preset: Preset::Required(0) },
    },
    Parameter {
        name: "type",
        summary: "what stands there; bool is a whole coil or register, bit is one bit of a register",
        value: Value::Choice {
            choices: &["u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64", "bool", "bit"],
            preset: Preset::Default("u16"),
        },
    },
    Parameter {
        name: "bit",
        summary: "which bit, of type bit; 0 is the least significant",
        value: Value::Integer { unit: "", low: 0, high: 15, preset: Preset::Default(0) },
    },
    Parameter {
        name: "order",
        summary: "in which order the bytes of a number come",
        value: Value::Choice {
            choices: &["big", "little", "big_swapped", "little_swapped"],
            preset: Preset::Default("big"),
        },
    },
    Parameter {
        name: "quantity",
        summary: "what it measures",
        value: Value::Quantity { example: QuantityKind::Voltage },
    },
    Parameter {
        name: "scale",
        summary: "what the number is multiplied by, to be in the unit of the quantity",
        value: Value::Factor { default: 1.0 },
    },
    Parameter {
        name: "offset",
        summary: "what is added then, in the unit of the quantity",
        value: Value::Number {
            unit: "",
            low: f64::MIN,
            high: f64::MAX,
            preset: Preset::Default(0.0),
        },
    },
];

fn make(place: UartPlace, arguments: &Arguments) -> Made {
    let options = ModbusRtuOptions {
        unit: arguments.integer("unit")?,
        baud: place.baud,
        response_timeout: arguments.duration("response_timeout")?,
        turnaround: arguments.duration("turnaround")?,
        gap_max: arguments.integer("gap_max")?,
        block_max: arguments.integer("block_max")?,
        registers: arguments.named("registers")?.iter().map(register).collect::<Result<_, _>>()?,
    };
    Ok(Box::new(ModbusRtu::new(place.line, options)?))
}

fn register((name, of): &(String, Arguments)) -> Result<Register, BadOptions> {
    Ok(Register {
        name: name.clone(),
        table: meant("table", of.choice("table")?, Table::NAMES)?,
        address: of.integer("address")?,
        holds: match of.choice("type")? {
            "bit" => RegisterType::Bit(of.integer("bit")?),
            word => meant("type", word, RegisterType::NAMES)?,
        },
        order: meant("order", of.choice("order")?, Order::NAMES)?,
        kind: of.quantity("quantity")?,
        scale: of.number("scale")?,
        offset: of.number("offset")?,
    })
}
