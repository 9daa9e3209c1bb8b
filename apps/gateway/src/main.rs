//! The gateway with the drivers of the catalogue, and no others.

fn main() -> std::process::ExitCode {
    gateway::main_with(&[])
}
