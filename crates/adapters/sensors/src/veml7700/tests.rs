use super::*;

fn chip(gain: Veml7700Gain, integration: Veml7700Integration) -> Veml7700<(), ()> {
    let bus_timeout = Duration::from_secs(1);
    Veml7700::new((), (), Veml7700Options { gain, integration, bus_timeout })
}

fn lux(gain: Veml7700Gain, integration: Veml7700Integration, counts: u16) -> Result<f64, NoData> {
    chip(gain, integration).illuminance(counts, gain).map(Quantity::number)
}

/// The table of the application note, a thousand counts each; the polynomial adds 0.2 % and a
/// little more, the brighter.
#[test]
fn a_count_is_as_much_light_as_the_table_says() {
    use {Veml7700Gain as Gain, Veml7700Integration as Integration};
    for (gain, integration, resolution) in [
        (Gain::Two, Integration::Ms800, 0.0042),
        (Gain::Two, Integration::Ms100, 0.0336),
        (Gain::One, Integration::Ms100, 0.0672),
        (Gain::Quarter, Integration::Ms100, 0.2688),
        (Gain::Eighth, Integration::Ms100, 0.5376),
        (Gain::Eighth, Integration::Ms25, 2.1504),
    ] {
        let straight = 1_000.0 * resolution;
        let found = lux(gain, integration, 1_000).unwrap();
        let straightened = found / straight;
        let expected = 1.0023 + 8.1488e-5 * straight;
        assert!((straightened - expected).abs() < 0.05, "{gain:?} {integration:?}: {found}");
        assert!(straightened > 1.002, "{gain:?} {integration:?}: {found}");
    }
}

/// Horner's scheme against the sum of powers, where the fourth counts.
#[test]
fn the_brightest_light_is_straightened_by_all_four_powers() {
    let x: f64 = 40_000.0 * 0.5376;
    let sum = 1.0023 * x + 8.1488e-5 * x.powi(2) - 9.3924e-9 * x.powi(3) + 6.0135e-13 * x.powi(4);
    let found = lux(Veml7700Gain::Eighth, Veml7700Integration::Ms100, 40_000).unwrap();
    assert!((found - sum).abs() < 0.001, "{found} {sum}");
}

#[test]
fn more_counts_are_more_light_without_a_step() {
    let light = |counts| lux(Veml7700Gain::Eighth, Veml7700Integration::Ms100, counts);
    let found: Vec<_> = (0..40_000).map(|counts| light(counts).unwrap()).collect();
    assert!(found.windows(2).all(|pair| pair[0] < pair[1]));
    let step = |pair: &[f64]| (pair[1] - pair[0]) / (pair[1] + 1.0);
    assert!(found.windows(2).skip(100).all(|pair| step(pair) < 0.011));
}

#[test]
fn saturated_counts_and_more_light_than_the_sun_gives_are_gaps() {
    for counts in [u16::MAX, u16::MAX - 1, 46_000] {
        let found = lux(Veml7700Gain::Eighth, Veml7700Integration::Ms100, counts);
        assert_eq!(found, Err(NoData::Implausible), "{counts}");
    }
    assert_eq!(
        lux(Veml7700Gain::Two, Veml7700Integration::Ms800, u16::MAX),
        Err(NoData::Implausible)
    );
    assert!(lux(Veml7700Gain::Two, Veml7700Integration::Ms800, u16::MAX - 1).is_ok());
}
