//! What a derived stream is made of.

use std::collections::BTreeMap;

use domain::StreamName;
use serde::{Deserialize, Serialize};

use crate::payload::{DecodeError, wrong};

/// What a derived stream is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// What is computed: the name of a function.
    pub function: String,
    /// The stream that each of the function's inputs is, by the name of the input.
    pub inputs: BTreeMap<String, StreamName>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Json {
    function: String,
    #[serde(default)]
    inputs: BTreeMap<String, String>,
}

impl From<&Origin> for Json {
    fn from(Origin { function, inputs }: &Origin) -> Self {
        let inputs = inputs.iter().map(|(role, stream)| (role.clone(), stream.to_string()));
        Self { function: function.clone(), inputs: inputs.collect() }
    }
}

impl Json {
    pub(super) fn read(self) -> Result<Origin, DecodeError> {
        let input = |(role, stream): (String, String)| match StreamName::parse(&stream) {
            Ok(name) => Ok((role, name)),
            Err(_) => Err(wrong("stream", &stream)),
        };
        let inputs = self.inputs.into_iter().map(input).collect::<Result<_, _>>()?;
        Ok(Origin { function: self.function, inputs })
    }
}
