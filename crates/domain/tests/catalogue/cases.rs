//! Every function in several shapes, of several kinds.

use core::{fmt, time::Duration};

use domain::{
    QuantityKind,
    derived::{BadMetric, Entry, Made, Metric, entries},
    parameter::{Argument, Arguments},
};

use crate::example;

type Given = Vec<(&'static str, Argument)>;

/// A function as configured, for inputs of these kinds.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) entry: &'static Entry,
    pub(crate) kinds: Vec<QuantityKind>,
    given: Given,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {:?} with {:?}", self.entry.function, self.kinds, self.given)
    }
}

impl Case {
    pub(crate) fn try_make(&self) -> Made {
        let arguments = Arguments::new(self.entry.parameters, self.given.clone());
        (self.entry.make)(&self.kinds, &arguments.unwrap_or_else(|bad| panic!("{self:?}: {bad}")))
    }

    pub(crate) fn make(&self) -> (QuantityKind, Box<dyn Metric>) {
        self.try_make().unwrap_or_else(|bad| panic!("{self:?}: {bad}"))
    }

    pub(crate) fn is_tumbling(&self) -> bool {
        self.given.contains(&("kind", Argument::Choice("tumbling")))
    }
}

/// Each function as in its example, with the kinds of it.
pub(crate) fn examples() -> impl Iterator<Item = Case> {
    entries().map(|entry| {
        let (kinds, given) = (example::kinds(entry), example::given(entry));
        Case { entry, kinds, given }
    })
}

/// The same for every kind that the first role takes; where another role takes any, the same again.
pub(crate) fn of_every_kind() -> impl Iterator<Item = Case> {
    examples().flat_map(|case| {
        let roles = case.entry.roles;
        let takes = roles.first().map_or(&[][..], |role| role.kinds);
        let takes = if takes.is_empty() { QuantityKind::ALL } else { takes };
        let of = move |&kind: &QuantityKind| {
            let other = |role: usize| roles.get(role).and_then(|role| role.kinds.first().copied());
            let kinds = (0..case.kinds.len()).map(|role| match role {
                0 => kind,
                _ => other(role).unwrap_or(kind),
            });
            Case { kinds: kinds.collect(), ..case.clone() }
        };
        takes.iter().map(of).collect::<Vec<_>>()
    })
}

/// Each function in each shape, with the kinds of its example and up to two more.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for entry in entries() {
        let ours = |case: &Case| case.entry.function == entry.function;
        let some = [QuantityKind::Dimensionless, QuantityKind::Acceleration, QuantityKind::Count];
        let more = of_every_kind().filter(ours).filter(|case| some.contains(&case.kinds[0]));
        let mut kinds: Vec<_> = examples().filter(ours).chain(more).collect();
        kinds.truncate(3);
        for given in shapes(entry) {
            let shaped = kinds.iter().map(|case| Case { given: given.clone(), ..case.clone() });
            cases.extend(
                shaped.filter(|case| !matches!(case.try_make(), Err(BadMetric::Unfit { .. }))),
            );
        }
    }
    cases
}

/// The example as it is, and with small windows, so that they are full in a few samples.
fn shapes(entry: &Entry) -> Vec<Given> {
    let example = example::given(entry);
    let has = |name| entry.parameters.iter().any(|parameter| parameter.name == name);
    let sliding = |kind| ("kind", Argument::Choice(kind));
    let span = ("span", Argument::Duration(Duration::from_secs(40)));
    let short = Argument::Duration(Duration::from_secs(5));
    let small: Vec<Given> = if has("kind") {
        let samples = ("samples", Argument::Integer(7));
        ["sliding", "tumbling"]
            .into_iter()
            .flat_map(|kind| {
                [vec![samples.clone(), sliding(kind)], vec![span.clone(), sliding(kind)]]
            })
            .collect()
    } else if has("block") {
        // Bands that a sample per second has.
        let edges = [("low_hz", Argument::Number(0.05)), ("high_hz", Argument::Number(0.4))];
        let edges = edges.into_iter().filter(|(name, _)| has(name));
        let block: Given = edges.chain([("block", Argument::Integer(64))]).collect();
        let overlap = block.iter().cloned().chain([("overlap", Argument::Flag(true))]).collect();
        vec![block, overlap]
    } else if has("latch") {
        vec![vec![
            ("latch", Argument::Flag(true)),
            ("on_delay", short.clone()),
            ("off_delay", short),
        ]]
    } else if has("samples") {
        vec![vec![("samples", Argument::Integer(9))]]
    } else if has("interval") {
        vec![vec![("interval", short), ("window", Argument::Duration(Duration::from_secs(60)))]]
    } else {
        ["span", "time", "time_constant", "gap_max", "silence_max"]
            .into_iter()
            .filter(|name| has(name))
            .map(|name| vec![(name, short.clone())])
            .collect()
    };
    let sizes = ["kind", "samples", "span", "block", "overlap", "rate_hz"];
    let kept =
        |given: &Given, name| !sizes.contains(&name) && given.iter().all(|(n, _)| *n != name);
    let mixed = small.into_iter().map(|given| {
        let rest = example.iter().filter(|(name, _)| kept(&given, *name)).cloned();
        rest.chain(given.clone()).collect()
    });
    let mixed: Vec<_> = mixed.collect();
    [example.clone()].into_iter().chain(mixed).collect()
}
