//! ADXL345: see `accelerometer`.

use std::time::Duration;

use sensors::Adxl345Part;
use sim::{chips, time::Elapsed};

use crate::accelerometer::{self, G, Subject};

struct Adxl345;

impl Subject for Adxl345 {
    type Part = Adxl345Part;
    type Chip = chips::Adxl345;
    const RATES: &[u16] = &[25, 50, 100, 200, 400, 800, 1_600];

    fn chip(
        time: Elapsed,
        acceleration: impl Fn(Duration) -> [f64; 3] + Send + 'static,
    ) -> chips::Adxl345 {
        chips::Adxl345::new(time, acceleration)
    }

    fn count(_full_scale_g: u16) -> f64 {
        G / 256.0
    }
}

#[test]
fn the_whole_range_comes_through_either_bus() {
    accelerometer::the_whole_range_comes_through_either_bus::<Adxl345>();
}

#[test]
fn beyond_the_full_scale_there_is_no_number() {
    accelerometer::beyond_the_full_scale_there_is_no_number::<Adxl345>();
}

#[test]
fn a_chip_that_was_gone_is_a_gap_and_comes_back() {
    accelerometer::a_chip_that_was_gone_is_a_gap_and_comes_back::<Adxl345>();
}

#[test]
fn a_supply_that_fails_for_a_moment_never_makes_a_wrong_number() {
    accelerometer::a_supply_that_fails_for_a_moment_never_makes_a_wrong_number::<Adxl345>();
}

#[test]
fn who_asks_faster_than_the_chip_samples_gets_a_new_sample_each_time() {
    accelerometer::who_asks_faster_than_the_chip_samples_gets_a_new_sample_each_time::<Adxl345>();
}

#[test]
fn every_sample_comes_once() {
    accelerometer::every_sample_comes_once::<Adxl345>();
}

#[test]
fn a_full_fifo_is_a_gap_in_front_of_what_it_has() {
    accelerometer::a_full_fifo_is_a_gap_in_front_of_what_it_has::<Adxl345>();
}

#[test]
fn a_burst_is_reckoned_with_whatever_it_goes_over() {
    accelerometer::a_burst_is_reckoned_with_whatever_it_goes_over::<Adxl345>();
}
