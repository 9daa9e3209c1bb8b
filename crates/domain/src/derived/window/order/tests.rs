use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

/// Takes a number, and forgets the oldest if there are `capacity` already.
fn push(order: &mut Order, held: &mut VecDeque<f64>, capacity: usize, number: f64) {
    if held.len() == capacity {
        order.replace(held.pop_front().unwrap(), number);
    } else {
        order.insert(number);
    }
    held.push_back(number);
}

/// All of them, the smallest first, as bits: zeros have signs.
fn sorted_bits(order: &Order) -> Vec<u64> {
    (0..order.len()).filter_map(|rank| order.at(rank)).map(f64::to_bits).collect()
}

fn median_of(numbers: &[f64]) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    percentile(sorted.len(), 0.5, |rank| sorted.get(rank).copied())
}

#[test]
fn nothing_has_no_median() {
    let order = Order::new();
    assert_eq!((order.percentile(0.5), order.median_deviation(), order.at(0)), (None, None, None));
}

#[test]
fn the_tree_stays_flat_whatever_the_order_of_the_numbers() {
    let patterns: [fn(f64) -> f64; 5] =
        [|i| i, |i| -i, |_| 1.0, |i| i % 7.0, |i| (i * 0.618).fract()];
    for pattern in patterns {
        let (mut order, mut held) = (Order::new(), VecDeque::new());
        order.reserve(4_096);
        for index in 0..10_000 {
            push(&mut order, &mut held, 4_096, pattern(f64::from(index)));
        }
        let Order::Tree(tree) = &order else { panic!("a list of 4,096") };
        assert!(tree.depth() <= 40, "{} deep", tree.depth());
    }
}

#[test]
fn a_list_that_grows_long_becomes_a_tree_of_the_same_numbers() {
    let (mut order, mut held) = (Order::new(), VecDeque::new());
    for index in 0..3_000_u32 {
        push(&mut order, &mut held, LIST_MAX + 200, f64::from(index * 7_919 % 1_009) - 500.0);
        assert_eq!(matches!(order, Order::List(_)), index < 1_024);
    }
    let mut sorted: Vec<_> = held.into();
    sorted.sort_by(f64::total_cmp);
    assert_eq!(sorted_bits(&order), sorted.iter().map(|n| n.to_bits()).collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn lists_and_trees_are_as_a_sorted_list_of_the_newest(
        numbers in prop::collection::vec(
            prop_oneof![-1e9..1e9_f64, (-3..3_i8).prop_map(f64::from), Just(-0.0)],
            1..80,
        ),
        capacity in 1..20_usize,
        part in 0.0..=1.0_f64,
    ) {
        for mut order in [Order::new(), Order::Tree(Tree::new(0))] {
            let mut held = VecDeque::new();
            for end in 1..=numbers.len() {
                push(&mut order, &mut held, capacity, numbers[end - 1]);
                let newest = &numbers[end.saturating_sub(capacity)..end];
                let mut sorted = newest.to_vec();
                sorted.sort_by(f64::total_cmp);
                let bits: Vec<_> = sorted.iter().map(|number| number.to_bits()).collect();
                prop_assert_eq!(sorted_bits(&order), bits);
                let expected = percentile(sorted.len(), part, |rank| sorted.get(rank).copied());
                prop_assert_eq!(order.percentile(part), expected);
                let mut fewer = order.clone();
                fewer.remove(newest[0]);
                fewer.insert(newest[0]);
                prop_assert_eq!(sorted_bits(&fewer), sorted_bits(&order));
                let median = median_of(newest).unwrap();
                let away: Vec<_> = newest.iter().map(|number| (number - median).abs()).collect();
                prop_assert_eq!(order.median_deviation(), median_of(&away));
            }
        }
    }
}
