use proptest::prelude::*;

use super::*;

fn median_of(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    f64::midpoint(numbers[(numbers.len() - 1) / 2], numbers[numbers.len() / 2])
}

fn depth(order: &Order, root: u16) -> usize {
    if root == NONE {
        return 0;
    }
    let node = order.node(root);
    1 + depth(order, node.left).max(depth(order, node.right))
}

#[test]
fn nothing_has_no_median() {
    let order = Order::new(3);
    assert_eq!((order.median(), order.median_deviation(0.0), order.at(0)), (None, None, None));
}

#[test]
fn the_tree_stays_flat_whatever_the_order_of_the_numbers() {
    let patterns: [fn(f64) -> f64; 5] =
        [|i| i, |i| -i, |_| 1.0, |i| i % 7.0, |i| (i * 0.618).fract()];
    for pattern in patterns {
        let mut order = Order::new(4_096);
        for index in 0..10_000 {
            order.push(pattern(f64::from(index)));
        }
        let depth = depth(&order, order.root);
        assert!(depth <= 40, "{depth} deep");
    }
}

proptest! {
    #[test]
    fn is_as_a_sorted_list_of_the_newest(
        numbers in prop::collection::vec(prop_oneof![-1e9..1e9_f64, (-3..3_i8).prop_map(f64::from)], 1..80),
        capacity in 1..20_u16,
    ) {
        let mut order = Order::new(capacity);
        for end in 1..=numbers.len() {
            order.push(numbers[end - 1]);
            let newest = &numbers[end.saturating_sub(usize::from(capacity))..end];
            let mut sorted = newest.to_vec();
            sorted.sort_by(f64::total_cmp);
            let found: Vec<_> = (0..order.len()).filter_map(|rank| order.at(rank)).collect();
            prop_assert_eq!(&found, &sorted);
            let median = median_of(sorted);
            prop_assert_eq!(order.median(), Some(median));
            let away = median_of(newest.iter().map(|number| (number - median).abs()).collect());
            prop_assert_eq!(order.median_deviation(median), Some(away));
        }
    }
}
