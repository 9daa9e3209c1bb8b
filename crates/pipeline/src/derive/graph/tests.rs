use proptest::prelude::*;

use super::*;

/// Against a dull model: whoever is left when all that need nothing more are taken away is in, or hangs
/// on, a circle.
fn has_circle(needs: &[Vec<usize>]) -> bool {
    let mut left: Vec<usize> = (0..needs.len()).collect();
    loop {
        let before = left.len();
        let there = left.clone();
        left.retain(|&number| needs[number].iter().any(|need| there.contains(need)));
        if left.len() == before {
            return !left.is_empty();
        }
    }
}

fn graphs() -> impl Strategy<Value = Vec<Vec<usize>>> {
    (1..12_usize).prop_flat_map(|count| {
        let needs = proptest::collection::vec(0..count, 0..3);
        proptest::collection::vec(needs, count)
    })
}

proptest! {
    #[test]
    fn each_comes_after_all_that_it_needs_or_a_real_circle_is_told(needs in graphs()) {
        match order(&needs) {
            Ok(sorted) => {
                prop_assert!(!has_circle(&needs));
                let mut all = sorted.clone();
                all.sort_unstable();
                prop_assert_eq!(all, (0..needs.len()).collect::<Vec<_>>());
                let place = |number| sorted.iter().position(|&n| n == number);
                for (number, needed) in needs.iter().enumerate() {
                    prop_assert!(needed.iter().all(|&need| place(need) < place(number)));
                }
            }
            Err(circle) => {
                prop_assert!(has_circle(&needs) && !circle.is_empty());
                for (&from, &to) in circle.iter().zip(circle.iter().cycle().skip(1)) {
                    prop_assert!(needs[from].contains(&to), "{:?}", circle);
                }
            }
        }
    }

    /// Two are in one component if and only if a way leads from one to the other.
    #[test]
    fn components_are_what_hangs_together(needs in graphs()) {
        let mut together = vec![vec![false; needs.len()]; needs.len()];
        for (number, needed) in needs.iter().enumerate() {
            together[number][number] = true;
            for &need in needed {
                (together[number][need], together[need][number]) = (true, true);
            }
        }
        for via in 0..needs.len() {
            for from in 0..needs.len() {
                for to in 0..needs.len() {
                    together[from][to] |= together[from][via] && together[via][to];
                }
            }
        }
        let component = components(&needs, &vec![None; needs.len()]);
        for from in 0..needs.len() {
            for to in 0..needs.len() {
                prop_assert_eq!(component[from] == component[to], together[from][to]);
            }
        }
        // Counted in the order of their first ones.
        for number in 0..needs.len() {
            let before = component[..number].iter().max().map_or(0, |last| last + 1);
            prop_assert!(component[number] <= before);
        }
    }
}

#[test]
fn a_long_chain_and_a_long_circle_do_not_overflow_the_stack() {
    let mut needs: Vec<Vec<usize>> = (1..100_000).map(|next| vec![next]).collect();
    needs.push(Vec::new());
    assert_eq!(order(&needs).unwrap()[0], 99_999);
    needs[99_999].push(0);
    assert_eq!(order(&needs).unwrap_err().len(), 100_000);
}

#[test]
fn a_circle_is_told_with_its_whole_way() {
    let names = ["a", "b"].map(|name| StreamName::derived(name).unwrap());
    let told = BadGraph::Circle(names.to_vec()).to_string();
    assert_eq!(told, "derived metrics need each other: derived.a → derived.b → derived.a");
}
