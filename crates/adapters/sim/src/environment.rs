//! What the chips sense: air and a battery, as pure functions of time.
//!
//! # The model
//!
//! * **Outdoor air** is a sum of sinusoids: the day (6 K, warmest at 15:00), weather fronts (periods
//!   of 3.7, 5.9 and 9.3 days) and passing clouds (11, 23 and 47 minutes).
//! * **The sensor sits in a box** that follows the air as a first-order lag, `τ dT/dt = T_out - T`
//!   with τ = 20 min. To a sinusoid of angular frequency ω the settled answer is exact:
//!   amplitude divided by `√(1 + (ωτ)²)`, phase delayed by `atan(ωτ)`. So clouds are damped to a
//!   few tenths and the warmest time of day is about 15:20.
//! * **Humidity** follows from a vapour pressure that only the fronts change, by the Magnus formula
//!   (Sonntag 1990): when it warms up, relative humidity falls.
//! * **Pressure** is 1013 hPa, the same fronts a quarter period ahead, and the atmospheric tide
//!   (12 h, 0.6 hPa, highest at 10:00 and 22:00; 24 h, 0.3 hPa).
//! * **The battery** takes a net current `I sin ω(t - 6 h)`: charged by day, drained by night. Its
//!   charge is the integral; its voltage is that of the charge plus the drop over its resistance.
//!
//! # Invariants
//!
//! 1. The same seed and time give the same state on every machine and in every order of asking.
//! 2. Everything is smooth: no steps and no noise.
//!
//! # Deliberately absent
//!
//! Seasons, rain and anything random after construction.

use std::{f64::consts::TAU, time::Duration};

use crate::bus::Chance;

const MINUTE: f64 = 60.0;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;
/// Time constant of the box around the sensor, seconds.
const LAG: f64 = 20.0 * MINUTE;
/// Periods in seconds, and amplitudes in kelvin of temperature.
const FRONTS: [(f64, f64); 3] = [(3.7 * DAY, 2.5), (5.9 * DAY, 2.0), (9.3 * DAY, 1.5)];
const CLOUDS: [(f64, f64); 3] = [(11.0 * MINUTE, 2.0), (23.0 * MINUTE, 1.2), (47.0 * MINUTE, 0.8)];
/// Dew point moves this much per kelvin that a front moves the temperature.
const DEW_PER_FRONT: f64 = 0.5;
/// Hectopascals per kelvin of a front.
const PRESSURE_PER_FRONT: f64 = 2.5;

/// The state of the air at one place and time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Climate {
    /// Temperature, °C.
    pub celsius: f64,
    /// Humidity relative to saturation over water, %.
    pub humidity_percent: f64,
    /// Pressure at this place, hPa.
    pub hectopascals: f64,
}

/// The state of a supply line and what it feeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Against ground, V.
    pub volts: f64,
    /// Towards the load, A.
    pub amperes: f64,
}

/// The state of a rigid body, in its own axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Motion {
    /// Acceleration against free fall, m/s²: at rest one g, upwards.
    pub acceleration: [f64; 3],
    /// Angular velocity, °/s.
    pub rotation: [f64; 3],
    /// Temperature, °C.
    pub celsius: f64,
}

/// `amplitude * cos(TAU * (t - peak) / period)`.
#[derive(Clone, Copy, Debug)]
struct Wave {
    amplitude: f64,
    /// Seconds.
    period: f64,
    /// When it is highest, seconds.
    peak: f64,
}

impl Wave {
    fn at(self, seconds: f64) -> f64 {
        self.amplitude * (TAU * (seconds - self.peak) / self.period).cos()
    }

    /// The same wave seen through a first-order lag of time constant `tau` seconds.
    fn lagged(self, tau: f64) -> Self {
        let turn = TAU / self.period * tau;
        let amplitude = self.amplitude / turn.hypot(1.0);
        Self { amplitude, peak: self.peak + turn.atan() * self.period / TAU, ..self }
    }

    /// Scaled, and `turns` of a period earlier.
    fn ahead(self, scale: f64, turns: f64) -> Self {
        let peak = self.peak - turns * self.period;
        Self { amplitude: self.amplitude * scale, peak, ..self }
    }
}

/// The surroundings of one site. Times are since midnight of the first day.
#[derive(Clone, Debug)]
pub struct Environment {
    fronts: [Wave; 3],
    clouds: [Wave; 3],
}

impl Environment {
    /// A site whose weather is decided by `seed`.
    pub fn seeded(seed: u64) -> Self {
        let mut chance = Chance::seeded(seed);
        let mut wave = |(period, amplitude)| {
            let peak = chance.unit() * period;
            Wave { amplitude, period, peak }
        };
        Self { fronts: FRONTS.map(&mut wave), clouds: CLOUDS.map(&mut wave) }
    }

    /// The air around the sensors.
    pub fn climate(&self, since_midnight: Duration) -> Climate {
        let seconds = since_midnight.as_secs_f64();
        let celsius = self.celsius(seconds);
        let vapour = saturation_pressure(8.0 + DEW_PER_FRONT * sum(&self.fronts, seconds));
        let humidity = 100.0 * vapour / saturation_pressure(celsius);
        Climate {
            celsius,
            humidity_percent: humidity.clamp(0.0, 100.0),
            hectopascals: self.hectopascals(seconds),
        }
    }

    /// Voltage of a 12 V lead battery on a solar panel, V.
    pub fn battery_volts(&self, since_midnight: Duration) -> f64 {
        let turn = TAU * (since_midnight.as_secs_f64() - 6.0 * HOUR) / DAY;
        let charge = 0.65 - 0.2 * turn.cos();
        let drop = 0.25 * turn.sin();
        11.6 + 1.2 * charge + drop
    }

    fn celsius(&self, seconds: f64) -> f64 {
        let day = Wave { amplitude: 6.0, period: DAY, peak: 15.0 * HOUR };
        let drives = self.fronts.iter().chain(&self.clouds).chain([&day]);
        14.0 + drives.map(|wave| wave.lagged(LAG).at(seconds)).sum::<f64>()
    }

    fn hectopascals(&self, seconds: f64) -> f64 {
        let tide = [
            Wave { amplitude: 0.6, period: DAY / 2.0, peak: 10.0 * HOUR },
            Wave { amplitude: 0.3, period: DAY, peak: 8.0 * HOUR },
        ];
        1013.0
            + sum(&self.fronts.map(|f| f.ahead(PRESSURE_PER_FRONT, 0.25)), seconds)
            + sum(&tide, seconds)
    }
}

fn sum(waves: &[Wave], seconds: f64) -> f64 {
    waves.iter().map(|wave| wave.at(seconds)).sum()
}

/// Saturation vapour pressure over water, hPa: Magnus form, Sonntag 1990, -45 to 60 °C.
fn saturation_pressure(celsius: f64) -> f64 {
    6.112 * (17.62 * celsius / (243.12 + celsius)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(days: u64) -> impl Iterator<Item = Duration> {
        (0..days * 24 * 60).map(|minute| Duration::from_secs(60 * minute))
    }

    #[test]
    fn a_month_stays_within_what_a_temperate_site_knows() {
        for seed in 0..4 {
            let site = Environment::seeded(seed);
            for time in minutes(30) {
                let Climate { celsius, humidity_percent, hectopascals } = site.climate(time);
                assert!((0.0..30.0).contains(&celsius), "{celsius} °C");
                assert!((15.0..=100.0).contains(&humidity_percent), "{humidity_percent} %");
                assert!((995.0..1031.0).contains(&hectopascals), "{hectopascals} hPa");
                assert!((11.8..13.0).contains(&site.battery_volts(time)));
            }
        }
    }

    #[test]
    fn nothing_moves_faster_than_the_box_lets_it() {
        let site = Environment::seeded(1);
        for time in minutes(2) {
            let (now, soon) = (site.climate(time), site.climate(time + Duration::from_secs(1)));
            assert!((now.celsius - soon.celsius).abs() < 0.01, "{now:?}");
            assert!((now.humidity_percent - soon.humidity_percent).abs() < 0.05, "{now:?}");
            assert!((now.hectopascals - soon.hectopascals).abs() < 0.001, "{now:?}");
        }
    }

    #[test]
    fn the_air_dries_relatively_when_it_warms_up() {
        let day: Vec<_> = minutes(1).map(|time| Environment::seeded(5).climate(time)).collect();
        let mean = |of: fn(&Climate) -> f64| day.iter().map(of).sum::<f64>() / 1440.0;
        let (warmth, damp) = (mean(|c| c.celsius), mean(|c| c.humidity_percent));
        let moment = |of: &dyn Fn(&Climate) -> f64| day.iter().map(of).sum::<f64>();
        let together = moment(&|c| (c.celsius - warmth) * (c.humidity_percent - damp));
        let spread = moment(&|c| (c.celsius - warmth).powi(2))
            * moment(&|c| (c.humidity_percent - damp).powi(2));
        assert!(together / spread.sqrt() < -0.9, "{}", together / spread.sqrt());
    }

    /// The lagged wave must solve the differential equation it stands for.
    #[test]
    fn the_box_obeys_its_differential_equation() {
        for period in [11.0 * MINUTE, HOUR, DAY] {
            let outside = Wave { amplitude: 3.0, period, peak: 1_000.0 };
            let inside = outside.lagged(LAG);
            for step in 0..50 {
                let t = f64::from(step) * 100.0;
                let slope = (inside.at(t + 0.5) - inside.at(t - 0.5)) * LAG;
                let pull = outside.at(t) - inside.at(t);
                assert!((slope - pull).abs() < 1e-3, "period {period}: {slope} {pull}");
            }
        }
    }

    #[test]
    fn a_seed_decides_the_weather() {
        let noon = Duration::from_secs(12 * 3600);
        assert_eq!(Environment::seeded(3).climate(noon), Environment::seeded(3).climate(noon));
        assert_ne!(Environment::seeded(3).climate(noon), Environment::seeded(4).climate(noon));
    }
}
