//! The entries as they are written.

use std::collections::BTreeSet;

use domain::derived::{BadMetric, Formula, Group, entries};

use crate::{
    cases::{examples, of_every_kind},
    example,
};

#[test]
fn names_are_words_and_no_two_are_alike() {
    let mut names = BTreeSet::new();
    for entry in entries() {
        let name = entry.function;
        let is_word = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit());
        assert!(is_word && names.insert(name), "{name}");
        let keys = entry.roles.iter().map(|role| role.name);
        let keys = keys.chain(entry.parameters.iter().map(|parameter| parameter.name));
        let count = keys.clone().count();
        let distinct: BTreeSet<_> = keys.chain(["function"]).collect();
        assert_eq!(distinct.len(), count + 1, "{name}: the keys of its table");
    }
    assert!(names.len() >= 50, "{} functions", names.len());
}

#[test]
fn nothing_is_left_unsaid() {
    for entry in entries() {
        let words = [entry.summary, entry.source, entry.edges];
        let roles = entry.roles.iter().map(|role| role.summary);
        let parameters = entry.parameters.iter().map(|parameter| parameter.summary);
        let said = words.into_iter().chain(roles).chain(parameters);
        assert!(said.clone().all(|words| !words.is_empty()), "{}", entry.function);
        let is_formula = entry.group == Group::Expression;
        assert_eq!(entry.roles.is_empty(), is_formula, "{}: its roles", entry.function);
        for role in entry.roles {
            let distinct: BTreeSet<_> = role.kinds.iter().collect();
            assert_eq!(distinct.len(), role.kinds.len(), "{}: {}", entry.function, role.name);
        }
    }
}

#[test]
fn the_groups_are_in_their_order_and_none_is_empty() {
    let groups: Vec<_> = entries().map(|entry| entry.group).collect();
    assert!(groups.is_sorted());
    let distinct: BTreeSet<_> = groups.into_iter().collect();
    assert!(distinct.into_iter().eq(Group::ALL.iter().copied()));
}

#[test]
fn examples_name_their_function_first_and_then_what_it_has_and_needs() {
    for entry in entries() {
        let lines = example::lines(entry);
        assert_eq!(lines[0], ("function", format!("{:?}", entry.function).as_str()));
        assert!((2..=5).contains(&lines.len()), "{}", entry.function);
        let keys: Vec<_> = lines[1..].iter().map(|(key, _)| *key).collect();
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len(), "{}", entry.function);
        let required = entry.parameters.iter().filter(|parameter| parameter.is_required());
        let roles = entry.roles.iter().map(|role| role.name);
        for name in roles.clone().chain(required.map(|parameter| parameter.name)) {
            assert!(keys.contains(&name), "{}: {name}", entry.function);
        }
        let known = |key: &&str| {
            roles.clone().any(|name| name == *key)
                || entry.parameters.iter().any(|parameter| parameter.name == *key)
        };
        assert!(keys.iter().all(known), "{}: {keys:?}", entry.function);
        for role in entry.roles {
            let (_, stream) = lines.iter().find(|(key, _)| *key == role.name).unwrap();
            let formula = Formula::parse(stream.trim_matches('"')).unwrap();
            assert_eq!(formula.streams().len(), 1, "{}: {}", entry.function, role.name);
        }
    }
}

#[test]
fn every_example_makes_its_metric() {
    examples().for_each(|case| drop(case.make()));
}

#[test]
fn a_kind_that_a_function_takes_makes_a_metric_or_is_refused_with_a_mend() {
    let mut refused = 0;
    for case in of_every_kind() {
        match case.try_make() {
            Ok(_) => {}
            Err(BadMetric::Unfit { parameter, message, mend }) => {
                let roles = case.entry.roles.iter().map(|role| role.name);
                let mut keys = roles.chain(case.entry.parameters.iter().map(|p| p.name));
                assert!(keys.any(|key| key == parameter), "{case:?}: {parameter}");
                assert!(message.len() > 8 && mend.len() > 8, "{case:?}: {message}; {mend}");
                refused += 1;
            }
            Err(bad @ BadMetric::Undeclared(_)) => panic!("{case:?}: {bad}"),
        }
    }
    assert!(refused > 20, "{refused}");
}
