use proptest::prelude::*;

use super::*;

fn depth(order: &Order, root: u32) -> usize {
    if root == NONE {
        return 0;
    }
    let node = order.node(root);
    1 + depth(order, node.left).max(depth(order, node.right))
}

/// Takes a number, and forgets the oldest if there are `capacity` already.
fn push(order: &mut Order, slots: &mut Vec<u32>, capacity: usize, number: f64) {
    if slots.len() == capacity {
        order.remove(slots.remove(0));
    }
    slots.push(order.insert(number));
}

fn median_of(numbers: &[f64]) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    percentile(sorted.len(), 0.5, |rank| sorted.get(rank).copied())
}

#[test]
fn nothing_has_no_median() {
    let order = Order::new(3);
    assert_eq!((order.percentile(0.5), order.median_deviation(), order.at(0)), (None, None, None));
}

#[test]
fn the_tree_stays_flat_whatever_the_order_of_the_numbers() {
    let patterns: [fn(f64) -> f64; 5] =
        [|i| i, |i| -i, |_| 1.0, |i| i % 7.0, |i| (i * 0.618).fract()];
    for pattern in patterns {
        let (mut order, mut slots) = (Order::new(4_096), Vec::new());
        for index in 0..10_000 {
            push(&mut order, &mut slots, 4_096, pattern(f64::from(index)));
        }
        let depth = depth(&order, order.root);
        assert!(depth <= 40, "{depth} deep");
    }
}

proptest! {
    #[test]
    fn is_as_a_sorted_list_of_the_newest(
        numbers in prop::collection::vec(prop_oneof![-1e9..1e9_f64, (-3..3_i8).prop_map(f64::from)], 1..80),
        capacity in 1..20_usize,
        part in 0.0..=1.0_f64,
    ) {
        let (mut order, mut slots) = (Order::new(0), Vec::new());
        for end in 1..=numbers.len() {
            push(&mut order, &mut slots, capacity, numbers[end - 1]);
            let newest = &numbers[end.saturating_sub(capacity)..end];
            let mut sorted = newest.to_vec();
            sorted.sort_by(f64::total_cmp);
            let found: Vec<_> = (0..order.len()).filter_map(|rank| order.at(rank)).collect();
            prop_assert_eq!(&found, &sorted);
            let expected = percentile(sorted.len(), part, |rank| sorted.get(rank).copied());
            prop_assert_eq!(order.percentile(part), expected);
            let median = median_of(newest).unwrap();
            let away: Vec<_> = newest.iter().map(|number| (number - median).abs()).collect();
            prop_assert_eq!(order.median_deviation(), median_of(&away));
        }
    }
}
