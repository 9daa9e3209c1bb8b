//! What a formula can call.

/// A function of one, two or three numbers.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) arguments: usize,
    pub(super) rule: Rule,
    /// Computes it, from as many numbers as it has arguments.
    pub(super) apply: fn([f64; 3]) -> f64,
}

/// Which units go in and what comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Any unit, the same for all, comes out again; degrees Celsius too, for one of them is picked.
    Pick,
    /// Any unit, the same for all, comes out again; not degrees Celsius, whose zero is arbitrary.
    Same,
    /// Half the exponents of the unit.
    Root,
    /// A plain number in, a plain number out.
    Plain,
    /// An angle or a plain number (radians) in, a plain number out.
    OfAngle,
    /// A temperature in degrees Celsius in, kelvin from absolute zero out.
    Kelvin,
}

impl Function {
    pub(super) const ALL: &[Self] = &[
        Self::of("abs", 1, Rule::Same, |[x, ..]| x.abs()),
        Self::of("min", 2, Rule::Pick, |[x, y, _]| x.min(y)),
        Self::of("max", 2, Rule::Pick, |[x, y, _]| x.max(y)),
        Self::of("clamp", 3, Rule::Pick, |[x, low, high]| x.max(low).min(high)),
        Self::of("hypot", 2, Rule::Same, |[x, y, _]| x.hypot(y)),
        Self::of("sqrt", 1, Rule::Root, |[x, ..]| x.sqrt()),
        Self::of("exp", 1, Rule::Plain, |[x, ..]| x.exp()),
        Self::of("ln", 1, Rule::Plain, |[x, ..]| x.ln()),
        Self::of("log10", 1, Rule::Plain, |[x, ..]| x.log10()),
        Self::of("sin", 1, Rule::OfAngle, |[x, ..]| x.sin()),
        Self::of("cos", 1, Rule::OfAngle, |[x, ..]| x.cos()),
        Self::of("tan", 1, Rule::OfAngle, |[x, ..]| x.tan()),
        Self::of("kelvin", 1, Rule::Kelvin, |[x, ..]| x + 273.15),
    ];

    const fn of(
        name: &'static str,
        arguments: usize,
        rule: Rule,
        apply: fn([f64; 3]) -> f64,
    ) -> Self {
        Self { name, arguments, rule, apply }
    }

    pub(super) fn find(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|function| function.name == name)
    }

    /// How it is written.
    pub(super) fn usage(&self) -> String {
        let names = ["x", "y", "z"];
        format!("{}({})", self.name, names.get(..self.arguments).unwrap_or_default().join(", "))
    }
}
