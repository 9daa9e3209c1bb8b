use std::collections::VecDeque;

use super::*;

/// Gives what is scripted: for each measurement the (number, time in ms) of its edges.
struct Script(VecDeque<Result<Vec<(u32, u64)>, NoData>>);

impl InputLine for Script {
    fn level(&mut self) -> Result<bool, NoData> {
        match self.0.front() {
            Some(Err(_)) => self.0.pop_front().unwrap().map(|_| true),
            _ => Ok(true),
        }
    }

    fn edges(&mut self, _: Duration) -> Result<Vec<Edge>, NoData> {
        let edges = self.0.pop_front().unwrap()?;
        let edge = |(number, at)| Edge { level: true, number, at: Duration::from_millis(at) };
        Ok(edges.into_iter().map(edge).collect())
    }
}

type Found = Result<(f64, Result<f64, NoData>), NoData>;

fn measure(script: Vec<Result<Vec<(u32, u64)>, NoData>>) -> Vec<Found> {
    let times = script.len();
    let mut device = GpioCounter::new(Script(script.into()));
    let mut once = || {
        let found = device.measure(Duration::ZERO)?.outcomes;
        let number = |at: usize| found[at].1.map(Quantity::number);
        Ok((number(0)?, number(1)))
    };
    (0..times).map(|_| once()).collect()
}

#[test]
fn pulses_are_counted_and_their_rate_is_from_edge_to_edge() {
    let script =
        vec![Ok(vec![(1, 100)]), Ok(vec![(2, 500), (3, 900)]), Ok(vec![]), Ok(vec![(4, 2_900)])];
    let expected = [(1.0, Err(NoData::NotReady)), (3.0, Ok(2.5)), (3.0, Ok(0.0)), (4.0, Ok(0.5))];
    assert_eq!(measure(script), expected.map(Ok));
}

#[test]
fn a_line_on_which_nothing_ever_happened_counts_zero_and_has_no_rate() {
    assert_eq!(measure(vec![Ok(vec![]); 2]), [Ok((0.0, Err(NoData::NotReady))); 2]);
}

#[test]
fn pulses_for_which_there_was_no_room_are_counted_by_their_number() {
    let found = measure(vec![Ok(vec![(1, 0)]), Ok(vec![(500, 499), (1_001, 1_000)])]);
    assert_eq!(found[1], Ok((1_001.0, Ok(1_000.0))));
}

#[test]
fn the_count_goes_on_past_the_kernels_last_number() {
    let found = measure(vec![Ok(vec![(u32::MAX, 0)]), Ok(vec![(1, 1_000)])]);
    assert_eq!(found[1], Ok((4_294_967_297.0, Ok(2.0))));
}

#[test]
fn a_chip_that_was_gone_counts_from_zero_and_tells_no_stale_count() {
    let found = measure(vec![Ok(vec![(7, 1)]), Err(NoData::Absent), Ok(vec![(2, 9)])]);
    assert_eq!(found[1], Err(NoData::Absent));
    assert_eq!(found[2], Ok((2.0, Err(NoData::NotReady))));
}

#[test]
fn edges_at_one_instant_have_no_rate() {
    let found = measure(vec![Ok(vec![(1, 5)]), Ok(vec![(2, 5)])]);
    assert_eq!(found[1], Ok((2.0, Err(NoData::Implausible))));
}
