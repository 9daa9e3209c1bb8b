//! The gateway as a library: what its binary is composed of, so that tests reach it too.

pub mod catalogue;
pub mod check;
mod cli;
pub mod command;
pub mod config;
pub mod functions;
pub mod logging;
pub mod run;
pub mod scan;
pub mod site;

pub use cli::main_with;
