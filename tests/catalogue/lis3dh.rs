//! LIS3DH: see `accelerometer`.

use std::time::Duration;

use sensors::Lis3dhPart;
use sim::{chips, time::Elapsed};

use crate::accelerometer::{self, G, Subject};

struct Lis3dh;

impl Subject for Lis3dh {
    type Part = Lis3dhPart;
    type Chip = chips::Lis3dh;
    const RATES: &[u16] = &[50, 100, 200, 400, 1_344];

    fn chip(
        time: Elapsed,
        acceleration: impl Fn(Duration) -> [f64; 3] + Send + 'static,
    ) -> chips::Lis3dh {
        chips::Lis3dh::new(time, acceleration)
    }

    fn count(full_scale_g: u16) -> f64 {
        (if full_scale_g == 16 { 12.0 } else { f64::from(full_scale_g) / 2.0 }) * G / 1e3
    }
}

#[test]
fn the_whole_range_comes_through_either_bus() {
    accelerometer::the_whole_range_comes_through_either_bus::<Lis3dh>();
}

#[test]
fn beyond_the_full_scale_there_is_no_number() {
    accelerometer::beyond_the_full_scale_there_is_no_number::<Lis3dh>();
}

#[test]
fn a_chip_that_was_gone_is_a_gap_and_comes_back() {
    accelerometer::a_chip_that_was_gone_is_a_gap_and_comes_back::<Lis3dh>();
}

#[test]
fn a_supply_that_fails_for_a_moment_never_makes_a_wrong_number() {
    accelerometer::a_supply_that_fails_for_a_moment_never_makes_a_wrong_number::<Lis3dh>();
}

#[test]
fn who_asks_faster_than_the_chip_samples_gets_a_new_sample_each_time() {
    accelerometer::who_asks_faster_than_the_chip_samples_gets_a_new_sample_each_time::<Lis3dh>();
}

#[test]
fn every_sample_comes_once() {
    accelerometer::every_sample_comes_once::<Lis3dh>();
}

#[test]
fn a_full_fifo_is_a_gap_in_front_of_what_it_has() {
    accelerometer::a_full_fifo_is_a_gap_in_front_of_what_it_has::<Lis3dh>();
}

#[test]
fn a_burst_is_reckoned_with_whatever_it_goes_over() {
    accelerometer::a_burst_is_reckoned_with_whatever_it_goes_over::<Lis3dh>();
}
