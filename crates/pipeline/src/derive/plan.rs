//! What a derived metric is to be.

use core::time::Duration;

use domain::{
    Stream,
    derived::{BadMetric, Entry, Metric},
    parameter::Arguments,
};
use wire::status::Origin;

/// A derived metric as configured.
#[derive(Clone, Debug)]
pub struct MetricPlan {
    /// The stream it makes.
    pub stream: Stream,
    /// What it computes.
    pub function: &'static Entry,
    /// What is said of it besides its inputs.
    pub arguments: Arguments,
    /// A stream for each role of the function, in that order: of a sensor, or of another metric.
    pub inputs: Vec<Stream>,
    /// How far apart in time inputs may be to belong together.
    pub tolerance: Duration,
}

impl MetricPlan {
    /// What its stream is made of, as the status tells it.
    pub fn origin(&self) -> Origin {
        let roles = self.function.roles.iter().zip(&self.inputs);
        Origin {
            function: self.function.function.to_owned(),
            inputs: roles.map(|(role, input)| (role.name.to_owned(), input.name.clone())).collect(),
        }
    }

    /// The metric in its first state.
    pub(super) fn make(&self) -> Result<Box<dyn Metric>, BadMetric> {
        let kinds: Vec<_> = self.inputs.iter().map(|input| input.kind).collect();
        (self.function.make)(&kinds, &self.arguments).map(|(_, metric)| metric)
    }

    /// A digest of function, arguments and inputs; `of_inputs` are those of the inputs that are derived
    /// themselves.
    pub(super) fn fingerprint(&self, of_inputs: impl Iterator<Item = u64>) -> u64 {
        let arguments = self.arguments.iter().map(|(name, value)| format!("{name}={value:?}"));
        let inputs =
            self.inputs.iter().map(|input| format!("{}:{}", input.name, input.kind.name()));
        let of_inputs = of_inputs.map(|fingerprint| format!("{fingerprint:016x}"));
        let function = self.function.function.to_owned();
        let parts = [function].into_iter().chain(arguments).chain(inputs).chain(of_inputs);
        let text = parts.collect::<Vec<_>>().join("|");
        fnv_1a(text.as_bytes())
    }
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo): the same in every program and on every machine.
fn fnv_1a(bytes: &[u8]) -> u64 {
    let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test vectors of the authors.
    #[test]
    fn the_digest_is_fnv_1a() {
        assert_eq!(fnv_1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv_1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv_1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
