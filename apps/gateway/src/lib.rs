//! The gateway as a library: what its binary is composed of, so that tests reach it too.

pub mod check;
pub mod config;
pub mod logging;
pub mod run;
pub mod site;
