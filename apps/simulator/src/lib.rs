//! What the programs of this package share: children that do not outlive them.

pub mod leash;
pub mod processes;
