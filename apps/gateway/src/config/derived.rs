//! From `[derived.*]` to derived metrics.
//!
//! Nothing here knows a function: roles, parameters and kinds are its entry's. Metrics may be computed
//! from metrics, in any order in the file, but not in a circle.

use std::{collections::BTreeMap, time::Duration};

use domain::{
    QuantityKind, Stream, StreamClass, StreamName,
    derived::{BadMetric, Entry, Formula, Group, Role, entries, find},
};
use pipeline::derive::{order, path};

use super::{
    arguments,
    buses::names,
    key::Key,
    nearest::choose,
    reader::Reader,
    settings::{Bus, Derived, Pace},
    tables,
    values::Interval,
};

/// Keys that every derived metric has.
const HEAD: &[&str] = &["function", "tolerance", "class"];
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a table says, before it is known whether its inputs are there.
struct Wish {
    key: Key,
    stream: StreamName,
    entry: &'static Entry,
    tolerance: Option<Interval>,
    class: StreamClass,
    /// The streams named, each with what it is to the function.
    inputs: Vec<(&'static Role, Option<String>)>,
}

/// A stream in a formula.
const IN_FORMULA: &Role =
    &Role { name: Formula::PARAMETER, summary: "a stream in the formula", kinds: &[] };

/// A stream that can be an input.
struct Known {
    stream: Stream,
    /// How far apart its readings are at most while all is well.
    pace: Duration,
}

/// Reads all derived metrics, computed from the streams of `buses` and from each other. One that is
/// wrong is left out.
pub(super) fn read(reader: &mut Reader<'_>, buses: &[Bus]) -> Vec<Derived> {
    let section = Key::of("derived");
    let names = names(reader, &section);
    let wishes: Vec<_> =
        names.iter().filter_map(|name| wish(reader, &section.child(name))).collect();
    let mut known = sensors(buses);
    let mut derived = BTreeMap::new();
    for wish in sorted(reader, wishes) {
        if let Some((metric, pace)) = metric(reader, &wish, &known) {
            known.push(Known { stream: metric.stream.clone(), pace });
            derived.insert(metric.stream.name.clone(), metric);
        }
    }
    derived.into_values().collect()
}

/// The streams of all sensors.
fn sensors(buses: &[Bus]) -> Vec<Known> {
    let devices = buses.iter().flat_map(|bus| &bus.devices);
    let streams = devices.flat_map(|device| {
        let (Pace::Asked { period: pace } | Pace::Speaks { silence: pace }) = device.pace;
        device.streams.iter().map(move |stream| Known { stream: stream.clone(), pace })
    });
    streams.collect()
}

fn wish(reader: &mut Reader<'_>, key: &Key) -> Option<Wish> {
    let stream = StreamName::derived(key.name()).ok()?;
    let head: tables::DerivedHead = reader.head(key, HEAD);
    let function_key = key.child("function");
    let function = if reader.has(&key.child(Formula::PARAMETER)) {
        let mend = format!("add function = \"{}\" to [{key}]", Formula::FUNCTION);
        reader.required_or(&function_key, head.function, mend)?
    } else {
        reader.required(&function_key, head.function, "\"…\"")?
    };
    let Some(entry) = find(&function) else {
        let known: Vec<_> = entries().map(|entry| entry.function).collect();
        let mend = choose(&function, "functions", &known);
        reader.value_problem(&function_key, format!("there is no function `{function}`"), mend);
        return None;
    };
    let roles = entry.roles.iter().map(|role| role.name);
    let parameters = entry.parameters.iter().map(|parameter| parameter.name);
    let keys: Vec<_> = HEAD.iter().copied().chain(roles).chain(parameters).collect();
    reader.refuse_unknown(key, &keys);
    let mut input = |role: &'static Role| {
        let key = key.child(role.name);
        let written = reader.value(&key);
        if reader.is_faulty(&key) {
            return (role, None);
        }
        (role, reader.required(&key, written, "\"device.sensor\""))
    };
    let mut inputs: Vec<_> = entry.roles.iter().map(&mut input).collect();
    if inputs.is_empty() {
        inputs = in_formula(reader, key, entry);
    }
    let class = head.class.map_or(usual_class(entry), StreamClass::from);
    Some(Wish { key: key.clone(), stream, entry, tolerance: head.tolerance, class, inputs })
}

/// Alarms are of the class high.
pub(crate) fn usual_class(entry: &Entry) -> StreamClass {
    if entry.group == Group::Alarm { StreamClass::High } else { StreamClass::Normal }
}

/// The streams of the formula in the table `key`.
fn in_formula(
    reader: &mut Reader<'_>,
    key: &Key,
    entry: &Entry,
) -> Vec<(&'static Role, Option<String>)> {
    let text: Option<String> = reader.value(&key.child(Formula::PARAMETER));
    let formula = text.map(|text| Formula::parse(&text).map_err(|bad| bad.of(&text)));
    match formula {
        Some(Ok(formula)) => {
            let names = formula.streams().iter().map(ToString::to_string);
            names.map(|name| (IN_FORMULA, Some(name))).collect()
        }
        Some(Err(bad)) => {
            refuse(reader, key, entry, bad);
            vec![(IN_FORMULA, None)]
        }
        None => vec![(IN_FORMULA, None)],
    }
}

/// The wishes, each after all that it is computed from. Those in a circle are reported and left out.
fn sorted(reader: &mut Reader<'_>, mut wishes: Vec<Wish>) -> Vec<Wish> {
    loop {
        let number = |(_, written): &(&Role, Option<String>)| {
            let written = written.as_deref()?;
            wishes.iter().position(|wish| wish.stream.as_str() == written)
        };
        let needs: Vec<Vec<_>> =
            wishes.iter().map(|wish| wish.inputs.iter().filter_map(number).collect()).collect();
        match order(&needs) {
            Ok(order) => {
                let mut wishes: Vec<_> = wishes.into_iter().map(Some).collect();
                return order.into_iter().filter_map(|number| wishes[number].take()).collect();
            }
            Err(circle) => {
                refuse_circle(reader, &circle.iter().map(|&n| &wishes[n]).collect::<Vec<_>>());
                let mut number = 0..;
                wishes.retain(|_| number.next().is_none_or(|number| !circle.contains(&number)));
            }
        }
    }
}

/// Reports the first of a circle, at the input that leads on to the next.
fn refuse_circle(reader: &mut Reader<'_>, circle: &[&Wish]) {
    let names: Vec<_> = circle.iter().map(|wish| wish.stream.clone()).collect();
    let (Some(first), Some(next)) = (circle.first(), names.iter().cycle().nth(1)) else { return };
    let leads_on = |(_, input): &&(&Role, Option<String>)| input.as_deref() == Some(next.as_str());
    let role = first.inputs.iter().find(leads_on);
    let key = first.key.child(role.map_or("", |(role, _)| role.name));
    let message = format!("these are computed from each other: {}", path(&names));
    reader.value_problem(&key, message, "compute one of them from sensors only".to_owned());
}

fn metric(reader: &mut Reader<'_>, wish: &Wish, known: &[Known]) -> Option<(Derived, Duration)> {
    let Wish { key, stream, entry, tolerance, class, inputs } = wish;
    let inputs: Vec<_> = inputs
        .iter()
        .map(|(role, written)| {
            input(reader, &key.child(role.name), written.as_deref()?, role, known)
        })
        .collect();
    let arguments = arguments::read(reader, key, entry.parameters);
    let tolerance_key = key.child("tolerance");
    let written = reader.duration(&tolerance_key, *tolerance, Duration::ZERO..=DAY, DAY);
    let inputs: Vec<&Known> = inputs.into_iter().collect::<Option<_>>()?;
    if refuse_repeated(reader, wish) {
        return None;
    }
    let arguments = arguments?;
    let pace = inputs.iter().map(|input| input.pace).max().unwrap_or_default();
    let inputs: Vec<_> = inputs.into_iter().map(|input| input.stream.clone()).collect();
    let kinds: Vec<_> = inputs.iter().map(|input| input.kind).collect();
    let kind = match (entry.make)(&kinds, &arguments) {
        Ok((kind, _)) => kind,
        Err(bad) => {
            refuse(reader, key, entry, bad);
            return None;
        }
    };
    let tolerance = tolerance.map_or(pace, |_| written);
    let stream = Stream { name: stream.clone(), kind };
    let class = *class;
    Some((Derived { stream, function: entry, arguments, inputs, tolerance, class, pace }, pace))
}

/// Reports a stream that is two things to one function: what is computed of it then says nothing. True if
/// there is one.
fn refuse_repeated(reader: &mut Reader<'_>, Wish { key, inputs, .. }: &Wish) -> bool {
    for (index, (role, stream)) in inputs.iter().enumerate() {
        let earlier = inputs[..index].iter().find(|(_, earlier)| earlier == stream);
        if let (Some((earlier, _)), Some(stream)) = (earlier, stream) {
            let message = format!("`{stream}` is its `{}` already", earlier.name);
            let mend = "name the stream of another sensor".to_owned();
            reader.value_problem(&key.child(role.name), message, mend);
            return true;
        }
    }
    false
}

/// Reports what a function says of its inputs and arguments together.
fn refuse(reader: &mut Reader<'_>, key: &Key, entry: &Entry, bad: BadMetric) {
    match bad {
        BadMetric::Unfit { parameter, message, mend } => {
            reader.value_problem(&key.child(parameter), message, mend);
        }
        BadMetric::Undeclared(_) => {
            let mend = "tell us: this is a fault of the program".to_owned();
            let message = format!("function `{}` cannot be made: {bad}", entry.function);
            reader.value_problem(&key.child("function"), message, mend);
        }
    }
}

/// `words` after the article that goes before them.
fn with_article(words: &str) -> String {
    let article = if words.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {words}")
}

/// The stream that `key` names, if it is one of `known` and of the right kind.
fn input<'k>(
    reader: &mut Reader<'_>,
    key: &Key,
    written: &str,
    role: &Role,
    known: &'k [Known],
) -> Option<&'k Known> {
    let fits = |kind: QuantityKind| role.kinds.is_empty() || role.kinds.contains(&kind);
    let fitting = known.iter().map(|known| &known.stream).filter(|stream| fits(stream.kind));
    let fitting: Vec<_> = fitting.map(|stream| stream.name.as_str()).collect();
    let wanted: Vec<_> = role.kinds.iter().map(|kind| kind.name()).collect();
    let wanted = with_article(&wanted.join(" or "));
    let mend = match (fitting.is_empty(), role.kinds.is_empty()) {
        (false, _) => choose(written, "streams that fit", &fitting),
        (true, false) => format!("add a device that measures {wanted}"),
        (true, true) => "add a device".to_owned(),
    };
    let Some(found) = known.iter().find(|known| known.stream.name.as_str() == written) else {
        if !is_left_out(reader, written, known) {
            reader.value_problem(key, no_stream(written), mend);
        }
        return None;
    };
    let kind = found.stream.kind;
    if !fits(kind) {
        let message = format!("`{written}` is {}, not {wanted}", with_article(kind.name()));
        reader.value_problem(key, message, mend);
        return None;
    }
    Some(found)
}

fn no_stream(written: &str) -> String {
    match StreamName::parse(written) {
        Ok(_) => format!("there is no stream `{written}`"),
        Err(_) => format!("`{written}` is not the name of a stream, which is device.sensor"),
    }
}

/// Whether a stream is missing for a reason that has been reported: its device or metric is there, but
/// wrong, or on a bus that is wrong, or computed from what is wrong.
fn is_left_out(reader: &Reader<'_>, written: &str, known: &[Known]) -> bool {
    let Some((device, metric)) = written.split_once('.') else { return false };
    if device == StreamName::DERIVED {
        return reader.has(&Key::of("derived").child(metric));
    }
    let key = Key::of("devices").child(device);
    let is_device = |known: &Known| known.stream.name.parts().0 == device;
    (reader.has(&key) && !known.iter().any(is_device)) || reader.is_faulty(&key)
}
