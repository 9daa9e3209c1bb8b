//! Quantities: numbers that cannot be separated from their unit.
//!
//! One newtype per unit, one [`Quantity`] variant per kind of thing measured. Every newtype holds a
//! finite number within the range that the thing can physically have, so that ordering, encoding and
//! arithmetic are total past the constructor: no NaN and no infinity exists behind this line.
//!
//! Unit codes are those of UCUM (<https://ucum.org/ucum>), case-sensitive form.

/// The number cannot be a quantity of that kind.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{number} {} is not a physical {}", kind.unit(), kind.name())]
pub struct Implausible {
    /// What the number was offered as.
    pub kind: QuantityKind,
    /// The number as offered, in the kind's unit.
    pub number: f64,
}

macro_rules! quantities {
    ($($(#[$doc:meta])* $kind:ident($unit:ident) $name:literal $ucum:literal $low:literal..=$high:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
            pub struct $unit(f64);

            impl $unit {
                #[doc = concat!("Admits `number` (UCUM unit `", $ucum, "`) if it is finite and within ",
                    stringify!($low), " to ", stringify!($high), ".")]
                ///
                /// # Errors
                ///
                /// [`Implausible`] carries the rejected number.
                pub fn new(number: f64) -> Result<Self, Implausible> {
                    // Stated as what must hold: NaN is in no range.
                    let is_physical = ($low..=$high).contains(&number);
                    is_physical
                        .then_some(Self(number))
                        .ok_or(Implausible { kind: QuantityKind::$kind, number })
                }

                #[doc = concat!("The bare number, in `", $ucum, "`.")]
                pub const fn get(self) -> f64 {
                    self.0
                }
            }

            impl From<$unit> for Quantity {
                fn from(number: $unit) -> Self {
                    Self::$kind(number)
                }
            }
        )*

        /// A number with its unit and the kind of thing it measures.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum Quantity {
            $($(#[$doc])* $kind($unit),)*
        }

        /// What a sensor measures, without the number: fixes name, unit and physical range.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum QuantityKind {
            $($(#[$doc])* $kind,)*
        }

        impl QuantityKind {
            /// Every kind, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// The name used in configuration and payloads.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// The UCUM code of the unit that numbers of this kind are in.
            pub const fn unit(self) -> &'static str {
                match self { $(Self::$kind => $ucum,)* }
            }

            /// Makes a quantity of this kind from a number in its unit.
            ///
            /// # Errors
            ///
            /// [`Implausible`] if nothing physical can have that number.
            pub fn quantity(self, number: f64) -> Result<Quantity, Implausible> {
                match self { $(Self::$kind => $unit::new(number).map(Quantity::$kind),)* }
            }
        }

        impl Quantity {
            /// What is measured.
            pub const fn kind(self) -> QuantityKind {
                match self { $(Self::$kind(_) => QuantityKind::$kind,)* }
            }

            /// The bare number in the kind's unit, for encoders at the rim.
            pub const fn number(self) -> f64 {
                match self { $(Self::$kind(number) => number.get(),)* }
            }
        }
    };
}

quantities! {
    /// Thermodynamic temperature in degrees Celsius.
    Temperature(Celsius) "temperature" "Cel" -273.15..=1.0e6;
    /// Relative humidity in percent, over water. Above 100 % is refused, not clamped.
    RelativeHumidity(Percent) "relative_humidity" "%" 0.0..=100.0;
    /// Absolute pressure in hectopascal.
    Pressure(Hectopascal) "pressure" "hPa" 0.0..=1.0e9;
    /// Electric potential difference in volt.
    Voltage(Volt) "voltage" "V" -1.0e9..=1.0e9;
    /// Electric current in ampere.
    Current(Ampere) "current" "A" -1.0e9..=1.0e9;
    /// Power in watt.
    Power(Watt) "power" "W" -1.0e12..=1.0e12;
    /// Frequency in hertz.
    Frequency(Hertz) "frequency" "Hz" 0.0..=1.0e15;
    /// Acceleration in metre per second squared.
    Acceleration(MetrePerSecondSquared) "acceleration" "m/s2" -1.0e9..=1.0e9;
    /// Illuminance in lux.
    Illuminance(Lux) "illuminance" "lx" 0.0..=1.0e9;
    /// Mass concentration, as of particulate matter, in microgram per cubic metre.
    MassConcentration(MicrogramPerCubicMetre) "mass_concentration" "ug/m3" 0.0..=1.0e12;
    /// Geographic latitude in degrees, north positive (WGS 84).
    Latitude(Latitude) "latitude" "deg" -90.0..=90.0;
    /// Geographic longitude in degrees, east positive (WGS 84).
    Longitude(Longitude) "longitude" "deg" -180.0..=180.0;
    /// Height above mean sea level in metre.
    Altitude(Metre) "altitude" "m" -1.2e4..=1.0e9;
    /// Speed in metre per second.
    Speed(MetrePerSecond) "speed" "m/s" 0.0..=3.0e8;
    /// Course over ground or another bearing in degrees, clockwise from true north.
    Course(Degree) "course" "deg" 0.0..=360.0;
    /// A number of things, such as the satellites in use.
    Count(Tally) "count" "{count}" 0.0..=9.007_199_254_740_992e15;
    /// A number without a unit, such as a dilution of precision or an index.
    Dimensionless(Ratio) "dimensionless" "1" -1.0e300..=1.0e300;
    /// Angular velocity in degrees per second, by the right-hand rule about its axis.
    AngularVelocity(DegreePerSecond) "angular_velocity" "deg/s" -1.0e9..=1.0e9;
    /// Carbon dioxide in air, as molecules per million.
    CarbonDioxide(PartsPerMillion) "carbon_dioxide" "[ppm]" 0.0..=1.0e6;
    /// Turns per minute, as of a fan.
    RotationalSpeed(TurnsPerMinute) "rotational_speed" "/min" 0.0..=1.0e9;
    /// A difference of two temperatures, or how far temperatures scatter, in kelvin.
    TemperatureDifference(Kelvin) "temperature_difference" "K" -1.0e6..=1.0e6;
    /// Mass of water in a volume of air, in gram per cubic metre.
    AbsoluteHumidity(GramPerCubicMetre) "absolute_humidity" "g/m3" 0.0..=1.0e6;
    /// Mass of water per mass of dry air, in gram per kilogram.
    MixingRatio(GramPerKilogram) "mixing_ratio" "g/kg" 0.0..=1.0e6;
    /// How much more vapour the air could hold, in kilopascal.
    VapourPressureDeficit(Kilopascal) "vapour_pressure_deficit" "kPa" 0.0..=1.0e6;
    /// Enthalpy per mass of dry air, in kilojoule per kilogram.
    SpecificEnthalpy(KilojoulePerKilogram) "specific_enthalpy" "kJ/kg" -1.0e9..=1.0e9;
    /// Energy in kilowatt hour.
    Energy(KilowattHour) "energy" "kW.h" -1.0e12..=1.0e12;
    /// Electric charge in ampere hour.
    ElectricCharge(AmpereHour) "electric_charge" "A.h" -1.0e12..=1.0e12;
    /// Electric resistance in ohm.
    Resistance(Ohm) "resistance" "Ohm" 0.0..=1.0e15;
    /// Volume in cubic metre.
    Volume(CubicMetre) "volume" "m3" -1.0e12..=1.0e12;
    /// Volume per time in cubic metre per hour.
    VolumeFlow(CubicMetrePerHour) "volume_flow" "m3/h" -1.0e12..=1.0e12;
    /// Mass in kilogram.
    Mass(Kilogram) "mass" "kg" 0.0..=1.0e15;
    /// A distance, level or displacement in metre.
    Length(MetreOfLength) "length" "m" -1.0e9..=1.0e9;
    /// A span of time in second.
    Duration(Second) "duration" "s" -1.0e12..=1.0e12;
    /// A part of a whole in percent, such as a duty cycle.
    Fraction(PercentOfWhole) "fraction" "%" -1.0e9..=1.0e9;
    /// Velocity of a vibration in millimetre per second, root mean square.
    VibrationVelocity(MillimetrePerSecond) "vibration_velocity" "mm/s" 0.0..=1.0e9;
    /// How fast a temperature changes, in kelvin per hour.
    TemperatureRate(KelvinPerHour) "temperature_rate" "K/h" -1.0e12..=1.0e12;
    /// How fast a pressure changes, in hectopascal per hour.
    PressureRate(HectopascalPerHour) "pressure_rate" "hPa/h" -1.0e12..=1.0e12;
    /// How fast a relative humidity changes, in percent per hour.
    HumidityRate(PercentPerHour) "humidity_rate" "%/h" -1.0e12..=1.0e12;
    /// How fast a voltage changes, in volt per hour.
    VoltageRate(VoltPerHour) "voltage_rate" "V/h" -1.0e12..=1.0e12;
    /// A difference of two pressures, such as over a filter, in hectopascal.
    PressureDifference(HectopascalOfDifference) "pressure_difference" "hPa" -1.0e9..=1.0e9;
    /// The state of an alarm: 0 normal, 1 active, 2 active and acknowledged, 3 over but not acknowledged.
    AlarmState(AlarmCode) "alarm_state" "1" 0.0..=3.0;
}

impl QuantityKind {
    /// Finds the kind that configuration and payloads call `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_kind_admits_a_number_that_is_not_finite() {
        for kind in QuantityKind::ALL {
            for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                assert!(kind.quantity(number).is_err(), "{kind:?} took {number}");
            }
        }
    }

    #[test]
    fn every_kind_is_found_by_its_name_and_keeps_number_and_kind() {
        for &kind in QuantityKind::ALL {
            assert_eq!(QuantityKind::from_name(kind.name()), Some(kind));
            let quantity = kind.quantity(1.0).unwrap();
            assert_eq!((quantity.kind(), quantity.number().to_bits()), (kind, 1.0_f64.to_bits()));
        }
        assert_eq!(QuantityKind::from_name("temprature"), None);
    }

    #[test]
    fn limits_are_inclusive_and_the_error_says_what_was_refused() {
        assert!(Percent::new(100.0).is_ok() && Percent::new(100.000_1).is_err());
        assert!(Celsius::new(-273.15).is_ok());
        let error = Celsius::new(-300.0).unwrap_err();
        assert_eq!(error.to_string(), "-300 Cel is not a physical temperature");
    }
}
