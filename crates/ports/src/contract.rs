//! Suites that every implementation of a port must pass.
//!
//! Each takes a way to make the thing under test and panics, as a test does, where the contract is
//! broken. An adapter calls them from its own tests.

pub mod serial_line;
pub mod spool;
