//! What the example of an entry says.

use core::time::Duration;

use domain::{
    QuantityKind,
    derived::{Entry, Formula, Role},
    parameter::{Argument, Value},
};

/// The lines of an example as key and value, the latter as it is written.
pub(crate) fn lines(entry: &Entry) -> Vec<(&'static str, &'static str)> {
    let line = |line: &'static str| {
        line.split_once(" = ").unwrap_or_else(|| panic!("{}: {line}", entry.function))
    };
    entry.example.lines().map(line).collect()
}

/// The arguments of an example.
pub(crate) fn given(entry: &Entry) -> Vec<(&'static str, Argument)> {
    let of = |(key, written)| {
        let parameter = entry.parameters.iter().find(|parameter| parameter.name == key)?;
        let argument = argument(&parameter.value, written);
        Some((key, argument.unwrap_or_else(|| panic!("{}: {key} = {written}", entry.function))))
    };
    lines(entry).into_iter().filter_map(of).collect()
}

/// The kinds of the streams of an example, as their names say if they do.
pub(crate) fn kinds(entry: &Entry) -> Vec<QuantityKind> {
    let of = |role: &Role| {
        let line = lines(entry).into_iter().find(|(key, _)| *key == role.name);
        let (_, stream) = line.unwrap_or_else(|| panic!("{}: no {}", entry.function, role.name));
        kind(text(stream).unwrap(), role)
    };
    if entry.roles.is_empty() {
        let (_, formula) = lines(entry).into_iter().find(|(key, _)| *key == "formula").unwrap();
        let formula = Formula::parse(text(formula).unwrap()).unwrap();
        let any = Role { name: "", summary: "", kinds: &[] };
        return formula.streams().iter().map(|name| kind(&name.to_string(), &any)).collect();
    }
    entry.roles.iter().map(of).collect()
}

fn kind(stream: &str, role: &Role) -> QuantityKind {
    let (_, sensor) = stream.rsplit_once('.').unwrap();
    let named = QuantityKind::from_name(sensor);
    let fits = |kind: &QuantityKind| role.kinds.is_empty() || role.kinds.contains(kind);
    let first = role.kinds.first().copied().unwrap_or(QuantityKind::Dimensionless);
    named.filter(fits).unwrap_or(first)
}

fn argument(value: &Value, written: &str) -> Option<Argument> {
    Some(match value {
        Value::Number { .. } | Value::Factor { .. } => Argument::Number(written.parse().ok()?),
        Value::Integer { .. } => Argument::Integer(written.parse().ok()?),
        Value::Duration { .. } => Argument::Duration(duration(text(written)?)?),
        Value::Choice { choices, .. } => {
            let word = text(written)?;
            Argument::Choice(choices.iter().find(|choice| **choice == word)?)
        }
        Value::Quantity { .. } => Argument::Quantity(QuantityKind::from_name(text(written)?)?),
        Value::Flag { .. } => Argument::Flag(written.parse().ok()?),
        Value::Text { .. } => Argument::Text(text(written)?.to_owned()),
        Value::Character { .. } | Value::Named { .. } => return None,
    })
}

fn text(written: &str) -> Option<&str> {
    written.strip_prefix('"')?.strip_suffix('"')
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let number: u64 = number.parse().ok()?;
    Some(match unit {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "min" => Duration::from_secs(60 * number),
        "h" => Duration::from_secs(3_600 * number),
        _ => return None,
    })
}
