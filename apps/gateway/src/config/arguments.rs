//! What the table of a device says to its driver, read by the driver's parameters.
//!
//! Nothing here knows a driver: names, types, ranges and defaults are the entry's.

use std::collections::BTreeMap;

use domain::{QuantityKind, StreamName};
use sensors::{Argument, Arguments, Parameter, Value};
use serde::de::IgnoredAny;

use super::{
    key::Key,
    nearest::choose,
    reader::Reader,
    values::{Interval, written, written_example},
};

/// Reads the keys of the table `key` that are `parameters`; nothing if one of them is wrong.
pub(super) fn read(
    reader: &mut Reader<'_>,
    key: &Key,
    parameters: &'static [Parameter],
) -> Option<Arguments> {
    let mut given = Vec::new();
    for parameter in parameters {
        let key = key.child(parameter.name);
        let argument = argument(reader, &key, &parameter.value);
        let argument = if parameter.is_required() {
            reader.required(&key, argument, &written_example(&parameter.value))
        } else {
            argument
        };
        let Some(argument) = argument else { continue };
        match parameter.value.check(&argument) {
            Ok(()) => given.push((parameter.name, argument)),
            // What is wrong inside of it has been reported.
            Err(_) if reader.is_faulty(&key) => {}
            Err(refusal) => reader.value_problem(&key, refusal.message, refusal.mend),
        }
    }
    let is_good = parameters.iter().all(|known| !reader.is_faulty(&key.child(known.name)));
    Arguments::new(parameters, given).ok().filter(|_| is_good)
}

/// What is written at `key`, if it is of the type of `value`.
fn argument(reader: &mut Reader<'_>, key: &Key, value: &'static Value) -> Option<Argument> {
    Some(match value {
        Value::Number { .. } | Value::Factor { .. } => Argument::Number(reader.value(key)?),
        Value::Integer { .. } => Argument::Integer(reader.value(key)?),
        Value::Flag { .. } => Argument::Flag(reader.value(key)?),
        Value::Character { .. } => Argument::Character(reader.value(key)?),
        Value::Text { .. } => Argument::Text(reader.value(key)?),
        Value::Duration { low, high, .. } => {
            let duration: Interval = reader.value(key)?;
            Argument::Duration(reader.duration(key, Some(duration), *low..=*high, *low))
        }
        Value::Choice { choices, .. } => Argument::Choice(choice(reader, key, choices)?),
        Value::Quantity { .. } => Argument::Quantity(quantity(reader, key)?),
        Value::Named { fields, distinct, one, .. } => {
            let sensors = sensors(reader, key, fields)?;
            let named = apart(reader, key, sensors, distinct, one);
            // Sensors that are there but wrong have been reported.
            let is_told = matches!(&named, Argument::Named(none) if none.is_empty());
            if is_told && !reader.is_faulty(key) {
                let mend = format!("write {} = {}", key.name(), written_example(value));
                let message = "a device has one sensor at least".to_owned();
                reader.value_problem(key, message, mend);
            }
            named
        }
    })
}

fn choice(
    reader: &mut Reader<'_>,
    key: &Key,
    choices: &'static [&'static str],
) -> Option<&'static str> {
    let word: String = reader.value(key)?;
    let known = choices.iter().copied().find(|choice| *choice == word);
    if known.is_none() {
        let mend = choose(&word, "words here", choices);
        reader.value_problem(key, format!("`{word}` means nothing here"), mend);
    }
    known
}

fn quantity(reader: &mut Reader<'_>, key: &Key) -> Option<QuantityKind> {
    let word: String = reader.value(key)?;
    let kind = QuantityKind::from_name(&word);
    if kind.is_none() {
        let known: Vec<_> = QuantityKind::ALL.iter().map(|kind| kind.name()).collect();
        let mend = choose(&word, "quantities", &known);
        reader.value_problem(key, format!("there is no quantity `{word}`"), mend);
    }
    kind
}

/// The sensors in the table `section`; those that are wrong are left out.
fn sensors(
    reader: &mut Reader<'_>,
    section: &Key,
    fields: &'static [Parameter],
) -> Option<Vec<(String, Arguments)>> {
    // Each is a table, of anything; what of, is for `refuse_unknown` and `read`.
    let tables: BTreeMap<String, BTreeMap<String, Option<IgnoredAny>>> = reader.value(section)?;
    let names: Vec<_> = fields.iter().map(|field| field.name).collect();
    let mut sensors = Vec::new();
    for name in tables.into_keys() {
        let key = section.child(&name);
        if let Err(error) = StreamName::derived(&name) {
            reader.refuse_name(reader.place_of_name(&key), &key, &error);
            continue;
        }
        reader.refuse_unknown(&key, &names);
        sensors.extend(read(reader, &key, fields).map(|arguments| (name, arguments)));
    }
    Some(sensors)
}

/// Reports and leaves out each sensor that has all of `distinct` in common with an earlier one.
fn apart(
    reader: &mut Reader<'_>,
    section: &Key,
    sensors: Vec<(String, Arguments)>,
    distinct: &[&str],
    one: &str,
) -> Argument {
    let mut named = Argument::Named(sensors);
    while let Some((first, second)) = named.twins(distinct) {
        let (first, second) = (first.to_owned(), second.to_owned());
        let key = section.child(&second).child(distinct.first().copied().unwrap_or_default());
        let mend = "remove one of the two, or mend its number".to_owned();
        reader.value_problem(&key, format!("this {one} is `{first}` already"), mend);
        if let Argument::Named(sensors) = &mut named {
            sensors.retain(|(name, _)| *name != second);
        }
    }
    named
}

/// What of `arguments` is not as by default, as it would be written; tables of sensors left out.
pub(crate) fn unusual(parameters: &[Parameter], arguments: &Arguments) -> Vec<String> {
    let of = |name: &str| parameters.iter().find(|parameter| parameter.name == name);
    let is_unusual = |&(name, argument): &(&'static str, &Argument)| {
        !matches!(argument, Argument::Named(_))
            && of(name).and_then(|parameter| parameter.value.default()).as_ref() != Some(argument)
    };
    let arguments = arguments.iter().filter(is_unusual);
    arguments.map(|(name, argument)| format!("{name} = {}", written(argument))).collect()
}
