//! Dimensions and scales of units, read off their UCUM codes.
//!
//! Only the part of UCUM that [`QuantityKind::unit`] uses: atoms with a metric prefix, `.` and `/`,
//! positive exponents, annotations in braces. Source: The Unified Code for Units of Measure 2.2,
//! sections 2 and 3.

use crate::QuantityKind;

/// The base dimensions: length, mass, time, current, temperature, luminous intensity, plane angle.
/// The last is kept apart, so that a latitude and a count do not add up.
const BASES: [&str; DIMENSIONS] = ["m", "kg", "s", "A", "K", "cd", "rad"];
const DIMENSIONS: usize = 7;

/// Exponents of the base dimensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dimension([i8; DIMENSIONS]);

/// What a number counts: `scale` times the coherent SI unit of `dimension`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Unit {
    pub(super) dimension: Dimension,
    pub(super) scale: f64,
}

/// Atoms: code, exponents in the order of [`BASES`], factor to the coherent unit.
const ATOMS: &[(&str, [i8; DIMENSIONS], f64)] = &[
    ("1", [0; DIMENSIONS], 1.0),
    ("%", [0; DIMENSIONS], 1e-2),
    ("[ppm]", [0; DIMENSIONS], 1e-6),
    ("m", [1, 0, 0, 0, 0, 0, 0], 1.0),
    ("g", [0, 1, 0, 0, 0, 0, 0], 1e-3),
    ("s", [0, 0, 1, 0, 0, 0, 0], 1.0),
    ("min", [0, 0, 1, 0, 0, 0, 0], 60.0),
    ("h", [0, 0, 1, 0, 0, 0, 0], 3_600.0),
    ("A", [0, 0, 0, 1, 0, 0, 0], 1.0),
    ("K", [0, 0, 0, 0, 1, 0, 0], 1.0),
    ("Cel", [0, 0, 0, 0, 1, 0, 0], 1.0),
    ("lx", [-2, 0, 0, 0, 0, 1, 0], 1.0),
    ("deg", [0, 0, 0, 0, 0, 0, 1], core::f64::consts::PI / 180.0),
    ("Hz", [0, 0, -1, 0, 0, 0, 0], 1.0),
    ("Pa", [-1, 1, -2, 0, 0, 0, 0], 1.0),
    ("J", [2, 1, -2, 0, 0, 0, 0], 1.0),
    ("W", [2, 1, -3, 0, 0, 0, 0], 1.0),
    ("V", [2, 1, -3, -1, 0, 0, 0], 1.0),
    ("Ohm", [2, 1, -3, -2, 0, 0, 0], 1.0),
];

const PREFIXES: &[(&str, f64)] = &[("u", 1e-6), ("m", 1e-3), ("h", 1e2), ("k", 1e3), ("M", 1e6)];

impl Dimension {
    /// Whether nothing is left of any base.
    pub(super) fn is_none(self) -> bool {
        self == Self::default()
    }

    /// The exponents of the product with `other` to the power of `exponent`; `None` beyond 127.
    fn times(self, other: Self, exponent: i8) -> Option<Self> {
        let mut product = self.0;
        for (mine, theirs) in product.iter_mut().zip(other.0) {
            *mine = mine.checked_add(theirs.checked_mul(exponent)?)?;
        }
        Some(Self(product))
    }
}

impl Unit {
    /// Of plain numbers.
    pub(super) const ONE: Self = Self { dimension: Dimension([0; DIMENSIONS]), scale: 1.0 };

    /// What numbers of `kind` count. Degrees Celsius count kelvin, from elsewhere.
    pub(super) fn of(kind: QuantityKind) -> Option<Self> {
        Self::parse(kind.unit())
    }

    fn parse(code: &str) -> Option<Self> {
        let mut unit = Self::ONE;
        let mut sign = 1;
        for part in code.split_inclusive(['.', '/']) {
            let term = part.trim_end_matches(['.', '/']);
            if !term.is_empty() {
                unit = unit.times(Self::term(term)?, sign)?;
            }
            sign = if part.ends_with('/') { -1 } else { 1 };
        }
        Some(unit)
    }

    /// An annotation such as `{count}`, or an atom with prefix and exponent such as `mm2`.
    fn term(term: &str) -> Option<Self> {
        if term.starts_with('{') || term == "1" {
            return Some(Self::ONE);
        }
        let atom = term.trim_end_matches(|c: char| c.is_ascii_digit());
        let exponent = term.get(atom.len()..).filter(|digits| !digits.is_empty());
        let exponent = exponent.map_or(Some(1), |digits| digits.parse().ok())?;
        Self::ONE.times(Self::atom(atom)?, exponent)
    }

    fn atom(code: &str) -> Option<Self> {
        let known = |code: &str| {
            let (_, dimension, scale) = ATOMS.iter().find(|(atom, ..)| *atom == code)?;
            Some(Self { dimension: Dimension(*dimension), scale: *scale })
        };
        let prefixed = || {
            let split = |(prefix, factor): &(&str, f64)| {
                let unit = known(code.strip_prefix(prefix)?)?;
                Some(Self { scale: unit.scale * factor, ..unit })
            };
            PREFIXES.iter().find_map(split)
        };
        known(code).or_else(prefixed)
    }

    /// The unit of a product with `other` to the power of `exponent`.
    pub(super) fn times(self, other: Self, exponent: i8) -> Option<Self> {
        let dimension = self.dimension.times(other.dimension, exponent)?;
        Some(Self { dimension, scale: self.scale * other.scale.powi(i32::from(exponent)) })
    }

    /// The unit of a square root; `None` if an exponent is odd.
    pub(super) fn root(self) -> Option<Self> {
        let mut dimension = self.dimension;
        for exponent in &mut dimension.0 {
            *exponent = (*exponent % 2 == 0).then_some(*exponent / 2)?;
        }
        Some(Self { dimension, scale: self.scale.sqrt() })
    }

    /// What a number is multiplied by to count in `other`; the dimensions must agree.
    pub(super) fn factor_to(self, other: Self) -> f64 {
        self.scale / other.scale
    }

    /// How it is told to a person: the unit of a quantity that has it, or its bases.
    pub(super) fn name(self) -> String {
        let same = |kind: &&QuantityKind| {
            Self::of(**kind).is_some_and(|unit| {
                unit.dimension == self.dimension && close(unit.scale, self.scale)
            })
        };
        match QuantityKind::ALL.iter().find(same) {
            Some(_) if self.dimension.is_none() && close(self.scale, 1.0) => {
                "a number without a unit (1)".to_owned()
            }
            Some(QuantityKind::Temperature) => "degrees Celsius (Cel)".to_owned(),
            Some(kind) => kind.unit().to_owned(),
            None => self.bases(),
        }
    }

    fn bases(self) -> String {
        let powers = self.dimension.0.into_iter().zip(BASES).filter(|(exponent, _)| *exponent != 0);
        let factors = powers.map(|(exponent, base)| match exponent {
            1 => base.to_owned(),
            _ => format!("{base}{exponent}"),
        });
        let joined = factors.collect::<Vec<_>>().join(".");
        if close(self.scale, 1.0) { joined } else { format!("{:e} {joined}", self.scale) }
    }
}

/// Whether two scales are the same but for the rounding of their factors.
pub(super) fn close(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-12 * one.abs()
}
