//! The gateway with one driver more. `telemetryhub-with-tc74 catalogue tc74` shows it.

fn main() -> std::process::ExitCode {
    gateway::main_with(&[tc74::ENTRY])
}
